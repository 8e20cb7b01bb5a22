"""``claros demo``: what a person sees first."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from claros.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "demo"


def test_the_demo_runs_and_says_what_it_shows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(folder), "--seeds", "2", "--jobs", "1"]) == 0
    said = capsys.readouterr()
    assert "too few seeds (2)" in said.out  # nothing is claimed of two seeds
    assert f"Report: {folder / 'report.html'}" in said.out
    with (folder / "results.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert {row["strategy"] for row in table} == {"auto", "margin", "random"}
    final = {row["strategy"]: float(row["accuracy"]) for row in table if row["n_labeled"] == "300"}
    assert min(final.values()) > 0.9  # a logistic regression on all digits has about 0.96


def test_the_same_demo_again_is_done_at_once_and_answers_programs(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claros.report.write", lambda out: out / "report.html")  # it was written before
    assert main(["demo", "--out", str(folder), "--seeds", "2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer["arms"]) == {"auto", "margin", "random"}
