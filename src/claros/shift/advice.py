"""What an estimate of label shift means for the person who asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from claros.shift.method import Solution
from claros.shift.result import Interval

__all__ = ["advise"]


def advise(classes: tuple[str, ...], found: Solution, interval: Interval | None, diagnostics: Mapping[str, Any]) -> str:
    """A sentence on the shift, and one on each thing that makes the weights doubtful."""
    return " ".join([_verdict(classes, found, interval, diagnostics), *_doubts(diagnostics)])


def _verdict(
    classes: tuple[str, ...], found: Solution, interval: Interval | None, diagnostics: Mapping[str, Any]
) -> str:
    p = diagnostics["shift_p_value"]
    chance = "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
    if "abstained" in diagnostics["flags"]:
        return f"No shift beyond noise ({chance}): the weights are 1, and nothing needs correcting."
    if p > 0.05:
        return f"No shift beyond noise ({chance}): correcting may do more harm than good; a larger target sample tells."
    places = np.argsort(-np.abs(np.log(np.maximum(found.weights, 1e-3))), kind="stable")[:2]
    parts = []
    for place in places:
        limits = (
            ""
            if interval is None
            else f" ({100 * interval.level:g} % interval {interval.weights_low[place]:.2f} to "
            f"{interval.weights_high[place]:.2f})"
        )
        parts.append(f"{classes[place]} has {found.weights[place]:.2f} times its share in the source{limits}")
    return f"The target differs from the source ({chance}): {', '.join(parts)}."


def _doubts(diagnostics: Mapping[str, Any]) -> Iterator[str]:
    flags = diagnostics["flags"]
    if "missing_classes" in flags:
        yield f"No hold-out item is labeled {_few(diagnostics['missing_classes'])}: nothing is known of it; label some."
    if "few_target_rows" in flags:
        yield "The target sample has fewer items than there are classes; take more."
    if "singular" in flags or np.isinf(diagnostics["condition_number"]):
        yield "Some classes cannot be told apart by these predictions, so that their weights are not determined."
    elif diagnostics["condition_number"] > 100:
        yield "Some classes can hardly be told apart by these predictions: look at the intervals."
    if "unpredicted_classes" in flags:
        yield f"Nothing is predicted to be {_few(diagnostics['unpredicted_classes'])}."
    if "negative" in flags:
        yield "Some weights are negative; use solver='nnls' before training with them."
    if "not_converged" in flags:
        yield "The maximum was not reached; see kkt_violation."
    if diagnostics["effective_sample_size"] < 0.2 * diagnostics["n_source"]:
        worth, n = diagnostics["effective_sample_size"], diagnostics["n_source"]
        yield f"So weighted, {n} hold-out items are worth {worth:.0f}: correct predictions rather than training."


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
