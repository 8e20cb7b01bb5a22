"""What several labels tell together, by members whose predictions are independent of each other given the member.

A committee, an ensemble or a posterior sample of S members is a mixture: the chance of labels y and y' of two items is
the mean over the members of the product of their probabilities.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from claros.arrays import (
    Array,
    Floats,
    Indices,
    block_bytes,
    device,
    fast_dtype,
    from_numpy,
    map_rows,
    namespace,
    row_blocks,
    to_numpy,
)
from claros.measures.disagreement import consensus, noise
from claros.measures.predictive import entropy, plogp

__all__ = ["Cases", "conditional_entropy", "expected_change", "expected_entropy", "pair_information", "shared_changes"]

#: A case with less weight than this is left out.
NEGLIGIBLE = 1e-20


class Cases:
    """What the labels of a growing batch may turn out to be: each case's weight (M,), and (M, S) what it would say.

    ``posterior`` has the members' weights given a case's labels. All cases are enumerated while there are at most
    ``samples``; beyond that so many are drawn, each from a member's predictions, the members in turn, and extended by
    a label at every pick.
    """

    def __init__(self, members: int, samples: int) -> None:
        self.samples = samples
        self.weights = np.ones(1)
        self.posterior = np.full((1, members), 1.0 / members)
        self._picked: list[Floats] = []  # (S, C) each
        self._drawn_from: Indices | None = None

    def extend(self, probs: Floats, rng: np.random.Generator) -> None:
        """Add an item of which the members predict ``probs`` (S, C)."""
        self._picked.append(probs)
        if self._drawn_from is not None:
            self._draw(self._drawn_from, probs, rng)
        elif len(self.weights) * probs.shape[1] <= self.samples:
            self._enumerate(probs)
        else:
            members = len(probs)
            self._drawn_from = rng.permutation(members)[np.arange(self.samples) % members]
            self.weights = np.full(self.samples, 1.0 / self.samples)
            self.posterior = np.full((self.samples, members), 1.0 / members)
            for earlier in self._picked:
                self._draw(self._drawn_from, earlier, rng)

    def _enumerate(self, probs: Floats) -> None:
        joint = (self.posterior[:, None, :] * probs.T[None]).reshape(-1, len(probs))  # (M·C, S)
        shares = joint.sum(axis=1)
        weights = np.repeat(self.weights, probs.shape[1]) * shares
        kept = weights > NEGLIGIBLE
        self.weights, self.posterior = weights[kept], joint[kept] / shares[kept, None]

    def _draw(self, drawn_from: Indices, probs: Floats, rng: np.random.Generator) -> None:
        cumulative = np.cumsum(probs, axis=1)
        last = np.argmax(cumulative >= cumulative[:, -1:], axis=1)  # the last class that has any probability
        shares = rng.random(len(drawn_from)) * cumulative[drawn_from, -1]
        labels = np.minimum(np.sum(cumulative[drawn_from] <= shares[:, None], axis=1), last[drawn_from])
        joint = self.posterior * probs.T[labels]
        self.posterior = joint / joint.sum(axis=1, keepdims=True)


def conditional_entropy(member_probs: Array, cases: Cases) -> Array:
    """Entropy in nats of each item's label once the cases' labels are known; (N, S, C) -> (N,), in [0, log C].

    The mean over the cases of the entropy of the members' average, weighted as the case says. With M cases
    O(N·C·M·S) time, O(N + M·S) memory.
    """
    xp, classes, dtype = namespace(member_probs), int(member_probs.shape[2]), _product_dtype(member_probs)
    turned = _positive(xp.astype(from_numpy(np.ascontiguousarray(cases.posterior.T), member_probs), dtype))  # (S, M)
    weights = xp.astype(from_numpy(cases.weights, member_probs), dtype)

    def score(block: Array) -> Array:  # (rows, S, C)
        chances = xp.matmul(_positive(_class_first(block, dtype)), turned)  # (rows, C, M)
        terms = xp.log(chances)
        terms *= chances
        return 0.0 - xp.sum(terms @ weights, axis=1)

    return map_rows(score, member_probs, 8 * classes * len(cases.weights))


def expected_entropy(member_probs: Array) -> Array:
    """Mean of the members' entropies in nats; (N, S, C) -> (N,), in [0, log C]. O(N·S·C) time, O(N) memory."""
    members, classes = (int(size) for size in member_probs.shape[1:])
    return map_rows(
        lambda block: (
            namespace(block).sum(plogp(namespace(block).reshape(block, (block.shape[0], -1))), axis=1) / -members
        ),
        member_probs,
        8 * members * classes,
    )


