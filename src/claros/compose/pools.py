"""Wrappers that say which candidates a strategy sees: the best, some at random, one part or one class at a time."""

from __future__ import annotations

import heapq

import numpy as np

from claros.arrays import Indices, namespace, to_numpy
from claros.checks import number, whole
from claros.compose.composite import Candidates, Part, children, compose, joined, of_each_class, resolve
from claros.errors import InputError
from claros.pick import Picked, ranks
from claros.strategy import Strategy

__all__ = ["class_balanced", "partitioned", "prefilter", "subsample"]

#: How many candidates `subsample` draws unless told.
SUBSAMPLE = 10_000


def prefilter(first: Part, then: Part, *, factor: int = 10) -> Strategy:
    """Two strategies one after the other: the second picks from the factor·k candidates that the first likes best.

    A pick's score is that of the second strategy. Where there are no more than factor·k candidates, the first is not
    asked. The batch is made for its k: a smaller batch is not its beginning.

    Source: Citovsky et al. 2021, arXiv:2107.14263, and Wei, Iyer & Bilmes 2015, ICML, filter by uncertainty so.

    Cost: that of the first strategy over N candidates and of the second over factor·k.

    Use it to give a costly strategy only candidates that are worth a question, as in prefilter(margin, k_center); not
    with a small factor, which leaves the second strategy no choice.
    """
    factor = whole(factor, 1, "prefilter: factor")
    first, then = resolve(first), resolve(then)

    def pick(pool: Candidates, k: int) -> Picked:
        for_first, for_then = children(pool.rng, 2)
        rows = None
        if factor * k < pool.n:
            rows = np.sort(pool.pick(first, factor * k, for_first).indices)
        picked = pool.pick(then, k, for_then, rows)
        said = f"{first.name} left {factor * k} of {pool.n} candidates." if rows is not None else ""
        chances = picked.probabilities if rows is None or not first.stochastic else None
        return picked._replace(probabilities=chances, note=" ".join(filter(None, [said, picked.note])))

    return compose(prefilter, (first, then), pick, factor=factor)


def subsample(strategy: Part, *, size: int | None = None, share: float | None = None) -> Strategy:
    """A strategy that sees only some candidates drawn at random: 10,000, or another number, or a share of them.

    ``size`` says how many, or ``share`` which part of the pool; they are at least k. A pick's score is that of the
    strategy among them.

    Source: Coleman et al. 2022, arXiv:2007.00077, compare their method (SEALS) with it.

    Cost: O(size) to draw, that of the strategy over the candidates drawn, and a copy of their inputs.

    Use it where the pool is too large for a strategy whose cost grows with it; not to find rare items, which the draw
    leaves out as often as all others.
    """
    strategy = resolve(strategy)
    if size is not None and share is not None:
        raise InputError("subsample takes size or share, not both.")
    if size is not None:
        size = whole(size, 1, "subsample: size")
    if share is not None and number(share, 0, 1, "subsample: share") == 0:
        raise InputError("subsample: share must be above 0; got 0.")

    def pick(pool: Candidates, k: int) -> Picked:
        for_draw, for_picks = children(pool.rng, 2)
        wanted = int(np.ceil(share * pool.n)) if share is not None else size or SUBSAMPLE
        wanted = max(k, wanted)
        if wanted >= pool.n:
            return pool.pick(strategy, k, for_picks)
        rows = np.sort(for_draw.choice(pool.n, wanted, replace=False, shuffle=False)).astype(np.int64)
        picked = pool.pick(strategy, k, for_picks, rows)
        said = f"{wanted} of {pool.n} candidates were drawn."
        return picked._replace(probabilities=None, note=" ".join(filter(None, [said, picked.note])))

    return compose(subsample, (strategy,), pick, stochastic=True, size=size, share=share)


