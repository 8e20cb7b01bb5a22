"""A cell whose rounds hooks hear of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from claros.campaign import Campaign
from claros.campaign.hooks import Hooks, after_round
from claros.experiment.cell import Evaluated, Keeper, Task
from claros.experiment.setting import Setting

__all__ = ["Hooked"]


class Hooked:
    """A keeper whose campaign calls hooks, and which calls them itself once a round is evaluated and kept."""

    def __init__(self, keeper: Keeper, hooks: Hooks) -> None:
        self._keeper = keeper
        self._hooks = hooks

    @property
    def place(self) -> str:
        """That of the keeper."""
        return self._keeper.place

    def last(self) -> Mapping[str, Any] | None:
        """That of the keeper."""
        return self._keeper.last()

    def past(self) -> Iterator[Mapping[str, Any]]:
        """Those of the keeper."""
        return self._keeper.past()

    def open(self, setting: Setting, task: Task) -> Campaign:
        """That of the keeper, with the hooks that are called before a round is over."""
        self._hooks = self._hooks.limited("before_round", "after_training", "after_round", arm=task.strategy)
        early = self._hooks.limited("before_round", "after_training", arm=task.strategy)
        return self._keeper.open(setting, task).with_hooks(early)

    def write(self, campaign: Campaign, evaluated: Evaluated) -> None:
        """Keep the round, and say that it is over."""
        self._keeper.write(campaign, evaluated)
        self._hooks.call("after_round", after_round(campaign, evaluated.metrics))
