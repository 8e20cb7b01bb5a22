"""How far a bench is: a table that stays in place on a terminal, plain lines now and then anywhere else."""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TextIO

from claros.experiment.bench.names import names_of
from claros.experiment.bench.schema import STATUS
from claros.experiment.bench.store import Store

__all__ = ["Display", "Overview", "duration"]

#: Without a terminal, a line at most this often, in seconds.
QUIET_SECONDS = 10.0

#: Between two looks at the database, in seconds.
LOOK_SECONDS = 0.5

#: A look may take this share of the time until the next: one at a million cells takes long.
SHARE = 0.01

#: Settings that the table has a row for; of more, those at work.
MOST_ROWS = 20

_FAILURE = ("strategy", "seed", "error")


class Overview:
    """What the cells of a database are at: ``rows``, setting -> status -> how many; ``counts`` of all."""

    def __init__(self, store: Store) -> None:
        self._names = names = names_of(store.settings())
        self.cells: Sequence[Mapping[str, Any]] = store.states()
        self.rows = {name: dict.fromkeys(STATUS, 0) for name in names.values()}
        for cell in self.cells:
            self.rows[names[cell["setting"]]][cell["status"]] += 1
        self.counts = {status: sum(row[status] for row in self.rows.values()) for status in STATUS}

    @property
    def failures(self) -> list[dict[str, Any]]:
        """The cells that failed, with the error of each."""
        return [
            {"setting": self._names[cell["setting"]], **{name: cell[name] for name in _FAILURE}}
            for cell in self.cells
            if cell["status"] == "failed"
        ]

    @property
    def left(self) -> float | None:
        """Seconds of work left, judged by finished cells of the same setting and arm where there are any."""
        seen: dict[Any, list[float]] = defaultdict(list)
        for cell in self.cells:
            if cell["status"] == "done":
                for key in ((cell["setting"], cell["strategy"]), cell["setting"], None):
                    seen[key].append(cell["seconds"])
        if not seen:
            return None
        work = 0.0
        for cell in self.cells:
            if cell["status"] in ("waiting", "running"):
                keys = ((cell["setting"], cell["strategy"]), cell["setting"], None)
                alike = next(seen[key] for key in keys if key in seen)
                work += max(0.0, sum(alike) / len(alike) - cell["seconds"])
        return work

    def __str__(self) -> str:
        counts, n = self.counts, len(self.cells)
        words = [f"{_count(counts['done'])} of {_count(n)} cells done"]
        words += [f"{_count(counts[status])} {status}" for status in ("running", "failed") if counts[status]]
        left = self.left
        if counts["running"] and left is not None:
            words.append(f"about {duration(left / counts['running'])} left")
        return ", ".join(words)


class Display:
    """A context manager; call it as often as you like, it looks at the database now and then."""

    def __init__(self, store: Store, stream: TextIO | None = None) -> None:
        stream = stream or sys.stderr
        plain = bool(os.environ.get("NO_COLOR")) or not stream.isatty()
        self._store = store
        self._view: _Lines | _Table = _Lines(stream) if plain else _Table(stream)
        self._next = 0.0

    def __enter__(self) -> Self:
        self._next = time.monotonic() + self._view.first
        self._view.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._view.stop()

    def __call__(self) -> None:
        """Look, if it is time to."""
        started = time.monotonic()
        if started >= self._next:
            self._view.show(Overview(self._store))
            done = time.monotonic()
            self._next = done + max(self._view.every, (done - started) / SHARE)


class _Lines:
    every = first = QUIET_SECONDS

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def start(self) -> None:
        """There is nothing to show yet."""

    def stop(self) -> None:
        """There is nothing to put away."""

    def show(self, overview: Overview) -> None:
        print(overview, file=self._stream, flush=True)


class _Table:
    every, first = LOOK_SECONDS, 0.0

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(file=stream, highlight=False), transient=True, refresh_per_second=4)

    def start(self) -> None:
        self._live.start()

    def stop(self) -> None:
        self._live.stop()

    def show(self, overview: Overview) -> None:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption=str(overview), caption_justify="left")
        table.add_column("setting", no_wrap=True, overflow="ellipsis")
        for status in STATUS:
            table.add_column(status, justify="right")
        rows = overview.rows
        if len(rows) > MOST_ROWS:
            rows = dict([(name, row) for name, row in rows.items() if row["running"]][:MOST_ROWS])
        for name, row in rows.items():
            table.add_row(name, *(_count(row[status]) if row[status] else "" for status in STATUS))
        self._live.update(table)


def duration(seconds: float) -> str:
    """Seconds in words: 240 ms, 1.3 s, 40 s, 12 min, 3.5 h."""
    if seconds < 10:
        return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _count(n: int) -> str:
    return f"{n:,}".replace(",", "\u202f")
