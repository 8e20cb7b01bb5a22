"""``claros run`` with the strategies that only a network can feed, from the command line to the tables."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from claros.cli import main

SETTINGS = "model.parameters.width=2 model.parameters.epochs=2 model.parameters.min_steps=0"
SETTINGS += " model.parameters.boundary_steps=3 model.parameters.device=cpu"


def data(folder: Path) -> Path:
    """Grey images of 16 pixels a side whose class is the third that is bright."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = rng.integers(0, 100, (60, 16, 16)).astype(np.uint8)
    for item, label in enumerate(y):
        x[item, 5 * label : 5 * label + 5] += 150
    np.savez(folder / "images.npz", x_train=x[:45], y_train=y[:45], x_test=x[45:], y_test=y[45:])
    return folder / "images.npz"


def run(folder: Path, out: str, *words: str) -> int:
    settings = [word for setting in (*SETTINGS.split(), "report=false") for word in ("--set", setting)]
    base = ["run", "--data", str(data(folder)), "--model", "cnn", "--start", "6", "--batch", "5", "--rounds", "1"]
    return main([*base, *settings, "--out", str(folder / out), "--no-control", *words])


def test_a_network_is_asked_for_what_its_strategy_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["deepfool", "bim", "learning_loss"]
    words = [word for name in names for word in ("--strategy", name)]
    code = run(tmp_path, "out", *words, "--set", "model.parameters.learned_loss=true", "--json")
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert json.loads(printed.out)
    with (tmp_path / "out" / "results.csv").open(newline="", encoding="utf-8") as file:
        last = {row["strategy"]: int(row["n_labeled"]) for row in csv.DictReader(file)}
    assert last == dict.fromkeys(names, 11)


def test_a_learned_loss_that_is_not_there_is_missed_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "out", "--strategy", "learning_loss") != 0
    said = capsys.readouterr().err
    assert "needs predicted_loss" in said
    assert "learned_loss=True" in said
