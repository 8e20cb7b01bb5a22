"""The experiments of the MALLS repository at its sizes: networks, blocks of its grid, baseline and finetuning.

Nobody has run them for the figures here: hours on a GPU a cell. The same blocks run on any pool, and shorter.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from claros import data
from claros.data.pool import Pool
from claros.errors import DataError
from claros.experiment.config import RunConfig, parse_config
from claros.experiment.replicate.blocks import BASE, FIGURES
from claros.experiment.replicate.malls import SOURCE, arms_of, compared
from claros.experiment.replicate.nabirds import is_nabirds, prepare
from claros.experiment.replicate.preset import Preset, Request

__all__ = ["BLOCKS", "MODELS", "SIZES", "Experiment", "malls_paper", "settings"]

#: What the repository calls bald: the share of dropout passes that vote for another class than most do.
_BALD, _RLLS = "variation_ratio", "method='rlls(regularization=2e-6)', gate=0, replicates=0, folds=5"
_NONE = "none(folds=0, replicates=0)"
_BASE = {BASE: (_BALD, _NONE), "random": ("random", _NONE)}
_MALLS = {"MALLS": (f"malls({_BALD}, adjust=false)", f"both({_RLLS})")}


class Experiment(NamedTuple):
    """A block of the grid: for data whose name begins so (any where it is empty), arms under a shift.

    ``kind``: active learning, "baseline" (trained once, on the warm start), or "finetune" (all of the pool is labeled
    at once, then corrected for).
    """

    title: str
    data: tuple[str, ...]
    law: str
    alpha: float
    arms: Mapping[str, tuple[str, str]]
    kind: str = "active"


def _corrected(base: str) -> tuple[str, str]:
    return f"malls({base}, adjust=false)", f"both({_RLLS})"


_BLOCKS = (
    Experiment(
        "where correction acts",
        ("cifar100",),
        "dirichlet_mix",
        0.7,
        {BASE: (_BALD, _NONE)} | {name: (_BALD, f"{name}({_RLLS})") for name in ("acquisition", "prediction", "both")},
    ),
    Experiment(
        "weighting heuristics",
        ("cifar100",),
        "dirichlet_target",
        0.4,
        {
            BASE: (_BALD, _NONE),
            "weights once": (_BALD, f"weights({_RLLS}, once=true, against=start)"),
            "posterior once": (_BALD, f"both({_RLLS}, once=true, against=start)"),
            "weights on all": (_BALD, f"weights({_RLLS})"),
            "weights on the warm start": (_BALD, f"weights({_RLLS}, against=start)"),
            "posterior on all": (_BALD, f"both({_RLLS})"),
        },
    ),
    Experiment("pool unlike target", ("cifar10", "cifar100"), "dirichlet_online", 3.0, {**_BASE, **_MALLS}),
    Experiment("source alone", ("cifar100",), "dirichlet", 1.2, {**_BASE, **_MALLS}),
    Experiment("target alone", ("cifar100",), "dirichlet_target", 0.4, {**_BASE, **_MALLS}),
    Experiment(
        "base scores",
        ("cifar100",),
        "dirichlet_mix",
        0.7,
        {
            **_BASE,
            "entropy": ("entropy", _NONE),
            "margin": ("margin", _NONE),
            **_MALLS,
            "MALLS(entropy)": _corrected("entropy"),
            "MALLS(margin)": _corrected("margin"),
        },
    ),
    *(
        Experiment(
            "severity",
            ("cifar100", ""),
            "dirichlet_mix",
            alpha,
            {
                **_BASE,
                "quotas": (f"malls({_BALD}, adjust=false)", _NONE),
                **_MALLS,
                "correction": (_BALD, f"both({_RLLS})"),
                "random, corrected": ("random", f"both({_RLLS})"),
            },
        )
        for alpha in (5.0, 1.0, 0.7, 0.1)
    ),
    Experiment("natural", ("nabirds",), "trulyregion", 0.1, {**_BASE, **_MALLS}),
    Experiment("baseline", ("",), "dirichlet_mix", 0.7, {BASE: ("random", _NONE)}, "baseline"),
    Experiment(
        "finetune",
        ("",),
        "dirichlet_mix",
        0.7,
        {
            BASE: ("random", _NONE),
            "rlls": ("random", f"weights({_RLLS})"),
            "bbse": ("random", "weights(method='bbse(soft=false)', replicates=0)"),
            "true weights": ("random", "weights(target_prior=true, replicates=0)"),
        },
        "finetune",
    ),
)

#: Sizes by how names begin: warm start, pool, target, test, rounds and labels a round; the first that fits.
SIZES: Mapping[str, Mapping[str, int]] = {
    "nabirds": {"warm": 15000, "pool": 15000, "target": 5000, "test": 15000, "rounds": 20, "batch": 300},
    "": {"warm": 13333, "pool": 26667, "target": 10000, "test": 10000, "rounds": 30, "batch": 355},
}

_SGD = {
    "optimizer": "SGD",
    "lr": 0.1,
    "optimizer_arguments": {"momentum": 0.9, "weight_decay": 0.0005},
    "epochs": 80,
    "min_steps": 0,
    "batch_size": 128,
    "chunk": 512,
    "members": 20,
}
#: Model by what the data are; networks have dropout for the votes of their passes.
MODELS: Mapping[str, Mapping[str, Any]] = {
    "grey": {
        "name": "cnn",
        "parameters": {**_SGD, "optimizer": "Adam", "lr": 0.001, "optimizer_arguments": {}, "epochs": 60},
    },
    "colour": {
        "name": "resnet18",
        "parameters": {
            **_SGD,
            "augment": {"flip": 0.5, "crop": 0.125, "rotate": 15},
            "arguments": {"width": 64, "dropout": 0.25},
        },
    },
    "rows": {"name": "perceptron", "parameters": {"members": 20, "batch_size": 128}},
}

BLOCKS: tuple[Experiment, ...] = _BLOCKS


def settings(request: Request) -> list[RunConfig]:
    """A setting for every data set, every block that is for it, and every draw."""
    if not request.data:
        raise DataError("malls-paper needs labeled images or rows: give --data cifar100, and again for more.")
    found = []
    for given in request.data:
        file, name = _file(given, request.folder)
        model = MODELS[_kind(data.load(file).train)]
        size = next(sizes for begin, sizes in SIZES.items() if name.startswith(begin))
        fitting = [block for block in BLOCKS if any(_fits(name, begin) for begin in block.data)]
        for block in fitting:
            for draw in range(request.seeds):
                run = {"data": str(file), "model": model, "strategy": arms_of(block.arms), "seed": draw}
                found.append(parse_config({**run, **_sizes(block, size, request.rounds, draw)}))
    return found


def _fits(name: str, begin: str) -> bool:
    """Whether a block is for data of that name; what is for any data is for those that have no block of their own."""
    known = ("cifar100", "cifar10", "nabirds")
    own = next((one for one in known if name.startswith(one)), "")
    return begin == own or begin == ""


def _sizes(block: Experiment, size: Mapping[str, int], wanted: int | None, draw: int) -> dict[str, Any]:
    parts = {part: size[part] for part in ("warm", "pool", "target", "test")}
    shift = {"law": block.law, "alpha": block.alpha, "draw": draw, **parts}
    rounds = {"baseline": 0, "finetune": 1}.get(block.kind, size["rounds"])
    batch = size["pool"] if block.kind == "finetune" else size["batch"]
    quiet = {"watch": [], "control": False, "upper_bound": False, "checkpoints": "last"}
    return {**quiet, "shift": shift, "rounds": rounds if wanted is None else min(rounds, wanted), "batch": batch}


def _file(given: str, folder: Path) -> tuple[Path | str, str]:
    """What is run on, and its name; the folder of NABirds becomes a file of cropped images."""
    if is_nabirds(given):
        return prepare(given, folder / "data" / "nabirds.npz"), "nabirds"
    return given, Path(given).name.partition(".")[0]


def _kind(pool: Pool) -> str:
    if pool.kind == "rows":
        return "rows"
    if pool.kind != "images":
        raise DataError(f"malls-paper is on images or rows; the data hold {pool.kind}.")
    return "colour" if np.asarray(pool.take([0])).ndim == 4 else "grey"


class _Plan(NamedTuple):
    """What is compared."""

    settings: Any


malls_paper = Preset(
    name="malls-paper",
    title="Active learning under label shift at the paper's sizes (MALLS)",
    source=f"{SOURCE}, example_exps",
    measure=lambda curve: (float(np.mean(curve.metric)),) * len(FIGURES),
    figures=FIGURES,
    published={},
    settings=settings,
    notes=(
        "Sizes and blocks are those of the repository: 13,333 warm labels, a pool of 26,667, 30 rounds of 355 labels "
        "(NABirds: 15,000, 15,000, 20 rounds of 300). Hours on a GPU a cell: give --seeds 1 --rounds 2 first, or "
        "spread it by claros bench worker.",
        "Departures: items are drawn without replacement, so that all parts shrink by one factor where a class has too "
        "few; the target sample is not the test set; confusion matrices are of predictions out of fold; networks are "
        "trained anew each round; NABirds at 64 pixels, with a ResNet-18.",
        "The uncorrected arm asks by the share of dropout passes that vote against the majority, which the repository "
        "calls bald.",
    ),
    seeds=10,
    needs="malls-paper needs labeled data, as --data cifar100, --data cifar10 or --data the folder of NABirds",
    compare=partial(compared, _Plan(settings)),
)
