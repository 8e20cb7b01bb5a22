"""`claros train`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from claros.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    words = ["--data", "iris", "--strategy", "margin", "--start", "8", "--batch", "4", "--rounds", "1", "--no-report"]
    assert main(["run", *words, "--out", str(out)]) == 0
    return out


def test_it_says_what_the_selection_is_worth_and_prints_a_table(run: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["train", "--run", str(run), "--out", str(tmp_path), "--seeds", "6"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("logistic, trained on the 12 items of margin, is right on ")
    assert "random\n" in said.out
    assert "active\n" in said.out
    assert len(said.err.splitlines()) == 12
    assert max(map(len, said.out.splitlines())) < 100
    assert {path.name for path in tmp_path.iterdir()} == {"training.json", "training.csv", "training.pdf"}


def test_json_has_every_number(run: Path, tmp_path: Path, capsys: Capture) -> None:
    words = ["--mode", "active", "--model", "forest", "--seeds", "2", "--json"]
    assert main(["train", "--run", str(run), "--out", str(tmp_path), *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["modes"]["active"]["seeds"] == [0, 1]
    assert found["model"]["name"] == "forest"
    assert found["comparison"] is None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--model", "logistik"], 2, "Did you mean 'logistic'"),
        (["--epochs", "3"], 2, "not trained in epochs"),
        (["--strategy", "margni"], 2, "Did you mean 'margin'"),
        (["--mode", "passive"], 2, "'random', 'active', 'both'"),
        (["--test", "iris"], 2, "its own test data"),
    ],
)
def test_a_mistake_is_one_sentence(
    run: Path, tmp_path: Path, capsys: Capture, words: list[str], code: int, said: str
) -> None:
    assert main(["train", "--run", str(run), "--out", str(tmp_path / "out"), *words]) == code
    errors = capsys.readouterr().err
    assert said in errors
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / "out").exists()
