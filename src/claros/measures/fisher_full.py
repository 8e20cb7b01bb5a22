"""Fisher information of a linear last layer, all classes: what each candidate would take off the trace of variances.

A candidate's information is Λ ⊗ h hᵀ with Λ = diag p - p pᵀ, of rank C at most, so a C x C form of A and one of AFA for
every candidate are all that its gain needs: tr((I + ΛQ)⁻¹ ΛR) with Q = EᵀAE, R = EᵀAFAE and E = I ⊗ h. Both change with
every pick by products of C x C blocks. (A is the inverse of what is known so far, F the information of the pool.)
Everything is in float64, on the host.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from claros.arrays import Array, Floats, Indices, row_blocks, to_numpy
from claros.measures.fisher import LEAST_LEFT, TIE, least_missed, safe_ridge

__all__ = ["Blocks", "ClassGains", "blocks", "needed_bytes"]

#: Bytes of C x C forms that one step works on.
STEP_BYTES = 1 << 20


def needed_bytes(n: int, classes: int, features: int) -> int:
    """What the forms of n candidates and the matrices over all weights take."""
    return 8 * (2 * n * classes**2 + n * features + 5 * (classes * features) ** 2)


@dataclass(frozen=True)
class Blocks:
    """Probabilities (N, C) and scaled embeddings (N, D) of some items, in float64 on the host."""

    probs: Floats
    embeddings: Floats

    def curvature(self, rows: slice | Indices, right: Floats) -> Floats:
        """Λ of these items times (m, C, X), without Λ being written out."""
        p = self.probs[rows][:, :, None]
        product: Floats = p * (right - np.sum(p * right, axis=1, keepdims=True))
        return product

    def roots(self, row: int) -> Floats:
        """The vectors v whose squares v vᵀ add up to an item's information, as columns: (C·D, C)."""
        p, h = self.probs[row], self.embeddings[row]
        root = np.sqrt(p)[:, None] * (np.eye(len(p)) - np.sqrt(np.outer(p, p)))  # its square is Λ: Σ p = 1
        found: Floats = np.einsum("cj,d->cdj", root, h).reshape(len(p) * len(h), len(p))
        return found

    def information(self) -> Floats:
        """Σ Λ ⊗ h hᵀ; (C·D, C·D). O(N·C²·D²) time."""
        (n, classes), width = self.probs.shape, self.embeddings.shape[1]
        total = np.zeros((classes, width, classes, width))
        for rows in row_blocks(n, 8 * classes * max(1, width), STEP_BYTES):
            p, h = self.probs[rows], self.embeddings[rows]
            for c in range(classes):
                curved = -p[:, c, None] * p[:, c:]
                curved[:, 0] += p[:, c]
                weighted = (curved[:, :, None] * h[:, None, :]).reshape(len(h), -1)
                total[c, :, c:] += (h.T @ weighted).reshape(width, classes - c, width)
        for c in range(classes):
            total[c + 1 :, :, c] = total[c, :, c + 1 :].transpose(1, 2, 0)
        return total.reshape(classes * width, classes * width)

    def forms(self, matrix: Floats) -> Floats:
        """EᵀME of every item; (C·D, C·D) -> (N, C, C). O(N·C²·D²) time."""
        (n, classes), width = self.probs.shape, self.embeddings.shape[1]
        cells, out = matrix.reshape(classes, width, classes, width), np.empty((n, classes, classes))
        for c in range(classes):
            right = np.ascontiguousarray(cells[c, :, c:].reshape(width, -1))
            for rows in row_blocks(n, 8 * (classes - c) * max(1, width), STEP_BYTES):
                h = self.embeddings[rows]
                products = (h @ right).reshape(len(h), classes - c, width)
                out[rows, c, c:] = np.einsum("ncd,nd->nc", products, h)
                out[rows, c:, c] = out[rows, c, c:]
        return out


def blocks(probs: Array, embeddings: Array, scale: float) -> Blocks:
    """Copies in float64 on the host; rows of probabilities made to sum to 1."""
    p = to_numpy(probs).astype(np.float64)
    return Blocks(p / np.sum(p, axis=1, keepdims=True), to_numpy(embeddings).astype(np.float64) * scale)


