"""The target prior that makes unlabeled predictions likeliest: a concave problem, solved to a certificate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from claros.arrays import Floats, row_blocks
from claros.errors import NoEstimateError
from claros.shift.nonnegative import quadratic

__all__ = ["Maximum", "maximise"]


#: While a weight is too small by ``NEAR``, a few iterations of EM go before a step, and while it is by ``SURE``, a step
#: keeps a tenth of each weight: one that went to 0 too soon comes back by doublings only.
NEAR, SURE, KEPT, FEW = 0.3, 0.05, 0.1, 4
#: With so many rows, a quarter of them says how to step while the maximum is far.
MANY = 50_000
#: Nearer than this, a step that left less than a tenth of the violation is followed by one with the same curvature.
SETTLED = 1e-3
#: Where a step is lost in rounding at less than this, a better curvature would not help.
NOISE = 1e-9
SURE = 0.002
FLOOR = 1.0


@dataclass(frozen=True)
class Maximum:
    """Where it is: ``weights`` (C,), ``violation`` of the optimality conditions, and how it was found."""

    weights: Floats
    violation: float
    passes: int
    rows_ignored: int
    problem: _Problem

    @cached_property
    def curvature(self) -> Floats:
        """(C, C) minus the second derivative at the maximum, in one more pass."""
        return self.problem.curvature(self.weights)


@dataclass(frozen=True)
class _Point:
    weights: Floats
    value: float
    gradient: Floats  # of the likelihood alone, (C,)
    violation: float
    lack: float  # of the violation, what comes from weights that are too small


class _Problem:
    """Mean log of f·w + mean over known labels of log w_k - p·w, over w >= 0; its maximum has p·w = 1 by itself."""

    def __init__(self, probs: Floats, prior: Floats, known: Floats) -> None:
        self.probs, self.prior, self.known = probs, prior, known
        self.total = len(probs) + float(known.sum())
        self.ignored = 0
        self.passes = 0

    def at(self, weights: Floats) -> _Point:
        """Value and gradient in one pass over the rows, block by block."""
        self.passes += 1
        value, gradient, ignored = 0.0, np.zeros(len(weights)), 0
        held = self.known > 0
        for rows in row_blocks(len(self.probs), 8 * len(weights)):
            block = np.asarray(self.probs[rows], dtype=np.float64)
            mixed = block @ weights
            empty = mixed <= 0
            if empty.any():
                impossible = block[empty] @ self.prior <= 0  # nothing on any class that has a prior
                if not impossible.all():
                    return _Point(weights, -np.inf, gradient, np.inf, np.inf)
                ignored += int(empty.sum())
                mixed[empty] = np.inf
                value += float(np.log(mixed[~empty]).sum())
            else:
                value += float(np.log(mixed).sum())
            gradient += (1 / mixed) @ block
        if held.any():
            if np.any(weights[held] <= 0):
                return _Point(weights, -np.inf, gradient, np.inf, np.inf)
            value += float(self.known[held] @ np.log(weights[held]))
            gradient[held] += self.known[held] / weights[held]
        self.ignored = ignored
        counted = self.total - ignored
        if counted <= 0:
            raise NoEstimateError(
                "target_probs gives everything to classes without hold-out rows; label some of those, or use "
                "source_prior='soft'."
            )
        gradient /= counted
        ratio = np.divide(gradient, self.prior, out=np.ones_like(gradient), where=self.prior > 0) - 1
        violation = float(np.where(weights > 0, np.abs(ratio), ratio).max())
        return _Point(weights, value / counted - float(self.prior @ weights), gradient, violation, float(ratio.max()))

    def curvature(self, weights: Floats, every: int = 1) -> Floats:
        """(C, C) minus the second derivative, from all rows, or from one in ``every``."""
        total = np.zeros((len(weights), len(weights)))
        probs = self.probs[::every]
        for rows in row_blocks(len(probs), 8 * len(weights)):
            block = np.asarray(probs[rows], dtype=np.float64)
            mixed = block @ weights
            if self.ignored:
                mixed[mixed <= 0] = np.inf
            scaled = block / mixed[:, None]
            total += scaled.T @ scaled
        total[self.prior <= 0], total[:, self.prior <= 0] = 0.0, 0.0  # what has no prior has no weight
        total *= len(self.probs) / (len(probs) * (self.total - self.ignored))
        held = (self.known > 0) & (weights > 0)
        extra = np.zeros(len(weights))
        extra[held] = self.known[held] / weights[held] ** 2 / (self.total - self.ignored)
        total[np.diag_indices_from(total)] += extra
        return total


def maximise(probs: Floats, prior: Floats, known: Floats, *, tolerance: float = 1e-11, limit: int = 200) -> Maximum:
    """Weights w = q / p (C,) that maximise sum_i log sum_k w_k f_ik + sum_k n_k log w_k with p·w = 1, w >= 0.

    ``probs`` (N, C) are posteriors f under ``prior`` (C,) p, ``known`` (C,) are counts n of target items with labels
    (not whole where they stand for a prior of pseudo-counts). Classes with p_k = 0 get 0.

    The constraint p·w = 1 can be moved into the objective as - N p·w, since w · gradient = N at any w (Kim, Carbonetto,
    Stephens & Anitescu 2020, J. Comput. Graph. Stat. 29): what is left is w >= 0. Each step solves the quadratic model
    over w >= 0 by active sets, is shortened until the value does not fall, and needs one pass over the rows for the
    gradient and one for the curvature; near the maximum the curvature is kept while that does. A start is found on
    every sixteenth row where there are many.

    The certificate is max_k |g_k - 1| where w_k > 0 and max_k (g_k - 1) elsewhere, g_k = mean_i f_ik / (p_k f_i·w): it
    is 0 at the maximum and nowhere else. Stops at ``tolerance``, or where rounding allows no further ascent.

    Cost: O(steps · N · C²), some 10 steps; memory O(C² + block).
    """
    present = prior > 0
    start = np.where(present, 1.0, 0.0)
    every = 16
    if len(probs) >= every * max(2000, 20 * len(prior)):
        rough = _ascend(_Problem(probs[::every], prior, known / every), start, 1e-3, limit)
        one_row = np.divide(every / len(probs), prior, out=np.zeros_like(prior), where=present)
        start = np.maximum(rough.weights, one_row)  # what has none among these rows may have one in as many
    problem = _Problem(probs, prior, known)
    best = _ascend(problem, start, tolerance, limit)
    return Maximum(best.weights, best.violation, problem.passes, problem.ignored, problem)


def _ascend(problem: _Problem, start: Floats, tolerance: float, limit: int) -> _Point:
    point, curvature, every = problem.at(start), None, 4 if len(problem.probs) >= MANY else 1
    for _ in range(limit):
        if point.violation <= tolerance:
            break
        for _ in range(FEW):
            if point.lack > NEAR:
                point = _multiplied(problem, point)
        kept = curvature is not None
        if curvature is None:
            exact = every == 1 or point.lack < SURE
            curvature = problem.curvature(point.weights, 1 if exact else every)
        far = point.lack > SURE
        found = (_step(problem, point, curvature, KEPT) if far else None) or _step(problem, point, curvature, 0.0)
        if found is None and (not kept or point.violation < NOISE):
            break
        if found is None or found.violation > max(NOISE, min(SETTLED, point.violation / 10)):
            curvature = None
        if found is not None:
            every = every if found.violation < point.violation / 2 else 1  # where classes hardly differ, rows all count
            point = found
    return point


def _multiplied(problem: _Problem, point: _Point) -> _Point:
    """One iteration of EM, w_k <- w_k g_k: it never descends, and tiny weights grow by any factor at once."""
    g = np.divide(point.gradient, problem.prior, out=np.zeros_like(point.weights), where=problem.prior > 0)
    found = problem.at(point.weights * g)
    return found if found.value >= point.value else point


def _step(problem: _Problem, point: _Point, curvature: Floats, share: float) -> _Point | None:
    """The next point, no lower than this one; None where rounding hides any ascent."""
    kept = share * point.weights
    shape = curvature + np.diag(np.where(problem.prior > 0, 1e-14 * np.trace(curvature), 1.0))
    slope = point.gradient - problem.prior
    linear = np.where(problem.prior > 0, curvature @ point.weights + slope, -1.0)
    aim = kept + quadratic(shape, linear - shape @ kept, point.weights - kept)
    direction = aim - point.weights
    rise = float(slope @ direction)
    if rise <= 0 or not np.isfinite(rise):
        return None
    length = 1.0
    while length > 1e-10:
        found = problem.at(point.weights + length * direction if length < 1 else aim)
        if rise >= 1e-14 and found.value >= point.value + 1e-4 * length * rise:
            return found
        if rise < 1e-11 and found.violation < 0.5 * point.violation:  # values agree to rounding
            return found
        if rise < 1e-14:
            return None
        length *= 0.5 if np.isfinite(found.value) or length < 1 else 0.98  # nothing may become impossible
    return None
