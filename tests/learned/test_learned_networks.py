"""The learner and the Q-network: scikit-learn, torch's gradients and hand-made problems as oracles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from claros.learned.dqn import Learning, Move, new_weights
from claros.learned.features import ACTION, STATE
from claros.learned.policy import Policy
from claros.learned.softmax import Softmax


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_logistic_regression_is_that_of_scikit_learn(classes: int) -> None:
    rng = np.random.default_rng(classes)
    x = rng.normal(size=(40, 6))
    y = np.concatenate([np.arange(classes), rng.integers(0, classes, 40 - classes)])
    expected = LogisticRegression(tol=1e-12, max_iter=100_000).fit(x, y).predict_proba(x)
    ours = Softmax.trained(x, y, classes)
    np.testing.assert_allclose(ours.probs(x), expected, atol=1e-5)
    again = Softmax.trained(x[:-1], y[:-1], classes, ours)
    fresh = Softmax.trained(x[:-1], y[:-1], classes)
    np.testing.assert_allclose(again.probs(x), fresh.probs(x), atol=1e-5)


def test_classes_without_a_label_have_probability_0() -> None:
    x = np.array([[0.0], [1.0], [0.2]])
    found = Softmax.trained(x, np.array([1, 3, 1]), 5).probs(x)
    assert found.shape == (3, 5)
    assert (found[:, [0, 2, 4]] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    alone = Softmax.trained(x, np.array([2, 2, 2]), 3).probs(x)
    np.testing.assert_allclose(alone, [[0, 0, 1]] * 3)


def torch_values(weights: dict[str, torch.Tensor], states: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    hidden = torch.sigmoid(states @ weights["state_weights"] + weights["state_bias"])
    both = torch.sigmoid(torch.cat([hidden, actions], 1) @ weights["action_weights"] + weights["action_bias"])
    return both @ weights["value_weights"] + weights["value_bias"]


def test_values_are_those_of_the_same_network_in_torch() -> None:
    rng = np.random.default_rng(0)
    weights = new_weights(rng, -5.0)
    state, actions = rng.random(STATE), rng.random((9, ACTION))
    tensors = {name: torch.tensor(tensor) for name, tensor in weights.items()}
    expected = torch_values(tensors, torch.tensor(np.tile(state, (9, 1))), torch.tensor(actions))
    np.testing.assert_allclose(Policy(weights, {}).values(state, actions), expected.numpy(), rtol=1e-12)


def moves(n: int, seed: int) -> list[Move]:
    rng = np.random.default_rng(seed)
    return [
        Move(rng.random(STATE), rng.random(ACTION), rng.random(STATE), rng.random((4, ACTION)) if i % 3 else None)
        for i in range(n)
    ]


def test_a_step_is_adam_s_on_torch_s_gradient_of_the_double_q_error() -> None:
    """One memory, so that nothing is drawn: the target is -1 + the target network's value of the network's choice."""
    start = new_weights(np.random.default_rng(1), -2.0)
    lagging = new_weights(np.random.default_rng(2), -2.0)
    move = moves(2, 3)[1]
    learning = Learning(start, np.random.default_rng(0))
    learning.target = {name: tensor.copy() for name, tensor in lagging.items()}
    learning.remember(move)
    learning.step()
    tensors = {name: torch.tensor(tensor, requires_grad=True) for name, tensor in start.items()}
    optimizer = torch.optim.Adam([*tensors.values()], lr=1e-3)
    assert move.ahead is not None
    ahead, then = torch.tensor(move.ahead), torch.tensor(np.tile(move.next_state, (4, 1)))
    best = int(torch_values(tensors, then, ahead).argmax())
    target = -1 + torch_values({name: torch.tensor(tensor) for name, tensor in lagging.items()}, then, ahead)[best]
    value = torch_values(tensors, torch.tensor(move.state[None]), torch.tensor(move.action[None]))
    ((value - target) ** 2 / 2).mean().backward()
    optimizer.step()
    for name, tensor in tensors.items():
        np.testing.assert_allclose(learning.weights[name], tensor.detach().numpy(), rtol=1e-9, atol=1e-12)
        expected = lagging[name] + 0.01 * (learning.weights[name] - lagging[name])
        np.testing.assert_allclose(learning.target[name], expected, rtol=1e-12)


def test_the_goal_is_worth_one_label_and_a_move_before_it_two() -> None:
    """Two states, one action: the last move ends the episode, so its value is -1; the one before it leads there: -2."""
    first, last = np.zeros(STATE), np.ones(STATE)
    action = np.full(ACTION, 0.5)
    learning = Learning(new_weights(np.random.default_rng(0), -1.5), np.random.default_rng(0))
    for _ in range(20):
        learning.remember(Move(first, action, last, action[None]))
        learning.remember(Move(last, action, last, None))
    for _ in range(2500):
        learning.step()
    policy = Policy(learning.weights, {})
    assert policy.values(last, action[None])[0] == pytest.approx(-1.0, abs=0.05)
    assert policy.values(first, action[None])[0] == pytest.approx(-2.0, abs=0.1)


def test_what_was_most_wrong_is_looked_at_most() -> None:
    learning = Learning(new_weights(np.random.default_rng(0), 0.0), np.random.default_rng(0))
    for move in moves(60, 5):
        learning.remember(move)
    learning._errors[:60] = 0.1
    learning._errors[7] = 1.0
    # weights are errors cubed: 1 against 59·0.001, so that 94 % of the draws are of the 8th memory
    weights = learning._errors[:60] ** 3
    drawn = np.random.default_rng(0).choice(60, size=3000, p=weights / weights.sum())
    assert np.mean(drawn == 7) > 0.9
    learning.step()
    changed = np.flatnonzero(learning._errors[:60] != np.where(np.arange(60) == 7, 1.0, 0.1))
    assert 7 in changed
    assert len(changed) <= 15


def test_the_oldest_memories_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("claros.learned.dqn.ROOM", 5)
    learning = Learning(new_weights(np.random.default_rng(0), 0.0), np.random.default_rng(0))
    told = moves(7, 0)
    for move in told:
        learning.remember(move)
    kept = [move.state[0] for move in learning._moves]
    assert sorted(kept) == sorted(move.state[0] for move in told[2:])
