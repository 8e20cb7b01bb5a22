"""Strategies for sequences of tags: one score an item from the predictions of its tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from claros.arrays import Array, Floats, row_blocks, to_numpy
from claros.strategy import scorer

__all__ = ["mnlp", "token_uncertainty"]

STEP_BYTES = 1 << 21


@scorer(reference="Shen et al. 2018, ICLR, arXiv:1707.05928", rowwise=True)
def mnlp(*, token_probs: Array) -> Floats:
    """Minus the mean log-probability of the most probable tags, over the item's tokens; nats, at least 0.

    The log-probability of the best tagging, divided by the number of tokens, so that long items do not come first for
    their length alone. Items without a token score 0.

    Departures: the tokens' tags are taken as independent, so that the best tagging is the best tag of each.

    Cost: O(N·W·C) time, O(N) memory.

    Use it for named entities and other tagging with any model that gives probabilities of tags; not where a few hard
    tokens in a long item are what matters: `token_uncertainty` with reduce="max".
    """
    return _reduced(token_probs, lambda block: -np.log(np.maximum(block.max(axis=2), 1e-300)), "mean")


@scorer(reference="Settles & Craven 2008, EMNLP; Kaiser et al. 2021", rowwise=True)
def token_uncertainty(
    *,
    token_probs: Array,
    measure: Literal["entropy", "margin", "least_confidence"] = "entropy",
    reduce: Literal["mean", "sum", "max"] = "mean",
) -> Floats:
    """Uncertainty of the item's tokens: their mean, sum or maximum; at least 0.

    ``measure`` is each token's entropy in nats, 1 minus its margin, or 1 minus its largest probability. The sum is the
    total token entropy of the literature, which prefers long items. Items without a token score 0.

    Cost: O(N·W·C) time, O(N) memory.

    Use it where `mnlp` is too coarse; the sum where reading a longer item costs no more, the maximum where one tag is
    looked for; not to compare items of very different lengths by their sum.
    """
    return _reduced(token_probs, lambda block: _uncertainty(block, measure), reduce)


def _uncertainty(block: Floats, measure: str) -> Floats:
    if measure == "entropy":
        found: Floats = -np.sum(np.where(block > 0, block * np.log(np.maximum(block, 1e-300)), 0.0), axis=2)
        return found
    if measure == "least_confidence" or block.shape[2] == 1:
        return np.asarray(1.0 - block.max(axis=2))
    top = np.partition(block, -2, axis=2)
    return np.asarray(1.0 - (top[..., -1] - top[..., -2]))


def _reduced(token_probs: Array, score: Callable[[Floats], Floats], reduce: str) -> Floats:
    """One number an item of those of its tokens, where there is a token."""
    table = to_numpy(token_probs)
    found = np.zeros(len(table))
    for rows in row_blocks(len(table), 8 * int(np.prod(table.shape[1:])), STEP_BYTES):
        block = table[rows].astype(np.float64)
        there = block.sum(axis=2) > 0.5
        values = np.where(there, score(block), 0.0)
        if reduce == "max":
            found[rows] = values.max(axis=1)
        else:
            found[rows] = values.sum(axis=1) / (np.maximum(there.sum(axis=1), 1) if reduce == "mean" else 1.0)
    return found
