"""Made-up rounds of training, with all that a stopping rule may ask for after each."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.arrays import Floats, Indices

__all__ = ["ITEMS", "ROUNDS", "Round", "coin_flip_rounds", "learning_rounds", "settled_rounds"]

#: Inputs by their names in `claros.inputs.NEEDS`.
Round = dict[str, Any]

ROUNDS, ITEMS, CLASSES, MEMBERS, BATCH = 30, 400, 3, 4, 20


def settled_rounds(rounds: int = ROUNDS, seed: int = 0) -> list[Round]:
    """A model that is confident, right, and the same in every round."""
    probs = _confident(_classes(np.random.default_rng(seed)))
    return [
        {
            **_counts(number, rounds),
            **_predictions(probs),
            **_batch(probs[:BATCH], probs[:BATCH].argmax(axis=1)),
            "metric": 0.95,
        }
        for number in range(rounds)
    ]


def coin_flip_rounds(rounds: int = ROUNDS, seed: int = 0) -> list[Round]:
    """A model that guesses anew in every round, and knows that it does."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(rounds):
        members = rng.dirichlet([5.0] * CLASSES, (ITEMS, MEMBERS))
        probs = rng.dirichlet([5.0] * CLASSES, ITEMS)
        batch = _batch(rng.dirichlet([5.0] * CLASSES, BATCH), rng.integers(0, CLASSES, BATCH))
        made.append(
            {
                **_counts(number, rounds),
                **_predictions(probs),
                "stop_member_probs": members,
                **batch,
                "metric": 1 / CLASSES,
            }
        )
    return made


def learning_rounds(rounds: int = ROUNDS, seed: int = 0) -> list[Round]:
    """A model that goes from guessing to knowing."""
    rng = np.random.default_rng(seed)
    classes = _classes(rng)
    made = []
    for number in range(rounds):
        progress = number / max(1, rounds - 1)
        logits = 10 * progress * np.eye(CLASSES)[classes] + 2 * (1 - progress) * rng.gumbel(size=(ITEMS, CLASSES))
        probs = np.exp(logits - logits.max(axis=1, keepdims=True))
        probs /= probs.sum(axis=1, keepdims=True)
        batch = _batch(probs[:BATCH], classes[:BATCH])
        made.append({**_counts(number, rounds), **_predictions(probs), **batch, "metric": (1 + 2 * progress) / CLASSES})
    return made


def _classes(rng: np.random.Generator) -> Indices:
    return rng.permutation(np.arange(ITEMS) % CLASSES)


def _confident(classes: Indices, sure: float = 0.98) -> Floats:
    return np.where(np.eye(CLASSES)[classes] > 0, sure, (1 - sure) / (CLASSES - 1))


def _counts(number: int, rounds: int) -> Round:
    labels = BATCH * (number + 1)
    return {
        "n_labeled": labels,
        "n_pool": BATCH * rounds,
        "round": number,
        "spent": 0.5 * labels,
        "elapsed": 10.0 * (number + 1),
    }


def _predictions(probs: Floats) -> Round:
    members = np.repeat(probs[:, None, :], MEMBERS, axis=1)
    return {"stop_predictions": probs.argmax(axis=1), "stop_probs": probs.copy(), "stop_member_probs": members}


def _batch(probs: Floats, labels: Indices) -> Round:
    return {"batch_probs": probs.copy(), "batch_labels": labels.copy()}
