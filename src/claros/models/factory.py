"""A network's factory: which class or function, its arguments, and what it is told about the data."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from claros.errors import InputError, ModelError, suggest
from claros.models.paths import path_of, resolve

__all__ = ["FILLED", "Factory"]

#: Arguments that a factory is given when its signature names them and the caller does not.
FILLED: Mapping[str, str] = {
    "n_classes": "number of classes",
    "num_classes": "number of classes",
    "in_shape": "shape of one item: (features,) or (channels, height, width)",
    "in_channels": "channels of an image",
    "in_chans": "channels of an image",
    "in_features": "features of a row",
}


@dataclass(frozen=True)
class Factory:
    """Makes a network anew; ``path`` is ``package.module:factory``, or None if it cannot be found by name."""

    build: Callable[..., Any]
    path: str | None
    arguments: Mapping[str, Any]

    @classmethod
    def of(cls, factory: str | Callable[..., Any], arguments: Mapping[str, Any]) -> Factory:
        """Look the factory up, and check the arguments' names against its signature."""
        build = resolve(factory) if isinstance(factory, str) else factory
        if not callable(build) or (hasattr(build, "state_dict") and not isinstance(build, type)):
            raise InputError(
                "A model needs a class or function that makes its network anew for every training; "
                f"got {factory if isinstance(factory, str) else type(build).__name__}, which is an object."
            )
        made = cls(build, factory if isinstance(factory, str) else path_of(build), dict(arguments))
        for name in arguments:
            if not made.accepts(name):
                raise InputError(f"{made.label}: {suggest(name, made.signature, 'argument')}")
        return made

    @classmethod
    def split(
        cls, who: str, factory: str | Callable[..., Any], parameters: Mapping[str, Any], options: Collection[str]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The factory's arguments and the options of these names, from one flat mapping of both."""
        given = dict(parameters)
        arguments = dict(given.pop("arguments", {}))
        chosen = {key: given.pop(key) for key in options if key in given}
        known = cls.of(factory, {})
        for key in given:
            if not known.accepts(key):
                raise InputError(f"{who}: {suggest(key, [*options, *known.signature], 'parameter')}")
        return {**arguments, **given}, chosen

    @property
    def label(self) -> str:
        """What to call it in messages."""
        return self.path or str(getattr(self.build, "__qualname__", repr(self.build)))

    @cached_property
    def signature(self) -> Mapping[str, inspect.Parameter]:
        """Its arguments by name."""
        return dict(inspect.signature(self.build).parameters)

    def accepts(self, name: str) -> bool:
        """Whether the factory takes an argument of that name."""
        kinds = {argument.kind for argument in self.signature.values()}
        return name in self.signature or inspect.Parameter.VAR_KEYWORD in kinds

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of items that the network reads: its attribute ``kinds``, else rows and images."""
        return tuple(getattr(self.build, "kinds", ("rows", "images")))

    @property
    def wants_rows(self) -> bool:
        """Whether it asks for the number of features, so that it must be a network over rows."""
        return "in_features" in self.signature or self.kinds == ("rows",)

    def __call__(self, in_shape: tuple[int, ...], n_classes: int) -> Any:
        """A new network for items of that shape and so many classes."""
        facts = dict(zip(FILLED, (n_classes, n_classes, in_shape, in_shape[0], in_shape[0], in_shape[0]), strict=True))
        filled = {name: value for name, value in facts.items() if name in self.signature}
        try:
            return self.build(**{**filled, **self.arguments})
        except (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError) as error:
            raise ModelError(
                f"{self.label} could not make a network for items of shape {in_shape} and {n_classes} classes: {error}"
            ) from error

    def without_download(self) -> Factory:
        """The same, told not to fetch pretrained weights, where it can be told."""
        if "pretrained" not in {*self.signature, *self.arguments}:
            return self
        return replace(self, arguments={**self.arguments, "pretrained": False})

    def described(self) -> dict[str, Any] | None:
        """All arguments as JSON, plain defaults written out; None if one of them is not JSON."""
        defaults = {
            name: argument.default
            for name, argument in self.signature.items()
            if isinstance(argument.default, (bool, int, float, str))
        }
        try:
            return json.loads(json.dumps({**defaults, **self.arguments}))  # type: ignore[no-any-return]
        except TypeError:
            return None
