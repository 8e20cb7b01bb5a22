"""A run in one page: figures, tables and sentences, self-contained; PDF and PNG of every figure beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from claros.files import write_atomically
from claros.report.load import read
from claros.report.page import build, render
from claros.report.sections import answer, curves, time
from claros.report.svg import save

if TYPE_CHECKING:
    from claros.data import Split

__all__ = ["summary", "write"]


def write(out: Path, *, data: Split | None = None) -> Path:
    """Write ``report.html`` into the folder of a run, and every figure as PDF and PNG under ``figures/``.

    ``data`` is what the run was on; without it, the data that its settings name are opened again to show what was
    picked, and left out with a sentence where they are gone. The same folder gives the same page, byte by byte.
    Costs a few seconds and one read of every table and of the last rounds' test predictions.
    """
    out = Path(out)
    run = read(out)
    sections = build(run, data)
    for section in sections:
        for drawing in section.drawings:
            save(drawing, out / "figures")
    page = out / "report.html"
    write_atomically(page, render(run, sections).encode())
    return page


def summary(out: Path) -> list[str]:
    """What the report finds, in sentences: every strategy against random, the stop advice, where the labels went."""
    run = read(Path(out))
    return [*answer.sentences(run), curves.finding(run), time.finding(run)]
