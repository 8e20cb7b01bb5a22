"""A number with its interval, printed the same everywhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from claros.errors import InputError
from claros.estimate.arguments import check_level

__all__ = ["Estimate", "share"]


@dataclass(frozen=True)
class Estimate:
    """A value in [low, high] at a confidence level, from ``n`` observations by ``method``.

    ``unit`` says what the numbers are: "%" for shares in [0, 1], "points" for differences of shares, "" for anything
    else, a mean loss say; ``counted`` says of what there are ``n``.
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    n: int
    unit: str = "%"
    counted: str = "label"

    def __str__(self) -> str:
        value, low, high = map(self._number, (self.value, self.low, self.high))
        unit = f" {self.unit}" if self.unit else ""
        level = f"{100 * self.level:.1f}".removesuffix(".0")
        counted = f"{self.n} {self.counted}{'s' * (self.n != 1)}"
        return f"{value}{unit} ({level} % interval {low} to {high}, {counted})"

    def _number(self, value: float) -> str:
        return f"{100 * value:.1f}" if self.unit in ("%", "points") else f"{value:.4g}"

    def to_json(self) -> dict[str, Any]:
        """The fields, as JSON."""
        return asdict(self)


def share(successes: int, n: int, level: float = 0.95) -> Estimate:
    """A proportion from ``n`` independent draws, with the exact interval of Clopper and Pearson (1934).

    Covers the true share with at least ``level`` whatever it is. O(1).

    >>> print(share(18, 20))
    90.0 % (95 % interval 68.3 to 98.8, 20 labels)
    """
    if not 0 <= successes <= n or n < 1:
        raise InputError(f"A share needs 0 <= successes <= n and n >= 1; got {successes} of {n}.")
    level = check_level(level, "share")
    low, high = beta_interval(successes, n, level)
    return Estimate(successes / n, low, high, level, "Clopper-Pearson", n)


def beta_interval(successes: float, n: float, level: float) -> tuple[float, float]:
    """The limits of Clopper and Pearson's interval; neither count need be whole."""
    from scipy.stats import beta

    tail = (1 - level) / 2
    low = float(beta.ppf(tail, successes, n - successes + 1)) if successes > 0 else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, n - successes)) if successes < n else 1.0
    return low, high
