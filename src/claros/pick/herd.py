"""Herding: the items that a pool is most like, by a kernel, with labeled items and weights taken into account."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from claros.arrays import Array, Floats, Indices, from_numpy, namespace, take, to_numpy
from claros.measures.kernels import Kernel, Space, Spread, closest_squares, square_norms
from claros.pick.greedy import greedy_coverage
from claros.pick.picked import Picked
from claros.pick.ranking import ranks

__all__ = ["Cap", "Herd"]


class Cap(NamedTuple):
    """How many items may be covered and picked from: all up to ``exact``, a sample of so many each above."""

    exact: int
    targets: int
    candidates: int

    def sample(self, k: int, weights: Floats, order: Indices, rng: np.random.Generator) -> tuple[Indices, Indices]:
        """Positions of targets, drawn at random, and of candidates: half the heaviest, half drawn from the rest.

        At least 2 k candidates, so that there is a choice. Ties in weight are broken by ``order``.
        """
        n = len(order)
        everything = np.arange(n)
        if n <= self.exact:
            return everything, everything
        targets = everything if n <= self.targets else np.sort(rng.permutation(n)[: self.targets])
        size = max(self.candidates, 2 * k)
        if n <= size:
            return targets, everything
        ranked = np.lexsort((order, -weights))
        drawn = rng.permutation(ranked[size // 2 :])[: size - size // 2]
        return targets, np.sort(np.concatenate([ranked[: size // 2], drawn]))


class Herd:
    """A pool of N items, some of which are to be covered and some of which may be picked, and what is labeled.

    ``labeled`` are rows of features, or None or none; ``known`` (N,) are distances to the closest labeled item, which
    spare the comparison where the space leaves their ratios alone. O(N·D) time, O((M + N' + L)·D) memory for M targets
    and N' candidates.
    """

    def __init__(
        self,
        features: Array,
        labeled: Array | None,
        known: Floats | None,
        sample: tuple[Indices, Indices],
        spread: Spread = "spread",
    ) -> None:
        labeled = None if labeled is None or not labeled.shape[0] else labeled
        self.n = int(features.shape[0])
        self.targets, self.candidates = sample
        self.space = Space(features, labeled, spread)
        #: The targets' rows in the space, the candidates', and the labeled items'.
        self.rows = self.space.rows(features, self.targets)
        same = self.targets is self.candidates
        self.candidate_rows = self.rows if same else self.space.rows(features, self.candidates)
        self.labeled = None if labeled is None else self.space.rows(labeled)
        self._known = None if known is None or spread == "length" else to_numpy(known)
        #: The targets' squared distances to the closest labeled item, inf where nothing is labeled; (M,).
        self.near = self._near(self.targets, self.rows)

    def _near(self, which: Indices, rows: Array) -> Floats:
        if self._known is not None:
            return self.space.squares(self._known[which])
        return np.full(len(which), np.inf) if self.labeled is None else closest_squares(rows, self.labeled)

    @property
    def sentence(self) -> str:
        """In words, if some items stand for all."""
        if len(self.targets) == len(self.candidates) == self.n:
            return ""
        return f"{len(self.targets)} random targets and {len(self.candidates)} candidates stand for all {self.n} items"

    def reach(self) -> float:
        """The diameter of a ball around the mean that holds all targets and candidates; 1 where it has none."""
        tables = {id(rows): rows for rows in (self.rows, self.candidate_rows)}.values()
        square = max(float(namespace(rows).max(square_norms(rows))) for rows in tables)
        return 2.0 * square**0.5 or 1.0

    def pick(self, k: int, kernel: Kernel, weights: Floats, order: Indices) -> Picked:
        """Pick k candidates one after the other, each adding most to the mean over the pool of weight x coverage.

        ``weights`` and ``order``, a permutation for ties, are the pool's, (N,). Where targets are a sample, their sum
        is scaled up to the pool, and a candidate that is not among them adds its own coverage. A pick's score is its
        gain, per item of the pool.
        """
        counts = np.flatnonzero(weights[self.targets] > 0.0)
        rows = self.rows if len(counts) == len(self.targets) else take(self.rows, counts)
        heavy = weights[self.targets[counts]] * (self.n / len(self.targets))
        among = np.full(self.n, -1)
        among[self.targets[counts]] = np.arange(len(counts))
        alone = alone_covered = bounds = None
        if len(self.targets) < self.n:
            inside = np.zeros(self.n, dtype=bool)
            inside[self.targets] = True
            alone = np.where(inside[self.candidates], 0.0, weights[self.candidates])
            alone_covered = _covered(kernel, self._near(self.candidates, self.candidate_rows))
        if kernel.kind == "cosine" and np.isinf(self.near).all():
            bounds = _first_by_cosine(self.candidate_rows, rows, heavy) + (0.0 if alone is None else alone)
        picked = greedy_coverage(
            k,
            self.candidate_rows,
            rows,
            kernel,
            ranks(order[self.candidates]),
            weights=heavy,
            covered=_covered(kernel, self.near[counts]),
            places=among[self.candidates],
            alone=alone,
            alone_covered=alone_covered,
            bounds=bounds,
        )
        return Picked(self.candidates[picked.indices], picked.scores / self.n, note=self.sentence)


def _covered(kernel: Kernel, squares: Floats) -> Floats:
    """How well labeled items at these squared distances cover; 0 where there are none."""
    near, covered = np.isfinite(squares), np.zeros(len(squares))
    covered[near] = np.maximum(kernel.of(squares[near]), 0.0)
    return covered


def _first_by_cosine(candidates: Array, targets: Array, weights: Floats) -> Floats:
    """Upper bounds, tight up to rounding, on the sums of weight x (1 - d²/4) over all targets, in closed form."""
    xp = namespace(targets)
    heavy, total = from_numpy(weights, targets), float(np.sum(weights))
    squares = float(xp.sum(heavy * square_norms(targets)))
    sums = squares + total * square_norms(candidates) - 2.0 * (candidates @ (heavy @ targets))
    return np.maximum(total - to_numpy(sums) / 4.0, 0.0) * (1.0 + 1e-9)
