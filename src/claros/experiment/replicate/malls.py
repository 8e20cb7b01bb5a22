"""Active learning under label shift: what corrects, where it acts, and what it is worth.

The paper (MALLS) has no figures that can be compared with at this size; those beside ours are of an earlier run of this
very grid, and its claim is in words: fewer labels under strong shift, no harm without.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from claros import data
from claros.errors import DataError, require
from claros.experiment.config import RunConfig, parse_config
from claros.experiment.replicate.blocks import BASE, FIGURES, read_blocks, rows_of, sentences_of
from claros.experiment.replicate.outcome import Replication
from claros.experiment.replicate.patches import small_features
from claros.experiment.replicate.preset import Preset, Request
from claros.files import write_atomically

__all__ = ["ARMS", "SOURCE", "Grid", "arms_of", "compared", "malls", "prepared", "preset"]

#: As the paper's code has it, where nobody looks at intervals.
_RLLS = "method='rlls(regularization=2e-6)', gate=0, replicates=0"

#: Arm -> strategy and correction. ``oracle`` knows the target's class shares, as only a simulation can.
ARMS: Mapping[str, tuple[str, str]] = {
    BASE: ("margin", "none(folds=0, replicates=0)"),
    "default": ("margin", "auto"),
    "prediction": ("margin", "prediction(folds=0, replicates=0)"),
    "score and prediction": ("margin", "both(folds=0, replicates=0)"),
    "weights": ("margin", "weights(folds=0, replicates=0)"),
    "quotas": ("malls(margin, adjust=false)", "none(folds=0, replicates=0)"),
    "quotas and prediction": ("malls(margin)", "prediction(folds=0, replicates=0)"),
    "MALLS as coded": ("malls(margin)", f"prediction({_RLLS}, folds=0)"),
    "MALLS by the book": ("malls(margin)", f"prediction({_RLLS}, folds=5)"),
    "oracle": ("margin", "prediction(target_prior=true, folds=0, gate=0, replicates=0)"),
    "random": ("random", "none(folds=0, replicates=0)"),
}

#: Law and concentration of the blocks, strongest first.
SHIFTS = (
    ("dirichlet_mix", 0.1),
    ("dirichlet_mix", 0.4),
    ("dirichlet_mix", 5.0),
    ("dirichlet_online", 0.4),
    ("dirichlet_identical", 0.4),
)

#: Points over uncorrected margin, mean over rounds and at the end, of the earlier run (docs/label_shift.md).
EARLIER: Mapping[tuple[str, str], tuple[float, float]] = {
    ("mnist", "prediction"): (4.0, 1.9),
    ("mnist", "score and prediction"): (4.5, 2.0),
    ("mnist", "weights"): (4.3, 2.4),
    ("mnist", "quotas and prediction"): (3.9, 1.6),
    ("mnist", "quotas"): (-0.4, -0.2),
    ("mnist", "MALLS as coded"): (3.5, 0.6),
    ("mnist", "MALLS by the book"): (0.9, -3.4),
    ("mnist", "oracle"): (5.2, 2.5),
    ("cifar10", "prediction"): (6.1, 4.5),
    ("cifar10", "score and prediction"): (8.1, 7.7),
    ("cifar10", "weights"): (6.6, 6.8),
    ("cifar10", "quotas and prediction"): (7.3, 7.5),
    ("cifar10", "quotas"): (-0.4, -0.2),
    ("cifar10", "MALLS as coded"): (7.3, 8.0),
    ("cifar10", "MALLS by the book"): (9.5, 7.2),
    ("cifar10", "oracle"): (15.7, 12.5),
}


@dataclass(frozen=True)
class Grid:
    """What is run: shifts, sizes of the parts, rounds of ``batch`` labels, arms, and the model on small features.

    ``dims`` are principal components, by how many colours an image has.
    """

    shifts: tuple[tuple[str, float], ...] = SHIFTS
    sizes: Mapping[str, int] = field(default_factory=lambda: {"warm": 600, "pool": 3000, "target": 1000, "test": 2000})
    rounds: int = 6
    batch: int = 50
    arms: Mapping[str, tuple[str, str]] = field(default_factory=lambda: ARMS)
    model: str = "logistic"
    dims: Mapping[str, int] = field(default_factory=lambda: {"grey": 40, "colour": 80})

    def settings(self, request: Request) -> list[RunConfig]:
        """A setting for every data set, shift and draw; its features are written into the folder of the request."""
        require("matplotlib.figure", "report", "A figure of every block")
        if not request.data:
            raise DataError("malls needs labeled images or rows: give --data mnist.npz, and again for more.")
        rounds = self.rounds if request.rounds is None else min(self.rounds, request.rounds)
        quiet = {"watch": [], "control": False, "upper_bound": False, "checkpoints": "last"}
        files = [prepared(given, request.folder, self.dims) for given in request.data]
        found = []
        for file in files:
            for law, alpha in self.shifts:
                for draw in range(request.seeds):
                    shift = {"law": law, "alpha": alpha, "draw": draw, **self.sizes}
                    run = {"data": str(file), "strategy": arms_of(self.arms), "shift": shift, "seed": draw}
                    run = {**quiet, **run, "model": self.model, "batch": self.batch, "rounds": rounds}
                    found.append(parse_config(run))
        return found


def arms_of(arms: Mapping[str, tuple[str, str]]) -> list[dict[str, str]]:
    """Arms as a run's settings have them."""
    return [{"name": name, "label": label, "correction": how} for label, (name, how) in arms.items()]


