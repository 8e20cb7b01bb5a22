"""Presets of Lu, Li and Lin 2023: binary tabular sets, one label a round, a support vector machine.

Figures: ``results/README.md`` of the source; curves: its ``results/differentModels``; see docs/replicate.md.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from claros.errors import InputError
from claros.experiment.config import RunConfig
from claros.experiment.curves import Curve
from claros.experiment.replicate import draws
from claros.experiment.replicate.preset import Preset, Published, Request, mean_level, settings, without_start
from claros.rng import stream

__all__ = ["breast_cancer", "phoneme", "spambase"]

SOURCE = (
    "Lu, Li, Lin 2023, Re-Benchmarking Pool-Based Active Learning for Binary Classification, arXiv:2306.08954; "
    "github.com/ariapoy/active-learning-benchmark"
)

NOTES = (
    "As published: a random 60 % is the pool, features are standardised by it, 20 random labels to start with, a "
    "support vector machine with a radial kernel (C = 1, gamma = 1 / features) trained anew each round; margin asks "
    "for the item nearest to its boundary.",
    "Every seed has its own split and start; all arms of a seed share them.",
    "Departure: pool items that equal a test item are left out.",
)

#: Labels up to which the published curves are kept in the package.
CURVE_END = 520


def _split(name: str, source: str, request: Request) -> list[Path]:
    """A random 60 / 40 split for each seed, standardised by its pool."""
    rows, classes = draws.read_all_rows(source)
    files = []
    for seed in range(request.seeds):
        pool, test = draws.divided(rows, [0.6], stream(seed, f"replicate {name}"))
        parts = {"train": draws.standardised(pool, pool.x), "test": draws.standardised(test, pool.x)}
        files.append(draws.write(request.folder / "data" / f"{name}-{seed:03d}.npz", parts, classes))
    return files


def _settings(name: str, rounds: int, request: Request, source: str | None = None) -> list[RunConfig]:
    if source is None and len(request.data) != 1:
        raise InputError(f"{name} runs on one file of data; got {len(request.data)}. Give it once: --data PATH.")
    files = _split(name, source or request.data[0], request)

    def of(file: Path | str) -> dict[str, Any]:
        model = {"name": "claros.models.sklearn.machines:DistanceSVC", "parameters": {"gamma": "auto"}}
        return {"strategy": ["margin"], "model": model, "start": 20, "batch": 1}

    return settings(request, files, rounds, of)


def published_curves(name: str) -> Mapping[str, Curve]:
    """The published mean margin curve of a set: labels, and accuracy over five seeds."""
    text = resources.files("claros.experiment.replicate").joinpath("margin_curves.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["data"] == name]
    labels, levels = ([float(row[column]) for row in rows] for column in ("n_labeled", "accuracy"))
    return {"margin": Curve(np.array(labels), np.array(levels))}


breast_cancer = Preset(
    name="breast-cancer-qs1",
    title="Wisconsin breast cancer, one label a round to the last, support vector machine (Lu et al.)",
    source=f"{SOURCE}, results/README.md at 198ce75 (Wdbc: Uniform and US-C), mean and standard deviation of 150 runs",
    measure=without_start,
    figures=("AUBC",),
    published={
        "random": (Published(0.9539, 0.0130, 150),),
        "margin": (Published(0.9652, 0.0103, 150),),
        "oracle": (Published(0.9841, 0.0065, 150),),
    },
    settings=partial(_settings, "breast-cancer-qs1", 321, source="breast_cancer"),
    notes=(
        *NOTES,
        "AUBC is the area under the curve after the start over the labels bought: (K - 1) / K of the mean level.",
        "The published oracle is a beam search on the test data; it is not run here.",
    ),
    extra="sklearn",
)


def _with_curve(name: str, title: str, where: str, full: str) -> Preset:
    short = name.removesuffix("-qs1")
    curves: Callable[[], Mapping[str, Curve]] = partial(published_curves, short)
    return Preset(
        name=name,
        title=f"{title}, one label a round, support vector machine (Lu et al.)",
        source=f"{SOURCE}, results/differentModels/{short}-margin-zhan-google-zhan-zhan-RS_noFix_scale-detail.csv at "
        "5ef0bdb, mean of seeds 0 to 4",
        measure=mean_level,
        figures=("mean accuracy",),
        published={},
        settings=partial(_settings, name, 300),
        notes=(
            *NOTES,
            "The figure is the mean test accuracy over the rounds of this run, and of the published margin curve over "
            "the same numbers of labels; no curve of random was published, but over the whole pool (AUBC): "
            + full
            + ".",
        ),
        seeds=10,
        curves=curves,
        extra="sklearn",
        needs=f"{name} needs the data set {title}: --data {short}.npz with x and y, or a table with a column label; "
        f"{where}",
    )


spambase = _with_curve(
    "spambase-qs1",
    "Spambase",
    "for example spambase from the UCI repository (4,601 rows, 57 features)",
    "random 0.9103 ± 0.0057, margin 0.9205 ± 0.0043",
)
phoneme = _with_curve(
    "phoneme-qs1",
    "Phoneme",
    "for example phoneme from OpenML or KEEL (5,404 rows, 5 features)",
    "random 0.8254 ± 0.0101, margin 0.8355 ± 0.0063",
)
