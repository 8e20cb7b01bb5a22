"""A small network that is never trained anew: each round goes on from the last, until the validation loss rises.

This is how CDALBench trains (docs/replicate.md), also where its settings say "from scratch". Weights and the
optimizer's state are kept from round to round, and the loss on fixed validation items says when a fit ends.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional as F

from claros.arrays import Array, Floats, Indices
from claros.errors import DataError, InputError, ModelError
from claros.models.checks import Labeled, check_kind, check_names, labeled_items
from claros.models.model import Items
from claros.models.storage import read_document, read_weights, write_model
from claros.models.torch.anatomy import dissect
from claros.models.torch.inference import Fitted, infer
from claros.models.torch.options import optimizer_class
from claros.models.torch.reading import Reader, item_shape
from claros.models.torch.seeding import seeded

__all__ = ["Continued"]

PROVIDES = frozenset(("probs", "logits", "embeddings", "head_weights", "head_bias"))
HOST = torch.device("cpu")

#: Items in one pass of inference; rows are narrow, the network is small.
CHUNK = 8192


class _Training(NamedTuple):
    """A network, the optimizer that trains it, and what they were made for."""

    net: nn.Module
    optimizer: torch.optim.Optimizer
    n_features: int
    n_classes: int
    seen: Indices


class Continued:
    """Linear, or with ``hidden`` layers, over rows as they are; on the processor.

    With hidden layers (12, 16) there are three, of 12, 12 and 16 units, each with a rectifier: the first size counts
    twice, as in CDALBench. The first fit takes ``first_epochs``; a later one ``epochs`` at most, and ends when the
    validation loss has not been lower than all before for more than ``patience`` epochs; the last weights are kept.
    ``validation`` is an .npz with ``x_val`` and ``y_val`` (codes). A last, smaller batch of an epoch is left out where
    there are others.
    """

    restorable = True
    warm = True

    def __init__(
        self,
        hidden: Sequence[int] = (),
        optimizer: str = "Adam",
        lr: float = 0.001,
        weight_decay: float = 0.0,
        batch_size: int = 32,
        first_epochs: int = 50,
        epochs: int = 100,
        patience: int = 0,
        validation: str | None = None,
    ) -> None:
        self.hidden = tuple(hidden)
        self._optimizer = optimizer_class(optimizer)
        self.lr, self.weight_decay, self.batch_size = lr, weight_decay, batch_size
        self.first_epochs, self.epochs, self.patience = first_epochs, epochs, patience
        self.validation = validation
        self.name = "continued"
        self.history: list[dict[str, Any]] = []
        self.on_epoch: Callable[[int, int], None] | None = None
        self._last: _Training | None = None

    @property
    def provides(self) -> frozenset[str]:
        """Probabilities, logits, the last hidden layer (the rows themselves, if linear) and the head over it."""
        return PROVIDES

    def provides_for(self, items: Items) -> frozenset[str]:
        """The same for every pool of rows."""
        check_kind(self.name, items, ("rows",))
        return PROVIDES

    @cached_property
    def _held(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """The validation items (V, F) and their codes (V,)."""
        if self.validation is None:
            return None
        try:
            with np.load(self.validation, allow_pickle=False) as file:
                x, y = file["x_val"], file["y_val"]
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{self.validation} has no validation items x_val with codes y_val ({error}).") from error
        return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y.astype(np.int64))

    def fit(
        self,
        items: Items,
        labels: Indices,
        *,
        n_classes: int | None = None,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> None:
        """Go on from the last weights, or begin; a fit that fails leaves the model as it was."""
        check_kind(self.name, items, ("rows",))
        if weights is not None:
            raise InputError(f"{self.name} takes no weights, as the published training has none; leave them out.")
        labeled = labeled_items(items, labels, n_classes, None)
        n_features = item_shape(self.name, items)[0]
        with seeded(int(rng.integers(2**63 - 1)), HOST), torch.enable_grad():
            training = self._resumed(n_features, labeled)
            rows = torch.from_numpy(np.array(items.take(labeled.positions), dtype=np.float32))
            self.history = self._train(training, rows, labeled, rng) if len(labeled.seen) > 1 else []
            self._last = training._replace(net=training.net.eval())

    def _resumed(self, n_features: int, labeled: Labeled) -> _Training:
        last = self._last
        if last is None or (last.n_features, last.n_classes) != (n_features, labeled.n_classes):
            return self._made(n_features, labeled.n_classes, labeled.seen)
        net = copy.deepcopy(last.net)
        optimizer = self._optimizer_of(net)
        optimizer.load_state_dict(copy.deepcopy(last.optimizer.state_dict()))
        return _Training(net, optimizer, n_features, labeled.n_classes, labeled.seen)

    def _made(self, n_features: int, n_classes: int, seen: Indices) -> _Training:
        sizes = [n_features, *self.hidden[:1], *self.hidden]
        layers: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        net = nn.Sequential(*layers, nn.Linear(sizes[-1], n_classes))
        return _Training(net, self._optimizer_of(net), n_features, n_classes, seen)

    def _optimizer_of(self, net: nn.Module) -> torch.optim.Optimizer:
        return self._optimizer(net.parameters(), lr=self.lr, weight_decay=self.weight_decay)

    def _train(
        self, training: _Training, rows: torch.Tensor, labeled: Labeled, rng: np.random.Generator
    ) -> list[dict[str, Any]]:
        """Train in place and give the history: epoch, loss, val_loss."""
        net, optimizer = training.net.train(), training.optimizer
        seen, targets = torch.from_numpy(labeled.seen), torch.from_numpy(np.searchsorted(labeled.seen, labeled.labels))
        size, n = self.batch_size, len(rows)
        planned, patience = (self.first_epochs, math.inf) if self._last is None else (self.epochs, self.patience)
        history: list[dict[str, Any]] = []
        lowest, waited, judge = math.inf, 0, self._judge(labeled.seen)
        for epoch in range(planned):
            total, order = 0.0, torch.from_numpy(rng.permutation(n))
            batches = [order] if n <= size else [order[start : start + size] for start in range(0, n - size + 1, size)]
            for batch in batches:
                optimizer.zero_grad(set_to_none=True)
                loss = F.cross_entropy(net(rows[batch])[:, seen], targets[batch])
                loss.backward()
                optimizer.step()
                total += float(loss.detach())
            if not math.isfinite(total):
                raise ModelError(f"Training {self.name} diverged in epoch {epoch + 1}; lower lr.")
            held = None if judge is None else judge(net)
            history.append({"epoch": epoch + 1, "loss": total / len(batches), "val_loss": held})
            if self.on_epoch is not None:
                self.on_epoch(epoch + 1, planned)
            if held is not None:
                waited = 0 if held < lowest else waited + 1
                lowest = min(held, lowest)
            if waited > patience:
                break
        optimizer.zero_grad(set_to_none=True)
        return history

    def _judge(self, seen: Indices) -> Callable[[nn.Module], float] | None:
        """What gives the mean loss on the validation items of classes that were seen; None without such items."""
        if self._held is None:
            return None
        x, y = self._held
        known, columns = torch.isin(y, torch.from_numpy(seen)), torch.from_numpy(seen)
        items, targets = x[known], torch.from_numpy(np.searchsorted(seen, y[known].numpy()))

        def loss(net: nn.Module) -> float:
            with torch.no_grad():
                return float(F.cross_entropy(net(items)[:, columns], targets))

        return loss if len(items) else None

    def outputs(self, items: Items, names: Collection[str]) -> dict[str, Array]:
        """What the names ask for, in one pass over the items in chunks."""
        check_names(self.name, names, self.provides, fitted=self._last is not None)
        if self._last is None:
            return {}
        check_kind(self.name, items, ("rows",))
        net, _, n_features, n_classes, seen = self._last
        reader = Reader(self.name, "rows", (n_features,), None, torch.zeros(n_features), torch.ones(n_features))
        anatomy = dissect(net, torch.zeros(2, n_features), None, n_classes, self.name)
        return infer(Fitted(net, reader, anatomy, n_classes, seen, 0), items, names, members=1, chunk=CHUNK)

    def spec(self) -> dict[str, Any]:
        """Where this class is, and every parameter."""
        parameters = {
            "hidden": list(self.hidden),
            "optimizer": self._optimizer.__name__,
            "lr": self.lr,
            "weight_decay": self.weight_decay,
            "batch_size": self.batch_size,
            "first_epochs": self.first_epochs,
            "epochs": self.epochs,
            "patience": self.patience,
            "validation": self.validation,
        }
        return {"name": f"{__name__}:Continued", "parameters": parameters}

    def save(self, folder: Path) -> None:
        """Write the weights and the optimizer's state as safetensors, all else as JSON."""
        if self._last is None:
            raise ModelError(f"{self.name} has not been trained yet; there is nothing to save.")
        net, optimizer, n_features, n_classes, seen = self._last
        tensors = {f"net.{key}": value for key, value in net.state_dict().items()}
        for place, state in optimizer.state_dict()["state"].items():
            tensors.update({f"optimizer.{place}.{key}": value for key, value in state.items()})
        document = {
            "spec": self.spec(),
            "history": self.history,
            "n_features": n_features,
            "n_classes": n_classes,
            "seen": seen.tolist(),
        }
        kept = {key: value.detach().clone().contiguous() for key, value in tensors.items()}
        write_model(folder, document, safetensors.torch.save(kept))

    def load(self, folder: Path) -> None:
        """Become the model that was saved there, ready to train on."""
        saved = read_document(folder, self.spec())
        tensors = read_weights(folder, saved, safetensors.torch.load)
        with seeded(0, HOST):
            made = self._made(saved["n_features"], saved["n_classes"], np.array(saved["seen"], dtype=np.int64))
        made.net.load_state_dict({key[4:]: value for key, value in tensors.items() if key.startswith("net.")})
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer."):
                _, place, name = key.split(".", 2)
                state.setdefault(int(place), {})[name] = value
        groups = made.optimizer.state_dict()["param_groups"]
        made.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self._last, self.history = made._replace(net=made.net.eval()), saved["history"]
