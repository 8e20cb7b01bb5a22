"""The training loop: weighted cross-entropy over the classes seen, with early stopping on held-out items if wanted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from claros.arrays import Floats, Indices
from claros.errors import InputError, ModelError
from claros.models.checks import Labeled
from claros.models.torch.options import Options, optimizer_class
from claros.models.torch.reading import Feed

__all__ = ["Trainer", "hold_out", "item_weights"]


def hold_out(labels: Indices, share: float, rng: np.random.Generator) -> tuple[Indices, Indices]:
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


class Trainer:
    """One training of a network, in place. Classes that no item has take no part in the loss.

    Half precision (``precision="auto"``) is used on CUDA alone: bfloat16, or float16 with scaled gradients on cards
    that lack it.
    """

    def __init__(
        self, net: torch.nn.Module, feed: Feed, labeled: Labeled, options: Options, rng: np.random.Generator
    ) -> None:
        self.net, self.feed, self.options, self.rng = net, feed, options, rng
        self.device = feed.reader.mean.device
        weights = item_weights(labeled, options.class_weight, feed.reader.who)
        self.weights = torch.tensor(weights, dtype=torch.float32, device=self.device)
        self.targets = torch.from_numpy(np.searchsorted(labeled.seen, labeled.labels)).to(self.device)
        self.seen = torch.from_numpy(labeled.seen).to(self.device)
        self.places, self.held = hold_out(labeled.labels, options.validation, rng)
        # Batch normalisation cannot train on a single item, so that no batch is one.
        self.n_batches = max(1, min(math.ceil(len(self.places) / options.batch_size), len(self.places) // 2))
        self.epochs = max(options.epochs, math.ceil(options.min_steps / self.n_batches))
        self.patience = math.ceil(options.patience * self.epochs / options.epochs)
        arguments = {**options.optimizer_arguments, "lr": options.lr}
        self.optimizer = optimizer_class(options.optimizer)(net.parameters(), **arguments)
        self.half = _half_precision(self.device) if options.precision == "auto" else None
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.half is torch.float16)

    def run(self, on_epoch: Callable[[int, int], None] | None = None) -> list[dict[str, Any]]:
        """Train to the end and return the history: epoch, loss, val_loss, accuracy, lr, seconds.

        ``accuracy`` is that on the validation items, or, where there are none, on the training batches as they came.
        """
        history: list[dict[str, Any]] = []
        best, best_weights, waited = math.inf, None, 0
        for epoch in range(self.epochs):
            entry = self._epoch(epoch)
            history.append(entry)
            if on_epoch is not None:
                on_epoch(epoch + 1, self.epochs)
            waited += 1
            if len(self.held) and entry["val_loss"] < best:
                best, waited = entry["val_loss"], 0
                best_weights = {name: value.detach().clone() for name, value in self.net.state_dict().items()}
            if len(self.held) and waited >= self.patience:
                break
        self.optimizer.zero_grad(set_to_none=True)
        if best_weights is not None:
            self.net.load_state_dict(best_weights)
        return history

    def _epoch(self, epoch: int) -> dict[str, Any]:
        started = time.perf_counter()
        self.net.train()
        total, right, n = 0.0, 0, len(self.places)
        for number, batch in enumerate(np.array_split(self.rng.permutation(self.places), self.n_batches)):
            rate = self._rate((epoch * self.n_batches + number) / (self.epochs * self.n_batches))
            inputs = self.feed(batch)
            if self.options.augment == "flip_crop" and inputs.ndim == 4:
                inputs = flip_crop(inputs, self.rng)
            self.optimizer.zero_grad(set_to_none=True)
            losses, n_right = self._losses(inputs, batch)
            self.scaler.scale(losses.mean()).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
            total, right = total + float(losses.detach().sum()), right + n_right
        if not math.isfinite(total):
            raise ModelError(f"Training {self.feed.reader.who} diverged in epoch {epoch + 1}; lower lr.")
        entry = {"epoch": epoch + 1, "loss": total / n, "val_loss": None, "accuracy": right / n, "lr": rate}
        if len(self.held):
            entry |= self._validation()
        return {**entry, "seconds": round(time.perf_counter() - started, 4)}

    def _losses(self, inputs: torch.Tensor, batch: Indices) -> tuple[torch.Tensor, int]:
        """Each item's weighted loss (B,), and how many of them the network has right."""
        with torch.autocast(self.device.type, dtype=self.half, enabled=self.half is not None):
            logits = self.net(inputs)
        logits, targets = logits.float()[:, self.seen], self.targets[batch]
        losses = F.cross_entropy(logits, targets, reduction="none") * self.weights[batch]
        return losses, int((logits.argmax(dim=1) == targets).sum())

    def _rate(self, done: float) -> float:
        """Set the learning rate for the share of all planned steps that is done, and return it."""
        falling = self.options.schedule == "cosine"
        rate = self.options.lr * (0.5 * (1 + math.cos(math.pi * done)) if falling else 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def _validation(self) -> dict[str, float]:
        self.net.eval()
        total, right = 0.0, 0
        with torch.no_grad():
            for start in range(0, len(self.held), self.options.chunk):
                batch = self.held[start : start + self.options.chunk]
                losses, n_right = self._losses(self.feed(batch), batch)
                total, right = total + float(losses.sum()), right + n_right
        return {"val_loss": total / len(self.held), "accuracy": right / len(self.held)}


def _half_precision(device: torch.device) -> torch.dtype | None:
    if device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def flip_crop(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Images mirrored with probability 1/2 and shifted by up to an eighth, zeros coming in; (B, channels, H, W)."""
    n, height, width = len(images), images.shape[2], images.shape[3]
    flips = torch.from_numpy(rng.random(n) < 0.5).to(images.device)
    images = torch.where(flips[:, None, None, None], images.flip(3), images)
    reach = max(1, height // 8), max(1, width // 8)
    padded = F.pad(images, (reach[1], reach[1], reach[0], reach[0]))
    down = rng.integers(0, 2 * reach[0] + 1, n)[:, None] + np.arange(height)
    right = rng.integers(0, 2 * reach[1] + 1, n)[:, None] + np.arange(width)
    rows, columns = (torch.from_numpy(index).to(images.device) for index in (down, right))
    which = torch.arange(n, device=images.device)[:, None, None]
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
