"""Wrappers that share a batch out among several strategies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from claros.arrays import Indices
from claros.checks import number
from claros.compose.composite import Candidates, Part, children, compose, joined, resolve, written
from claros.errors import InputError
from claros.pick import Picked, ranks
from claros.strategy import Strategy

__all__ = ["mixture", "random_share"]


def mixture(shares: Mapping[str, float] | Sequence[tuple[Part, float]]) -> Strategy:
    """Several strategies with a share of the batch each, no item twice.

    Shares are in proportion: ``{"margin": 2, "typiclust": 1}`` gives margin two picks of three. What a share leaves of
    a pick is drawn, so that the shares hold on average for any k, also for batches of one. The strategies pick in the
    order given, each from what those before it left, and their picks are then interleaved; a pick's score is that of
    its strategy, and the note says which picks are whose. The batch is made for its k: a smaller one is not its
    beginning.

    Source: Baram, El-Yaniv & Luz 2004, JMLR 5, learn the shares; here they are given.

    Cost: that of every strategy for its share, and a copy of the inputs of all strategies but the first.

    Use it to hedge between strategies when nothing tells which one will do; not in place of a strategy that weighs both
    aims in every pick, as badge and uherding do.
    """
    pairs = list(shares.items() if isinstance(shares, Mapping) else shares)
    if not pairs:
        raise InputError("mixture takes at least one strategy with its share, as in mixture({'margin': 0.7, ...}).")
    parts = [resolve(part) for part, _ in pairs]
    weights = [
        _positive(f"mixture: the share of {part.name}", share) for part, (_, share) in zip(parts, pairs, strict=True)
    ]

    def pick(pool: Candidates, k: int) -> Picked:
        return _shared_out(pool, k, parts, weights)

    def shown(full: bool) -> str:
        rows = (f"{written(part, full=full)}: {written(share)}" for part, share in zip(parts, weights, strict=True))
        return "{" + ", ".join(rows) + "}"

    return compose(mixture, parts, pick, stochastic=True, arguments=shown)


def random_share(strategy: Part, *, share: float = 0.1) -> Strategy:
    """A share of the batch uniformly at random from all candidates, the rest by a strategy.

    The random picks are drawn first, from the whole pool, so that they are a fair sample of it: each one's probability
    is 1 over the candidates left in its draw. The strategy picks from the others; its picks have the probability that
    it says, or 1 if it does not draw. What the share leaves of a pick is drawn, so that it holds on average for any k.
    Scores of random picks are 0, and the note says which they are. The batch is made for its k: a smaller one is not
    its beginning.

    Source: Osugi, Deng & Scott 2005, ICDM, explore so; here the share is given.

    Cost: that of the strategy, O(N) time, and a copy of its inputs.

    Use it where labels are also to measure something without bias, or where the strategy may be blind to a part of the
    pool; not in campaigns, which have an audit set for that.
    """
    strategy, share = resolve(strategy), number(share, 0, 1, "random_share: share")
    chance = resolve("random")

    def pick(pool: Candidates, k: int) -> Picked:
        return _shared_out(pool, k, [chance, strategy], [share, 1.0 - share])

    return compose(random_share, (strategy,), pick, stochastic=True, share=share)


def _positive(what: str, share: float) -> float:
    if number(share, 0, math.inf, what) == 0:
        raise InputError(f"{what} must be above 0; got {share!r}.")
    return share if isinstance(share, int) else float(share)


def _shared_out(pool: Candidates, k: int, parts: Sequence[Strategy], shares: Sequence[float]) -> Picked:
    """Each strategy's share, from what those before it left, interleaved."""
    for_counts, *streams = children(pool.rng, 1 + len(parts))
    counts = _counts(k, shares, float(for_counts.random()))
    left, picks = np.ones(pool.n, dtype=bool), []
    for part, count, stream in zip(parts, counts, streams, strict=True):
        rows = None if left.all() else np.flatnonzero(left)
        picks.append(pool.pick(part, int(count), stream, rows))
        left[picks[-1].indices] = False
    places = _interleaved(counts)
    said = [f"{part.name} picked {_listed(at)}" for part, at in zip(parts, places, strict=True) if len(at)]
    return joined(picks, places, f"{'; '.join(said)}.")


def _counts(k: int, shares: Sequence[float], offset: float) -> Indices:
    """Whole counts that add up to k, each its share of k rounded up or down, and on average the share itself.

    Systematic sampling: the whole numbers that lie in each one's part of (offset, offset + k].
    """
    ends = k * (np.cumsum(shares) / np.sum(shares))
    ends[-1] = k
    counts: Indices = np.diff(np.floor(ends + offset), prepend=0.0).astype(np.int64)
    return counts


def _interleaved(counts: Indices) -> list[Indices]:
    """Where in the batch each one's picks stand: spread evenly, the first named first where two meet."""
    ideal = np.concatenate([(np.arange(count) + 0.5) / count for count in counts if count])
    places = ranks(ideal)
    return np.split(places, np.cumsum(counts)[:-1])


def _listed(places: Indices) -> str:
    """Places as a person counts them: 1, 4, 5-9."""
    runs = np.split(places, np.flatnonzero(np.diff(places) != 1) + 1)
    return ", ".join(f"{run[0] + 1}" if len(run) == 1 else f"{run[0] + 1}-{run[-1] + 1}" for run in runs)
