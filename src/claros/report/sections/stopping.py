"""Stopping: when each rule would have stopped, and what that would have saved or cost."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from claros.experiment.config import ROUNDS
from claros.report.format import count, join, percent, points, size
from claros.report.load import Run
from claros.report.markup import Html, cell, paragraph, table
from claros.report.markup import join as together
from claros.report.sections.criteria import drawing
from claros.report.sections.section import Section, View, figure, nothing
from claros.report.stops import Stops, find_stops, median_stops, runs_of

__all__ = ["advice", "build", "finding"]

#: Strategies of which a sentence can say more than the labels.
_SAID = 3


def build(view: View) -> Section:
    """Every rule on every strategy, and each criterion against its threshold."""
    run = view.run
    if not run.rule_names:
        return Section("stopping", "When to stop", finding(run), nothing("Name rules with --stop or watch."))
    drawn = [rule for rule in run.rule_names if _has_values(run, rule)] if view.draws("stopping") else []
    body = together([_table(run), *([figure(view, drawing(view, drawn), _note(run, drawn))] if drawn else [])])
    body = body if view.brief else together([body, _silent(run, drawn)])
    return Section("stopping", "When to stop", finding(run), body)


def advice(run: Run) -> str:
    """What the run's stopping rule says of each strategy."""
    rule = run.advice_rule
    if run.used_up is not None:
        ready = rule is not None and rule in run.stopping_rules and _is_ready(run, rule)
        return " ".join([_used_up(run, run.used_up), *([_stops(run, str(rule))] if ready else [])])
    if rule is None:
        return "No stopping rule was watched, so there is no advice on when to stop."
    said = [_told(run, name) for name in run.telling_rules]
    return " ".join(said if rule in run.telling_rules else [*said, _stops(run, rule)])


def _used_up(run: Run, items: int) -> str:
    """That nothing is left to label, and which rounds were not run for want of it."""
    done = int(run.results["round"].max())
    wanted = done if run.config.get("budget") is not None else run.config.get("rounds") or ROUNDS
    early = f", after {done} of {wanted} rounds" if wanted > done else ""
    return f"The pool is used up: all {count(items)} items are labeled{early}."


def _told(run: Run, rule: str) -> str:
    """What a rule that never stops by itself said last, of the first strategy and seed."""
    name = (run.queried or run.strategies)[0]
    said = run.rules.where(rule=rule, strategy=name, seed=run.seeds[0])
    reason = str(said["reason"][-1]).removesuffix(".")
    return f"The {rule} of {name}, which was told no price: {reason} (seed {run.seeds[0]})."


def _stops(run: Run, rule: str) -> str:
    names = run.queried or run.strategies
    every = [find_stops(run, name, rule) for name in names]
    if not _is_ready(run, rule):
        return f"Stop advice of {rule}: too early to say."
    if not any(stops.n_stopped for stops in every):
        go_on = "" if run.used_up is not None else "go on; "
        return f"Stop advice of {rule}: {go_on}it would not have stopped {join(names, 'or')}."
    if len(names) > _SAID:
        said = median_stops(run, rule)
    else:
        said = "; ".join(_one(stops) for stops in every)
    medians = len(run.seeds) > 1 and any(stops.median is not None for stops in every)
    seeds = f"; medians of {len(run.seeds)} seeds" if medians else ""
    return f"Stop advice of {rule}: {said}{seeds}."


def _is_ready(run: Run, rule: str) -> bool:
    """Whether the rule could ever say something of a compared arm."""
    watched = run.rules.where(rule=rule)
    return any(bool(watched.where(strategy=name)["ready"].any()) for name in run.queried or run.strategies)


def finding(run: Run) -> str:
    """Every rule in half a sentence, over all strategies but the control."""
    if not run.rule_names:
        return "No stopping rule was watched."
    if not run.stopping_rules:
        return f"No rule that can stop was watched; {join(run.telling_rules)} was given no price."
    return f"{'; '.join(_over_all(run, rule) for rule in run.stopping_rules)}."


def _one(stops: Stops) -> str:
    if stops.median is None:
        return f"{stops.strategy} {stops.where}"
    there = f"{percent(float(stops.accuracy.mean()))}, {_against_end(stops.saved, stops.against_end)}"
    return f"{stops.strategy} {stops.where} ({there})"


