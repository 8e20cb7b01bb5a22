"""Expected errors and training steps: brute force over what the label may be, and gradients worked out in full."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.special import softmax

import claros
from claros.strategies.expected_error import expected_error_reduction, value_of_information
from claros.strategies.matching import acs_fw, glister, grad_match
from memory import peak_bytes


def test_the_expected_error_after_the_label_is_that_of_reweighted_members() -> None:
    rng = np.random.default_rng(0)
    here, there = rng.dirichlet(np.ones(3), (6, 4)), rng.dirichlet(np.ones(3), (5, 4))
    cost = rng.random((3, 3)) * (1 - np.eye(3))
    prices = rng.random(6)
    errors, worths = np.zeros(6), np.zeros(6)
    for i in range(6):
        errors[i] = (1 - there.mean(axis=1).max(axis=1)).mean()
        worths[i] = (there.mean(axis=1) @ cost).min(axis=1).mean()
        for label in range(3):
            chance = here[i, :, label].mean()
            members = here[i, :, label] / here[i, :, label].sum()
            after = np.einsum("s,msc->mc", members, there)
            errors[i] -= chance * (1 - after.max(axis=1)).mean()
            worths[i] -= chance * (after @ cost).min(axis=1).mean()
    draws = np.random.default_rng(1)
    got = expected_error_reduction(member_probs=here, target_member_probs=there, rng=draws)
    np.testing.assert_allclose(got, errors, atol=1e-12)
    got = value_of_information(
        member_probs=here, target_member_probs=there, cost_matrix=cost, costs=prices, uses=50.0, rng=draws
    )
    np.testing.assert_allclose(got, 50 * worths - prices, atol=1e-12)


def test_a_label_that_decides_between_the_members_saves_errors_and_one_that_does_not_saves_none() -> None:
    # Two members that predict the target (.9, .1) and (.1, .9): error 1/2 before. Item 0 tells them apart entirely:
    # error .1 after, .4 saved; on item 1 they agree.
    here = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]])
    there = np.array([[[0.9, 0.1], [0.1, 0.9]]])
    scores = expected_error_reduction(member_probs=here, target_member_probs=there, rng=np.random.default_rng(0))
    np.testing.assert_allclose(scores, [0.4, 0.0], atol=1e-12)


def setting(seed: int, n: int = 30, labeled: int = 8) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights, bias = rng.normal(size=(3, 4)), rng.normal(size=3)
    rows, known = rng.normal(size=(n, 4)), rng.normal(size=(labeled, 4))
    return {
        "probs": softmax(rows @ weights.T + bias, axis=1),
        "embeddings": rows,
        "labeled_embeddings": known,
        "labels": rng.integers(0, 3, labeled),
        "head_weights": weights,
        "head_bias": bias,
    }


def loss(weights: np.ndarray, given: dict[str, np.ndarray]) -> float:
    logits = given["labeled_embeddings"] @ weights.T + given["head_bias"]
    probs = softmax(logits, axis=1)
    return float(-np.log(probs[np.arange(len(probs)), given["labels"]]).mean())


def test_the_step_that_glister_takes_first_lowers_the_loss_of_the_labeled_items_most() -> None:
    given = setting(2)
    picked = glister(6, **given, rng=np.random.default_rng(0), step=1e-3)
    weights, chosen = given["head_weights"], []
    for score in picked.scores:
        drops = np.full(30, -np.inf)
        for i in set(range(30)) - set(chosen):
            error = given["probs"][i] - np.eye(3)[given["probs"][i].argmax()]
            drops[i] = loss(weights, given) - loss(weights - 1e-6 * np.outer(error, given["embeddings"][i]), given)
        chosen.append(int(np.argmax(drops)))
        np.testing.assert_allclose(score, drops.max() / 1e-6, rtol=1e-4)
        error = given["probs"][chosen[-1]] - np.eye(3)[given["probs"][chosen[-1]].argmax()]
        weights = weights - 1e-3 * np.outer(error, given["embeddings"][chosen[-1]])
    assert picked.indices.tolist() == chosen


def test_matching_pursuit_on_the_gradients_written_out_in_full() -> None:
    given = setting(3)
    errors = given["probs"] - np.eye(3)[given["probs"].argmax(axis=1)]
    gradients = np.einsum("nc,nd->ncd", errors, given["embeddings"]).reshape(30, -1)
    goal = gradients.mean(axis=0)
    picked = grad_match(6, probs=given["probs"], embeddings=given["embeddings"], rng=np.random.default_rng(0))
    chosen: list[int] = []
    left = goal
    for score in picked.scores:
        values = gradients @ left
        values[chosen] = -np.inf
        chosen.append(int(np.argmax(values)))
        np.testing.assert_allclose(score, values.max(), rtol=1e-6)
        some = gradients[chosen]
        scale = np.max(np.sum(some * some, axis=1))
        stacked = np.vstack([some.T / np.sqrt(scale), np.sqrt(0.5 + 1e-9) * np.eye(len(chosen))])
        weights = nnls(stacked, np.concatenate([goal / np.sqrt(scale), np.zeros(len(chosen))]))[0]
        left = goal - weights @ some
    assert picked.indices.tolist() == chosen


def test_the_coreset_of_few_directions_is_their_largest() -> None:
    # Items on which the members agree have no vector; of two opposite kinds the more frequent one is the sum's way.
    kind = np.array([[0.9, 0.1], [0.1, 0.9]])
    probs = np.stack([kind] * 3 + [kind[::-1]] + [np.full((2, 2), 0.5)] * 2)
    picked = acs_fw(1, member_probs=probs, rng=np.random.default_rng(0))
    # Both kinds have the vector ± of the same numbers? No: Σ p̄ log p_s is the same for both members here, by symmetry,
    # so nothing can be told: the pick is any item. With a member that is surer of one class there is a direction.
    assert len(picked.indices) == 1
    surer = np.array([[0.99, 0.01], [0.4, 0.6]])
    probs = np.stack([np.full((2, 2), 0.5)] * 2 + [surer] + [np.full((2, 2), 0.5)] * 2)
    assert acs_fw(1, member_probs=probs, rng=np.random.default_rng(0)).indices.tolist() == [2]


def test_frank_wolfe_comes_nearer_to_the_pool_than_random_batches() -> None:
    rng = np.random.default_rng(7)
    probs = rng.dirichlet(np.full(3, 0.5), (60, 30))
    mean = probs.mean(axis=1, keepdims=True)
    vectors = np.sum(mean * np.log(np.maximum(probs, 1e-6)), axis=2)
    vectors -= vectors.mean(axis=1, keepdims=True)
    goal = vectors.sum(axis=0)

    def left(chosen: np.ndarray) -> float:
        return float(nnls(vectors[chosen].T, goal)[1])

    ours = left(claros.select("acs_fw", 12, member_probs=probs).indices)
    others = [left(rng.permutation(60)[:12]) for _ in range(200)]
    assert ours < np.quantile(others, 0.02)


@pytest.mark.parametrize("name", ["expected_error_reduction", "value_of_information"])
def test_targets_are_gone_through_in_blocks_where_there_are_many_classes(name: str) -> None:
    rng, classes = np.random.default_rng(0), 200
    given = {"member_probs": rng.dirichlet(np.ones(classes), (20, 3))}
    given["target_member_probs"] = rng.dirichlet(np.ones(classes), (200, 3))
    if name == "value_of_information":
        given["cost_matrix"] = 1.0 - np.eye(classes)
    claros.select(name, 5, **given)
    peak = peak_bytes(lambda: claros.select(name, 5, **given))
    assert peak < 24 * 2**20, f"{peak / 2**20:.1f} MiB; 200 x 200 x 200 are 61"
