"""Plan and run the cells of the study in one results database, which may grow over days.

    python -m benchmarks.study.run screen --sets FOLDER --db study.sqlite      # every strategy, 12 sets, 3 seeds
    python -m benchmarks.study.run logistic --sets FOLDER --db study.sqlite  # the recommended ones, all sets, 10 seeds
    python -m benchmarks.study.run network ...                                 # the same with a small network
    python -m benchmarks.study.run members ...                                 # those that ask a committee, of a forest
    python -m benchmarks.study.run switches ...                                # two methods one after the other
    python -m benchmarks.study.run own ...                                     # each with the first batch it chooses

The same command goes on where it was stopped. All arms of a seed share the first batch, but for those of ``own``.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path
from typing import Any

import numpy as np

from claros import strategies
from claros.experiment.bench import Store, assist, plan, read_grid

#: Sets of the screening: of all kinds, sizes and numbers of classes.
SCREENED = (
    "adult",
    "banking77",
    "breast_cancer",
    "cifar10_8k",
    "coin_flip",
    "letter",
    "nursery",
    "phoneme",
    "segment",
    "trec6",
    "usps",
    "waveform5000",
)

#: What published evidence and the screening recommend, and plain ones to compare with.
DOZEN = (
    "auto",
    "margin",
    "entropy",
    "badge",
    "bait",
    "uherding",
    "max_herding",
    "typiclust",
    "alfa_mix",
    "drop_query",
    "falcun",
    "power_bald",
    "cluster_margin",
    "k_center",
)
#: Two methods one after the other, which `auto` must not lag behind.
SWITCHES = (
    "switch(max_herding, margin, at=5)",
    "switch(typiclust, margin, at=5)",
    "switch(max_herding, badge, at=5)",
    "switch(max_herding, bait, at=5)",
)
#: Those that choose a first batch of their own.
STARTERS = ("auto", "max_herding", "typiclust", "prob_cover", "facility_location", "kmeans", "k_center")

#: Labels a round, and rounds: small batches for a model that trains in a moment.
SIZES = {"logistic": (1, 20), "mlp": (5, 8), "forest": (2, 8)}
#: Joint predictions of many members are for few classes: none of whose batches is larger than this.
FEW = 20
#: The model of a stage that has not logistic regression.
MODELS = {"network": "mlp", "members": "forest"}


def shape(path: Path, model: str) -> dict[str, int]:
    """Start, batch and rounds in proportion to the number of classes, never more than half of the pool."""
    with np.load(path) as arrays:
        classes, n = len(np.unique(arrays["y_train"])), len(arrays["y_train"])
    each, rounds = SIZES[model]
    batch, start = max(5, each * classes), max(10, 2 * classes)
    return {"start": start, "batch": batch, "rounds": max(1, min(rounds, (n // 2 - start) // batch))}


def settings(stage: str, path: Path, first: int, seeds: int) -> list[dict[str, Any]]:
    """What to plan on one set."""
    model = MODELS.get(stage, "logistic")
    common = {"data": str(path), "model": model, "watch": [], "upper_bound": False, **shape(path, model)}
    common |= {"seed": first, "seeds": seeds}
    if stage == "own":
        return [{**common, "init": name, "strategy": [name], "control": False} for name in STARTERS]
    if stage == "members":
        arms = ["margin", *(name for name in strategies.names() if "member_probs" in strategies.get(name).needs)]
    elif stage == "screen":
        arms = [name for name in strategies.names() if name != "random"]
    else:
        arms = list(SWITCHES if stage == "switches" else DOZEN)
    return [{**common, "strategy": arms}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=("screen", "logistic", "network", "members", "switches", "own"))
    parser.add_argument("--sets", type=Path, required=True, help="folder that benchmarks.study.sets wrote")
    parser.add_argument("--db", type=Path, required=True, help="results database")
    parser.add_argument("--seeds", type=int, help="3 for the screening, else 10")
    parser.add_argument("--first", type=int, default=0, help="the first seed, where results of earlier ones are kept")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--arms", nargs="+", help="these strategies instead of the stage's own")
    args = parser.parse_args()
    seeds = args.seeds or (3 if args.stage in ("screen", "members") else 10)
    with Store(f"sqlite:///{args.db.absolute()}") as store:
        for path in sorted(args.sets.glob("*.npz")):
            if args.stage in ("screen", "members") and path.stem not in SCREENED:
                continue
            if args.stage == "members" and shape(path, "forest")["batch"] > FEW:
                continue
            for flags in settings(args.stage, path, args.first, seeds):
                plan(read_grid(flags=fed(flags, args.arms)), store)
        assist(store, jobs=args.jobs)


def fed(flags: dict[str, Any], arms: list[str] | None) -> dict[str, Any]:
    """Without the strategies that ask for what no such model has."""
    from claros import models
    from claros.campaign.supply import supplied

    at_hand = supplied(models.get(flags["model"]).provides, features=True)
    named = arms or flags["strategy"]
    return {**flags, "strategy": [name for name in named if {*strategies.get(name).needs} <= at_hand]}


if __name__ == "__main__":
    main()
