"""Weights from a confusion matrix: the black box shift estimator, and its regularised form."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import scipy.linalg

from claros.arrays import Floats
from claros.checks import number
from claros.errors import InputError
from claros.shift.evidence import Evidence
from claros.shift.method import Solution, method
from claros.shift.moments import Moments, moments, resampled
from claros.shift.nonnegative import least_squares
from claros.shift.regularised import nearby, regularised

__all__ = ["bbse", "default_regularization", "rlls"]

#: Pull towards weights of 1 in directions that the data do not determine, as a share of the largest singular value.
_PULL = 1e-6


@method(reference="Lipton, Wang & Smola 2018, arXiv:1802.03916", choices={"solver": ("nnls", "solve", "ridge")})
def bbse(evidence: Evidence, *, soft: bool = True, solver: str = "nnls", clip: bool = False) -> Solution:
    """Weights w that solve C w = mu, C the joint confusion matrix of the hold-out, mu the target's mean prediction.

    ``soft`` averages probabilities, otherwise predicted classes are counted (noisier, but needs no probabilities that
    mean anything). Needs no calibration.

    ``solver="nnls"`` minimises |C w - mu| over w >= 0, which is the plain solution wherever that is not negative;
    ``"solve"`` is the plain solution, for which p·w = 1, and ``"ridge"`` the paper's code, (C'C + I / min(n, N)) w =
    C' mu, which pulls towards 0 and is far off with few items. Both may be negative, with the flag ``negative``;
    ``clip`` sets such weights to 0 (p·w is then over 1), with the flag ``clipped``.

    Where C is singular, weights are not determined: of all best ones, those nearest to 1 are given, with the flag
    ``singular``. A class without a hold-out row keeps weight 1.

    Cost: O((n + N) · C + C³).
    """
    found = moments(evidence, soft)
    size = min(len(evidence.labels), len(evidence.target))
    raw = _raw(found, solver, size)
    kept = np.maximum(raw, 0.0) if clip else raw
    negative = np.flatnonzero(raw < 0)
    flags = (("singular",) if found.singular else ()) + (("clipped" if clip else "negative",) * bool(negative.size))
    clipped = {"clipped_classes" if clip else "negative_classes": evidence.names(negative)}

    def again(one: Moments) -> Floats:
        weights = _raw(one, solver, size)
        return np.maximum(weights, 0.0) if clip else weights

    return solution(evidence, found, kept, again, soft, clipped, flags)


def _raw(found: Moments, solver: str, size: int) -> Floats:
    joint, target = found.joint, found.target
    if solver == "ridge":
        gram = joint.T @ joint + np.eye(len(target)) / size
        weights = np.asarray(scipy.linalg.solve(gram, joint.T @ target, assume_a="pos"))
        weights[found.prior == 0] = 1.0
        return weights
    singular = found.singular
    if singular:
        weights = 1 + scipy.linalg.lstsq(joint, target - found.source, cond=_PULL)[0]
    else:
        weights = scipy.linalg.solve(joint, target)
    if solver == "solve" or weights.min() >= 0:
        return np.asarray(weights)
    if not singular:
        return least_squares(joint, target)
    pull = _PULL * np.linalg.norm(joint, 2)
    stacked = np.vstack([joint, pull * np.eye(len(target))])
    return least_squares(stacked, np.append(target, np.full(len(target), pull)))


@method(reference="Azizzadenesheli, Liu, Yang & Anandkumar 2019, arXiv:1903.09734")
def rlls(
    evidence: Evidence, *, soft: bool = True, regularization: float | None = None, shrinkage: float = 1.0
) -> Solution:
    """Weights 1 + theta that minimise |C theta - (mu_target - mu_source)| + D |theta| over theta >= -1.

    The norms are not squared: below a threshold of D = ``regularization`` the plain solution is kept exactly, above
    another all weights are 1, in between they are pulled towards 1. Without one, D is 0.01 times the paper's bound,
    3 (2 ln(2C/.05) / 3n + sqrt(2 ln(2C/.05) / n)), as in the authors' code. ``shrinkage`` in [0, 1] multiplies theta;
    the paper advises less than 1 where the target sample is small.

    mu_source is the hold-out's mean *prediction*: with its class shares in place of it (as in some copies) weights
    differ from 1 where there is no shift. A class without a hold-out row has weight 1. Diagnostics: ``certificate``,
    how far the solution is from optimal (relative duality gap), and ``regularization``.

    Cost: O((n + N) · C + C³).
    """
    n, n_classes = len(evidence.labels), evidence.n_classes
    strength = default_regularization(n, n_classes) if regularization is None else regularization
    strength = number(strength, 0, np.inf, "rlls: regularization")
    keep = number(shrinkage, 0, 1, "rlls: shrinkage")
    found = moments(evidence, soft)
    best = regularised(found.joint, found.target - found.source, strength)

    def again(one: Moments) -> Floats:
        return 1 + keep * nearby(one.joint, one.target - one.source, strength, best.ridge)

    said = {"regularization": strength, "certificate": best.gap}
    flags = ("singular",) if found.singular else ()
    return solution(evidence, found, 1 + keep * best.theta, again, soft, said, flags)


def default_regularization(n: int, n_classes: int, *, alpha: float = 0.01, delta: float = 0.05) -> float:
    """``alpha`` times the bound on the error of a confusion matrix of ``n`` rows that holds with chance 1 - delta."""
    if n < 1:
        raise InputError(f"n must be at least 1; got {n!r}.")
    bound = np.log(2 * n_classes / delta)
    return float(alpha * 3 * (2 * bound / (3 * n) + np.sqrt(2 * bound / n)))


def solution(
    evidence: Evidence,
    found: Moments,
    weights: Floats,
    again: Callable[[Moments], Floats],
    soft: bool,
    diagnostics: Mapping[str, object],
    flags: tuple[str, ...],
) -> Solution:
    """The solution of a method that finds weights from moments; its target prior is p·w, scaled to a sum of 1."""
    prior = found.prior

    def resample(replicates: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        drawn = [(again(one), one.prior) for one in resampled(evidence, soft, replicates, rng)]
        return np.array([weights for weights, _ in drawn]), np.array([_prior(*pair) for pair in drawn])

    mass = float(prior @ weights)
    return Solution(weights, prior, _prior(weights, prior), resample, {"mass": mass, **diagnostics}, flags)


def _prior(weights: Floats, prior: Floats) -> Floats:
    share = np.maximum(weights, 0.0) * prior
    total = share.sum()
    return share / total if total > 0 else prior
