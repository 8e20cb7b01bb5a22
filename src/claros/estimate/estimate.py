"""A number with its interval, printed the same everywhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from claros.errors import InputError

__all__ = ["Estimate", "share"]


@dataclass(frozen=True)
class Estimate:
    """A value in [low, high] at a confidence level, from ``n`` observations by ``method``; all shares in [0, 1]."""

    value: float
    low: float
    high: float
    level: float
    method: str
    n: int

    def __str__(self) -> str:
        value, low, high, level = (f"{100 * x:.1f}" for x in (self.value, self.low, self.high, self.level))
        return f"{value} % ({level.removesuffix('.0')} % interval {low} to {high}, {self.n} label{'s' * (self.n != 1)})"

    def to_json(self) -> dict[str, Any]:
        """The fields, as JSON."""
        return asdict(self)


def share(successes: int, n: int, level: float = 0.95) -> Estimate:
    """A proportion from ``n`` independent draws, with the exact interval of Clopper and Pearson (1934).

    Covers the true share with at least ``level`` whatever it is. O(1).

    >>> print(share(18, 20))
    90.0 % (95 % interval 68.3 to 98.8, 20 labels)
    """
    from scipy.stats import beta

    if not 0 <= successes <= n or n < 1:
        raise InputError(f"A share needs 0 <= successes <= n and n >= 1; got {successes} of {n}.")
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, successes, n - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, n - successes)) if successes < n else 1.0
    return Estimate(successes / n, low, high, level, "Clopper-Pearson", n)
