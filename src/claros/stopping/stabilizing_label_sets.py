"""Stop when retraining no longer changes which labels the model gives, for tasks with several labels an item."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from claros.arrays import Indices
from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.measures.agreement import coded_alpha, label_sets
from claros.stopping.predictions import check_same_stop_set, pack, unpack
from claros.stopping.rule import Decision, Observation, Rule, reaches, recorded
from claros.stopping.steps import KEPT, check_on_constant, too_early

__all__ = ["StabilizingLabelSets"]

#: An observation's values: bits and codes as `pack` gives them, the number of labels, and the packed label sets.
_Packed: TypeAlias = tuple[int, str, int, str]


@dataclass(frozen=True)
class StabilizingLabelSets(Rule):
    """Stops when the label sets on the stop set agree from round to round: mean of the last alphas, at most 1.

    The form of ``stabilizing_predictions`` for tasks where an item has any number of labels. Krippendorff's alpha with
    the MASI distance, for which sets that share labels are near each other, compares each round's label sets with
    those of the round before; the rule stops when the mean of the last ``window`` alphas is at least ``threshold``. It
    takes ``window`` + 1 rounds, so the first that can stop is round number ``window``, counted from 0.

    Where two successive models both give the whole stop set one and the same label set, the empty one included, alpha
    is not defined. Such models have not learned yet, so the rule waits (``on_constant="wait"``);
    ``on_constant="agree"`` counts it as full agreement. A label that joins the task counts as not predicted before; one
    that goes missing is an error. O(window · U² · K) time for U different label sets, T log T to find them; an
    observation is T to 4 T bytes, in base64, and U · K bits.

    Departures: the paper is about one label an item; the multi-label form follows its authors' later program, which
    leaves the undefined case a NaN.

    >>> rule = StabilizingLabelSets(window=1)
    >>> trace = [rule.observe(stop_label_predictions=[[1, 0], [1, 1], [0, 0]]) for _ in range(2)]
    >>> print(rule.decide(trace).value, rule.decide(trace[:1]).ready)
    1.0 False
    """

    window: int = 3
    threshold: float = 0.99
    on_constant: str = "wait"

    name = "stabilizing_label_sets"
    needs = ("stop_label_predictions",)
    assumes = (
        "The stop set is a fixed random sample of the pool, best of 1000 items or more; "
        "a model that is stuck is stable too, so audit some random labels."
    )
    reference = "Bloodgood & Vijay-Shanker 2009, arXiv:1409.5165; Krippendorff 1980; Passonneau 2006"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", whole(self.window, 1, f"{self.name}: window"))
        object.__setattr__(self, "threshold", number(self.threshold, 0, 1, f"{self.name}: threshold"))
        check_on_constant(self.on_constant, self.name)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The different label sets, and which of them each item has, packed."""
        table = inputs["stop_label_predictions"]
        if table.size and int(table.max()) > 1:
            raise InputError(
                f"{self.name}: stop_label_predictions must be 1 where a label is predicted, else 0; "
                f"got {int(table.max())}."
            )
        sets, codes = label_sets(table)
        bits = binascii.b2a_base64(np.packbits(sets.astype(np.uint8), axis=1).tobytes(), newline=False)
        return {**pack(codes, self.name), "labels": int(table.shape[1]), "sets": bits.decode("ascii")}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the mean of the last ``window`` alphas reaches the threshold."""
        rounds = [self._packed(observation) for observation in trace[-min(len(trace), self.window + 1) :]]
        sizes, labels = zip(*(_shape(packed, self.name) for packed in rounds), strict=True)
        check_same_stop_set(sizes, len(trace), self.name)
        self._check_labels(labels, len(trace) - len(rounds))
        if len(trace) <= self.window:
            return too_early(len(trace), self.window, self.threshold)
        alphas = [_alpha(before, after, self.name) for before, after in pairwise(rounds)]
        n = sizes[0]
        if self.on_constant == "agree":
            alphas = [1.0 if alpha is None else alpha for alpha in alphas]
        defined = [alpha for alpha in alphas if alpha is not None]
        if len(defined) < self.window:
            return Decision.not_ready(
                f"In {self.window - len(defined)} of the last {self.window} rounds all {n} label sets on the stop set "
                "were the same, and that of the round before, so agreement says nothing yet.",
                self.threshold,
            )
        value = sum(defined) / self.window
        stop = reaches(value, self.threshold)
        reason = (
            f"Label sets of the {n} items of the stop set {'settled' if stop else 'still change'}: the mean of the "
            f"last {self.window} {'alpha' if self.window == 1 else 'alphas'} is {value:.4f}, "
            f"{'at least' if stop else 'below'} {self.threshold:g}."
        )
        return Decision(stop, True, value, self.threshold, reason)

    def _packed(self, observation: Observation) -> _Packed:
        values = tuple(recorded(observation, key, self.name) for key in ("bits", "codes", "labels", "sets"))
        if [*map(type, values)] != [int, str, int, str]:
            raise InputError(f"{self.name}: an observation's label sets are damaged ({str(values)[:80]}).")
        return values

    def _check_labels(self, labels: Sequence[int], first: int) -> None:
        for place in range(1, len(labels)):
            if labels[place] < labels[place - 1]:
                raise InputError(
                    f"{self.name}: stop_label_predictions had {labels[place - 1]} labels and has {labels[place]} in "
                    f"round {first + place}; pass all columns, zeros for labels that the model does not know."
                )


@lru_cache(maxsize=KEPT)
def _unpacked(bits: int, codes: str, labels: int, sets: str, who: str) -> tuple[Indices, Indices]:
    """Which label set each item has, (T,), and the different label sets, (U, K)."""
    which = unpack({"bits": bits, "codes": codes}, who)
    try:
        packed = np.frombuffer(binascii.a2b_base64(sets), dtype=np.uint8).reshape(-1, -(-labels // 8))
    except ValueError as error:
        raise InputError(f"{who}: an observation's label sets are damaged ({error}).") from error
    if int(which.max()) >= len(packed):
        raise InputError(f"{who}: an observation's label sets are damaged (there are {len(packed)} of them).")
    return which, np.unpackbits(packed, axis=1, count=labels).astype(np.int64)


def _shape(packed: _Packed, who: str) -> tuple[int, int]:
    return _unpacked(*packed, who)[0].size, packed[2]


@lru_cache(maxsize=KEPT)
def _alpha(before: _Packed, after: _Packed, who: str) -> float | None:
    """Alpha of one step, measured once however many windows hold it; a label that joined was not predicted before."""
    (first, old), (second, new) = _unpacked(*before, who), _unpacked(*after, who)
    if old.shape[1] < new.shape[1]:
        old = np.pad(old, ((0, 0), (0, new.shape[1] - old.shape[1])))
    sets, places = label_sets(np.concatenate([old, new]))
    return coded_alpha(places[: len(old)][first], places[len(old) :][second], sets)
