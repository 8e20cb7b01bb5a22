"""kill -9 at any moment: no label is lost, and the resumed run ends with the numbers of one that was never killed."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from claros import Campaign, data
from warm_process import Warm

HERE = Path(__file__).parent
RUN = ["run", "--data", "iris", "--strategy", "margin", "--start", "6", "--batch", "5", "--rounds", "9", "--no-report"]


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    process = Warm(HERE / "warm.py")
    yield process
    process.close()


def numbers(out: Path) -> tuple[bytes, list[dict[str, str]]]:
    with (out / "results.csv").open(newline="", encoding="utf-8") as file:
        results = [
            {name: value for name, value in row.items() if not name.startswith("seconds_")}
            for row in csv.DictReader(file)
        ]
    return (out / "picks.csv").read_bytes(), results


@pytest.mark.parametrize("kills", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_a_run_killed_many_times_ends_with_the_same_numbers(kills: int, warm: Warm, tmp_path: Path) -> None:
    rng = random.Random(1)
    started = time.perf_counter()
    warm.start([*RUN, "--out", str(tmp_path / "whole")])
    assert warm.finish() == 0
    duration = time.perf_counter() - started
    whole = numbers(tmp_path / "whole")
    assert len(whole[1]) == 2 * 10

    hits, folders = 0, 0
    while hits < kills:
        out = tmp_path / f"killed-{folders}"
        folders += 1
        assert folders <= 5 * kills, f"only {hits} processes were still alive when they were to be killed"
        code = None
        while code != 0:  # each resumed process is killed in turn, until one gets to the end
            process = warm.start([*RUN, "--out", str(out)])
            time.sleep(rng.uniform(0, 0.5 * duration))
            if hits < kills:
                os.kill(process, signal.SIGKILL)
            code = warm.finish()
            assert code in (0, -signal.SIGKILL)
            hits += code != 0
        assert numbers(out) == whole


def test_a_cold_process_that_is_killed_resumes_too(warm: Warm, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "claros", *RUN, "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (out / "cells" / "random-0" / "rounds" / "0002").exists():
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.01)
        process.kill()
    assert not (out / "results.csv").exists()
    warm.start([*RUN, "--out", str(out)])
    assert warm.finish() == 0
    warm.start([*RUN, "--out", str(tmp_path / "whole")])
    assert warm.finish() == 0
    assert numbers(out) == numbers(tmp_path / "whole")


def test_processes_side_by_side_end_with_the_one_that_started_them(warm: Warm, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "claros", *RUN, "--out", str(out), "--rounds", "40", "--jobs", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while not (out / "cells" / "margin-0" / "rounds" / "0002").exists():
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=30)  # ends when nobody has the other end of the pipe any more
    warm.start([*RUN, "--out", str(out), "--rounds", "40"])
    assert warm.finish() == 0


def test_no_label_that_tell_returned_for_is_lost(tmp_path: Path) -> None:
    rng = random.Random(2)
    path = tmp_path / "digits.claros"
    pool = data.load("digits").train
    truth = {item: pool.classes[code] for item, code in zip(pool.ids, pool.labels.tolist(), strict=True)}
    said: set[str] = set()
    for killed in range(1, 4):
        command = [sys.executable, str(HERE / "teller.py"), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said.update(process.stdout.readline().strip() for _ in range(rng.randint(1, 120)))
            process.kill()
            said.update(line.strip() for line in process.stdout if line.endswith("\n"))
        with Campaign.open(path, pool=pool) as campaign:
            labels = campaign.labels()
        assert said <= set(labels)
        assert len(labels) - len(said) <= killed  # each time one may be durable that was not said any more
        assert all(labels[item] == truth[item] for item in labels)
