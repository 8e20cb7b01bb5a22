"""What can be set about training and inference of a torch model, checked when it is made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch

from claros.errors import InputError, suggest
from claros.models.torch.augment import check_augment
from claros.strategy import check_parameters

__all__ = ["Options", "optimizer_class"]

_CHOICES = {
    "schedule": ("cosine", "constant"),
    "precision": ("auto", "full", "bfloat16"),
    "members_from": ("dropout", "ensemble", "snapshots", "laplace"),
    "laplace": ("auto", "full", "kronecker"),
    "boundary": ("deepfool", "head"),
}
_AT_LEAST = {"epochs": 1, "min_steps": 0, "batch_size": 1, "patience": 1, "members": 1, "chunk": 1, "save_every": 0}
_AT_LEAST |= {"boundary_steps": 1, "boundary_classes": 2, "learned_loss_width": 1}
_POSITIVE = ("lr", "boundary_epsilon", "learned_loss_weight", "learned_loss_margin")
#: What may have values of several kinds, and is checked by itself.
_FREE = (
    "class_weight",
    "normalise",
    "image_size",
    "layer",
    "optimizer_arguments",
    "augment",
    "temperature",
    "prior_precision",
    "learned_loss_layers",
)


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
    augment: str | Mapping[str, float] = "none"
    """Images changed at random, in training only: ``{"flip": 0.5, "crop": 0.125, "rotate": 15}``, or some of it.

    ``flip``: the chance to be mirrored; ``crop``: padded on every side by such a share, or by so many pixels, and cut
    at random to the size it had; ``rotate``: turned by up to so many degrees. ``flip_crop`` is the first two; or a
    function of your own (images, rng) -> images by its name, ``package.module:function``.
    """
    normalise: str | Mapping[str, list[float]] = "training items"
    """Mean and deviation per channel or feature: of the items trained on, or ``{"mean": [...], "std": [...]}``."""
    image_size: int | None = None
    """Images are resized to so many pixels a side; None leaves them as they are."""
    layer: str | None = None
    """The layer whose output are the embeddings; None for the input of the last linear layer."""
    members: int = 10
    """How many members there are in ``member_probs`` ..."""
    members_from: str = "dropout"
    """... and what they are: ``dropout`` (passes with units dropped), ``ensemble`` (so many networks, each trained from
    weights and an order of its own), ``snapshots`` (one training in so many cycles of the learning rate, a network
    from the end of each), ``laplace`` (samples of the last layer's posterior).

    With ``ensemble`` and ``snapshots`` the prediction is the mean of the members, and there is no head to provide.
    """
    laplace: str = "auto"
    """The posterior's precision: ``full``, by its two ``kronecker`` factors, or ``auto``: full up to 1,024 weights."""
    prior_precision: float | None = None
    """Of the last layer's weights, for ``laplace``; None for the one that the marginal likelihood prefers."""
    temperature: str | float | None = None
    """What logits are divided by; ``auto``: what makes the held-out labels likeliest, those drawn at random alone where
    a campaign says which ones are."""
    device: str = "auto"
    """``auto`` (CUDA, else Apple's, else the processor), or a name that torch knows, as ``cuda:1``."""
    precision: str = "auto"
    """``auto``: training in half precision on CUDA; ``full``; or ``bfloat16`` anywhere. Inference is float32 always."""
    compile: str = "off"
    """Training by ``torch.compile``: ``auto`` where there is CUDA, or the name of a backend, as ``inductor``."""
    accelerate: bool = False
    """Whether a script that `accelerate` (or torchrun) has started several times trains and predicts together."""
    chunk: int = 256
    """Items in one pass of inference."""
    warm: bool = False
    """Whether training goes on from the last weights; a new number of classes starts anew."""
    boundary: str = "deepfool"
    """What ``boundary_distance`` is: DeepFool's, from the input; or ``head``, from the embeddings, in closed form."""
    boundary_steps: int = 50
    """Steps after which DeepFool and BIM take it that an item's prediction does not change."""
    boundary_classes: int = 10
    """Classes whose boundaries DeepFool looks at: the predicted one and those most likely after it."""
    boundary_epsilon: float = 0.05
    """How far a step of BIM moves each value of an item, in standard deviations."""
    learned_loss: bool = False
    """Whether a module beside the network learns to predict its loss, for ``predicted_loss``; see ``loss_head``."""
    learned_loss_layers: list[str] | None = None
    """Layers whose outputs it looks at; None for the last layers of each width and resolution, four at most."""
    learned_loss_width: int = 128
    """Units that it makes of each layer."""
    learned_loss_weight: float = 1.0
    """What its loss counts beside the network's."""
    learned_loss_margin: float = 1.0
    """By how much two predictions should be apart."""
    learned_loss_detach: float = 0.6
    """Share of the epochs after which its gradient no longer reaches the network."""
    save_every: float = 30.0
    """Seconds between two states of a campaign's training, from which it goes on if killed; 0: every epoch."""

    @classmethod
    def of(cls, who: str, given: Mapping[str, Any]) -> Options:
        """The options given over the defaults, every one checked."""
        defaults = asdict(cls())
        known = {name: None if name in _FREE else value for name, value in defaults.items()}
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
        for name in _POSITIVE:
            if getattr(self, name) <= 0:
                raise InputError(f"{who}: {name} must be positive; got {getattr(self, name)!r}.")
        self._check_learned_loss(who)
        self._check_members(who)
        self._check_temperature(who)
        check_augment(self.augment, who)
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

    def _check_learned_loss(self, who: str) -> None:
        share, layers = self.learned_loss_detach, self.learned_loss_layers
        if not 0 <= share <= 1:
            raise InputError(f"{who}: learned_loss_detach must be a share from 0 to 1; got {share!r}.")
        if layers is not None and not (isinstance(layers, list) and all(isinstance(name, str) for name in layers)):
            raise InputError(
                f"{who}: learned_loss_layers must be a list of layers' names, or left out; got {layers!r}."
            )
        if self.learned_loss and (self.accelerate or self.compile != "off"):
            raise InputError(f"{who}: learned_loss goes with neither accelerate nor compile; leave them out.")

    def _check_members(self, who: str) -> None:
        prior = self.prior_precision
        if prior is not None and not (_is_number(prior) and prior > 0):
            raise InputError(f"{who}: prior_precision must be a positive number, or left out; got {prior!r}.")
        if self.members_from == "snapshots" and self.schedule != "cosine":
            raise InputError(f"{who}: members_from='snapshots' needs schedule='cosine', whose cycles it cuts.")

    def _check_temperature(self, who: str) -> None:
        given = self.temperature
        if given not in (None, "auto") and not (_is_number(given) and float(given) > 0):
            raise InputError(f"{who}: temperature must be 'auto' or a positive number, or left out; got {given!r}.")
        if given == "auto" and self.validation == 0:
            raise InputError(f"{who}: temperature='auto' needs held-out labels; give validation a share, as 0.2.")

    def to_json(self) -> dict[str, Any]:
        """All of them, defaults written out."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @staticmethod
    def names() -> list[str]:
        """The names of all options."""
        return [one.name for one in fields(Options)]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


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
