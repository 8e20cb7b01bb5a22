"""The answer first: was it worth it, and when to stop."""

from __future__ import annotations

from collections.abc import Sequence

from claros.report.compared import Compared, compare_all
from claros.report.format import capital, join, many
from claros.report.load import Run
from claros.report.markup import Html, element
from claros.report.sections import stopping
from claros.report.sections.section import Section, View

__all__ = ["build", "sentences"]

_SIGNS = {"better": "better", "worse": "worse"}


def build(view: View) -> Section:
    """A line for each strategy, and the advice."""
    lines = [_line(view, one) for one in view.compared]
    advice = element("p", stopping.advice(view.run))
    body = Html((element("ul", *lines, class_="verdicts") if lines else "") + advice)
    return Section("answer", "The answer", finding(view.run, view.compared), body)


def finding(run: Run, compared: Sequence[Compared]) -> str:
    """How the strategies did against the control, in one sentence."""
    if run.control is None:
        return "No random arm was run, so nothing can be said about what was saved against labeling at random."
    if not compared:
        return f"Only {run.control} was run, so there is nothing to compare."
    groups: dict[str, list[str]] = {}
    for one in compared:
        groups.setdefault(one.comparison.finding if one.comparison else "not comparable", []).append(one.name)
    parts = [_say(kind, names, run) for kind, names in groups.items()]
    return f"{capital('; '.join(parts))}."


def _say(kind: str, names: list[str], run: Run) -> str:
    are = "is" if len(names) == 1 else "are"
    n = len(run.seeds)
    seeds = many(n, "seed")
    if kind == "too few seeds":
        return f"{seeds} {'is' if n == 1 else 'are'} too few to tell {join(names)} from {run.control}"
    if kind == "not comparable":
        return f"{join(names)} cannot be compared with {run.control}"
    if kind == "not distinguishable":
        return f"{join(names)} {are} not distinguishable from {run.control} ({seeds})"
    return f"{join(names)} {are} {kind} than {run.control} ({seeds})"


def sentences(run: Run) -> list[str]:
    """What `claros demo` prints: the finding where there is nothing else, every verdict, the advice."""
    compared = compare_all(run)
    return [*([one.sentence for one in compared] or [finding(run, compared)]), stopping.advice(run)]


def _line(view: View, one: Compared) -> Html:
    kind = one.comparison.finding if one.comparison else ""
    dot = element("span", "●", style=f"color: {view.styles[one.name].variable}", aria_hidden="true")
    return element("li", dot, " ", one.sentence, class_=None if kind in _SIGNS else "quiet")
