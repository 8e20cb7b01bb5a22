"""Training a policy for LAL-RL: episodes of labeling on small data sets, and what they taught."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import claros
from claros.arrays import Floats, blas_threads
from claros.checks import whole
from claros.learned.dqn import Learning, Move, new_weights
from claros.learned.features import action_features, state_features
from claros.learned.policy import Policy, read_policy
from claros.learned.worlds import GOAL, MADE, Source, World, sources
from claros.measures import predictive
from claros.rng import stream

__all__ = ["episode", "train_policy"]

#: Episodes of an iteration, and the steps after them.
EPISODES, STEPS = 10, 60
#: Share of random moves at first and at last, and the share of the iterations in which it falls.
FIRST, LAST, FALL = 1.0, 0.1, 0.7
#: Labels after which an episode is given up, and candidates that a memory has of what could be done next.
LONGEST, AHEAD = 80, 50
#: What chooses: candidates' values of (state, actions) and the model's probabilities.
Chooser = Callable[[Floats, Floats, Floats], Floats]


def train_policy(
    data: Sequence[str] = (MADE,),
    out: str | Path | None = None,
    *,
    iterations: int = 300,
    seed: int = 0,
    warm: int = 128,
    measured: int = 100,
    progress: Callable[[int, int], None] | None = None,
) -> Policy:
    """Train a policy by double deep Q-learning on labeled data sets, write it to ``out``, and return it.

    ``data`` are names, files or folders that `claros.data.load` reads, or "made" for sets made anew for each episode
    (clouds, cubes' corners, half moons, shells). An episode starts with one label a class and costs 1 for each further
    one, until logistic regression has 98 % of the accuracy that it has with all labels. ``warm`` episodes are played at
    random first; an iteration plays 10 more, of which a falling share of the moves is random, and takes 60 steps.
    ``progress`` is called with iterations done and wanted. What it all came to is in ``Policy.training``: the labels
    to the goal of the policy, of random and of margin in so many ``measured`` new episodes. Some five minutes for 300
    iterations.

    Raises `InputError` for data that have no labels or features.
    """
    iterations, warm, measured = (
        whole(iterations, 1, "iterations"),
        whole(warm, 1, "warm"),
        whole(measured, 2, "measured"),
    )
    worlds = sources([data] if isinstance(data, str) else [*data])
    rng = stream(whole(seed, 0, "seed"), "train-policy")
    with blas_threads(1):
        played = [episode(_next(worlds, rng), None, rng) for _ in range(warm)]
        learning = Learning(new_weights(rng, -float(np.mean([bought for _, bought in played])) / 2.0), rng)
        for moves, _ in played:
            _remember(learning, moves)
        curve = [_iterate(worlds, learning, rng, place, iterations, progress) for place in range(iterations)]
        policy = Policy(learning.weights, {})
        needed = _measured(worlds, policy, seed, measured)
    training = {
        "claros": claros.__version__,
        "data": [*worlds],
        "iterations": iterations,
        "episodes": warm + iterations * EPISODES,
        "seed": seed,
        "goal": GOAL,
        "labels_to_goal": needed,
        "curve": [round(value, 2) for value in curve],
    }
    policy = Policy(learning.weights, json.loads(json.dumps(training)))
    if out is not None:
        policy.write(Path(out))
        read_policy(out)
    return policy


def _iterate(
    worlds: Mapping[str, Source],
    learning: Learning,
    rng: np.random.Generator,
    place: int,
    iterations: int,
    progress: Callable[[int, int], None] | None,
) -> float:
    """Play, remember and learn once; the mean number of labels of the episodes."""
    chance = max(LAST, FIRST - (FIRST - LAST) * place / max(1.0, FALL * iterations))
    policy, lengths = Policy(learning.weights, {}), []

    def choose(state: Floats, actions: Floats, probs: Floats) -> Floats:
        return rng.random(len(actions)) if rng.random() < chance else policy.values(state, actions)

    for _ in range(EPISODES):
        moves, bought = episode(_next(worlds, rng), choose, rng)
        lengths.append(bought)
        _remember(learning, moves)
    for _ in range(STEPS):
        learning.step()
    if progress is not None:
        progress(place + 1, iterations)
    return float(np.mean(lengths))


def _next(worlds: Mapping[str, Source], rng: np.random.Generator) -> World:
    return [*worlds.values()][rng.integers(len(worlds))](rng)


def _remember(learning: Learning, moves: Sequence[Move]) -> None:
    for move in moves:
        learning.remember(move)


def episode(world: World, choose: Chooser | None, rng: np.random.Generator) -> tuple[list[Move], int]:
    """Label one item after another until the goal is reached; a move for each label, and how many labels it took.

    It is given up after 80 labels, or when the pool is used up; what came after the last move is not known then, and
    the move is left out. Without ``choose``, items are labeled at random.
    """
    known, moves = world.start(rng), list[Move]()
    learner = world.learner(known)
    while world.accuracy(learner) < world.goal and len(moves) < LONGEST and len(known) < len(world.pool) - 1:
        left = np.setdiff1d(np.arange(len(world.pool)), known)
        probs = learner.probs(world.pool[left])
        state = state_features(probs, len(known))
        actions = action_features(probs, world.pool[left], world.pool[known], rng)
        if moves:
            moves[-1] = moves[-1]._replace(next_state=state, ahead=actions[rng.permutation(len(left))[:AHEAD]])
        values = rng.random(len(left)) if choose is None else choose(state, actions, probs)
        best = int(np.argmax(values))
        moves.append(Move(state, actions[best], state, None))
        known.append(int(left[best]))
        learner = world.learner(known, learner)
    reached = world.accuracy(learner) >= world.goal
    return moves if reached else moves[:-1], len(moves)


def _measured(worlds: Mapping[str, Source], policy: Policy, seed: int, episodes: int) -> dict[str, Any]:
    """Mean labels to the goal in new episodes, the same ones for the policy, random and margin, and standard errors."""
    choosers: dict[str, Chooser | None] = {
        "policy": lambda state, actions, probs: policy.values(state, actions),
        "random": None,
        "margin": lambda state, actions, probs: np.asarray(predictive.margin(probs)),
    }
    lengths = {
        name: [
            episode(_next(worlds, stream(seed, "policy-test", place)), choose, stream(seed, "policy-play", place))[1]
            for place in range(episodes)
        ]
        for name, choose in choosers.items()
    }
    found: dict[str, Any] = {"episodes": episodes}
    for name, own in lengths.items():
        found[name] = {
            "mean": round(float(np.mean(own)), 2),
            "standard_error": round(float(np.std(own, ddof=1)) / math.sqrt(episodes), 2),
        }
    return found
