"""`claros replicate` from end to end, on few seeds and rounds."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from claros.cli import main
from claros.experiment import replicate

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *words: str) -> dict[str, object]:
    assert main(["replicate", *words, "--no-report", "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_all_presets_are_listed_with_what_they_need(capsys: Capture) -> None:
    assert main(["replicate", "--list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in replicate.names())
    assert main(["replicate", "--list", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in entries] == replicate.names()
    assert {entry["name"] for entry in entries if entry["needs"] is None} >= {"three-clusters", "breast-cancer-qs1"}


def test_a_short_run_has_our_figures_and_leaves_out_those_of_the_whole_budget(tmp_path: Path, capsys: Capture) -> None:
    found = run(capsys, "three-clusters", "--seeds", "3", "--rounds", "4", "--out", str(tmp_path))
    assert found["seeds"] == 3
    rows = found["rows"]
    assert isinstance(rows, list)
    assert [row["arm"] for row in rows] == ["random", "margin", "badge"]
    assert all(row["published"] is None and row["seeds"] == 3 for row in rows)
    notes = found["notes"]
    assert isinstance(notes, list)
    assert "ended after 4 rounds" in notes[0]
    curves = table(tmp_path / "results.csv")
    mine = [float(row["accuracy"]) for row in curves if row["strategy"] == "margin"]
    assert len(mine) == 3 * 5
    assert rows[1]["ours"] == pytest.approx(np.mean(mine))
    assert json.loads((tmp_path / "replicate.json").read_text()) == {
        key: value for key, value in found.items() if key != "report"
    }
    assert [row["arm"] for row in table(tmp_path / "replicate.csv")] == ["random", "margin", "badge"]


def test_the_start_has_one_item_of_each_class_as_published(tmp_path: Path, capsys: Capture) -> None:
    run(capsys, "three-clusters", "--seeds", "4", "--rounds", "1", "--out", str(tmp_path))
    starts: dict[tuple[str, str], list[str]] = {}
    for row in table(tmp_path / "picks.csv"):
        if row["round"] == "0":
            starts.setdefault((row["setting"], row["strategy"]), []).append(row["class"])
    assert len(starts) == 4 * 3
    assert all(sorted(classes) == ["0", "1"] for classes in starts.values())


def test_the_same_command_again_changes_nothing_more_seeds_are_added_and_other_settings_refused(
    tmp_path: Path, capsys: Capture
) -> None:
    words = ["three-clusters", "--rounds", "2", "--out", str(tmp_path)]
    first = run(capsys, *words, "--seeds", "2")
    before = (tmp_path / "results.csv").read_bytes()
    assert run(capsys, *words, "--seeds", "2") == first
    assert (tmp_path / "results.csv").read_bytes() == before
    more = run(capsys, *words, "--seeds", "3")
    assert isinstance(more["rows"], list)
    assert {row["seeds"] for row in more["rows"]} == {3}
    assert main(["replicate", "three-clusters", "--rounds", "3", "--out", str(tmp_path)]) == 2
    assert "another rounds (2, now 3)" in capsys.readouterr().err


def test_a_published_curve_is_measured_on_as_many_labels_as_the_run_has(tmp_path: Path, capsys: Capture) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    np.savez(tmp_path / "phoneme.npz", x=rng.normal(size=(120, 3)) + y[:, None], y=y)
    data = ["--data", str(tmp_path / "phoneme.npz")]
    found = run(capsys, "phoneme-qs1", *data, "--seeds", "2", "--rounds", "5", "--out", str(tmp_path / "out"))
    rows = found["rows"]
    assert isinstance(rows, list)
    theirs = replicate.get("phoneme-qs1").curves
    assert theirs is not None
    margin = next(row for row in rows if row["arm"] == "margin")
    assert margin["published"] == pytest.approx(theirs()["margin"].metric[:6].mean())
    assert margin["difference"] == pytest.approx(margin["ours"] - margin["published"])


def test_features_from_a_file_give_three_figures_an_arm(tmp_path: Path, capsys: Capture) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(300) % 10
    x = (5 * np.eye(10, 16)[y] + rng.normal(size=(300, 16))).astype(np.float32)
    np.savez(tmp_path / "f.npz", x_train=x[:250], y_train=y[:250], x_test=x[250:], y_test=y[250:])
    words = ["--features", str(tmp_path / "f.npz"), "--seeds", "2", "--rounds", "2", "--out", str(tmp_path / "out")]
    found = run(capsys, "dinov2-cifar10", *words)
    rows = found["rows"]
    assert isinstance(rows, list)
    mine = [row for row in rows if row["ours"] is not None]
    assert {row["figure"] for row in mine} == {"first third", "middle third", "last third"}
    assert {row["arm"] for row in mine} >= {"random", "margin", "badge"}
    last = [row["ours"] for row in mine if row["figure"] == "last third"]
    assert min(last) > 0.5  # 30 labels of 10 classes that are far apart


def test_missing_features_are_said_with_the_command_that_makes_them(tmp_path: Path, capsys: Capture) -> None:
    assert main(["replicate", "dinov2-cifar100", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "claros embed cifar100 --model timm:vit_small_patch14_dinov2.lvd142m --image-size 224" in said
    assert main(["replicate", "usps-qs1"]) == 2
    assert "--out DIR" in capsys.readouterr().err


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "letter.txt").write_text("keep me")
    assert main(["replicate", "three-clusters", "--out", str(tmp_path)]) == 2
    assert "holds other things" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
