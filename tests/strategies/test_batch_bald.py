"""BatchBALD: against all labels written out, against scikit-activeml, and against known wrong ways to do it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from skactiveml.pool import batch_bald as their_batch_bald

import claros
from claros.errors import InputError
from memory import peak_bytes


def some(n: int, members: int, classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), (n, members))


def information(items: np.ndarray) -> float:
    """I(labels; member) of a batch (B, S, C), all labels written out."""
    table = np.array(
        [
            np.prod([item[:, label] for item, label in zip(items, labels, strict=True)], axis=0)
            for labels in itertools.product(range(items.shape[2]), repeat=len(items))
        ]
    )
    joint = table.mean(axis=1)
    own = -np.sum(np.where(items > 0, items * np.log(np.where(items > 0, items, 1.0)), 0.0)) / items.shape[1]
    return float(-np.sum(joint[joint > 0] * np.log(joint[joint > 0])) - own)


def naive(member_probs: np.ndarray, k: int) -> tuple[list[int], list[float]]:
    """The greedy rule itself: what each candidate would add to the batch."""
    picks: list[int] = []
    totals = [0.0]
    while len(picks) < k:
        values = [-np.inf if i in picks else information(member_probs[[*picks, i]]) for i in range(len(member_probs))]
        picks.append(int(np.argmax(values)))
        totals.append(max(values))
    return picks, np.diff(totals).tolist()


def test_three_items_by_hand() -> None:
    # Items 0 and 1 are the same question: the second time it tells nothing. Item 2 tells less, but something else.
    member_probs = np.array(
        [
            [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]],
            [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]],
            [[0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.1, 0.9]],
        ]
    )
    doubt = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    for seed in range(10):
        picked = claros.select("batch_bald", 3, member_probs=member_probs, seed=seed)
        assert picked.indices[1] == 2
        assert picked.scores == pytest.approx([math.log(2), math.log(2) - doubt, 0.0])
    assert claros.select("bald", 2, member_probs=member_probs).indices.tolist() in ([0, 1], [1, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("members", "classes"), [(5, 2), (4, 3), (8, 4)])
def test_picks_and_scores_are_those_of_all_labels_written_out(members: int, classes: int, dtype: type) -> None:
    for seed in range(4):
        member_probs = some(15, members, classes, seed).astype(dtype)
        picks, gains = naive(member_probs.astype(float), 4)
        picked = claros.select("batch_bald", 4, member_probs=member_probs)
        assert picked.indices.tolist() == picks
        assert picked.scores == pytest.approx(gains, rel=1e-6, abs=1e-9)
        tensors = claros.select("batch_bald", 4, member_probs=torch.tensor(member_probs))
        assert tensors.indices.tolist() == picks


def test_picks_are_scikit_activemls_as_long_as_both_enumerate() -> None:
    for seed in range(5):
        member_probs = some(60, 6, 3, seed)
        theirs = their_batch_bald(np.ascontiguousarray(member_probs.transpose(1, 0, 2)), 4, 1000, random_state=0)
        picked = claros.select("batch_bald", 4, member_probs=member_probs)
        assert picked.indices.tolist() == np.nanargmax(theirs, axis=1).tolist()
        assert np.cumsum(picked.scores) == pytest.approx(np.nanmax(theirs, axis=1), abs=1e-4)  # theirs clips at 1e-7


def test_the_first_pick_is_balds_and_the_order_is_greedy() -> None:
    """One implementation adds its samples after the first pick, drops the best item and returns the order reversed."""
    for seed in range(5):
        member_probs = some(200, 10, 4, seed)
        bald = claros.select("bald", 1, member_probs=member_probs)
        picked = claros.select("batch_bald", 6, member_probs=member_probs)
        assert picked.indices[0] == bald.indices[0]
        assert picked.scores[0] == bald.scores[0]
        assert np.all(np.diff(picked.scores) < 0)
        assert np.array_equal(claros.select("batch_bald", 1, member_probs=member_probs).indices, bald.indices)


def test_no_item_is_picked_twice_from_a_pool_of_ties_and_nothing_is_overwritten() -> None:
    """One implementation breaks ties twice, by two generators, and clips the caller's probabilities in place."""
    member_probs = np.repeat(some(3, 4, 3), 10, axis=0)
    before = member_probs.copy()
    seen = set()
    for seed in range(50):
        picks = claros.select("batch_bald", 5, member_probs=member_probs, seed=seed).indices
        assert len(set(picks.tolist())) == 5
        seen.add(int(picks[0]))
    assert len(seen) == 10
    assert np.array_equal(member_probs, before)


def test_drawn_cases_pick_batches_as_good_as_all_labels_written_out() -> None:
    """Five picks of two classes, 32 cases: from 15 drawn ones the batch has 97 % of the information, on average."""
    shares = []
    for seed in range(20):
        member_probs = some(30, 6, 2, seed)
        best = naive(member_probs, 5)[0]
        picked = claros.select("batch_bald", 5, member_probs=member_probs, samples=15, seed=seed)
        shares.append(information(member_probs[picked.indices]) / information(member_probs[best]))
    assert np.mean(shares) > 0.97, np.mean(shares)


def test_once_no_label_tells_anything_the_rest_is_random() -> None:
    member_probs = np.repeat(some(40, 1, 3), 5, axis=1)
    member_probs[7, 0] = [0.0, 0.0, 1.0]
    seen = set()
    for seed in range(100):
        picked = claros.select("batch_bald", 3, member_probs=member_probs, seed=seed)
        assert picked.indices[0] == 7
        assert picked.scores[1:].tolist() == [0.0, 0.0]
        seen.update(picked.indices[1:].tolist())
    assert seen == set(range(40)) - {7}


def test_a_thousand_classes_and_one_of_everything_are_defined() -> None:
    assert len(claros.select("batch_bald", 3, member_probs=some(20, 4, 1000))) == 3
    assert claros.select("batch_bald", 3, member_probs=np.ones((4, 3, 1))).scores.tolist() == [0.0, 0.0, 0.0]
    assert len(claros.select("batch_bald", 9, member_probs=some(1, 1, 2))) == 1
    with pytest.raises(InputError, match="batch_bald: samples must be at least 1; got 0"):
        claros.select("batch_bald", 2, member_probs=some(3, 2, 2), samples=0)


def test_the_table_of_items_by_cases_is_never_held() -> None:
    member_probs = some(3000, 10, 10).astype(np.float32)
    claros.select("batch_bald", 5, member_probs=member_probs[:50])
    peak = peak_bytes(lambda: claros.select("batch_bald", 5, member_probs=member_probs))
    assert peak < 8 * 2**20, f"{peak / 2**20:.1f} MiB; 3000 items by 10 classes by 1000 cases are 114"
