"""One training by the ``Trainer`` of transformers: weighted loss over the classes seen, in a folder that is removed."""

from __future__ import annotations

import copy
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as processes
import transformers
from torch import nn
from torch.nn import functional as F
from transformers.trainer_callback import PrinterCallback

from claros.arrays import Floats, Indices
from claros.errors import ClarosError, InputError, ModelError
from claros.models.checks import Labeled
from claros.models.hf.anatomy import logits_of
from claros.models.hf.options import Options
from claros.models.hf.reading import Features, Reader
from claros.models.model import Items
from claros.models.torch.training import hold_out, item_weights

__all__ = ["Hooks", "train", "training_arguments"]

#: What each item counts for, beside its features.
WEIGHT = "item_weight"

#: Prepared items of up to so many bytes are held in memory while training; more are read again every epoch.
HELD_BYTES = 1 << 28


@dataclass(frozen=True)
class Hooks:
    """What a caller adds to the trainer."""

    data_collator: Callable[[list[Any]], Any] | None = None
    callbacks: Sequence[Any] = ()
    compute_metrics: Callable[[Any], dict[str, float]] | None = None

    def fresh(self) -> list[Any]:
        """Callbacks without the memory of an earlier training."""
        return [one() if isinstance(one, type) else copy.deepcopy(one) for one in self.callbacks]


def training_arguments(
    who: str, options: Options, hooks: Hooks, folder: str, *, seed: int = 0, epochs: float = 1.0, evaluate: bool = True
) -> Any:
    """The trainer's arguments: the caller's over our defaults, in that folder; without evaluation if nothing is for it.

    ``epochs`` are those asked for, raised to ``min_steps``.
    """
    given = options.arguments
    strategy = given.get("eval_strategy", "epoch") if options.validation else "no"
    ours: dict[str, Any] = {
        "eval_strategy": strategy,
        "logging_strategy": "epoch",
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "save_only_model": True,
        "report_to": "none",
        "log_level": "error",
        "dataloader_pin_memory": torch.cuda.is_available(),
    }
    if options.patience is not None or any(map(_stops, hooks.callbacks)):
        best = {"load_best_model_at_end": True, "metric_for_best_model": "loss", "save_total_limit": 1}
        ours |= {**best, "save_strategy": strategy, "save_steps": given.get("eval_steps") or 500}
    fixed: dict[str, Any] = {"output_dir": folder, "seed": seed, "data_seed": seed, "num_train_epochs": epochs}
    fixed |= {"disable_tqdm": True, "remove_unused_columns": False, "label_names": ["labels"]}
    if not evaluate:
        fixed |= {"eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}
    try:
        return transformers.TrainingArguments(**{**ours, **given, **fixed})
    except (TypeError, ValueError, ImportError, KeyError) as error:
        raise InputError(f"{who}: TrainingArguments does not take these settings: {error}") from error


def _stops(callback: Any) -> bool:
    """Whether it is an ``EarlyStoppingCallback``, or such a class."""
    kind = callback if isinstance(callback, type) else type(callback)
    return issubclass(kind, transformers.EarlyStoppingCallback)


class _Labeled(torch.utils.data.Dataset):  # type: ignore[misc]
    """Labeled items as the collator wants them; held in memory if they are small, else read each time."""

    def __init__(self, reader: Reader, items: Items, labeled: Labeled, weights: Floats, places: Indices) -> None:
        self.reader, self.items = reader, items
        self.positions = labeled.positions[places]
        self.labels, self.weights = labeled.labels[places], weights[places]
        one = _bytes(reader.features(items, self.positions[:1]))
        self.held = reader.features(items, self.positions) if one * len(places) <= HELD_BYTES else None

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return self.__getitems__([place])[0]

    def __getitems__(self, places: list[int]) -> list[dict[str, Any]]:
        if self.held is not None:
            features: list[Features] = [self.held[place] for place in places]
        else:
            features = self.reader.features(self.items, self.positions[places])
        return [
            {**one, "labels": int(self.labels[place]), WEIGHT: float(self.weights[place])}
            for one, place in zip(features, places, strict=True)
        ]


def _bytes(features: list[Features]) -> int:
    return sum(np.asarray(value).nbytes for one in features for value in one.values())


class _Trainer(transformers.Trainer):  # type: ignore[misc]
    """The trainer, with a loss that knows weights, and the classes that no label was given for."""

    loss_is_scaled_for_ga = False

    def __init__(self, *, labeled: Labeled, **given: Any) -> None:
        super().__init__(**given)
        self._seen = torch.from_numpy(labeled.seen).to(self.args.device)
        places = np.searchsorted(labeled.seen, np.arange(labeled.n_classes))
        self._places = torch.from_numpy(places).to(self.args.device)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean of the items' weighted cross-entropies over the classes seen."""
        given = {name: value for name, value in inputs.items() if name not in ("labels", WEIGHT)}
        logits = logits_of(model(**given))
        losses = F.cross_entropy(
            logits.float()[:, self._seen],
            self._places[inputs["labels"]],
            reduction="none",
            label_smoothing=self.args.label_smoothing_factor,
        )
        loss = (losses * inputs[WEIGHT]).mean()
        return (loss, {"loss": loss, "logits": logits}) if return_outputs else loss


class _Progress(transformers.TrainerCallback):  # type: ignore[misc]
    """Tells a listener of every epoch."""

    def __init__(self, listener: Callable[[int, int], None]) -> None:
        self.listener = listener

    def on_epoch_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Epochs done, and planned."""
        self.listener(round(state.epoch), math.ceil(state.num_train_epochs))


def train(
    net: nn.Module,
    reader: Reader,
    items: Items,
    labeled: Labeled,
    options: Options,
    hooks: Hooks,
    rng: np.random.Generator,
    *,
    who: str,
    on_epoch: Callable[[int, int], None] | None,
) -> tuple[nn.Module, list[dict[str, Any]]]:
    """The trained network, on the trainer's device, and the trainer's ``log_history`` as JSON.

    To be called where global states are kept. Of several processes each must call it, with the same arguments.
    """
    weights = item_weights(labeled, options.class_weight, who)
    places, held = hold_out(labeled.labels, options.validation, rng)
    seed = int(rng.integers(2**31 - 1))
    with tempfile.TemporaryDirectory(prefix="claros-hf-") as folder:
        args = training_arguments(
            who,
            options,
            hooks,
            _shared(folder),
            seed=seed,
            epochs=_epochs(options, len(places)),
            evaluate=len(held) > 0,
        )
        if len(places) % args.train_batch_size == 1 and _normalises(net):
            # Batch normalisation cannot train on a single item, so that no batch is one.
            args.per_device_train_batch_size = _without_single(len(places), args.per_device_train_batch_size)
        with _explained(who, args):
            trainer = _Trainer(
                labeled=labeled,
                model=net,
                args=args,
                data_collator=_collator(reader, hooks.data_collator),
                train_dataset=_Labeled(reader, items, labeled, weights, places),
                eval_dataset=_Labeled(reader, items, labeled, weights, held) if len(held) else None,
                processing_class=reader.processor,
                compute_metrics=hooks.compute_metrics,
                callbacks=_callbacks(options, hooks, on_epoch, evaluate=len(held) > 0),
            )
            trainer.remove_callback(PrinterCallback)
            trainer.train()
        trained = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False, keep_torch_compile=False)
        history = [_plain(entry) for entry in trainer.state.log_history]
        _wait()
    trained.zero_grad(set_to_none=True)
    if not all(bool(torch.isfinite(value).all()) for value in trained.parameters()):
        raise ModelError(f"Training {who} diverged; lower learning_rate.")
    return trained.eval(), history


@contextmanager
def _explained(who: str, args: Any) -> Iterator[None]:
    """What the trainer raises as one sentence that says whose training it was."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise ModelError(
            f"{who} ran out of memory while training on batches of {args.per_device_train_batch_size} items; lower "
            "per_device_train_batch_size, raise gradient_accumulation_steps, or choose a smaller network."
        ) from error
    except (ValueError, RuntimeError, IndexError) as error:
        if isinstance(error, ClarosError):
            raise
        raise ModelError(f"Training {who} failed: {error}") from error