def pair_information(member_probs: Array, targets: Array) -> Array:
    """Mean information of an item's label on a target's, in nats; (N, S, C), (M, S, C) -> (N,), in [0, log C].

    H(y) + H(y') - H(y, y'), averaged over the targets. What is below the rounding of the inputs' precision counts as
    0. One product an item, so that equal items get equal scores. O(N·M·C²·S) time, O(N + M·S·C) memory.
    """
    xp = namespace(member_probs)
    (count, members, classes), dtype = (int(size) for size in targets.shape), _product_dtype(member_probs)
    chunks = list(row_blocks(count, 64 * classes**2, block_bytes(member_probs)))
    turned = [_positive(_turned(targets[rows], dtype)) / members for rows in chunks]

    def score(block: Array) -> Array:  # (rows, S, C)
        of_class = _positive(_class_first(block, dtype))
        total = xp.zeros(block.shape[0], dtype=xp.float64, device=device(block))
        for columns in turned:
            both = xp.matmul(of_class, columns)  # (rows, C, targets·C)
            total += xp.sum(xp.astype(xp.vecdot(both, xp.log(both)), xp.float64), axis=1)
        return total

    together = map_rows(score, member_probs, 8 * classes**2 * chunks[0].stop) / count
    information = consensus(entropy, member_probs) + xp.mean(consensus(entropy, targets)) + together
    rounding = noise(member_probs, classes**2)
    return xp.where(information > rounding, information, xp.zeros_like(information))


def expected_change(member_probs: Array, targets: Array) -> Array:
    """How far an item's label is expected to move a target's prediction; (N, S, C), (M, S, C) -> (N,), in [0, 2].

    Mean over the targets, and expectation over the label, of the squared distance from the mean prediction to the one
    that the members give when each is weighted by how well it predicted the label. That is a quadratic form in the
    members' deviations from their mean, whose (S, S) matrix sums over all targets at once: so there is nothing of
    size N x M. Exactly 0 where all members agree on the item. O((N·S + M·S)·S·C) time, O(N + M·S·C) memory.
    """
    xp = namespace(member_probs)
    (members, classes), dtype = (int(size) for size in member_probs.shape[1:]), _product_dtype(member_probs)
    deviations = to_numpy(_turned(_apart(targets), xp.float64))  # (S, M·C)
    values, vectors = np.linalg.eigh(deviations @ deviations.T / (members**2 * int(targets.shape[0])))
    root = xp.astype(from_numpy(vectors * np.sqrt(np.maximum(values, 0.0)), member_probs), dtype)

    def score(block: Array) -> Array:  # (rows, S, C)
        moved = xp.matmul(_class_first(_apart(block), dtype), root)  # (rows, C, S)
        return xp.sum(xp.sum(moved * moved, axis=2) / _at_least_tiny(xp.mean(block, axis=1)), axis=1)

    return map_rows(score, member_probs, 24 * members * classes)


def shared_changes(member_probs: Array, targets: Array, *, information: bool = False) -> Array:
    """The terms of `expected_change`, or of `pair_information`, target by target; (N, S, C), (M, S, C) -> (N, M).

    In float64. O(N·M·C²·S) time, O(N·M + (N + M)·S·C) memory: for a short list of items.
    """
    xp = namespace(member_probs)
    member_probs, targets = xp.astype(member_probs, xp.float64), xp.astype(targets, xp.float64)
    count, members, classes = (int(size) for size in targets.shape)
    out = xp.empty((member_probs.shape[0], count), dtype=xp.float64, device=device(member_probs))
    own = consensus(entropy, member_probs)
    size = block_bytes(member_probs)
    for columns in row_blocks(count, 8 * classes**2, size):
        some = targets[columns]
        turned = _turned(some if information else _apart(some), xp.float64) / members
        width = columns.stop - columns.start
        for rows in row_blocks(int(member_probs.shape[0]), 8 * classes**2 * width, size):
            block = member_probs[rows]
            product = xp.matmul(_class_first(block if information else _apart(block), xp.float64), turned)
            if information:
                terms = xp.sum(plogp(product), axis=1)
            else:
                terms = xp.sum(product * product / _at_least_tiny(xp.mean(block, axis=1))[:, :, None], axis=1)
            out[rows, columns] = xp.sum(xp.reshape(terms, (-1, width, classes)), axis=2)
        if information:
            out[:, columns] += own[:, None] + consensus(entropy, some)[None, :]
    return xp.clip(out, min=0.0)


def _product_dtype(member_probs: Array) -> Any:
    """The precision of products: that of the predictions, or float64 where torch may round float32 products further."""
    xp = namespace(member_probs)
    return xp.float64 if member_probs.dtype == xp.float64 else fast_dtype(member_probs)


def _class_first(block: Array, dtype: Any) -> Array:
    """(rows, S, C) -> (rows, C, S)."""
    xp = namespace(block)
    return xp.astype(xp.permute_dims(block, (0, 2, 1)), dtype, copy=False)


def _turned(member_probs: Array, dtype: Any) -> Array:
    """Members first, all items' classes beside each other: (M, S, C) -> (S, M·C)."""
    xp = namespace(member_probs)
    members = int(member_probs.shape[1])
    return xp.astype(xp.reshape(xp.permute_dims(member_probs, (1, 0, 2)), (members, -1)), dtype)


def _apart(member_probs: Array) -> Array:
    """The members' deviations from their mean; exactly 0 where all agree."""
    xp = namespace(member_probs)
    apart = member_probs - member_probs[:, :1, :]
    return apart - xp.mean(apart, axis=1, keepdims=True)


def _at_least_tiny(probs: Array) -> Array:
    xp = namespace(probs)
    return xp.clip(probs, min=float(xp.finfo(probs.dtype).smallest_normal))


def _positive(probs: Array) -> Array:
    """0 replaced by so little that the product of two is still above 0, and its logarithm finite."""
    xp = namespace(probs)
    return xp.clip(probs, min=4.0 * math.sqrt(float(xp.finfo(probs.dtype).smallest_normal)))
