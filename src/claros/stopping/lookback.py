"""How far back a rule looks that stops when nothing better has come for some rounds."""

from __future__ import annotations

from collections.abc import Sequence

from claros.stopping.rule import Observation

__all__ = ["LOOKBACK", "latest"]

#: So many rounds before the last ``window`` are looked at.
LOOKBACK = 50


def latest(trace: Sequence[Observation], window: int) -> tuple[int, Sequence[Observation]]:
    """The last ``window`` + `LOOKBACK` observations, and the number of the first of them.

    For the first stop one round before the last ``window`` would do: as long as the rule has not stopped, something
    better came within the last ``window`` rounds of every earlier call, so that the best of all rounds is not older.
    The others keep later answers those of the whole trace, unless the best is more than `LOOKBACK` rounds older still;
    and a long trace is replayed in linear time.
    """
    first = max(0, len(trace) - window - LOOKBACK)
    return first, trace[first:]
