"""Made-up rounds of training, with all that a stopping rule may ask for after each."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.arrays import Floats, Indices

__all__ = ["ITEMS", "ROUNDS", "Round", "coin_flip_rounds", "learning_rounds", "settled_rounds"]

#: Inputs by their names in `claros.inputs.NEEDS`.
Round = dict[str, Any]

ROUNDS, ITEMS, CLASSES, MEMBERS, BATCH, COLUMNS, AUDITED = 30, 400, 3, 4, 20, 3, 100


def settled_rounds(rounds: int = ROUNDS, seed: int = 0) -> list[Round]:
    """A model that is confident, right, and the same in every round."""
    rng = np.random.default_rng(seed)
    classes = _classes(rng)
    probs = _confident(classes)
    labels = rng.integers(0, CLASSES, BATCH * rounds)
    made = []
    for number in range(rounds):
        members = np.repeat(probs[:, None, :], MEMBERS, axis=1)
        made.append(
            {
                **_counts(number, rounds),
                **_predictions(probs, members, twin=classes),
                **_geometry(3.0 * (2.0 * np.eye(CLASSES)[classes] - 1.0), head=np.eye(CLASSES, COLUMNS)),
                **_batch(probs[:BATCH], members[:BATCH], classes[:BATCH]),
                **_labeled(number, labels, _confident(labels)),
                "probs": probs.copy(),
                "metric": 0.95,
                "n_audited": AUDITED,
                "n_audited_correct": AUDITED,
                "n_support_vectors": 40,
            }
        )
    return made


def coin_flip_rounds(rounds: int = ROUNDS, seed: int = 0) -> list[Round]:
    """A model that guesses anew in every round, and knows that it does."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, BATCH * rounds)
    made = []
    for number in range(rounds):
        members = rng.dirichlet([5.0] * CLASSES, (ITEMS, MEMBERS))
        probs = rng.dirichlet([5.0] * CLASSES, ITEMS)
        # the batch is of those that the members disagree on most
        torn = np.eye(CLASSES)[rng.permuted(np.arange(BATCH * MEMBERS).reshape(BATCH, MEMBERS) % CLASSES, axis=1)]
        batch = _batch(rng.dirichlet([5.0] * CLASSES, BATCH), torn, rng.integers(0, CLASSES, BATCH))
        made.append(
            {
                **_counts(number, rounds),
                **_predictions(probs, members, twin=rng.integers(0, CLASSES, ITEMS)),
                **_geometry(0.3 * rng.normal(size=(ITEMS, CLASSES)), head=rng.normal(size=(CLASSES, COLUMNS))),
                **batch,
                **_labeled(number, labels, np.full((labels.size, CLASSES), 1 / CLASSES)),
                "probs": probs.copy(),
                "metric": 1 / CLASSES,
                "n_audited": AUDITED,
                "n_audited_correct": AUDITED // CLASSES,
                "n_support_vectors": BATCH * (number + 1),
            }
        )
    return made


def learning_rounds(rounds: int = ROUNDS, seed: int = 0) -> list[Round]:
    """A model that goes from guessing to knowing."""
    rng = np.random.default_rng(seed)
    classes = _classes(rng)
    labels = rng.integers(0, CLASSES, BATCH * rounds)
    made = []
    for number in range(rounds):
        progress = number / max(1, rounds - 1)
        signal = 10 * progress * np.eye(CLASSES)[classes]
        probs = _softmax(signal + 2 * (1 - progress) * rng.gumbel(size=(ITEMS, CLASSES)))
        noise = 2 * (1 - progress) * rng.gumbel(size=(ITEMS, MEMBERS, CLASSES))
        members = _softmax(signal[:, None, :] + noise)
        values = progress * (4.0 * np.eye(CLASSES)[classes] - 2.0) + (1 - progress) * rng.normal(size=(ITEMS, CLASSES))
        head = progress * np.eye(CLASSES, COLUMNS) + (1 - progress) * rng.normal(size=(CLASSES, COLUMNS))
        made.append(
            {
                **_counts(number, rounds),
                **_predictions(probs, members, twin=members[:, 0].argmax(axis=1)),
                **_geometry(values, head=head),
                **_batch(probs[:BATCH], members[:BATCH], classes[:BATCH]),
                **_labeled(number, labels, progress * np.eye(CLASSES)[labels] + (1 - progress) / CLASSES),
                "probs": probs.copy(),
                "metric": (1 + 2 * progress) / CLASSES,
                "n_audited": AUDITED,
                "n_audited_correct": int(AUDITED * (1 + 2 * progress) / CLASSES),
                "n_support_vectors": int(200 * (1 - (1 - progress) ** 3)),
            }
        )
    return made


def _classes(rng: np.random.Generator) -> Indices:
    return rng.permutation(np.arange(ITEMS) % CLASSES)


def _confident(classes: Indices, sure: float = 0.98) -> Floats:
    return np.where(np.eye(CLASSES)[classes] > 0, sure, (1 - sure) / (CLASSES - 1))


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probs: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return probs


def _counts(number: int, rounds: int) -> Round:
    labels = BATCH * (number + 1)
    return {
        "n_labeled": labels,
        "n_pool": BATCH * rounds,
        "round": number,
        "spent": 0.5 * labels,
        "elapsed": 10.0 * (number + 1),
    }


def _predictions(probs: Floats, members: Floats, twin: Indices) -> Round:
    predicted = probs.argmax(axis=1)
    return {
        "stop_predictions": predicted,
        "stop_probs": probs.copy(),
        "stop_member_probs": members.copy(),
        "stop_label_predictions": np.eye(CLASSES, dtype=np.int64)[predicted],
        "stop_twin_predictions": twin.copy(),
        "stop_labeled": (np.arange(ITEMS) % 20 == 0).astype(np.int64),
    }


def _geometry(values: Floats, head: Floats) -> Round:
    return {
        "stop_decision_values": values,
        "stop_embeddings": values[:, :COLUMNS].copy(),
        "head_weights": head,
        "head_bias": np.zeros(CLASSES),
    }


def _batch(probs: Floats, members: Floats, labels: Indices) -> Round:
    return {"batch_probs": probs.copy(), "batch_member_probs": members.copy(), "batch_labels": labels.copy()}


def _labeled(number: int, labels: Indices, probs: Floats) -> Round:
    """What is labeled so far: the first of all labels that ever come."""
    so_far = BATCH * (number + 1)
    rng = np.random.default_rng(so_far)
    features = np.eye(CLASSES, COLUMNS)[labels[:so_far]] + 0.1 * rng.normal(size=(so_far, COLUMNS))
    return {
        "labels": labels[:so_far].copy(),
        "labeled_at_random": (np.arange(so_far) % 4 == 0).astype(np.int64),
        "captures": (np.arange(so_far)[:, None] % np.arange(1, MEMBERS + 1) == 0).astype(np.int64),
        "labeled_probs": probs[:so_far].copy(),
        "labeled_features": features,
        "labeled_embeddings": features.copy(),
    }
