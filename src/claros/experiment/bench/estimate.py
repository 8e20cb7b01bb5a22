"""How long a bench will take: one round of every arm is timed, and a training on all that will be bought."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from claros.arrays import threads
from claros.experiment import batches
from claros.experiment.bench.grid import planned
from claros.experiment.bench.names import names_of
from claros.experiment.config import Arm, RunConfig
from claros.experiment.setting import Setting
from claros.rng import stream

__all__ = ["Timed", "estimate", "estimates"]


class Timed(NamedTuple):
    """One arm of a setting: how many seeds, rounds in each, and seconds for one of its cells."""

    setting: str
    strategy: str
    seeds: int
    rounds: int
    seconds: float

    @property
    def total(self) -> float:
        """Seconds for all seeds, one after another."""
        return self.seeds * self.seconds


def estimates(configs: Iterable[RunConfig]) -> list[Timed]:
    """`estimate` for every setting of a grid; raises whatever cannot work in any arm."""
    loaded: list[Setting] = []
    planned_settings = []
    for config in configs:
        loaded.append(Setting.load(config, loaded[-1] if loaded else None))
        loaded[-1].check()
        planned_settings.append(planned(loaded[-1])[0])
    names = names_of(planned_settings)
    pairs = zip(planned_settings, loaded, strict=True)
    return [one for known, setting in pairs for one in estimate(setting, names[known.key])]


def estimate(setting: Setting, name: str = "") -> list[Timed]:
    """Time the first round of every arm, and the last training; rounds in between are taken to lie on a line.

    Costs one start and one round of each arm, and one training on as many labels as a cell buys in the end.
    """
    seeds, rounds = setting.config.seeds, setting.plan.rounds + 1
    setting.model()  # it loads the libraries whose threads are counted next
    with threads(1):
        first, last = _training(setting, setting.plan.start), _training(setting, setting.plan.total)
        growth = max(0.0, last - first) / 2
        return [
            Timed(name, label, seeds, rounds, rounds * (_round(setting, arm) + growth))
            for label, arm in setting.config.arms.items()
        ]


def _training(setting: Setting, n: int) -> float:
    """Seconds to train on so many items and to predict pool and test data."""
    rng = stream(setting.config.seed, "estimate")
    positions = rng.choice(len(setting.pool), size=n, replace=False)
    labels = np.asarray(setting.pool.labels)[positions]
    model = setting.model()
    started = time.perf_counter()
    model.fit(setting.pool.subset(positions), labels, n_classes=len(setting.pool.classes), rng=rng)
    for items in (setting.pool, setting.test):
        model.outputs(items, ["probs"])
    return time.perf_counter() - started


def _round(setting: Setting, arm: Arm) -> float:
    """Seconds of an arm's first round after the start."""
    with setting.campaign(arm, setting.config.seed, None) as campaign:
        for step in range(2):
            started = time.perf_counter()
            size = setting.plan.start if step == 0 else setting.plan.batch
            queries = batches.ask(setting, campaign, arm, setting.config.seed, size)
            campaign.tell_many(setting.answers((query.item for query in queries), setting.config.seed))
            campaign.update()
            if campaign.model is not None:
                campaign.model.outputs(setting.test, ["probs"])
        return time.perf_counter() - started
