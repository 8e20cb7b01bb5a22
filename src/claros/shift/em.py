"""Target priors that explain the predictions best: maximum likelihood, and with a prior on the prior."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.arrays import Array, Floats
from claros.checks import number
from claros.errors import InputError
from claros.shift.evidence import Evidence, mean_rows
from claros.shift.likelihood import Maximum, maximise
from claros.shift.method import Solution, method
from claros.shift.moments import ROWS, resampled_means
from claros.shift.nonnegative import quadratic

__all__ = ["em", "mapls", "source_prior_of"]


@method(
    reference="Saerens, Latinne & Decaestecker 2002; Alexandari, Kundaje & Shrikumar 2020, arXiv:1901.06852",
    uses_labels=True,
)
def em(
    evidence: Evidence, *, source_prior: Any = "soft", prior_strength: float = 0.0, tolerance: float = 1e-11
) -> Solution:
    """The target prior q that makes the target's predictions likeliest (MLLS), and weights q / p.

    Where the EM iterations of Saerens et al. would end after thousands of rounds: found by second-order steps, with the
    certificate ``kkt_violation`` (0 at the maximum and nowhere else) in the diagnostics. It believes the probabilities,
    so calibrate models that are too sure of themselves: with ``calibration="bcts"`` it is the most accurate method in
    published comparisons, without any it is the worst under strong shift.

    ``source_prior`` is p: ``"soft"``, the mean prediction on the hold-out, for which a target like the hold-out gives
    weights of exactly 1; ``"labels"``, the class shares of the hold-out; or C numbers. Both are legitimate, and differ
    where the model is biased. Labels of some target items (``target_labels``) are counted as they are.
    ``prior_strength`` adds pseudo-counts in proportion to p, as a share of the target's size; 0.05 steadies q where
    classes are rare.

    A class with p_k = 0 (no hold-out row, with ``"labels"``) is left out: its share is 0 and its weight 1, with the
    flag ``left_out``. Target rows that are possible under none of the others are ignored and counted.

    Departures: no iterations of EM, and no limit of 100 of them, which leaves abstention off by up to .4 in w.

    Cost: O(steps · N · C²), some 10 steps; memory O(N), no copy of the predictions.
    """
    prior = source_prior_of(evidence, source_prior)
    extra = number(prior_strength, 0, np.inf, "em: prior_strength") * len(evidence.target)
    return _solution(evidence, prior, extra * prior, source_prior, number(tolerance, 0, 1, "em: tolerance"), {})


@method(reference="Ye, Tsuchida, Petersson & Barnes 2024, Label Shift Estimation for Class-Imbalance Problem (WACV)")
def mapls(evidence: Evidence, *, source_prior: Any = "soft", mix: float | None = None) -> Solution:
    """The target prior by maximum a posteriori: likelihood, with a Dirichlet prior around the uniform distribution.

    The fixed point of q <- ``mix`` · (mean posterior under q) + (1 - ``mix``) / C: 1 is maximum likelihood, 0 the
    uniform distribution. Without a ``mix`` it is chosen from the divergences between the likeliest q, p and the uniform
    distribution, as the authors' code does. Smoother than `em` with many classes; biased towards uniform, also where
    there is no shift.

    ``source_prior`` as for `em`. Departures: solved to a certificate instead of 100 iterations, also inside the choice
    of ``mix``.

    Cost: twice that of `em`.
    """
    prior = source_prior_of(evidence, source_prior)
    uniform = np.where(prior > 0, 1.0, 0.0) / np.count_nonzero(prior)
    if mix is None:
        likeliest = maximise(evidence.target, prior, evidence.known).weights * prior
        chosen = _mix(likeliest, prior, uniform)
    else:
        chosen = number(mix, 0, 1, "mapls: mix")
    if chosen == 0:
        raise InputError("mapls: mix must be above 0; at 0 the target prior is uniform whatever the data.")
    extra = len(evidence.target) * (1 - chosen) / chosen
    return _solution(evidence, prior, extra * uniform, source_prior, 1e-11, {"mix": chosen})


def _mix(target: Floats, source: Floats, uniform: Floats) -> float:
    """The authors' rule: confidence in the data grows with the distance of q from uniform, falls with that from p."""

    def divergence(p: Floats, q: Floats) -> float:
        kept = p > 0
        return float(np.sum(p[kept] * np.log(p[kept] / (q[kept] + 1e-12))))

    def rising(distance: float, rate: float) -> float:
        return rate * distance / (1 + rate * distance)

    def rate(at_half: float) -> float:  # the rate for which a distance of 0.5 gives this confidence
        return (1 / (1 - at_half) - 1) / 0.5

    base = 1 - rising(divergence(source, uniform), rate(0.2))
    if base >= 1 - 1e-12:  # the source is uniform: any distance is full confidence, none is none
        away = moved = 1.0 if divergence(target, uniform) > 0 else 0.0
    else:
        away, moved = (rising(divergence(target, other), rate(base)) for other in (uniform, source))
    return float(np.clip(0.9 * away + 0.1 * (1 - moved), 0.0, 1.0))


