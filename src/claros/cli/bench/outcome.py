"""What became of a bench, for a person or for a program; exit code 1 if a cell failed."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import typer

from claros.cli.outcome import write_report
from claros.cli.output import WIDTH, show_json

if TYPE_CHECKING:
    from claros.experiment.bench import Outcome

__all__ = ["show_bench"]


def show_bench(outcome: Outcome, *, report: bool, json: bool) -> None:
    """Write the report if it is wanted and there is anything to report, and print what was found and where it is."""
    from claros.report import summary

    found = outcome.counts.get("done", 0) > 0
    page = write_report(outcome.out) if report and found else None
    sentences = summary(outcome.out) if found else []
    if json:
        failures = [{name: cell[name] for name in ("strategy", "seed", "error")} for cell in outcome.failures]
        paths = {"out": str(outcome.out), "report": None if page is None else str(page)}
        show_json({**paths, "cells": outcome.counts, "summary": sentences, "failures": failures})
    elif found:
        for sentence in sentences:
            print(textwrap.fill(sentence, WIDTH))
        print(f"Report: {page}" if page is not None else f"Tables: {outcome.out}")
    if outcome.failures:
        print(f"claros: {outcome} See claros bench status.", file=sys.stderr)
        raise typer.Exit(1)
