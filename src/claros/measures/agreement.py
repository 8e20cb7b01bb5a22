"""How far two sets of predictions for the same items agree: classes, and sets of labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from claros.arrays import Floats, Indices, row_blocks
from claros.errors import InputError

__all__ = [
    "Kappa",
    "class_counts",
    "coded_alpha",
    "cohen_kappa",
    "contingency",
    "f_change_bound",
    "kappa_variance",
    "kappa_with_variance",
    "krippendorff_alpha",
    "label_sets",
    "masi_distance",
]

#: Codes from here on are renumbered before they are counted, so that memory follows the items and not the codes.
SPARSE = 1 << 20
#: A negative code of 8 bits, read as an unsigned number; those of wider types are larger.
SMALLEST_NEGATIVE = 1 << 7


def cohen_kappa(first: Indices, second: Indices) -> float | None:
    """Cohen's kappa of two predictions, in [-1, 1]; (T,), (T,) class codes -> 1 if equal, about 0 for chance.

    ``kappa = (observed - expected) / (1 - expected)`` of the shares of agreement. It is not defined, and None, where
    both name one and the same class for everything: agreement is certain then, and says nothing. Counted in whole
    numbers, so equal predictions give exactly 1. Any integer dtype. O(T + C) time and memory: the expected agreement
    needs the two marginal counts only, never a (C, C) table. (Cohen 1960)

    >>> cohen_kappa(np.array([1, 0, 0, 1]), np.array([1, 0, 1, 1]))
    0.5
    >>> cohen_kappa(np.array([2, 2]), np.array([2, 2])) is None
    True
    """
    first, second = _dense(first, second)
    n, expected = int(first.size), _by_chance(np.bincount(first), np.bincount(second))
    if expected == n * n:
        return None
    agreed = int(np.count_nonzero(first == second))
    return (n * agreed - expected) / (n * n - expected)


class Kappa(NamedTuple):
    """Cohen's kappa, its large-sample variance, and what it is made of.

    ``disagreed`` items, ``chance``, the share of agreement to expect by it, and the number of ``classes`` named.
    """

    value: float
    variance: float
    disagreed: int
    chance: float
    classes: int


def kappa_with_variance(first: Indices, second: Indices) -> Kappa | None:
    """`cohen_kappa` and `kappa_variance` in one go, with what a bound near 1 needs; None as they are. O(T + C)."""
    first, second = _dense(first, second)
    n, classes = int(first.size), max(int(first.max()), int(second.max())) + 1
    rows, columns = np.bincount(first, minlength=classes), np.bincount(second, minlength=classes)
    by_chance = _by_chance(rows, columns)
    if by_chance == n * n:
        return None
    agree = first == second
    disagreed = n - int(np.count_nonzero(agree))
    observed, chance = 1 - disagreed / n, by_chance / n**2
    kappa = (n * (n - disagreed) - by_chance) / (n * n - by_chance)
    classes = int(np.count_nonzero(rows + columns))
    if not disagreed:
        return Kappa(kappa, 0.0, 0, chance, classes)
    # what one item more would change, times (1 - chance)²: it raises the agreement, and the one by chance
    pull = (agree - observed) * (1 - chance) - ((columns / n)[first] + (rows / n)[second] - 2 * chance) * (1 - observed)
    return Kappa(kappa, float(pull @ pull) / n**2 / (1 - chance) ** 4, disagreed, chance, classes)


def kappa_variance(first: Indices, second: Indices) -> float | None:
    """Large-sample variance of Cohen's kappa over draws of the items, >= 0; (T,), (T,) class codes, None as for kappa.

    The formula of Fleiss, Cohen & Everitt 1969 is the mean square of what one item more would change, over T. Summed
    item by item, it needs no (C, C) table: O(T + C) time and memory.

    It is 0 where all items agree, which does not mean that kappa is known: of 100 items with a true kappa of 0.98 that
    happens in more than a third of all draws. Near 1, bound the share of disagreements instead.

    >>> round(kappa_variance(np.array([0, 0, 1, 1] * 25), np.array([0, 1, 1, 1] * 25)), 6)
    0.005625
    """
    both = kappa_with_variance(first, second)
    return None if both is None else both.variance


def class_counts(first: Indices, second: Indices) -> tuple[Indices, Indices, Indices, Indices]:
    """The U classes that are named, and for how many items by each and by both; (T,), (T,) codes -> four of (U,).

    O(T + C) time and memory.

    >>> [part.tolist() for part in class_counts(np.array([0, 1, 1]), np.array([0, 1, 3]))]
    [[0, 1, 3], [1, 2, 0], [1, 1, 1], [1, 1, 0]]
    """
    given = np.asarray(first), np.asarray(second)
    first, second = _dense(*given)
    size = max(int(first.max()), int(second.max())) + 1
    counts = [np.bincount(codes, minlength=size) for codes in (first, second, first[first == second])]
    there = np.flatnonzero(counts[0] + counts[1])
    named = there if first is given[0] else np.unique(np.concatenate(given))
    return named, counts[0][there], counts[1][there], counts[2][there]


def f_change_bound(kappa: float, precision: float = 0.0) -> float:
    """The most by which F can differ between two *binary* predictions of that kappa, in [0, 1].

    4 (1 - kappa) / ((1 + precision) kappa), where ``precision`` is that of the items which both call positive, 0 if
    nothing is known of it; 1 where the formula gives more, or kappa is not positive. It bounds one step from model to
    model, not the gap to the best model there is. It says nothing about more than two classes: ten flips of one rare
    class leave kappa high, and change that class's F by all there is. (Bloodgood & Grothendieck 2013)

    >>> [round(f_change_bound(kappa), 4) for kappa in (0.99, 0.98, 0.97)]
    [0.0404, 0.0816, 0.1237]
    """
    if not -1.0 <= kappa <= 1.0 or not 0.0 <= precision <= 1.0:
        raise InputError(f"kappa must be in [-1, 1] and precision in [0, 1]; got {kappa!r} and {precision!r}.")
    return min(1.0, 4 * (1 - kappa) / ((1 + precision) * kappa)) if kappa > 0 else 1.0


def masi_distance(first: Indices, second: Indices) -> Floats:
    """MASI distance of label sets, in [0, 1]; (U, K), (V, K) of 0 and 1 -> (U, V), 0 for equal, 1 for disjoint sets.

    1 minus Jaccard's index times 1 for equal sets, 2/3 where one holds the other, 1/3 where they overlap otherwise.
    Two empty sets are equal; an empty one has nothing in common with any other. O(U·V·K) time, O(U·V) memory.
    (Passonneau 2006)

    >>> masi_distance(np.array([[1, 1, 0]]), np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1]])).round(3).tolist()
    [[0.0, 0.667, 0.889, 1.0]]
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    sizes, others = first.sum(axis=1)[:, None], second.sum(axis=1)[None, :]
    common = first @ second.T
    union = sizes + others - common
    monotony = np.where(common == np.minimum(sizes, others), 2.0, 1.0) / 3.0
    distances: Floats = np.where(common == union, 0.0, 1.0 - monotony * common / np.maximum(union, 1.0))
    return distances