def source_prior_of(evidence: Evidence, named: Any) -> Floats:
    """(C,) the prior under which the model predicts, by name or as numbers that sum to 1."""
    if isinstance(named, str):
        if named == "soft":
            return mean_rows(evidence.source)
        if named == "labels":
            return evidence.prior
        raise InputError(f"source_prior must be 'soft', 'labels' or a number for each class; got {named!r}.")
    given: Array = np.asarray(named, dtype=np.float64)
    if given.shape != (evidence.n_classes,) or not np.all(given >= 0) or abs(float(given.sum()) - 1) > 1e-3:
        raise InputError(
            f"source_prior must be {evidence.n_classes} numbers of at least 0 that sum to 1; got {named!r}."
        )
    return np.asarray(given / given.sum())


def _solution(
    evidence: Evidence, prior: Floats, pseudo: Floats, named: Any, tolerance: float, said: dict[str, Any]
) -> Solution:
    if np.any(evidence.known[prior == 0] > 0):
        lost = evidence.names(np.flatnonzero((prior == 0) & (evidence.known > 0)))
        raise InputError(f"target_labels has {lost[0]!r}, but the source prior of that class is 0; use other classes.")
    counts = evidence.known + pseudo
    best = maximise(evidence.target, prior, counts, tolerance=tolerance)
    share = best.weights * prior
    share = share / share.sum()
    left_out = np.flatnonzero(prior == 0)
    diagnostics = {
        **said,
        "kkt_violation": best.violation,
        "passes": best.passes,
        "rows_ignored": best.rows_ignored,
        "left_out": evidence.names(left_out),
    }
    flags = [("left_out", left_out.size), ("rows_ignored", best.rows_ignored)]
    flags.append(("not_converged", best.violation > max(1e-7, 10 * tolerance)))

    def resample(replicates: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        return _resample(evidence, prior, counts, named, best, replicates, rng)

    weights = np.where(prior > 0, best.weights, 1.0)
    return Solution(weights, prior, share, resample, diagnostics, tuple(name for name, is_so in flags if is_so))


def _resample(
    evidence: Evidence,
    prior: Floats,
    counts: Floats,
    named: Any,
    best: Maximum,
    replicates: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """One step from the maximum towards that of each resampled data set: exact up to terms of order 1/N."""
    w, present = best.weights, prior > 0
    n, total = len(evidence.target), len(evidence.target) - best.rows_ignored + float(counts.sum())
    rows = np.asarray(evidence.target if n <= ROWS else evidence.target[np.sort(rng.choice(n, ROWS, replace=False))])
    mixed = rows @ w
    pulls = np.divide(rows, mixed[:, None], out=np.zeros(rows.shape), where=mixed[:, None] > 0)
    moved = resampled_means(pulls, replicates, rng) - pulls.mean(axis=0)
    moved *= np.sqrt(len(rows) / n) * n / total
    known = evidence.known
    if known.any():
        drawn = rng.multinomial(int(known.sum()), known / known.sum(), size=replicates) - known
        moved += np.divide(drawn, w, out=np.zeros(drawn.shape), where=(known > 0) & (w > 0)) / total
    priors = _resampled_priors(evidence, prior, named, replicates, rng)
    ridge = np.diag(np.where(present, 1e-12 * np.trace(best.curvature), 1.0))
    shape = best.curvature + ridge
    gradient = best.curvature @ w  # of the likelihood, since it is homogeneous in w
    linear = np.where(present, shape @ w + gradient + moved - priors, -1.0)
    weights = _nonnegative_steps(shape, linear, w)
    shares = weights * priors
    sums = shares.sum(axis=1, keepdims=True)
    possible = sums > 0  # not where a tiny hold-out lost all classes that the target has
    weights = np.divide(weights, sums, out=np.tile(w, (replicates, 1)), where=possible)
    shares = np.divide(shares, sums, out=np.tile(w * prior, (replicates, 1)), where=possible)
    return np.where(present, weights, 1.0), shares


def _nonnegative_steps(shape: Floats, linear: Floats, start: Floats) -> Floats:
    """(B, C) the best x >= 0 of each quadratic model; one factorisation serves all that keep the support."""
    support = start > 0
    found = np.zeros(linear.shape)
    found[:, support] = np.linalg.solve(shape[np.ix_(support, support)], linear[:, support].T).T
    gain = np.where(support, 0.0, linear - found @ shape)
    for place in np.flatnonzero((found.min(axis=1) < 0) | (gain.max(axis=1) > 1e-12)):
        found[place] = quadratic(shape, linear[place], np.maximum(found[place], 0.0))
    return found


def _resampled_priors(
    evidence: Evidence, prior: Floats, named: Any, replicates: int, rng: np.random.Generator
) -> Floats:
    if not isinstance(named, str):
        return np.tile(prior, (replicates, 1))
    if named == "soft":
        return np.where(prior > 0, resampled_means(evidence.source, replicates, rng), 0.0)
    n = len(evidence.labels)
    return rng.multinomial(n, prior, size=replicates) / n
