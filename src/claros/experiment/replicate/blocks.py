"""Runs under simulated label shift, block by block: what every arm reached, and against uncorrected labeling."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.experiment.bench.run import database
from claros.experiment.bench.store import Store
from claros.experiment.compare.labels_saved import Savings, savings
from claros.experiment.compare.paired import paired_difference
from claros.experiment.config import RunConfig
from claros.experiment.replicate.outcome import Row
from claros.rng import stream

__all__ = ["BASE", "FIGURES", "Block", "read_blocks", "rows_of", "sentences_of"]

#: The arm that the others are compared with.
BASE = "uncorrected"
#: What is measured of an arm; all but the last two are points over the uncorrected arm, paired by draw.
FIGURES = (
    "mean accuracy, points",
    "accuracy at the end, points",
    "mean macro-F1, points",
    "labels saved, %",
    "error of the target prior at the end",
)


@dataclass(frozen=True)
class Block:
    """All draws of one data set and one shift; (draws, rounds) of each arm, at so many labels ``bought`` (rounds,).

    ``alpha`` is 0 where the shift has none, ``warm`` how many labels were to be there at the start.
    ``prior_error`` is the sum over classes of |estimated - true| target share; NaN where nothing was estimated.
    """

    data: str
    law: str
    alpha: float
    model: str
    warm: int
    bought: Floats
    accuracy: Mapping[str, Floats]
    macro_f1: Mapping[str, Floats]
    prior_error: Mapping[str, Floats]

    @property
    def name(self) -> str:
        """As tables call it."""
        return f"{self.data}, {self.law}{f' {self.alpha:g}' if self.alpha else ''}"

    @property
    def draws(self) -> int:
        """How many there are."""
        return len(self.accuracy[BASE])

    @property
    def arms(self) -> tuple[str, ...]:
        """All but the one that the others are compared with."""
        return tuple(arm for arm in self.accuracy if arm != BASE)

    def saved(self, arm: str) -> Savings:
        """Of the labels that uncorrected labeling buys for nine tenths of its gain: the share that the arm saves."""
        ours, theirs = ([(self.bought, row) for row in self.accuracy[name]] for name in (arm, BASE))
        return savings(ours, theirs, rng=stream(0, "labels saved"))


def read_blocks(out: Path, plan: Sequence[RunConfig]) -> list[Block]:
    """What every arm reached, block by block in the order planned, over the draws of which all arms are done."""
    wanted = {_where(config.computed()): list(config.arms) for config in plan}
    store = Store(database(out, None, existing=True))
    try:
        settings = {setting.key: setting.config for setting in store.settings()}
        places = {key: _where(config) for key, config in settings.items()}
        draws = {key: (config["shift"]["draw"], config.get("seed", 0)) for key, config in settings.items()}
        cells = {cell["id"]: cell for cell in store.cells()}
        points: dict[Any, dict[str, list[tuple[float, ...]]]] = defaultdict(lambda: defaultdict(list))
        for row in store.rounds():
            cell = cells[row["cell"]]
            if cell["status"] == "done":
                error = (json.loads(row["details"]).get("shift") or {}).get("prior_error")
                values = (row["n_labeled"], row["accuracy"], row["macro_f1"], np.nan if error is None else error)
                points[cell["setting"]][cell["strategy"]].append(values)
    finally:
        store.close()
    groups: dict[Any, dict[tuple[int, int], dict[str, Floats]]] = defaultdict(dict)
    for key, arms in points.items():
        if places[key] in wanted and set(arms) == set(wanted[places[key]]):
            rows = {arm: np.array(arms[arm]) for arm in wanted[places[key]]}
            groups[places[key]][draws[key]] = rows  # a draw counts once, also where two versions ran it
    return [_block(where, [*groups[where].values()]) for where in wanted if groups[where]]


def _where(config: Mapping[str, Any]) -> tuple[str, str, float, str, int, tuple[str, ...]]:
    """Data, law, concentration, model, warm start and arms: what draws of one block share."""
    shift, arms = config["shift"], [arm["label"] or arm["name"] for arm in config["strategy"]]
    return (
        Path(config["data"]).stem,
        str(shift["law"]),
        float(shift["alpha"] or 0),
        config["model"]["name"],
        int(shift["warm"]),
        tuple(arms),
    )


def _block(where: tuple[str, str, float, str, int, tuple[str, ...]], draws: list[dict[str, Floats]]) -> Block:
    rounds = min(len(rows) for draw in draws for rows in draw.values())
    first = draws[0][BASE][:rounds, 0]

    def column(place: int) -> dict[str, Floats]:
        return {arm: np.array([draw[arm][:rounds, place] for draw in draws]) for arm in draws[0]}

    return Block(*where[:5], first - first[0], column(1), column(2), column(3))


def rows_of(block: Block, earlier: Mapping[str, tuple[float, float]] | None = None) -> Iterable[Row]:
    """Every arm's figures; beside the first two those of an ``earlier`` run, by arm."""
    base, base_f1 = block.accuracy[BASE], block.macro_f1[BASE]
    for arm in block.arms:
        name, known = f"{block.name}: {arm}", (earlier or {}).get(arm, (None, None))
        accuracy, f1 = block.accuracy[arm], block.macro_f1[arm]
        yield _against(name, FIGURES[0], 100 * accuracy.mean(axis=1), 100 * base.mean(axis=1), known[0])
        yield _against(name, FIGURES[1], 100 * accuracy[:, -1], 100 * base[:, -1], known[1])
        yield _against(name, FIGURES[2], 100 * f1.mean(axis=1), 100 * base_f1.mean(axis=1), None)
        saved = block.saved(arm) if block.draws > 1 else None
        if saved is not None and saved.value is not None:
            low, high = (None if limit is None else 100 * limit for limit in (saved.low, saved.high))
            yield Row(name, FIGURES[3], ours=100 * saved.value, low=low, high=high, seeds=block.draws)
    for arm, errors in block.prior_error.items():
        last = errors[:, -1]
        if np.isfinite(last).all():
            yield _against(f"{block.name}: {arm}", FIGURES[4], last, np.zeros(len(last)), None)