def prepared(given: str, folder: Path, dims: Mapping[str, int]) -> Path:
    """Features of the data set as a file in the folder, made once."""
    out = folder / "data" / f"{Path(given).name.partition('.')[0]}.npz"
    if not out.exists():
        train, test = data.load(given)
        if test is None or train.labels is None or test.labels is None:
            raise DataError(f"{given} has no labels, or no test part; give labeled data.")
        colour = train.kind == "images" and np.asarray(train.take([0])).ndim == 4
        x, x_test = small_features(train, test, dims["colour" if colour else "grey"])
        out.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {"x_train": x, "y_train": train.labels, "x_test": x_test, "y_test": test.labels}
        np.savez(buffer, **arrays, classes=np.array(train.classes))
        write_atomically(out, buffer.getvalue())
    return out


def compared(grid: Any, preset: Preset, request: Request, failures: tuple[str, ...]) -> Replication:
    """Every arm against uncorrected labeling, block by block; the figures are written into the folder."""
    from claros.experiment.replicate.shift_figures import write_figures

    found = read_blocks(request.folder, grid.settings(request))
    if not found:
        raise DataError(f"No draw in {request.folder} has all arms done; look at claros bench status.")
    write_figures(found, request.folder / "shift_figures")
    earlier = {block.name: _earlier(block.data, block.law, block.alpha, request.rounds) for block in found}
    rows = [row for block in found for row in rows_of(block, earlier[block.name])]
    said = [sentence for block in found for sentence in sentences_of(block)]
    said.append(f"Figures of every block: {request.folder / 'shift_figures'}")
    draws = max(block.draws for block in found)
    about = (preset.name, preset.title, preset.source)
    return Replication(*about, tuple(rows), (), tuple(said), preset.notes, draws, 0.95, request.folder, failures)


def _earlier(where: str, law: str, alpha: float, rounds: int | None) -> dict[str, tuple[float, float]]:
    """Figures of the earlier run of a block; of whole runs only."""
    if (law, alpha) != ("dirichlet_mix", 0.4) or rounds is not None:
        return {}
    return {arm: figures for (name, arm), figures in EARLIER.items() if where.startswith(name)}


#: Who published it.
SOURCE = (
    "Zhao, Liu, Anandkumar & Yue 2021, Active Learning under Label Shift (AISTATS), arXiv:2007.08479; grid and arms "
    "after github.com/ericzhao28/alls"
)


def preset(grid: Grid, *, seeds: int = 10) -> Preset:
    """The preset that runs a grid."""
    return Preset(
        name="malls",
        title="Active learning under label shift: corrections, quotas, and both (MALLS)",
        source=f"{SOURCE}, at a laptop's size",
        measure=lambda curve: (float(np.mean(curve.metric)),) * len(FIGURES),
        figures=FIGURES,
        published={},
        settings=grid.settings,
        notes=(
            "Accuracy and macro-F1 are points over uncorrected margin, paired by draw. Those in the column of the "
            "published ones are of an earlier run of this grid, for mix 0.4: the paper's own cannot be compared with "
            "at this size.",
            "Labels are saved in reaching nine tenths of what uncorrected margin gains from its start to its end; "
            "where the arm's or margin's own curve does not get there, nothing can be told.",
            "Softmax regression on 40 principal components of grey images, or 80 of random-patch features of images "
            "in colour; warm start 600, pool 3,000, target sample 1,000, test 2,000, disjoint; 6 rounds of 50. Where a "
            "class has too few items, all parts shrink by one factor.",
            "Both accuracy and macro-F1 are given: what raises the one under a skewed target lowers the other.",
        ),
        seeds=seeds,
        extra="sklearn",
        needs="malls needs labeled data, as --data mnist.npz --data cifar10_8k.npz",
        compare=partial(compared, grid),
    )


malls = preset(Grid())
