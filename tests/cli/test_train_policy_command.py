"""``claros train-policy`` writes a policy that ``lal_rl`` follows, and says what it is worth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import claros
from claros.cli import main
from claros.learned.policy import read_policy
from claros.testing import example_inputs


def test_it_trains_a_policy_and_says_what_it_is_worth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine.safetensors"
    quick = ["--iterations", "1", "--warm", "3", "--measured", "2"]
    assert main(["train-policy", "--data", "iris", "--out", str(out), *quick, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["policy"] == str(out)
    assert said["data"] == ["iris"]
    assert set(said["labels_to_goal"]) == {"episodes", "policy", "random", "margin"}
    assert read_policy(out).training["seed"] == 0
    inputs = example_inputs(["probs", "embeddings", "labeled_embeddings"])
    assert len(claros.select("lal_rl", 3, policy=str(out), **inputs)) == 3
    assert main(["train-policy", "--data", "iris", "--out", str(out), *quick]) == 0
    assert "labels until the goal in 2 new episodes" in capsys.readouterr().out


def test_data_that_are_not_there_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train-policy", "--data", str(tmp_path / "no.csv"), "--out", str(tmp_path / "p")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "p").exists()
