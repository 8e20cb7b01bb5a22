"""What trainings on a selection and on random items came to: kept in a folder, compared, drawn."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from claros.errors import InputError, MissingExtraError
from claros.experiment.compare import LEAST_SEEDS, paired_difference
from claros.experiment.tables import csv_bytes
from claros.files import write_atomically
from claros.models import one_file
from claros.models.model import Model
from claros.report.paired import write_pairs

__all__ = ["MODES", "Outcome"]

#: On random items, or on those that were selected.
MODES = ("random", "active")
_COLUMNS = ("mode", "seed", "n", "accuracy", "macro_f1", "nll", "ece", "seconds")
_FILE = "training.json"


@dataclass
class Outcome:
    """The trainings in a folder, each a row; written after every one, so that a kill costs one training at most."""

    folder: Path
    settings: Mapping[str, Any]
    rows: list[dict[str, Any]]

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any]) -> Outcome:
        """Those that are there already, if they were made with the same settings; else an `InputError`."""
        path = folder / _FILE
        if not path.is_file():
            return cls(folder, settings, [])
        before = json.loads(path.read_bytes())
        differ = [name for name in settings if before["settings"].get(name) != json.loads(json.dumps(settings[name]))]
        if differ:
            raise InputError(f"{folder} holds trainings with another {differ[0]}; give another --out.")
        return cls(folder, settings, before["rows"])

    def has(self, mode: str, seed: int) -> bool:
        """Whether this training is there."""
        return any((row["mode"], row["seed"]) == (mode, seed) for row in self.rows)

    def row(self, mode: str, seed: int) -> dict[str, Any]:
        """The numbers of one training."""
        return next(row for row in self.rows if (row["mode"], row["seed"]) == (mode, seed))

    def add(self, row: Mapping[str, Any], model: Model | None) -> None:
        """Keep a training, and its model where one is given and has weights."""
        if model is not None:
            with tempfile.TemporaryDirectory(prefix="claros-") as saved:
                model.save(Path(saved))
                one_file.pack(Path(saved), self.folder / f"{row['mode']}_model{one_file.SUFFIX}", dict(row))
        self.rows.append(dict(row))
        self._keep()

    def _keep(self) -> None:
        content = {"settings": self.settings, "rows": self.rows}
        write_atomically(self.folder / _FILE, json.dumps(content, ensure_ascii=False, indent=2).encode())

    def write(self) -> dict[str, Any]:
        """Write table and figure, and give everything as JSON: each mode's scores, and the paired difference."""
        self._keep()
        write_atomically(self.folder / "training.csv", csv_bytes(_COLUMNS, self.rows))
        found = {
            "out": str(self.folder),
            **self.settings,
            "modes": {mode: self._mode(mode) for mode in MODES if self._seeds(mode)},
            "comparison": self._comparison(),
            "summary": self.sentences(),
            "figure": None,
        }
        if self._paired() and self._draw(found["summary"][0]):
            found["figure"] = str(self.folder / "training.pdf")
        return found

    def _draw(self, sentence: str) -> bool:
        try:
            seeds = self._paired()
            values = [[self.row(mode, seed)["accuracy"] for seed in seeds] for mode in MODES]
            write_pairs(self.folder / "training.pdf", MODES, values, sentence)
        except MissingExtraError:  # the table says it all
            return False
        return True

    def _mode(self, mode: str) -> dict[str, Any]:
        rows = [self.row(mode, seed) for seed in self._seeds(mode)]
        return {
            "seeds": [row["seed"] for row in rows],
            "n": [row["n"] for row in rows],
            "accuracy": [row["accuracy"] for row in rows],
            "macro_f1": [row["macro_f1"] for row in rows],
            "mean_accuracy": float(np.mean([row["accuracy"] for row in rows])),
            "mean_macro_f1": float(np.mean([row["macro_f1"] for row in rows])),
            "seconds": float(np.sum([row["seconds"] for row in rows])),
        }

    def _seeds(self, mode: str) -> list[int]:
        return sorted(row["seed"] for row in self.rows if row["mode"] == mode)

    def _paired(self) -> list[int]:
        return [seed for seed in self._seeds("active") if self.has("random", seed)]

    def _comparison(self) -> dict[str, Any] | None:
        """The difference active less random in accuracy, over the seeds that both have; None for fewer than two."""
        seeds = self._paired()
        if len(seeds) < 2:
            return None
        active, random = ([self.row(mode, seed)["accuracy"] for seed in seeds] for mode in ("active", "random"))
        difference = paired_difference(np.array(active), np.array(random))
        called = len(seeds) >= LEAST_SEEDS and difference.p_value <= 1 - difference.level
        finding = ("better" if difference.mean > 0 else "worse") if called else "not distinguishable"
        return {**asdict(difference), "finding": finding if len(seeds) >= LEAST_SEEDS else "too few seeds"}

    def sentences(self) -> list[str]:
        """What was found, in words."""
        name, model = self.settings["selection"], self.settings["model"]["name"]
        means = {mode: self._mode(mode) for mode in MODES if self._seeds(mode)}
        said = {mode: f"{100 * one['mean_accuracy']:.1f} %" for mode, one in means.items()}
        n = {mode: _span(one["n"]) for mode, one in means.items()}
        compared = self._comparison()
        if compared is None:
            return [
                f"{model}, trained on {n[mode]} {_what(mode, name)}, is right on {said[mode]} of the test items "
                f"({_count(len(one['seeds']))})."
                for mode, one in means.items()
            ]
        like = " in the same numbers of each class" if self.settings["per_class"] else ""
        first = (
            f"{model}, trained on the {n['active']} items of {name}, is right on {said['active']} of the test items, "
            f"on as many random ones{like} on {said['random']}: {_verdict(compared)}"
        )
        shared = self.settings["selections"]
        note = f"All {compared['seeds']} trainings share {'one selection' if shared == 1 else f'{shared} selections'}."
        return [first, note] if shared < compared["seeds"] else [first]


def _verdict(compared: Mapping[str, Any]) -> str:
    seeds = _count(compared["seeds"])
    low, high = (f"{100 * compared[end]:.1f}".replace("-", "−") for end in ("low", "high"))
    if compared["finding"] == "too few seeds":
        return f"too few seeds ({compared['seeds']}) to call a difference: at least {LEAST_SEEDS} are needed."
    if compared["finding"] == "not distinguishable":
        return f"not distinguishable (95 % interval {low} to {high} points, {seeds})."
    size = f"{100 * abs(compared['mean']):.1f} points"
    return f"{size} {compared['finding']} (95 % interval {low} to {high}, {seeds})."


def _what(mode: str, name: str) -> str:
    return "random items" if mode == "random" else f"items of {name}"


def _count(seeds: int) -> str:
    return f"{seeds} seed{'' if seeds == 1 else 's'}"


def _span(values: Sequence[int]) -> str:
    return str(values[0]) if min(values) == max(values) else f"{min(values)} to {max(values)}"
