"""How good a model is on items that nobody has labeled, from how sure it is of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from claros.arrays import Array, Floats, to_numpy
from claros.errors import InputError
from claros.estimate.arguments import check_level
from claros.estimate.estimate import Estimate
from claros.estimate.estimator import estimator
from claros.estimate.sources import rows_to_use
from claros.inputs import Inputs
from claros.measures.calibration import Labeled, fit_temperature, labeled
from claros.measures.predictive import entropy, tempered

__all__ = ["atc", "average_confidence", "doc"]

#: Draws of a bootstrap.
DRAWS = 1000


class _Validation(NamedTuple):
    """Labels that may be used, with what was predicted, and how they are spoken of."""

    known: Labeled
    said: str

    @property
    def right(self) -> Floats:
        """(L,) 1 where the most probable class is the label."""
        return np.asarray(self.known.predicted == self.known.labels, dtype=np.float64)


@estimator(
    reference="Hendrycks & Gimpel 2017, arXiv:1610.02136; temperature: Guo et al. 2017, arXiv:1706.04599",
    optional=("labels", "labeled_probs", "labeled_at_random"),
)
def average_confidence(
    *,
    target_probs: Array,
    labels: Array | None = None,
    labeled_probs: Array | None = None,
    labeled_at_random: Array | None = None,
    queried: str = "drop",
    level: float = 0.95,
) -> Estimate:
    """Accuracy on unlabeled items as the mean of the largest probability; (M, C) -> a share.

    ``target_probs`` is what the model predicts for a random sample of the items that it is for: the stop set, say, and
    not what is left of the pool, which the sure or the unsure items have left. A model that is too sure of itself
    makes this too high. So give some labels: ``labels`` (L,), ``labeled_probs`` (L, C), what the model says of items
    that it was not trained on (an audit set, or out of fold), and ``labeled_at_random`` (L,), 1 where an item was drawn
    at random. Their temperature is fitted and applied first. Labels that a strategy chose are left out; with
    ``queried="use"`` they are used, with a warning.

    Interval: without labels it covers, in ``level`` of the samples, the accuracy that the probabilities promise, which
    is the accuracy only if they are calibrated (normal, from the sample's spread). With labels it adds the doubt about
    the temperature (its likelihood interval, carried through), and covers the accuracy if one temperature is what is
    wrong with the probabilities: in simulated worlds 94 to 98 % at 95 %, from 20 labels on.

    Departures: the paper looks at single items; their mean as an estimate is folklore.

    Cost: O((M + L) · C) for each of some 60 looks at the labels.

    >>> print(average_confidence(target_probs=[[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7]]))
    75.0 % (95 % interval 62.3 to 87.7, 4 items)
    """
    level = check_level(level, "average_confidence")
    parts = {"labels": labels, "labeled_probs": labeled_probs, "labeled_at_random": labeled_at_random}
    absent = [name for name, value in parts.items() if value is None]
    if 0 < len(absent) < len(parts):
        raise InputError(f"average_confidence: to calibrate, pass {' and '.join(absent)}, too; or leave out all three.")
    who = "average_confidence"
    target, inputs = _read(who, {"target_probs": target_probs, **({} if absent else parts)})
    if absent:
        low, value, high = _confidence(target, level)
        return Estimate(value, low, high, level, "average confidence, not calibrated", len(target), counted="item")
    validation = _validation(who, inputs, queried)
    heat = fit_temperature(validation.known.labels, validation.known.probs, level=level)
    low, value, high = _confidence(tempered(target, heat.value), level)
    # half-widths of independent doubts add in squares, each side by itself (Zou & Donner 2008)
    low = value - np.hypot(value - low, value - _sure(tempered(target, heat.high)).mean())
    high = value + np.hypot(high - value, _sure(tempered(target, heat.low)).mean() - value)
    method = f"average confidence at temperature {heat.value:.3g}, fitted to {validation.said}"
    return Estimate(value, max(0.0, float(low)), min(1.0, float(high)), level, method, len(validation.known.labels))


@estimator(reference="Garg et al. 2022, arXiv:2201.04234")
def atc(
    *,
    target_probs: Array,
    labels: Array,
    labeled_probs: Array,
    labeled_at_random: Array,
    score: str = "max_confidence",
    queried: str = "drop",
    level: float = 0.95,
    rng: np.random.Generator,
) -> Estimate:
    """Accuracy on unlabeled items as the share that scores above a threshold found on labels (ATC); a share.

    The threshold is where the share of the labeled items that score below it is the share that the model gets wrong.
    ``score`` is "max_confidence", the largest probability, or "negative_entropy". Arguments as in
    `average_confidence`, but the labels are required; it was made for targets whose inputs differ from the labeled
    ones, and without such a shift it adds little to calibrated average confidence.

    Interval: Bayesian bootstrap over the labeled items, with half a right and half a wrong one added (Jeffreys' prior,
    so that labels without an error are not taken for perfection), and over the target sample; 1,000 draws. It covers
    the accuracy where the threshold means the same on both; how far a shift breaks that, no interval can say. In
    simulated worlds without a shift 95 % intervals covered 90 % with 20 labels, 92 to 94 % with 60, 95 % with 200; for
    a model right in 95 % of items only 83 % with 20 labels.

    Departures: any threshold between two neighbouring scores would do, and the paper takes one of them; this takes the
    middle of what they give, and counts items that score exactly at it in half, which leaves less bias with few labels.

    Cost: O(1000 · L + M log M).

    >>> probs = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]]
    >>> estimate = atc(target_probs=probs, labels=[0, 0, 0, 1], labeled_probs=probs, labeled_at_random=[1, 1, 1, 1])
    >>> estimate.value      # 1 of 4 is wrong, so the threshold is above the lowest of 4 scores
    0.75
    """
    level = check_level(level, "atc")
    if score not in ("max_confidence", "negative_entropy"):
        raise InputError(f"atc: score must be 'max_confidence' or 'negative_entropy'; got {score!r}.")
    given = {"labels": labels, "labeled_probs": labeled_probs, "labeled_at_random": labeled_at_random}
    target, inputs = _read("atc", {"target_probs": target_probs, **given})
    validation = _validation("atc", inputs, queried)
    of = _sure if score == "max_confidence" else _negative_entropy
    scores, targets, wrong = of(validation.known.probs), np.sort(of(target)), 1.0 - validation.right
    value = float(_above(scores, wrong.mean(keepdims=True), np.ones((1, len(wrong))), targets)[0])
    weights, ghosts = _bootstrap(len(wrong), rng)
    rates = (weights @ wrong + ghosts[:, 0]) / (weights.sum(axis=1) + ghosts.sum(axis=1))
    shares = _above(scores, rates, weights, targets)
    drawn = rng.beta(len(targets) * shares + 0.5, len(targets) * (1 - shares) + 0.5)
    low, high = _quantiles(drawn, level, value)
    method = f"average thresholded confidence ({score.replace('_', ' ')}) from {validation.said}, Bayesian bootstrap"
    return Estimate(value, low, high, level, method, len(wrong))


@estimator(reference="Guillory et al. 2021, arXiv:2107.03315")
def doc(
    *,
    target_probs: Array,
    labels: Array,
    labeled_probs: Array,
    labeled_at_random: Array,
    queried: str = "drop",
    level: float = 0.95,
    rng: np.random.Generator,
) -> Estimate:
    """Accuracy on unlabeled items: accuracy on labels plus the difference of mean confidences (DoC); a share.

    Arguments as in `average_confidence`, but the labels are required. The confidences need not be calibrated, only off
    by as much on both. What would leave [0, 1] is cut off.

    Interval: Bayesian bootstrap over the labeled items, with half a right and half a wrong one added as in `atc`, and
    the normal spread of the target's mean confidence; 1,000 draws. It covers the accuracy where the model is as much
    too sure of itself on the target as on the labels: in simulated worlds 93 to 97 % at 95 %, from 20 labels on.

    Departures: the paper also learns how far accuracy follows the difference, from many shifts; here it follows in
    full, as in its plain form.

    Cost: O(1000 · L + M · C).

    >>> labeled = {"labels": [0, 0, 0, 1], "labeled_probs": [[0.9, 0.1]] * 4, "labeled_at_random": [1, 1, 1, 1]}
    >>> round(doc(target_probs=[[0.8, 0.2]] * 10, **labeled).value, 6)      # 3 of 4 right, 0.1 less sure
    0.65
    """
    level = check_level(level, "doc")
    given = {"labels": labels, "labeled_probs": labeled_probs, "labeled_at_random": labeled_at_random}
    target, inputs = _read("doc", {"target_probs": target_probs, **given})
    validation = _validation("doc", inputs, queried)
    sure, claimed = _sure(target), _sure(validation.known.probs)
    gaps = validation.right - claimed
    value = float(np.clip(sure.mean() + gaps.mean(), 0, 1))
    weights, ghosts = _bootstrap(len(gaps), rng)
    extra = ghosts @ (np.array([0.0, 1.0]) - claimed.mean())
    drawn = (weights @ gaps + extra) / (weights.sum(axis=1) + ghosts.sum(axis=1))
    drawn += sure.mean() + sure.std() / np.sqrt(len(sure)) * rng.standard_normal(DRAWS)
    low, high = _quantiles(np.clip(drawn, 0, 1), level, value)
    method = f"difference of confidences from {validation.said}, Bayesian bootstrap"
    return Estimate(value, low, high, level, method, len(gaps))


def _read(who: str, given: dict[str, Array | None]) -> tuple[Floats, Inputs]:
    """The target's probabilities (M, C) in float64, and everything that was given, checked."""
    inputs = Inputs(given, [*given], who=who)
    target = to_numpy(inputs["target_probs"]).astype(np.float64)
    if not len(target):
        raise InputError("target_probs has 0 rows; pass the predictions of at least one item.")
    return target, inputs


