"""Fisher information of a linear last layer, one direction a candidate: what each takes off the trace of variances.

With the chance of the predicted class as the only thing that is learned about (a binary view of the prediction), a
candidate's information is v vᵀ, v = √(p(1 - p))·h. If A is the inverse of what is known so far and F the information of
the whole pool, then knowing v too lowers tr(A F) by vᵀAFAv / (1 + vᵀAv), and both forms change with every pick by what
two inner products per candidate tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from claros.arrays import Array, Floats, Indices, block_bytes, device, from_numpy, namespace, row_blocks, take, to_numpy
from claros.measures.gradients import lengths

__all__ = [
    "LEAST_LEFT",
    "TIE",
    "Directions",
    "Gains",
    "binary_directions",
    "common_scale",
    "least_missed",
    "safe_ridge",
]

#: Gains that differ by less than this share are tied: sums of products do not tell them apart.
TIE = 1e-9

#: The regularisation counts for at least this share of the longest direction's square; below, float64 loses it.
LEAST_RIDGE = 1e-6

#: What is left when a direction is taken away is at least this share: less is rounding.
LEAST_LEFT = 1e-12

#: Lengths of embeddings within these bounds have squares and fourth powers that float32 can hold.
SAFE_LENGTHS = (1e-8, 1e8)

#: A product of two vectors is off by at most this many roundings of the product of their lengths, with a wide margin.
ROUNDINGS = 4.0

#: More candidates than this are not told apart one by one: all are worked out afresh.
MANY = 256


@dataclass(frozen=True)
class Directions:
    """v = weight · scale · embedding, never written out; ``squares`` (N,) are the squared lengths in float64."""

    embeddings: Array
    weights: Floats
    scale: float
    squares: Floats

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.weights)

    def rows(self, which: slice | Indices) -> Array:
        """Some of them, in the precision and place of the embeddings."""
        block = take(self.embeddings, which)
        factors = self.weights[which] * self.scale
        return block * from_numpy(factors.astype(to_numpy(block[:0]).dtype), block)[:, None]

    def exactly(self, which: Indices) -> Floats:
        """Some of them in float64, on the host."""
        host = to_numpy(take(self.embeddings, which)).astype(np.float64)
        return host * (self.weights[which] * self.scale)[:, None]

    def information(self) -> Floats:
        """Σ v vᵀ; (D, D) in float64, and from float64 products. O(N·D²) time."""
        width, xp = int(self.embeddings.shape[1]), namespace(self.embeddings)
        total = xp.zeros((width, width), dtype=xp.float64, device=device(self.embeddings))
        for rows in row_blocks(self.n, 16 * max(1, width), block_bytes(self.embeddings)):
            factors = from_numpy(self.weights[rows] * self.scale, self.embeddings)
            block = xp.astype(self.embeddings[rows], xp.float64) * factors[:, None]
            total += xp.matrix_transpose(block) @ block
        return to_numpy(total)


def common_scale(*embeddings: Array) -> float:
    """1 where lengths are ordinary, else the power of two that brings the longest of all rows to about 1."""
    longest = max((float(np.max(to_numpy(lengths(table)))) for table in embeddings if table.shape[0]), default=0.0)
    if not longest or SAFE_LENGTHS[0] < longest < SAFE_LENGTHS[1]:
        return 1.0
    return float(2.0 ** np.clip(-np.frexp(longest)[1], -120, 120))


def binary_directions(probs: Array, embeddings: Array, scale: float) -> Directions:
    """√(p(1 - p))·h with p the largest probability; (N, C), (N, D) -> N directions. O(N·(C + D)) time, O(N) memory."""
    largest = np.minimum(to_numpy(namespace(probs).max(probs, axis=1)).astype(np.float64), 1.0)
    weights = np.sqrt(largest * (1.0 - largest))
    return Directions(embeddings, weights, scale, (weights * scale * to_numpy(lengths(embeddings))) ** 2)


def safe_ridge(ridge: float, squares: Floats) -> float:
    """The regularisation, or the least that float64 can tell from 0 beside these squared lengths."""
    return max(ridge, LEAST_RIDGE * float(np.max(squares, initial=0.0)), float(np.finfo(np.float64).tiny))


class Gains:
    """What each of N candidates would take off tr(A F), kept up to date from pick to pick.

    ``known`` and ``pool`` (D, D) are what is known before the first pick, without the ``ridge``, and F. Products are in
    the precision of the embeddings, with a bound on their error for every candidate; which gain is the largest is then
    settled in float64, from A and AFA themselves. O(N·D²) time once, O(N·D) for every pick, O(N + D²) memory.
    """

    def __init__(self, directions: Directions, known: Floats, pool: Floats, ridge: float) -> None:
        self.directions = directions
        inverse = np.linalg.inv(known + safe_ridge(ridge, directions.squares) * np.eye(len(known)))
        self.inverse = (inverse + inverse.T) / 2.0  # A
        self.spread = self.inverse @ pool @ self.inverse  # AFA
        self._eps = ROUNDINGS * float(np.finfo(to_numpy(directions.embeddings[:0]).dtype).eps)
        self._lengths = np.sqrt(directions.squares)
        self._factors = directions.weights * directions.scale
        self._to = np.empty((2, directions.n))
        n = directions.n
        self._variance, self._fall, self._off_variance, self._off_fall = (np.empty(n) for _ in range(4))
        self.refresh()

    def _along(self, u: Floats, w: Floats) -> tuple[Floats, Floats]:
        """v·u and v·w for every candidate, two (N,); the vectors are of length 1."""
        embeddings = self.directions.embeddings
        dtype = to_numpy(embeddings[:0]).dtype
        there = from_numpy(np.stack([u, w], axis=1).astype(dtype), embeddings)
        row_bytes = dtype.itemsize * (int(embeddings.shape[1]) + 2)
        for rows in row_blocks(self.directions.n, row_bytes, block_bytes(embeddings)):
            self._to[:, rows] = to_numpy(embeddings[rows] @ there).T
        self._to *= self._factors
        return self._to[0], self._to[1]

    def _forms(self, left: Floats, right: Floats) -> Floats:
        """vᵀ left v and vᵀ right v for every candidate, (2, N)."""
        directions, width = self.directions, len(left)
        itemsize = directions.embeddings.dtype.itemsize
        dtype = to_numpy(directions.embeddings[:0]).dtype
        there = from_numpy(np.hstack([left, right]).astype(dtype), directions.embeddings)
        forms = np.empty((2, directions.n))
        for rows in row_blocks(directions.n, 4 * itemsize * max(1, width), block_bytes(directions.embeddings)):
            block = directions.rows(rows)
            xp = namespace(block)
            both = xp.reshape(block @ there, (-1, 2, width))
            forms[:, rows] = to_numpy(xp.sum(both * block[:, None, :], axis=2)).T
        return forms

    def refresh(self) -> None:
        """Work out vᵀAv and vᵀAFAv for all candidates, from the matrices."""
        sizes = [_size(self.inverse), _size(self.spread)]
        forms = self._forms(self.inverse / sizes[0], self.spread / sizes[1])
        np.maximum(forms, 0.0, out=forms)
        np.multiply(forms[0], sizes[0], out=self._variance)
        np.multiply(forms[1], sizes[1], out=self._fall)
        np.multiply(self.directions.squares, self._eps * sizes[0], out=self._off_variance)
        np.multiply(self.directions.squares, self._eps * sizes[1], out=self._off_fall)
        self._fresh = True

    def best(self, free: Floats, order: Indices) -> tuple[int, float]:
        """The free candidate with the largest gain, ties by ``order``, and that gain."""
        near = self._leaders(free)
        if len(near) > MANY and not self._fresh:
            self.refresh()
            near = self._leaders(free)
        gains = np.empty(len(near))
        for rows in row_blocks(len(near), 32 * max(1, len(self.inverse))):
            v = self.directions.exactly(near[rows])
            falls, variances = np.sum((v @ self.spread) * v, axis=1), np.sum((v @ self.inverse) * v, axis=1)
            gains[rows] = np.maximum(falls, 0.0) / (1.0 + np.maximum(variances, 0.0))
        tied = near[gains >= np.max(gains) * (1.0 - TIE)]
        first = int(tied[np.argmin(order[tied])])
        return first, float(gains[near == first][0])

    def _leaders(self, free: Floats) -> Indices:
        """The free candidates that may have the largest gain."""
        gains = self._fall / (1.0 + self._variance)
        slack = (self._off_fall + gains * self._off_variance) / (1.0 + self._variance)
        floor = np.max(np.where(free, gains - slack, -np.inf))
        leaders: Indices = np.flatnonzero(free & (gains + slack >= floor - TIE * abs(floor)))
        return leaders

    def take(self, position: int) -> None:
        """Count a candidate as known."""
        v = self.directions.exactly(np.array([position]))[0]
        u, w = self.inverse @ v, self.spread @ v
        variance, fall = max(float(v @ u), 0.0), max(float(v @ w), 0.0)
        k = 1.0 + variance
        _change(self.inverse, self.spread, u, w, fall, -k)
        size_u, size_w = _size(u), _size(w)
        to_u, to_w = self._along(u / size_u, w / size_w)
        self._bound(np.abs(to_u), np.abs(to_w), size_u, size_w, fall, k)
        to_w *= -2.0 * size_u * size_w / k
        to_w += to_u * (fall * size_u**2 / k**2)
        to_w *= to_u
        self._fall += to_w
        to_u *= to_u
        to_u *= size_u**2 / k
        self._variance -= to_u
        np.maximum(self._variance, 0.0, out=self._variance)
        np.maximum(self._fall, 0.0, out=self._fall)
        self._fresh = False

    def _bound(self, to_u: Floats, to_w: Floats, size_u: float, size_w: float, fall: float, k: float) -> None:
        """Add to the bounds what the rounding of products adds, which is in proportion to the lengths of both sides."""
        each = 2.0 * self._eps * size_u / k
        to_u *= self._lengths
        to_w *= self._lengths
        to_w *= each * size_w
        to_w += to_u * (each * (size_w + size_u * fall / k))
        to_u *= each * size_u
        self._off_variance += to_u
        self._off_fall += to_w

    def left(self, picks: Indices, keep: int, order: Indices) -> Indices:
        """Which of the picks, all of them taken, are left when the least missed is dropped until ``keep`` are.

        Dropping v raises tr(A F) by vᵀAFAv / (1 - vᵀAv). Of tied ones the last by ``order`` is dropped. Places in
        ``picks``, (keep,). Ends the use of this object. O(m·(D² + m·D)) time for m picks, in float64.
        """
        v, left = self.directions.exactly(picks), np.ones(len(picks), dtype=bool)
        inverse, spread = self.inverse, self.spread
        variance, fall = np.sum((v @ inverse) * v, axis=1), np.sum((v @ spread) * v, axis=1)
        for _ in range(len(picks) - keep):
            losses = np.where(left, fall / np.maximum(1.0 - variance, LEAST_LEFT), np.inf)
            place = least_missed(losses, picks, order)
            left[place] = False
            u, w = inverse @ v[place], spread @ v[place]
            k = max(1.0 - float(v[place] @ u), LEAST_LEFT)
            lost = max(float(v[place] @ w), 0.0)
            _change(inverse, spread, u, w, lost, k)
            to_u, to_w = v @ u, v @ w
            variance += to_u**2 / k
            fall += to_u * (to_w * (2.0 / k) + to_u * (lost / k**2))
        return np.flatnonzero(left)


def least_missed(losses: Floats, picks: Indices, order: Indices) -> int:
    """The place of the smallest loss; of tied ones the last by ``order``."""
    least = float(np.min(losses))
    tied = np.flatnonzero(losses <= least + TIE * abs(least))
    return int(tied[np.argmax(order[picks[tied]])])


def _size(values: Floats) -> float:
    """The norm, or the least positive number where it is 0."""
    return max(float(np.linalg.norm(values)), float(np.finfo(np.float64).tiny))


def _change(inverse: Floats, spread: Floats, u: Floats, w: Floats, fall: float, k: float) -> None:
    """A and AFA, in place, when v vᵀ is added to what is known (k = -(1 + vᵀAv)) or taken away (k = 1 - vᵀAv)."""
    half = np.outer(u, u / k)
    inverse += half
    np.outer(u, (w + u * (fall / (2.0 * k))) / k, out=half)
    spread += half
    spread += half.T
