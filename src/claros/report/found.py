"""What a report finds, for a program: the same numbers as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from claros.report.bench import open_folder
from claros.report.compared import Compared, compare_all
from claros.report.contents import bench_view
from claros.report.load import Run

__all__ = ["NUMBERS_NEED", "numbers"]

#: The tables of a bench that its sentences and numbers are made of; the others may be large.
NUMBERS_NEED = frozenset({"results", "rules"})


def numbers(out: Path) -> dict[str, Any]:
    """Of a run, its arms and their comparisons with the control; of a bench, these by setting, and over settings."""
    source = open_folder(Path(out), NUMBERS_NEED)
    if isinstance(source, Run):
        return _run(source, compare_all(source))
    view = bench_view(source, items=False)
    return {
        "settings": {one.run.name: _run(one.run, one.compared) for one in view.views},
        "overall": [{"finding": one.finding, "sentence": str(one), **asdict(one)} for one in view.overall],
        "cells": {str(status): len(own) for (status,), own in source.cells.by("status").items()},
    }


def _run(run: Run, compared: Sequence[Compared]) -> dict[str, Any]:
    curves = {name: run.curve(name, "accuracy") for name in run.arms}
    return {
        "arms": {
            name: {"seeds": curve.n_seeds, "n_labeled": [int(n) for n in curve.ends], "accuracy": curve.final.tolist()}
            for name, curve in curves.items()
        },
        "comparisons": [
            {"strategy": one.name, "sentence": one.sentence, "statistics": one.comparison and asdict(one.comparison)}
            for one in compared
        ],
    }
