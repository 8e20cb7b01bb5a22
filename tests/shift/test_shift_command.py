"""`claros shift estimate` as a person uses it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shifted import problem

import claros
from claros.cli import main
from claros.errors import DataError
from claros.shift.files import read_labels, read_probs

Capture = pytest.CaptureFixture[str]
NAMES = [f"bird {code}" for code in range(10)]


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    return problem(70, 0.3, n=300, n_train=1, spread=1.0, model=False).given


@pytest.fixture
def files(given: dict[str, Any], tmp_path: Path) -> list[str]:
    np.save(tmp_path / "source.npy", given["source_probs"])
    np.savez(tmp_path / "target.npz", probs=given["target_probs"], other=given["target_probs"][:, :3])
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["item", "label"], *enumerate(given["source_labels"])])
    names = {"source-probs": "source.npy", "source-labels": "labels.csv", "target-probs": "target.npz"}
    return [word for option, name in names.items() for word in (f"--{option}", str(tmp_path / name))]


def test_weights_intervals_diagnostics_and_advice_are_printed(files: list[str], capsys: Capture) -> None:
    assert main(["shift", "estimate", *files]) == 0
    page = capsys.readouterr().out
    assert page.count("weight ") >= 10
    assert "smallest singular value" in page
    assert "test for a shift: p = " in page
    assert "The target differs from the source" in page
    assert " to " in page


def test_json_has_what_python_has(files: list[str], given: dict[str, Any], capsys: Capture) -> None:
    options = ["--method", "bbse(soft=false)", "--calibration", "bcts", "--seed", "3", "--json"]
    assert main(["shift", "estimate", *files, *options]) == 0
    said = json.loads(capsys.readouterr().out)
    found = claros.shift.estimate("bbse", soft=False, calibration="bcts", seed=3, **given)
    assert said == found.to_json()
    np.testing.assert_array_equal(said["weights"], found.weights)


def test_a_csv_brings_its_classes(given: dict[str, Any], tmp_path: Path, capsys: Capture) -> None:
    for name in ("source_probs", "target_probs"):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([NAMES, *given[name].tolist()])
    (tmp_path / "labels.csv").write_text("\n".join(["label", *(NAMES[code] for code in given["source_labels"])]))
    paths = [str(tmp_path / name) for name in ("source_probs.csv", "labels.csv", "target_probs.csv")]
    options = ["--source-probs", paths[0], "--source-labels", paths[1], "--target-probs", paths[2]]
    assert main(["shift", "estimate", *options, "--method", "em", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["classes"] == NAMES
    np.testing.assert_allclose(said["weights"], claros.shift.estimate("em", **given).weights, atol=1e-9)


def test_an_array_of_an_npz_may_be_picked(files: list[str], capsys: Capture) -> None:
    files[-1] += ":probs"
    assert main(["shift", "estimate", *files, "--replicates", "0"]) == 0
    files[-1] = files[-1].replace(":probs", ":other")
    assert main(["shift", "estimate", *files]) == 2
    assert "does not sum to 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (("--method", "bbs"), 2, "Did you mean 'bbse'?"),
        (("--source-labels", "nowhere.csv"), 1, "nowhere.csv cannot be read"),
        (("--source-probs", "predictions.txt"), 2, "must end with .npy, .npz or .csv"),
        (("--classes", "a,b"), 2, "classes says 2 classes, but the probabilities have 10 columns"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    files: list[str], change: tuple[str, str], code: int, says: str, capsys: Capture
) -> None:
    assert main(["shift", "estimate", *files, *change]) == code
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_files_that_are_not_what_they_seem_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n0.5,0.5\n0.5\n")
    (tmp_path / "b.csv").write_text("x,y\n0.5,0.5\n0.5,half\n")
    (tmp_path / "c.npy").write_bytes(b"nothing of NumPy's")
    (tmp_path / "d.csv").write_text("u,v\n1,2\n")
    np.savez(tmp_path / "e.npz", one=np.eye(2), two=np.eye(2))
    for name, says in (("a.csv", "has 2 columns, but row 3 has 1"), ("b.csv", "row 3 has something else"),
                       ("c.npy", "cannot be read as NumPy's"), ("e.npz", "pick one as")):  # fmt: skip
        with pytest.raises(DataError, match=says):
            read_probs(tmp_path / name)
    with pytest.raises(DataError, match="none is called label"):
        read_labels(tmp_path / "d.csv")
