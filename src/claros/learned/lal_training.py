"""Training the regressor of LAL: tasks of two Gaussian classes, and what single labels did to the error there."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import claros
from claros.arrays import Floats, Indices, blas_threads
from claros.checks import whole
from claros.learned.lal import FEATURES, HIDDEN, Regressor, features, read_regressor
from claros.learned.softmax import Softmax
from claros.learned.worlds import World
from claros.measures import predictive
from claros.rng import stream

__all__ = ["fitted", "train_regressor", "two_gaussians"]

#: Items to choose from and to measure on, and features, of a task.
POOL, TEST, WIDTHS = 100, 1000, (2, 5)
#: Labels in a state at least and at most, states of a task, and candidates that are tried in each.
FEWEST, MOST, STATES, TRIED = 2, 40, 3, 8
#: Penalty of the network's weights, for standardised features and drops, and steps of its training at most.
PENALTY, STEPS = 1e-3, 400
#: Labels after which the error is measured at the end.
MEASURED_AT = 20
#: A task: the pool, its labels, and the same of what is measured on.
Task = tuple[Floats, Indices, Floats, Indices]


def train_regressor(
    out: str | Path | None = None,
    *,
    tasks: int = 1500,
    seed: int = 0,
    measured: int = 200,
    progress: Callable[[int, int], None] | None = None,
) -> Regressor:
    """Train a regressor on ``tasks`` made-up tasks, write it to ``out``, and return it.

    In the first half of the tasks, states are random labels; in the second, they are what the regressor of the first
    half asked for. In each state, single candidates are labeled, and what that did to the error is what is learned.
    What it came to is in ``Regressor.training``: mean errors after 20 labels of lal, margin and random in so many
    ``measured`` new tasks, and the mean of the differences. ``progress`` is called with tasks done and wanted. Three
    to six minutes for 1,500 tasks. The same call gives the same regressor.
    """
    tasks, measured, seed = whole(tasks, 2, "tasks"), whole(measured, 2, "measured"), whole(seed, 0, "seed")
    rng = stream(seed, "train-lal")
    seen, drops = list[Floats](), list[Floats]()
    regressor: Regressor | None = None
    with blas_threads(1):
        for place in range(tasks):
            if place == tasks // 2:
                regressor = fitted(np.concatenate(seen), np.concatenate(drops), rng)
            for known, drop in _observed(_world(rng), regressor, rng):
                seen.append(known)
                drops.append(drop)
            if progress is not None:
                progress(place + 1, tasks)
        final = fitted(np.concatenate(seen), np.concatenate(drops), rng)
        errors = _measured(final, seed, measured)
    training = {
        "claros": claros.__version__,
        "tasks": tasks,
        "observations": int(sum(map(len, drops))),
        "seed": seed,
        "error_after_20_labels": errors,
    }
    final = Regressor(final.weights, json.loads(json.dumps(training)))
    if out is not None:
        final.write(Path(out))
        read_regressor(out)
    return final


def two_gaussians(rng: np.random.Generator) -> Task:
    """A task: two clouds of random place, shape and frequency, features standardised by the pool's."""
    width, share = int(rng.integers(*WIDTHS)), float(rng.uniform(0.15, 0.85))
    apart = rng.normal(size=width)
    middle = np.stack([np.zeros(width), apart / np.linalg.norm(apart) * rng.uniform(0.8, 4.0)])
    shapes = rng.normal(size=(2, width, width)) / math.sqrt(width) + 0.5 * np.eye(width)
    while True:
        labels = (rng.random(POOL + TEST) < share).astype(np.int64)
        if 0 < labels[:POOL].sum() < POOL:
            break
    rows = middle[labels] + np.einsum("nij,nj->ni", shapes[labels], rng.normal(size=(len(labels), width)))
    rows = (rows - rows[:POOL].mean(axis=0)) / rows[:POOL].std(axis=0)
    return rows[:POOL], labels[:POOL], rows[POOL:], labels[POOL:]


def _world(rng: np.random.Generator) -> World:
    return World(*two_gaussians(rng), classes=2, goal=1.0)


