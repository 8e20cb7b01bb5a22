"""Processes side by side, and the signal that waits for a write."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from claros.errors import ClarosError, DataError
from claros.experiment.workers import in_processes, uninterrupted


def squarer(offset: int) -> Callable[[int, Callable[[Any], None]], None]:
    def work(task: int, report: Callable[[Any], None]) -> None:
        report((task, task * task + offset, os.getpid(), os.environ.get("OMP_NUM_THREADS")))

    return work


def failing(kind: str) -> Callable[[int, Callable[[Any], None]], None]:
    def work(task: int, report: Callable[[Any], None]) -> None:
        if kind == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise DataError("the file is gone") if kind == "ours" else ZeroDivisionError("never mind")

    return work


def interrupted_while_writing(folder: str) -> Callable[[int, Callable[[Any], None]], None]:
    def work(task: int, report: Callable[[Any], None]) -> None:
        with uninterrupted():
            report("writing")
            while not Path(folder, "go").exists():
                time.sleep(0.05)
            Path(folder, "written").touch()
        Path(folder, "too far").touch()

    return work


def test_every_task_is_done_once_and_reported_here() -> None:
    seen: list[tuple[int, int, int, str]] = []
    in_processes(range(6), 2, squarer, (10,), seen.append)
    assert sorted(row[:2] for row in seen) == [(n, n * n + 10) for n in range(6)]
    assert os.getpid() not in {row[2] for row in seen}


def test_processes_share_the_cores_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    seen: list[tuple[int, int, int, str]] = []
    in_processes([1], 2, squarer, (0,), seen.append)
    assert seen[0][3] == str(os.cpu_count() or 1)
    assert "OMP_NUM_THREADS" not in os.environ
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    in_processes([1], 2, squarer, (0,), seen.append)
    assert seen[1][3] == "7"


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("ours", DataError, "the file is gone"),
        ("another", ClarosError, "ZeroDivisionError: never mind"),
        ("killed", ClarosError, r"exit code -9.*resume"),
    ],
)
def test_the_error_of_a_process_is_raised_here(kind: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        in_processes([1, 2], 2, failing, (kind,), lambda moment: None)


def test_ctrl_c_waits_for_the_end_of_a_write() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():  # noqa: PT012  what comes after the signal is the point
        os.kill(os.getpid(), signal.SIGINT)
        steps.append("written")
    assert steps == ["written"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_lets_processes_finish_their_write(tmp_path: Path) -> None:
    def interrupt(moment: Any) -> None:
        (tmp_path / "go").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_processes([1, 2], 2, interrupted_while_writing, (str(tmp_path),), interrupt)
    assert (tmp_path / "written").exists()
    assert not (tmp_path / "too far").exists()
