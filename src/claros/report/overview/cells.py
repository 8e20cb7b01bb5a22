"""Cells that failed or are not finished."""

from __future__ import annotations

from claros.report.bench import Bench
from claros.report.format import count, join, many
from claros.report.markup import Html, paragraph, table
from claros.report.sections.section import Section

__all__ = ["build", "finding"]

#: Rows of a table; more are counted.
_MOST = 100


def build(bench: Bench) -> Section:
    """The errors, each with its cells; and what is not finished by setting."""
    return Section("cells", "Cells", finding(bench), Html(_errors(bench) + _rest(bench)))


def finding(bench: Bench) -> str:
    """How many cells are done, failed or still to do."""
    cells = bench.cells
    counts = {status: len(bench.with_status(status)) for status in ("failed", "running", "waiting")}
    done = len(bench.with_status("done"))
    said = [f"{count(n)} {status if status == 'failed' else f'{_be(n)} {status}'}" for status, n in counts.items() if n]
    if not said:
        return f"All {many(len(cells), 'cell')} are done."
    return f"{count(done)} of {many(len(cells), 'cell')} {_be(done)} done; {join(said)}."


def _be(n: int) -> str:
    return "is" if n == 1 else "are"


def _errors(bench: Bench) -> Html:
    groups = bench.with_status("failed").by("setting", "strategy", "error")
    if not groups:
        return Html()
    rows = [
        [setting, strategy, join([str(int(seed)) for seed in own["seed"]]), error or "no error was recorded"]
        for (setting, strategy, error), own in [*groups.items()][:_MOST]
    ]
    caption = "What was raised, its first line; the tracebacks are in the results database."
    if len(groups) > _MOST:
        caption += f" The first {_MOST} of {len(groups)}."
    return table(("setting", "strategy", "seeds", "error"), rows, caption=caption, words=4)


def _rest(bench: Bench) -> Html:
    groups = bench.with_status("waiting", "running").by("setting")
    if not groups:
        return Html()
    parts = [f"{setting} ({len(own)})" for (setting,), own in [*groups.items()][:_MOST]]
    more = f" and {len(groups) - _MOST} more settings" if len(groups) > _MOST else ""
    return paragraph(f"Not finished: {', '.join(parts)}{more}. The same command goes on with them.")
