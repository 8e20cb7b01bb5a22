"""The arms of a bandit: strategies by name, what they need together, and a batch that is shared out among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Floats, Indices
from claros.compose.composite import Candidates, children, joined, resolve, written
from claros.errors import InputError
from claros.memory import Json
from claros.pick import Picked
from claros.strategy import Strategy

__all__ = ["ARMS", "Arms", "draw_best", "plain", "read_arms"]

#: Arms unless told: doubt, doubt and difference, difference, chance. Any model with embeddings can feed them.
ARMS = ("margin", "badge", "kmeans", "random")


@dataclass(frozen=True)
class Arms:
    """Strategies to choose between, each with a name of its own."""

    strategies: tuple[Strategy, ...]

    def __len__(self) -> int:
        return len(self.strategies)

    @property
    def names(self) -> list[str]:
        """What to call them: as an expression says it, defaults left out."""
        return [written(arm) for arm in self.strategies]

    @property
    def texts(self) -> list[str]:
        """Expressions with every parameter, which give the arms back."""
        return [written(arm, full=True) for arm in self.strategies]

    def needs(self, *more: str) -> tuple[str, ...]:
        """What the arms need together, and more."""
        return tuple(dict.fromkeys([*(name for arm in self.strategies for name in arm.needs), *more]))

    @property
    def optional(self) -> tuple[str, ...]:
        """What some arm can use."""
        return tuple(dict.fromkeys(name for arm in self.strategies for name in arm.optional))

    def rows(self, shares: Iterable[float], values: Iterable[float]) -> list[Json]:
        """An arm's share of the batch and its value, as JSON, arm by arm."""
        rows = zip(self.names, shares, values, strict=True)
        return [{"arm": name, "share": float(share), "value": float(value)} for name, share, value in rows]

    def share_out(self, chosen: Indices, n: int, inputs: Mapping[str, Any], rng: np.random.Generator) -> Picked:
        """A batch in which the arm ``chosen[j]`` picks the j-th item.

        Every arm picks all its items at once, from what those before it left; the arms' turns are in random order.
        """
        turns, *streams = children(rng, 1 + len(self))
        pool = Candidates(n, inputs, turns)
        left, parts, places = np.ones(n, dtype=bool), [], []
        for place in turns.permutation(len(self)):
            own = np.flatnonzero(chosen == place)
            rows = None if left.all() else np.flatnonzero(left)
            parts.append(pool.pick(self.strategies[place], len(own), streams[place], rows))
            places.append(own)
            left[parts[-1].indices] = False
        counts = np.bincount(chosen, minlength=len(self))
        said = [f"{name} {count}" for name, count in zip(self.names, counts, strict=True) if count]
        whole = joined(parts, places, f"Picks by arm: {', '.join(said)}.")
        return whole._replace(probabilities=None)  # those of the arms are chances given the arm


def read_arms(who: str, arms: Sequence[str | Strategy]) -> Arms:
    """The arms of names, expressions or strategies; an `InputError` where they are no choice."""
    if isinstance(arms, (str, Strategy)) or not isinstance(arms, (list, tuple)) or len(arms) < 2:
        raise InputError(f"{who} takes a list of two arms or more, as in arms=['margin', 'random']; got {arms!r}.")
    wrong = next((arm for arm in arms if not isinstance(arm, (str, Strategy))), None)
    if wrong is not None:
        raise InputError(f"{who}: an arm is a strategy, its name or an expression; got {wrong!r}.")
    read = Arms(tuple(map(resolve, arms)))
    learning = next((arm.name for arm in read.strategies if arm.learner is not None), None)
    if learning is not None:
        raise InputError(
            f"{who} cannot have the arm {learning}, which keeps a memory of its own; name its arms instead."
        )
    twice = next((name for place, name in enumerate(read.texts) if name in read.texts[:place]), None)
    if twice is not None:
        raise InputError(f"{who} has the arm {twice} twice; leave one out.")
    return read


def draw_best(values: Floats, rng: np.random.Generator) -> Indices:
    """(k,) the row that is largest in each column of (m, k), ties at random."""
    ties = np.where(values == values.max(axis=0), rng.random(values.shape), -1.0)
    return np.asarray(ties.argmax(axis=0), dtype=np.int64)


def plain(values: Floats) -> list[Any]:
    """Numbers as JSON."""
    listed: list[Any] = np.asarray(values, dtype=np.float64).tolist()
    return listed