def partitioned(strategy: Part, *, parts: int = 10) -> Strategy:
    """The pool split at random into equal parts, from each of which a strategy picks its share of the batch.

    There are ``parts`` of them, but at most k. The first picks of all parts come first, then the second ones; a pick's
    score is that of the strategy in its part. The batch is made for its k: a smaller one is not its beginning.

    Source: Citovsky et al. 2021, arXiv:2107.14263, run BADGE so.

    Cost: that of the strategy over N/parts candidates and k/parts picks, ``parts`` times; one part's inputs are copied
    at a time.

    Use it for large batches from large pools, where a strategy's cost grows with N·k: the split divides it by nearly
    the number of parts (for 1,000 of 100,000 items in ten parts, badge and k_center took a seventh of the time); not
    with so many parts that each gives a pick or two, which look alike.
    """
    strategy, parts = resolve(strategy), whole(parts, 1, "partitioned: parts")

    def pick(pool: Candidates, k: int) -> Picked:
        split, *streams = children(pool.rng, 1 + min(parts, k))
        if len(streams) == 1:
            return pool.pick(strategy, k, streams[0])
        chunks = np.array_split(split.permutation(pool.n), len(streams))  # the first ones are the longer ones
        shares = [len(chunk) for chunk in np.array_split(np.arange(k), len(streams))]
        picks = [
            pool.pick(strategy, share, stream, np.sort(chunk))
            for chunk, share, stream in zip(chunks, shares, streams, strict=True)
        ]
        turns = np.concatenate([np.arange(share) for share in shares])
        places = np.split(ranks(turns), np.cumsum(shares)[:-1])
        whole_batch = joined(picks, places, f"The pool was split at random into {len(streams)} parts.")
        return whole_batch._replace(probabilities=None)

    return compose(partitioned, (strategy,), pick, stochastic=True, parts=parts)


def class_balanced(strategy: Part) -> Strategy:
    """As equal a number of picks as can be from each predicted class, the strategy's best ones of each.

    Every pick comes from the class with the fewest labels so far, counting ``labels``, if given, and the picks before
    it; ties between classes are broken at random, and classes with no candidate left are passed over. A strategy that
    scores is asked once, and the highest scores of each class are taken; any other picks from each class's candidates
    by themselves. A pick's score is that of the strategy.

    Source: Bengar et al. 2022, arXiv:2110.04543, and Zhao et al. 2021, arXiv:2007.08479, balance by predicted class.

    Cost: that of the strategy, and O(N·C + k·log C) time, O(N) memory; for a strategy that picks by itself, a copy of
    one class's inputs at a time.

    Use it where classes differ much in size and all count, from the time when the model finds the rare ones at all; not
    where the rare predictions are mostly mistakes, on which it then spends half the labels.
    """
    strategy = resolve(strategy)

    def pick(pool: Candidates, k: int) -> Picked:
        probs = pool.inputs["probs"]
        classes = int(probs.shape[1])
        predicted = to_numpy(namespace(probs).argmax(probs, axis=1))
        sizes = np.bincount(predicted, minlength=classes)
        labeled = _labeled(pool, classes)
        picked = of_each_class(
            pool, strategy, predicted, lambda rng: _turns(k, sizes, labeled, rng.permutation(classes))
        )
        counts = np.unique(predicted[picked.indices], return_counts=True)[1]
        least, most = counts.min(), counts.max()
        each = f"{least}" if least == most else f"{least} to {most}"
        return picked._replace(note=f"{len(counts)} predicted classes have {each} picks each.")

    return compose(class_balanced, (strategy,), pick, needs=("probs",), optional=("labels",))


def _labeled(pool: Candidates, classes: int) -> Indices:
    """How many labels each class has; those of classes that the model does not know count nowhere."""
    labels = pool.inputs.get("labels")
    return np.zeros(classes, dtype=np.int64) if labels is None else np.bincount(labels, minlength=classes)[:classes]


def _turns(k: int, sizes: Indices, labeled: Indices, order: Indices) -> Indices:
    """The class of each of k picks: always the one with the fewest labels and picks that has a candidate left."""
    left = sizes.copy()
    queue = [(int(labeled[code]), int(order[code]), int(code)) for code in np.flatnonzero(sizes)]
    heapq.heapify(queue)
    turns = np.empty(k, dtype=np.int64)
    for place in range(k):
        count, rank, code = queue[0]
        turns[place] = code
        left[code] -= 1
        if left[code]:
            heapq.heapreplace(queue, (count + 1, rank, code))
        else:
            heapq.heappop(queue)
    return turns