class ClassGains:
    """What each of N candidates would take off tr(A F), kept up to date from pick to pick.

    ``known`` and ``pool`` (C·D, C·D) are what is known before the first pick, without the ``ridge``, and F.
    O(N·C²·D²) time once, O(N·C²·(C + D)) for every pick, O(N·C²) memory.
    """

    def __init__(self, items: Blocks, known: Floats, pool: Floats, ridge: float) -> None:
        self.items = items
        ridge = safe_ridge(ridge, np.sum(items.embeddings**2, axis=1))
        self.inverse = np.linalg.inv(known + ridge * np.eye(len(known)))  # A
        self.spread = self.inverse @ pool @ self.inverse  # AFA
        self._variance, self._fall = items.forms(self.inverse), items.forms(self.spread)  # Q and R
        self._gains = np.empty(len(items.probs))
        for rows in self._steps():
            self._gains[rows] = self._gain(rows)

    def _steps(self) -> list[slice]:
        (n, classes), width = self.items.probs.shape, self.items.embeddings.shape[1]
        return [*row_blocks(n, 8 * (6 * classes**2 + width), STEP_BYTES)]

    def _gain(self, rows: slice) -> Floats:
        system = self.items.curvature(rows, self._variance[rows])
        system += np.eye(system.shape[1])
        solved = np.linalg.solve(system, self.items.curvature(rows, self._fall[rows]))
        found: Floats = np.maximum(np.trace(solved, axis1=1, axis2=2), 0.0)
        return found

    def best(self, free: Floats, order: Indices) -> tuple[int, float]:
        """The free candidate with the largest gain, ties by ``order``, and that gain."""
        gains = np.where(free, self._gains, -np.inf)
        tied = np.flatnonzero(gains >= np.max(gains) * (1.0 - TIE))
        first = int(tied[np.argmin(order[tied])])
        return first, float(gains[first])

    def take(self, position: int) -> None:
        """Count a candidate as known."""
        u, w = _change(self.inverse, self.spread, self.items.roots(position), 1.0)
        classes, width = self.items.probs.shape[1], self.items.embeddings.shape[1]
        sides = np.concatenate([side.reshape(classes, width, classes).transpose(1, 0, 2) for side in (u, w)], axis=1)
        right = np.ascontiguousarray(sides.reshape(width, -1))  # (D, 2·C·C)
        for rows in self._steps():
            both = (self.items.embeddings[rows] @ right).reshape(-1, 2 * classes, classes)
            products = both @ both[:, :classes].transpose(0, 2, 1)  # (m, 2·C, C)
            self._variance[rows] -= products[:, :classes]
            self._fall[rows] -= products[:, classes:]
            self._fall[rows] -= products[:, classes:].transpose(0, 2, 1)
            self._gains[rows] = self._gain(rows)

    def left(self, picks: Indices, keep: int, order: Indices) -> Indices:
        """Which of the picks, all of them taken, are left when the least missed is dropped until ``keep`` are.

        Of tied ones the last by ``order`` is dropped. Places in ``picks``, (keep,). Ends the use of this object.
        """
        roots = np.stack([self.items.roots(int(pick)) for pick in picks])  # (m, C·D, C)
        turned = np.ascontiguousarray(roots.transpose(0, 2, 1))
        variance = np.stack([v.T @ (self.inverse @ v) for v in roots])
        fall = np.stack([v.T @ (self.spread @ v) for v in roots])
        left, one = np.ones(len(picks), dtype=bool), (1.0 + LEAST_LEFT) * np.eye(roots.shape[2])
        for _ in range(len(picks) - keep):
            losses = np.full(len(picks), np.inf)
            lost = np.linalg.solve(one - variance[left], fall[left])
            losses[left] = np.trace(lost, axis1=1, axis2=2)
            place = least_missed(losses, picks, order)
            left[place] = False
            u, w = _change(self.inverse, self.spread, roots[place], -1.0)
            to_u, to_w = turned @ u, turned @ w  # (m, C, C)
            variance += to_u @ to_u.transpose(0, 2, 1)
            both = to_u @ to_w.transpose(0, 2, 1)
            fall += both + both.transpose(0, 2, 1)
        return np.flatnonzero(left)


def _change(inverse: Floats, spread: Floats, v: Floats, sign: float) -> tuple[Floats, Floats]:
    """A and AFA, in place, when v vᵀ is added (sign 1) or taken away (-1); v is (C·D, C).

    With K = I ± vᵀAv and U = AvK^-½ they change by ∓UUᵀ and ∓(UWᵀ + WUᵀ), W = (AFAv ∓ ½ U K^-½ vᵀAFAv) K^-½; returns U
    and W.
    """
    u, w = inverse @ v, spread @ v
    values, vectors = np.linalg.eigh(np.eye(v.shape[1]) + sign * (v.T @ u))
    root = (vectors / np.sqrt(np.maximum(values, 1e-15))) @ vectors.T
    left = u @ root
    right = (w - (0.5 * sign) * (left @ root @ (v.T @ w))) @ root
    inverse -= sign * (left @ left.T)
    both = left @ right.T
    spread -= sign * both
    spread -= sign * both.T
    return left, right
