"""Named random streams: everything random in Claros is drawn from one of these."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from claros.errors import InputError

__all__ = ["Streams", "beside", "fingerprint", "generator", "stream"]


def stream(seed: int, purpose: str, round: int = 0) -> np.random.Generator:
    """The generator of (seed, purpose, round): the same three give the same draws, on every machine.

    Two purposes never share a stream, so that changing what one part draws cannot change another, and a campaign
    that was killed and resumed picks the very same items.

    >>> float(stream(0, "start").random()) == float(stream(0, "start").random())
    True
    >>> float(stream(0, "start").random()) == float(stream(0, "strategy").random())
    False
    """
    if not _is_count(seed) or not _is_count(round):
        raise InputError(f"seed and round must be non-negative integers; got seed={seed!r}, round={round!r}.")
    digest = int.from_bytes(hashlib.sha256(purpose.encode()).digest(), "big")
    return np.random.default_rng([int(seed), digest, int(round)])


def _is_count(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= 0


def generator(seed: int | None, rng: np.random.Generator | None, purpose: str) -> np.random.Generator:
    """The ``rng`` that was passed, else the stream of (``seed``, purpose), seed 0 if none was; not both."""
    if rng is not None and seed is not None:
        raise InputError("Pass seed= or rng=, not both.")
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise InputError(f"rng must be a numpy.random.Generator, as default_rng(0) makes one; got {rng!r:.80}.")
    return rng if rng is not None else stream(0 if seed is None else seed, purpose)


class Streams(np.random.Generator):
    """A stream with others beside it, by purpose; whoever knows of one purpose only draws from it as from any.

    So a model is given one ``rng`` and may still draw the order of its data from another stream than its weights.
    """

    def __init__(self, own: np.random.BitGenerator, others: Mapping[str, np.random.Generator] | None = None) -> None:
        super().__init__(own)
        self.others = dict(others or {})


def beside(rng: np.random.Generator, purpose: str) -> np.random.Generator:
    """The stream of that purpose that came with ``rng``; ``rng`` itself where none did.

    >>> both = Streams(stream(0, "model").bit_generator, {"order": stream(1, "order")})
    >>> float(beside(both, "order").random()) == float(stream(1, "order").random())
    True
    >>> alone = stream(0, "model")
    >>> beside(alone, "order") is alone
    True
    """
    others: Mapping[str, np.random.Generator] = getattr(rng, "others", {})
    return others.get(purpose, rng)


def fingerprint(rng: np.random.Generator) -> dict[str, Any]:
    """The state of ``rng`` and of what came with it, to see whether two would draw the same."""
    others: Mapping[str, np.random.Generator] = getattr(rng, "others", {})
    return {"": rng.bit_generator.state, **{name: other.bit_generator.state for name, other in others.items()}}
