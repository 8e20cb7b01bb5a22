"""Run by the tests in processes of its own, since tools leave traces: ``python cells.py TOOL FOLDER STEP``.

* ``crash``: logs one cell, and another up to its fourth round, after which the process dies.
* ``beside``: logs a cell; run at the same time as the one above.
* ``again``: goes on with the cell of the crash, logs one that fails, and prints as JSON what became of the process and
  what the tool's own reader finds.
* ``full``: logs a cell, and two more when the disk is full; TOOL may be several, with commas.
"""

import json
import os
import random
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from read_back import READERS

from claros.track import Tracked, Trackers

calls: list[str] = []


def cell(folder: Path, seed: int) -> Tracked:
    config = {"model": {"name": "logistic", "sizes": [8, 8]}, "strategy": "margin", "seed": seed, "price": None}
    return Tracked("my bench", "digits, logistic", f"margin, seed {seed}", f"{folder} {seed}", config)


def log(trackers: Trackers, rounds: int = 10) -> None:
    for number in range(rounds):
        values = {"accuracy": 0.5 + number / 32, "ece": np.float32(0.25), "nll": float("nan"), "macro_f1": None}
        trackers.log(20 + 10 * number, values)


def whole(seed: int) -> None:
    trackers.start(cell(folder, seed))
    log(trackers)
    trackers.finish()


def state() -> dict[str, object]:
    """What a tool might change and must not."""
    return {
        "random": random.getstate(),
        "numpy": repr(np.random.get_state()),  # noqa: NPY002
        "stdout": sys.stdout,
        "stderr": sys.stderr,
        "hook": sys.excepthook,
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
        "folder": os.getcwd(),
    }


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo") and not isinstance(arguments[-1], (str, bytes)):
        calls.append(repr(arguments))


def children() -> list[int]:
    return [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


def process(before: dict[str, object]) -> dict[str, list[Any]]:
    after = state()
    return {
        "changed": [name for name in before if before[name] != after[name]],
        "heavy": [name for name in ("torch", "tensorflow", "sklearn") if name in sys.modules],
        "threads": [thread.name for thread in threading.enumerate() if not thread.daemon][1:],  # this is the first
        "network": calls.copy(),
        "children": children(),
    }


if __name__ == "__main__":
    tool, folder, step = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    before = state()
    sys.addaudithook(watch)
    trackers = Trackers(tool.split(","), folder)
    if step == "beside":
        whole(3)
    elif step == "crash":
        whole(0)
        trackers.start(cell(folder, 1))
        log(trackers, rounds=4)
        time.sleep(0.7)  # Trackio writes twice a second
        os._exit(1)
    elif step == "full":
        whole(0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        whole(1)
        whole(2)
        print("went on")
    elif step == "again":
        whole(1)
        trackers.start(cell(folder, 2))
        log(trackers, rounds=1)
        trackers.finish(failed=True)
        print(json.dumps({**process(before), "runs": READERS[tool](folder)}))
