"""Target priors from a confusion matrix: the quantification twins of the black box shift estimator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg

from claros.arrays import Floats
from claros.shift.adjust import ratios
from claros.shift.evidence import Evidence
from claros.shift.method import Solution, method
from claros.shift.moments import Moments, moments, resampled
from claros.shift.nonnegative import on_simplex, onto_simplex

__all__ = ["acc", "pacc", "ratio"]

_SOLVERS = {"solver": ("simplex", "solve")}


@method(reference="Forman 2008, Data Mining and Knowledge Discovery 17; Bunse 2022", choices=_SOLVERS)
def acc(evidence: Evidence, *, solver: str = "simplex") -> Solution:
    """The target prior q that solves A q = mu, A_ij the share of class j predicted as i: adjusted classify and count.

    ``solver="simplex"`` minimises |A q - mu| over all distributions; ``"solve"`` is the plain solution, cut off at 0
    and scaled to a sum of 1 (flag ``clipped``). Weights are q / p, those of hard `bbse` where no limit is met.

    A class without a hold-out row is left out: share 0, weight 1 (flag ``left_out``). Departures: elsewhere such a
    class gets a column of the identity, as if it were always recognised.

    Cost: O((n + N) · C + C³).
    """
    return _solution(evidence, False, solver)


@method(reference="Bella, Ferri, Hernández-Orallo & Ramírez-Quintana 2010 (ICDM)", choices=_SOLVERS)
def pacc(evidence: Evidence, *, solver: str = "simplex") -> Solution:
    """The target prior q that solves A q = mu, A_ij the mean probability of i in class j: probabilistic `acc`.

    ``solver`` and classes without a hold-out row as for `acc`. Weights are q / p, those of soft `bbse` where no limit
    is met.

    Cost: O((n + N) · C + C³).
    """
    return _solution(evidence, True, solver)


@method(reference="Vaz, Izbicki & Stern 2019, JMLR 20")
def ratio(evidence: Evidence, *, soft: bool = True) -> Solution:
    """The target prior that matches the means of C - 1 predictions and sums to 1: the ratio estimator.

    The plain solution, moved to the nearest distribution where it is none (flag ``clipped``). Classes without a
    hold-out row as for `acc`.

    Cost: O((n + N) · C + C³).
    """
    return _solution(evidence, soft, "nearest")


def _solution(evidence: Evidence, soft: bool, solver: str) -> Solution:
    found = moments(evidence, soft)
    prior, solve = found.prior, _SOLVE[solver]

    def shares(one: Moments) -> tuple[Floats, bool]:
        present = one.prior > 0
        q = np.zeros(len(present))
        matrix = one.joint[:, present] / one.prior[present]
        q[present], cut = solve(matrix, one.target)
        return q, cut

    def resample(replicates: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        drawn = [(shares(one)[0], one.prior) for one in resampled(evidence, soft, replicates, rng)]
        return np.array([ratios(*pair) for pair in drawn]), np.array([q for q, _ in drawn])

    q, cut = shares(found)
    present = found.prior > 0
    singular = Moments(found.joint[:, present], found.target).singular
    flags = {"singular": singular, "clipped": cut, "left_out": not present.all()}
    said = {"left_out": evidence.names(np.flatnonzero(~present))}
    return Solution(ratios(q, prior), prior, q, resample, said, tuple(name for name, is_so in flags.items() if is_so))


def _simplex(matrix: Floats, target: Floats) -> tuple[Floats, bool]:
    return on_simplex(matrix, target), False


def _plain(matrix: Floats, target: Floats) -> Floats:
    """The solution of least norm, its sum kept at 1 where columns were left out."""
    stacked = np.vstack([matrix, np.ones(matrix.shape[1])])
    return np.asarray(scipy.linalg.lstsq(stacked, np.append(target, 1.0))[0])


def _cut(matrix: Floats, target: Floats) -> tuple[Floats, bool]:
    plain = _plain(matrix, target)
    kept = np.maximum(plain, 0.0)
    return kept / kept.sum(), bool(plain.min() < 0)


def _nearest(matrix: Floats, target: Floats) -> tuple[Floats, bool]:
    plain = _plain(matrix, target)
    return onto_simplex(plain), bool(plain.min() < 0)


_SOLVE: dict[str, Callable[[Floats, Floats], tuple[Floats, bool]]] = {
    "simplex": _simplex,
    "solve": _cut,
    "nearest": _nearest,
}
