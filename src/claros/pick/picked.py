"""What a strategy returns."""

from __future__ import annotations

from typing import NamedTuple

from claros.arrays import Floats, Indices

__all__ = ["Picked"]


class Picked(NamedTuple):
    """Positions in the order picked, each one's score at that moment, and the chance it was drawn with, if it was.

    ``note`` is a sentence on how the batch came about, from a strategy that has more than one way; else empty.
    """

    indices: Indices
    scores: Floats
    probabilities: Floats | None = None
    note: str = ""
