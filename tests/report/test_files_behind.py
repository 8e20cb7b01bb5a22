"""The data behind figures: the numbers of the tables, as Parquet, or as CSV without pyarrow."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from claros import report
from claros.report.behind import suffix, write_behind
from claros.report.load import read


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, drawn: Any) -> Path:
    out = drawn(tmp_path_factory.mktemp("behind") / "run", seeds=3, rounds=3, n_test=60)
    report.write(out)
    return Path(out)


def columns(out: Path, name: str) -> dict[str, list[Any]]:
    table: dict[str, list[Any]] = pyarrow.parquet.read_table(out / "figures" / f"{name}.parquet").to_pydict()
    return table


def test_every_figure_has_its_data(written: Path) -> None:
    files = sorted(path.name for path in (written / "figures").iterdir())
    names = {name.partition(".")[0] for name in files}
    assert files == sorted(f"{name}.{kind}" for name in names for kind in ("pdf", "png", "parquet"))
    for name in names:
        lengths = {len(values) for values in columns(written, name).values()}
        assert len(lengths) == 1, name
        assert lengths.pop() > 0, name


def test_curves_behind_the_figure_are_those_of_the_results(written: Path) -> None:
    run, behind = read(written), columns(written, "accuracy")
    rows = [*zip(*(behind[name] for name in ("strategy", "seed", "n_labeled", "accuracy")), strict=True)]
    results = run.results
    expected = zip(*(results[name].tolist() for name in ("strategy", "seed", "n_labeled", "accuracy")), strict=True)
    assert {row for row in rows if row[1] != "mean"} == {
        (a, str(int(seed)), n, value) for a, seed, n, value in expected
    }
    means = {(row[0], row[2]): row[3] for row in rows if row[1] == "mean"}
    for (strategy, n), mean in means.items():
        own = results["accuracy"][(results["strategy"] == strategy) & (results["n_labeled"] == n)]
        assert mean == pytest.approx(own.mean())
    for low, high, value, seed in zip(behind["low"], behind["high"], behind["accuracy"], behind["seed"], strict=True):
        assert (low is None) == (seed != "mean")
        assert low is None or low <= value <= high


def test_picks_and_time_behind_the_figures_are_those_of_the_tables(written: Path) -> None:
    run = read(written)
    picked = columns(written, "picks")
    assert sum(picked["picked"]) == pytest.approx(len(run.picks) / 3)
    spent = columns(written, "time")
    for strategy, seconds in zip(spent["strategy"], spent["seconds_train"], strict=True):
        assert seconds == pytest.approx(run.results.where(strategy=strategy)["seconds_train"].sum() / 3)


def test_without_pyarrow_the_data_are_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: Any) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert suffix() == "csv"
    write_behind({"a": [1, None], "b": [float("nan"), "x,y"]}, tmp_path / "file")
    assert (tmp_path / "file.csv").read_text() == 'a,b\n1,\n,"x,y"\n'
    out = drawn(tmp_path / "run", strategies=("margin", "random"), seeds=2, rounds=2, n_test=40)
    page = report.write(out).read_text(encoding="utf-8")
    assert 'href="figures/accuracy.csv"' in page
    assert "parquet" not in page
    with (out / "figures" / "time.csv").open(newline="") as file:
        assert [row["strategy"] for row in csv.DictReader(file)] == ["margin", "random"]


def test_numbers_of_a_figure_keep_all_their_digits(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random(5).tolist()
    write_behind({"value": values}, tmp_path / "file")
    assert pyarrow.parquet.read_table(tmp_path / "file.parquet").to_pydict() == {"value": values}