def _epochs(options: Options, n: int) -> float:
    """Passes over the items: those asked for, or as many as ``min_steps`` take."""
    given = options.arguments
    batch = given["per_device_train_batch_size"] * max(1, torch.cuda.device_count())
    steps = max(1, math.ceil(math.ceil(n / batch) / given["gradient_accumulation_steps"]))
    return max(float(given["num_train_epochs"]), float(math.ceil(options.min_steps / steps)))


def _normalises(net: nn.Module) -> bool:
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in net.modules())


def _without_single(n: int, batch: int) -> int:
    """The largest batch up to that size that leaves no single item over; two at least."""
    return next((size for size in range(batch, 1, -1) if n % size != 1), max(2, n))


def _callbacks(
    options: Options, hooks: Hooks, on_epoch: Callable[[int, int], None] | None, *, evaluate: bool
) -> list[Any]:
    callbacks = [one for one in hooks.fresh() if evaluate or not _stops(one)]
    if options.patience is not None and evaluate:
        callbacks.append(transformers.EarlyStoppingCallback(options.patience))
    return callbacks if on_epoch is None else [*callbacks, _Progress(on_epoch)]


def _collator(reader: Reader, given: Callable[[list[Any]], Any] | None) -> Callable[[list[dict[str, Any]]], Any]:
    """Ours, or the caller's over features with labels; and the weights beside what it gives."""

    def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
        weights = torch.tensor([one[WEIGHT] for one in features], dtype=torch.float32)
        if given is not None:
            batch = given([{name: value for name, value in one.items() if name != WEIGHT} for one in features])
            return {**batch, WEIGHT: weights}
        labels = torch.tensor([one["labels"] for one in features])
        plain = [{name: value for name, value in one.items() if name not in (WEIGHT, "labels")} for one in features]
        return {**reader.batch(plain), "labels": labels, WEIGHT: weights}

    return collate


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    """One entry of the log as JSON; what is no finite number becomes None."""
    values = {name: value.item() if hasattr(value, "item") else value for name, value in entry.items()}
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
        if isinstance(value, str | int | float | None)
    }


def _several() -> bool:
    return bool(processes.is_available() and processes.is_initialized() and processes.get_world_size() > 1)


def _shared(folder: str) -> str:
    """The first process's folder, in all of them."""
    if not _several():
        return str(Path(folder) / "trainer")
    found = [folder]
    processes.broadcast_object_list(found, src=0)
    return str(Path(found[0]) / "trainer")


def _wait() -> None:
    """Nobody removes the folder while another process still reads."""
    if _several():
        processes.barrier()
