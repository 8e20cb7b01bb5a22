"""What can be set about training and inference of a Keras model, checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from claros.errors import InputError
from claros.strategy import check_parameters

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """Settings of a `KerasModel`; all of them JSON."""

    optimizer: str = "adamw"
    """An optimizer of Keras by name, for a model that was not compiled."""
    lr: float = 1e-3
    """Its learning rate."""
    epochs: int = 30
    """Passes over the labeled items ..."""
    min_steps: int = 200
    """... raised until there are so many steps."""
    batch_size: int = 32
    """Items a step, at most."""
    members: int = 10
    """How many members Monte Carlo dropout gives."""
    chunk: int = 256
    """Items in one pass of inference."""
    warm: bool = False
    """Whether training goes on from the last weights; a new number of classes starts anew."""

    @classmethod
    def of(cls, who: str, given: Mapping[str, Any]) -> Options:
        """The options given over the defaults, every one checked."""
        options = cls(**check_parameters(who, asdict(cls()), given))
        for name in ("epochs", "batch_size", "members", "chunk"):
            if getattr(options, name) < 1:
                raise InputError(f"{who}: {name} must be at least 1; got {getattr(options, name)!r}.")
        if options.lr <= 0:
            raise InputError(f"{who}: lr must be positive; got {options.lr!r}.")
        return options

    @staticmethod
    def names() -> list[str]:
        """The names of all options."""
        return [one.name for one in fields(Options)]
