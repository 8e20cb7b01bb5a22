"""The pieces of DalMax's result files, and the same files of a run of ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from claros import strategies
from claros.errors import InputError, UnknownNameError
from claros.experiment import run
from claros.experiment.config import parse_config
from claros.experiment.dalmax.images import place
from claros.experiment.dalmax.names import STRATEGIES, TYPES, strategy_of_name, strategy_of_type
from claros.experiment.dalmax.params import read_params
from claros.experiment.dalmax.scores import averages

#: What each type does, by the words of DalMax's README.
MEANT = {
    "uncertainty_sampling": "entropy",
    "query_by_committee": "vote_entropy",
    "diversity_sampling": "kmeans",
    "core_set_selection": "k_center",
    "adversarial_sampling": "deepfool",
    "reinforcement_learning_sampling": "tailor",
    "expected_model_change": "egl",
    "bayesian_sampling": "bald",
    "random_sampling": "random",
}


def test_every_type_of_dalmax_is_a_strategy_wherever_one_is_named() -> None:
    assert set(MEANT) == set(TYPES)
    for type, strategy in MEANT.items():
        assert strategy_of_type(type) == strategies.get(type).name == strategy
    assert parse_config({"data": "iris", "strategy": list(TYPES)}).arms.keys() > set(TYPES)


def test_every_strategy_name_of_the_newer_version_is_there() -> None:
    assert len(STRATEGIES) == 16
    for name, meant in STRATEGIES.items():
        assert strategy_of_name(name) == meant
        assert meant.strategy in strategies.names()
    with pytest.raises(UnknownNameError, match="KCenterGreedy"):
        strategy_of_name("KCenterGreed")


@pytest.mark.parametrize("seed", range(5))
def test_averages_are_those_of_scikit_learn(seed: int) -> None:
    """Five classes, of which one is never true and another never predicted."""
    rng = np.random.default_rng(seed)
    true, taken = rng.integers(0, 4, 60), rng.choice([0, 1, 2, 4], 60)
    counts = np.zeros((5, 5), np.int64)
    np.add.at(counts, (true, taken), 1)
    found = averages(counts)
    for name, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        key = "f1_score" if name == "f1" else name
        assert found[key] == pytest.approx(score(true, taken, average="weighted", zero_division=0))
        assert found[f"{name}_macro"] == pytest.approx(score(true, taken, average="macro", zero_division=0))
    assert found["accuracy"] == pytest.approx((true == taken).mean())


def test_a_run_of_ours_writes_the_files_for_every_arm_and_seed_of_any_data(tmp_path: Path) -> None:
    """Rows have no image: their words are written; scikit-learn models are no file, and have no epochs to draw."""
    settings = {"data": "iris", "strategy": "margin", "start": 6, "batch": 3, "rounds": 1, "seed": 1, "report": False}
    settings |= {"upper_bound": 2}
    out = run(parse_config({**settings, "files": "dalmax"}), tmp_path / "out", listener=lambda _: None)
    assert sorted(path.name for path in (out / "dalmax").iterdir()) == ["margin-1", "random-1", "upper_bound-1"]
    folder = out / "dalmax" / "margin-1"
    assert {path.name for path in folder.iterdir()} == {
        "confusion_matrix.pdf",
        "final_accuracy.txt",
        "infos.txt",
        "predictions.csv",
        "results.json",
        "selected_rows",
        "start_rows",
        "training_accuracy_plot.pdf",
        "training_loss_plot.pdf",
    }
    assert len(list((folder / "selected_rows" / "iteration_1").rglob("*.txt"))) == 3
    assert len(list((folder / "start_rows").rglob("*.txt"))) == 6
    said = json.loads((folder / "results.json").read_text())
    rounds = [json.loads((out / "cells/margin-1/rounds" / f"{n:04d}" / "metrics.json").read_text()) for n in (0, 1)]
    assert said["all_acc"] == pytest.approx([one["accuracy"] for one in rounds])
    assert "files" not in json.loads((out / "run.json").read_text())["config"]  # it says how a run is written, only


def test_a_class_is_a_folder_whatever_it_is_called() -> None:
    assert [place(name) for name in ("daisy", "a/b", "..", "x:y", " ")] == ["daisy", "a_b", "_", "x_y", "_"]


def test_parameters_are_read_as_dalmax_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "params.json"
    block = {"data_dir": "DATA/x/", "n_epoch": 20, "n_drop": 7, "train_args": {"batch_size": 64, "num_workers": 1}}
    path.write_text(json.dumps({"X": {**block, "optimizer_args": {"lr": 0.02, "momentum": 0.5}, "selection": {}}}))
    found = read_params(path, "X").model_parameters()
    assert found["epochs"] == 20
    assert found["members"] == 7
    assert (found["optimizer"], found["lr"], found["optimizer_arguments"]) == ("SGD", 0.02, {"momentum": 0.5})
    assert (found["batch_size"], found["min_steps"], found["schedule"]) == (64, 0, "constant")
    path.write_text(json.dumps({"X": {**block, "n_epoch": 0}}))
    with pytest.raises(InputError, match=r"X\.n_epoch"):
        read_params(path, "X")
    path.write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        read_params(path, "X")
