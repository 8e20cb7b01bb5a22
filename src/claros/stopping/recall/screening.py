"""What the rules for finding all relevant items share: the screening as bits, and when a target is missed."""

from __future__ import annotations

import binascii
import math
import zlib
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Indices
from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.rule import Observation, Rule, recorded

__all__ = [
    "NO_GUARANTEE",
    "RecallRule",
    "Screened",
    "class_code",
    "least_total_missed",
    "level",
    "pack",
    "pool_size",
    "target",
    "unpack",
]

#: What most of these rules promise.
NO_GUARANTEE = "None: the rule promises no recall, neither at one look nor over a screening."

#: A count over a share may be a rounding error below a whole number, as 57 / 0.95 may be below 60.
ROUNDING = 1e-9


class RecallRule(Rule):
    """A rule that says when enough of the relevant items are found.

    Besides what every rule has, it says what it promises: ``guarantee``, one sentence.
    """

    @property
    @abstractmethod
    def guarantee(self) -> str:
        """What is promised about recall, per look and over a whole screening, in one sentence."""

    def _set(self, **checked: Any) -> None:
        """Put checked parameters in their place."""
        for parameter, value in checked.items():
            object.__setattr__(self, parameter, value)


@dataclass(frozen=True, eq=False)
class Screened:
    """What was screened so far: which of the items were relevant, in the order of screening."""

    relevant: npt.NDArray[np.bool_]

    @property
    def n(self) -> int:
        """How many items were screened."""
        return self.relevant.size

    @property
    def found(self) -> int:
        """How many of them were relevant."""
        return int(np.count_nonzero(self.relevant))

    @property
    def ranks(self) -> Indices:
        """The places of the relevant ones in the order of screening, counted from 1; ascending."""
        return np.flatnonzero(self.relevant) + 1


def pack(labels: Indices, relevant: int) -> dict[str, Any]:
    """Class codes (L,) as JSON: one bit an item, deflated, in base64; some 1 to 2 kB for 100,000 with few relevant."""
    bits = zlib.compress(np.packbits(labels == relevant).tobytes())
    return {"screened": int(labels.size), "bits": binascii.b2a_base64(bits, newline=False).decode("ascii")}


def unpack(observation: Observation, who: str) -> Screened:
    """What was screened at that look."""
    n, text = recorded(observation, "screened", who), recorded(observation, "bits", who)
    try:
        size = -(-n // 8)
        bits = zlib.decompressobj().decompress(binascii.a2b_base64(text), size + 1)
        if len(bits) != size:
            raise ValueError(f"{len(bits)} bytes for {n} items")
        return Screened(np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=n).view(np.bool_))
    except (ValueError, TypeError, zlib.error) as error:
        raise InputError(f"{who}: an observation's screened items are damaged ({error}).") from error


def pool_size(inputs: Inputs, screened: int, who: str) -> int:
    """The size of the whole collection, or an `InputError` if more than that was screened."""
    n_pool = int(inputs["n_pool"])
    if n_pool < screened:
        raise InputError(
            f"{who}: n_pool is {n_pool}, but {screened} items are screened; pass the size of the whole collection, "
            "with what is screened."
        )
    return n_pool


def least_total_missed(found: int, recall: float) -> int:
    """The least number of relevant items in all of which ``found`` are less than the share ``recall``.

    >>> [least_total_missed(found, 0.95) for found in (0, 18, 19, 57)]
    [1, 19, 21, 61]
    """
    return math.floor(found / recall + ROUNDING) + 1


def target(recall: Any, who: str) -> float:
    """A target recall, in (0, 1]."""
    if number(recall, 0, 1, f"{who}: recall") == 0:
        raise InputError(f"{who}: recall must be above 0, at most 1; got {recall!r}.")
    return float(recall)


def level(alpha: Any, who: str) -> float:
    """An error rate, in (0, 1)."""
    if number(alpha, 0, 1, f"{who}: alpha") in (0, 1):
        raise InputError(f"{who}: alpha must be between 0 and 1, neither of them; got {alpha!r}.")
    return float(alpha)


def class_code(relevant: Any, who: str) -> int:
    """The code of the class that is looked for."""
    return whole(relevant, 0, f"{who}: relevant")