def krippendorff_alpha(
    first: Indices, second: Indices, distance: Callable[[Indices, Indices], Floats] = masi_distance
) -> float | None:
    """Krippendorff's alpha of two predictions of label sets, at most 1; (T, K), (T, K) of 0 and 1.

    1 minus the mean distance within items over the mean distance of any two of all 2 T sets; 1 if equal, about 0 for
    chance. It is not defined, and None, where all sets are one and the same. ``distance`` takes (U, K), (V, K) to
    (U, V) and is 0 for equal sets.

    Computed over the U different sets: O(T·K + U²·K) time, O(T + U) memory. (Krippendorff 1980)

    >>> krippendorff_alpha(np.array([[1, 0], [0, 1]]), np.array([[1, 0], [0, 1]]))
    1.0
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.ndim != 2 or first.shape != second.shape or first.size == 0:
        raise InputError(
            f"Two (T, K) tables of labels for the same items are needed; got shapes {first.shape} and {second.shape}."
        )
    joined = np.concatenate([first, second])
    if not np.all((joined == 0) | (joined == 1)):
        raise InputError("Tables of labels must hold 0 and 1 only.")
    sets, codes = label_sets(joined)
    return coded_alpha(codes[: len(first)], codes[len(first) :], sets, distance)


def label_sets(table: Indices) -> tuple[Indices, Indices]:
    """The different rows of a table of 0 and 1, and which of them each row is; (T, K) -> (U, K), (T,).

    O(T·(K + log T)) time.
    """
    packed = np.packbits(np.asarray(table, dtype=np.uint8), axis=1)
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1])))[:, 0]
    _, places, codes = np.unique(keys, return_index=True, return_inverse=True)
    return np.asarray(table)[places], codes


def coded_alpha(
    first: Indices,
    second: Indices,
    sets: Indices,
    distance: Callable[[Indices, Indices], Floats] = masi_distance,
) -> float | None:
    """`krippendorff_alpha` of sets that are given by their numbers; (T,), (T,) rows of ``sets``, (U, K), all different.

    O(T + U²·K) time, O(T + U) memory: never all U² distances at once.
    """
    n = 2 * first.size
    counts = np.bincount(first, minlength=len(sets)) + np.bincount(second, minlength=len(sets))
    within = between = 0.0
    for rows in row_blocks(len(sets), 64 * len(sets)):
        distances = distance(sets[rows], sets)
        between += float(counts[rows] @ distances @ counts)
        here = (first >= rows.start) & (first < rows.stop)
        within += float(distances[first[here] - rows.start, second[here]].sum())
    if between == 0.0:
        return None
    return 1.0 - (within / first.size) / (between / (n * (n - 1)))


def contingency(first: Indices, second: Indices, n_classes: int) -> Indices:
    """How often each pair of classes was named; (T,), (T,) codes -> (C, C) counts, rows for ``first``.

    One `numpy.bincount` over joint codes: O(T + C²).
    """
    first, second, top = _pair(first, second)
    if top >= n_classes:
        raise InputError(f"Class codes must be below the {n_classes} classes; got {top}.")
    joint = first.astype(np.int64) * n_classes + second
    return np.bincount(joint, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def _pair(first: Indices, second: Indices) -> tuple[Indices, Indices, int]:
    """Two predictions for the same items, checked, and the largest code."""
    first, second = np.asarray(first), np.asarray(second)
    if first.ndim != 1 or first.shape != second.shape or first.size == 0:
        raise InputError(f"Two predictions for the same items are needed; got shapes {first.shape} and {second.shape}.")
    if first.dtype.kind not in "iu" or second.dtype.kind not in "iu":
        raise InputError(f"Predictions must be class codes; got dtypes {first.dtype} and {second.dtype}.")
    # Read as unsigned numbers, negative ones are the largest: one look tells both.
    top = max(int(codes.view(codes.dtype.str.replace("i", "u")).max()) for codes in (first, second))
    if top >= SMALLEST_NEGATIVE and (int(first.min()) < 0 or int(second.min()) < 0):
        raise InputError("Predictions must be class codes of at least 0; got a negative one.")
    first, second = (codes.astype(np.int64) if codes.dtype == np.uint64 else codes for codes in (first, second))
    return first, second, top


def _dense(first: Indices, second: Indices) -> tuple[Indices, Indices]:
    """Two predictions, checked, and renumbered where counting such codes would take more memory than the items."""
    first, second, top = _pair(first, second)
    if top < SPARSE:
        return first, second
    joined = np.unique(np.concatenate([first, second]), return_inverse=True)[1]
    return joined[: first.size], joined[first.size :]


def _by_chance(rows: Indices, columns: Indices) -> int:
    """The agreement to expect by chance from two sets of counts, times n²; a whole number."""
    shared = min(rows.size, columns.size)
    return int(rows[:shared] @ columns[:shared])
