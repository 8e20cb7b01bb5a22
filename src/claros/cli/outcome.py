"""What a run found, for a person in sentences or for a program as JSON; shared by run, demo and report."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

from claros.cli.output import WIDTH, show_json
from claros.errors import MissingExtraError

__all__ = ["show_outcome", "write_report"]


def show_outcome(out: Path, *, report: bool, json: bool) -> None:
    """Write the report if it is wanted and can be made, and print what the run found and where it is."""
    from claros.report import summary

    page = write_report(out) if report else None
    if json:
        show_json(
            {"out": str(out), "report": None if page is None else str(page), "summary": summary(out), **_facts(out)}
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


def _facts(out: Path) -> dict[str, Any]:
    from claros.report.compared import compare_all
    from claros.report.load import read

    run = read(out)
    curves = {name: run.curve(name, "accuracy") for name in run.strategies}
    return {
        "arms": {
            name: {"seeds": curve.n_seeds, "n_labeled": [int(n) for n in curve.ends], "accuracy": curve.final.tolist()}
            for name, curve in curves.items()
        },
        "comparisons": [
            {"strategy": one.name, "sentence": one.sentence, "statistics": one.comparison and asdict(one.comparison)}
            for one in compare_all(run)
        ],
    }
