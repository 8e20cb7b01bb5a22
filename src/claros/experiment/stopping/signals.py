"""Published signals in price-aware form: what a rule looks at, read as accuracy that more labels would bring."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from claros.arrays import Floats, Indices
from claros.experiment.stopping.watched import Said

__all__ = ["FORMS", "SIGNALS", "limits_met", "per_label", "signal", "true_slope"]

Form = Callable[[Floats, Floats, Floats], Floats]


def _as_it_is(value: Floats, threshold: Floats, n: Floats) -> Floats:
    return value


def _short_of_one(value: Floats, threshold: Floats, n: Floats) -> Floats:
    return 1.0 - value


def _short_of_threshold(value: Floats, threshold: Floats, n: Floats) -> Floats:
    return threshold - value


def _per_label(value: Floats, threshold: Floats, n: Floats) -> Floats:
    """What changes by so much a label changes by n times that per unit of ln n."""
    return np.abs(value) * n


def _break_even(value: Floats, threshold: Floats, n: Floats) -> Floats:
    """The advisor's slope, from the price in points up to which the next label pays."""
    return value * n / 100


#: Rule -> how its value becomes a quantity that falls to 0 as a model settles. Counts of falls, budgets, and rules
#: for finding all relevant items have none.
SIGNALS: Mapping[str, Form] = {
    "stabilizing_predictions": _short_of_one,
    "stabilizing_predictions_bound": _short_of_one,
    "classification_change": _short_of_one,
    "predicted_change_of_f": _as_it_is,
    "retraining_noise_floor": _short_of_one,
    "validation_agreement": _short_of_one,
    "intrinsic_stopping_criterion": _short_of_threshold,
    "overall_uncertainty": _as_it_is,
    "max_confidence": _as_it_is,
    "entropy_mcs": _as_it_is,
    "selected_accuracy": _short_of_one,
    "performance_convergence": _per_label,
    "uncertainty_convergence": _per_label,
    "margin_exhaustion": _short_of_threshold,
    "saturating_support_vectors": _as_it_is,
    "gradient_stability": _as_it_is,
    "model_stability": _short_of_one,
    "error_stability": _as_it_is,
    "information_left": _as_it_is,
    "advisor": _break_even,
}

#: How a signal is used: round by round as it comes, or as the advisor uses its own, the mean of the last three rounds
#: that had one, twice in a row.
FORMS = ("plain", "smoothed")
_SMOOTHED = 3


def signal(rule: str, said: Said, n_labeled: Floats) -> Floats | None:
    """The signal (R,) of a rule by its registered name, at least 0, NaN where it was not ready; None if it has none."""
    form = SIGNALS.get(rule)
    return None if form is None or said.why else np.maximum(0.0, form(said.value, said.threshold, n_labeled))


def per_label(values: Floats, n_labeled: Floats, form: str) -> Floats:
    """The signal over labels (R,), in the given form, as a figure that stops where it is at most a limit.

    Infinite where nothing can be said. With a slope of c times the signal, accuracy per unit of ln n, one more label
    brings c times this.
    """
    if form == "plain":
        return np.where(np.isfinite(values), values / n_labeled, np.inf)
    known = np.isfinite(values)
    kept = np.where(known, values, 0.0)
    padded, counted = (np.concatenate([np.zeros(_SMOOTHED - 1), part]) for part in (kept, known.astype(np.float64)))
    window = np.lib.stride_tricks.sliding_window_view
    sums, counts = window(padded, _SMOOTHED).sum(axis=1), window(counted, _SMOOTHED).sum(axis=1)
    smooth = np.where(known, sums / np.maximum(counts, 1.0) / n_labeled, np.inf)
    return np.asarray(np.maximum(smooth, np.concatenate([[np.inf], smooth[:-1]])))


def limits_met(figures: Floats, limits: Floats) -> Indices:
    """The first place where the figures (R,) are at most each limit (...), or R where they never are.

    By bisection in the running minimum: O(log R) a limit.
    """
    lowest = np.minimum.accumulate(figures)
    return np.searchsorted(-lowest, -limits, side="left").astype(np.int64)


def true_slope(n_labeled: Floats, accuracy: Floats) -> Floats:
    """What really came, (R,): accuracy gained per unit of ln n until the labels have doubled, or to the end of the run.

    Both ends are means over the rounds beside them, three where there are. The last round has no future: NaN.
    """
    rounds = len(n_labeled)
    smooth = np.array([accuracy[max(0, t - 1) : t + 2].mean() for t in range(rounds)])
    later = np.maximum(np.searchsorted(n_labeled, 2 * n_labeled, side="right") - 1, np.arange(rounds) + 1)
    later = np.minimum(later, rounds - 1)
    width = np.log(n_labeled[later] / n_labeled)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(width > 0, np.maximum(0.0, smooth[later] - smooth) / width, np.nan)
