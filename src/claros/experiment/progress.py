"""What a person sees while a run goes on: nested bars with time left on a terminal, plain lines anywhere else."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self, TextIO

from claros.experiment.config import CONTROL

__all__ = ["Display", "Listener", "Moment"]

#: Without a terminal, an arm that is not finished prints a line at most this often, in seconds.
QUIET_SECONDS = 10.0


class Moment(NamedTuple):
    """What a cell reports: that a round's model is in training, or that a round is complete."""

    strategy: str
    seed: int
    round: int
    rounds: int
    """The number of the last round, as planned."""
    n_labeled: int
    accuracy: float | None = None
    """On the test set; None while the round's model is being trained."""
    advice: str = ""
    """What the leading stopping rule says, in a few words, with its name."""
    done: bool = False
    """Whether this was the cell's last round."""
    epoch: tuple[int, int] | None = None
    """(epochs done, epochs planned) of a training, from models that report them."""


Listener = Callable[[Moment], None]


class Display:
    """Shows the moments of a run of ``n_cells`` cells; a context manager, called from one thread.

    On a terminal: a bar for the run with the time left, one for each cell at work, one for its training when the model
    reports epochs. Elsewhere, or with ``NO_COLOR`` set: a line for a finished cell, and now and then one in between.
    """

    def __init__(self, n_cells: int, stream: TextIO | None = None) -> None:
        stream = stream or sys.stderr
        plain = bool(os.environ.get("NO_COLOR")) or not stream.isatty()
        self._view: _Lines | _Bars = _Lines(n_cells, stream) if plain else _Bars(n_cells, stream)
        self._random: dict[tuple[int, int], float] = {}

    def __enter__(self) -> Self:
        self._view.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._view.stop()

    def __call__(self, moment: Moment) -> None:
        """Show what a cell reports."""
        if moment.accuracy is not None and moment.strategy == CONTROL:
            self._random[moment.seed, moment.n_labeled] = moment.accuracy
        self._view.show(moment, self._words(moment))

    def _words(self, moment: Moment) -> str:
        parts = [f"{moment.n_labeled} labels"]
        if moment.accuracy is not None:
            parts.append(f"{100 * moment.accuracy:.1f} %")
            beside = self._random.get((moment.seed, moment.n_labeled))
            if beside is not None and moment.strategy != CONTROL:
                parts.append(f"{100 * (moment.accuracy - beside):+.1f} vs random")
        return ", ".join([*parts, moment.advice] if moment.advice else parts)


class _Lines:
    """Plain lines: one for each finished cell, and one in between when nothing was printed for a while."""

    def __init__(self, n_cells: int, stream: TextIO) -> None:
        self.n_cells, self.stream = n_cells, stream
        self.n_done = 0

    def start(self) -> None:
        self.started = self.last_line = time.monotonic()

    def stop(self) -> None:
        """There is nothing to put away."""

    def show(self, moment: Moment, words: str) -> None:
        now = time.monotonic()
        self.n_done += moment.done
        if moment.accuracy is None or not (moment.done or now - self.last_line >= QUIET_SECONDS):
            return
        self.last_line = now
        done = f"; {self.n_done} of {self.n_cells} done{self._left(now)}" if moment.done else ""
        head = f"{moment.strategy}, seed {moment.seed}, round {moment.round} of {moment.rounds}"
        print(f"{head}: {words}{done}", file=self.stream, flush=True)

    def _left(self, now: float) -> str:
        if self.n_done == self.n_cells:
            return ""
        seconds = (now - self.started) / self.n_done * (self.n_cells - self.n_done)
        return f", about {seconds:.0f} s left" if seconds < 90 else f", about {seconds / 60:.0f} min left"


class _Bars:
    """Nested bars of rich: the run, the cells at work, their trainings."""

    def __init__(self, n_cells: int, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        self.n_cells = n_cells
        self.n_done = 0
        self.cells: dict[tuple[str, int], Any] = {}
        self.epochs: dict[tuple[str, int], Any] = {}
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12, table_column=Column(min_width=12)),
            TimeRemainingColumn(compact=True, table_column=Column(min_width=5)),
            TextColumn("{task.fields[words]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=Console(file=stream, highlight=False),
            transient=True,
        )
        self.run = self.bars.add_task("run", total=n_cells, words="")

    def start(self) -> None:
        self.bars.start()

    def stop(self) -> None:
        self.bars.stop()

    def show(self, moment: Moment, words: str) -> None:
        key = (moment.strategy, moment.seed)
        trained = moment.accuracy is not None
        if key not in self.cells:
            self.cells[key] = self._add(f"{moment.strategy}, seed {moment.seed}", moment.rounds + 1)
        self.bars.update(self.cells[key], completed=moment.round + trained)
        if trained:
            self.bars.update(self.cells[key], words=words)
        if trained and key in self.epochs:
            self.bars.remove_task(self.epochs.pop(key))
        elif moment.epoch is not None and not trained:
            done, planned = moment.epoch
            if key not in self.epochs:
                self.epochs[key] = self._add("  epochs", planned)
            self.bars.update(self.epochs[key], completed=done, total=planned)
        if moment.done:
            self.bars.remove_task(self.cells.pop(key))
            self.n_done += 1
        at_work = [task for task in self.bars.tasks if task.id in self.cells.values()]
        partly = sum(task.percentage / 100 for task in at_work)
        self.bars.update(self.run, completed=self.n_done + partly, words=f"{self.n_done} of {self.n_cells} done")

    def _add(self, name: str, total: int) -> Any:
        return self.bars.add_task(name, total=total, words="")
