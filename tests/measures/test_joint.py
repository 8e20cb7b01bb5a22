"""Joint information of several labels against enumeration of all of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from claros import arrays
from claros.arrays import to_numpy
from claros.measures.joint import (
    Cases,
    conditional_entropy,
    expected_change,
    expected_entropy,
    pair_information,
    shared_changes,
)

RNG = np.random.default_rng


def some(n: int, members: int, classes: int, seed: int = 0) -> np.ndarray:
    return RNG(seed).dirichlet(np.full(classes, 0.5), (n, members))


def entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def joint_entropy(items: np.ndarray) -> float:
    """Entropy of the labels of some items (B, S, C), all their combinations written out."""
    chances = [
        np.prod([item[:, label] for item, label in zip(items, labels, strict=True)], axis=0).mean()
        for labels in itertools.product(range(items.shape[2]), repeat=len(items))
    ]
    return entropy(np.array(chances))


def after(items: np.ndarray, samples: int, seed: int = 0) -> Cases:
    cases = Cases(items.shape[1], samples)
    rng = RNG(seed)
    for item in items:
        cases.extend(item, rng)
    return cases


@pytest.mark.parametrize(("members", "classes"), [(4, 2), (3, 4), (1, 3), (5, 1)])
def test_enumerated_cases_give_the_exact_conditional_entropy(members: int, classes: int) -> None:
    member_probs = some(6, members, classes)
    for picked in range(4):
        given = member_probs[:picked]
        found = conditional_entropy(member_probs, after(given, 300))
        known = joint_entropy(given) if picked else 0.0
        expected = [joint_entropy(np.concatenate([given, member_probs[i : i + 1]])) - known for i in range(6)]
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_cases_of_no_chance_are_left_out_and_change_nothing() -> None:
    hard = np.eye(5)[RNG(0).integers(0, 5, (6, 3))]
    cases = after(hard[:4], 15)
    assert len(cases.weights) <= 3  # one for each member, at most, and never 5 to the power of 4
    assert cases.weights.sum() == pytest.approx(1.0)
    for i in range(6):
        expected = joint_entropy(np.concatenate([hard[:4], hard[i : i + 1]])) - joint_entropy(hard[:4])
        assert conditional_entropy(hard, cases)[i] == pytest.approx(expected, abs=1e-12)


def test_drawn_cases_estimate_the_conditional_entropy_without_bias() -> None:
    """Mean over 200 seeds of 60 cases each, within 5 standard errors: fails with probability 6e-7 for each of 8."""
    member_probs = some(8, 6, 3)
    given = member_probs[:5]
    known = joint_entropy(given)
    exact = np.array([joint_entropy(np.concatenate([given, item[None]])) - known for item in member_probs])
    found = np.array([conditional_entropy(member_probs, after(given, 60, seed)) for seed in range(200)])
    error = found.std(axis=0, ddof=1) / np.sqrt(200)
    assert np.all(np.abs(found.mean(axis=0) - exact) < 5 * error + 1e-12)
    assert np.max(found.std(axis=0)) < 0.05  # nats, of one estimate from 60 cases


def test_fewer_cases_than_members_are_still_without_bias() -> None:
    member_probs = some(3, 9, 3)
    found = np.array([conditional_entropy(member_probs, after(member_probs[:2], 2, seed)) for seed in range(1500)])
    exact = joint_entropy(member_probs) - joint_entropy(member_probs[:2])
    assert abs(found[:, 2].mean() - exact) < 5 * found[:, 2].std() / np.sqrt(1500)  # fails with probability 6e-7


def test_a_drawn_label_always_has_some_probability() -> None:
    hard = np.zeros((3, 4, 6))
    hard[:, :, [1, 3]] = 0.5
    cases = after(np.concatenate([hard] * 20), 50)
    assert np.isfinite(cases.posterior).all()
    assert cases.posterior.sum(axis=1) == pytest.approx(1.0)


def test_a_hundred_items_underflow_nowhere() -> None:
    member_probs = some(100, 5, 10).astype(np.float32)
    cases = after(member_probs.astype(float), 200)
    assert cases.posterior.sum(axis=1) == pytest.approx(1.0)
    assert np.all(np.isfinite(conditional_entropy(member_probs, cases)))


@pytest.mark.parametrize(("members", "classes"), [(4, 2), (5, 6), (1, 3), (3, 1)])
def test_pair_information_is_that_of_all_pairs_of_labels(members: int, classes: int, monkeypatch) -> None:
    member_probs, targets = some(20, members, classes), some(7, members, classes, 1)
    expected = np.zeros((20, 7))
    for i, j in itertools.product(range(20), range(7)):
        own, other = entropy(member_probs[i].mean(axis=0)), entropy(targets[j].mean(axis=0))
        expected[i, j] = own + other - joint_entropy(np.stack([member_probs[i], targets[j]]))
    for size in (1 << 9, 1 << 20):
        monkeypatch.setattr(arrays, "BLOCK_BYTES", size)
        assert pair_information(member_probs, targets) == pytest.approx(expected.mean(axis=1), rel=1e-8, abs=1e-13)
        shared = shared_changes(member_probs, targets, information=True)
        assert shared == pytest.approx(expected, rel=1e-8, abs=1e-13)


@pytest.mark.parametrize(("members", "classes"), [(4, 2), (5, 6), (1, 3), (3, 1)])
def test_expected_change_is_bayes_rule_written_out(members: int, classes: int, monkeypatch) -> None:
    member_probs, targets = some(20, members, classes), some(7, members, classes, 1)
    expected = np.zeros((20, 7))
    for i, j, y in itertools.product(range(20), range(7), range(classes)):
        likelihood = member_probs[i, :, y]
        updated = (likelihood[:, None] * targets[j]).sum(axis=0) / likelihood.sum()
        expected[i, j] += likelihood.mean() * ((updated - targets[j].mean(axis=0)) ** 2).sum()
    for size in (1 << 9, 1 << 20):
        monkeypatch.setattr(arrays, "BLOCK_BYTES", size)
        assert expected_change(member_probs, targets) == pytest.approx(expected.mean(axis=1), rel=1e-8, abs=1e-15)
        assert shared_changes(member_probs, targets) == pytest.approx(expected, rel=1e-8, abs=1e-15)


def test_expected_entropy_is_the_mean_of_the_members() -> None:
    member_probs = some(30, 4, 5)
    expected = [np.mean([entropy(member) for member in item]) for item in member_probs]
    assert expected_entropy(member_probs) == pytest.approx(expected)


@pytest.mark.parametrize("measure", [pair_information, expected_change])
def test_items_on_which_all_agree_score_zero_and_equal_items_are_tied(measure, monkeypatch) -> None:
    targets = some(40, 9, 7, 1)
    agreed = np.repeat(some(30, 1, 7), 9, axis=1)
    for dtype in (np.float32, np.float64):
        assert not np.any(measure(agreed.astype(dtype), targets.astype(dtype)))
        monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 14)
        alike = np.repeat(some(1, 9, 7), 501, axis=0).astype(dtype)
        assert len(np.unique(measure(alike, targets.astype(dtype)))) == 1


@pytest.mark.parametrize("measure", [pair_information, expected_change])
def test_zeros_half_the_digits_and_tensors_change_little(measure) -> None:
    member_probs, targets = some(200, 8, 6), some(30, 8, 6, 1)
    member_probs[:50] = np.eye(6)[member_probs[:50].argmax(axis=2)]
    exact = measure(member_probs, targets)
    assert np.all(np.isfinite(exact))
    assert measure(member_probs.astype(np.float32), targets.astype(np.float32)) == pytest.approx(exact, abs=2e-6)
    assert to_numpy(measure(torch.tensor(member_probs), torch.tensor(targets))) == pytest.approx(exact, abs=1e-12)


def test_products_that_torch_is_allowed_to_round_are_taken_in_float64() -> None:
    member_probs, targets = torch.tensor(some(50, 8, 6)).float(), torch.tensor(some(20, 8, 6, 1)).float()
    cases = after(some(2, 8, 6, 2), 1000)
    before = torch.get_float32_matmul_precision()
    exact = pair_information(member_probs.double(), targets.double())
    left = conditional_entropy(member_probs.double(), cases)
    torch.set_float32_matmul_precision("medium")
    try:
        assert to_numpy(pair_information(member_probs, targets)) == pytest.approx(to_numpy(exact), abs=2e-6)
        assert to_numpy(conditional_entropy(member_probs, cases)) == pytest.approx(to_numpy(left), abs=2e-6)
    finally:
        torch.set_float32_matmul_precision(before)
