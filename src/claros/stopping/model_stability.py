"""Stop when the linear last layer no longer turns."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from claros.arrays import Floats, to_numpy
from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.rule import Decision, Observation, Rule, recorded

__all__ = ["ModelStability"]

#: A class without weights and with at most this bias is one that the model has not seen: no probability to speak of.
UNSEEN_BIAS = -50.0


@dataclass(frozen=True)
class ModelStability(Rule):
    """Stops when successive linear heads point the same way: least cosine of the last rounds, in [-1, 1].

    Weights and bias of all classes are one vector, and each of the last ``window`` cosines, with the round before,
    must be at least ``threshold``; that takes ``window`` + 1 rounds. What all classes share (the mean over the
    classes) is taken off first: no prediction depends on it. Classes that the model has not seen (no weights, a bias
    of -50 or less) are left out, and a round in which that set changed, or the classes grew, is waited for; so is a
    head of zeros. Fewer classes, or other columns, are an error. Only for models whose head is warm-started or is the
    one minimum of a convex loss: a network trained from scratch points elsewhere each time and predicts the same. The
    cosine does not see the head's length, which may still grow.

    O(window · C · D) time; an observation is 16/3 bytes a weight, as float32 in base64: 27 kB for 10 classes and 512
    columns.

    Departures: this is a plain form of the family, not one paper's; defaults are ours.

    >>> rule = ModelStability(window=1)
    >>> heads = ([[1.0, 0.0], [0.0, 1.0]], [[3.0, 0.0], [0.0, 3.0]])
    >>> print(rule.decide([rule.observe(head_weights=head, head_bias=[0.0, 0.0]) for head in heads]).value)
    1.0
    """

    threshold: float = 0.999
    window: int = 3

    name = "model_stability"
    needs = ("head_weights", "head_bias")
    assumes = (
        "The head is warm-started or the minimum of a convex loss, over features that no training changes, with the "
        "same regularisation in every round."
    )
    reference = "the distance between successive models, after Zhang, Cai, Wang & Zhang 2017, ACM TIST"

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", number(self.threshold, -1, 1, f"{self.name}: threshold"))
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The head of the classes seen, centred and brought to at most 1, as float32."""
        weights, bias = (to_numpy(inputs[name]).astype(np.float64) for name in self.needs)
        classes, columns = weights.shape
        seen = np.any(weights != 0, axis=1) | (bias > UNSEEN_BIAS)
        head = np.column_stack([weights, bias])
        peak = np.abs(head[seen]).max(initial=0.0) or 1.0
        head = np.where(seen[:, None], head / peak, 0.0)
        head[seen] -= head[seen].mean(axis=0) if seen.any() else 0.0
        top = np.abs(head).max() or 1.0
        packed = (head / top).astype("<f4").tobytes()
        return {
            "classes": classes,
            "columns": columns,
            "unseen": np.flatnonzero(~seen).tolist(),
            "head": binascii.b2a_base64(packed, newline=False).decode("ascii"),
        }

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when every one of the last cosines reaches the threshold."""
        seen = trace[-self.window - 1 :]
        heads = [self._head(observation) for observation in seen]
        self._check_shapes(seen, len(trace) - len(seen))
        if len(heads) <= self.window:
            return self._wait(
                f"{len(heads)} of {self.window + 1} rounds are seen; the first that can stop is round {self.window}, "
                "counted from 0."
            )
        known = [(observation["classes"], observation["unseen"]) for observation in seen]
        if any(before != after for before, after in pairwise(known)):
            return self._wait(f"The classes that the model knows changed in the last {self._rounds()}.")
        if not all(head.any() for head in heads):
            return self._wait(f"One of the last {self.window + 1} heads is 0, which points nowhere.")
        least = min(_cosine(before, after) for before, after in pairwise(heads))
        stop = least >= self.threshold
        reason = (
            f"The least cosine of a head with the one before, in the last {self._rounds()}, is {least:.6f}, "
            f"{'at least' if stop else 'below'} {self.threshold:g}."
        )
        return Decision(stop, True, least, self.threshold, reason)

    def _head(self, observation: Observation) -> Floats:
        text, classes, columns, _ = (
            recorded(observation, key, self.name) for key in ("head", "classes", "columns", "unseen")
        )
        try:
            head = np.frombuffer(binascii.a2b_base64(text), dtype="<f4")
        except (ValueError, TypeError) as error:
            raise InputError(f"{self.name}: an observation's head is damaged ({error}).") from error
        if head.size != classes * (columns + 1):
            raise InputError(f"{self.name}: an observation's head has {head.size} numbers, not {classes} x {columns}.")
        return head.astype(np.float64)

    def _check_shapes(self, seen: Sequence[Observation], first: int) -> None:
        for place, (before, after) in enumerate(pairwise(seen), start=first + 1):
            for key in ("classes", "columns"):
                if before[key] > after[key] or (key == "columns" and before[key] != after[key]):
                    raise InputError(
                        f"{self.name}: the head had {before[key]} {key} and has {after[key]} in round {place}; pass "
                        "the head of all classes, over features that stay the same."
                    )

    def _rounds(self) -> str:
        return f"{self.window} {'round' if self.window == 1 else 'rounds'}"

    def _wait(self, reason: str) -> Decision:
        return Decision.not_ready(reason, self.threshold)


def _cosine(one: Floats, other: Floats) -> float:
    """Exactly 1 where both are equal: √(x·x) of a float x is x."""
    cosine = float(one @ other) / float(np.sqrt((one @ one) * (other @ other)))
    return max(-1.0, min(1.0, cosine))
