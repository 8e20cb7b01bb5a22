"""Every tool for real, offline: cells are logged in processes of their own, and read back by the tool's own reader."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

TOOLS = ["tensorboard", "mlflow", "wandb", "comet", "trackio"]
OWN = ("COMET_", "MLFLOW_", "WANDB_", "TRACKIO_", "HF_", "HUGGING")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def started(home: Path, *arguments: object, **variables: object) -> subprocess.Popen[str]:
    """A process that knows nothing of the tools' settings on this machine, but what is given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    env = {**inherited, "HOME": str(home), **{name: str(value) for name, value in variables.items()}}
    command = [sys.executable, str(Path(__file__).parent / "cells.py"), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=home)


def answered(process: subprocess.Popen[str]) -> str:
    said, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return said


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_keeps_every_round_once_through_a_crash_and_beside_another_process(
    tool: str, home: Path, tmp_path: Path
) -> None:
    crash, beside = started(home, tool, tmp_path, "crash"), started(home, tool, tmp_path, "beside")
    assert answered(beside) == ""
    assert crash.communicate(timeout=240)[0] == ""
    assert crash.returncode == 1
    found = json.loads(answered(started(home, tool, tmp_path, "again")))  # and nothing else on standard output

    rounds = {"margin, seed 0": 10, "margin, seed 1": 10, "margin, seed 2": 1, "margin, seed 3": 10}
    assert set(found["runs"]) == set(rounds)
    for name, run in found["runs"].items():
        spent = [20 + 10 * number for number in range(rounds[name])]
        points = {metric: run["points"][metric] for metric in run["points"] if metric != "process duration"}  # Comet's
        assert points == {
            "n_labeled": [[step, step] for step in spent],
            "accuracy": [[step, 0.5 + number / 32] for number, step in enumerate(spent)],
            "ece": [[step, 0.25] for step in spent],
        }, name
        seed = run["parameters"].pop("seed")
        assert float(seed) == float(name[-1])
        assert run["parameters"] == {"model.name": "logistic", "model.sizes": "[8, 8]", "strategy": "margin"}
        assert run["group"] == "digits, logistic"
        assert run.get("project", "my bench") == "my bench"

    done, failed = {"mlflow": ("FINISHED", "FAILED"), "wandb": (0, 1), "comet": ([], ["failed"])}.get(
        tool, (None, None)
    )
    assert [found["runs"][f"margin, seed {seed}"].get("status") for seed in range(4)] == [done, done, failed, done]

    assert found["changed"] == []
    assert found["heavy"] == []
    assert found["threads"] == []
    assert found["network"] == []
    waited = time.monotonic() + 30
    while any(map(alive, found["children"])) and time.monotonic() < waited:
        time.sleep(0.1)
    assert not any(map(alive, found["children"])), "a process of the tool stays behind"


@pytest.mark.parametrize("tool", ["tensorboard", "wandb", "comet", "trackio"])
def test_on_a_full_disk_the_cells_go_on_and_it_is_said_once(tool: str, home: Path, tmp_path: Path) -> None:
    process = started(home, tool, tmp_path, "full")
    said, errors = process.communicate(timeout=240)
    assert process.returncode == 0
    assert said == "went on\n"
    assert errors.count(f"Tracking with {tool} failed, and the run goes on without it: ") == 1


def test_a_server_that_is_gone_is_said_once_and_soon(home: Path, tmp_path: Path) -> None:
    gone = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": 0}
    process = started(home, "mlflow", tmp_path, "full", **gone)
    said, errors = process.communicate(timeout=60)
    assert said == "went on\n"
    assert (
        errors.count("Tracking with mlflow failed, and the run goes on without it: MlflowException: API request") == 1
    )


def test_the_variables_of_the_tools_say_where_files_go(home: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    variables: dict[str, Any] = {
        "WANDB_DIR": there,
        "WANDB_MODE": "offline",
        "COMET_OFFLINE_DIRECTORY": there,
        "TRACKIO_DIR": there,
    }
    there.mkdir()
    answered(started(home, "wandb,comet,trackio", tmp_path / "here", "beside", **variables))
    assert len(list(there.glob("wandb/offline-run-*/*.wandb"))) == 1
    assert len(list(there.glob("*.zip"))) == 1
    assert (there / "mybench.db").is_file()
    assert not [path for path in (tmp_path / "here").rglob("*") if path.is_file()]
