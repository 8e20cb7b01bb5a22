"""The public suite is worth inheriting: each of these wrong strategies, found in the wild, fails at least one test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from claros.arrays import to_numpy
from claros.pick import Picked
from claros.strategy import Strategy, scorer, strategy
from claros.testing import StrategyContract

REFERENCE = "nobody"


@scorer(reference=REFERENCE)
def largest_gap(*, probs):
    """Sorts the margin the wrong way round."""
    ordered = np.sort(to_numpy(probs), axis=1)
    return ordered[:, -1] - ordered[:, -2] if probs.shape[1] > 1 else np.zeros(len(ordered))


@strategy(reference=REFERENCE)
def forgets_the_predicted_class(k, *, probs, embeddings, rng):
    """Gradient lengths with -p in place of onehot - p."""
    p, h = to_numpy(probs), to_numpy(embeddings)
    lengths = np.linalg.norm(p, axis=1) * np.linalg.norm(h, axis=1)
    picks = np.lexsort((rng.permutation(len(p)), -lengths))[:k]
    return Picked(picks, lengths[picks])


@strategy(reference=REFERENCE)
def last_of_the_ties(k, *, probs):
    """Breaks ties by position."""
    scores = 1 - to_numpy(probs).max(axis=1)
    picks = np.argsort(scores, kind="stable")[::-1][:k]
    return Picked(picks, scores[picks])


@strategy(reference=REFERENCE, stochastic=True)
def global_dice(k, *, n):
    """Draws from NumPy's global generator."""
    return Picked(np.random.permutation(n)[:k], np.zeros(k))  # noqa: NPY002


@scorer(reference=REFERENCE)
def clips_in_place(*, probs):
    """Overwrites the caller's probabilities."""
    p = to_numpy(probs)
    np.clip(p, 1e-7, 1, out=p)
    return -np.sum(p * np.log(p), axis=1)


@scorer(reference=REFERENCE)
def log_of_zero(*, probs):
    """Takes 0 log 0 for NaN."""
    p = to_numpy(probs)
    with np.errstate(all="ignore"):
        return -np.sum(p * np.log(p), axis=1)


@strategy(reference=REFERENCE, stochastic=True)
def with_replacement(k, *, n, rng):
    """May draw an item twice."""
    return Picked(rng.integers(0, n, k), np.zeros(k))


@strategy(reference=REFERENCE, stochastic=True)
def forgets_the_tail(k, *, n, rng):
    """Works in blocks of four and drops the last, short one."""
    picks = rng.permutation(max(k, n - n % 4))[:k]
    return Picked(picks, np.zeros(k))


@strategy(reference=REFERENCE)
def sorted_positions(k, *, probs, rng):
    """Loses the order picked."""
    scores = 1 - to_numpy(probs).max(axis=1)
    picks = np.sort(np.lexsort((rng.permutation(len(scores)), -scores))[:k])
    return Picked(picks, scores[picks])


@scorer(reference=REFERENCE)
def all_pairs(*, embeddings):
    """Holds an N x N array."""
    h = to_numpy(embeddings)
    return np.sqrt(np.maximum(((h**2).sum(axis=1)[:, None] + (h**2).sum(axis=1) - 2 * h @ h.T), 0)).mean(axis=1)


@scorer(reference=REFERENCE)
def roots_of_rounded_squares(*, embeddings, labeled_embeddings):
    """Squared distances by the product, not clamped: the root of a negative one is NaN."""
    h, seen = to_numpy(embeddings), to_numpy(labeled_embeddings)
    squares = (h**2).sum(axis=1)[:, None] + (seen**2).sum(axis=1) - 2 * h @ seen.T
    with np.errstate(all="ignore"):
        return np.sqrt(squares).min(axis=1, initial=np.inf)


@strategy(reference=REFERENCE)
def fails_without_labels(k, *, embeddings, labeled_embeddings, rng):
    """Core-set that needs something labeled."""
    h, seen = to_numpy(embeddings), to_numpy(labeled_embeddings)
    gaps = np.linalg.norm(h[:, None] - seen[None], axis=2).min(axis=1)
    picks = np.lexsort((rng.permutation(len(h)), -gaps))[:k]
    return Picked(picks, gaps[picks])


_first_call: list[Any] = []


@scorer(reference=REFERENCE)
def caches_the_first_call(*, embeddings):
    """Keeps distances from the first call and uses them for another pool."""
    if not _first_call or _first_call[0].shape != embeddings.shape[:1]:
        _first_call[:] = [np.linalg.norm(to_numpy(embeddings), axis=1)]
    return _first_call[0]


def undocumented(k, *, n, rng):
    return Picked(rng.permutation(n)[:k], np.zeros(k))


CAUGHT = [
    (largest_gap, "test_the_item_that_must_come_first_does"),
    (forgets_the_predicted_class, "test_the_item_that_must_come_first_does"),
    (last_of_the_ties, "test_ties_are_broken_without_regard_to_position"),
    (global_dice, "test_global_random_states_are_left_alone"),
    (global_dice, "test_the_same_seed_gives_the_same_picks"),
    (clips_in_place, "test_inputs_are_only_read"),
    (log_of_zero, "test_certain_predictions_are_no_special_case"),
    (with_replacement, "test_picks_are_candidates_each_one_once"),
    (forgets_the_tail, "test_the_order_of_the_candidates_does_not_matter"),
    (forgets_the_tail, "test_ties_are_broken_without_regard_to_position"),
    (sorted_positions, "test_a_smaller_batch_is_the_beginning_of_a_larger_one"),
    (all_pairs, "test_no_array_grows_with_the_square_of_the_pool"),
    (roots_of_rounded_squares, "test_near_duplicates_far_from_the_origin_are_no_special_case"),
    (fails_without_labels, "test_picks_are_candidates_each_one_once"),
    (caches_the_first_call, "test_the_order_of_the_candidates_does_not_matter"),
    (strategy(reference=REFERENCE)(undocumented), "test_it_is_documented"),
    (strategy(reference="")(undocumented), "test_it_is_documented"),
]


@pytest.mark.parametrize(("wrong", "test"), CAUGHT, ids=[f"{wrong.name}-{test}" for wrong, test in CAUGHT])
def test_a_wrong_strategy_is_caught(wrong: Strategy, test: str) -> None:
    class Suite(StrategyContract):
        def strategy(self) -> Strategy:
            return wrong

    with pytest.raises((AssertionError, ValueError)):
        getattr(Suite(), test)()
