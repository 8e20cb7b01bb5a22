"""Every arm against every other: how often one is significantly better."""

from __future__ import annotations

from claros.errors import InputError
from claros.report.across import pairs
from claros.report.format import many
from claros.report.overview.view import BenchView
from claros.report.sections.section import Section, figure, nothing
from claros.report.standings import paint_pairs, pairs_behind, say_pairs
from claros.report.svg import Drawing

__all__ = ["build"]

_TITLE = "Every pair"


def build(view: BenchView) -> Section:
    """A matrix, rows beating columns."""
    blocks = view.blocks
    try:
        found = pairs(blocks, view.bench.control) if blocks is not None else None
    except InputError:
        found = None
    if blocks is None or found is None or not found.settings:
        said = say_pairs(found) if found is not None else "No pair of arms can be tested in every setting."
        return Section("pairs", _TITLE, said, nothing("A test needs six seeds that both arms have."))
    drawing = Drawing(
        "pairs",
        "In which share of the tests each strategy is significantly better than each other.",
        lambda width: paint_pairs(found, width),
        lambda: pairs_behind(found),
    )
    note = (
        f"In how many of {many(found.compared, 'test')} (settings and budgets that double), in percent, the row is "
        "significantly better than the column; each setting counts the same. Paired t tests over seeds at 5 %, as in "
        "the BADGE paper (Ash et al. 2020): they are not corrected for their number, so equal arms show a few percent "
        f"too.{blocks.said}"
    )
    if found.too_few:
        note += f" Not counted, with fewer than six seeds: {', '.join(found.too_few)}."
    return Section("pairs", _TITLE, say_pairs(found), figure(view, drawing, note))
