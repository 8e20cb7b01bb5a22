"""What can be set: a few settings of ours, and every field of ``transformers.TrainingArguments``."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from transformers import TrainingArguments

from claros.errors import InputError, suggest
from claros.strategy import check_parameters

__all__ = ["Options"]

_AT_LEAST = {"min_steps": 0, "members": 1, "chunk": 1, "max_length": 1, "patience": 1}

#: Fields of TrainingArguments that are written out in every specification, so that a new default changes no old one.
PINNED = (
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "gradient_accumulation_steps",
    "label_smoothing_factor",
    "learning_rate",
    "lr_scheduler_type",
    "max_grad_norm",
    "max_steps",
    "num_train_epochs",
    "optim",
    "per_device_train_batch_size",
    "warmup_steps",
    "weight_decay",
)

#: Fields that are not the caller's, and why.
OURS: Mapping[str, str] = {
    "output_dir": "the trainer works in a temporary folder, which is removed; save() keeps the model",
    "logging_dir": "the trainer works in a temporary folder, which is removed",
    "seed": "it comes from rng",
    "data_seed": "it comes from rng",
    "remove_unused_columns": "batches hold what the network reads",
    "label_names": "the labels are those of the campaign",
    "resume_from_checkpoint": "an interrupted training starts anew; warm=True goes on from the last round",
    "push_to_hub": "nothing is uploaded",
    "disable_tqdm": "progress is shown by on_epoch",
    "include_for_metrics": "metrics are given logits and labels",
}


#: What our other networks call the same, which is understood; and what they take in other words, which is not.
ALIASES: Mapping[str, str] = {
    "batch_size": "per_device_train_batch_size",
    "epochs": "num_train_epochs",
    "lr": "learning_rate",
}
CALLED: Mapping[str, str] = {"optimizer": "optim", "schedule": "lr_scheduler_type"}


@dataclass(frozen=True)
class Options:
    """Settings of a `claros.models.HFModel` beside those of ``TrainingArguments``; all of them JSON."""

    pretrained: bool = True
    """Whether training starts from the checkpoint's weights, or from random ones of its configuration."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the network's configuration to change, as ``{"hidden_dropout_prob": 0.2}``."""
    max_length: int | None = None
    """Longer texts are cut to so many tokens; None for as many as the network reads."""
    max_seconds: float = 30.0
    """Longer sounds are cut."""
    min_steps: int = 200
    """Epochs are added until there are so many steps, as 3 epochs of 20 items would hardly train; 0 for never."""
    validation: float = 0.0
    """Share of the labeled items that is held out, spread over the classes, to be evaluated on every epoch."""
    patience: int | None = None
    """Evaluations without an improvement before training stops; the best weights are restored. Needs validation."""
    class_weight: str | list[float] | None = None
    """Weights of the classes in the loss: ``balanced``, or one number a class."""
    members: int = 10
    """How many members Monte Carlo dropout gives."""
    chunk: int = 64
    """Items in one pass of inference."""
    warm: bool = False
    """Whether training goes on from the last weights; a new number of classes starts anew."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Fields of ``transformers.TrainingArguments``; they are given beside the others, not under this name."""

    @classmethod
    def of(cls, who: str, given: Mapping[str, Any]) -> Options:
        """Ours and the trainer's settings from one flat mapping, every one checked."""
        mine = {key: value for key, value in asdict(cls()).items() if key != "arguments"}
        native = {one.name: _plain(one.default) for one in fields(TrainingArguments) if one.init}
        given = _renamed(who, given)
        for name in given:
            if name not in mine:
                _check_native(who, name, [*mine, *native])
        free = {"config", "max_length", "patience", "class_weight"}
        known = {name: None if name in free else value for name, value in mine.items()} | _kinds(native)
        checked = check_parameters(who, known, {name: _plain(value) for name, value in given.items()})
        arguments = {name: checked[name] for name in given if name not in mine}
        pinned = {name: native[name] for name in PINNED}
        options = cls(
            **{**mine, **{name: checked[name] for name in given if name in mine}}, arguments=pinned | arguments
        )
        options._check(who)
        return options

    def _check(self, who: str) -> None:
        for name, least in _AT_LEAST.items():
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and value >= least):
                raise InputError(f"{who}: {name} must be a whole number, at least {least}; got {value!r}.")
        for name in ("per_device_train_batch_size", "gradient_accumulation_steps"):
            if self.arguments[name] < 1:
                raise InputError(f"{who}: {name} must be at least 1; got {self.arguments[name]!r}.")
        if not 0 <= self.validation < 1:
            raise InputError(f"{who}: validation must be a share from 0 to less than 1; got {self.validation!r}.")
        if self.max_seconds <= 0:
            raise InputError(f"{who}: max_seconds must be positive; got {self.max_seconds!r}.")
        evaluates = self.arguments.get("eval_strategy", "no") != "no" or self.patience is not None
        if evaluates and self.validation == 0:
            raise InputError(f"{who}: evaluation needs items to evaluate on; pass validation=0.1, say.")
        if not isinstance(self.config, Mapping):
            raise InputError(f"{who}: config must map names of the configuration to values; got {self.config!r}.")
        if isinstance(self.class_weight, str) and self.class_weight != "balanced":
            raise InputError(
                f"{who}: class_weight must be 'balanced' or one number a class; got {self.class_weight!r}."
            )

    def to_json(self) -> dict[str, Any]:
        """All of them flat, as they are given, defaults written out."""
        mine = asdict(self)
        arguments = mine.pop("arguments")
        return json.loads(json.dumps({**mine, **arguments}))  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _renamed(who: str, given: Mapping[str, Any]) -> dict[str, Any]:
    for name, native in ALIASES.items():
        if name in given and native in given:
            raise InputError(f"{who}: {name} and {native} are the same; give one of them.")
    return {ALIASES.get(name, name): value for name, value in given.items()}


def _check_native(who: str, name: str, known: list[str]) -> None:
    """Raise for a name that is neither ours nor a field of the trainer's that a caller may set."""
    if name in CALLED:
        raise InputError(f"{who}: {name} is called {CALLED[name]} here, as in transformers.TrainingArguments.")
    if name in OURS:
        raise InputError(f"{who}: {name} of TrainingArguments cannot be set here: {OURS[name]}.")
    if name not in known:
        parts = set(name.lower().split("_"))  # of the trainer's hundred fields those that look alike
        near = [one for one in known if parts & set(one.split("_")) and one not in OURS]
        mine = [one.name for one in fields(Options) if one.name != "arguments"]
        raise InputError(f"{who}: {suggest(name, near or mine, 'parameter')}")


def _kinds(native: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with a value of their kind where they are numbers or truth values; None where they take several kinds."""
    annotated = {one.name: one.type for one in fields(TrainingArguments)}
    return {
        name: float(value)
        if annotated[name] in (float, "float")
        else value
        if annotated[name] in (int, "int", bool, "bool")
        else None
        for name, value in native.items()
    }