def _observed(world: World, regressor: Regressor | None, rng: np.random.Generator) -> list[tuple[Floats, Floats]]:
    """What was seen of some candidates in some states, and by how much the label of each lowered the error."""
    pool, found = world.pool, []
    for n in np.sort(rng.integers(FEWEST, MOST + 1, STATES)):
        known = world.start(rng)
        if regressor is None:
            rest = np.setdiff1d(np.arange(POOL), known)
            known += rng.permutation(rest)[: max(0, n - len(known))].tolist()
        else:
            known = _asked(world, known, int(n), regressor, rng)
        learner = world.learner(known)
        left = np.setdiff1d(np.arange(POOL), known)
        seen = features(learner.probs(pool[left]), pool[left], pool[known], rng)
        tried = rng.permutation(len(left))[:TRIED]
        before = _error(world, learner)
        drops = [before - _error(world, world.learner([*known, int(left[one])], learner)) for one in tried]
        found.append((seen[tried], np.array(drops)))
    return found


def _error(world: World, learner: Softmax) -> float:
    return float(np.mean(learner.probs(world.test).argmax(axis=1) != world.test_labels))


def _asked(world: World, known: list[int], n: int, regressor: Regressor | str, rng: np.random.Generator) -> list[int]:
    """Label one item after another, as the regressor, "margin" or "random" has it, until there are n."""
    learner: Softmax | None = None
    while len(known) < n:
        learner = world.learner(known, learner)
        left = np.setdiff1d(np.arange(POOL), known)
        probs = learner.probs(world.pool[left])
        if isinstance(regressor, Regressor):
            values = regressor.drops(features(probs, world.pool[left], world.pool[known], rng))
        else:
            values = np.asarray(predictive.margin(probs)) if regressor == "margin" else rng.random(len(left))
        known = [*known, int(left[np.argmax(values)])]
    return known


def fitted(seen: Floats, drops: Floats, rng: np.random.Generator) -> Regressor:
    """The network of the least penalised squared error, from one random start, by L-BFGS."""
    from scipy.optimize import minimize

    centre, scale = seen.mean(axis=0), np.maximum(seen.std(axis=0), 1e-6)
    middle, width = float(drops.mean()), float(max(drops.std(), 1e-9))
    x, y = (seen - centre) / scale, (drops - middle) / width
    inputs = len(FEATURES)

    def parts(flat: Floats) -> tuple[Floats, Floats, Floats, float]:
        ends = np.cumsum([inputs * HIDDEN, HIDDEN, HIDDEN])
        first, bias, last, end = np.split(flat, ends)
        return first.reshape(inputs, HIDDEN), bias, last, float(end[0])

    def loss(flat: Floats) -> tuple[float, Floats]:
        first, bias, last, end = parts(flat)
        layer = np.tanh(x @ first + bias)
        error = layer @ last + end - y
        back = error[:, None] * last * (1.0 - layer**2) / len(y)
        gradient = np.concatenate([(x.T @ back).ravel(), back.sum(axis=0), layer.T @ error / len(y), [error.mean()]])
        penalty = PENALTY * np.concatenate([first.ravel(), np.zeros(HIDDEN), last, [0.0]])
        return float(0.5 * np.mean(error**2) + 0.5 * (penalty @ flat)), gradient + penalty

    begin = np.concatenate(
        [rng.normal(0, 1 / math.sqrt(inputs), inputs * HIDDEN), np.zeros(HIDDEN), rng.normal(0, 0.1, HIDDEN), [0.0]]
    )
    first, bias, last, end = parts(minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x)
    weights = {
        "centre": centre,
        "scale": scale,
        "hidden_weights": first,
        "hidden_bias": bias,
        "drop_weights": width * last,
        "drop_bias": np.asarray(width * end + middle),
    }
    return Regressor(weights, {})


def _measured(regressor: Regressor, seed: int, tasks: int) -> dict[str, Any]:
    """Mean error after 20 labels in new tasks, the same ones for each way of asking, with standard errors."""
    ways: dict[str, Regressor | str] = {"lal": regressor, "margin": "margin", "random": "random"}
    errors = {name: np.empty(tasks) for name in ways}
    for place in range(tasks):
        world = _world(stream(seed, "lal-test", place))
        for name, way in ways.items():
            rng = stream(seed, "lal-play", place)
            known = _asked(world, world.start(rng), MEASURED_AT, way, rng)
            errors[name][place] = _error(world, world.learner(known))
    errors["random_minus_lal"] = errors["random"] - errors["lal"]
    found: dict[str, Any] = {"tasks": tasks}
    for name, values in errors.items():
        found[name] = {
            "mean": round(float(values.mean()), 4),
            "standard_error": round(float(values.std(ddof=1)) / math.sqrt(tasks), 4),
        }
    return found
