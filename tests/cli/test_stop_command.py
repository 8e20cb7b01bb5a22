"""`claros stop` as a person uses it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from claros.cli import main

Capture = pytest.CaptureFixture[str]
GRID = ["--data", "iris", "--data", "wine", "--strategy", "margin", "--start", "6", "--batch", "6", "--rounds", "5"]
RULES = ["--rule", "advisor", "--rule", "stabilizing_predictions(window=2)", "--rule", "information_left"]


@pytest.fixture(scope="module")
def benched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bench of stopping rules."""
    out = tmp_path_factory.mktemp("stop")
    assert main(["stop", "bench", *GRID, *RULES, "--seeds", "2", "--no-figures", "--out", str(out)]) == 0
    return out


def test_a_bench_runs_the_grid_and_then_only_what_is_new(benched: Path, capsys: Capture) -> None:
    command = ["stop", "bench", *GRID, *RULES, "--seeds", "2", "--out", str(benched)]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["summary"][0].startswith("8 runs (48 rounds) of 2 data sets")
    assert {row["arm"] for row in found["regret"]} >= {"advisor", "price x labels", "true slope"}
    assert [Path(page).is_file() for page in found["figures"]] == [True] * 3
    assert (benched / "regret.parquet").is_file()


def test_recorded_runs_are_weighed_without_writing_anything(benched: Path, capsys: Capture) -> None:
    before = sorted(path.name for path in benched.iterdir())
    for command in (["stop", "bench", str(benched)], ["stop", "bench", "--from", str(benched / "bench.sqlite")]):
        assert main([*command, "--rule", "half", "--prices", "1e-3"]) == 0
        page = capsys.readouterr().out
        assert "at 1 price of a label" in page
        assert "price x labels" in page
        assert "Tables:" not in page
    assert sorted(path.name for path in benched.iterdir()) == before


def test_a_replay_says_where_each_rule_stops_or_why_it_cannot(benched: Path, tmp_path: Path, capsys: Capture) -> None:
    rules = [*RULES, "--rule", "budget(labels=20)", "--price", "0.1", "--worth", "1"]
    assert main(["stop", "replay", str(benched), *rules, "--out", str(tmp_path)]) == 0
    page = capsys.readouterr().out
    assert "budget(labels=20)\n    at 24 labels (median), 8 of 8 stopped" in page
    assert "33 % of labels saved" in page
    assert "cannot be replayed: It needs stop_member_probs, which this run does not have." in page
    with (tmp_path / "stops.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 * 4
    assert {row["stopped"] for row in rows if row["rule"] == "information_left"} == {""}
    assert (tmp_path / "stops.parquet").is_file()


def test_options_right_after_stop_mean_a_replay_and_json_is_for_programs(benched: Path, capsys: Capture) -> None:
    assert main(["stop", "--rule", "half", str(benched), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["runs"] == 8
    assert [row["rule"] for row in found["rules"]] == ["half"]
    assert all(row["stopped"] is False and row["labels_saved"] == 0 for row in found["stops"])


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["replay"], 2, "Say what to replay"),
        (["replay", "nowhere"], 1, "There is nothing at nowhere"),
        (["replay", "nowhere", "--rule", "hlaf"], 2, "half"),
        (["replay", "nowhere", "--price", "1"], 2, "give --price, of one label, and --worth"),
        (["replay", "nowhere", "--price", "-1", "--worth", "1"], 2, "price must be a number"),
        (["bench", "nowhere", "--prices", "cheap"], 2, "--prices takes numbers"),
        (["bench", "nowhere", "--prices", "0"], 2, "must be above 0"),
        (["bench", "--data", "iris"], 2, "--out DIR"),
        (["bench", "--out", "here"], 2, "data is missing"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    words: list[str], code: int, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["stop", *words]) == code
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("claros: ")
    assert sentence in line
