"""Named random streams: everything random in Claros is drawn from one of these."""

from __future__ import annotations

import hashlib

import numpy as np

from claros.errors import InputError

__all__ = ["stream"]


def stream(seed: int, purpose: str, round: int = 0) -> np.random.Generator:
    """The generator of (seed, purpose, round): the same three give the same draws, on every machine.

    Two purposes never share a stream, so that changing what one part draws cannot change another, and a campaign
    that was killed and resumed picks the very same items.

    >>> float(stream(0, "start").random()) == float(stream(0, "start").random())
    True
    >>> float(stream(0, "start").random()) == float(stream(0, "strategy").random())
    False
    """
    if seed < 0 or round < 0:
        raise InputError(f"seed and round must be non-negative integers; got seed={seed}, round={round}.")
    digest = int.from_bytes(hashlib.sha256(purpose.encode()).digest(), "big")
    return np.random.default_rng([int(seed), digest, int(round)])