def _against_end(saved: float, difference: float) -> str:
    if saved < 0.5:
        return "at the end of the run"
    fewer = f"{count(round(saved))} labels before the end"
    if not math.isfinite(difference):
        return fewer
    if abs(difference) < 0.0005:
        return f"{fewer} and as accurate"
    return f"{fewer} and {size(difference)} {'below' if difference < 0 else 'above'} it"


def _over_all(run: Run, rule: str) -> str:
    every = [find_stops(run, name, rule) for name in run.queried or run.strategies]
    cells, stopped = sum(stops.n_seeds for stops in every), sum(stops.n_stopped for stops in every)
    if not stopped:
        control = run.control if run.queried and run.control and find_stops(run, run.control, rule).n_stopped else None
        return f"{rule} stopped {control} only" if control else f"{rule} never stopped"
    times = f" in {stopped} of {cells} runs{runs_of(run.queried, run.control)}" if cells > 1 else ""
    if 2 * stopped <= cells:
        return f"{rule} stopped{times}"
    saved = float(np.median(np.concatenate([stops.end_labels - stops.labels for stops in every])))
    lost = float(np.concatenate([stops.accuracy - stops.end_accuracy for stops in every]).mean())
    return f"{rule} stopped{times}, {_against_end(saved, lost)}"


def _table(run: Run) -> Html:
    header = (
        "rule",
        "strategy",
        "stopped",
        "labels (median)",
        "range",
        "accuracy there",
        "labels saved",
        "against the end",
        "against the best",
    )
    every = {rule: [find_stops(run, name, rule) for name in run.strategies] for rule in run.stopping_rules}
    rows = []
    for own in every.values():
        stopped = [stops for stops in own if stops.n_stopped]
        rows += [_row(stops, quiet=stops.strategy == run.control, first=i == 0) for i, stops in enumerate(stopped)]
    never = paragraph(_never(every), class_="note")
    if not rows:
        return never
    caption = (
        "Medians of labels, means of accuracies and of their differences in percentage points. A seed in which the "
        "rule never stopped counts as labeled to its end. Labels saved count from the stop to that end."
    )
    return together([table(header, rows, caption=caption, words=2), never])


def _never(every: Mapping[str, list[Stops]]) -> str:
    """The rules that never stopped a strategy, with it, as they have no row; empty if there are none."""
    parts = []
    for rule, own in every.items():
        names = [stops.strategy for stops in own if not stops.n_stopped]
        if names:
            parts.append(f"{rule} (any strategy)" if len(names) == len(own) else f"{rule} ({join(names)})")
    return f"Never stopped: {join(parts)}." if parts else ""


def _row(stops: Stops, *, quiet: bool, first: bool) -> list[object]:
    values: list[str] = [stops.strategy, f"{stops.n_stopped} of {stops.n_seeds}"]
    at = stops.labels[stops.stopped]
    low, high = float(at.min()), float(at.max())
    values += [
        count(round(stops.median)) if stops.median is not None else "not by the end",
        count(low) if low == high else f"{count(low)} to {count(high)}",
        percent(float(stops.accuracy.mean())),
        count(round(stops.saved)),
        points(stops.against_end),
        points(stops.against_best),
    ]
    return [stops.rule if first else "", *(cell(value, quiet=quiet, word=i == 0) for i, value in enumerate(values))]


def _note(run: Run, drawn: list[str]) -> str:
    said = "Dashed: the threshold; lines: means over seeds; a mark: the median stop."
    advisors = [rule for rule in drawn if run.advisor(rule)]
    if advisors:
        said += " Of the advisor its 80 % interval is shaded"
        priced = any(rule in run.stopping_rules for rule in advisors)
        said += "; below the dashed line the next label no longer pays." if priced else "."
    return said


def _has_values(run: Run, rule: str) -> bool:
    return bool(np.isfinite(run.rules.where(rule=rule)["value"]).any())


def _silent(run: Run, drawn: list[str]) -> Html:
    silent = [rule for rule in run.rule_names if rule not in drawn]
    return paragraph(f"Without a criterion to draw: {join(silent)}.", class_="note") if silent else Html()
