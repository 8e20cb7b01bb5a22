"""The door: from predictions to weights, with intervals, diagnostics and advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from claros.arrays import Array, Floats
from claros.checks import whole
from claros.errors import InputError
from claros.estimate.arguments import check_level
from claros.registry import Registry
from claros.rng import generator
from claros.shift.advice import advise
from claros.shift.calibration import calibrated
from claros.shift.evidence import Evidence, gather
from claros.shift.expression import read_call
from claros.shift.method import Method, Solution
from claros.shift.moments import describe, moments
from claros.shift.noise import shift_test
from claros.shift.result import Interval, ShiftEstimate

__all__ = ["ALIASES", "REGISTRY", "estimate", "get", "names"]

#: Other names that the field has for the same method.
ALIASES: Mapping[str, str] = {"mlls": "em", "sld": "em", "default": "auto"}

#: The table: one line a method. Third parties add theirs by an entry point in the group ``claros.shift``.
REGISTRY: Registry[Method] = Registry(
    "method of estimating label shift",
    {
        "auto": "claros.shift.auto:auto",
        "em": "claros.shift.em:em",
        "bbse": "claros.shift.bbse:bbse",
        "rlls": "claros.shift.bbse:rlls",
        "mapls": "claros.shift.em:mapls",
        "acc": "claros.shift.quantify:acc",
        "pacc": "claros.shift.quantify:pacc",
        "ratio": "claros.shift.quantify:ratio",
    },
    group="claros.shift",
    aliases=ALIASES,
)


def get(name: str, /, **parameters: Any) -> Method:
    """The method of that name, with the given parameters over its defaults; a call as a text has its own, too.

    >>> dict(get("bbse", solver="solve").parameters)
    {'soft': True, 'solver': 'solve', 'clip': False}
    """
    word, own = read_call(name) if "(" in name else (name, {})
    return REGISTRY.load(word).configure(**{**own, **parameters})


def names() -> list[str]:
    """All methods' names."""
    return REGISTRY.names()


def estimate(
    method: str | Method = "auto",
    /,
    *,
    source_probs: Array,
    source_labels: Array | Sequence[Any],
    target_probs: Array,
    classes: int | Sequence[str] | None = None,
    target_labels: Array | Sequence[Any] | None = None,
    calibration: str | None = None,
    level: float = 0.95,
    replicates: int = 200,
    seed: int | None = None,
    rng: np.random.Generator | None = None,
    **parameters: Any,
) -> ShiftEstimate:
    """How often each class is in the target, against the source; weights, interval, diagnostics and advice.

    ``source_probs`` (n, C) are a model's predictions on labeled items that did not train it (see
    `claros.shift.cross_fitted`) and ``source_labels`` (n,) their classes, as codes or names; ``target_probs`` (N, C)
    are its predictions on unlabeled target items, other than those it will be judged on. ``classes``, a number or the
    names in the order of the columns, is checked against them. ``target_labels`` are classes of further target items,
    not among ``target_probs``, drawn at random (methods `em` and `auto` use them).

    Assumes label shift: classes look the same in the source and in the target, only their shares differ.

    ``method`` is one of `names`, and ``parameters`` are its own. ``calibration`` (``"ts"``, ``"bcts"``, ``"nbvs"``,
    ``"vs"``) is fitted on the hold-out first; confusion matrices then use out-of-fold calibrated rows.

    The interval is the bootstrap's at ``level``: hold-out and target are drawn anew ``replicates`` times (0 for none;
    `em`, `mapls` and `auto` take one step from their maximum). The calibration is not fitted anew, and the model is
    what it is.

    Diagnostics: ``n_source``, ``n_target``, ``n_target_labels``; ``smallest_singular_value`` and ``condition_number``
    of the soft confusion matrix (above 100 or so, intervals of single classes are wide and linear methods unsteady);
    ``missing_classes`` without a hold-out row (weight 1, for want of evidence); ``unpredicted_classes``, which no row
    is predicted to be; ``effective_sample_size``, what the hold-out is worth when weighted, (sum w)² / sum w²;
    ``shift_p_value``, see `claros.shift.shift_test`; ``calibration``, log loss out of fold before and after; what the
    method adds; and ``flags``, the names of everything that is not as it should be: ``missing_classes``,
    ``unpredicted_classes``, ``few_target_rows`` (fewer than classes), ``singular``, ``negative``, ``clipped``,
    ``left_out``, ``rows_ignored``, ``not_converged``, ``abstained``. Nothing in it is NaN.

    Cost: that of the method, O((n + N) · C²) for the diagnostics, O(replicates · n · C) for the interval.

    >>> import numpy as np
    >>> source = np.array([[0.8, 0.2]] * 5 + [[0.2, 0.8]] * 5)
    >>> labels = [0, 0, 0, 0, 1, 1, 1, 1, 1, 0]
    >>> target = np.array([[0.8, 0.2]] * 30 + [[0.2, 0.8]] * 70)
    >>> found = estimate("em", source_probs=source, source_labels=labels, target_probs=target)
    >>> found.target_prior.round(3).tolist(), found.weights.round(3).tolist()
    ([0.167, 0.833], [0.333, 1.667])
    """
    evidence = gather(source_probs, source_labels, target_probs, classes, target_labels)
    chosen = (get(method) if isinstance(method, str) else method).configure(**parameters)
    if evidence.known.any() and not chosen.uses_labels:
        raise InputError(f"{chosen.name} cannot use target_labels; em and auto can.")
    level, replicates = check_level(level, "estimate"), whole(replicates, 0, "replicates")
    chance = generator(seed, rng, "shift")
    ready, said = calibrated(evidence, calibration) if calibration is not None else (evidence, None)
    found = chosen(ready)
    interval = _interval(found, replicates, level, chance) if replicates else None
    diagnostics = _diagnostics(evidence, ready, found, said, chance)
    return ShiftEstimate(
        chosen.name,
        evidence.classes,
        found.weights,
        found.target_prior,
        found.source_prior,
        interval,
        MappingProxyType(diagnostics),
        advise(evidence.classes, found, interval, diagnostics),
    )


def _interval(found: Solution, replicates: int, level: float, rng: np.random.Generator) -> Interval:
    weights, priors = found.resample(replicates, rng)
    tail = (1 - level) / 2

    def limits(drawn: Floats, value: Floats) -> tuple[Floats, Floats]:
        low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
        return np.minimum(low, value), np.maximum(high, value)

    return Interval(*limits(weights, found.weights), *limits(priors, found.target_prior), level)


def _diagnostics(
    evidence: Evidence, ready: Evidence, found: Solution, said: Mapping[str, Any] | None, rng: np.random.Generator
) -> dict[str, Any]:
    seen = describe(evidence, moments(ready, soft=True))
    if "shift_p_value" not in found.diagnostics:
        seen["shift_p_value"] = shift_test(evidence.source, evidence.target, rng=rng).p_value
    of_rows = np.maximum(found.weights, 0.0)[evidence.labels]
    squares = float((of_rows**2).sum())
    flags = [name for name in ("missing_classes", "unpredicted_classes") if seen[name]]
    if len(evidence.target) + evidence.known.sum() < evidence.n_classes:
        flags.append("few_target_rows")
    return {
        **seen,
        "effective_sample_size": float(of_rows.sum()) ** 2 / squares if squares > 0 else 0.0,
        "calibration": said,
        **found.diagnostics,
        "flags": [*flags, *found.flags],
    }
