"""A grid of experiments: one base, some settings with several values each, and every combination of them."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from claros.errors import InputError
from claros.experiment.bench.schema import NewCell, NewSetting
from claros.experiment.config import RunConfig, parse_config
from claros.experiment.setting import Setting
from claros.experiment.settings import EXPRESSION, LISTS, base_settings, put
from claros.yaml_text import read_yaml

__all__ = ["AXES", "expand", "planned", "read_grid"]

#: Settings that span the grid where they are given a list.
AXES = ("data", "model", "batch", "start", "init", "oracle")

#: Settings of `claros run` that a bench has no use for, and what to do instead.
REFUSED = {
    "stop": "a bench runs every arm to its end; watch the rule (watch: [...]), and the report says when it would stop",
    "out": "give --out",
    "report": "the report is written by claros bench run, or by claros report",
    "files": "they are written by claros run --files",
}

#: Not part of what a setting is: arms and seeds are its cells, paths are where its data lie today.
_CELLS = ("strategy", "control", "upper_bound", "seed", "seeds", "checkpoints", "stop")
_PATHS = ("data", "test", "features")


def read_grid(
    file: str | Path | None = None,
    settings: Iterable[str] = (),
    grid: Iterable[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> list[RunConfig]:
    """Every setting of a grid: flags before ``--set`` and ``--grid`` before the YAML file before defaults.

    ``grid`` holds ``path=a,b`` texts; the YAML may have them as ``grid: {path: [a, b]}``. An entry of ``data`` may be a
    mapping: ``data`` and further settings that hold for it alone.

    >>> [(one.data, one.batch) for one in read_grid(grid=["data=iris,wine", "batch=5,10"])]
    [('iris', 5), ('iris', 10), ('wine', 5), ('wine', 10)]
    """
    base = base_settings(file, settings, flags)
    axes = dict(_mapping(base.pop("grid", None)))
    axes.update(_axis(text) for text in grid)
    for name, why in REFUSED.items():
        if base.get(name) is not None or name in axes:
            raise InputError(f"A grid has no setting {name}: {why}.")
    return expand(base, axes)


def expand(base: Mapping[str, Any], axes: Mapping[str, Sequence[Any]]) -> list[RunConfig]:
    """The base with every combination of the axes' values, the first axis slowest; arms and seeds are no axes."""
    axes = dict(axes)
    base = dict(base)
    for name in LISTS:  # several strategies are arms of one setting, several rules are all watched
        if name in axes:
            base[name] = list(axes.pop(name))
    for name in AXES:
        if isinstance(base.get(name), list) and name not in axes:
            axes[name] = base.pop(name)
    for path, values in axes.items():
        if not isinstance(values, (list, tuple)) or not values:
            raise InputError(
                f"The grid needs a list of values for {path}, as in grid: {{{path}: [1, 2]}}; got {values!r}."
            )
    order = sorted(axes, key=lambda path: AXES.index(path) if path in AXES else len(AXES))
    combinations = itertools.product(*(axes[path] for path in order))
    return [_combined(base, dict(zip(order, values, strict=True))) for values in combinations]


def _combined(base: Mapping[str, Any], values: Mapping[str, Any]) -> RunConfig:
    given = dict(base)
    for path, value in values.items():
        if path == "data" and isinstance(value, Mapping):
            given.update(value)
            continue
        field, *parts = path.split(".")
        given[field] = put(given.get(field, _default(field)), parts, value, path)
    return parse_config({"upper_bound": "auto", **given, "checkpoints": "last"})


def _default(field: str) -> Any:
    known = RunConfig.model_fields.get(field)
    return {} if known is None or known.default is None else known.default


def _mapping(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"grid must map settings to lists of values, as in grid: {{batch: [5, 10]}}; got {value!r}.")
    return value


def _axis(text: str) -> tuple[str, list[Any]]:
    """``path=a,b`` as the path and its values, each read as YAML."""
    path, equals, values = text.partition("=")
    if not equals or not path.strip() or not values.strip():
        raise InputError(f"--grid takes path=a,b, as in --grid batch=5,10; got {text!r}.")
    try:
        return path.strip(), list(read_yaml(f"[{_quoted(values)}]"))
    except yaml.YAMLError as error:
        raise InputError(f"--grid {text}: the values are not valid YAML.") from error


def _quoted(values: str) -> str:
    """The values with quotes around those with parentheses, such as wrapped strategies, whose commas are their own."""
    parts, depth = [""], 0
    for character in values:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return ",".join(json.dumps(part.strip()) if EXPRESSION.fullmatch(part) else part for part in parts)


def planned(setting: Setting) -> tuple[NewSetting, list[NewCell]]:
    """What the database must have for a setting, seed by seed, so that the arms of a seed are neighbours.

    The keys follow from what is computed and from the contents of the data, not from where the data lie, so that the
    same grid finds its cells again, and a larger one adds to them.
    """
    config, facts = setting.config.computed(), dict(setting.facts())
    same = {name: value for name, value in config.items() if name not in (*_CELLS, *_PATHS)}
    key = _digest([same, facts["manifest"]])
    for name in _PATHS:
        if config[name] is not None and Path(config[name]).exists():
            config[name] = str(Path(config[name]).absolute())
    cells = []
    for seed in setting.config.all_seeds:
        for label, arm in setting.config.arms.items():
            spec = arm.spec()
            cells.append(NewCell(_digest([key, label, spec, seed]), key, label, spec, seed))
    return NewSetting(key, config, facts), cells


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
