"""A cell whose rounds trackers hear of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from claros.campaign import Campaign
from claros.experiment.cell import Evaluated, Keeper, Passing, Task
from claros.experiment.setting import Setting
from claros.track import Tracked, Trackers

__all__ = ["Following"]

#: What is told of a round, beside the seconds of its phases.
TOLD = ("accuracy", "macro_f1", "nll", "ece")


class Following:
    """The trackers of a run or a bench by name; their files go to ``track`` in its folder."""

    def __init__(self, names: Iterable[str], out: Path) -> None:
        self._project = out.absolute().name
        self._trackers = Trackers(names, out / "track")

    @contextmanager
    def of(self, keeper: Keeper, setting: Setting, task: Task, group: str, id: str) -> Iterator[Keeper]:
        """The keeper of a cell, its rounds followed; ``id`` is that of no other cell."""
        config = {**setting.config.computed(), "strategy": task.arm.model_dump(mode="json"), "seed": task.seed}
        for name in ("seeds", "control", "upper_bound"):
            del config[name]
        name = f"{task.strategy}, seed {task.seed}"
        over = False
        self._trackers.start(Tracked(self._project, group, name, f"{self._project}/{id}", config))
        for metrics in keeper.past():
            self._tell(metrics)
        try:
            yield _Followed(keeper, self._tell)
            over = True
        finally:
            self._trackers.finish(failed=not over)

    def _tell(self, metrics: Mapping[str, Any]) -> None:
        seconds = {f"seconds_{name}": value for name, value in metrics["seconds"].items()}
        self._trackers.log(metrics["n_labeled"], {**{name: metrics[name] for name in TOLD}, **seconds})


class _Followed(Passing):
    """A keeper that tells of every round once it is kept."""

    def __init__(self, keeper: Keeper, tell: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__(keeper)
        self._tell = tell

    def write(self, campaign: Campaign, evaluated: Evaluated) -> None:
        """Keep the round, and tell."""
        super().write(campaign, evaluated)
        self._tell(evaluated.metrics)
