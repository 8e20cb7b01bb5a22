"""Every arm against every other in one run: mean ranks over seeds, and how often one is significantly better."""

from __future__ import annotations

from claros.errors import InputError
from claros.report.across import blocks, curves_of, pairs, ranks
from claros.report.format import many
from claros.report.markup import element, join
from claros.report.sections.section import Section, View, figure, nothing
from claros.report.standings import (
    paint_pairs,
    paint_ranks,
    pairs_behind,
    ranks_behind,
    ranks_reading,
    say_pairs,
    say_ranks,
)

__all__ = ["build"]

_TITLE = "Every pair"


def build(view: View) -> Section:
    """Ranks and the matrix; of fewer than three arms, the answer has it all."""
    run = view.run
    curves = curves_of(run)
    found = blocks({"": curves}, run.strategies) if curves is not None else None
    if found is None:
        said = "No seed has a learning curve of every arm, so the arms cannot be ranked."
        return Section("pairs", _TITLE, said, nothing("Finish the run first."))
    ranked = ranks(found)
    drawing = view.drawing(
        "ranks",
        "Mean rank of each strategy over seeds; bars join those that cannot be told apart.",
        lambda width: paint_ranks(ranked, view.styles, width),
        lambda: ranks_behind(ranked),
        width=760,
    )
    body = [figure(view, drawing, ranks_reading(ranked, "seed"))]
    try:
        tested = pairs(found, run.control)
    except InputError:
        tested = None
    if tested is not None and tested.settings:
        matrix = view.drawing(
            "pairs",
            "In which share of the tests each strategy is significantly better than each other.",
            lambda width: paint_pairs(tested, width),
            lambda: pairs_behind(tested),
            width=760,
        )
        note = (
            f"In how many of {many(tested.compared, 'budget')}, which double, in percent, the row is significantly "
            "better than the column: paired t tests over seeds at 5 %, not corrected for their number."
        )
        body += [element("p", say_pairs(tested)), figure(view, matrix, note)]
    return Section("pairs", _TITLE, say_ranks(ranked, "seed"), join(body))
