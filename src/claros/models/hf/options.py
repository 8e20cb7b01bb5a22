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
        native = {one.name: one.default for one in fields(TrainingArguments) if one.init}
        for name in given:
            if name in OURS:
                raise InputError(f"{who}: {name} of TrainingArguments cannot be set here: {OURS[name]}.")
            if name not in mine and name not in native:
                raise InputError(f"{who}: {suggest(name, _near(name, [*mine, *native]), 'parameter')}")
        free = {"config", "max_length", "patience", "class_weight"}
        known = {name: None if name in free else value for name, value in mine.items()}
        checked = check_parameters(who, known, {name: value for name, value in given.items() if name in mine})
        arguments = {name: _plain(given.get(name, native[name])) for name in native if name in given or name in PINNED}
        options = cls(**{**mine, **{name: checked[name] for name in given if name in mine}}, arguments=arguments)
        options._check(who)
        return options

    def _check(self, who: str) -> None:
        for name, least in _AT_LEAST.items():
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and value >= least):
                raise InputError(f"{who}: {name} must be a whole number, at least {least}; got {value!r}.")
        if not 0 <= self.validation < 1:
            raise InputError(f"{who}: validation must be a share from 0 to less than 1; got {self.validation!r}.")
        if self.max_seconds <= 0:
            raise InputError(f"{who}: max_seconds must be positive; got {self.max_seconds!r}.")
        if self.patience is not None and self.validation == 0:
            raise InputError(f"{who}: patience needs items to evaluate on; pass validation=0.1, say.")
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


def _near(name: str, known: list[str]) -> list[str]:
    """Ours, and of the hundred fields of the trainer those that look alike."""
    parts = set(name.lower().split("_"))
    return [one for one in known if one not in OURS and (parts & set(one.split("_")) or one.startswith(name[:4]))]
