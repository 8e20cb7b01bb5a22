"""What the rules that look at the last batch have in common: it may be missing, and then they wait."""

from __future__ import annotations

from collections.abc import Sequence

from claros.stopping.predictions import too_few
from claros.stopping.rule import Observation, recorded

__all__ = ["reason_to_wait_for_batches"]


def reason_to_wait_for_batches(trace: Sequence[Observation], who: str, rounds: int = 1) -> str | None:
    """Why the last ``rounds`` batches cannot be judged yet, as a sentence; None if they can.

    There must be so many rounds, each with ``items`` in its batch: after the start labels, which no model chose, and
    after a round in which nobody answered, there are none.
    """
    seen = trace[-min(len(trace), rounds) :]
    sizes = [recorded(observation, "items", who) for observation in seen]
    if len(seen) < rounds:
        return too_few(len(seen), rounds)
    empty = sizes.count(0)
    if empty:
        which = "The last batch had" if rounds == 1 else f"Of the last {rounds} batches {empty} had"
        return f"{which} 0 items that a model chose and that are labeled."
    return None
