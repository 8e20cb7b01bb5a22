"""The state of a training that goes on, in a folder: so that a killed process is none the worse for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from claros.errors import ModelError, StorageError
from claros.models.storage import read_document, read_weights, write_model

__all__ = [
    "Unfinished",
    "joined",
    "optimizer_state",
    "parted",
    "random_state",
    "restore_optimizer",
    "restore_random_state",
]


class Unfinished:
    """States by their place in the folder, one for each network; without a folder nothing is kept.

    A state belongs to one training, known by a key: all that it depends on. Another one's, or a damaged one, is no
    state, and the training starts anew.
    """

    def __init__(self, folder: Path | None = None, every: float = 0.0, ends: bool = False) -> None:
        self._folder = folder
        self._every = every
        self._ends = ends
        self._last = time.perf_counter()

    @property
    def kept(self) -> bool:
        """Whether states are kept at all."""
        return self._folder is not None

    def due(self, end: bool) -> bool:
        """Whether so many seconds have passed that a state should be written, or a training ends that others follow."""
        return self.kept and (time.perf_counter() - self._last >= self._every or (end and self._ends))

    def read(self, place: str, key: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]] | None:
        """The state of just that training, if there is one."""
        if self._folder is None:
            return None
        folder = self._folder / place
        try:
            document = read_document(folder, {"training": key})
            return document["state"], read_weights(folder, document, safetensors.torch.load)
        except ModelError:
            return None

    def write(self, place: str, key: str, state: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
        """Put a state in place of the last one, whole or not at all."""
        if self._folder is None:
            return
        # Copies: tied weights share memory, which safetensors refuses.
        copies = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        document = {"spec": {"training": key}, "state": dict(state)}
        try:
            write_model(self._folder / place, document, safetensors.torch.save(copies))
        except OSError as error:
            raise StorageError(
                f"Could not write the state of the training to {self._folder}: {error.strerror or error}. The round "
                "can be started again."
            ) from error
        self._last = time.perf_counter()


def joined(parts: Mapping[str, Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Several states as one, each name after that of its part."""
    return {f"{part}.{name}": value for part, state in parts.items() for name, value in state.items()}


def parted(tensors: Mapping[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    """What was `joined`, apart again."""
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        parts.setdefault(part, {})[rest] = value
    return parts


def optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """What the optimizer remembers, tensors and numbers apart; its settings come from the options anew."""
    tensors: dict[str, torch.Tensor] = {}
    numbers: dict[str, Any] = {}
    for index, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            kept: dict[str, Any] = tensors if isinstance(value, torch.Tensor) else numbers
            kept[f"{index}.{name}"] = value
    return tensors, numbers


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor], numbers: Mapping[str, Any]
) -> None:
    """Let the optimizer remember it."""
    state: dict[int, dict[str, Any]] = {}
    for name, value in {**tensors, **numbers}.items():
        index, _, rest = name.partition(".")
        state.setdefault(int(index), {})[rest] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def random_state(rng: np.random.Generator, device: torch.device) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Where the streams stand that training draws from: NumPy's as JSON, torch's as tensors of bytes."""
    tensors = {"host": torch.get_rng_state()}
    if device.type == "cuda":
        tensors["device"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        tensors["device"] = torch.mps.get_rng_state()
    return _as_json(rng.bit_generator.state), tensors


def restore_random_state(
    rng: np.random.Generator, device: torch.device, numbers: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]
) -> None:
    """Put the streams where they stood."""
    rng.bit_generator.state = dict(numbers)
    torch.set_rng_state(tensors["host"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(tensors["device"], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(tensors["device"])


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_json(one) for name, one in value.items()}
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
