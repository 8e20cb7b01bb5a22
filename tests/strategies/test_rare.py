"""Rare classes, foreign items, boundaries: examples by hand and brute force."""

from __future__ import annotations

import numpy as np
import pytest

import claros
from claros.strategies.lines import direct, galaxy
from claros.strategies.rare import base
from memory import peak_bytes


def two(chances: list[float]) -> np.ndarray:
    return np.column_stack([chances, 1 - np.array(chances)])


def test_galaxy_bisects_the_shortest_gap_between_labels_that_differ() -> None:
    # By the chance of class 0, with two classes both lines are one, once from each end:
    # .95 L0 | .8 a | .7 L1 | .6 b .5 c .4 d | .3 L0 | .2 e ... gaps between labels that differ: {a}, and {b, c, d}.
    probs = two([0.8, 0.6, 0.5, 0.4, 0.2])
    labeled, labels = two([0.95, 0.7, 0.3]), np.array([0, 1, 0])
    for seed in range(5):
        rng = np.random.default_rng(seed)
        picked = galaxy(2, probs=probs, labeled_probs=labeled, labels=labels, rng=rng)
        assert picked.indices[0] == 0
        assert picked.scores[0] == 1.0
        # a counts as class 0, which is what its .8 says; the next shortest gap is b c d, and c is its middle
        assert picked.indices[1] == 2
        assert picked.scores[1] == pytest.approx(1 / 3)


def test_galaxy_without_a_gap_asks_next_to_where_the_class_changes() -> None:
    # .9 a | .6 L0 | .4 L1 | .1 b .05 c: labels that differ are neighbours; a and b are one step away, c two.
    probs, labeled, labels = two([0.9, 0.1, 0.05]), two([0.6, 0.4]), np.array([0, 1])
    seen = set()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        picked = galaxy(1, probs=probs, labeled_probs=labeled, labels=labels, rng=rng)
        seen.add(int(picked.indices[0]))
        assert picked.scores[0] == 0.0
    assert seen == {0, 1}


def test_galaxy_asked_one_by_one_finds_where_a_class_ends_in_a_few_labels() -> None:
    # 101 items, the first 37 by the model's order are of class 0: bisection needs about log2(100) labels.
    chances = np.linspace(0.99, 0.01, 101)
    truth = (np.arange(101) >= 37).astype(int)
    known = [0, 100]
    for turn in range(8):
        rest = np.setdiff1d(np.arange(101), known)
        picked = galaxy(
            1,
            probs=two(chances[rest].tolist()),
            labeled_probs=two(chances[known].tolist()),
            labels=truth[known],
            rng=np.random.default_rng(turn),
        )
        known.append(int(rest[picked.indices[0]]))
    assert {36, 37} <= set(known)


