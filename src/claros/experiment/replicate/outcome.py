"""What came of a replication: published figures beside ours, and what follows, as sentences and as files."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from claros.files import write_atomically

__all__ = ["Gap", "Replication", "Row"]


@dataclass(frozen=True)
class Row:
    """One figure of one arm: published, ours with its interval, and ours less published with its interval.

    What is None was not published, or not run. The interval of the difference covers the published runs' own spread
    where that is known.
    """

    arm: str
    figure: str
    published: float | None = None
    published_deviation: float | None = None
    published_runs: int | None = None
    ours: float | None = None
    low: float | None = None
    high: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    seeds: int = 0


@dataclass(frozen=True)
class Gap:
    """How far an arm is from the control in one figure, published and ours (paired by seed, with its interval).

    ``finding`` is one of "better", "worse", "not distinguishable", "too few seeds", corrected for the number of gaps;
    ``holds`` says whether the published order was found, None where ours cannot tell or nothing was published.
    """

    arm: str
    control: str
    figure: str
    published: float | None
    published_half_width: float | None
    ours: float
    low: float | None
    high: float | None
    seeds: int
    finding: str
    holds: bool | None


@dataclass(frozen=True)
class Replication:
    """A preset that was run."""

    name: str
    title: str
    source: str
    rows: tuple[Row, ...]
    gaps: tuple[Gap, ...]
    findings: tuple[str, ...]
    notes: tuple[str, ...]
    seeds: int
    """How many there are, which may be more than were asked for last."""
    level: float
    out: Path
    failures: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {"version": 1, **asdict(self), "out": str(self.out)}

    def write(self) -> None:
        """Write ``replicate.json`` and ``replicate.csv`` into the folder."""
        text = io.StringIO()
        columns = [one.name for one in fields(Row)]
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in self.rows)
        write_atomically(self.out / "replicate.csv", text.getvalue().encode())
        content = json.dumps(self.to_json(), ensure_ascii=False, allow_nan=False, indent=2)
        write_atomically(self.out / "replicate.json", content.encode())

    def __str__(self) -> str:
        heads = ("arm", "figure", "published", f"here ({100 * self.level:g} % interval)", "difference")
        lines = [heads, *(_cells(row) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        parts = [self.title, "", *(line.rstrip() for line in table), "", *self.findings, *self.failures]
        return "\n".join([*parts, "", f"Published: {self.source}", *(f"Note: {note}" for note in self.notes)])


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    published = "-" if row.published is None else f"{row.published:.3f}"
    ours = "not run" if row.ours is None else f"{row.ours:.3f}"
    if row.low is not None and row.high is not None:
        ours += f" ({row.low:.3f} to {row.high:.3f})"
    difference = "" if row.difference is None else f"{row.difference:+.3f}"
    if row.difference_low is not None and row.difference_high is not None:
        difference += f" ({row.difference_low:+.3f} to {row.difference_high:+.3f})"
    return row.arm, row.figure, published, ours, difference
