"""Deep Q-learning in NumPy: the network's gradient, a replay of weighted memories, a target that lags behind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from claros.arrays import Floats
from claros.learned.policy import HIDDEN, SHAPES, sigmoid

__all__ = ["Learning", "Move", "new_weights"]

#: Memories that are kept, those that a step looks at, and the power of their weight.
ROOM, BATCH, POWER = 10_000, 32, 3.0
#: Size of a step (Adam's, with its usual constants), and how far the target follows the network after it.
RATE, FOLLOW = 1e-3, 0.01
_MEMORY, _SQUARES, _SMALL = 0.9, 0.999, 1e-8


class Move(NamedTuple):
    """What an episode teaches: state, action, and what could be done next; ``ahead`` is None at the goal."""

    state: Floats
    action: Floats
    next_state: Floats
    ahead: Floats | None
    """(A, 7) features of some of the candidates then."""


def new_weights(rng: np.random.Generator, value: float) -> dict[str, Floats]:
    """Glorot's start, with the output at a first guess of the value."""
    weights: dict[str, Floats] = {}
    for name, shape in SHAPES.items():
        spread = math.sqrt(6.0 / (sum(shape) or 1)) if name.endswith("weights") else 0.0
        weights[name] = np.asarray(rng.uniform(-spread, spread, shape))
    weights["value_bias"] = np.array(float(value))
    return weights


class Learning:
    """The network in training: its weights, the lagging target, and what it remembers."""

    def __init__(self, weights: dict[str, Floats], rng: np.random.Generator) -> None:
        self.weights = {name: tensor.copy() for name, tensor in weights.items()}
        self.target = {name: tensor.copy() for name, tensor in weights.items()}
        self._rng = rng
        self._moves: list[Move] = []
        self._errors = np.ones(ROOM)
        self._place = 0
        self._steps = 0
        self._mean = {name: np.zeros(tensor.shape) for name, tensor in weights.items()}
        self._square = {name: np.zeros(tensor.shape) for name, tensor in weights.items()}

    def remember(self, move: Move) -> None:
        """Keep a move, with the weight of the largest error so far; the oldest gives way."""
        worst = float(self._errors[: len(self._moves)].max(initial=1.0))
        if len(self._moves) < ROOM:
            self._moves.append(move)
        else:
            self._moves[self._place] = move
        self._errors[self._place] = worst
        self._place = (self._place + 1) % ROOM

    def step(self) -> float:
        """One step of gradient descent on the squared error of some memories; the mean error before it."""
        count = len(self._moves)
        weights = self._errors[:count] ** POWER
        drawn = self._rng.choice(count, size=min(BATCH, count), p=weights / weights.sum())
        moves = [self._moves[place] for place in drawn]
        states, actions = np.stack([move.state for move in moves]), np.stack([move.action for move in moves])
        values, hidden, both = _forward(self.weights, states, actions)
        errors = values - self._targets(moves)
        self._errors[drawn] = np.abs(errors) + 1e-3
        self._descend(_gradient(self.weights, states, actions, hidden, both, errors))
        for name, tensor in self.target.items():
            tensor += FOLLOW * (self.weights[name] - tensor)
        return float(np.mean(np.abs(errors)))

    def _targets(self, moves: Sequence[Move]) -> Floats:
        """-1 for the label, plus, unless the goal is reached, the target's value of what the network would do next."""
        ahead = [move for move in moves if move.ahead is not None]
        after = np.zeros(len(moves))
        if ahead:
            sizes = [len(move.ahead) for move in ahead if move.ahead is not None]
            states = np.repeat(np.stack([move.next_state for move in ahead]), sizes, axis=0)
            actions = np.concatenate([move.ahead for move in ahead if move.ahead is not None])
            liked, judged = (_forward(weights, states, actions)[0] for weights in (self.weights, self.target))
            starts = np.cumsum([0, *sizes[:-1]])
            best = [
                start + int(np.argmax(liked[start : start + size])) for start, size in zip(starts, sizes, strict=True)
            ]
            after[[move.ahead is not None for move in moves]] = judged[best]
        return after - 1.0

    def _descend(self, gradient: dict[str, Floats]) -> None:
        self._steps += 1
        for name, slope in gradient.items():
            self._mean[name] = _MEMORY * self._mean[name] + (1 - _MEMORY) * slope
            self._square[name] = _SQUARES * self._square[name] + (1 - _SQUARES) * slope**2
            mean = self._mean[name] / (1 - _MEMORY**self._steps)
            square = self._square[name] / (1 - _SQUARES**self._steps)
            self.weights[name] = self.weights[name] - RATE * mean / (np.sqrt(square) + _SMALL)


def _forward(weights: dict[str, Floats], states: Floats, actions: Floats) -> tuple[Floats, Floats, Floats]:
    """(n,) values, and the two hidden layers: (n, 61), (n, 7) -> (n,), (n, 10), (n, 5)."""
    hidden = sigmoid(states @ weights["state_weights"] + weights["state_bias"])
    both = sigmoid(np.concatenate([hidden, actions], axis=1) @ weights["action_weights"] + weights["action_bias"])
    return both @ weights["value_weights"] + weights["value_bias"], hidden, both


def _gradient(
    weights: dict[str, Floats], states: Floats, actions: Floats, hidden: Floats, both: Floats, errors: Floats
) -> dict[str, Floats]:
    """The gradient of half the mean squared error by every weight."""
    out = errors / len(errors)
    second = out[:, None] * weights["value_weights"] * both * (1.0 - both)
    first = (second @ weights["action_weights"][: HIDDEN[0]].T) * hidden * (1.0 - hidden)
    return {
        "state_weights": states.T @ first,
        "state_bias": first.sum(axis=0),
        "action_weights": np.concatenate([hidden, actions], axis=1).T @ second,
        "action_bias": second.sum(axis=0),
        "value_weights": both.T @ out,
        "value_bias": np.asarray(out.sum()),
    }
