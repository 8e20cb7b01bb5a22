"""The world of the gallery's pictures: a plane with four classes, twelve labels and a small model, all made here.

Strategies are given a point (x, y) as the vector (x, y, 3): so vectors that are scaled to length 1, as many strategies
do, keep the plane's neighbourhoods.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from claros.inputs import NEEDS
from claros.strategy import Strategy

Floats = npt.NDArray[np.float64]

#: Half the width and half the height of the plane.
WIDE, HIGH = 4.0, 3.0
#: Class, number of points, centre and spread of each cloud; the fifth are near copies of one item, the rest outliers.
CLOUDS = (
    (0, 90, (-2.0, 1.1), 0.38),
    (1, 66, (1.3, 1.1), 0.75),
    (2, 50, (-0.9, -1.4), 0.5),
    (3, 15, (2.5, -1.5), 0.3),
    (1, 12, (-0.6, 1.5), 0.03),
    (2, 1, (-3.6, -2.5), 0.0),
    (1, 1, (3.6, 2.6), 0.0),
    (0, 1, (-3.6, 2.6), 0.0),
    (3, 1, (3.7, -2.6), 0.0),
)
CLASSES, MEMBERS, LABELED, PREVIOUS = 4, 20, 12, 8
#: What labels of a mistake cost: the rare class must not be missed.
COSTS = np.array([[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [5, 5, 5, 0]], dtype=np.float64)


class Linear(NamedTuple):
    """A softmax model of the points."""

    weights: Floats  # (C, 3)
    bias: Floats

    def logits(self, points: Floats) -> Floats:
        return vectors(points) @ self.weights.T + self.bias

    def probs(self, points: Floats) -> Floats:
        logits = self.logits(points)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


class World(NamedTuple):
    """The candidates, what is labeled, and the model that was trained on it."""

    pool: Floats
    labeled: Floats
    labels: npt.NDArray[np.int64]
    model: Linear
    inputs: dict[str, Any]


def vectors(points: Floats) -> Floats:
    return np.column_stack([points, np.full(len(points), 3.0)])


def sample(rng: np.random.Generator, scale: float = 1.0) -> tuple[Floats, npt.NDArray[np.int64]]:
    points = [rng.normal(centre, spread, (round(n * scale), 2)) for _, n, centre, spread in CLOUDS]
    labels = [np.full(round(n * scale), code) for code, n, _, _ in CLOUDS]
    limits = (WIDE - 0.15, HIGH - 0.15)
    return np.clip(np.concatenate(points), [-limits[0], -limits[1]], limits), np.concatenate(labels)


def train(points: Floats, labels: npt.NDArray[np.int64], shares: Floats | None = None, ridge: float = 0.03) -> Linear:
    """Logistic regression by plain gradient descent, so that every machine has the same model."""
    wanted, rows = np.eye(CLASSES)[labels], vectors(points)
    shares = np.full(len(points), 1 / len(points)) if shares is None else shares
    weights, bias = np.zeros((CLASSES, 3)), np.zeros(CLASSES)
    for _ in range(4000):
        errors = (Linear(weights, bias).probs(points) - wanted) * shares[:, None]
        weights = weights - 0.1 * (errors.T @ rows + ridge * weights)
        bias = bias - 0.1 * errors.sum(axis=0)
    return Linear(weights, bias)


@cache
def world() -> World:
    rng = np.random.default_rng(11)
    points, classes = sample(rng)
    points = points.round(3)
    mixed = rng.permutation(sum(n for _, n, _, _ in CLOUDS[:CLASSES]))  # copies and outliers stay in the pool
    chosen = np.concatenate([mixed[classes[mixed] == code][:n] for code, n in enumerate((5, 4, 2, 1))])
    chosen = rng.permutation(chosen)
    pool = np.delete(points, chosen, axis=0)
    labeled, labels = points[chosen], classes[chosen]
    model = train(labeled, labels)
    return World(pool, labeled, labels, model, _inputs(rng, pool, labeled, labels, model))


def given(strategy: Strategy) -> dict[str, Any]:
    """What the world gives to a strategy: all that it needs and may use."""
    known = world().inputs
    unknown = [name for name in (*strategy.needs, *strategy.optional) if name not in known and name not in CACHES]
    if unknown:
        raise KeyError(
            f"{strategy.name} looks at {unknown[0]}, which the gallery's world lacks: add it to toy_world.py"
        )
    return {name: known[name] for name in (*strategy.needs, *strategy.optional) if name in known}


#: Inputs that only save time.
CACHES = frozenset(("nearest_labeled_distance", "neighbour_graph"))


def _inputs(
    rng: np.random.Generator, pool: Floats, labeled: Floats, labels: npt.NDArray[np.int64], model: Linear
) -> dict[str, Any]:
    members = [train(labeled, labels, shares) for shares in rng.dirichlet(np.ones(LABELED), MEMBERS)]  # a bootstrap
    target, _ = sample(rng, 0.4)
    stop = pool[rng.permutation(len(pool))[:60]]
    probs = model.probs(pool)
    entropy = -np.sum(probs * np.log(probs), axis=1)
    made = {
        "probs": probs,
        "logits": model.logits(pool),
        "decision_values": model.logits(pool),
        "member_probs": _of_members(members, pool),
        "embeddings": vectors(pool),
        "features": vectors(pool),
        "labeled_embeddings": vectors(labeled),
        "labeled_features": vectors(labeled),
        "labeled_probs": model.probs(labeled),
        "labels": labels,
        "target_probs": model.probs(target),
        "target_member_probs": _of_members(members, target),
        "previous_probs": train(labeled[:PREVIOUS], labels[:PREVIOUS]).probs(pool),
        "head_weights": model.weights,
        "head_bias": model.bias,
        "boundary_distance": _to_boundary(model, pool),
        "bim_distance": _in_steps(model, pool),
        "predicted_loss": entropy,
        "gradient_norm": _gradient_norm(probs, pool),
        "class_weights": np.array([0.5, 1.0, 1.0, 4.0]),
        "class_prior": np.bincount([code for code, n, _, _ in CLOUDS for _ in range(n)]) / sum(c[1] for c in CLOUDS),
        "costs": 1.0 + np.abs(pool[:, 0] + WIDE),
        "cost_matrix": COSTS,
        "label_probs": 1.0 / (1.0 + np.exp(-np.column_stack([pool[:, 0], pool[:, 1], pool.sum(axis=1)]))),
        "label_sets": (np.column_stack([labeled[:, 0], labeled[:, 1], labeled.sum(axis=1)]) > 0.0).astype(np.int64),
        "label_cardinality": 1.5,
        "clusters": _nearest(pool, _spread(pool, 16)),
        "query_features": vectors(labeled[labels == 3]),
        "private_features": vectors(labeled[labels == 0]),
        "annotations": _opinions(model, pool),
        "token_probs": np.stack([probs, model.probs(pool * 0.9), model.probs(pool * 1.1)], axis=1),
        "predicted_values": _waves(pool) + 0.3 * pool[:, 0],
        "member_values": np.stack([_waves(pool) * (1 + 0.1 * i) for i in range(5)], axis=1),
        "labeled_values": _waves(labeled),
        "stop_predictions": np.argmax(model.probs(stop), axis=1),
        "stop_probs": model.probs(stop),
        "stop_member_probs": _of_members(members, stop),
        "stop_embeddings": vectors(stop),
        "stop_decision_values": model.logits(stop),
        "stop_label_predictions": (model.probs(stop)[:, :3] > 0.2).astype(np.int64),
        "stop_twin_predictions": np.argmax(members[0].probs(stop), axis=1),
        "stop_labeled": np.zeros(len(stop), dtype=np.int64),
        "batch_probs": model.probs(labeled[PREVIOUS:]),
        "batch_member_probs": _of_members(members, labeled[PREVIOUS:]),
        "batch_labels": labels[PREVIOUS:],
        "labeled_at_random": np.ones(LABELED, dtype=np.int64),
        "captures": np.argmax(_of_members(members, labeled), axis=2) == labels[:, None],
        "n_labeled": LABELED,
        "n_pool": len(pool) + LABELED,
        "round": 2,
        "spent": float(LABELED),
        "elapsed": 60.0,
        "metric": 0.8,
        "n_audited": 20,
        "n_audited_correct": 16,
        "n_support_vectors": LABELED,
    }
    unknown = sorted(set(made) - set(NEEDS))
    if unknown:
        raise KeyError(f"the gallery's world has {unknown}, which claros.inputs.NEEDS does not know")
    return made


def _opinions(model: Linear, points: Floats) -> npt.NDArray[np.int64]:
    """What three annotators said: each of the left half of the plane, with mistakes in turn; of the right half none."""
    said = np.argmax(model.probs(points), axis=1)[:, None] + np.zeros((1, 3), dtype=np.int64)
    mistaken = (np.arange(len(points))[:, None] + np.arange(3)[None, :]) % 7 == 0
    return np.where(points[:, :1] < 0.0, np.where(mistaken, (said + 1) % CLASSES, said), -1)


def _waves(points: Floats) -> Floats:
    """A function of the plane, for regressions."""
    return np.sin(points[:, 0]) + 0.5 * points[:, 1]


def _of_members(members: list[Linear], points: Floats) -> Floats:
    return np.stack([member.probs(points) for member in members], axis=1)


def _to_boundary(model: Linear, points: Floats) -> Floats:
    """Distance in the plane to the nearest line where the prediction changes."""
    logits, plane = model.logits(points), model.weights[:, :2]
    own = np.argmax(logits, axis=1)
    gaps = logits[np.arange(len(points)), own][:, None] - logits
    slopes = np.linalg.norm(plane[own][:, None, :] - plane[None, :, :], axis=2)
    return np.min(np.divide(gaps, slopes, out=np.full_like(gaps, np.inf), where=slopes > 0), axis=1)


def _in_steps(model: Linear, points: Floats, size: float = 0.05) -> Floats:
    """Length of the steps along the gradient's sign that change the prediction; 2.55·√2 where fifty do not."""
    own, moved = np.argmax(model.logits(points), axis=1), points.copy()
    found = np.full(len(points), 51 * size * np.sqrt(2))
    for _ in range(51):
        probs = model.probs(moved)
        new = (np.argmax(probs, axis=1) != own) & (found > 50 * size * np.sqrt(2))
        found[new] = np.linalg.norm(moved - points, axis=1)[new]
        moved += size * np.sign((probs - np.eye(CLASSES)[own]) @ model.weights[:, :2])
    return found


def _gradient_norm(probs: Floats, points: Floats) -> Floats:
    """Of all weights and the bias, in closed form."""
    errors = np.linalg.norm(probs[:, None] - np.eye(CLASSES)[None], axis=2)
    return np.sum(probs * errors, axis=1) * np.sqrt(np.sum(vectors(points) ** 2, axis=1) + 1)


def _spread(points: Floats, n: int) -> Floats:
    centres = points[:1]
    while len(centres) < n:
        distances = np.min(np.linalg.norm(points[:, None] - centres[None], axis=2), axis=1)
        centres = np.vstack([centres, points[np.argmax(distances)]])
    return centres


def _nearest(points: Floats, centres: Floats) -> npt.NDArray[np.int64]:
    return np.argmin(np.linalg.norm(points[:, None] - centres[None], axis=2), axis=1).astype(np.int64)
