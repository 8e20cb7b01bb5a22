"""Predictions on the stop set, as observations hold them: packed, unpacked, and the same items in every round."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np

from claros.arrays import Indices
from claros.errors import InputError
from claros.stopping.rule import Observation, recorded

__all__ = ["check_same_probs", "check_same_stop_set", "last_predictions", "pack", "reason_to_wait", "too_few", "unpack"]


def pack(codes: Indices, who: str) -> dict[str, Any]:
    """Class codes (T,) as JSON: base64 of the smallest unsigned integers that hold them."""
    if codes.size == 0:
        raise InputError(f"{who}: the stop set is empty; draw at least one item.")
    top = int(codes.max())
    bits = next((bits for bits in (8, 16, 32) if top < 1 << bits), None)
    if bits is None:
        raise InputError(f"{who}: stop_predictions must be class codes below 2**32; got {top}.")
    packed = np.ascontiguousarray(codes, dtype=f"<u{bits // 8}").tobytes()
    return {"bits": bits, "codes": binascii.b2a_base64(packed, newline=False).decode("ascii")}


def unpack(observation: Observation, who: str) -> Indices:
    """The class codes (T,) that were packed; unsigned, of any width."""
    bits, text = recorded(observation, "bits", who), recorded(observation, "codes", who)
    try:
        return np.frombuffer(binascii.a2b_base64(text), dtype=f"<u{bits // 8}")
    except (ValueError, TypeError) as error:
        raise InputError(f"{who}: an observation's predictions are damaged ({error}).") from error


def last_predictions(trace: Sequence[Observation], n: int, who: str) -> list[Indices]:
    """The class codes (T,) of the last ``n`` rounds, or of all if there are fewer; an error if the stop set changed."""
    predictions = [unpack(observation, who) for observation in trace[-min(len(trace), n) :]]
    check_same_stop_set([codes.size for codes in predictions], len(trace), who)
    return predictions


def check_same_stop_set(sizes: Sequence[int], rounds: int, who: str) -> None:
    """Raise an `InputError` where the stop set had another size than the round before; ``sizes`` of the last rounds."""
    changed = next((place for place in range(1, len(sizes)) if sizes[place] != sizes[place - 1]), None)
    if changed is not None:
        raise InputError(
            f"{who} needs the same stop set in every round; it had {sizes[changed - 1]} items and has {sizes[changed]} "
            f"in round {rounds - len(sizes) + changed}. Draw it once, before any query, and keep it as it is when its "
            "items are labeled."
        )


def check_same_probs(before: Observation, now: Observation, place: int, who: str) -> None:
    """Raise an `InputError` where two successive observations differ in their ``items``, or lost ``classes``.

    ``place`` is the later one's number in the trace. A class may join, but then whoever compares the two must wait.
    """
    check_same_stop_set([recorded(before, "items", who), recorded(now, "items", who)], place + 1, who)
    had, has = recorded(before, "classes", who), recorded(now, "classes", who)
    if had > has:
        raise InputError(
            f"{who}: stop_probs had {had} classes and has {has} in round {place}; pass all columns, zeros for classes "
            "that the model does not know."
        )


def reason_to_wait(trace: Sequence[Observation], who: str, rounds: int = 1) -> str | None:
    """Why a rule on ``stop_probs`` cannot judge the last ``rounds`` observations yet, as a sentence; None if it can.

    It waits until there are so many; where classes joined among them, or in the newest one, because figures before
    and after do not compare; and where a model gave all items the same probabilities: trained on one class it is
    certain, and knows nothing. Observations hold ``items``, ``classes`` and ``constant``, as `uncertainty.stop_set`
    makes them. Another stop set, or a lost class, is an `InputError`.
    """
    newest, first = len(trace) - 1, max(0, len(trace) - max(rounds, 2))
    seen = trace[first:]
    for place in range(1, len(seen)):
        check_same_probs(seen[place - 1], seen[place], first + place, who)
    if len(seen) < rounds:
        return too_few(len(seen), rounds)
    too_early = f"so the last {rounds} rounds do not compare yet"
    for place in range(len(seen) - 1, 0, -1):
        had, has = seen[place - 1]["classes"], seen[place]["classes"]
        if had < has:
            when = "this round" if first + place == newest else f"in round {first + place}, {too_early}"
            return f"The classes grew from {had} to {has} {when}."
    for place in range(len(seen) - 1, len(seen) - 1 - rounds, -1):
        if recorded(seen[place], "constant", who):
            one = f"all {recorded(seen[place], 'items', who)} items of the stop set the same probabilities"
            if first + place == newest:
                return f"The model gives {one}, so it knows nothing yet."
            return f"The model gave {one} in round {first + place}, {too_early}."
    return None


def too_few(seen: int, rounds: int) -> str:
    """The sentence of a rule that needs so many rounds, and has not seen them."""
    return f"{seen} of {rounds} rounds are seen; the first that can stop is round {rounds - 1}, counted from 0."
