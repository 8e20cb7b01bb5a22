"""Mean ranks of the arms over settings, and which cannot be told apart."""

from __future__ import annotations

from claros.report.across import ranks
from claros.report.overview.view import BenchView
from claros.report.sections.section import Section, figure, nothing
from claros.report.standings import paint_ranks, ranks_behind, ranks_reading, say_ranks
from claros.report.svg import Drawing

__all__ = ["build"]

_TITLE = "Ranks"


def build(view: BenchView) -> Section:
    """A row for each arm."""
    blocks = view.blocks
    if blocks is None:
        said = "The arms cannot be ranked: no setting has them all."
        return Section("ranks", _TITLE, said, nothing("Run the arms that are missing."))
    found = ranks(blocks)
    unit = "setting" if len(blocks.results) > 1 else "seed"
    drawing = Drawing(
        "ranks",
        "Mean rank of each strategy; bars join those that cannot be told apart.",
        lambda width: paint_ranks(found, view.styles, width),
        lambda: ranks_behind(found),
    )
    note = ranks_reading(found, unit) + blocks.said
    return Section("ranks", _TITLE, say_ranks(found, unit), figure(view, drawing, note))
