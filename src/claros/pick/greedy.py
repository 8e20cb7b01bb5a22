"""Greedy coverage: again and again the candidate that adds most to how well the targets are covered."""

from __future__ import annotations

import numpy as np

from claros.arrays import (
    Array,
    Floats,
    Indices,
    Scratch,
    block_bytes,
    device,
    fast_dtype,
    from_numpy,
    namespace,
    row_blocks,
    take,
    to_numpy,
)
from claros.measures.kernels import GROUP, Kernel, factor, other_factor, pair_squares
from claros.pick.picked import Picked
from claros.pick.ranking import first_of
from claros.pick.steady import Steady

__all__ = ["greedy_coverage"]

#: Gains closer than this, as a share of the larger, are tied: float64 sums in another order differ by less.
TIE = 1e-10

#: Candidates are worked out exactly so many at a time, more and more of them while no winner is certain.
FEWEST, MOST = 8, 32

#: Where so many are in the way, the bounds of all of them are brought up to date first, in the fast precision.
MANY = 512

#: After so many picks, a power of 2, it may pay to list what a candidate can still cover; and how many pairs for each
#: target there is always room for.
EARLIEST, SHORTEST = 4, 32

#: Picks wait until there are so many, and are then compared with all candidates in one product.
WAITING = 32

#: What it costs to list, in columns for each candidate.
LISTING = 1.5

#: Bytes that one step over all targets may take.
STEP_BYTES = 1 << 21


def greedy_coverage(
    k: int,
    candidates: Array,
    targets: Array,
    kernel: Kernel,
    order: Indices,
    *,
    weights: Floats,
    covered: Floats | None = None,
    places: Indices | None = None,
    alone: Floats | None = None,
    alone_covered: Floats | None = None,
    bounds: Floats | None = None,
) -> Picked:
    """Pick k of N candidates s, each adding most to the sum over targets i of ``weights_i · max_s kernel(i, s)``.

    (N, D) and (M, D) in float64 -> (k,), the picks of plain greedy in float64. A pick's score is its gain, the sum of
    ``weights_i · max(0, kernel(i, s) - covered_i)``, where ``covered`` (M,), 0 by default, rises with every pick.
    ``alone`` (N,) weighs what a candidate adds by covering itself, where it is not among the targets, with
    ``alone_covered`` (N,) to begin with. ``bounds`` (N,) spare the first pass, where upper bounds on the first gains
    are known.

    Gains within 1e-10 of each other are tied: so are two neighbours whenever they have only each other left to cover.
    Of these the one goes first that is itself covered least, if ``places`` (N,) says where each candidate is among the
    targets (-1 where it is not); and then ``order``, a permutation of N, decides.

    Gains only fall (the sum is submodular), so a gain from before bounds the gain now. The first are found in float32,
    rounded up by what float32 may lose, in one pass of matrix products; then only candidates whose bound is not below
    the best exact gain are worked out, in float64, from similarities that are kept while there is room. After p picks
    about one target in p is still covered better by a given candidate than by all picks, and only for these will its
    similarity ever count again: where many picks are to come, one more pass lists them, and no product is needed
    after it. O(N·M·D) time for a pass, O(M·D) for each candidate that is worked out; O((N + M)·D) memory.
    """
    covered = np.zeros(len(weights)) if covered is None else covered
    rows = factor(candidates) if kernel.fades or alone is not None else candidates
    columns: _Columns | Steady
    if kernel.fades:
        columns = _Columns(rows, rows if candidates is targets else factor(targets), kernel, weights, covered)
    else:
        columns = Steady(candidates, targets, kernel, weights, covered)
    run = _Race(columns, _Alone(rows, kernel, alone, alone_covered), places)
    run.bounds[:] = run.at_most(np.arange(len(order))) if bounds is None else bounds
    columns.work = 0.0
    picks, gains = np.empty(k, dtype=np.int64), np.empty(k)
    for turn in range(k):
        picks[turn] = first_of(run.least_covered(run.best()), order)
        gains[turn] = run.bounds[picks[turn]]
        run.add(int(picks[turn]))
        if run.pairs is None and _worth_listing(columns, turn + 1, k):
            run.pairs = _Pairs(columns)
    return Picked(picks, gains)


