"""What to call the settings of a bench: by what differs between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from claros.experiment.bench.schema import NewSetting

__all__ = ["factors_of", "names_of", "varying"]

#: What a setting is always called by where it varies, in this order; anything else only where these do not tell.
FACTORS = ("data", "model", "batch", "init", "oracle")

#: Where the data lie and which cells there are tells nothing about a setting.
_SILENT = ("test", "strategy", "control", "upper_bound", "seed", "seeds", "checkpoints", "stop", *FACTORS)

#: Entries of a list that a name shows.
MOST_SHOWN = 3


def factors_of(setting: NewSetting, settings: Sequence[NewSetting]) -> dict[str, str]:
    """Every factor of a setting with its value as a text."""
    config = dict(setting.config)
    texts = {name: _text(config[name]) for name in FACTORS if name in config}
    texts["data"] = _data_name(setting, settings)
    return texts


def varying(settings: Sequence[NewSetting]) -> list[str]:
    """The factors that have several values."""
    all_factors = [factors_of(one, settings) for one in settings]
    return [name for name in all_factors[0] if len({factors[name] for factors in all_factors}) > 1]


def names_of(settings: Sequence[NewSetting]) -> dict[str, str]:
    """Key -> a name that no other setting has: the values that vary, of the other settings if those are not enough."""
    vary = varying(settings)
    parts = {one.key: [factors_of(one, settings)[name] for name in vary] for one in settings}
    if len({tuple(words) for words in parts.values()}) < len(parts):
        others = [name for name in settings[0].config if name not in _SILENT]
        for name in (name for name in others if len({_text(one.config[name]) for one in settings}) > 1):
            for one in settings:
                parts[one.key].append(f"{name} {_text(one.config[name])}")
    names = {one.key: ", ".join(parts[one.key]) or _data_name(one, settings) for one in settings}
    counts = Counter(names.values())
    return {key: name if counts[name] == 1 else f"{name} ({key})" for key, name in names.items()}


def _data_name(setting: NewSetting, settings: Sequence[NewSetting]) -> str:
    """The stem of the data's file or folder; the whole path where two have the same."""
    path = str(setting.config["data"])
    stem = Path(path).name.split(".")[0] or path
    same = {str(one.config["data"]) for one in settings if Path(str(one.config["data"])).name.split(".")[0] == stem}
    return stem if len(same) == 1 else path


def _text(value: Any) -> str:
    """A setting's value in few words: a name with its parameters."""
    if isinstance(value, Mapping):
        name = str(value.get("name") or value.get("kind") or "")
        bare = {key: part for key, part in value.items() if key not in ("name", "kind", "parameters")}
        inner = value.get("parameters") or bare
        words = ", ".join(f"{key}={_text(part)}" for key, part in inner.items() if part is not None)
        return f"{name}({words})" if words else name
    if isinstance(value, (list, tuple)):
        shown = [_text(part) for part in value]
        return f"[{', '.join(shown if len(shown) <= MOST_SHOWN else [*shown[:MOST_SHOWN], '...'])}]"
    return str(value)
