"""Presets of CDALBench (Werner et al. 2024): one label a round, 50 runs, a small network that is trained on and on.

Figures: ``results/auc_qs1.csv`` at commit 9180529; recipes: the ``meta.txt`` beside the runs; see docs/replicate.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from claros.errors import InputError
from claros.experiment.config import RunConfig
from claros.experiment.replicate import draws
from claros.experiment.replicate.preset import Preset, Published, Request, mean_level, settings
from claros.rng import stream

__all__ = ["diverging_sin", "dna", "splice", "three_clusters", "usps"]

SOURCE = (
    "Werner, Burchert, Stubbemann, Schmidt-Thieme 2024, A Cross-Domain Benchmark for Active Learning (NeurIPS Datasets "
    "and Benchmarks), arXiv:2408.00426; github.com/wernerth94/A-Cross-Domain-Benchmark-for-Active-Learning, "
    "results/auc_qs1.csv at 9180529, mean and standard deviation of 50 runs"
)
RUNS = 50

#: Share of the training data that the protocol sets aside to stop training by; the budget does not count it.
VALIDATION = 0.2

COMMON_NOTES = (
    "As published, each round trains the last round's network on, with its optimizer, and the loss on a validation set "
    "says for how long (20 % of the training data, which the budget does not count); the start has equally many labels "
    "of each class.",
    "The figure is the mean test accuracy over all rounds, the start included.",
    "The published oracle tries labels on the test data; ours trains anew for every candidate, which is another "
    "protocol, so it is not run beside these.",
)


def _published(**figures: tuple[float, float]) -> Mapping[str, tuple[Published, ...]]:
    return {arm: (Published(value, deviation, RUNS),) for arm, (value, deviation) in figures.items()}


def _settings(
    request: Request, files: Sequence[Path], recipe: Mapping[str, Any], *, arms: Sequence[str], start: int, rounds: int
) -> list[RunConfig]:
    """One setting a file, whose validation items the model of that setting stops by."""
    path = "claros.experiment.replicate.continued:Continued"

    def of(file: Path | str) -> dict[str, Any]:
        model = {"name": path, "parameters": {**recipe, "validation": str(file)}}
        return {"strategy": list(arms), "model": model, "init": "stratified", "start": start, "batch": 1}

    return settings(request, files, rounds, of)


def _made(name: str, make: Callable[[np.random.Generator], draws.Labeled], request: Request) -> list[Path]:
    """Data of its own for each seed: 20 % to test on, of the rest 20 % to stop training by."""
    files = []
    for seed in range(request.seeds):
        rng = stream(seed, f"replicate {name}")
        test, rest = draws.divided(make(rng), [0.2], rng)
        test, rest = draws.scaled_to_unit(test, test.x), draws.scaled_to_unit(rest, rest.x)
        held, pool = draws.divided(rest, [VALIDATION], rng)
        parts = {"train": pool, "val": held, "test": test}
        files.append(draws.write(request.folder / "data" / f"{name}-{seed:03d}.npz", parts, ("0", "1")))
    return files


def _from_file(name: str, request: Request, *, scale: bool) -> list[Path]:
    """The pool, validation items and test part of the file that was given, split once for all seeds."""
    if len(request.data) != 1:
        raise InputError(f"{name} runs on one file of data; got {len(request.data)}. Give it once: --data PATH.")
    whole, test, classes = draws.read_rows(request.data[0])
    if scale:
        whole, test = draws.scaled_to_unit(whole, whole.x), draws.scaled_to_unit(test, test.x)
    held, pool = draws.divided(whole, [VALIDATION], stream(0, f"replicate {name}"))
    parts = {"train": pool, "val": held, "test": test}
    return [draws.write(request.folder / "data" / f"{name}.npz", parts, classes)]


def _usps_settings(request: Request) -> list[RunConfig]:
    recipe = {
        "hidden": [],
        "optimizer": "Adam",
        "lr": 0.00809920010816152,
        "weight_decay": 1.51465578557073e-06,
        "batch_size": 43,
    }
    files = _from_file("usps", request, scale=False)
    arms = ("margin", "least_confidence", "badge")
    return _settings(request, files, recipe, arms=arms, start=10, rounds=400)


usps = Preset(
    name="usps-qs1",
    title="USPS digits, one label a round, linear classifier (CDALBench)",
    source=SOURCE,
    measure=mean_level,
    figures=("mean accuracy",),
    published=_published(
        random=(0.823, 0.009),
        margin=(0.858, 0.006),
        least_confidence=(0.846, 0.009),
        badge=(0.830, 0.008),
        oracle=(0.866, 0.004),
    ),
    settings=_usps_settings,
    notes=(
        *COMMON_NOTES,
        "Departure: the validation set is drawn once, not for every run; grey values are 0 to 1 as a whole, not pixel "
        "by pixel.",
        "One label at a time, BADGE is the candidate with the longest gradient, here as published.",
    ),
    needs="usps-qs1 needs the USPS digits in their published split, 7,291 and 2,007: --data usps.npz with x_train, "
    "y_train, x_test and y_test (16 x 16 images or 256 columns), for example from LIBSVM's multiclass data sets",
)

#: ThreeClust and DivergingSin were run with the same classifier.
TOY = {"hidden": [12, 16], "optimizer": "NAdam", "lr": 0.001, "weight_decay": 0.0, "batch_size": 32, "patience": 50}

TOY_NOTES = (
    "Every seed has data, start and weights of its own; all arms of a seed share them.",
    "Between two classes least confidence and entropy ask for the very items that margin asks for, so they are not run "
    "beside it: what was published for the three differs by chance alone.",
)


def _three_clusters_settings(request: Request) -> list[RunConfig]:
    files = _made("three-clusters", draws.three_clusters, request)
    return _settings(request, files, TOY, arms=("margin", "badge"), start=2, rounds=60)


three_clusters = Preset(
    name="three-clusters",
    title="ThreeClust, made so that uncertainty asks where nothing is to be learned (CDALBench)",
    source=SOURCE,
    measure=mean_level,
    figures=("mean accuracy",),
    published=_published(
        random=(0.721, 0.036),
        margin=(0.704, 0.074),
        least_confidence=(0.692, 0.094),
        entropy=(0.696, 0.083),
        badge=(0.690, 0.083),
        oracle=(0.783, 0.030),
    ),
    settings=_three_clusters_settings,
    notes=(*COMMON_NOTES, *TOY_NOTES),
    seeds=200,
)


def _diverging_sin_settings(request: Request) -> list[RunConfig]:
    files = _made("diverging-sin", draws.diverging_sin, request)
    return _settings(request, files, TOY, arms=("margin", "badge"), start=20, rounds=60)


diverging_sin = Preset(
    name="diverging-sin",
    title="DivergingSin, two waves that part (CDALBench)",
    source=SOURCE,
    measure=mean_level,
    figures=("mean accuracy",),
    published=_published(
        random=(0.933, 0.017),
        margin=(0.941, 0.018),
        entropy=(0.942, 0.017),
        badge=(0.941, 0.017),
        bald=(0.928, 0.014),
        oracle=(0.957, 0.009),
    ),
    settings=_diverging_sin_settings,
    notes=(
        *COMMON_NOTES,
        *TOY_NOTES,
        "BALD is not run: as published it adds dropout to the classifier, which then is not random's any more.",
    ),
    seeds=100,
)


def _splice_settings(request: Request) -> list[RunConfig]:
    recipe = {
        "hidden": [24, 12],
        "optimizer": "NAdam",
        "lr": 0.00121352609529121,
        "weight_decay": 5.95501370565999e-05,
        "batch_size": 43,
        "patience": 50,
    }
    files = _from_file("splice", request, scale=True)
    arms = ("margin", "least_confidence", "badge")
    return _settings(request, files, recipe, arms=arms, start=2, rounds=400)


splice = Preset(
    name="splice",
    title="Splice junctions, one label a round (CDALBench)",
    source=SOURCE,
    measure=mean_level,
    figures=("mean accuracy",),
    published=_published(
        random=(0.760, 0.016),
        margin=(0.769, 0.021),
        least_confidence=(0.779, 0.019),
        badge=(0.767, 0.020),
        bald=(0.780, 0.014),
        oracle=(0.803, 0.012),
    ),
    settings=_splice_settings,
    notes=(
        *COMMON_NOTES,
        "The stored runs of this set do not agree on how weights go on from round to round; here they are kept.",
        "Departure: the validation set is drawn once, not for every run.",
    ),
    needs="splice needs LIBSVM's binary data sets splice (1,000) and splice.t (2,175), 60 features: --data splice.npz "
    "with x_train, y_train, x_test and y_test",
)


def _dna_settings(request: Request) -> list[RunConfig]:
    recipe = {
        "hidden": [24, 12],
        "optimizer": "Adam",
        "lr": 0.0124621073251144,
        "weight_decay": 0.000714770463686342,
        "batch_size": 64,
    }
    files = _from_file("dna", request, scale=True)
    return _settings(request, files, recipe, arms=("margin", "entropy", "badge"), start=3, rounds=300)


dna = Preset(
    name="dna",
    title="DNA, one label a round (CDALBench)",
    source=SOURCE,
    measure=mean_level,
    figures=("mean accuracy",),
    published=_published(
        random=(0.774, 0.013),
        margin=(0.806, 0.013),
        entropy=(0.812, 0.013),
        badge=(0.780, 0.014),
        oracle=(0.825, 0.009),
    ),
    settings=_dna_settings,
    notes=(*COMMON_NOTES, "Departure: the validation set is drawn once, not for every run."),
    needs="dna needs LIBSVM's multiclass data sets dna.scale.tr (1,400) and dna.scale.t (1,186), 180 features: --data "
    "dna.npz with x_train, y_train, x_test and y_test",
)
