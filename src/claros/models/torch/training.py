"""The training loop: weighted cross-entropy over the classes seen, with early stopping on held-out items if wanted."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from claros.arrays import Floats, Indices
from claros.errors import InputError, ModelError
from claros.models.checks import Labeled
from claros.models.torch import unfinished as states
from claros.models.torch.augment import augmentation
from claros.models.torch.chunks import in_chunks
from claros.models.torch.engine import make_engine
from claros.models.torch.loss_head import Features, loss_head, ranking_loss, watched
from claros.models.torch.options import Options, optimizer_class
from claros.models.torch.reading import Feed
from claros.models.torch.seeding import reseed
from claros.models.torch.unfinished import Unfinished

__all__ = ["Split", "Trainer", "hold_out", "item_weights"]

Split = tuple[Indices, Indices]
"""Places of labeled items to train on, and to validate on."""


def hold_out(labels: Indices, share: float, rng: np.random.Generator) -> Split:
    """Places to train on and places to validate on, spread over the classes; every class keeps one to train on.

    A systematic sample of the items sorted by class: a class of n items gives n·share of them, within one.
    """
    n = len(labels)
    order = rng.permutation(n)
    order = order[np.argsort(labels[order], kind="stable")]
    count = int(share * n)
    held = order[((np.arange(count) + rng.random()) * n / max(1, count)).astype(np.int64)]
    for code in np.setdiff1d(labels[held], np.delete(labels, held)):
        held = np.delete(held, np.flatnonzero(labels[held] == code)[0])
    return np.setdiff1d(np.arange(n), held), np.sort(held)


def item_weights(labeled: Labeled, class_weight: str | list[float] | None, who: str) -> Floats:
    """What each item counts for in the loss, mean 1: its own weight times that of its class; (L,)."""
    weights: Floats = np.ones(len(labeled.labels)) if labeled.weights is None else labeled.weights
    if class_weight is not None:
        if isinstance(class_weight, str):
            per_class = 1.0 / np.maximum(np.bincount(labeled.labels, minlength=labeled.n_classes), 1)
        else:
            per_class = np.asarray(class_weight, dtype=np.float64)
        if per_class.shape != (labeled.n_classes,) or not (per_class >= 0).all():
            raise InputError(f"{who}: class_weight must be {labeled.n_classes} numbers, none negative.")
        weights = weights * per_class[labeled.labels]
        if not weights.any():
            raise InputError(f"{who}: class_weight must not be 0 for every class that is labeled.")
    normalised: Floats = weights / weights.mean()
    return normalised


@dataclass
class _Reached:
    """How far a training is: what it remembers from one epoch to the next beside the network and its optimizer."""

    history: list[dict[str, Any]] = field(default_factory=list)
    best: float = math.inf
    best_weights: dict[str, torch.Tensor] | None = None
    waited: int = 0
    snapshots: list[dict[str, torch.Tensor]] = field(default_factory=list)


class Trainer:
    """One training of a network, in place. Classes that no item has take no part in the loss.

    Half precision (``precision="auto"``) is used on CUDA alone: bfloat16, or float16 with scaled gradients on cards
    that lack it. With ``members_from="snapshots"`` the learning rate falls anew for each member, training is not
    stopped early, and ``snapshots`` has the weights at the ends of all cycles but the last, whose are the network's.
    """

    def __init__(
        self,
        net: torch.nn.Module,
        feed: Feed,
        labeled: Labeled,
        options: Options,
        rng: np.random.Generator,
        split: Split | None = None,
    ) -> None:
        self.net, self.feed, self.options, self.rng = net, feed, options, rng
        self.device = feed.reader.mean.device
        self.item_weights = item_weights(labeled, options.class_weight, feed.reader.who)
        self.weights = torch.tensor(self.item_weights, dtype=torch.float32, device=self.device)
        self.targets = torch.from_numpy(np.searchsorted(labeled.seen, labeled.labels)).to(self.device)
        self.seen = torch.from_numpy(labeled.seen).to(self.device)
        self.places, self.held = split or hold_out(labeled.labels, options.validation, rng)
        # Batch normalisation cannot train on a single item, so that no batch is one.
        self.n_batches = max(1, min(math.ceil(len(self.places) / options.batch_size), len(self.places) // 2))
        self.n_cycles = options.members if options.members_from == "snapshots" else 1
        self.epochs = max(options.epochs, math.ceil(options.min_steps / self.n_batches), self.n_cycles)
        self.cycle_ends = [self.epochs * cycle // self.n_cycles for cycle in range(1, self.n_cycles + 1)]
        self.patience = math.ceil(options.patience * self.epochs / options.epochs)
        self.stops_early = len(self.held) > 0 and self.n_cycles == 1
        self.augment = augmentation(options.augment, feed.reader.in_shape, feed.reader.who)
        arguments = {**options.optimizer_arguments, "lr": options.lr}
        self.optimizer = optimizer_class(options.optimizer)(net.parameters(), **arguments)
        self.engine = make_engine(net, self.optimizer, self.device, options)
        self.seed = torch.initial_seed()
        self.reached = _Reached()

    @property
    def snapshots(self) -> list[dict[str, torch.Tensor]]:
        """Weights at the ends of cycles, in order, without the last."""
        return self.reached.snapshots

    def run(
        self,
        on_epoch: Callable[[int, int], None] | None = None,
        unfinished: Unfinished | None = None,
        place: str = "0",
        about: str = "",
    ) -> list[dict[str, Any]]:
        """Train to the end and return the history: epoch, loss, val_loss, accuracy, lr, seconds.

        ``accuracy`` is that on the validation items, or, where there are none, on the training batches as they came.
        States are written to the ``place`` in ``unfinished`` as time passes; where there is one of a training that was
        about the same, started from the same weights with the same stream, it goes on from there.
        """
        unfinished = unfinished or Unfinished()
        key = self._key(about) if unfinished.kept else ""
        saved = unfinished.read(place, key)
        if saved is not None:
            self._restore(*saved)
        reached = self.reached
        try:
            while not self._ended():
                self._epoch(len(reached.history))
                if self.engine.rank == 0 and unfinished.due(self._ended()):
                    unfinished.write(place, key, *self._state())
                if on_epoch is not None:
                    on_epoch(len(reached.history), self.epochs)
            self.optimizer.zero_grad(set_to_none=True)
        finally:
            self.engine.close()
        if reached.best_weights is not None:
            self.net.load_state_dict(reached.best_weights)
        return reached.history

    def _ended(self) -> bool:
        early = self.stops_early and self.reached.waited >= self.patience
        return early or len(self.reached.history) >= self.epochs

    def _epoch(self, epoch: int) -> None:
        """One pass over the items, and what it comes to."""
        started, reached = time.perf_counter(), self.reached
        entry = self._pass(epoch)
        if len(self.held):
            entry |= self._validation()
        reached.history.append({**entry, "seconds": round(time.perf_counter() - started, 4)})
        reached.waited += 1
        if self.stops_early and entry["val_loss"] < reached.best:
            reached.best, reached.waited, reached.best_weights = entry["val_loss"], 0, self._weights()
        if epoch + 1 in self.cycle_ends[:-1]:
            reached.snapshots.append(self._weights())

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: value.detach().clone() for name, value in self.net.state_dict().items()}

    def _pass(self, epoch: int) -> dict[str, Any]:
        self.net.train()
        total, right, n, draws = 0.0, 0.0, len(self.places), self._draws(epoch)
        for number, batch in enumerate(np.array_split(self.rng.permutation(self.places), self.n_batches)):
            rate = self._rate(epoch, number)
            mine = self.engine.share(batch)
            inputs = self.feed(mine)
            if self.augment is not None:
                inputs = self.augment(inputs, draws)
            with watched(self.net) as features:
                losses, n_right = self._losses(inputs, mine)
            self.engine.step(losses + self._ranking(features, losses, mine, epoch), len(batch))
            counts = 1.0 / self.engine.world if len(mine) == len(batch) else 1.0
            total, right = total + counts * float(losses.detach().sum()), right + counts * n_right
        self.engine.agree(self.net)
        total, right = self.engine.total(total), self.engine.total(right)
        if not math.isfinite(total):
            raise ModelError(f"Training {self.feed.reader.who} diverged in epoch {epoch + 1}; lower lr.")
        return {"epoch": epoch + 1, "loss": total / n, "val_loss": None, "accuracy": right / n, "lr": rate}

    def _draws(self, epoch: int) -> np.random.Generator:
        """What augmentation draws from. Of several processes, which keep one order, each has chances of its own."""
        if self.engine.world == 1:
            return self.rng
        own = np.random.default_rng([self.seed, epoch, self.engine.rank])
        reseed(int(own.integers(2**63 - 1)), self.device)
        return own

    def _losses(self, inputs: torch.Tensor, batch: Indices) -> tuple[torch.Tensor, int]:
        """Each item's weighted loss (B,), and how many of them the network has right."""
        logits, targets = self.engine.logits(inputs)[:, self.seen], self.targets[batch]
        losses = F.cross_entropy(logits, targets, reduction="none") * self.weights[batch]
        return losses, int((logits.argmax(dim=1) == targets).sum())

    def _ranking(self, features: Features, losses: torch.Tensor, batch: Indices, epoch: int) -> torch.Tensor | float:
        """What the module beside the network adds to the loss, 0 without one; in the end nothing moves the network."""
        head = loss_head(self.net)
        if head is None:
            return 0.0
        if epoch >= self.options.learned_loss_detach * self.epochs:
            features = {name: value.detach() for name, value in features.items()}
        plain = losses.detach() / self.weights[batch].clamp(min=1e-12)
        ranking = ranking_loss(head.predicted(features), plain, self.options.learned_loss_margin)
        return self.options.learned_loss_weight * ranking

    def _rate(self, epoch: int, number: int) -> float:
        """Set the learning rate for a step by the share of its cycle that is done, and return it."""
        end = next(end for end in self.cycle_ends if end > epoch)
        start = max((other for other in self.cycle_ends if other <= epoch), default=0)
        done = ((epoch - start) * self.n_batches + number) / ((end - start) * self.n_batches)
        falling = self.options.schedule == "cosine"
        rate = self.options.lr * (0.5 * (1 + math.cos(math.pi * done)) if falling else 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def _validation(self) -> dict[str, float]:
        self.net.eval()

        def held(start: int, stop: int) -> tuple[float, int]:
            batch = self.held[start:stop]
            losses, n_right = self._losses(self.feed(batch), batch)
            return float(losses.sum()), n_right

        with torch.no_grad():
            parts = in_chunks(held, range(len(self.held)), self.options.chunk, self.feed.reader.who)
        total = sum(loss for loss, _ in parts)
        mean = self.engine.total(total) / self.engine.world  # so that all processes stop at the same epoch
        return {"val_loss": mean / len(self.held), "accuracy": sum(right for _, right in parts) / len(self.held)}

    def _key(self, about: str) -> str:
        """All that this training depends on, before its first step, as one number."""
        digest = hashlib.sha256(about.encode())
        digest.update(json.dumps(states.random_state(self.rng, self.device)[0], sort_keys=True).encode())
        for name, value in self.net.state_dict().items():
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()

    def _state(self) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        """Everything that the epochs to come depend on, as JSON and tensors."""
        reached = self.reached
        remembered, numbers = states.optimizer_state(self.optimizer)
        rng, generators = states.random_state(self.rng, self.device)
        parts = {"net": self.net.state_dict(), "optimizer": remembered, "random": generators}
        parts |= {f"snapshot{place}": weights for place, weights in enumerate(reached.snapshots)}
        if reached.best_weights is not None:
            parts["best"] = reached.best_weights
        document = {
            "history": reached.history,
            "best": reached.best if math.isfinite(reached.best) else None,
            "waited": reached.waited,
            "optimizer": numbers,
            "rng": rng,
            "seed": self.seed,
            "engine": self.engine.state(),
        }
        return document, states.joined(parts)

    def _restore(self, document: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a state."""
        parts = states.parted(tensors)
        self.net.load_state_dict(parts["net"])
        states.restore_optimizer(self.optimizer, parts.get("optimizer", {}), document["optimizer"])
        states.restore_random_state(self.rng, self.device, document["rng"], parts["random"])
        self.engine.restore(document["engine"])
        self.seed = document["seed"]
        self.reached = _Reached(
            history=document["history"],
            best=math.inf if document["best"] is None else document["best"],
            best_weights=parts.get("best"),
            waited=document["waited"],
            snapshots=[parts[f"snapshot{place}"] for place in range(self.n_cycles) if f"snapshot{place}" in parts],
        )
