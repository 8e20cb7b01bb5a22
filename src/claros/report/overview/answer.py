"""The answer over all settings: which arm is better than the control, where, and by how much."""

from __future__ import annotations

from claros.experiment.compare import Overall
from claros.report.bench import Bench
from claros.report.format import capital, count, join, many, points, span
from claros.report.markup import Html, element, paragraph
from claros.report.overview.view import BenchView
from claros.report.sections.section import Section

__all__ = ["build", "finding", "sentences", "unfinished"]

#: Settings that a sentence can name.
_NAMED = 4


def build(view: BenchView) -> Section:
    """A line for each arm, and what is not finished."""
    lines = [_line(view, one) for one in view.overall]
    note = (
        "Means over settings of the difference in mean level, each setting counted once; intervals are over settings. "
        "Better and worse in a setting: a paired t test over its seeds at 5 %, corrected for its arms (Holm), never on "
        "fewer than six seeds."
    )
    sets = {str(one.run.config.get("data") or one.run.data.get("name")) for one in view.views}
    if len(sets) < len(view.views):
        note += f" They share {many(len(sets), 'data set')}, so they tell less than as many independent settings would."
    listed = element("ul", *lines, class_="verdicts") + paragraph(note, class_="note") if lines else ""
    missing = unfinished(view.bench)
    return Section("answer", "The answer", finding(view), Html(listed + (paragraph(missing) if missing else "")))


def finding(view: BenchView) -> str:
    """How the arms did against the control on average over settings, in one sentence."""
    bench, over = view.bench, many(len(view.results), "setting")
    if bench.control is None:
        return "No random arm was run, so nothing can be said about what was saved against labeling at random."
    if not view.overall:
        return f"No arm can be compared with {bench.control} in any setting."
    few = [one for one in view.overall if one.finding == "too few settings"]
    groups: dict[str, list[str]] = {}
    for one in view.overall:
        if one not in few:
            groups.setdefault(one.finding, []).append(one.name)
    parts = [_say(kind, names, bench.control, over) for kind, names in groups.items()]
    parts += [_counted(one, first=i == 0) for i, one in enumerate(few)]
    if few:
        parts.append(f"{over} {'is' if len(view.results) == 1 else 'are'} too few to tell more on average")
    return f"{capital('; '.join(parts))} ({view.seeds})."


def _say(kind: str, names: list[str], control: str, over: str) -> str:
    are = "is" if len(names) == 1 else "are"
    if kind == "not distinguishable":
        return f"{join(names)} {are} not distinguishable from {control} on average over {over}"
    return f"{join(names)} {are} {kind} than {control} on average over {over}"


def _counted(one: Overall, *, first: bool) -> str:
    """In how many of a few settings an arm is called better or worse."""
    than, of = (f" than {one.control}", " settings") if first else ("", "")
    if one.too_few == one.settings:
        return f"{one.name} is ahead of {one.control} in {one.ahead} of {one.settings}, with too few seeds to be called"
    said = [f"{word}{than} in {n}" for word, n in (("better", one.better), ("worse", one.worse)) if n]
    return f"{one.name} is {join(said or [f'neither better nor worse{than} in any'])} of {one.settings}{of}"


def sentences(view: BenchView) -> list[str]:
    """What the command line prints: what is not shown, the finding, every arm's verdict, what is missing."""
    missing = unfinished(view.bench)
    verdicts = [capital(_verdict(view, one)) for one in view.overall]
    absent = view.bench.absent
    return [*([absent] if absent else []), finding(view), *verdicts, *([missing] if missing else [])]


def unfinished(bench: Bench) -> str:
    """How many cells failed or are not finished; empty if all are done."""
    cells = bench.cells
    failed = len(bench.with_status("failed"))
    rest = len(bench.with_status("waiting", "running"))
    if not failed and not rest:
        return ""
    said = [f"{count(failed)} failed"] if failed else []
    said += [f"{count(rest)} {'is' if rest == 1 else 'are'} not finished"] if rest else []
    out = f"{'it is' if failed + rest == 1 else 'they are'} left out"
    out = out if len(bench.with_status("done")) else "what there is of them is shown"
    return f"Of {many(len(cells), 'cell')}, {join(said)}; {out}."


def _line(view: BenchView, one: Overall) -> Html:
    dot = element("span", "●", style=f"color: {view.styles[one.name].variable}", aria_hidden="true")
    sure = one.finding in ("better", "worse")
    return element("li", dot, " ", capital(_verdict(view, one)), class_=None if sure else "quiet")


def _verdict(view: BenchView, one: Overall) -> str:
    low, high = one.low, one.high
    known = low is not None and high is not None
    half = (high - low) / 2 if low is not None and high is not None else 0.0
    bounds = f" (95 % interval {span(low or 0.0, high or 0.0)})" if known else ""
    over = "over 1 setting" if one.settings == 1 else f"over {one.settings} settings"
    return f"{one.name}: {points(one.mean, half)} points of accuracy on average {over}{bounds}; {_where(view, one)}."


def _where(view: BenchView, one: Overall) -> str:
    """In how many settings it is better, worse or neither; which ones, where they are few."""
    if one.too_few == one.settings:
        return f"ahead in {one.ahead} of {one.settings}, but none has the six seeds that a verdict needs"
    found: dict[str, list[str]] = {"better": [], "worse": []}
    for setting in view.views:
        for arm in setting.compared:
            if arm.name == one.name and arm.comparison is not None and arm.comparison.finding in found:
                found[arm.comparison.finding].append(setting.run.name)
    parts = [f"{kind} in {_places(names, one.settings)}" for kind, names in found.items()]
    parts.append(f"undecided in {one.same + one.too_few}")
    return ", ".join(parts)


def _places(names: list[str], settings: int) -> str:
    if not names or len(names) > _NAMED or len(names) == settings:
        return str(len(names))
    return f"{len(names)} ({'; '.join(names)})"