class _Race:
    """What is known of every candidate's gain: a bound from before, or the gain itself."""

    def __init__(self, columns: _Columns | Steady, itself: _Alone, places: Indices | None) -> None:
        self.columns, self.itself, self.places = columns, itself, places
        self.pairs: _Pairs | None = None
        n = int(columns.candidates.shape[0])
        self.bounds = np.full(n, np.inf)
        self.exact = np.zeros(n, dtype=bool)
        self.free = np.ones(n, dtype=bool)
        #: After how many picks a bound was last found in the fast precision; and whether that helps just now.
        self.as_of = np.zeros(n, dtype=np.int64)
        self.turn, self.helpful = 0, not columns.current

    def best(self) -> Indices:
        """The candidates with the largest gain now, all that are tied."""
        if self.columns.current and self.pairs is None and self.turn:
            self.bounds = np.minimum(self.bounds, self.at_most(np.arange(len(self.bounds))))
        step, many, asked = FEWEST, MANY, 0
        while True:
            known = self.free & self.exact
            limit = float(np.max(self.bounds[known], initial=0.0)) * (1.0 - TIE)
            waiting = np.flatnonzero(self.free & ~self.exact & (self.bounds >= limit))
            if not len(waiting):
                return np.flatnonzero(known & (self.bounds >= limit))
            if asked > MOST and self.helpful and self.pairs is None:
                stale = waiting[self.as_of[waiting] < self.turn]
                if len(stale) >= MANY:
                    self._refresh(self._highest(stale, many), limit)
                    many, step = 2 * many, FEWEST
                    continue
            waiting = self._highest(waiting, step)
            sums = self.columns.gains(waiting, self.bounds) if self.pairs is None else self.pairs.gains(waiting)
            self.bounds[waiting] = sums + self.itself.gains(waiting)
            self.exact[waiting] = True
            asked += len(waiting)
            step = min(2 * step, MOST)

    def _highest(self, which: Indices, size: int) -> Indices:
        """Those of some candidates that have the highest bounds."""
        if len(which) <= size:
            return which
        found: Indices = which[np.argpartition(self.bounds[which], len(which) - size)[len(which) - size :]]
        return found

    def _refresh(self, which: Indices, limit: float) -> None:
        """Bring many bounds up to date; and no more before the next pick, if half of them are still in the way."""
        self.bounds[which] = np.minimum(self.bounds[which], self.at_most(which))
        self.helpful = 2 * int(np.count_nonzero(self.bounds[which] >= limit)) < len(which)
        self.as_of[which] = self.turn

    def least_covered(self, tied: Indices) -> Indices:
        """Those of some tied candidates that are themselves covered least."""
        if len(tied) == 1 or self.places is None:
            return tied
        places, covered = self.places[tied], self.itself.covered_now(tied)
        inside = np.flatnonzero(places >= 0)
        source = self.columns.covered if self.pairs is None else self.pairs.covered
        covered[inside] = to_numpy(take(source, places[inside]))
        least: Indices = tied[covered <= np.min(covered) + TIE]
        return least

    def at_most(self, which: Indices) -> Floats:
        """Upper bounds on the gains of many candidates now."""
        return self.columns.at_most(which) + self.itself.at_most(which)

    def add(self, position: int) -> None:
        """Pick a candidate; what all others were worth is a bound again, but where it was nothing."""
        (self.columns if self.pairs is None else self.pairs).add(position)
        self.itself.add(position)
        self.free[position] = False
        self.turn, self.helpful = self.turn + 1, not self.columns.current
        self.exact = self.bounds == 0.0


