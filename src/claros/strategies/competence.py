"""Strategies that weigh coverage against doubt by how well the labeled items cover the pool."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats, Indices, row_blocks, to_numpy
from claros.errors import InputError
from claros.measures import predictive
from claros.measures.directions import directions
from claros.measures.pairs import Mask, Within
from claros.pick import Picked, first_of
from claros.strategies.parameters import check_positive
from claros.strategy import strategy

__all__ = ["dcom"]

#: Radii that are tried, and bytes that a block of distances may take.
RADII, STEP_BYTES = np.arange(0.05, 1.101, 0.05), 1 << 20


@strategy(reference="Mishal & Weinshall 2024, arXiv:2407.01804")
def dcom(
    k: int,
    *,
    features: Array,
    probs: Array,
    labeled_features: Array,
    labels: Indices,
    rng: np.random.Generator,
    radius: float = 0.75,
    centre: float = 0.8,
    steepness: float = 50.0,
    at_most: int = 20_000,
) -> Picked:
    """Coverage while the labeled items cover little of the pool, doubt when they cover most of it: dynamic coverage.

    Features are scaled to length 1. Every labeled item has its own radius, the largest at which at least a share of
    0.4 + 0.2·coverage of its ball is predicted as its class; coverage is the share of candidates within such a ball
    (first found with ``radius`` for all). Competence is a logistic function of coverage, half at ``centre``, 1 at full
    coverage. Each pick has the largest competence · doubt + (1 - competence) · degree, where doubt is 1 minus the
    margin, degree the number of candidates within the labeled items' mean radius that nothing covers yet, both brought
    to [0, 1] over the candidates; what it covers is then taken out. That sum is its score. Of tied
    candidates the most doubtful goes first, and what is still tied is decided by a permutation drawn from ``rng``.

    Departures: of radii up to 1.1 in steps of .05 the largest pure one is taken, where the authors search by bisection;
    without labeled items the rule is degree alone at ``radius``.

    Cost: O(N²·D) time in blocks of products, O(N·D + N·L) memory; above ``at_most`` candidates a uniform sample of so
    many takes part.

    Use it for one rule from the first labels to the middle of a budget, on self-supervised features; not on features
    whose classes overlap, where balls are never pure: `uherding` has no such radius to find.
    """
    check_positive("dcom", radius=radius, centre=centre, steepness=steepness, at_most=at_most)
    if centre > 1.0:
        raise InputError(f"dcom: centre must be at most 1; got {centre!r}.")
    order = rng.permutation(int(features.shape[0]))
    room = max(at_most, k)
    rows = np.sort(order[:room]) if len(order) > room else np.arange(len(order))
    points = directions(to_numpy(features)[rows].astype(np.float64))
    known = directions(to_numpy(labeled_features).astype(np.float64)) if len(labels) else np.empty((0, points.shape[1]))
    predictions = to_numpy(probs)[rows].astype(np.float64)
    radii, covered = _balls(points, known, np.argmax(predictions, axis=1), labels, radius)
    coverage = float(np.mean(covered)) if len(covered) else 0.0
    competence = _competence(coverage, centre, steepness) if len(known) else 0.0
    doubt = _unit(np.asarray(predictive.margin(predictions)))
    mean_radius = float(np.mean(radii)) if len(radii) else radius
    picked = _cover(points, covered, mean_radius, doubt, competence, k, order[rows])
    note = f"The labeled items cover {coverage:.0%}: competence {competence:.2f}, radius {mean_radius:.2f}."
    if len(rows) < len(order):
        note += f" A sample of {len(rows)} of {len(order)} candidates took part."
    return Picked(rows[picked.indices], picked.scores, note=note)


def _competence(coverage: float, centre: float, steepness: float) -> float:
    """Logistic in coverage, scaled to be 1 at full coverage."""
    peak = 1.0 + np.exp(-steepness * (1.0 - centre))
    return float(min(1.0, peak / (1.0 + np.exp(-steepness * (coverage - centre)))))


def _balls(points: Floats, known: Floats, predicted: Indices, labels: Indices, radius: float) -> tuple[Floats, Mask]:
    """Each labeled item's radius (L,), and which candidates lie within one, (N,)."""
    if not len(known):
        return np.empty(0), np.zeros(len(points), dtype=bool)
    first = _within(points, known, np.full(len(known), radius))
    purity = 0.4 + 0.2 * float(np.mean(first)) if len(first) else 0.4
    held, pure = np.zeros((len(known), len(RADII))), np.zeros((len(known), len(RADII)))
    for block in row_blocks(len(points), 8 * len(known), STEP_BYTES):
        distances = _distances(points[block], known)
        same = predicted[block][:, None] == labels[None, :]
        for place, size in enumerate(RADII):
            inside = distances <= size
            held[:, place] += inside.sum(axis=0)
            pure[:, place] += (inside & same).sum(axis=0)
    # The item itself is in its ball, and of its class.
    good = (pure + 1.0) / (held + 1.0) >= purity
    last = len(RADII) - 1 - np.argmax(good[:, ::-1], axis=1)
    radii = np.where(good.any(axis=1), RADII[last], RADII[0])
    return radii, _within(points, known, radii)


def _within(points: Floats, known: Floats, radii: Floats) -> Mask:
    inside = np.zeros(len(points), dtype=bool)
    for block in row_blocks(len(points), 8 * len(known), STEP_BYTES):
        inside[block] = (_distances(points[block], known) <= radii[None, :]).any(axis=1)
    return inside


def _distances(left: Floats, right: Floats) -> Floats:
    """Of directions, rounded so that what is exactly at a radius counts as within: (n, L)."""
    squares = np.sum(left**2, axis=1)[:, None] + np.sum(right**2, axis=1)[None, :] - 2.0 * left @ right.T
    distances: Floats = np.round(np.sqrt(np.maximum(squares, 0.0)), 9)
    return distances


def _cover(
    points: Floats, covered: Mask, radius: float, doubt: Floats, competence: float, k: int, order: Indices
) -> Picked:
    balls = Within(points, radius)
    covered = covered.copy()
    degrees = balls.reached(np.flatnonzero(~covered)).astype(np.float64)
    free = np.ones(len(points), dtype=bool)
    picks, scores = np.empty(min(k, len(points)), dtype=np.int64), np.empty(min(k, len(points)))
    for turn in range(len(picks)):
        values = np.where(free, competence * doubt + (1.0 - competence) * _unit(degrees), -np.inf)
        best = float(values.max())
        tied = np.flatnonzero(values >= best - 1e-10)
        picks[turn] = first_of(tied[doubt[tied] >= np.max(doubt[tied]) - 1e-10], order)
        scores[turn] = best
        free[picks[turn]] = False
        ball = balls.ball(int(picks[turn]))
        new = ball[~covered[ball]]
        if len(new):
            covered[new] = True
            degrees -= balls.reached(new)
    return Picked(picks, scores)


def _unit(values: Floats) -> Floats:
    """Brought to [0, 1] over the candidates; all 0 where they are equal."""
    if not len(values):
        return values
    least, most = float(values.min()), float(values.max())
    return (values - least) / (most - least) if most > least else np.zeros(len(values))
