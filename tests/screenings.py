"""Screenings of a made-up collection, round by round, for the rules that look for all relevant items."""

from __future__ import annotations

import numpy as np

from claros.arrays import Indices
from claros.testing.rounds import Round

POOL, RELEVANT, BATCH, MEMBERS, SAMPLE = 600, 60, 20, 4, 200


def collection() -> Indices:
    """Which items are relevant."""
    return (np.arange(POOL) < RELEVANT).astype(np.int64)


def screening_rounds(signal: float, seed: int = 0, until: int = POOL) -> list[Round]:
    """Rounds of a ranker whose score is ``signal`` for a relevant item plus a standard normal number.

    The probabilities are exact, members of the committee rank like the ranker with errors of their own, and a random
    sample of the collection, drawn before, stands before the ranked screening where it is asked for.
    """
    rng = np.random.default_rng(seed)
    y = collection()
    scores = signal * y + rng.normal(size=POOL)
    order = np.argsort(-scores)
    p = 1 / (1 + np.exp(-(signal * scores - signal**2 / 2 + np.log(RELEVANT / (POOL - RELEVANT)))))
    probs = np.column_stack([1 - p, p])
    members = np.argsort(np.argsort(-(signal * y + rng.normal(size=(MEMBERS, POOL))), axis=1), axis=1)
    return [
        {
            "labels": y[order[:n]],
            "n_pool": POOL,
            "probs": probs[order[n:]],
            "labeled_probs": probs[order[:n]],
            "captures": (members[:, order[:n]] < n).T.astype(np.int64),
        }
        for n in range(BATCH, until + 1, BATCH)
    ]


def certified_rounds(signal: float, seed: int = 0, until: int = POOL) -> list[Round]:
    """The same, with the sample first, which is 1, and 2 where the ranking reaches its items."""
    drawn = np.random.default_rng(seed + 1000).permutation(POOL)[:SAMPLE]
    y, flags = collection(), np.zeros(POOL, dtype=np.int64)
    flags[drawn] = 2
    order = np.argsort(-(signal * y + np.random.default_rng(seed).normal(size=POOL)))
    return [
        {
            **inputs,
            "labels": np.concatenate([y[drawn], y[order[:n]]]),
            "labeled_at_random": np.concatenate([np.ones(SAMPLE, dtype=np.int64), flags[order[:n]]]),
        }
        for inputs in screening_rounds(signal, seed, until)
        for n in [inputs["labels"].size]
    ]