def test_direct_is_not_moved_by_one_wrong_label() -> None:
    # Class 0 in truth ends at .5. Labels: five of class 0 above .6, five of class 1 below .4, and one of class 1 at .9,
    # which is wrong. The cut with most labels right stays between .6 and .4, and the picks are there.
    probs = two([0.92, 0.88, 0.52, 0.48, 0.1])
    labeled = two([0.95, 0.9, 0.8, 0.7, 0.65, 0.6, 0.4, 0.3, 0.2, 0.15, 0.12])
    labels = np.array([0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    picked = direct(2, probs=probs, labeled_probs=labeled, labels=labels, rng=np.random.default_rng(0))
    assert sorted(picked.indices.tolist()) == [2, 3]


def test_direct_serves_the_class_with_fewest_labels_first() -> None:
    # Class 2 has one label, far up its line, and all others lie below -.4 there: of the candidates only the first is
    # in between (.5 - .3 = .2); the second, on the border of classes 0 and 1, is at -.48.
    probs = np.array([[0.3, 0.2, 0.5], [0.5, 0.48, 0.02]])
    labeled = np.array([[0.05, 0.05, 0.9], *[[0.65, 0.1, 0.25]] * 4, *[[0.1, 0.65, 0.25]] * 3])
    labels = np.array([2, 0, 0, 0, 0, 1, 1, 1])
    for seed in range(5):
        picked = direct(1, probs=probs, labeled_probs=labeled, labels=labels, rng=np.random.default_rng(seed))
        assert picked.indices.tolist() == [0]


def test_the_nearest_item_to_each_boundary_is_asked_in_turn() -> None:
    # Weights (1, 0) and (0, 1) lie √2 apart: distances to the only boundary are |x - y|/√2.
    embeddings = np.array([[3.0, 0.0], [1.0, 0.0], [0.0, 2.0], [0.0, 0.5]])
    picked = base(4, embeddings=embeddings, head_weights=np.eye(2), head_bias=np.zeros(2), rng=np.random.default_rng(0))
    assert picked.indices.tolist() == [3, 1, 2, 0]
    np.testing.assert_allclose(-picked.scores, np.array([0.5, 1.0, 2.0, 3.0]) / np.sqrt(2))


def test_a_rare_class_gets_as_many_edge_items_as_a_common_one() -> None:
    # Three classes along one axis; class 2 begins at 5, with two items near, and fifty lie where class 0 ends.
    weights, bias = np.array([[-10.0], [0.0], [10.0]]), np.array([-50.0, 0.0, -50.0])
    line = np.concatenate([-5 + np.linspace(-0.4, 0.4, 50), [4.0, 6.0]])[:, None]
    picked = claros.select("base", 6, embeddings=line, head_weights=weights, head_bias=bias)
    assert {50, 51} <= set(picked.indices.tolist())


def cosine(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    left, right = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (rows, others))
    return 0.5 * (1.0 + left @ right.T)


@pytest.mark.parametrize("eta", [0.5, 2.0])
def test_mutual_information_with_a_query_set_by_brute_force(eta: float) -> None:
    rng = np.random.default_rng(2)
    pool, queries = rng.normal(size=(25, 3)), rng.normal(size=(4, 3))
    alike = cosine(pool, queries)

    def value(chosen: list[int]) -> float:
        return float(alike[chosen].max(axis=0).sum() + eta * alike[chosen].max(axis=1).sum())

    chosen: list[int] = []
    for _ in range(5):
        rest = [i for i in range(25) if i not in chosen]
        chosen.append(max(rest, key=lambda i: value([*chosen, i])))
    given = {"labeled_features": queries, "labels": np.zeros(4, dtype=int), "features": pool}
    picked = claros.select("similar", 5, **given, query_features=queries, eta=eta)
    assert picked.indices.tolist() == chosen
    assert picked.scores.sum() == pytest.approx(value(chosen) / 4)
    # without queries, those of the rarest labeled class
    more = {"labeled_features": np.concatenate([rng.normal(size=(9, 3)), queries]), "labels": [0] * 9 + [1] * 4}
    assert claros.select("similar", 5, features=pool, **more, eta=eta).indices.tolist() == chosen


def test_what_a_private_set_stands_for_is_not_asked_for() -> None:
    # Two directions with equally many items; of one there is a private example.
    pool = np.concatenate([np.tile([1.0, 0.0], (10, 1)), np.tile([0.0, 1.0], (10, 1))])
    pool += 0.01 * np.random.default_rng(0).normal(size=pool.shape)
    picked = claros.select("conditional_gain", 3, features=pool, private_features=[[1.0, 0.0]])
    assert (picked.indices >= 10)[0]


def test_conditional_gain_given_the_labeled_items_is_facility_location() -> None:
    rng = np.random.default_rng(3)
    pool, known = rng.normal(size=(60, 4)), rng.normal(size=(5, 4))
    ours = claros.select("conditional_gain", 10, features=pool, labeled_features=known)
    other = claros.select("facility_location", 10, features=pool, labeled_features=known)
    assert ours.indices.tolist() == other.indices.tolist()
    np.testing.assert_allclose(ours.scores, other.scores, atol=1e-9)


def test_base_needs_no_table_of_classes_by_classes_by_features() -> None:
    rng = np.random.default_rng(0)
    given = {"embeddings": rng.normal(size=(100, 256)), "head_weights": rng.normal(size=(300, 256))}
    given["head_bias"] = rng.normal(size=300)
    claros.select("base", 10, **given)
    peak = peak_bytes(lambda: claros.select("base", 10, **given))
    assert peak < 16 * 2**20, f"{peak / 2**20:.1f} MiB; 300 x 300 x 256 are 176"
