"""What candidates add under a kernel that never fades: every gain is kept up to date, from a byte for each pair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
    take_columns,
    to_numpy,
)
from claros.measures.kernels import Kernel, pair_squares, square_norms

__all__ = ["Steady"]

#: Targets whose bytes lie together, and candidates of a block of products.
STRIP, ACROSS = 512, 512

#: Of so many targets the bytes of one candidate are neighbours in memory, so that columns are read as fast as rows.
CELL = 16

#: Bytes of pairs that are kept, for each number in the points.
ROOM = 16

#: Candidates that stand for all in a guess.
FEW = 8

#: A similarity of 1 as a byte.
TOP = 255.0

#: What a target costs whose cover has changed, in columns in float64: from bytes, and from products anew.
FROM_BYTES, ANEW = 0.1, 0.5


class Steady:
    """Upper bounds on all gains after every pick, and gains themselves in float64 where these are asked for.

    A pick changes gains only through the targets that it covers better than all before, one in p of them after p
    picks: with their similarities to all candidates, all bounds are brought up to date, in O(N·M·log k) all together.
    Similarities are worked out once, in the fast precision, and kept as bytes, rounded up by at most 1/255, while there
    is room: only half of the pairs, where the candidates are the targets. The rest, a corner of the table, is worked
    out whenever its targets change. A gain in float64 needs only those targets that its bytes say it may cover better.
    O(N·D) memory.
    """

    #: Bounds are those of now, after every pick.
    current = True

    def __init__(self, candidates: Array, targets: Array, kernel: Kernel, weights: Floats, covered: Floats) -> None:
        self.xp, self.kernel, self.same = namespace(targets), kernel, candidates is targets
        self.candidates, self.targets = candidates, targets
        self.n, self.m = int(candidates.shape[0]), int(targets.shape[0])
        self.norms = square_norms(candidates)
        self.target_norms = self.norms if self.same else square_norms(targets)
        self.dtype = fast_dtype(targets)
        self.eps = float(self.xp.finfo(self.dtype).eps)
        self.weights, self.covered = from_numpy(weights, targets), from_numpy(np.array(covered), targets)
        self.fast_weights = self.xp.astype(self.weights, self.dtype)
        #: What covers the targets, in bytes' units and rounded down: now, and as the bounds have it.
        self.low = self.seen = self._lowered(self.covered)
        self.strips: list[tuple[slice, int, Array]] = []
        self.kept = 0
        self.bounds: Floats | None = None
        #: What was done since the first pass, and until the last look, in columns in float64.
        self.work, self.before = 0.0, 0.0
        #: The candidates whose gains were asked for last, and their similarities to targets.
        self.last: tuple[Indices, list[tuple[slice | Indices, Array]]] = (np.empty(0, dtype=np.int64), [])
        self.products, self.sides, self.works = Scratch(), Scratch(), Scratch()

    def at_most(self, which: Indices) -> Floats:
        """Upper bounds on what many candidates add now."""
        if self.bounds is None:
            self.bounds = self._fill()
        elif self.seen is not self.low:
            lost = self._lost_since(self.seen)
            self.bounds = np.maximum(self.bounds - lost, 0.0)
        self.seen = self.low
        found: Floats = self.bounds[which]
        return found

    def gains(self, which: Indices, worth: Floats) -> Floats:
        """What each of a few candidates adds, in float64."""
        totals, self.last = np.zeros(len(which)), (which, [])
        for block, similar in self._exactly(which):
            self.last[1].append((block, similar))
            totals += to_numpy(_positive(similar - take(self.covered, block)[None, :]) @ take(self.weights, block))
        return totals

    def add(self, position: int) -> None:
        """Cover the targets by this candidate."""
        which, found = self.last
        if position not in which:
            which = np.array([position])
            found = list(self._exactly(which))
        place = int(np.flatnonzero(which == position)[0])
        for block, similar in found:
            better = self.xp.maximum(take(self.covered, block), similar[place])
            self.covered[block if isinstance(block, slice) else from_numpy(block, self.covered)] = better
        self.low = self._lowered(self.covered)
        self.last = which[:0], []

    def similarities(self, which: Indices) -> Array:
        """Of some candidates to all targets, in float64, (m, M)."""
        return self._similar(which, slice(0, self.m))

    def share_left(self) -> float:
        """The share of all pairs in which the candidate covers better than all picks, by a few candidates."""
        xp = self.xp
        some = self.similarities(np.linspace(0, self.n - 1, FEW).astype(np.int64))
        return float(xp.mean(xp.astype(some > self.covered[None, :], xp.float64)))

    def forget(self) -> None:
        """Make room: no bound and no gain will be asked for again."""
        self.strips, self.kept = [], 0

    def _lowered(self, covered: Array) -> Array:
        return self.xp.astype(covered * (TOP * (1.0 - 4.0 * self.eps)), self.dtype)

    def _exactly(self, which: Indices) -> Iterator[tuple[slice | Indices, Array]]:
        """Blocks of targets that some of these candidates may cover better than all picks, and the similarities."""
        reached = self._reached(which)
        some = np.flatnonzero(reached)
        self.work += len(which) * len(some) / max(1, self.m)
        everything = 2 * len(some) > self.m
        row_bytes = 8 * (int(self.targets.shape[1]) + len(which))
        for part in row_blocks(self.m if everything else len(some), row_bytes, block_bytes(self.targets)):
            block = part if everything else some[part]
            yield block, self._similar(which, block)

    def _similar(self, which: Indices, block: slice | Indices) -> Array:
        """Of some candidates to some targets, in float64."""
        squares = (take(self.candidates, which) * -2.0) @ self.xp.matrix_transpose(take(self.targets, block))
        squares += take(self.norms, which)[:, None]
        squares += take(self.target_norms, block)[None, :]
        return self.kernel.of(squares)

    def _reached(self, which: Indices) -> Any:
        """Which targets one of these candidates may cover better than all picks, by the bytes; all, without."""
        reached = np.zeros(self.m, dtype=bool)
        reached[self.kept :] = not self.same or self.bounds is None or bool(np.any(which >= self.kept))
        for rows, first, strip in self.strips:
            columns = which[which >= first] - first
            if len(columns):
                highest = self.xp.reshape(self.xp.max(take_columns(strip, columns), axis=1), (-1,))
                reached[rows] |= to_numpy(highest[: rows.stop - rows.start] > self.low[rows])
            inside = which[(which >= rows.start) & (which < rows.stop)]
            if self.same and len(inside):
                highest = self.xp.max(_rows(strip, inside - rows.start), axis=0)
                reached[first:] |= to_numpy(highest > self.low[first:])
        return reached

    def _fill(self) -> Floats:
        """Work out all pairs once: the bytes that there is room for, and all bounds."""
        totals = np.zeros(self.n)
        room = ROOM * max(self.n, self.m) * int(self.targets.shape[1])
        for rows in row_blocks(self.m, 1, STRIP):
            first = rows.start if self.same else 0
            room -= (rows.stop - rows.start) * (self.n - first)
            if room < 0:
                break
            self.strips.append((rows, first, self._strip(rows, first, totals)))
            self.kept = rows.stop
        for rows in row_blocks(self.m - self.kept, 1, STRIP):
            some = slice(rows.start + self.kept, rows.stop + self.kept)
            for columns, tile in self._tiles(some, self._corner, 1.0):
                tile -= self.low[some][:, None]
                totals[columns] += to_numpy(self.fast_weights[some] @ _positive(tile))
        return totals * ((1.0 + 64.0 * self.eps) / TOP)

    @property
    def _corner(self) -> int:
        """The first candidate whose similarities to the targets beyond the bytes are not kept."""
        return self.kept if self.same else 0

    def _strip(self, rows: slice, first: int, totals: Floats) -> Array:
        """The bytes of some targets and all candidates from ``first`` on; what these add goes to the totals."""
        xp, size = self.xp, rows.stop - rows.start
        shape = (-(-size // CELL), self.n - first, CELL)
        strip = xp.zeros(shape, dtype=xp.uint8, device=device(self.targets))
        for columns, tile in self._tiles(rows, first, 1.0):
            tile += 1.001  # so that what is cut off leaves it rounded up
            block = xp.astype(_at_most(tile, TOP), xp.uint8)
            for cell in range(shape[0]):
                some = block[cell * CELL : (cell + 1) * CELL, :]
                strip[cell, columns.start - first : columns.stop - first, : some.shape[0]] = xp.matrix_transpose(some)
            work = self._floats(block)
            work -= self.low[rows][:, None]
            totals[columns] += to_numpy(self.fast_weights[rows] @ _positive(work))
            beyond = slice(max(columns.start, rows.stop), columns.stop)
            if self.same and beyond.start < beyond.stop:
                work = self._floats(block[:, beyond.start - columns.start :])
                work -= self.low[beyond][None, :]
                totals[rows] += to_numpy(_positive(work) @ self.fast_weights[beyond])
        return strip

    def _tiles(self, rows: slice | Indices, first: int, sign: float) -> Iterator[tuple[slice, Array]]:
        """Similarities of some targets to the candidates from ``first`` on, in bytes' units, in blocks of candidates.

        Too large by all that rounding may have taken if the sign is 1, too small by as much if it is -1.
        """
        width = int(self.targets.shape[1])
        less = 1.0 - sign * self.eps * (8.0 + 4.0 * width**0.5)
        other = self._side(take(self.targets, rows), width)
        other[:, :width] *= -2.0
        other[:, width], other[:, width + 1] = take(self.target_norms, rows) * less, 1.0
        across = max(ACROSS, min(STRIP * ACROSS // int(other.shape[0]), block_bytes(other) // (4 * width)))
        for part in row_blocks(self.n - first, 1, across):
            columns = slice(part.start + first, part.stop + first)
            one = self._side(self.candidates[columns], width, self.sides)
            one[:, width], one[:, width + 1] = 1.0, self.norms[columns] * less
            tile = self.kernel.of(pair_squares(other, one, self.products))
            tile *= TOP * (1.0 + 16.0 * sign * self.eps)
            yield columns, tile

    def _side(self, rows: Array, width: int, room: Scratch | None = None) -> Array:
        """Rows in the fast precision, with room for two columns more: see `pair_squares`."""
        shape = (int(rows.shape[0]), width + 2)
        if room is not None and isinstance(rows, np.ndarray):
            side = room.block(shape, self.dtype)
        else:
            side = self.xp.empty(shape, dtype=self.dtype, device=device(rows))
        side[:, :width] = rows
        return side

    def _lost_since(self, before: Array) -> Floats:
        """What all candidates could add at least when the cover was this, and no longer can."""
        changed = np.flatnonzero(to_numpy(self.low > before))
        totals = np.zeros(self.n)
        for rows, first, strip in self.strips:
            start, stop = np.searchsorted(changed, [rows.start, rows.stop])
            for part in row_blocks(stop - start, 4 * (self.n - first), block_bytes(strip)):
                which = changed[start:stop][part]
                totals[first:] += self._lost(self._floats(_rows(strip, which - rows.start)), which, before)
            beyond = changed[stop:] if self.same else changed[:0]
            for part in row_blocks(len(beyond), 4 * STRIP, block_bytes(strip)):
                which = beyond[part]
                cells = self._floats(take_columns(strip, which - first))
                totals[rows] += self._lost(cells, which, before)[: rows.stop - rows.start]
        beyond = changed[np.searchsorted(changed, self.kept) :]
        self.work += FROM_BYTES * len(changed) + (ANEW - FROM_BYTES) * len(beyond)
        for part in row_blocks(len(beyond), 1, STRIP):
            which = beyond[part]
            for columns, tile in self._tiles(which, self._corner, -1.0):
                totals[columns] += self._lost(tile, which, before)
        return totals * ((1.0 - 64.0 * self.eps) / TOP)

    def _lost(self, work: Array, which: Indices, before: Array) -> Floats:
        """Of similarities to some targets, what is above their cover then, up to that of now; summed over the targets.

        (targets, n) -> (n,), and cells (m, targets, CELL) -> (m·CELL,).
        """
        xp, low, high = self.xp, take(before, which)[:, None], take(self.low, which)[:, None]
        flat = work
        if work.ndim == 3:  # written out, since short axes are slow
            low, high = (xp.reshape(xp.broadcast_to(each, (len(which), CELL)), (1, -1)) for each in (low, high))
            flat = xp.reshape(work, (work.shape[0], -1))
        flat -= low
        flat = _at_most(_positive(flat), high - low)
        return to_numpy(xp.reshape(take(self.fast_weights, which) @ xp.reshape(flat, work.shape), (-1,)))

    def _floats(self, block: Array) -> Array:
        """Bytes as numbers to compute with; valid until the next call."""
        if not isinstance(block, np.ndarray):
            return self.xp.astype(block, self.dtype)
        work = self.works.block(block.shape, self.dtype)
        work[...] = block
        return work


def _rows(strip: Array, which: Indices) -> Array:
    """The bytes of some of a strip's targets, (m, n)."""
    found: Array = strip[from_numpy(which // CELL, strip), :, from_numpy(which % CELL, strip)]
    return found


def _positive(work: Array) -> Array:
    """Negative entries become 0, in place where the library allows it."""
    if isinstance(work, np.ndarray):
        return np.maximum(work, 0.0, out=work)
    return namespace(work).clip(work, 0.0)


def _at_most(work: Array, most: Array | float) -> Array:
    """What is larger becomes this, in place where the library allows it."""
    if isinstance(work, np.ndarray):
        return np.minimum(work, most, out=work)
    xp = namespace(work)
    return xp.clip(work, max=most) if isinstance(most, float) else xp.minimum(work, most)
