"""Strategies for rare classes that order all items on a line per class and look for where the class ends."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats, Indices, to_numpy
from claros.pick import Picked
from claros.strategy import strategy

__all__ = ["direct", "galaxy"]


@strategy(reference="Zhang, Katz-Samuels & Nowak 2022, ICML, arXiv:2202.01402", stochastic=True)
def galaxy(k: int, *, probs: Array, labeled_probs: Array, labels: Indices, rng: np.random.Generator) -> Picked:
    """Bisect the shortest gap between a labeled item of a class and one of another, on that class's line.

    For each class, all items lie on a line by how far its probability is above or below the largest other one. A pick
    draws a class, takes of all gaps between neighbouring labeled items on its line, one of the class and one not, the
    one with fewest unlabeled items, and picks the middle one. Where no such gap has items, the unlabeled item nearest
    to a place where the class changes is picked, or to where it would if the class has no such place. A pick's score is
    1 over the number of unlabeled items in its gap, 0 where there is none.

    Asked for one item at a time, each label is used for the next pick, as the authors do. In a batch the label is not
    there yet: an item then counts as of the class where its probability is above 1/2, and the rest of the batch is
    made with that.

    Departures: the batch by predicted labels, where the authors' code reads the true ones of the batch it is choosing.

    Cost: O(C·(N + L)·log(N + L) + k·(N + L)) time, O(C·(N + L)) memory.

    Use it where some classes are rare and the model ranks them high without finding where they end; not in large
    batches, which bisect by guesses, and not on balanced pools, where it asks what margin asks.
    """
    lines = _lines(probs, labeled_probs, labels, rng)
    picks, scores = np.empty(k, dtype=np.int64), np.empty(k)
    for turn in range(k):
        line = lines[int(rng.integers(len(lines)))]
        place, scores[turn] = line.bisect(rng)
        picks[turn] = line.items[place]
        for other in lines:
            other.tell(int(picks[turn]))
    return Picked(picks, scores)


@strategy(reference="Nuggehalli, Zhang, Jain & Nowak 2024, arXiv:2312.09196")
def direct(k: int, *, probs: Array, labeled_probs: Array, labels: Indices, rng: np.random.Generator) -> Picked:
    """Items around the place on each class's line that separates the class from the rest with fewest labels wrong.

    Classes take turns, those with fewest labels first. A class's items lie on a line by how far its probability is
    above or below the largest other one. The cut is where most labels agree: the class above, the others below. Of a
    class's picks the first half divides the stretch of equally good cuts evenly, which shrinks it from both ends; the
    others are the unlabeled items nearest to the middle of that stretch, above and below in turn. A pick's score is 1
    over 1 and the number of items between it and the cut.

    Departures: in one batch, with no labels in between; to give each class several stages, ask in several batches.

    Cost: O(C·(N + L)·log(N + L) + k·(N + L)) time, O(C·(N + L)) memory.

    Use it for rare classes where labels are noisy, since one wrong label does not move the cut; not for common classes,
    where margin does as well.
    """
    lines = _lines(probs, labeled_probs, labels, rng)
    counts = np.bincount(labels, minlength=len(lines))[: len(lines)]
    turns = np.lexsort((rng.permutation(len(lines)), counts))
    shares = [len(part) for part in np.array_split(np.arange(k), len(lines))]
    wanted: list[tuple[int, float]] = []
    taken = np.zeros(int(probs.shape[0]), dtype=bool)
    for code, share in zip(turns, shares, strict=True):
        for place, score in lines[code].around_cut(share, taken):
            wanted.append((int(lines[code].items[place]), score))
            taken[lines[code].items[place]] = True
    if len(wanted) < k:
        for place, score in lines[turns[0]].around_cut(k - len(wanted), taken):
            wanted.append((int(lines[turns[0]].items[place]), score))
    return Picked(np.array([pick for pick, _ in wanted], dtype=np.int64), np.array([score for _, score in wanted]))


class _Line:
    """All items in the order of how much one class stands out, highest first; candidates have items below N."""

    def __init__(self, lead: Floats, shuffle: Indices, n: int, labeled: Indices, guessed: Floats) -> None:
        self.items = np.lexsort((shuffle, -lead))
        self.free = self.items < n
        self.place = np.empty(len(self.items), dtype=np.int64)
        self.place[self.items] = np.arange(len(self.items))
        self.own = np.zeros(len(self.items), dtype=bool)
        self.own[self.place[n:]] = labeled
        self.guessed = guessed
        self.middle = int(np.count_nonzero(lead > 0.0))

    def tell(self, item: int) -> None:
        """Count a candidate as labeled, with the label that its prediction says."""
        self.free[self.place[item]] = False
        self.own[self.place[item]] = self.guessed[item] > 0.5

    def bisect(self, rng: np.random.Generator) -> tuple[int, float]:
        """The place to look at next, and its score."""
        known = np.flatnonzero(~self.free)
        changes = np.flatnonzero(self.own[known[1:]] != self.own[known[:-1]])
        sizes = known[1:][changes] - known[:-1][changes] - 1
        if (sizes > 0).any():
            least = int(sizes[sizes > 0].min())
            change = int(rng.choice(changes[sizes == least]))
            left, right = int(known[change]), int(known[change + 1])
            extra = int(rng.integers(2)) if least % 2 == 0 else 0
            return left + (right - left) // 2 + (extra if least % 2 == 0 else 0), 1.0 / least
        ends = known[:-1][changes] + 0.5 if len(changes) else np.array([self.middle - 0.5])
        free = np.flatnonzero(self.free)
        gaps = np.min(np.abs(free[:, None] - ends[None, :]), axis=1) if len(ends) < 64 else _nearest(free, ends)
        return int(rng.choice(free[gaps == gaps.min()])), 0.0

    def around_cut(self, share: int, taken: Indices) -> list[tuple[int, float]]:
        """Places and scores of so many picks of this class, all candidates that are not taken."""
        free = np.flatnonzero(self.free)
        free = free[~taken[self.items[free]]]
        if not share or not len(free):
            return []
        low, high = self._stretch()
        cut = (low + high) // 2
        inside = free[(free >= low) & (free < high)]
        many = min(len(inside), (share + 1) // 2)
        chosen = inside[((np.arange(1, many + 1)) * len(inside)) // (many + 1)] if many else inside[:0]
        rest = np.setdiff1d(free, chosen)
        above, below = rest[rest < cut][::-1], rest[rest >= cut]
        both = np.full(2 * max(len(above), len(below)), -1)
        both[: 2 * len(above) : 2], both[1 : 2 * len(below) : 2] = above, below
        around = both[both >= 0][: share - len(chosen)]
        places = np.concatenate([chosen, around])
        return [(int(place), 1.0 / (1.0 + abs(int(place) - cut + 0.5) // 1)) for place in places]

    def _stretch(self) -> tuple[int, int]:
        """The first and the last place before which a cut has most labels on its right side."""
        known = np.flatnonzero(~self.free)
        if not self.own[known].any():
            return self.middle, self.middle
        right = np.concatenate([[0], np.cumsum(np.where(self.own[known], 1, -1))])
        best = np.flatnonzero(right == right.max())
        first, last = int(best[0]), int(best[0])
        while last + 1 < len(right) and right[last + 1] == right.max():
            last += 1
        low = int(known[first - 1]) + 1 if first else 0
        high = int(known[last]) if last < len(known) else len(self.items)
        return low, high


def _nearest(points: Indices, ends: Floats) -> Floats:
    """Distance of each sorted point to the nearest of the sorted ends."""
    after = np.searchsorted(ends, points)
    right = ends[np.minimum(after, len(ends) - 1)]
    left = ends[np.maximum(after - 1, 0)]
    gaps: Floats = np.minimum(np.abs(right - points), np.abs(points - left))
    return gaps


def _lines(probs: Array, labeled_probs: Array, labels: Indices, rng: np.random.Generator) -> list[_Line]:
    """One line for each class that the predictions have."""
    table = np.concatenate([to_numpy(probs).astype(np.float64), to_numpy(labeled_probs).astype(np.float64)])
    n, shuffle = int(probs.shape[0]), rng.permutation(len(table))
    top = np.partition(table, -2, axis=1)[:, -2:] if table.shape[1] > 1 else np.column_stack([0 * table, table])
    lines = []
    for code in range(table.shape[1]):
        other = np.where(table[:, code] >= top[:, 1], top[:, 0], top[:, 1])
        lines.append(_Line(table[:, code] - other, shuffle, n, labels == code, table[:n, code]))
    return lines
