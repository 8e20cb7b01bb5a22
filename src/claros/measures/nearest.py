"""Distance of many points to the nearest centre: roughly for all of them, exactly for those that it hangs on."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats, Indices, fast_dtype, row_blocks, to_numpy
from claros.measures.geometry import Few, centred, difference_squares, mean_point

__all__ = ["Nearest", "nearest_distance"]

#: Bytes that one step of the exact work may take.
STEP_BYTES = 1 << 22


class Nearest:
    """Squared distance of N points to the nearest of a growing set of centres.

    ``rough`` (N,) holds float32 values for all points, with a known bound on their error (`slack`). `exactly` gives
    float64 values from the differences themselves, for a few points at a time; what it has worked out for a point it
    keeps, so that a later question costs only the centres that came since. Everything is times ``scale`` squared.
    ``labeled`` are centres from the start; ``known`` (N,) their distances, if kept from before. O(N) memory.
    """

    def __init__(self, points: Array, labeled: Array | None, known: Floats | None, room: int) -> None:
        self._points, self._labeled = points, labeled
        self.frame, self.vectors = centred(points, fast_dtype(points), *([] if labeled is None else [labeled]))
        self.n = self.vectors.n
        self.scale = self.frame.scale
        self._centres = np.empty(room, dtype=np.int64)
        self._count = 0
        self._start = 0 if labeled is None else int(labeled.shape[0])
        tables = [] if labeled is None else [to_numpy(self.frame.table(labeled).rows(np.arange(self._start)))]
        width = int(points.shape[1])
        self._rows = np.concatenate([*tables, np.empty((room, width), self.vectors.dtype)])
        self._norms = np.einsum("ij,ij->i", self._rows[: self._start], self._rows[: self._start])
        self._norms = np.concatenate([self._norms, np.empty(room, self.vectors.dtype)])
        self._exact = np.full(self.n, np.inf)
        self._seen = np.zeros(self.n, dtype=np.int64)
        self.rough = np.full(self.n, np.inf, dtype=self.vectors.dtype)
        if known is not None:
            squares = (to_numpy(known).astype(np.float64) * self.scale) ** 2
            self.rough[:] = squares
            if not self._start:
                self._exact[:] = squares
        elif self._start:
            self.vectors.approach(self.rough, Few((self._rows[: self._start],), self._norms[: self._start]))

    def slack(self, squares: Floats, norms: Floats) -> Floats:
        """How far a rough squared distance to the nearest centre may be from the truth.

        Rounding is in proportion to |x|² + |c|², and the nearest centre has |c|² ≤ 2|x|² + 2d².
        """
        bound: Floats = self.vectors.noise * (3.0 * norms + 2.0 * squares)
        return bound

    def add(self, position: int) -> None:
        """Make a point a centre; ``rough`` learns of it by `catch_up`."""
        row = self.vectors.gather(np.array([position]))
        place = self._start + self._count
        self._rows[place], self._norms[place] = row.parts[0][0], row.norms[0]
        self._centres[self._count] = position
        self._count += 1

    def catch_up(self, since: int) -> None:
        """Lower ``rough`` by the centres added since there were so many."""
        rows = slice(self._start + since, self._start + self._count)
        self.vectors.approach(self.rough, Few((self._rows[rows],), self._norms[rows]))

    def exactly(self, positions: Indices) -> Floats:
        """Squared distances of these points to the nearest centre, in float64."""
        total = self._start + self._count
        waiting = positions[(self._seen[positions] < total) & (self._exact[positions] > 0.0)]
        for seen in np.unique(self._seen[waiting]):
            group = waiting[self._seen[waiting] == seen]
            row_bytes = 8 * (total - int(seen)) + 8 * self._rows.shape[1]
            for rows in row_blocks(len(group), row_bytes, STEP_BYTES):
                self._refine(group[rows], int(seen), total)
        self._seen[waiting] = total
        values: Floats = self._exact[positions]
        return values

    def _refine(self, positions: Indices, seen: int, total: int) -> None:
        """Compare some points with the centres seen..total, from differences wherever rounding leaves it open."""
        few = self.vectors.gather(positions)
        centres, norms = self._rows[seen:total], self._norms[seen:total]
        sums = few.norms[:, None] + norms[None, :]
        rough = (sums - 2.0 * (few.parts[0] @ centres.T)).astype(np.float64)
        slack = self.vectors.noise * sums
        limit = np.minimum(self._exact[positions], np.min(rough + slack, axis=1))
        point, centre = np.nonzero(rough - slack <= limit[:, None])
        step = max(1, STEP_BYTES // (16 * max(1, self._rows.shape[1])))
        for start in range(0, len(point), step):
            at, to = point[start : start + step], centre[start : start + step] + seen
            squares = difference_squares(self.frame.exactly(self._points, positions[at]), self._originals(to))
            np.minimum.at(self._exact, positions[at], squares)

    def _originals(self, centres: Indices) -> Floats:
        """Centres as they came, in float64: the labeled ones first, then those added."""
        found = np.empty((len(centres), self._rows.shape[1]))
        added = centres >= self._start
        found[added] = self.frame.exactly(self._points, self._centres[centres[added] - self._start])
        if self._labeled is not None:
            found[~added] = self.frame.exactly(self._labeled, centres[~added])
        return found

    def middle(self) -> Indices:
        """The points nearest to the mean of all, in float64: one, or those that are exactly tied."""
        norms, mean = self.vectors.norms, mean_point(self._points, self.scale)
        moved = float(np.linalg.norm(mean - to_numpy(self.frame.origin)))  # the frame's origin is rounded
        slack = self.slack(norms, norms) + 2.0 * moved * np.sqrt(norms)
        near = np.flatnonzero(norms - slack <= np.min(norms + slack))
        squares = np.empty(len(near))
        for rows in row_blocks(len(near), 16 * max(1, self._rows.shape[1]), STEP_BYTES):
            squares[rows] = difference_squares(self.frame.exactly(self._points, near[rows]), mean)
        tied: Indices = near[squares == np.min(squares)]
        return tied

    def distance(self, squares: Floats) -> Floats:
        """From squared and scaled to plain distances."""
        return np.sqrt(squares) / self.scale


def nearest_distance(points: Array, centres: Array, known: Floats | None = None) -> Floats:
    """Euclidean distance of every point to the nearest centre, on the host; (N, D), (L, D) -> (N,).

    ``known`` (N,) are distances to other centres from before, so that a cache grows by what is new: the result is the
    smaller of the two. In float32, with the rounding of squares in it. O(N·L·D) time, O(N + L·D) memory.
    """
    nearest = Nearest(points, centres, None, 0)
    found = nearest.distance(nearest.rough)
    return found if known is None else np.minimum(found, known)
