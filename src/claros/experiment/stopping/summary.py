"""What an evaluation found, in sentences and in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claros.experiment.stopping.arms import BLIND, HINDSIGHT, KINDS, TRUE_SLOPE
from claros.experiment.stopping.evaluation import Evaluation
from claros.experiment.stopping.over_sets import LEVEL
from claros.experiment.stopping.regret import ADVISOR, ALL

__all__ = ["HEADS", "table", "verdicts"]

#: Heads of the table.
HEADS = ("arm", "regret", "against the advisor", "never stopped")

#: Correlations that are said in the sentence.
_SAID = 4


def table(found: Evaluation, most: int = 20) -> list[tuple[str, ...]]:
    """A row an arm over all runs and prices, the least regret first and at most so many, each cell in words."""
    return [_cells(row) for row in sorted(_overall(found), key=lambda row: float(row["regret"]))[:most]]


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    ratio = row.get("ratio")
    against = (
        "" if ratio is None else f"the advisor's is {ratio:.2f} of it{_between(row, 'ratio_low', 'ratio_high', 2)}"
    )
    never = f"never stopped in {100 * row['never']:.0f} %" if row["never"] else ""
    return row["arm"], f"regret {row['regret']:.3f}{_between(row, 'low', 'high', 3)}, {row['kind']}", against, never


def verdicts(found: Evaluation) -> list[str]:
    """One sentence on each question that the tables answer, as far as they can."""
    overall = {row["arm"]: row for row in _overall(found)}
    sentences = [_size(found), _advisor(overall), *_references(overall), _first(found), _gain(found), _followed(found)]
    return [sentence for sentence in sentences if sentence]


def _overall(found: Evaluation) -> list[dict[str, Any]]:
    return [row for row in found.rows["regret"] if row["model"] == row["strategy"] == ALL and row["price"] is None]


def _size(found: Evaluation) -> str:
    keys = [run.key for run in found.runs]
    sets, models, strategies = (len({getattr(key, name) for key in keys}) for name in ("data", "model", "strategy"))
    prices = found.field.prices
    rounds = sum(len(run.rounds) for run in found.runs)
    counts = (
        (len(keys), "run"),
        (sets, "data set"),
        (models, "model"),
        (strategies, "strategy"),
        (len(prices), "price"),
    )
    runs, data, model, strategy, price = (_many(n, word) for n, word in counts)
    return (
        f"{runs} ({rounds} rounds) of {data}, {model} and {strategy}, at {price} of a label from {min(prices):g} to "
        f"{max(prices):g} of the worth of 1.00 of accuracy; regret is the log of the cost at the stop over the best "
        "cost of the same run."
    )


def _advisor(overall: Mapping[str, Mapping[str, Any]]) -> str:
    row = overall.get(ADVISOR)
    if row is None:
        return ""
    said = f"The advisor, told the price: regret {row['regret']:.3f}{_interval(row, 3)}"
    blind = overall.get(BLIND)
    signals = [one for one in overall.values() if one["kind"] == KINDS[2]]
    best = min(signals, key=lambda one: one["regret"], default=None)
    if blind is not None:
        said += f"; {_ratio(blind)} of that of the rule that looks at no data"
    if best is not None:
        said += f", {_ratio(best)} of that of the best published signal that is told the price ({best['arm']})"
    return said + "."


def _references(overall: Mapping[str, Mapping[str, Any]]) -> list[str]:
    published = [row for row in overall.values() if row["kind"] == KINDS[0]]
    best = min(published, key=lambda row: row["regret"], default=None)
    sentences = []
    if best is not None:
        sentences.append(
            f"The best rule that is not told the price is {best['arm']} with {best['regret']:.3f}{_interval(best, 3)}."
        )
    beyond = [f"{name} {overall[name]['regret']:.3f}" for name in (TRUE_SLOPE, HINDSIGHT) if name in overall]
    return [*sentences, f"Beyond anybody's reach: {', '.join(beyond)}."] if beyond else sentences


def _first(found: Evaluation) -> str:
    rows = {row["arm"]: row for row in found.rows["first_stops"] if row["model"] == row["strategy"] == ALL}
    row, clear = rows.get(ADVISOR), rows.get(f"{ADVISOR}: clear stop")
    if row is None or row.get("right") is None:
        return ""
    said = f"Its first stop was right in {100 * row['right']:.0f} % of runs{_percent(row)}"
    if row.get("wrong_net_points") is not None:
        said += (
            f"; a wrong one cost {row['wrong_net_points']:.1f} points of accuracy after the labels it saved, "
            f"{row['wrong_accuracy_points']:.1f} before"
        )
    if clear is not None and clear.get("right") is not None:
        said += f"; its first clear stop was right in {100 * clear['right']:.0f} %{_percent(clear)}"
    return said + "."


def _gain(found: Evaluation) -> str:
    mine = [row for row in found.rows["gains"] if row["model"] == row["strategy"] == ALL and row["arm"] == ADVISOR]
    single = [row["coverage"] for row in mine if row["data"] != ALL]
    whole = next((row for row in mine if row["data"] == ALL), mine[0] if mine else None)
    if whole is None:
        return ""
    spread = f" ({100 * min(single):.0f} to {100 * max(single):.0f} % on single sets)" if len(single) > 1 else ""
    return (
        f"Its 80 % interval of what twice the labels bring held the truth in {100 * whole['coverage']:.0f} %{spread}, "
        f"{whole['width_points']:.1f} points wide."
    )


def _followed(found: Evaluation) -> str:
    """Which rules' figures follow the accuracy best, by the mean over models and strategies."""
    by_rule: dict[str, list[float]] = {}
    for row in found.rows["correlations"]:
        by_rule.setdefault(row["rule"], []).append(row["correlation"])
    means = {rule: sum(values) / len(values) for rule, values in by_rule.items()}
    order = sorted(means, key=lambda rule: -means[rule])
    listed = ", ".join(f"{rule} {means[rule]:.2f}" for rule in order[:_SAID])
    return f"The accuracy is followed best by {listed} (absolute correlation)." if order else ""


def _ratio(row: Mapping[str, Any]) -> str:
    return f"{row['ratio']:.2f}{_between(row, 'ratio_low', 'ratio_high', 2)}" if "ratio" in row else "an unknown share"


def _interval(row: Mapping[str, Any], digits: int) -> str:
    between = _between(row, "low", "high", digits)
    return f"{between} ({100 * LEVEL:g} % interval over {row['sets']} sets)" if between else ""


def _percent(row: Mapping[str, Any]) -> str:
    return "" if row.get("low") is None else f" [{100 * row['low']:.0f}, {100 * row['high']:.0f}]"


def _between(row: Mapping[str, Any], low: str, high: str, digits: int) -> str:
    return "" if row.get(low) is None else f" [{row[low]:.{digits}f}, {row[high]:.{digits}f}]"


def _many(n: int, word: str) -> str:
    plural = "strategies" if word == "strategy" else f"{word}s"
    return f"{n} {word if n == 1 else plural}"
