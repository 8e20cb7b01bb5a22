"""What a run found, for a person in sentences or for a program as JSON; shared by run, demo and report."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from claros.cli.output import WIDTH, show_json
from claros.errors import MissingExtraError

__all__ = ["show_outcome", "write_report"]


def show_outcome(out: Path, *, report: bool, json: bool) -> None:
    """Write the report if it is wanted and can be made, and print what the run found and where it is."""
    from claros.report import numbers, summary

    page = write_report(out) if report else None
    if json:
        show_json(
            {"out": str(out), "report": None if page is None else str(page), "summary": summary(out), **numbers(out)}
        )
        return
    for sentence in summary(out):
        print(textwrap.fill(sentence, WIDTH))
    print(f"Report: {page}" if page is not None else f"Tables: {out}")


def write_report(out: Path) -> Path | None:
    """The report's page, or None with the install line on standard error where its packages are not installed."""
    from claros.report import write

    try:
        return write(out)
    except MissingExtraError as error:
        print(f"No report was written: {error}", file=sys.stderr)
        return None
