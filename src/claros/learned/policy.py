"""A policy: the network that says what it is worth to label an item, with how it was trained, in one small file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.errors import DataError
from claros.files import write_atomically
from claros.learned.features import ACTION, STATE
from claros.learned.weights import pack, unpack

__all__ = ["HIDDEN", "SHAPES", "SHIPPED", "Policy", "read_policy", "read_weights", "sigmoid"]

#: Units of the two hidden layers: of the state, and of the state with the action.
HIDDEN = (10, 5)
#: The network's tensors.
SHAPES = {
    "state_weights": (STATE, HIDDEN[0]),
    "state_bias": (HIDDEN[0],),
    "action_weights": (HIDDEN[0] + ACTION, HIDDEN[1]),
    "action_bias": (HIDDEN[1],),
    "value_weights": (HIDDEN[1],),
    "value_bias": (),
}
#: The policy that comes with Claros.
SHIPPED = Path(__file__).parent / "lal_rl.safetensors"


@dataclass(frozen=True)
class Policy:
    """The weights by name, and a JSON of how they came about."""

    weights: dict[str, Floats]
    training: dict[str, Any]

    def values(self, state: Floats, actions: Floats) -> Floats:
        """What each action is worth: minus the labels still to be bought, it and those after it; (61,), (N, 7) -> (N,).

        A sigmoid layer of the state, one of that and the action, and a linear output.
        """
        w = self.weights
        hidden = sigmoid(state @ w["state_weights"] + w["state_bias"])
        fixed = hidden @ w["action_weights"][: HIDDEN[0]] + w["action_bias"]
        both = sigmoid(actions @ w["action_weights"][HIDDEN[0] :] + fixed)
        return np.asarray(both @ w["value_weights"] + w["value_bias"])

    def write(self, path: Path) -> None:
        """Write the policy as a safetensors file, atomically."""
        about = {"kind": "claros lal_rl policy", "training": json.dumps(self.training, ensure_ascii=False)}
        write_atomically(path, pack(self.weights, about))


def sigmoid(values: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))


def read_policy(path: str | Path = "") -> Policy:
    """The policy in a file, or the one that comes with Claros; a `DataError` says what is wrong with it."""
    return Policy(*read_weights(path or SHIPPED, SHAPES, "policy", "claros train-policy"))


def read_weights(
    path: str | Path, wanted: Mapping[str, tuple[int, ...]], kind: str, command: str
) -> tuple[dict[str, Floats], dict[str, Any]]:
    """The tensors of a file, which must have these shapes, and how they were trained; read again if it has changed.

    ``kind`` and ``command`` are what it is called, and what writes one.
    """
    file = Path(path)
    try:
        changed = file.stat().st_mtime_ns
    except OSError as error:
        raise DataError(f"There is no {kind} at {file}: {error.strerror}; train one by {command}.") from error
    return _read(file, changed, tuple(wanted.items()))


@lru_cache(maxsize=8)
def _read(
    file: Path, changed: int, shaped: tuple[tuple[str, tuple[int, ...]], ...]
) -> tuple[dict[str, Floats], dict[str, Any]]:
    wanted = dict(shaped)
    weights, about = unpack(file.read_bytes(), str(file))
    shapes = {name: tensor.shape for name, tensor in weights.items()}
    if shapes != wanted:
        wrong = next(name for name in {**wanted, **shapes} if shapes.get(name) != wanted.get(name))
        raise DataError(
            f"{file} holds another network: {wrong} should have the shape {wanted.get(wrong)}, and has "
            f"{shapes.get(wrong)}. Train the policy again with this Claros."
        )
    bad = next((name for name, tensor in weights.items() if not np.isfinite(tensor).all()), None)
    if bad is not None:
        raise DataError(f"{file}: {bad} has weights that are not finite; train the policy again.")
    try:
        training = json.loads(about["training"])
    except (KeyError, ValueError) as error:
        raise DataError(f"{file} does not say how it was trained; write it by claros train-policy.") from error
    return weights, training
