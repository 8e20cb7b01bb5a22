"""Following class shares that change: from an estimate at each step to the prior to predict the next step with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from claros.arrays import Array, Floats
from claros.checks import number, whole
from claros.errors import InputError, UnknownNameError, suggest
from claros.shift.adjust import distribution, ratios
from claros.shift.evidence import gather
from claros.shift.nonnegative import onto_simplex

__all__ = ["FOLLOWERS", "FlhFtl", "FollowHistory", "FollowWindow", "Follower", "GradientDescent", "follow"]


class Follower(ABC):
    """Predict with ``prior``, estimate the step's shares, `learn` them; the next step is predicted with what came out.

    ``prior`` (C,) is at first the source's. `state` is JSON, and `restore` goes on from it as if nothing had happened.
    """

    def __init__(self, source_prior: Array) -> None:
        self.source_prior = distribution(source_prior, "source_prior")
        self.prior = self.source_prior
        self.steps = 0

    @property
    def weights(self) -> Floats:
        """(C,) prior over the source's, to `claros.shift.adjust` by; 1 where the source has nothing."""
        return ratios(self.prior, self.source_prior)

    def learn(self, estimate: Array) -> None:
        """Take the shares (C,) that were estimated at this step; they need not be exact, nor positive."""
        seen = np.asarray(estimate, dtype=np.float64)
        if seen.shape != self.prior.shape or not np.all(np.isfinite(seen)):
            raise InputError(f"an estimate must be {len(self.prior)} finite numbers; got {estimate!r}.")
        self.steps += 1
        self.prior = onto_simplex(self._learned(seen))

    @abstractmethod
    def _learned(self, seen: Floats) -> Floats:
        """The next prior, before it is moved onto the simplex."""

    def state(self) -> dict[str, Any]:
        """What to write down after a step."""
        kept = {name: np.asarray(value).tolist() for name, value in self._memory().items()}
        return {"steps": self.steps, "prior": self.prior.tolist(), **kept}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `state` was written of; parameters are those of this object."""
        self.steps, self.prior = int(state["steps"]), np.asarray(state["prior"], dtype=np.float64)
        for name in self._memory():
            setattr(self, f"_{name}", np.asarray(state[name], dtype=np.float64))

    def _memory(self) -> dict[str, Floats]:
        return {}


class FollowHistory(Follower):
    """FTH: the mean of all estimates so far (Wu, Guo, Su & Weinberger 2021, arXiv:2107.04520).

    >>> follower = FollowHistory([0.5, 0.5])
    >>> for estimate in ([0.2, 0.8], [0.4, 0.6]):
    ...     follower.learn(estimate)
    >>> follower.prior.round(3).tolist()
    [0.3, 0.7]
    """

    def __init__(self, source_prior: Array) -> None:
        super().__init__(source_prior)
        self._total: Floats = np.zeros_like(self.source_prior)

    def _learned(self, seen: Floats) -> Floats:
        self._total = self._total + seen
        return np.asarray(self._total / self.steps)

    def _memory(self) -> dict[str, Floats]:
        return {"total": self._total}


class FollowWindow(Follower):
    """FTFWH: the mean of the last ``window`` estimates (Wu et al. 2021)."""

    def __init__(self, source_prior: Array, *, window: int = 100) -> None:
        super().__init__(source_prior)
        self.window = whole(window, 1, "window")
        self._last: Floats = np.empty((0, len(self.source_prior)))

    def _learned(self, seen: Floats) -> Floats:
        self._last = np.vstack([self._last.reshape(-1, len(seen)), seen])[-self.window :]
        return np.asarray(self._last.mean(axis=0))

    def _memory(self) -> dict[str, Floats]:
        return {"last": self._last}


class FlhFtl(Follower):
    """FLH-FTL: a mixture of the means of the last 1, 2, 3, ... estimates (Baby et al. 2023, arXiv:2305.19570).

    Each mean's share is multiplied by exp(-rate |mean - estimate|²) at each step, ``rate`` = 1/C unless given; a new
    one enters with the share 1 / (their number). The window need not be known. O(steps · C) a step, and as much memory.
    """

    def __init__(self, source_prior: Array, *, rate: float | None = None) -> None:
        super().__init__(source_prior)
        self.rate = number(1 / len(self.source_prior) if rate is None else rate, 0, np.inf, "rate")
        self._totals: Floats = np.empty((0, len(self.source_prior)))
        self._shares: Floats = np.empty(0)

    def _learned(self, seen: Floats) -> Floats:
        n = len(self._shares)
        totals = self._totals.reshape(n, len(seen))
        if n:
            means = totals / np.arange(n, 0, -1)[:, None]  # the first has seen all n steps, the last one
            grown = self._shares * np.exp(-self.rate * ((means - seen) ** 2).sum(axis=1))
            kept = grown / grown.sum() * n / (n + 1)
        else:
            kept = self._shares
        self._shares = np.append(kept, 1 / (n + 1))
        self._totals = np.vstack([totals, np.zeros_like(seen)]) + seen
        return np.asarray(self._shares @ (self._totals / np.arange(n + 1, 0, -1)[:, None]))

    def _memory(self) -> dict[str, Floats]:
        return {"totals": self._totals, "shares": self._shares}


class GradientDescent(Follower):
    """OGD: steps down the error that the adjusted model would have, sum of q_k (1 - recall_k(prior)) (Wu et al. 2021).

    Recalls are those on a hold-out, of posteriors adjusted to the prior; ``gradient="surrogate"`` takes the mean
    probability of the true class in place of the share that is right, ``"differences"`` that share itself, by
    differences of ``width``. The step is sqrt(2) / (bound sqrt(horizon)), for the number of steps that are expected and
    a ``bound`` on the gradient's length (unless given, that at the source prior if only the worst class came).
    """

    def __init__(
        self,
        source_prior: Array,
        *,
        source_probs: Array,
        source_labels: Array,
        horizon: int = 100,
        gradient: str = "surrogate",
        bound: float | None = None,
        width: float = 0.05,
    ) -> None:
        super().__init__(source_prior)
        evidence = gather(source_probs, source_labels, source_probs, len(self.source_prior))
        p = self.source_prior
        self._ratios = np.divide(evidence.source, p, out=np.zeros(evidence.source.shape), where=p > 0)
        self._labels = evidence.labels
        self._counts = np.maximum(evidence.counts, 1)
        if gradient not in ("surrogate", "differences"):
            raise InputError(f"gradient must be 'surrogate' or 'differences'; got {gradient!r}.")
        self._slopes = {"surrogate": self._surrogate, "differences": self._differences}[gradient]
        self.width = number(width, 1e-9, 1, "width")
        steepest = float(np.linalg.norm(self._slopes(p), axis=1).max()) if bound is None else bound
        steepest = number(steepest, 0, np.inf, "bound")
        self.step = np.sqrt(2 / whole(horizon, 1, "horizon")) / max(steepest, 1e-12)

    def _learned(self, seen: Floats) -> Floats:
        return np.asarray(self.prior + self.step * (seen @ self._slopes(self.prior)))

    def recalls(self, prior: Floats) -> Floats:
        """(C,) share of each class of the hold-out that is right when adjusted to the prior."""
        right = (self._ratios * prior).argmax(axis=1) == self._labels
        return np.asarray(np.bincount(self._labels[right], minlength=len(prior)) / self._counts)

    def _surrogate(self, prior: Floats) -> Floats:
        """(C, C) derivative of the mean adjusted probability of class k, in k's hold-out rows, by prior_j."""
        mixed = np.maximum(self._ratios @ prior, 1e-300)
        pulls = self._ratios / mixed[:, None]
        own = pulls[np.arange(len(mixed)), self._labels]
        chance = own * prior[self._labels]
        slopes = np.zeros((len(prior), len(prior)))
        np.add.at(slopes, self._labels, -chance[:, None] * pulls)
        slopes[np.diag_indices_from(slopes)] += np.bincount(self._labels, weights=own, minlength=len(prior))
        return np.asarray(slopes / self._counts[:, None])

    def _differences(self, prior: Floats) -> Floats:
        sides = [
            [self.recalls(np.maximum(prior + sign * self.width * axis, 0.0)) for sign in (1, -1)]
            for axis in np.eye(len(prior))
        ]
        return np.asarray([(up - down) / (2 * self.width) for up, down in sides]).T


#: Name -> follower.
FOLLOWERS: Mapping[str, type[Follower]] = {
    "fth": FollowHistory,
    "ftfwh": FollowWindow,
    "flh_ftl": FlhFtl,
    "ogd": GradientDescent,
}


def follow(name: str, /, source_prior: Array, **parameters: Any) -> Follower:
    """The follower of that name, at its start.

    >>> follow("ftfwh", [0.5, 0.5], window=10).prior.tolist()
    [0.5, 0.5]
    """
    if name not in FOLLOWERS:
        raise UnknownNameError(suggest(name, FOLLOWERS, "follower of label shift"))
    try:
        return FOLLOWERS[name](source_prior, **parameters)
    except TypeError as error:
        raise InputError(f"{name}: {error}.") from error
