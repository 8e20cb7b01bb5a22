"""From one round to the next: what rules share that compare the predictions of successive models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeVar

from claros.arrays import Indices
from claros.errors import InputError
from claros.stopping.predictions import check_same_stop_set, unpack
from claros.stopping.rule import Decision, Observation, recorded

__all__ = ["KEPT", "check_on_constant", "measured", "one_class", "too_early", "waits_for_classes"]

T = TypeVar("T")

#: So many rounds and steps are remembered: a replay comes by each step once for every window that holds it.
KEPT = 64


def measured(
    measure: Callable[..., T], trace: Sequence[Observation], window: int, who: str, *parameters: Any
) -> tuple[int, list[T]]:
    """How many items the stop set has, and ``measure(before, after, *parameters)`` of the last ``window`` steps.

    Fewer steps come back while the trace is shorter; another stop set is an `InputError`. Predictions are packed by
    `claros.stopping.predictions.pack`. A step is measured once however many windows hold it, so ``measure`` must be a
    function of its arguments alone, and its parameters hashable.
    """
    packed = [_packed(observation, who) for observation in trace[-min(len(trace), window + 1) :]]
    sizes = [_unpacked(*round, who).size for round in packed]
    check_same_stop_set(sizes, len(trace), who)
    return sizes[0], [_step(measure, before, after, who, parameters) for before, after in pairwise(packed)]


def _packed(observation: Observation, who: str) -> tuple[int, str]:
    bits, codes = recorded(observation, "bits", who), recorded(observation, "codes", who)
    if not isinstance(bits, int) or not isinstance(codes, str):
        raise InputError(f"{who}: an observation's predictions are damaged (bits {bits!r}, codes {codes!r:.40}).")
    return bits, codes


@lru_cache(maxsize=KEPT)
def _unpacked(bits: int, codes: str, who: str) -> Indices:
    return unpack({"bits": bits, "codes": codes}, who)


@lru_cache(maxsize=KEPT)
def _step(
    measure: Callable[..., Any], before: tuple[int, str], after: tuple[int, str], who: str, parameters: tuple[Any, ...]
) -> Any:
    return measure(_unpacked(*before, who), _unpacked(*after, who), *parameters)


def one_class(before: Indices, after: Indices) -> bool:
    """Whether both name one and the same class for everything; (T,), (T,) class codes."""
    return bool((before == before[0]).all() and (after == before[0]).all())


def check_on_constant(value: str, who: str) -> None:
    """Raise an `InputError` unless it is "wait" or "agree"."""
    if value not in ("wait", "agree"):
        raise InputError(f"{who}: on_constant must be 'wait' or 'agree'; got {value!r}.")


def too_early(rounds: int, window: int, threshold: float | None) -> Decision:
    """The decision while fewer than ``window`` + 1 rounds are seen, so that fewer than ``window`` steps are."""
    return Decision.not_ready(
        f"{rounds} of {window + 1} rounds are seen; the first that can stop is round {window}, counted from 0.",
        threshold,
    )


def waits_for_classes(constant: int, window: int, n: int, threshold: float | None) -> Decision:
    """The decision where in some of the last ``window`` steps both models named one and the same class throughout."""
    return Decision.not_ready(
        f"In {constant} of the last {window} rounds all {n} predictions on the stop set were one class, as in the "
        "round before, so agreement says nothing yet.",
        threshold,
    )