def _against(arm: str, figure: str, ours: Floats, base: Floats, published: float | None) -> Row:
    between = float(np.mean(ours - base))
    low = high = None
    if len(ours) > 1:
        difference = paired_difference(ours, base)
        low, high = difference.low, difference.high
    gap = None if published is None else between - published
    return Row(
        arm,
        figure,
        published=published,
        ours=between,
        low=low,
        high=high,
        difference=gap,
        difference_low=None if published is None or low is None else low - published,
        difference_high=None if published is None or high is None else high - published,
        seeds=len(ours),
    )


def sentences_of(block: Block) -> Iterable[str]:
    """Where the block stands, and what each arm gains and saves of the labels bought."""
    start, end = (100 * float(block.accuracy[BASE][:, place].mean()) for place in (0, -1))
    draws = f"{block.draws} draw{'' if block.draws == 1 else 's'}"
    yield (
        f"{block.name}, {draws}: uncorrected labeling goes from {start:.1f} to {end:.1f} % with "
        f"{block.bought[-1]:.0f} labels bought."
    )
    for arm in block.arms if block.draws > 1 else ():
        points = 100 * float(np.mean(block.accuracy[arm] - block.accuracy[BASE]))
        yield f"{block.name}: {arm} is {points:+.1f} points over it on average; {_said(block.saved(arm))}."


def _said(saved: Savings) -> str:
    if saved.value is None:
        return "the labels it saves cannot be told, as a curve never gets there"
    limits = ", ".join("never" if limit is None else f"{100 * limit:.0f}" for limit in (saved.low, saved.high))
    if saved.value < 0:
        return f"it takes {-100 * saved.value:.0f} % more labels [saved: {limits}]"
    return f"it saves {100 * saved.value:.0f} % of the labels bought [{limits}]"
