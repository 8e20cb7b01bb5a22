"""Workers on this machine: one in this process, or several in processes of their own that are replaced when lost."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from functools import lru_cache
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import NamedTuple

from claros.errors import ClarosError
from claros.experiment.bench.store import Store
from claros.experiment.bench.worker import Track, work
from claros.experiment.workers import leave_with_parent, thread_share

__all__ = ["Crew", "here"]

#: Seconds between two looks at how far the cells are.
LOOK = 0.5

#: Seconds in which a worker ends when it is told to.
GRACE = 5.0

#: Workers that may be lost without any cell getting on, for each that is wanted.
HOPELESS = 10


class Crew(NamedTuple):
    """How many workers, for how long they have a cell without a sign of life, and who is told how it goes."""

    jobs: int
    lease: float
    look: Callable[[], None]
    track: Track | None = None


def here(store: Store, crew: Crew) -> None:
    """Work on the cells of the database until none is left; cells of workers that died here are free at once."""
    for worker in {cell["worker"] for cell in store.states() if cell["status"] == "running"}:
        if _is_dead(worker):
            store.release(worker, lost=False)
    if crew.jobs == 1:
        work(store, _name(0), lease=crew.lease, look=crew.look, track=crew.track)
    else:
        _in_processes(store, crew)


def _name(place: int) -> str:
    return f"{_machine()}:{os.getpid()}:{place}"


def _is_dead(worker: str) -> bool:
    """Whether the worker was started by a process of this machine that is no more."""
    machine, _, rest = worker.partition(":")
    pid = rest.partition(":")[0]
    if machine != _machine() or not pid.isdigit() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@lru_cache(maxsize=1)
def _machine() -> str:
    """The host's name, and what tells it from others of that name: this boot, and whose processes can be seen."""
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    signs = f"{boot.read_text() if boot.exists() else ''}{space.stat().st_ino if space.exists() else ''}"
    return f"{socket.gethostname()}-{hashlib.sha256(signs.encode()).hexdigest()[:8]}"


def _in_processes(store: Store, crew: Crew) -> None:
    context = multiprocessing.get_context("spawn")
    pipes: dict[int, tuple[Connection, SpawnProcess]] = {}
    started, code = 0, None

    def start() -> None:
        nonlocal started
        here, there = context.Pipe()
        arguments = (there, store.url, _name(started), crew.lease, crew.track)
        process = context.Process(target=_work, args=arguments, daemon=True)
        with thread_share(crew.jobs):
            process.start()
        there.close()
        pipes[started] = (here, process)
        started += 1

    try:
        for _ in range(crew.jobs):
            start()
        while pipes:
            wait([process.sentinel for _, process in pipes.values()], timeout=LOOK)
            crew.look()
            for place, (pipe, process) in list(pipes.items()):
                if process.is_alive():
                    continue
                process.join()
                error = _said(pipe)
                del pipes[place]
                store.release(_name(place), lost=True)
                if error is not None:
                    raise error
                code = process.exitcode
                if code != 0 and started < crew.jobs * HOPELESS + crew.jobs:
                    start()
        if any(store.counts().get(status) for status in ("waiting", "running")):
            raise ClarosError(
                f"The worker processes ended again and again (exit code {code}), perhaps for want of memory, or "
                "because a script has no 'if __name__ == \"__main__\"' around its work; what was complete stays."
            )
    finally:
        for _, process in pipes.values():
            process.terminate()
        for place, (_, process) in pipes.items():
            process.join(GRACE)
            process.kill()  # a training that does not hear; its round is lost, and nothing else
            process.join()
            store.release(_name(place), lost=False)
        crew.look()


def _said(pipe: Connection) -> ClarosError | None:
    """The error that a worker ended with; None if it said nothing."""
    try:
        error: ClarosError | None = pipe.recv() if pipe.poll() else None
    except EOFError:
        return None
    return error


def _work(pipe: Connection, url: str, name: str, lease: float, track: Track | None) -> None:
    """The life of a worker process; the parent hears Ctrl-C and passes it on as SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=leave_with_parent, daemon=True).start()
    try:
        work(Store(url), name, lease=lease, track=track)
    except KeyboardInterrupt:
        return
    except ClarosError as error:
        pipe.send(error)
