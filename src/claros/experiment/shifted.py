"""Label shift made from labeled data: a warm start, a pool, a target sample and a test with other class shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field

from claros import shift
from claros.arrays import Floats
from claros.data.pool import Pool
from claros.errors import suggest
from claros.experiment.fields import Settings
from claros.rng import stream

__all__ = ["WARM_START", "ShiftSpec", "Shifted"]

#: What the first round of a simulated shift is planned by.
WARM_START = "warm start"


def _known(law: str) -> str:
    if law not in shift.SHIFTS:
        raise ValueError(suggest(law, shift.SHIFTS, "shift").removesuffix("."))
    return law


class ShiftSpec(Settings):
    """How a label shift is simulated; the names and parameters of `claros.shift.simulate`."""

    law: Annotated[str, AfterValidator(_known)] = Field(description="what shifts, by name")
    warm: int = Field(600, ge=1, description="labels that are there at the start")
    pool: int = Field(3000, ge=1, description="items that can be asked for")
    target: int = Field(1000, ge=10, description="unlabeled items from where the model will be used")
    test: int = Field(2000, ge=1, description="labeled items from there, to test on")
    draw: int = Field(0, ge=0, description="which draw of class shares and items")
    replace: bool = Field(False, description="draw items with replacement")
    alpha: float | None = Field(None, gt=0, description="concentration of Dirichlet draws (0.6)")
    label: int | None = Field(None, ge=0, description="code of the class that is tweaked or knocked out (5)")
    rho: float | None = Field(None, ge=0, le=1, description="share of the tweaked class (0.7)")
    delta: float | None = Field(None, ge=0, le=1, description="part of the knocked class that goes (0.9)")
    minorities: int | None = Field(None, ge=0, description="how many classes are rare (1)")
    minority_share: float | None = Field(None, ge=0, le=1, description="how rare each of them is (0.01)")
    where: Literal["source", "target", "both"] | None = Field(None, description="the side that shifts (source)")

    @property
    def parameters(self) -> dict[str, Any]:
        """Those of the law that are given."""
        names = ("alpha", "label", "rho", "delta", "minorities", "minority_share", "where")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass(frozen=True)
class Shifted:
    """The parts, and the class shares that they were drawn by."""

    pool: Pool
    target: Pool
    test: Pool
    first: tuple[str, ...]
    """Ids of the warm start, which are items of the pool."""
    warm_prior: Floats
    target_prior: Floats

    @classmethod
    def draw(cls, spec: ShiftSpec, train: Pool, test: Pool, seed: int) -> Shifted:
        """Draw the parts: all but the test from ``train``, the test from ``test``; no item is in two."""
        kept = np.flatnonzero(train.groups == np.arange(len(train)))  # copies of an item are one item
        labels = np.concatenate([np.asarray(train.labels)[kept], np.asarray(test.labels)])
        parts = shift.simulate(
            spec.law,
            labels,
            warm=spec.warm,
            pool=spec.pool,
            target=spec.target,
            test=spec.test,
            n_classes=len(train.classes),
            is_test=np.arange(len(labels)) >= len(kept),
            replace=spec.replace,
            rng=stream(seed, "simulate shift", spec.draw),
            **spec.parameters,
        )
        items = np.concatenate([kept[parts.warm], kept[parts.pool]])
        return cls(
            train.subset(items),
            train.subset(kept[parts.target]),
            test.subset(parts.test - len(kept)),
            tuple(train.ids[position] for position in kept[parts.warm]),
            parts.priors["warm"],
            parts.priors["target"],
        )
