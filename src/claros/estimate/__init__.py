"""Estimates with their intervals: how good the model is, what more labels would bring, and how sure that is.

::

    estimate = claros.estimate.get("lure")
    print(estimate(losses=losses, acquisition_probabilities=chances, n_pool=10_000))
    # 14.2 % (95 % interval 8.0 to 22.6, 50 test items)

Parameters may be given to `get` or to the call. What draws at random takes ``seed=`` or ``rng=``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claros.estimate.estimate import Estimate, share
from claros.estimate.estimator import Estimator, estimator
from claros.estimate.sources import QueriedLabelsWarning
from claros.registry import Registry

__all__ = ["ALIASES", "REGISTRY", "Estimate", "Estimator", "QueriedLabelsWarning", "estimator", "get", "names", "share"]

#: Other names that the field has for the same estimate.
ALIASES: Mapping[str, str] = {
    "active_testing": "lure",
    "average_thresholded_confidence": "atc",
    "difference_of_confidences": "doc",
}

#: The table: one line an estimate. Third parties add theirs by an entry point in the group ``claros.estimate``.
REGISTRY: Registry[Estimator] = Registry(
    "estimate",
    {
        "average_confidence": "claros.estimate.unlabeled:average_confidence",
        "atc": "claros.estimate.unlabeled:atc",
        "doc": "claros.estimate.unlabeled:doc",
        "lure": "claros.estimate.lure:lure",
        "cross_validation": "claros.estimate.cross_validation:cross_validation",
        "learning_curve": "claros.estimate.learning_curve:learning_curve",
        "prevalence": "claros.estimate.screening:prevalence",
        "recall": "claros.estimate.screening:recall",
    },
    group="claros.estimate",
    aliases=ALIASES,
)


def get(name: str, /, **parameters: Any) -> Estimator:
    """The estimate of that name, with the given parameters over its defaults; call it with arguments by name.

    >>> print(get("prevalence", level=0.9)(relevant=[1, 0, 0, 1]))
    50.0 % (90 % interval 9.8 to 90.2, 4 labels)
    """
    return REGISTRY.load(name).configure(**parameters)


def names() -> list[str]:
    """All estimates' names."""
    return REGISTRY.names()
