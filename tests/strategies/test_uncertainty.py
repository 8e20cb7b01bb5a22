"""Uncertainty: by hand, against scikit-activeml and scipy, and against known wrong ways to do it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from skactiveml.pool import uncertainty_scores

import claros
import claros.arrays
from claros.errors import InputError

NAMES = {"least_confidence": "least_confident", "margin": "margin_sampling", "entropy": "entropy"}


@pytest.mark.parametrize("name", NAMES)
def test_three_items_two_classes_by_hand(name: str) -> None:
    # 0.55 is nearest to a coin flip, 0.2 next (its larger class has 0.8), 0.95 is all but certain
    probs = np.array([[0.95, 0.05], [0.55, 0.45], [0.2, 0.8]])
    assert claros.select(name, 3, probs=probs).indices.tolist() == [1, 2, 0]


def test_margin_asks_where_two_classes_compete_and_entropy_where_all_do() -> None:
    # first row: the third class is out of the question, so the gap is small and the entropy too
    probs = np.array([[0.49, 0.48, 0.03], [0.45, 0.3, 0.25]])
    assert claros.select("margin", 1, probs=probs).indices.tolist() == [0]
    assert claros.select("entropy", 1, probs=probs).indices.tolist() == [1]
    assert claros.select("least_confidence", 1, probs=probs).indices.tolist() == [1]


@pytest.mark.parametrize("name", NAMES)
def test_the_most_certain_item_comes_last(name: str) -> None:
    """Sorting the gap the wrong way round picks row 1, of which the model is surest."""
    probs = np.array([[0.34, 0.33, 0.33], [0.98, 0.01, 0.01], [0.6, 0.3, 0.1]])
    assert claros.select(name, 3, probs=probs).indices.tolist() == [0, 2, 1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("classes", [2, 3, 10, 40])
def test_the_ranking_is_scikit_activemls(name: str, classes: int) -> None:
    probs = np.random.default_rng(classes).dirichlet(np.ones(classes), 300)
    theirs = uncertainty_scores(probs, method=NAMES[name])
    picked = claros.select(name, 300, probs=probs)
    assert np.array_equal(picked.indices, np.argsort(-theirs))
    assert picked.all_scores == pytest.approx(theirs, abs=1e-15)


def test_ratio_by_hand() -> None:
    # 0.3 / 0.4 = 0.75, 0.4 / 0.5 = 0.8, 0.1 / 0.8 = 0.125
    probs = np.array([[0.4, 0.3, 0.3], [0.5, 0.4, 0.1], [0.8, 0.1, 0.1]])
    picked = claros.select("ratio", 3, probs=probs)
    assert picked.indices.tolist() == [1, 0, 2]
    assert picked.all_scores == pytest.approx([0.75, 0.8, 0.125])


def test_ratio_differs_from_margin_where_three_classes_compete() -> None:
    # gaps 0.1 and 0.15, quotients 2/3 and 0.73
    probs = np.array([[0.3, 0.2, 0.17, 0.17, 0.16], [0.55, 0.4, 0.03, 0.01, 0.01]])
    assert claros.select("margin", 1, probs=probs).indices.tolist() == [0]
    assert claros.select("ratio", 1, probs=probs).indices.tolist() == [1]


def test_gini_by_hand() -> None:
    # 1 - (0.81 + 0.01) = 0.18, 1 - (0.25 + 0.25) = 0.5, 1 - 1 = 0
    picked = claros.select("gini", 3, probs=np.array([[0.9, 0.1], [0.5, 0.5], [1.0, 0.0]]))
    assert picked.indices.tolist() == [1, 0, 2]
    assert picked.all_scores == pytest.approx([0.18, 0.5, 0.0])


def test_with_two_classes_all_five_rank_alike_and_with_one_all_are_tied() -> None:
    p = np.random.default_rng(1).permutation(np.linspace(0.5, 1.0, 60))
    two = np.column_stack([p, 1 - p])
    expected = np.argsort(p)
    for name in ("least_confidence", "margin", "ratio", "entropy", "gini"):
        assert np.array_equal(claros.select(name, 60, probs=two).indices, expected), name
        first = {int(claros.select(name, 1, probs=np.ones((9, 1)), seed=seed).indices[0]) for seed in range(60)}
        assert len(first) == 9, name


def test_energy_hunts_what_no_class_claims() -> None:
    # -log(e^5 + e^5) = -5.69, -log(e^1 + e^0) = -1.31, -log(e^9 + e^0) = -9.0001
    logits = np.array([[5.0, 5.0], [1.0, 0.0], [9.0, 0.0]])
    picked = claros.select("energy", 3, logits=logits)
    assert picked.indices.tolist() == [1, 0, 2]
    assert picked.all_scores == pytest.approx([-5 - np.log(2), -np.log(np.e + 1), -np.log(np.exp(9) + 1)])
    # the first is torn between two classes and the second is not: margin asks the other way round
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert claros.select("margin", 1, probs=probs).indices.tolist() == [0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [0.01, 1.0, 50.0])
def test_energy_is_scipys_logsumexp_and_never_overflows(dtype, temperature) -> None:
    for size in (1.0, 1e3, 1e30):
        logits = (size * np.random.default_rng(0).normal(size=(200, 7))).astype(dtype)
        scores = claros.select("energy", 1, logits=logits, temperature=temperature).all_scores
        expected = -temperature * logsumexp(logits.astype(float) / temperature, axis=1)
        assert scores == pytest.approx(expected, rel=1e-5 if dtype == np.float32 else 1e-12)


def test_the_temperature_of_energy_must_be_positive() -> None:
    with pytest.raises(claros.errors.InputError, match="energy: temperature must be positive; got 0"):
        claros.select("energy", 1, logits=[[1.0]], temperature=0.0)


def test_logit_margin_is_the_distance_to_the_boundary() -> None:
    picked = claros.select("logit_margin", 3, logits=np.array([[4.0, 1.0, 3.5], [2.0, -2.0, 0.0], [7.0, 6.9, 6.8]]))
    assert picked.indices.tolist() == [2, 0, 1]
    assert picked.all_scores == pytest.approx([-0.5, -2.0, -0.1])
    binary = claros.select("logit_margin", 3, logits=np.array([[-0.2], [3.0], [0.1]]))
    assert binary.indices.tolist() == [2, 0, 1]
    assert binary.all_scores == pytest.approx([-0.2, -3.0, -0.1])
    many = np.random.default_rng(0).normal(size=(50, 90)) - 100.0  # all below 0
    ordered = np.sort(many, axis=1)
    scores = claros.select("logit_margin", 1, logits=many).all_scores
    assert scores == pytest.approx(ordered[:, -2] - ordered[:, -1])
    assert claros.select("logit_margin", 1, logits=torch.tensor(many)).all_scores == pytest.approx(scores)


def test_costs_by_hand() -> None:
    # missing class 0 costs 10, a false alarm 1. Saying 0 costs 1 · p1, saying 1 costs 10 · p0.
    costs = np.array([[0.0, 10.0], [1.0, 0.0]])
    probs = np.array([[0.5, 0.5], [0.1, 0.9], [0.01, 0.99], [0.9, 0.1]])
    # (0.5, 5), (0.9, 1), (0.99, 0.1), (0.1, 9)
    picked = claros.select("expected_cost", 4, probs=probs, cost_matrix=costs)
    assert picked.all_scores == pytest.approx([0.5, 0.9, 0.1, 0.1])
    assert picked.indices.tolist()[:2] == [1, 0]
    gap = claros.select("cost_margin", 4, probs=probs, cost_matrix=costs)
    assert gap.all_scores == pytest.approx([-4.5, -0.1, -0.89, -8.9])
    assert gap.indices.tolist() == [1, 2, 0, 3]


@pytest.mark.parametrize("classes", [2, 5, 40])
def test_costs_rank_as_scikit_activeml_has_them(classes: int) -> None:
    rng = np.random.default_rng(classes)
    probs, costs = rng.dirichlet(np.ones(classes), 300), rng.random((classes, classes))
    np.fill_diagonal(costs, 0.0)
    for name, method in (("expected_cost", "least_confident"), ("cost_margin", "margin_sampling")):
        theirs = uncertainty_scores(probs, cost_matrix=costs, method=method)
        ours = claros.select(name, 300, probs=probs, cost_matrix=costs)
        assert ours.all_scores == pytest.approx(theirs, abs=1e-9)
        assert np.array_equal(ours.indices, np.argsort(-theirs))


@pytest.mark.parametrize("classes", [1, 3, 60])
def test_where_every_mistake_costs_1_costs_are_least_confidence_and_margin(classes: int) -> None:
    probs = np.random.default_rng(0).dirichlet(np.ones(classes), 100)
    for name, same, shift in (("expected_cost", "least_confidence", 0.0), ("cost_margin", "margin", 1.0)):
        scores = claros.select(name, 1, probs=probs, cost_matrix=1.0 - np.eye(classes)).all_scores
        expected = claros.select(same, 1, probs=probs).all_scores - (shift if classes > 1 else 0.0)
        assert scores == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["expected_cost", "cost_margin", "ratio", "gini"])
@pytest.mark.parametrize("classes", [7, 45])
def test_equal_predictions_are_tied_wherever_they_stand(name: str, classes: int, monkeypatch) -> None:
    monkeypatch.setattr(claros.arrays, "BLOCK_BYTES", 1 << 12)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        inputs = {"probs": np.repeat(rng.dirichlet(np.ones(classes), 1), 501, axis=0)}
        if "cost" in name:
            inputs["cost_matrix"] = rng.random((classes, classes))
        assert len(np.unique(claros.select(name, 1, **inputs).all_scores)) == 1


def test_a_cost_matrix_is_square_and_not_negative() -> None:
    probs = np.full((4, 3), 1 / 3)
    with pytest.raises(claros.errors.InputError, match=r"cost_matrix has 2 along axis C \(classes\), but probs says 3"):
        claros.select("expected_cost", 1, probs=probs, cost_matrix=np.ones((3, 2)))
    costs = np.ones((3, 3))
    costs[2, 0] = -1.0
    with pytest.raises(claros.errors.InputError, match=r"cost_matrix has 1 negative value\(s\), the first at index 2"):
        claros.select("expected_cost", 1, probs=probs, cost_matrix=costs)


@pytest.mark.parametrize("name", ["margin", "entropy", "least_confidence", "gini", "consensus_entropy"])
@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_more_than_certain_by_rounding_is_certain(name: str, kind) -> None:
    probs = kind([[1.0008, 0.0], [0.5, 0.5], [0.6, 0.4], [0.7, 0.3]])
    given = {"member_probs": probs[:, None, :]} if name == "consensus_entropy" else {"probs": probs}
    scores = claros.select(name, 4, **given).all_scores
    assert scores[0] == pytest.approx(0.0, abs=1e-3)
    assert scores[0] >= 0
    assert 0 not in claros.select(f"stochastic({name})", 3, **given).indices


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_a_softmax_in_bfloat16_is_taken_for_what_it_is(classes: int) -> None:
    logits = torch.tensor(np.random.default_rng(0).normal(size=(200, classes)) * 4, dtype=torch.float32)
    probs = torch.softmax(logits, 1)
    rough = claros.select("margin", 20, probs=probs.bfloat16()).all_scores
    assert rough == pytest.approx(claros.select("margin", 20, probs=probs).all_scores, abs=0.02)
    with pytest.raises(InputError, match="do not sum to 1"):
        claros.select("margin", 20, probs=(1.02 * probs).bfloat16())