class _Columns:
    """What candidates add to the targets' cover, from their similarity to all targets."""

    #: Bounds are from before, until they are asked for again.
    current = False

    def __init__(self, candidates: Array, targets: Array, kernel: Kernel, weights: Floats, covered: Floats) -> None:
        self.xp, self.kernel = namespace(targets), kernel
        self.candidates, self.targets = candidates, targets
        n, (m, width) = int(candidates.shape[0]), map(int, targets.shape)
        self.weights, self.covered = from_numpy(weights, targets), from_numpy(np.array(covered), targets)
        self.scratch = Scratch()
        # As much as the targets themselves take.
        size = min(n, max(2 * MOST, min(width, 8 * MOST)))
        self.kept = self.xp.empty((size, m), dtype=self.xp.float64, device=device(targets))
        self.holder = np.full(size, -1)
        self.place = np.full(n, -1)
        self.work, self.before = 0.0, 0.0  # in columns in float64: since the first pass, and until the last look

    def add(self, position: int) -> None:
        """Cover the targets by this candidate."""
        place = int(self.place[position])
        column = self.similarities(np.array([position]))[0] if place < 0 else self.kept[place]
        self.covered = self.xp.maximum(self.covered, column)
        if place >= 0:
            self.holder[place] = self.place[position] = -1

    def gains(self, which: Indices, worth: Floats) -> Floats:
        """What each of a few candidates adds; where room is short, those that are worth least make room."""
        rest = take(self.kept, self._places(which, worth))
        rest -= self.covered[None, :]
        return to_numpy(_positive(rest) @ self.weights)

    def _places(self, which: Indices, worth: Floats) -> Indices:
        """Where the similarities of these candidates are kept, once they are worked out."""
        new = which[self.place[which] < 0]
        if len(new):
            self._make_room(len(new), self.place[which], worth)
            room = np.flatnonzero(self.holder < 0)[: len(new)]
            self.kept[from_numpy(room, self.kept)] = self.similarities(new)
            self.holder[room], self.place[new] = new, room
            self.work += len(new)
        found: Indices = self.place[which]
        return found

    def _make_room(self, needed: int, staying: Indices, worth: Floats) -> None:
        missing = needed - int(np.count_nonzero(self.holder < 0))
        if missing > 0:
            value = np.where(self.holder < 0, np.inf, worth[self.holder])
            value[staying[staying >= 0]] = np.inf
            leaving = np.argpartition(value, missing - 1)[:missing]
            self.place[self.holder[leaving]] = -1
            self.holder[leaving] = -1

    def similarities(self, which: Indices) -> Array:
        """Of some candidates to all targets, (m, M); valid until the next call."""
        other = other_factor(take(self.candidates, which))
        return self.kernel.of(pair_squares(other, self.targets, self.scratch))

    def at_most(self, which: Indices) -> Floats:
        """Upper bounds on what many candidates add, in the fast precision.

        Distances that are too small by all that rounding may have added make similarities that are too large.
        """
        xp, dtype, width = self.xp, fast_dtype(self.targets), int(self.targets.shape[1])
        eps = float(xp.finfo(dtype).eps)
        less = 1.0 - eps * (8.0 + 4.0 * width**0.5)
        targets, weights = xp.astype(self.targets, dtype), xp.astype(self.weights, dtype)
        targets[:, -1] *= less
        covered = xp.astype(self.covered * (1.0 - 16.0 * eps), dtype)
        totals = np.zeros(len(which))
        for group in row_blocks(len(which), 1, GROUP):
            other = xp.astype(other_factor(take(self.candidates, which[group])), dtype)
            other[:, -2] *= less
            for block in row_blocks(len(self.weights), 4 * (width + GROUP), block_bytes(targets)):
                rest = self.kernel.of(pair_squares(other, targets[block], self.scratch))
                rest -= covered[None, block]
                totals[group] += to_numpy(_positive(rest) @ weights[block])
        self.work += len(which) / 2
        return totals * (1.0 + 64.0 * eps)

    def share_left(self) -> float:
        """The share of all pairs in which the candidate covers better than all picks, by a few columns."""
        some = self.kept[from_numpy(np.flatnonzero(self.holder >= 0)[:FEWEST], self.kept)]
        return float(self.xp.mean(self.xp.astype(some > self.covered[None, :], self.xp.float64)))

    def forget(self) -> None:
        """Make room: no column will be asked for again, but by `similarities`."""
        self.kept = self.kept[:0]


