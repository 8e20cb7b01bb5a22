"""Time one routine in a process of its own: ``python -m benchmarks.measure PACKAGE ROUTINE FOLDER``.

Runs in the interpreter of the package that it times, so it imports nothing but NumPy before it knows which. The folder
has the arrays and settings.json. Prints one line of JSON a lap.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

#: How often anonymous memory is looked at while a routine runs; it has no peak of its own in the process's status.
LOOK = 0.003


def status(field: str) -> int:
    """A line of the process's status, in bytes."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


def busy() -> float:
    """Seconds that all cores together have been busy since the machine started."""
    fields = [float(value) for value in Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


@contextmanager
def watched(watch: bool) -> Iterator[list[int]]:
    """Readings of anonymous memory, from before and during what is done inside."""
    readings = [status("RssAnon")]
    done = threading.Event()

    def look() -> None:
        while not done.wait(LOOK):
            readings.append(status("RssAnon"))

    thread = threading.Thread(target=look)
    if watch:
        thread.start()
    try:
        yield readings
    finally:
        done.set()
        if watch:
            thread.join()
            readings.append(status("RssAnon"))


def lap(call: Any, watch: bool) -> dict[str, Any]:
    """One call: seconds by the clock and of this process, memory added, what other processes did, and the picks."""
    with watched(watch) as readings:
        before, others = status("VmRSS"), busy()
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak counts from here
        start, cpu = time.perf_counter(), time.process_time()
        picks = call()
        seconds, own = time.perf_counter() - start, time.process_time() - cpu
        added = status("VmHWM") - before
    return {
        "seconds": seconds,
        "cpu": own,
        "added": added,
        "anonymous": max(readings) - readings[0] if watch else None,
        "busy": max(0.0, (busy() - others - own) / seconds) if seconds > 0.05 else None,
        "picks": np.asarray(picks).tolist(),
    }


def laps(package: str, routine: str, folder: Path) -> Iterator[dict[str, Any]]:
    """First how long it took to be ready, and then as many laps as the settings ask for and as have time."""
    began = time.perf_counter()
    settings = json.loads((folder / "settings.json").read_text("utf-8"))
    mode = "r" if settings["mapped"] else None
    arrays = {file.stem: np.load(file, mmap_mode=mode) for file in sorted(folder.glob("*.npy"))}
    prepared = import_module(f"benchmarks.peers.{package}").ROUTINES[routine](arrays, settings)
    call, times = prepared if isinstance(prepared, tuple) else (prepared, 1.0)
    yield {"ready": time.perf_counter() - began}
    spent = 0.0
    for _ in range(settings["laps"]):
        done = lap(call, settings["mapped"])
        spent += done["seconds"]
        yield {**done, "seconds": done["seconds"] * times, "cpu": done["cpu"] * times}
        if spent > settings["seconds"]:
            return


def main() -> None:
    """Print one after the other."""
    limit = int(float(os.environ.get("BENCHMARK_MEMORY", "0")) * 2**30)
    if limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    warnings.simplefilter("ignore")
    for done in laps(sys.argv[1], sys.argv[2], Path(sys.argv[3])):
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
