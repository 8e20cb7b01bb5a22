"""Cells side by side, each in a process of its own; and the signal that waits until a write is finished."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

from claros.errors import ClarosError

__all__ = ["in_processes", "leave_with_parent", "thread_share", "uninterrupted"]

Task = TypeVar("Task")
Work = Callable[[Task, Callable[[Any], None]], None]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C inside this block takes effect at its end, when what is being written is written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[tuple[int, Any]] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handled = {int(number): handler for number, handler in handlers.items() if callable(handler)}
    for number in handled:
        signal.signal(number, lambda number, frame: waiting.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
    for number, frame in waiting[:1]:
        handled[number](number, frame)


def in_processes(
    tasks: Sequence[Task],
    jobs: int,
    prepare: Callable[..., Work[Task]],
    arguments: tuple[Any, ...],
    report: Callable[[Any], None],
) -> None:
    """Do every task in one of ``jobs`` spawned processes; what the tasks report arrives here, in this thread.

    ``prepare(*arguments)`` makes the working function once in each process. The first error ends all and is raised
    here; Ctrl-C lets every process finish its write.
    """
    context = multiprocessing.get_context("spawn")
    queue = deque(tasks)
    crew: dict[Connection, SpawnProcess] = {}
    with thread_share(min(jobs, len(tasks))):
        for _ in range(min(jobs, len(tasks))):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there, prepare, arguments), daemon=True)
            process.start()
            there.close()
            crew[here] = process
    try:
        busy = [connection for connection in crew if _hand_out(connection, queue)]
        while busy:
            for ready in wait(busy):
                connection = next(one for one in busy if one is ready)
                kind, value = _receive(connection, crew[connection])
                if kind == "error":
                    raise value
                if kind == "moment":
                    report(value)
                elif not _hand_out(connection, queue):
                    busy.remove(connection)
    finally:
        for process in crew.values():
            process.terminate()
        for process in crew.values():
            process.join()


def _hand_out(connection: Connection, queue: deque[Any]) -> bool:
    if queue:
        connection.send(queue.popleft())
        return True
    return False


def _receive(connection: Connection, process: SpawnProcess) -> tuple[str, Any]:
    try:
        message: tuple[str, Any] = connection.recv()
    except EOFError:
        process.join()
        raise ClarosError(
            f"A worker process ended (exit code {process.exitcode}), perhaps for want of memory; "
            "resume with the same command, with fewer --jobs if it happens again."
        ) from None
    return message


def _work(connection: Connection, prepare: Callable[..., Work[Any]], arguments: tuple[Any, ...]) -> None:
    """The life of a worker: tasks in, moments and errors out, until the parent ends it or ends itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and passes it on as SIGTERM
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=leave_with_parent, daemon=True).start()
    try:
        work = prepare(*arguments)
        while True:
            work(connection.recv(), lambda moment: connection.send(("moment", moment)))
            connection.send(("done", None))
    except (KeyboardInterrupt, EOFError, BrokenPipeError):
        return
    except Exception as error:  # noqa: BLE001  whatever it is, the parent raises it
        sent = error if isinstance(error, ClarosError) else ClarosError(f"{type(error).__name__}: {error}")
        sent.add_note(traceback.format_exc())
        connection.send(("error", sent))


def leave_with_parent() -> None:
    """Wait until the process that started this one ends, and end at once; for a thread of its own."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def thread_share(jobs: int) -> Iterator[None]:
    """Processes that start in here share the cores among them, unless ``OMP_NUM_THREADS`` says otherwise."""
    if "OMP_NUM_THREADS" in os.environ:
        yield
        return
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // jobs))
    try:
        yield
    finally:
        del os.environ["OMP_NUM_THREADS"]
