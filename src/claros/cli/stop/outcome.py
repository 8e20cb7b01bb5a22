"""What rules did, for a person or for a program."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from claros.cli.output import WIDTH, show_json, show_table

if TYPE_CHECKING:
    from claros.experiment.stopping import Benched, Evaluation, Replays

__all__ = ["finish", "show_replays"]


def show_replays(found: Replays, out: Path | None, *, json: bool) -> None:
    """Print the first stops: a row a rule, over all runs where there are several."""
    if json:
        show_json({"runs": found.runs, "rules": found.summary, "stops": found.rows})
        return
    n = f"{found.runs} runs" if found.runs > 1 else "1 run"
    show_table(
        ("rule", f"first stop in {n}", "kept and saved"), [_stop_cells(row, found.runs) for row in found.summary]
    )
    if out is not None:
        print(f"Tables: {out}")


def _stop_cells(row: Mapping[str, Any], runs: int) -> tuple[str, str, str]:
    if row.get("why"):
        return row["rule"], f"cannot be replayed: {row['why']}", ""
    if not row["stopped"]:
        return row["rule"], "never stopped", ""
    which = f" (median), {row['stopped']} of {row['runs']} stopped" if runs > 1 else ""
    kept = "" if row.get("kept_of_end") is None else f"{100 * row['kept_of_end']:.1f} % of the accuracy, "
    return (
        row["rule"],
        f"at {row['n_labeled']:g} labels{which}",
        f"{kept}{100 * row['labels_saved']:.0f} % of labels saved",
    )


def finish(found: Benched, out: Path | None, *, figures: bool, json: bool) -> None:
    """Draw the figures if they are wanted and can be, print what was found; exit code 1 if a cell failed."""
    if found.evaluation is not None:
        _show(found.evaluation, _drawn(found.evaluation, out) if figures and out is not None else [], out, json)
    if found.outcome is not None and found.outcome.failures:
        print(f"claros: {found.outcome} See claros bench status.", file=sys.stderr)
        raise typer.Exit(1)


def _drawn(found: Evaluation, out: Path) -> list[Path]:
    from claros.errors import MissingExtraError
    from claros.experiment.stopping.figures import write_figures

    try:
        return write_figures(found, out / "figures")
    except MissingExtraError as error:
        print(f"No figure was drawn: {error}", file=sys.stderr)
        return []


def _show(found: Evaluation, drawn: list[Path], out: Path | None, json: bool) -> None:
    from claros.experiment.stopping import HEADS, table, verdicts

    sentences = verdicts(found)
    if json:
        rows = {name: rows for name, rows in found.rows.items() if name != "stops"}
        show_json(
            {"out": None if out is None else str(out), "summary": sentences, "figures": [*map(str, drawn)], **rows}
        )
        return
    for sentence in sentences:
        print(textwrap.fill(sentence, WIDTH))
    show_table(HEADS, table(found))
    if out is not None:
        print(f"Tables: {out}")
