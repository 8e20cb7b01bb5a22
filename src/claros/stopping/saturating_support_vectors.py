"""Stop when a support vector machine finds no more support vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from claros.checks import whole
from claros.inputs import Inputs
from claros.stopping.rule import Decision, Observation, Rule, recorded

__all__ = ["SaturatingSupportVectors"]


@dataclass(frozen=True)
class SaturatingSupportVectors(Rule):
    """Stops when the number of support vectors no longer changes: its largest change over the last rounds is 0.

    The boundary depends on the support vectors alone, so labels that add none add nothing. Each of the last
    ``window`` counts is compared with the one of the round before, and none may differ by more than ``tolerance``:
    all of them in a row, so it takes ``window`` + 1 rounds. A tolerance above 0 lets a slow drift pass. It waits while
    there are no support vectors, as of one class. O(window) time; an observation is one number.

    Departures: the paper stops where the number saturates; ``window`` and ``tolerance`` say what that means here. The
    same number need not mean the same vectors.

    >>> rule = SaturatingSupportVectors()
    >>> trace = [rule.observe(n_support_vectors=n) for n in (18, 25, 27, 27, 27)]
    >>> print([rule.decide(trace[:n]).stop for n in (3, 4, 5)])
    [False, False, True]
    """

    window: int = 2
    tolerance: int = 0

    name = "saturating_support_vectors"
    needs = ("n_support_vectors",)
    assumes = (
        "The model is a support vector machine with the same C and kernel in every round, and the labels are picked "
        "near its boundary: far from it no label is a support vector."
    )
    reference = "Ertekin, Huang, Bottou & Giles 2007, CIKM"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        object.__setattr__(self, "tolerance", whole(self.tolerance, 0, f"{self.name}: tolerance"))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The count itself."""
        return {"support_vectors": inputs["n_support_vectors"]}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when no change among the last is above the tolerance."""
        threshold = float(self.tolerance)
        counts = [recorded(seen, "support_vectors", self.name) for seen in trace[-self.window - 1 :]]
        if len(counts) <= self.window:
            return Decision.not_ready(
                f"{len(counts)} of {self.window + 1} rounds are seen; the first that can stop is round {self.window}, "
                "counted from 0.",
                threshold,
            )
        if not all(counts):
            return Decision.not_ready(
                f"One of the last {self.window + 1} models has 0 support vectors, so it has no boundary yet.", threshold
            )
        change = max(abs(after - before) for before, after in pairwise(counts))
        stop = change <= self.tolerance
        reason = (
            f"The model has {counts[-1]} support vectors; in the last {self.window} "
            f"{'round' if self.window == 1 else 'rounds'} their number changed by {change} at most, "
            f"{'no more than' if stop else 'more than'} {self.tolerance}."
        )
        return Decision(stop, True, float(change), threshold, reason)
