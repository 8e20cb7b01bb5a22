"""Centres that leave out the few points that nothing is near to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from claros.arrays import Array, Floats, Indices
from claros.measures.clusters import closest
from claros.measures.geometry import centred
from claros.measures.nearest import nearest_distance
from claros.pick.farthest import farthest_first
from claros.pick.picked import Picked

__all__ = ["robust_centres"]

#: The net of points that stands for all has at most so many more than there are picks.
MOST_SPARE = 4096

#: The search for the radius ends when it is known to this share.
PRECISION = 1e-6


class _Net(NamedTuple):
    """A few points that stand for all: positions, how many each stands for, distances to each other and to labeled."""

    positions: Indices
    weights: Floats
    gaps: Floats
    labeled: Floats


def robust_centres(
    points: Array, k: int, order: Indices, outliers: int, *, labeled: Array | None = None, known: Floats | None = None
) -> Picked:
    """k centres for all points but some ``outliers``, with a small radius; a pick's score is how many points it covers.

    (N, D) -> (k,). A net of k + ``outliers`` points, by farthest first, stands for all (Malkomes et al. 2015). For a
    radius, again and again the point of the net is taken that has most within the radius that is not covered, and
    covers what is within three times the radius (Charikar et al. 2001); the smallest radius at which no more than the
    outliers are left is found by bisection. Points that are left over come by how far they were when the net was
    made, covered ones first. Ties by the place in the net, and there by the permutation ``order``. ``known`` (N,) are
    distances to labeled points.
    O(N·(L + k + outliers)·D) time, O(N + (k + outliers)²) memory.
    """
    size = min(len(order), k + min(outliers, MOST_SPARE))
    positions = farthest_first(points, size, order, labeled=labeled, known=known).indices
    net = _stand_for_all(points, positions, labeled, known)
    low, high = 0.0, float(np.max(net.gaps, initial=0.0))
    places, gains, covered = _cover(net, k, 0.0)
    if np.sum(net.weights[~covered]) > outliers:
        while high - low > PRECISION * high:
            middle = (low + high) / 2.0
            left = float(np.sum(net.weights[~_cover(net, k, middle)[2]]))
            low, high = (low, middle) if left <= outliers else (middle, high)
        places, gains, covered = _cover(net, k, high)
    rest = np.setdiff1d(np.arange(size), places)
    rest = rest[np.argsort(~covered[rest], kind="stable")][: k - len(places)]
    picks = net.positions[np.concatenate([places, rest])]
    return Picked(picks, np.concatenate([gains, np.zeros(len(rest))]))


def _stand_for_all(points: Array, positions: Indices, labeled: Array | None, known: Floats | None) -> _Net:
    frame, vectors = centred(points, points.dtype)
    few = vectors.gather(positions)
    clusters = closest(vectors, few.parts[0].astype(np.float64))
    free = np.full(vectors.n, np.inf)
    if known is not None:
        free = known.astype(np.float64)
    elif labeled is not None:
        free = nearest_distance(points, labeled).astype(np.float64)
    stays = np.sqrt(clusters.squares) / frame.scale < free  # the others are nearer to a labeled point
    weights = np.bincount(clusters.members[stays], minlength=len(positions)).astype(np.float64)
    gaps = np.sqrt(np.maximum(vectors.between(few, few), 0.0)).astype(np.float64) / frame.scale
    np.fill_diagonal(gaps, 0.0)
    return _Net(positions, weights, gaps, free[positions])


def _cover(net: _Net, k: int, radius: float) -> tuple[Indices, Floats, npt.NDArray[np.bool_]]:
    """Up to k places in the net, what each newly covers, and which of the net is covered in the end."""
    near = (net.gaps <= radius).astype(np.float64)
    covered = net.labeled <= radius
    gains: Floats = near @ np.where(covered, 0.0, net.weights)
    places: list[int] = []
    new: list[float] = []
    while len(places) < k and np.max(gains) > 0.5:  # weights are whole numbers
        place = int(np.argmax(gains > np.max(gains) - 0.5))  # of tied ones the first in the net
        fresh = np.flatnonzero((net.gaps[place] <= 3.0 * radius) & ~covered)
        covered[fresh] = True
        gains = gains - near[:, fresh] @ net.weights[fresh]
        places.append(place)
        new.append(float(np.sum(net.weights[fresh])))
    return np.array(places, dtype=np.int64), np.array(new), covered
