"""What an estimate is made by: a function of arrays whose signature says what it needs.

::

    @estimator(reference="Farquhar, Gal & Rainforth 2021, arXiv:2101.11665")
    def lure(*, losses, acquisition_probabilities, n_pool, level=0.95): ...    # -> Estimate

Required keyword-only arguments are what it must be given; those with a default are parameters, but for the optional
arguments that the decorator names; ``rng`` is reserved. Unlike strategies, whose inputs a model provides, an estimate
is given what a person has measured, so that its arguments have names of their own, explained in its docstring.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from claros.errors import ClarosError, InputError, suggest
from claros.estimate.estimate import Estimate
from claros.rng import generator
from claros.strategy import check_parameters

__all__ = ["Estimator", "estimator"]


@dataclass(frozen=True)
class Estimator:
    """A way to estimate, with its parameters; immutable, and the same call gives the same estimate."""

    name: str
    function: Callable[..., Estimate]
    needs: tuple[str, ...]
    optional: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""
    stochastic: bool = False

    @property
    def summary(self) -> str:
        """The first sentence of the documentation."""
        return self.documentation.split("\n\n")[0].replace("\n", " ")

    @property
    def documentation(self) -> str:
        """The whole documentation."""
        return inspect.getdoc(self.function) or ""

    @property
    def interval(self) -> str:
        """What the interval covers, and how it is made: the paragraph that begins with "Interval:"."""
        paragraphs = (" ".join(text.split()) for text in self.documentation.split("\n\n"))
        found = next((text for text in paragraphs if text.startswith("Interval:")), "")
        return found.removeprefix("Interval:").strip()

    def configure(self, **parameters: Any) -> Estimator:
        """The same with other parameters; unknown or ill-typed ones are an `InputError`."""
        checked = check_parameters(self.name, self.parameters, parameters)
        return replace(self, parameters=MappingProxyType(checked))

    def __call__(self, *, seed: int | None = None, rng: np.random.Generator | None = None, **given: Any) -> Estimate:
        """The estimate from arguments by name; parameters may be given, too, and hold for this call.

        Randomness comes from ``rng``, or from ``seed`` (0 if neither is given). What is missing, unknown or wrong is
        an `InputError` that names it.
        """
        chance = generator(seed, rng, f"estimate: {self.name}")
        known = [*self.needs, *self.optional, *self.parameters]
        unknown = next((name for name in given if name not in known), None)
        if unknown is not None:
            raise InputError(f"{self.name}: {suggest(unknown, known, 'argument')}")
        parameters = {name: value for name, value in given.items() if name in self.parameters}
        arguments = {name: value for name, value in given.items() if name not in parameters and value is not None}
        missing = [name for name in self.needs if name not in arguments]
        if missing:
            got = ", ".join(arguments) or "nothing"
            raise InputError(f"{self.name} needs {', '.join(missing)}; got {got}.")
        if self.stochastic:
            arguments["rng"] = chance
        return self.function(**check_parameters(self.name, self.parameters, parameters), **arguments)


def estimator(*, reference: str, optional: tuple[str, ...] = ()) -> Callable[[Callable[..., Estimate]], Estimator]:
    """Make an `Estimator` of a function with keyword-only arguments that returns an `Estimate`."""

    def decorate(function: Callable[..., Estimate]) -> Estimator:
        arguments = inspect.signature(function).parameters
        wrong = next((name for name, one in arguments.items() if one.kind is not one.KEYWORD_ONLY), None)
        if wrong is not None:
            raise ClarosError(f"{function.__name__}: argument {wrong!r} must be keyword-only (put it after a *).")
        own = {name: one.default for name, one in arguments.items() if name != "rng" and name not in optional}
        needs = tuple(name for name, default in own.items() if default is inspect.Parameter.empty)
        parameters = MappingProxyType({name: default for name, default in own.items() if name not in needs})
        made = Estimator(
            function.__name__, function, needs, optional, parameters, reference, stochastic="rng" in arguments
        )
        object.__setattr__(made, "__doc__", function.__doc__)
        object.__setattr__(made, "__wrapped__", function)
        return made

    return decorate
