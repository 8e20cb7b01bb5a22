"""A tiny bench with evidence, and the folder of a tiny run, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from claros.experiment import read_config, run
from claros.experiment import stopping as lab
from claros.experiment.bench import read_grid

GRID = {"data": ["iris", "wine"], "strategy": ["margin"], "start": 6, "batch": 6, "rounds": 6, "seeds": 2}
RULES = (
    "stabilizing_predictions(window=2)",
    "overall_uncertainty",
    "selected_accuracy",
    "advisor",
    "budget(labels=24)",
)


@pytest.fixture(scope="session")
def benched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, lab.Benched]:
    """The folder of a bench of two sets, two arms and two seeds, and what it found."""
    out = tmp_path_factory.mktemp("lab") / "bench"
    return out, lab.bench(read_grid(flags={**GRID, "upper_bound": False}), out, rules=RULES, quiet=True)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run: digits, margin and random, five rounds, followed by three rules."""
    out = tmp_path_factory.mktemp("lab") / "run"
    watched = ["stabilizing_predictions", "overall_uncertainty", "selected_accuracy"]
    flags = {"data": "digits", "strategy": ["margin"], "start": 20, "batch": 20, "rounds": 4, "watch": watched}
    return run(read_config(flags=flags), out, listener=lambda moment: None)
