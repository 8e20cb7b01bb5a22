"""From what a model provides to what a strategy or a rule needs; and the check that it can, before any training.

Where no model has predicted anything, before the first one or in a campaign without, the items' `embeddings` are the
pool's fixed features: so strategies that only look at embeddings can choose the first batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from claros.arrays import Array, Indices, from_numpy, namespace
from claros.data.pool import Pool
from claros.errors import CannotFeedError

__all__ = ["DERIVED", "check_supply", "inputs_for", "model_names", "supplied"]

#: Input -> what must be at hand over the pool for the campaign to cut it out.
DERIVED: Mapping[str, str] = {
    "labeled_features": "features",
    "labeled_embeddings": "embeddings",
    "labeled_probs": "probs",
    "stop_predictions": "probs",
    "stop_probs": "probs",
    "stop_member_probs": "member_probs",
    "batch_probs": "probs",
}

#: Inputs over the pool's items that a model computes.
MODELED = frozenset(("probs", "logits", "member_probs", "embeddings", "boundary_distance", "predicted_loss"))
HEAD = frozenset(("head_weights", "head_bias"))
FIXED = frozenset(("features",))

#: Inputs that the campaign itself knows.
KNOWN = frozenset(("labels", "batch_labels", "n_labeled", "n_pool", "round", "spent", "elapsed"))


def supplied(provides: Collection[str], *, features: bool, trained: bool = True) -> frozenset[str]:
    """The names of all inputs at hand, given what the model provides and whether the pool has fixed features."""
    names = {name for name in provides if name in MODELED | HEAD}
    if features:
        names |= {"features"} if provides else {"features", "embeddings"}
    if trained:
        names |= {name for name, origin in DERIVED.items() if origin in names}
    return frozenset(names | (KNOWN if trained else {"n_pool"}))


def check_supply(
    who: str,
    needs: Iterable[str],
    at_hand: Collection[str],
    giver: str,
    advice: str = "choose another strategy or rule, or another model",
) -> None:
    """Raise `CannotFeedError` if something needed is not at hand; ``giver`` is what should have provided it."""
    missing = [name for name in needs if name not in at_hand]
    if missing:
        offers = ", ".join(sorted(name for name in at_hand if name in MODELED | HEAD | FIXED)) or "nothing"
        raise CannotFeedError(
            f"{who} needs {', '.join(missing)}, which {giver} does not provide (it provides {offers}); {advice}."
        )


def model_names(wanted: Iterable[str], provides: Collection[str]) -> set[str]:
    """What to ask of the model in one pass, so that every wanted input that can be had is had."""
    origins = {DERIVED.get(name, name) for name in wanted}
    return {name for name in origins if name in provides}


def inputs_for(
    names: Iterable[str],
    outputs: Mapping[str, Array],
    pool: Pool,
    *,
    candidates: Indices,
    labeled: Indices,
    labels: Indices,
) -> dict[str, Any]:
    """The inputs of a strategy: rows of the candidates and of what is labeled, cut out of one pass over the pool.

    ``outputs`` are the model's, empty where none has predicted anything.
    """
    inputs: dict[str, Any] = {}
    for name in names:
        bare = name.removeprefix("labeled_")
        rows = candidates if bare == name else labeled
        if name == "labels":
            inputs[name] = labels
        elif name in HEAD and name in outputs:
            inputs[name] = outputs[name]
        elif bare == "features" or (bare == "embeddings" and not outputs):
            if pool.fixed_features is not None:
                inputs[name] = pool.fixed_features[rows]
        elif bare in MODELED and bare in outputs:
            inputs[name] = _rows(outputs[bare], rows)
    return inputs


def _rows(array: Array, positions: Indices) -> Array:
    if isinstance(array, np.ndarray):
        return array[positions]
    return namespace(array).take(array, from_numpy(positions, array), axis=0)
