"""The methods' public implementations written anew, with what each spends its time on: the peers of some cases, and
the picks that ours are held against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

Arrays = dict[str, np.ndarray]
Settings = dict[str, Any]
Call = Callable[[], Any]

#: Rows whose distances to all others are computed at a time by the table of edges.
EDGE_ROWS = 500
#: Points that cannot be picked any more are dropped every so many picks.
DROP_EVERY = 25


def badge(arrays: Arrays, settings: Settings) -> Call:
    """Rank-one distances of all to the newest pick, a discrete distribution made of them, and Python's sum, each pick.

    Draws from the stream that Claros has left when it has drawn its permutation for ties.
    """
    probs, points, k = arrays["probs"], arrays["embeddings"], settings["k"]

    def go() -> list[int]:
        rng = np.random.default_rng(0)
        rng.permutation(len(probs))
        errors = -probs
        errors[np.arange(len(probs)), np.argmax(probs, axis=1)] += 1
        norms = np.sum(errors**2, axis=1, dtype=np.float64) * np.sum(points**2, axis=1, dtype=np.float64)
        picks = [int(np.argmax(norms))]
        nearest = np.full(len(probs), np.inf)
        while len(picks) < k:
            last = picks[-1]
            products = (errors @ errors[last]).astype(np.float64) * (points @ points[last])
            nearest = np.minimum(nearest, np.maximum(norms + norms[last] - 2 * products, 0.0))
            nearest[last] = 0.0
            law = stats.rv_discrete(values=(np.arange(len(nearest)), nearest / sum(nearest)))
            drawn = int(law.rvs(size=1, random_state=rng)[0])
            while drawn in picks:
                drawn = int(law.rvs(size=1, random_state=rng)[0])
            picks.append(drawn)
        return picks

    return go


def k_center(arrays: Arrays, settings: Settings) -> Call:
    """In float64, one sweep a pick; it drops points that are nearer to a centre than any of the picks can be.

    How near that is, it takes from the last pick of the batch that Claros made. If its own last pick is at least as
    far away, then no point that was dropped could have been picked, and the batch is that of all points.
    """
    points, labeled, k = arrays["embeddings"], arrays["labeled_embeddings"].astype(np.float64), settings["k"]
    given = np.array(settings["picks"])

    def squares(rows: np.ndarray, lengths: np.ndarray, centres: np.ndarray) -> np.ndarray:
        return lengths[:, None] + np.einsum("ij,ij->i", centres, centres) - 2.0 * (rows @ centres.T)

    before = np.concatenate([labeled, points[given[:-1]].astype(np.float64)])
    radius = float(np.min(np.sum((before - points[given[-1]].astype(np.float64)) ** 2, axis=1))) * (1 - 1e-9)

    def left_by(centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        kept, nearest = [], []
        for start in range(0, len(points), 1 << 12):
            rows = points[start : start + (1 << 12)].astype(np.float64)
            closest = squares(rows, np.einsum("ij,ij->i", rows, rows), centres).min(axis=1)
            far = np.flatnonzero(closest >= radius)
            kept.append(far + start)
            nearest.append(closest[far])
        return np.concatenate(kept), np.concatenate(nearest)

    def go() -> np.ndarray:
        who, nearest = left_by(labeled)
        rows = points[who].astype(np.float64)
        picks: list[int] = []
        while len(picks) < k:
            far = int(np.argmax(nearest))
            if nearest[far] < radius:
                raise ValueError("A point that was dropped may be the next pick.")
            picks.append(int(who[far]))
            nearest = np.minimum(nearest, np.sum((rows - rows[far]) ** 2, axis=1))
            nearest[far] = -1.0
            if len(picks) % DROP_EVERY == 0:
                keep = nearest >= radius
                who, rows, nearest = who[keep], rows[keep], nearest[keep]
        return np.array(picks)

    return go


def prob_cover(arrays: Arrays, settings: Settings) -> Call:
    """A table of all edges, and for each pick a count of it and a search through it for what is covered now.

    Ties are broken by the permutation that Claros draws.
    """
    import torch

    points, k = arrays["features"], settings["k"]
    labeled = arrays.get("labeled_features", points[:0])
    radius = settings["parameters"]["radius"]

    def go() -> np.ndarray:
        order = np.concatenate([np.zeros(len(labeled)), np.random.default_rng(0).permutation(len(points))])
        rows = np.concatenate([labeled, points])
        everything, start, end, apart = torch.from_numpy(rows), [], [], []
        for first in range(0, len(rows), EDGE_ROWS):
            distances = torch.cdist(everything[first : first + EDGE_ROWS], everything)
            near = distances < radius
            here, there = near.nonzero(as_tuple=True)
            start.append(here.numpy() + first)
            end.append(there.numpy())
            apart.append(distances[near].numpy())
        tail, head, length = np.concatenate(start), np.concatenate(end), np.concatenate(apart)
        covered = head[tail < len(labeled)]
        picks: list[int] = []
        while True:
            keep = ~np.isin(head, covered)
            tail, head, length = tail[keep], head[keep], length[keep]
            if len(picks) == k:
                return np.array(picks) - len(labeled)
            degrees = np.bincount(tail, minlength=len(rows))
            degrees[: len(labeled)] = -1
            degrees[picks] = -1
            tied = np.flatnonzero(degrees == degrees.max())
            picks.append(int(tied[np.argmin(order[tied])]))
            covered = head[tail == picks[-1]]

    return go


def bait(arrays: Arrays, settings: Settings) -> Call:
    """Every candidate's classes as rows of all C·D weights, multiplied by whole inverses for every pick; float64.

    The objective is the one of Claros: information is summed over the labeled items and the batch, with 1 beside it.
    """
    k = settings["k"]

    def factors(probs: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Row c of an item is √p_c (e_c - p) ⊗ h, so that the rows' outer products add up to its information."""
        n, classes = probs.shape
        p = probs.astype(np.float64)
        turned = np.sqrt(p)[:, :, None] * (np.eye(classes)[None] - p[:, None, :])
        return np.einsum("nac,nd->nacd", turned, points.astype(np.float64)).reshape(n, classes, -1)

    def information(rows: np.ndarray) -> np.ndarray:
        flat = rows.reshape(-1, rows.shape[-1])
        return flat.T @ flat

    def change(rows: np.ndarray, inverse: np.ndarray, everything: np.ndarray, sign: float) -> np.ndarray:
        """By how much the trace falls when each item is added (1), or rises when it is taken away (-1)."""
        turned, back = rows.reshape(-1, rows.shape[-1]) @ inverse, np.swapaxes(rows, 1, 2)
        inner = np.linalg.inv(np.eye(rows.shape[1]) + sign * turned.reshape(rows.shape) @ back)
        outer = (turned @ everything @ inverse).reshape(rows.shape) @ back
        return np.einsum("nab,nba->n", inner, outer)

    def updated(inverse: np.ndarray, rows: np.ndarray, sign: float) -> np.ndarray:
        turned = rows @ inverse
        return inverse - sign * turned.T @ np.linalg.solve(np.eye(len(rows)) + sign * turned @ rows.T, turned)

    def go() -> np.ndarray:
        items = factors(arrays["probs"], arrays["embeddings"])
        labeled = factors(arrays["labeled_probs"], arrays["labeled_embeddings"])
        known = information(labeled)
        everything = known + information(items)
        inverse = np.linalg.inv(np.eye(len(known)) + known)
        picks: list[int] = []
        for _ in range(2 * k):
            gains = change(items, inverse, everything, 1.0)
            gains[picks] = -np.inf
            picks.append(int(np.argmax(gains)))
            inverse = updated(inverse, items[picks[-1]], 1.0)
        while len(picks) > k:
            losses = change(items[picks], inverse, everything, -1.0)
            inverse = updated(inverse, items[picks.pop(int(np.argmin(losses)))], -1.0)
        return np.array(picks)

    return go


ROUTINES = {"badge": badge, "k_center": k_center, "prob_cover": prob_cover, "bait": bait}
