"""Training and test items: a stratified share, and contents that are in both."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Indices
from claros.data.labels import recode, union
from claros.data.pool import Pool, Split, derive
from claros.errors import DataError, InputError
from claros.rng import stream

__all__ = ["aligned", "also_in", "hold_out", "labeled_only", "part_of", "without_test_items"]


def hold_out(pool: Pool, share: float, seed: int) -> Split:
    """A random ``share`` of the labeled items for testing, class by class, equal contents always on one side.

    Each class gives its share of items, rounded so that the total is right (largest remainders first); a group of equal
    items that no longer fits is passed over, and stays in the pool, as do groups with an unlabeled item. A group with
    contradictory labels counts for the class of its first item. Drawn from the stream (seed, "split"). A share of 0
    leaves the pool whole.
    """
    if not 0 <= share < 1:
        raise InputError(f"test_share must be at least 0 and below 1; got {share}.")
    if share == 0 or pool.labels is None or not (pool.labels >= 0).any():
        return Split(pool, None)
    rng = stream(seed, "split")
    unlabeled = np.zeros(len(pool), bool)
    unlabeled[pool.groups[pool.labels < 0]] = True
    sizes = np.bincount(pool.groups, minlength=len(pool))
    firsts = np.flatnonzero((sizes > 0) & ~unlabeled)
    quota = _quota(np.bincount(pool.labels[firsts], weights=sizes[firsts], minlength=len(pool.classes)), share)
    testing = np.zeros(len(pool), bool)
    for code, wanted in enumerate(quota.tolist()):
        for first in rng.permutation(firsts[pool.labels[firsts] == code]).tolist():
            if wanted == 0:
                break
            if sizes[first] <= wanted:
                testing[first] = True
                wanted -= int(sizes[first])
    chosen = testing[pool.groups]
    if not chosen.any():
        return Split(pool, None)
    return Split(derive(pool, np.flatnonzero(~chosen)), pool.subset(np.flatnonzero(chosen)))


def _quota(counts: npt.NDArray[Any], share: float) -> Indices:
    """Whole numbers near ``counts * share`` that sum to the total's share, rounded: largest remainders go up."""
    exact = counts * share
    quota = np.floor(exact).astype(np.int64)
    missing = int(np.floor(counts.sum() * share + 0.5)) - int(quota.sum())
    quota[np.argsort(quota - exact, kind="stable")[:missing]] += 1
    return quota


def also_in(pool: Pool, other: Pool) -> npt.NDArray[np.bool_]:
    """(N,): whether another pool has an item with exactly this content."""
    if pool.reader is other.reader:
        return np.isin(pool.reader.first[pool.rows], other.reader.first[other.rows])
    mine, theirs = pool.reader.marks[pool.rows], other.reader.marks[other.rows]
    digests = {other.reader.digest(row) for row in other.rows[np.isin(theirs, mine)].tolist()}
    found = np.isin(mine, theirs)
    for position in np.flatnonzero(found).tolist():
        found[position] = pool.reader.digest(int(pool.rows[position])) in digests
    return found


def without_test_items(split: Split) -> Split:
    """The pool without the contents of its test set, which no label may be bought for; their number is noted."""
    train, test = split
    if test is None:
        return split
    shared = also_in(train, test)
    if shared.all():
        raise DataError(f"all {len(train)} items of the pool are also in the test set; give another test set.")
    left_out = {"left_out": int(shared.sum())}
    return Split(derive(train, np.flatnonzero(~shared) if shared.any() else None, notes=left_out), test)


def part_of(test: Pool | None, share: float, seed: int) -> Pool | None:
    """A random ``share`` of a labeled test set, class by class, in the order of the whole; all of it for a share of 1.

    Largest remainders first, as in `hold_out`; at least one item. Drawn from the stream (seed, "split").
    """
    if not 0 < share <= 1:
        raise InputError(f"test_part must be above 0 and at most 1; got {share}.")
    if share == 1 or test is None or test.labels is None:
        return test
    rng = stream(seed, "split")
    quota = _quota(np.bincount(test.labels, minlength=len(test.classes)), share)
    if not quota.any():
        quota[np.argmax(np.bincount(test.labels))] = 1
    drawn = [
        rng.permutation(np.flatnonzero(test.labels == code))[:wanted] for code, wanted in enumerate(quota.tolist())
    ]
    chosen = np.sort(np.concatenate(drawn))
    return derive(test, chosen, notes={"set_aside": test.notes.get("set_aside", 0) + len(test) - len(chosen)})


def labeled_only(test: Pool) -> Pool | None:
    """What of a test set can be judged by; None if that is nothing."""
    if test.labels is None:
        return None
    known = np.flatnonzero(test.labels >= 0)
    return derive(test, known, notes={"set_aside": len(test) - len(known)}) if len(known) else None


def aligned(train: Pool, test: Pool) -> Split:
    """Both with one list of classes: the pool's, then those that only the test set has."""
    if train.kind != test.kind:
        raise DataError(f"the pool has {train.kind} and the test set {test.kind}; both must be of one kind.")
    if train.kind in ("rows", "images"):
        shapes = [pool.take([0]).shape[1:] for pool in (train, test)]
        if shapes[0] != shapes[1]:
            raise DataError(f"items of the pool have shape {shapes[0]}, of the test set {shapes[1]}; they must agree.")
    classes = union(train.classes, test.classes)
    labels = None if test.labels is None else recode(test.labels, test.classes, classes)
    return Split(derive(train, classes=classes), derive(test, labels=labels, classes=classes))
