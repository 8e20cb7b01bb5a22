"""The study of benchmarks/study: its sets, its cells and its tables, on three small made sets."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from pathlib import Path

import numpy as np
import pytest

from claros.experiment.bench import Store
from claros.experiment.compare import area

sys.path.insert(0, str(Path(__file__).parents[1]))


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "sets").mkdir()
    for name in ("usps", "trec6", "elsewhere"):
        y = rng.integers(3, size=200)
        x = (rng.normal(size=(3, 4))[y] * 2 + rng.normal(size=(200, 4))).astype(np.float32)
        parts = {
            "x_train": x[:150],
            "features_train": x[:150],
            "y_train": y[:150],
            "x_test": x[150:],
            "y_test": y[150:],
        }
        np.savez(tmp_path / "sets" / f"{name}.npz", **parts)
    return tmp_path / "sets"


def run(module: str, *arguments: str) -> str:
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.setattr(sys, "argv", [module, *arguments])
        importlib.import_module(f"benchmarks.study.{module}").main()
    return said.getvalue()


def test_a_stage_runs_on_every_set_and_its_tables_are_those_of_the_results(sets: Path) -> None:
    db = sets.parent / "study.sqlite"
    given = ["--sets", str(sets), "--db", str(db), "--seeds", "2", "--jobs", "1", "--arms", "margin", "k_center"]
    run("run", "logistic", *given)
    with Store(f"sqlite:///{db}") as store:
        cells = store.cells()
        rounds = list(store.rounds())
    assert len(cells) == 3 * 3 * 2  # sets, arms with random, seeds
    assert {cell["status"] for cell in cells} == {"done"}
    gains = []
    for setting in {cell["setting"] for cell in cells}:
        level = {}
        for arm in ("margin", "random"):
            own = [cell["id"] for cell in cells if (cell["setting"], cell["strategy"]) == (setting, arm)]
            curves = [[(row["n_labeled"], row["accuracy"]) for row in rounds if row["cell"] == one] for one in own]
            level[arm] = np.mean([area(*np.transpose(curve)) for curve in curves])
        gains.append(level["margin"] - level["random"])
    page = run("tables", str(db))
    line = next(line for line in page.splitlines() if line.startswith("| `margin` |"))
    assert line.split(" | ")[1] == f"{100 * np.mean(gains):+.2f}"

    kept = sets.parent / "kept.csv"
    assert run("results", str(db), "--into", str(kept)).startswith("18 cells in ")
    assert run("tables", str(kept)) == page
    before = kept.read_bytes()
    run("results", str(db), "--into", str(kept))
    assert kept.read_bytes() == before
    later = sets.parent / "later.sqlite"
    given = ["--sets", str(sets), "--db", str(later), "--seeds", "1", "--jobs", "1", "--arms", "margin", "k_center"]
    run("run", "logistic", *given, "--first", "2")
    assert run("results", str(later), "--into", str(kept)).startswith("27 cells in ")
    assert {int(line.split(",")[6]) for line in kept.read_text("utf-8").splitlines()[1:]} == {0, 1, 2}


def test_the_screening_leaves_out_other_sets_and_strategies_that_the_model_cannot_feed(sets: Path) -> None:
    db = sets.parent / "study.sqlite"
    given = ["--sets", str(sets), "--db", str(db), "--seeds", "1", "--jobs", "1", "--arms", "margin", "expected_cost"]
    run("run", "screen", *given)
    with Store(f"sqlite:///{db}") as store:
        assert {cell["strategy"] for cell in store.cells()} == {"margin", "random"}
        assert len(store.settings()) == 2
