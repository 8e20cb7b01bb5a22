"""A cell whose rounds hooks hear of."""

from __future__ import annotations

from claros.campaign import Campaign
from claros.campaign.hooks import Hooks, after_round
from claros.experiment.cell import Evaluated, Keeper, Passing, Task
from claros.experiment.setting import Setting

__all__ = ["Hooked"]


class Hooked(Passing):
    """A keeper whose campaign calls hooks, and which calls them itself once a round is evaluated and kept."""

    def __init__(self, keeper: Keeper, hooks: Hooks) -> None:
        super().__init__(keeper)
        self._hooks = hooks

    def open(self, setting: Setting, task: Task) -> Campaign:
        """That of the keeper, with the hooks that are called before a round is over."""
        self._hooks = self._hooks.limited("before_round", "after_training", "after_round", arm=task.strategy)
        early = self._hooks.limited("before_round", "after_training", arm=task.strategy)
        return super().open(setting, task).with_hooks(early)

    def write(self, campaign: Campaign, evaluated: Evaluated) -> None:
        """Keep the round, and say that it is over."""
        super().write(campaign, evaluated)
        self._hooks.call("after_round", after_round(campaign, evaluated.metrics))
