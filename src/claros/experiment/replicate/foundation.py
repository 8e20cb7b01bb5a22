"""Presets of BoSS (Huseljic et al. 2026): a linear head on DINOv2 features, from a file of features.

Figures: the source's notebooks; recipe: its ``configs`` and ``utils.py``; see docs/replicate.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from claros import data, strategies
from claros.errors import InputError
from claros.experiment.config import RunConfig
from claros.experiment.replicate.preset import Preset, Published, Request, settings, thirds

__all__ = ["dinov2_cifar10", "dinov2_cifar100"]

SOURCE = (
    "Huseljic, Hahn, Herde, Sandrock, Sick 2026, BoSS: A Best-of-Strategies Selector as an Oracle for Deep Active "
    "Learning (TMLR), arXiv:2603.13109; github.com/dhuseljic/dal-toolbox, publications/boss_oracle, notebook output"
)

#: timm's name of the network whose features were used: DINOv2 ViT-S/14, 384 features.
ENCODER = "timm:vit_small_patch14_dinov2.lvd142m"

FIGURES = ("first third", "middle third", "last third")
ROUNDS = 20

NOTES = (
    "As published: random start of one batch, 20 more batches, a linear head trained anew each round by SGD (learning "
    "rate 0.01 falling as a cosine, Nesterov's momentum 0.9, weight decay 0.0005, 200 epochs, batches of 64).",
    "Figures are mean accuracies over the first, middle and last seven of the 21 rounds.",
    "Departures: strategies choose from the whole pool, where the source draws 1,000 candidates at random; the source "
    "resizes images to 256 pixels and keeps the middle 224, claros embed resizes them to 224.",
)


def _published(**rows: tuple[float, float, float]) -> Mapping[str, Sequence[Published]]:
    return {arm: tuple(Published(value) for value in values) for arm, values in rows.items()}


def _settings(name: str, batch: int, published: Sequence[str], request: Request) -> list[RunConfig]:
    if request.features is None:
        raise InputError(_needs(name))
    known = [arm for arm in published if arm in strategies.names() and arm != "random"]

    def of(file: Path | str) -> dict[str, Any]:
        width = data.load(file, test_share=0.0).train.take([0]).shape[1]
        recipe = {
            "optimizer": "SGD",
            "lr": 0.01,
            "optimizer_arguments": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.0005},
            "schedule": "cosine",
            "epochs": 200,
            "min_steps": 0,
            "batch_size": 64,
            "normalise": {"mean": [0.0] * width, "std": [1.0] * width},
            "chunk": 8192,
        }
        model = {"name": "claros.experiment.replicate.recipes:linear", "parameters": recipe}
        return {"strategy": known, "model": model, "start": batch, "batch": batch}

    return settings(request, [request.features], ROUNDS, of)


def _needs(name: str) -> str:
    images = name.removeprefix("dinov2-")
    return (
        f"{name} needs DINOv2 features of the images, an .npz with x_train, y_train, x_test and y_test; make it with: "
        f"claros embed {images} --model {ENCODER} --image-size 224 --out features.npz; then give --features "
        "features.npz."
    )


def _preset(name: str, images: str, batch: int, rows: Mapping[str, Sequence[Published]]) -> Preset:
    return Preset(
        name=name,
        title=f"{images}, a linear head on DINOv2 features, {batch} labels a round (BoSS)",
        source=SOURCE,
        measure=thirds,
        figures=FIGURES,
        published={arm: tuple(figures) for arm, figures in rows.items()},
        settings=partial(_settings, name, batch, list(rows)),
        notes=NOTES,
        seeds=10,
        needs=_needs(name),
    )


dinov2_cifar10 = _preset(
    "dinov2-cifar10",
    "CIFAR-10",
    10,
    _published(
        random=(0.713, 0.893, 0.919),
        k_center=(0.693, 0.886, 0.919),
        margin=(0.745, 0.916, 0.936),
        badge=(0.748, 0.919, 0.938),
        typiclust=(0.777, 0.913, 0.930),
        dropquery=(0.789, 0.919, 0.933),
        alfa_mix=(0.783, 0.922, 0.937),
        bait=(0.796, 0.930, 0.942),
        boss=(0.829, 0.942, 0.951),
    ),
)
dinov2_cifar100 = _preset(
    "dinov2-cifar100",
    "CIFAR-100",
    100,
    _published(
        random=(0.531, 0.715, 0.759),
        k_center=(0.543, 0.711, 0.751),
        margin=(0.544, 0.732, 0.771),
        badge=(0.550, 0.736, 0.775),
        typiclust=(0.577, 0.736, 0.766),
        dropquery=(0.567, 0.731, 0.763),
        alfa_mix=(0.561, 0.738, 0.775),
        bait=(0.584, 0.753, 0.783),
        boss=(0.626, 0.769, 0.797),
    ),
)
