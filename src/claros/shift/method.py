"""What a method of estimating label shift is: a function of the evidence, with parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.errors import ClarosError
from claros.shift.evidence import Evidence
from claros.strategy import check_parameters

__all__ = ["Method", "Resample", "Solution", "method"]

#: From a number of replicates and a generator, weights and target priors of resampled data, (B, C) each.
Resample = Callable[[int, np.random.Generator], tuple[Floats, Floats]]


@dataclass(frozen=True)
class Solution:
    """What a method found: ``weights``, ``source_prior`` and ``target_prior`` (C,), and how to resample them."""

    weights: Floats
    source_prior: Floats
    target_prior: Floats
    resample: Resample
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Method:
    """A method with its parameters; immutable. ``uses_labels``: whether it can use labels of target items."""

    name: str
    function: Callable[..., Solution]
    parameters: Mapping[str, Any]
    reference: str
    uses_labels: bool = False
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The first sentence of the documentation."""
        return self.documentation.split("\n\n")[0].replace("\n", " ")

    @property
    def documentation(self) -> str:
        """The whole documentation."""
        return inspect.getdoc(self.function) or ""

    def configure(self, **parameters: Any) -> Method:
        """The same with other parameters; unknown or ill-typed ones are an `InputError`."""
        checked = check_parameters(self.name, self.parameters, parameters, self.choices)
        return replace(self, parameters=MappingProxyType(checked))

    def __call__(self, evidence: Evidence) -> Solution:
        """Solve."""
        return self.function(evidence, **self.parameters)


def method(
    *, reference: str, uses_labels: bool = False, choices: Mapping[str, tuple[Any, ...]] = MappingProxyType({})
) -> Callable[[Callable[..., Solution]], Method]:
    """Make a `Method` of a function of `Evidence` whose other arguments are keyword-only and have defaults."""

    def decorate(function: Callable[..., Solution]) -> Method:
        _, *own = inspect.signature(function).parameters.values()
        wrong = next((one.name for one in own if one.kind is not one.KEYWORD_ONLY or one.default is one.empty), None)
        if wrong is not None:
            raise ClarosError(f"{function.__name__}: argument {wrong!r} must be keyword-only and have a default.")
        parameters = MappingProxyType({one.name: one.default for one in own})
        made = Method(function.__name__, function, parameters, reference, uses_labels, choices)
        object.__setattr__(made, "__doc__", function.__doc__)
        object.__setattr__(made, "__wrapped__", function)
        return made

    return decorate
