"""What can be set about training and inference of a torch model, checked when it is made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch

from claros.errors import InputError, suggest
from claros.strategy import check_parameters

__all__ = ["Options", "optimizer_class"]

_CHOICES = {"schedule": ("cosine", "constant"), "augment": ("none", "flip_crop"), "precision": ("auto", "full")}
_AT_LEAST = {"epochs": 1, "min_steps": 0, "batch_size": 1, "patience": 1, "members": 1, "chunk": 1}


@dataclass(frozen=True)
class Options:
    """Settings of a `claros.models.torch.TorchModel`; all of them JSON."""

    optimizer: str = "AdamW"
    """A class of ``torch.optim``, in any case of letters."""
    lr: float = 1e-3
    """Learning rate, the highest where there is a schedule."""
    optimizer_arguments: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the optimizer, as ``{"weight_decay": 0.01}``."""
    schedule: str = "cosine"
    """``cosine``: the learning rate falls to 0 over the planned steps; or ``constant``."""
    epochs: int = 30
    """Passes over the labeled items ..."""
    min_steps: int = 200
    """... raised until there are so many steps, as 30 passes over 20 items would hardly train; patience is, too."""
    batch_size: int = 32
    """Items a step, at most; batches of one epoch are of equal size within one, and of two items at least."""
    validation: float = 0.0
    """Share of the labeled items that is held out, spread over the classes, to stop training early; 0 for none."""
    patience: int = 5
    """Epochs without a better validation loss before training stops; the best weights are restored."""
    class_weight: str | list[float] | None = None
    """Weights of the classes in the loss: ``balanced``, or one number a class."""
    augment: str = "none"
    """``flip_crop``: mirrored at random and shifted by up to an eighth, in training only."""
    normalise: str | Mapping[str, list[float]] = "training items"
    """Mean and deviation per channel or feature: of the items trained on, or ``{"mean": [...], "std": [...]}``."""
    image_size: int | None = None
    """Images are resized to so many pixels a side; None leaves them as they are."""
    layer: str | None = None
    """The layer whose output are the embeddings; None for the input of the last linear layer."""
    members: int = 10
    """How many members Monte Carlo dropout gives."""
    device: str = "auto"
    """``auto`` (CUDA, else Apple's, else the processor), or a name that torch knows, as ``cuda:1``."""
    precision: str = "auto"
    """``auto``: training in half precision on CUDA; or ``full``. Inference is float32 always."""
    chunk: int = 256
    """Items in one pass of inference."""
    warm: bool = False
    """Whether training goes on from the last weights; a new number of classes starts anew."""

    @classmethod
    def of(cls, who: str, given: Mapping[str, Any]) -> Options:
        """The options given over the defaults, every one checked."""
        defaults = asdict(cls())
        free = {"class_weight", "normalise", "image_size", "layer", "optimizer_arguments"}
        known = {name: None if name in free else value for name, value in defaults.items()}
        checked = check_parameters(who, known, given, _CHOICES)
        options = cls(**{**defaults, **{name: checked[name] for name in given}})
        options._check(who)
        return options

    def _check(self, who: str) -> None:
        for name, least in _AT_LEAST.items():
            if getattr(self, name) < least:
                raise InputError(f"{who}: {name} must be at least {least}; got {getattr(self, name)!r}.")
        if not 0 <= self.validation < 1:
            raise InputError(f"{who}: validation must be a share from 0 to less than 1; got {self.validation!r}.")
        if self.lr <= 0:
            raise InputError(f"{who}: lr must be positive; got {self.lr!r}.")
        if isinstance(self.class_weight, str) and self.class_weight != "balanced":
            raise InputError(
                f"{who}: class_weight must be 'balanced' or one number a class; got {self.class_weight!r}."
            )
        if not (self.normalise == "training items" or _is_mean_and_std(self.normalise)):
            raise InputError(
                f"{who}: normalise must be 'training items' or {{'mean': [...], 'std': [...]}}; got {self.normalise!r}."
            )
        try:
            optimizer_class(self.optimizer)([torch.zeros(1)], lr=self.lr, **self.optimizer_arguments)
        except (TypeError, ValueError) as error:
            raise InputError(f"{who}: {self.optimizer} does not take these arguments: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """All of them, defaults written out."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @staticmethod
    def names() -> list[str]:
        """The names of all options."""
        return [one.name for one in fields(Options)]


def _is_mean_and_std(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"mean", "std"} and all(one > 0 for one in value["std"])


def optimizer_class(name: str) -> type[torch.optim.Optimizer]:
    """The class of ``torch.optim`` of that name, in any case of letters."""
    known: dict[str, type[torch.optim.Optimizer]] = {
        key: value
        for key, value in vars(torch.optim).items()
        # These two need what our loop does not give: a closure, sparse gradients.
        if isinstance(value, type) and issubclass(value, torch.optim.Optimizer) and key not in _UNFIT
    }
    for key, value in known.items():
        if key.lower() == name.lower():
            return value
    raise InputError(suggest(name, known, "optimizer"))


_UNFIT = ("Optimizer", "LBFGS", "SparseAdam")