def _validation(who: str, inputs: Inputs, queried: str) -> _Validation:
    known = labeled(inputs["labels"], inputs["labeled_probs"])
    rows = rows_to_use(inputs["labeled_at_random"], queried, who)
    return _Validation(Labeled(known.labels[rows.positions], known.probs[rows.positions]), rows.said)


def _sure(probs: Floats) -> Floats:
    return np.asarray(probs.max(axis=1))


def _negative_entropy(probs: Floats) -> Floats:
    return -np.asarray(entropy(probs))


def _confidence(probs: Floats, level: float) -> tuple[float, float, float]:
    """Mean of the largest probability, between its normal limits."""
    sure = _sure(probs)
    value = float(sure.mean())
    width = float(ndtri((1 + level) / 2) * sure.std(ddof=min(1, len(sure) - 1)) / np.sqrt(len(sure)))
    return max(0.0, value - width), min(1.0, value), min(1.0, value + width)


def _bootstrap(n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Weights (B, n) of a Bayesian bootstrap (Rubin 1981), and (B, 2) of half a wrong and half a right item more."""
    return rng.standard_gamma(1.0, (DRAWS, n)), rng.standard_gamma(0.5, (DRAWS, 2))


def _above(scores: Floats, rates: Floats, weights: Floats, targets: Floats) -> Floats:
    """(B,) share of the sorted ``targets`` above the threshold below which (B,) ``rates`` of the (B, L) weights lie."""
    levels, group = np.unique(scores, return_inverse=True)
    order = np.argsort(group, kind="stable")
    at = np.add.reduceat(weights[:, order], np.searchsorted(group[order], np.arange(len(levels))), axis=1)
    # how much weight lies below each level, half of its own included; nothing lies below the lowest end
    below = np.pad(np.cumsum(at, axis=1) - at / 2, ((0, 0), (1, 1)))
    below[:, -1] = at.sum(axis=1)
    passed = (np.searchsorted(targets, levels, side="left") + np.searchsorted(targets, levels, side="right")) / 2
    above = 1.0 - np.concatenate([[0.0], passed / len(targets), [1.0]])
    wanted = rates * below[:, -1]
    place = np.clip((below <= wanted[:, None]).sum(axis=1), 1, len(levels) + 1)
    row = np.arange(len(weights))
    first, last = below[row, place - 1], below[row, place]
    return np.asarray(above[place - 1] + (above[place] - above[place - 1]) * (wanted - first) / (last - first))


def _quantiles(drawn: Floats, level: float, value: float) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return min(float(low), value), max(float(high), value)
