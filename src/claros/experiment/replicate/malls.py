"""Active learning under label shift: what corrects, where it acts, and what it is worth.

The paper (MALLS) has no figures that can be compared with at this size; those beside ours are of an earlier run of this
very grid, and its claim is in words: fewer labels under strong shift, no harm without.
"""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from claros import data
from claros.arrays import Floats
from claros.errors import DataError
from claros.experiment.bench.run import database
from claros.experiment.bench.store import Store
from claros.experiment.compare.labels_saved import savings
from claros.experiment.compare.paired import paired_difference
from claros.experiment.config import RunConfig, parse_config
from claros.experiment.replicate.outcome import Replication, Row
from claros.experiment.replicate.patches import small_features
from claros.experiment.replicate.preset import Preset, Request
from claros.files import write_atomically
from claros.rng import stream

__all__ = ["ARMS", "Block", "blocks", "malls"]

BASE = "uncorrected"

#: Arm -> strategy and correction. ``oracle`` knows the target's class shares, as only a simulation can.
ARMS: Mapping[str, tuple[str, str]] = {
    BASE: ("margin", "none(folds=0)"),
    "default": ("margin", "auto"),
    "prediction": ("margin", "prediction(folds=0)"),
    "score and prediction": ("margin", "both(folds=0)"),
    "weights": ("margin", "weights(folds=0)"),
    "quotas": ("malls(margin, adjust=false)", "none(folds=0)"),
    "quotas and prediction": ("malls(margin)", "prediction(folds=0)"),
    "MALLS as coded": ("malls(margin)", "prediction(method='rlls(regularization=2e-6)', folds=0, gate=0)"),
    "MALLS by the book": ("malls(margin)", "prediction(method='rlls(regularization=2e-6)', folds=5, gate=0)"),
    "oracle": ("margin", "prediction(target_prior=true, folds=0, gate=0)"),
}

#: Law and concentration of the blocks, strongest first.
SHIFTS = (
    ("dirichlet_mix", 0.1),
    ("dirichlet_mix", 0.4),
    ("dirichlet_mix", 5.0),
    ("dirichlet_online", 0.4),
    ("dirichlet_identical", 0.4),
)
SIZES = {"warm": 600, "pool": 3000, "target": 1000, "test": 2000}
#: Principal components by how many colours an image has.
DIMS = {"grey": 40, "colour": 80}
ROUNDS, BATCH = 6, 50

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


class Block(NamedTuple):
    """All draws of one data set and one shift; (draws, rounds) of each arm, at so many labels ``bought`` (rounds,)."""

    data: str
    law: str
    alpha: float
    bought: Floats
    accuracy: Mapping[str, Floats]
    macro_f1: Mapping[str, Floats]
    prior_error: Mapping[str, Floats]

    @property
    def name(self) -> str:
        """As tables call it."""
        return f"{self.data}, {self.law} {self.alpha:g}"


def _settings(request: Request) -> list[RunConfig]:
    if not request.data:
        raise DataError("malls needs labeled images or rows: give --data mnist.npz, and again for more.")
    arms = [{"name": name, "label": label, "correction": how} for label, (name, how) in ARMS.items()]
    rounds = ROUNDS if request.rounds is None else min(ROUNDS, request.rounds)
    quiet = {"watch": [], "control": False, "upper_bound": False, "checkpoints": "last"}
    found = []
    for given in request.data:
        file = _prepared(given, request.folder)
        for law, alpha in SHIFTS:
            for draw in range(request.seeds):
                shift = {"law": law, "alpha": alpha, "draw": draw, **SIZES}
                run = {"data": str(file), "strategy": arms, "shift": shift, "batch": BATCH, "rounds": rounds}
                found.append(parse_config({**quiet, **run, "model": "logistic"}))
    return found


def _prepared(given: str, folder: Path) -> Path:
    """Features of the data set as a file in the folder, made once."""
    out = folder / "data" / f"{Path(given).name.partition('.')[0]}.npz"
    if not out.exists():
        train, test = data.load(given)
        if test is None or train.labels is None or test.labels is None:
            raise DataError(f"{given} has no labels, or no test part; give labeled data.")
        colour = train.kind == "images" and np.asarray(train.take([0])).ndim == 4
        x, x_test = small_features(train, test, DIMS["colour" if colour else "grey"])
        out.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {"x_train": x, "y_train": train.labels, "x_test": x_test, "y_test": test.labels}
        np.savez(buffer, **arrays, classes=np.array(train.classes))
        write_atomically(out, buffer.getvalue())
    return out


def blocks(out: Path) -> list[Block]:
    """What every arm reached, block by block, over the draws of which all arms are done."""
    store = Store(database(out, None, existing=True))
    try:
        configs = {setting.key: setting.config for setting in store.settings()}
        cells = {cell["id"]: cell for cell in store.cells()}
        points: dict[Any, dict[str, list[tuple[float, ...]]]] = defaultdict(lambda: defaultdict(list))
        for row in store.rounds():
            cell = cells[row["cell"]]
            if cell["status"] == "done":
                error = (json.loads(row["details"]).get("shift") or {}).get("prior_error")
                values = (row["n_labeled"], row["accuracy"], row["macro_f1"], np.nan if error is None else error)
                points[cell["setting"]][cell["strategy"]].append(values)
    finally:
        store.close()
    groups: dict[tuple[str, str, float], list[dict[str, Floats]]] = defaultdict(list)
    for key, arms in points.items():
        shift = configs[key]["shift"]
        where = (Path(configs[key]["data"]).stem, str(shift["law"]), float(shift["alpha"]))
        tables = {arm: np.array(rows) for arm, rows in arms.items()}
        if len(tables) == len(ARMS):
            groups[where].append(tables)
    return [_block(where, draws) for where, draws in groups.items()]


