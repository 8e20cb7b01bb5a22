"""Where the settings of a run come from: flags before ``--set`` before the YAML file before defaults."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from claros.errors import InputError
from claros.experiment.config import RunConfig, parse_config
from claros.yaml_text import read_yaml

__all__ = ["EXPRESSION", "LISTS", "base_settings", "put", "read_config"]

#: Settings that hold several things, of which one may be given without a list.
LISTS = ("strategy", "watch")

#: A wrapped strategy, as in prefilter(margin, badge, factor=5): a text, though YAML may see a mapping in it.
EXPRESSION = re.compile(r"\s*[A-Za-z_]\w*\(.*\)\s*")


def read_config(
    file: str | Path | None = None, settings: Iterable[str] = (), flags: Mapping[str, Any] | None = None
) -> RunConfig:
    """The configuration of a run: flags before ``a.b=c`` settings before the YAML file before defaults.

    ``flags`` holds values by field name, None where a flag was not given. A setting's value is read as YAML; a part
    of its path may be a position or a name in a list (``strategy.badge.parameters.temperature=2``).

    >>> read_config(settings=["model.parameters.C=0.5"], flags={"data": "digits", "start": "0.1"}).model.parameters
    {'C': 0.5}
    """
    return parse_config(base_settings(file, settings, flags))


def base_settings(
    file: str | Path | None = None, settings: Iterable[str] = (), flags: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What `read_config` reads, before it is checked."""
    given = _read_yaml(Path(file)) if file is not None else {}
    chosen = {name: value for name, value in (flags or {}).items() if value is not None}
    given.update(chosen)
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not path.strip(".").strip():
            raise InputError(f"--set takes a.b=value, as in --set model.parameters.epochs=5; got {setting!r}.")
        field, *parts = path.strip().split(".")
        if field in chosen and (not parts or parts[-1] == "name"):
            continue  # a flag said it, and flags come first
        given[field] = put(_current(given, field), parts, _parse(text, setting), path)
    return given


def _current(given: Mapping[str, Any], field: str) -> Any:
    """What the field holds before a setting changes a part of it: a list where it holds several things."""
    known = RunConfig.model_fields.get(field)
    value = given.get(field, known.default if known is not None else None)
    if value is None:
        return {}
    return [value] if field in LISTS and not isinstance(value, list) else value


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        content = read_yaml(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The configuration {file} cannot be read: {error.strerror or error}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where is not None else ""
        raise InputError(f"The configuration {file} is not valid YAML{line}.") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"The configuration {file} must be a mapping of settings; got {type(content).__name__}.")
    return {str(key): value for key, value in content.items()}


def _parse(text: str, setting: str) -> Any:
    if EXPRESSION.fullmatch(text):
        return text.strip()
    try:
        return read_yaml(text)
    except yaml.YAMLError as error:
        raise InputError(f"--set {setting}: the value is not valid YAML.") from error


def put(value: Any, parts: list[str], new: Any, path: str) -> Any:
    """The value with what lies at the path replaced, in a copy; a bare name becomes ``{"name": ...}``."""
    if not parts:
        return new
    head, rest = parts[0], parts[1:]
    inner = {"name": value} if isinstance(value, str) else value
    if isinstance(inner, list):
        place = _place(inner, head, path)
        return [put(item, rest, new, path) if at == place else item for at, item in enumerate(inner)]
    if isinstance(inner, Mapping):
        return {**inner, head: put(inner.get(head, {}), rest, new, path)}
    raise InputError(f"--set {path}: there is a plain value ({value!r}) where {head!r} is looked for.")


def _place(items: list[Any], part: str, path: str) -> int:
    names = [item.get("name") if isinstance(item, Mapping) else item for item in items]
    if part in names:
        return names.index(part)
    if part.isdigit() and int(part) < len(items):
        return int(part)
    raise InputError(f"--set {path}: {part!r} is neither a name nor a position in the list of {len(items)}.")