def _worth_listing(columns: _Columns | Steady, done: int, k: int) -> bool:
    """Whether the picks to come would cost more than to list all pairs that count, and there is room for these.

    Looked at when the number of picks has doubled, by what picks have cost since the last look.
    """
    n, (m, width) = int(columns.candidates.shape[0]), map(int, columns.targets.shape)
    if done < EARLIEST // 2 or done & (done - 1):
        return False
    a_pick, columns.before = (columns.work - columns.before) / ((done + 1) // 2), columns.work
    if done < EARLIEST or a_pick * (k - done) < LISTING * n:
        return False
    return columns.share_left() * n * m <= m * max(width, SHORTEST)


class _Pairs:
    """The same, from a list of the pairs of candidate and target in which the candidate still covers better."""

    def __init__(self, columns: _Columns | Steady) -> None:
        xp, m = columns.xp, len(columns.weights)
        self.weights, self.covered = to_numpy(columns.weights), to_numpy(columns.covered).copy()
        columns.forget()
        n = int(columns.candidates.shape[0])
        targets, values, counts = [], [], np.zeros(n, dtype=np.int64)
        for group in row_blocks(n, 8 * m, STEP_BYTES):
            found = columns.similarities(np.arange(group.start, group.stop))
            better = xp.reshape(found > columns.covered[None, :], (-1,))
            flat = to_numpy(xp.nonzero(better)[0])
            values.append(to_numpy(xp.reshape(found, (-1,))[better]))
            targets.append((flat % m).astype(np.int32))
            counts[group] = np.bincount(flat // m, minlength=group.stop - group.start)
        self.target, self.value = np.concatenate(targets), np.concatenate(values)
        self.start, self.count = np.cumsum(counts) - counts, counts

    def _some(self, which: Indices) -> Indices:
        """Where the pairs of these candidates are, one candidate's after the other's."""
        counts = self.count[which]
        before = np.cumsum(counts) - counts
        return np.repeat(self.start[which] - before, counts) + np.arange(int(counts.sum()))

    def gains(self, which: Indices) -> Floats:
        """What each of a few candidates adds."""
        pairs = self._some(which)
        targets = self.target[pairs]
        rest = np.maximum(self.value[pairs] - self.covered[targets], 0.0) * self.weights[targets]
        owner = np.repeat(np.arange(len(which)), self.count[which])
        sums: Floats = np.bincount(owner, rest, minlength=len(which)).astype(np.float64, copy=False)
        return sums

    def add(self, position: int) -> None:
        """Cover the targets by this candidate."""
        pairs = self._some(np.array([position]))
        targets = self.target[pairs]
        self.covered[targets] = np.maximum(self.covered[targets], self.value[pairs])


class _Alone:
    """What candidates that are no targets add by covering themselves: a weight, less what picks cover of it."""

    def __init__(self, candidates: Array, kernel: Kernel, weights: Floats | None, covered: Floats | None) -> None:
        self.candidates, self.kernel, self.weights = candidates, kernel, weights
        self.covered = np.zeros(int(candidates.shape[0])) if covered is None else covered.copy()
        self.waiting: list[int] = []

    def at_most(self, which: Indices) -> Floats | float:
        """Upper bounds for many candidates."""
        return 0.0 if self.weights is None else self.weights[which] * (1.0 - self.covered[which])

    def gains(self, which: Indices) -> Floats | float:
        """What each of a few candidates adds now."""
        if self.weights is None:
            return 0.0
        return self.weights[which] * (1.0 - self.covered_now(which))

    def covered_now(self, which: Indices) -> Floats:
        """How well each of a few candidates is covered itself; 1 where it does not count."""
        if self.weights is None:
            return np.ones(len(which))
        covered: Floats = self.covered[which]
        return np.maximum(covered, self._by_waiting(take(self.candidates, which))) if self.waiting else covered

    def add(self, position: int) -> None:
        """Let a pick wait; take all that wait into account when there are many."""
        if self.weights is None:
            return
        self.waiting.append(position)
        if len(self.waiting) == WAITING:
            for rows in row_blocks(len(self.covered), 16 * WAITING, block_bytes(self.candidates)):
                closest = self._by_waiting(self.candidates[rows])
                self.covered[rows] = np.maximum(self.covered[rows], closest)
            self.waiting.clear()

    def _by_waiting(self, candidates: Array) -> Floats:
        """How well the picks that wait cover these candidates."""
        others = other_factor(take(self.candidates, np.array(self.waiting)))
        return to_numpy(namespace(others).max(self.kernel.of(pair_squares(others, candidates)), axis=0))


def _positive(work: Array) -> Array:
    """Negative entries become 0, in place where the library allows it."""
    if isinstance(work, np.ndarray):
        return np.maximum(work, 0.0, out=work)
    return namespace(work).clip(work, 0.0)
