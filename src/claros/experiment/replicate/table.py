"""The table of presets: one line each, its module imported when it is asked for."""

from __future__ import annotations

from claros.experiment.replicate.preset import Preset
from claros.registry import Registry

__all__ = ["REGISTRY", "get", "names"]

_HERE = "claros.experiment.replicate"

REGISTRY: Registry[Preset] = Registry(
    "preset",
    {
        "usps-qs1": f"{_HERE}.cdalbench:usps",
        "three-clusters": f"{_HERE}.cdalbench:three_clusters",
        "diverging-sin": f"{_HERE}.cdalbench:diverging_sin",
        "splice": f"{_HERE}.cdalbench:splice",
        "dna": f"{_HERE}.cdalbench:dna",
        "breast-cancer-qs1": f"{_HERE}.rebenchmarking:breast_cancer",
        "spambase-qs1": f"{_HERE}.rebenchmarking:spambase",
        "phoneme-qs1": f"{_HERE}.rebenchmarking:phoneme",
        "badge-pairwise": f"{_HERE}.badge:pairwise",
        "malls": f"{_HERE}.malls:malls",
        "malls-paper": f"{_HERE}.malls_paper:malls_paper",
        "dinov2-cifar10": f"{_HERE}.foundation:dinov2_cifar10",
        "dinov2-cifar100": f"{_HERE}.foundation:dinov2_cifar100",
    },
    group="claros.presets",
)


def get(name: str) -> Preset:
    """The preset of that name; an unknown one lists those there are."""
    return REGISTRY.load(name)


def names() -> list[str]:
    """All presets, third parties' included."""
    return REGISTRY.names()
