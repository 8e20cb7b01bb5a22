"""Ctrl-C in a training that swallows it: scikit-learn's networks warn, and give back a model that is half trained."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["not_swallowed"]


@contextmanager
def not_swallowed() -> Iterator[None]:
    """Raise `KeyboardInterrupt` at the end of the block if one came inside and the block went on all the same."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handled: dict[int, Any] = {int(number): handler for number, handler in before.items() if callable(handler)}

    def note(number: int, frame: Any) -> None:
        came.append(number)
        handled[number](number, frame)

    for number in handled:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt
