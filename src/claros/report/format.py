"""Numbers as people read them: never more digits than the interval warrants, and a dash where there is no number."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = [
    "DASH",
    "amount",
    "capital",
    "count",
    "interval",
    "join",
    "many",
    "percent",
    "points",
    "seconds",
    "share",
    "size",
    "span",
]

#: Printed where a number does not exist; NaN never is.
DASH = "–"
_THIN = "\u202f"  # narrow and no-break, so that a count stays on one line


def percent(share: float | None, half_width: float = 0.0) -> str:
    """A share in [0, 1] as a percentage; without decimals when the interval is wider than ten points.

    >>> percent(0.8731), percent(0.8731, half_width=0.07), percent(None)
    ('87.3 %', '87 %', '–')
    """
    if share is None or not math.isfinite(share):
        return DASH
    return f"{100 * share:.{_decimals(half_width)}f} %"


def interval(low: float, high: float) -> str:
    """Bounds of a share in [0, 1], in percent.

    >>> interval(0.8588, 0.8839)
    '85.9–88.4'
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return DASH
    decimals = _decimals((high - low) / 2)
    return f"{100 * low:.{decimals}f}–{100 * high:.{decimals}f}"


def span(low: float, high: float) -> str:
    """Bounds of a signed difference of shares, in percentage points.

    >>> span(-0.004, 0.0125)
    '−0.4 to 1.2'
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return DASH
    decimals = _decimals((high - low) / 2)
    return f"{_signed(100 * low, decimals)} to {_signed(100 * high, decimals)}"


def points(difference: float | None, half_width: float = 0.0) -> str:
    """A signed difference of shares in percentage points, without the unit.

    >>> points(0.0312), points(-0.0312), points(0.0)
    ('+3.1', '−3.1', '0.0')
    """
    if difference is None or not math.isfinite(difference):
        return DASH
    text = _signed(100 * difference, _decimals(half_width))
    return text if text.startswith("−") or not text.strip("0.") else f"+{text}"


def size(difference: float) -> str:
    """The size of a difference in words.

    >>> size(0.0312), size(-0.01)
    ('3.1 points', '1.0 point')
    """
    text = f"{100 * abs(difference):.1f}"
    return f"{text} point" if text == "1.0" else f"{text} points"


def count(number: float | None) -> str:
    """A count with thin spaces between thousands.

    >>> count(1348).replace("\u202f", "_"), count(12.5), count(float("nan"))
    ('1_348', '12.5', '–')
    """
    if number is None or not math.isfinite(number):
        return DASH
    if abs(number - round(number)) < 0.05:
        return f"{round(number):,}".replace(",", _THIN)
    return f"{number:,.1f}".replace(",", _THIN)


def many(number: int, noun: str) -> str:
    """A count of things.

    >>> many(1, "seed"), many(10, "seed")
    ('1 seed', '10 seeds')
    """
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def seconds(duration: float | None) -> str:
    """A duration in the unit that fits.

    >>> [seconds(value) for value in (0.00042, 0.24, 1.34, 75.0, 7500.0)]
    ['0.4 ms', '240 ms', '1.3 s', '1 min 15 s', '2 h 5 min']
    """
    if duration is None or not math.isfinite(duration):
        return DASH
    if duration < 0.9995:
        return f"{1000 * duration:.0f} ms" if duration >= 0.00995 or duration == 0 else f"{1000 * duration:.1f} ms"
    if duration < 59.95:
        return f"{duration:.1f} s"
    whole = round(duration)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(whole / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def share(part: float | None) -> str:
    """A share that may be negative, in whole percent.

    >>> share(0.43), share(-0.08), share(-0.001)
    ('43 %', '−8 %', '0 %')
    """
    if part is None or not math.isfinite(part):
        return DASH
    return f"{_signed(100 * part, 0)} %"


def amount(number: float | None) -> str:
    """Any other number with four significant digits: criteria of stopping rules, scores.

    >>> amount(0.98765), amount(12345.6).replace("\u202f", "_"), amount(3.0)
    ('0.9877', '12_346', '3')
    """
    if number is None or not math.isfinite(number):
        return DASH
    if number == round(number) or abs(number) >= 1000:
        return count(round(number))
    return f"{number:.4g}"


def join(parts: Sequence[str], word: str = "and") -> str:
    """A list in words.

    >>> join(["margin", "badge", "random"])
    'margin, badge and random'
    """
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def capital(sentence: str) -> str:
    """A sentence with a capital, unless it starts with a name that has none.

    >>> capital("margin is at 98 %"), capital("k_center is at 97 %")
    ('Margin is at 98 %', 'k_center is at 97 %')
    """
    first = sentence.partition(" ")[0].rstrip(",;:")
    return sentence if not first.isalpha() else sentence[:1].upper() + sentence[1:]


def _decimals(half_width: float) -> int:
    return 0 if math.isfinite(half_width) and half_width >= 0.05 else 1


def _signed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")