def _block(where: tuple[str, str, float], draws: list[dict[str, Floats]]) -> Block:
    rounds = min(len(rows) for draw in draws for rows in draw.values())
    first = draws[0][BASE][:rounds, 0]

    def column(place: int) -> dict[str, Floats]:
        return {arm: np.array([draw[arm][:rounds, place] for draw in draws]) for arm in ARMS}

    return Block(*where, first - first[0], column(1), column(2), column(3))


def _compared(preset: Preset, request: Request, failures: tuple[str, ...]) -> Replication:
    found = blocks(request.folder)
    if not found:
        raise DataError(f"No draw in {request.folder} has all arms done; look at claros bench status.")
    rows = [row for block in found for row in _rows(block, preset.figures)]
    draws = max(len(block.accuracy[BASE]) for block in found)
    said = tuple(sentence for block in found for sentence in _sentences(block))
    return Replication(
        *(preset.name, preset.title, preset.source),
        tuple(rows),
        (),
        said,
        preset.notes,
        draws,
        0.95,
        request.folder,
        failures,
    )


def _rows(block: Block, figures: Iterable[str]) -> Iterable[Row]:
    base, base_f1 = block.accuracy[BASE], block.macro_f1[BASE]
    earlier = EARLIER if (block.law, block.alpha) == ("dirichlet_mix", 0.4) else {}
    for arm in ARMS:
        if arm == BASE:
            continue
        known = earlier.get((block.data, arm))
        values = (
            (100 * block.accuracy[arm].mean(axis=1), 100 * base.mean(axis=1), None if known is None else known[0]),
            (100 * block.accuracy[arm][:, -1], 100 * base[:, -1], None if known is None else known[1]),
            (100 * block.macro_f1[arm].mean(axis=1), 100 * base_f1.mean(axis=1), None),
        )
        for figure, (ours, theirs, published) in zip(figures, values, strict=True):
            yield _row(f"{block.name}: {arm}", figure, ours, theirs, published)


def _row(arm: str, figure: str, ours: Floats, base: Floats, published: float | None) -> Row:
    between = float(np.mean(ours - base))
    low = high = None
    if len(ours) > 1:
        difference = paired_difference(ours, base)
        low, high = difference.low, difference.high
    gap = None if published is None else between - published
    return Row(
        arm,
        figure,
        published=published,
        ours=between,
        low=low,
        high=high,
        difference=gap,
        difference_low=None if gap is None or low is None or published is None else low - published,
        difference_high=None if gap is None or high is None or published is None else high - published,
        seeds=len(ours),
    )


def _sentences(block: Block) -> Iterable[str]:
    """How many of the labels bought the default and two others save."""
    draws = len(block.accuracy[BASE])
    if draws < 2:
        return
    curves = {arm: [(block.bought, row) for row in block.accuracy[arm]] for arm in ARMS}
    for arm in ("default", "prediction", "MALLS as coded"):
        saved = savings(curves[arm], curves[BASE], rng=stream(0, "labels saved"))
        points = 100 * float(np.mean(block.accuracy[arm] - block.accuracy[BASE]))
        if saved.value is None:
            share = "the labels it saves cannot be told"
        else:
            limits = ", ".join("never" if limit is None else f"{100 * limit:.0f}" for limit in (saved.low, saved.high))
            share = f"it saves {100 * saved.value:.0f} % of the labels bought [{limits}]"
        yield f"{block.name}, {draws} draws: {arm} is {points:+.1f} points over uncorrected margin on average; {share}."


malls = Preset(
    name="malls",
    title="Active learning under label shift: corrections, quotas, and both (MALLS)",
    source=(
        "Zhao, Liu, Anandkumar & Yue 2021, Active Learning under Label Shift (AISTATS), arXiv:2007.08479; grid and "
        "arms after github.com/ericzhao28/alls, at a laptop's size"
    ),
    measure=lambda curve: (float(np.mean(curve.metric)),),
    figures=("mean accuracy, points", "accuracy at the end, points", "mean macro-F1, points"),
    published={},
    settings=_settings,
    notes=(
        "Figures are points over uncorrected margin, paired by draw. Those in the column of the published ones are of "
        "an earlier run of this grid, for mix 0.4: the paper's own cannot be compared with at this size.",
        "Softmax regression on 40 principal components of grey images, or 80 of random-patch features of images in "
        "colour; warm start 600, pool 3,000, target sample 1,000, test 2,000, disjoint; 6 rounds of 50. Where a class "
        "has too few items, all parts shrink by one factor.",
        "Both accuracy and macro-F1 are given: what raises the one under a skewed target lowers the other.",
    ),
    seeds=10,
    extra="sklearn",
    needs="malls needs labeled data, as --data mnist.npz --data cifar10_8k.npz",
    compare=_compared,
)
