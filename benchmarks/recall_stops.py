"""When the rules for finding all relevant items stop, for many screening orders of one review at once.

The rules themselves judge one screening at a time. Here their kernels judge all orders of a review at every look; that
both say the same is tested (``tests/test_recall_study.py``). A rule is a function of `Screenings` to flags (K, M): at
which of K looks each of M orders is told to stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats, Indices
from claros.stopping.recall.hypergeometric import at_most
from claros.stopping.recall.inhomogeneous_poisson import poisson_quantile
from claros.stopping.recall.qbcb import positives_needed, quantile
from claros.stopping.recall.rates import expected_until, fit
from claros.stopping.recall.screening import ROUNDING

Flags = npt.NDArray[np.bool_]

ALPHA, WINDOWS = 0.05, 10


@dataclass(frozen=True, eq=False)
class Screenings:
    """M orders of a review of ``n`` items; ``ranks`` (M, R) of the relevant ones, ascending; K looks after so many."""

    n: int
    ranks: Indices
    looks: Indices

    def found_at(self, at: Indices | int) -> Indices:
        """How many relevant items are among the first ``at`` items; (M,), or (K, M) for K values."""
        at = np.asarray(at)
        return np.stack([np.searchsorted(ranks, at, side="right") for ranks in self.ranks], axis=-1)

    @cached_property
    def found(self) -> Indices:
        """How many relevant items are found at each look; (K, M)."""
        return self.found_at(self.looks)

    @lru_cache(maxsize=2)  # noqa: B019 - one review at a time
    def curve(self, model: str) -> tuple[Floats, Floats, Floats]:
        """Scale, decay and misfit of the curve of that model at each look; (K, M) each."""
        fits = []
        for at in self.looks:
            edges = at * np.arange(WINDOWS + 1) // WINDOWS
            counts = np.diff(self.found_at(edges), axis=0).T
            middle = (edges[:-1] + edges[1:] + 1) / (2 * at)
            fits.append(fit(middle, counts / np.maximum(np.diff(edges), 1), model))
        return tuple(np.stack(part) for part in zip(*fits, strict=True))  # type: ignore[return-value]

    def first(self, stops: Flags) -> Indices:
        """The first look at which each order stops, 0 where none does."""
        return np.where(stops.any(axis=0), self.looks[stops.argmax(axis=0)], 0)


def batches(n: int, batch: int) -> Indices:
    """How many items are screened at each look: after every batch, the last of which may be small."""
    return np.array([*range(batch, n, batch), n])


def cmh(s: Screenings, recall: float) -> Flags:
    """Orders that have stopped are not looked at again, since this is what takes the time."""
    stops = np.zeros_like(s.found, dtype=bool)
    left = np.arange(len(s.ranks))
    starts = np.concatenate([np.zeros((left.size, 1), np.int64), s.ranks], axis=1)
    for place, at in enumerate(s.looks):
        stops[place, left] = stopped = _cmh_at(starts[left], s.found[place, left], s.n - at, int(at), recall)
        left = left[~stopped]
    return stops


def _cmh_at(starts: Indices, found: Indices, rest: int, at: int, recall: float) -> Flags:
    short = (np.floor(found / recall + ROUNDING).astype(np.int64) + 1 - found)[:, None]  # would have to be left
    size = at - starts
    inside = found[:, None] - np.arange(starts.shape[1])
    share = rest / np.maximum(rest + size, 1)
    mean = share * (inside + short)  # of those left, were the target missed
    spread = np.sqrt(np.maximum(mean * (1 - share), 1e-300))
    # where what is left need not be unusual, p is nowhere near alpha
    run, urn = np.nonzero((size > 0) & (inside >= 0) & (short - 0.5 - mean > spread) & (short <= rest))
    k, m = inside[run, urn], size[run, urn]
    stopped = short[:, 0] > rest
    stopped[run[at_most(k, rest + m, k + short[run, 0], m) < ALPHA]] = True
    return stopped


def _knees(s: Screenings) -> tuple[Floats, Indices]:
    """Ratio of slopes at the knee, NaN where there is none, and the relevant items before it; (K, M) each."""
    ratios, befores = [], []
    for at, found in zip(s.looks, s.found, strict=True):
        above = at * np.arange(1, s.ranks.shape[1] + 1) - found[:, None] * s.ranks
        best = np.where(s.ranks <= at, above, -1).argmax(axis=1)[:, None]
        rank, before = np.take_along_axis(s.ranks, best, 1)[:, 0], best[:, 0] + 1
        ratio = (before / rank) * (at - rank) / np.maximum(1 + found - before, 1)
        is_knee = (rank <= at) & (np.take_along_axis(above, best, 1)[:, 0] > 0)
        ratios.append(np.where(is_knee, ratio, np.nan))
        befores.append(before)
    return np.stack(ratios), np.stack(befores)


def knee(s: Screenings) -> Flags:
    return _knees(s)[0] >= np.maximum(6.0, 156.0 - s.found)  # NaN never is


def knee_budget(s: Screenings) -> Flags:
    ratio, before = _knees(s)
    at = s.looks[:, None]
    return ((ratio >= 6) & (at >= 10 * s.n / before)) | (at >= 0.75 * s.n)


def consecutive_irrelevant(s: Screenings, n: int = 50) -> Flags:
    return (s.found == s.found_at(s.looks - n)) & (s.looks >= n)[:, None]


def batch_precision(s: Screenings, batch: int = 200, most: int = 5) -> Flags:
    return (s.found - s.found_at(s.looks - batch) <= most) & (s.looks >= batch)[:, None]


def rule_2399(s: Screenings) -> Flags:
    return s.looks[:, None] >= 1.2 * s.found + 2399 - ROUNDING


def half(s: Screenings) -> Flags:
    return np.broadcast_to((2 * s.looks >= s.n)[:, None], s.found.shape)


def inhomogeneous_poisson(s: Screenings, recall: float, over: str = "rest") -> Flags:
    scale, decay, misfit = s.curve("power")
    at = s.looks[:, None]
    mean = expected_until(s.n, scale, decay, at, "power")
    if over == "all":
        total = poisson_quantile(1 - ALPHA, mean)
    else:
        total = s.found + poisson_quantile(
            1 - ALPHA, np.maximum(mean - expected_until(at, scale, decay, at, "power"), 0)
        )
    total = np.clip(total, s.found, s.found + s.n - at)
    ready = (s.found >= 20) & (at >= WINDOWS) & ((misfit <= 0.1) | (at >= s.n))
    return ready & (s.found / np.maximum(total, 1) >= recall)


def curve_fit(s: Screenings, recall: float) -> Flags:
    scale, decay, _ = s.curve("exponential")
    at = s.looks[:, None]
    until = [expected_until(rank, scale, decay, at, "exponential") for rank in (at, s.n)]
    left = np.clip(until[1] - until[0], 0, s.n - at)
    return (s.found >= 10) & (at >= WINDOWS) & (s.found / np.maximum(s.found + left, 1) >= recall)


def quant(sums: Floats, recall: float, z: float) -> Flags:
    """``sums`` (4, K, M): p and p (1 - p) summed over what is screened, then over what is not."""
    known, known_variance, rest, rest_variance = sums
    total = np.maximum(known + rest, 1e-300)
    variance = (known_variance + (known / total) ** 2 * (known_variance + rest_variance)) / total**2
    return known / total - z * np.sqrt(variance) >= recall


def chao(captured: Indices, rest: Indices, recall: float, z: float) -> Flags:
    """``captured`` (S, K, M): relevant items captured once, twice, ...; ``rest`` (K, M) items are not screened."""
    once, twice = captured[0], captured[1]
    found = captured.sum(axis=0)
    plain = once**2 / np.maximum(2 * twice, 1)
    corrected = once * (once - 1) / 2
    unseen = np.where(twice > 0, plain, corrected)
    safe = np.where(unseen > 0, unseen, 1.0)
    spread = np.where(
        twice > 0,
        1 / safe + 4 / np.maximum(once, 1) + 1 / np.maximum(twice, 1),
        np.maximum(safe + once * (2 * once - 1) ** 2 / 4 - once**4 / (4 * (found + safe)), 0) / safe**2,
    )
    most = np.where(unseen > 0, unseen * np.exp(z * np.sqrt(np.log1p(np.where(unseen > 0, spread, 0)))), 0)
    return (found >= 10) & (found / np.maximum(np.minimum(found + most, found + rest), 1) >= recall)


def captures(member_ranks: Indices, depths: Indices) -> Indices:
    """Items captured once, twice, ... S times by lists of each depth, from ``member_ranks`` (M, S, R); (S, K, M)."""
    often = np.sort(member_ranks, axis=1)  # captured k times from the k-th smallest rank on
    at_least = [
        np.stack([np.searchsorted(np.sort(ranks), depths, side="right") for ranks in often[:, k]], axis=-1)
        for k in range(often.shape[1])
    ]
    return -np.diff(np.stack([*at_least, np.zeros_like(at_least[0])]), axis=0)


def qbcb(s: Screenings, samples: Indices, recall: float) -> tuple[Indices, Indices]:
    """First look at which each order is certified, or 0, and how many items its sample has.

    ``samples`` (M, N) are the items of each order as they would be drawn at random, as ranks in that order; they are
    drawn until there are as many relevant ones as the least that can certify.
    """
    needed = positives_needed(recall, ALPHA)
    first, size = np.zeros(len(samples), np.int64), np.zeros(len(samples), np.int64)
    j = quantile(needed, recall, ALPHA)
    if s.ranks.shape[1] < needed or j is None:
        return first, size
    for run, (drawn, ranks) in enumerate(zip(samples, s.ranks, strict=True)):
        relevant = np.flatnonzero(np.isin(drawn, ranks))[:needed]
        size[run] = relevant[-1] + 1
        first[run] = s.looks[np.searchsorted(s.looks, np.sort(drawn[relevant])[j - 1])]
    return first, size


def rules(recall: float) -> Iterator[tuple[str, Callable[[Screenings], Flags]]]:
    """The rules that look at labels alone, by name."""
    yield "cmh", lambda s: cmh(s, recall)
    yield "inhomogeneous_poisson", lambda s: inhomogeneous_poisson(s, recall)
    yield "inhomogeneous_poisson(over=all)", lambda s: inhomogeneous_poisson(s, recall, over="all")
    yield "curve_fit", lambda s: curve_fit(s, recall)
    yield "knee", knee
    yield "knee_budget", knee_budget
    yield "consecutive_irrelevant", consecutive_irrelevant
    yield "batch_precision", batch_precision
    yield "rule_2399", rule_2399
    yield "half", half
