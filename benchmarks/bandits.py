"""What strategies that learn are worth: bandits and LAL-RL beside margin, random and their own arms.

    python -m benchmarks.bandits run --out bandits --seeds 30      # goes on where it was stopped
    python -m benchmarks.bandits table bandits > docs/learned_evidence.md

Eight data sets that anybody has: four that scikit-learn bundles and four made with fixed seeds, on none of which the
shipped policy was trained. Logistic regression, two labels a class at the start, 12 batches of 5; what counts is
the mean test accuracy over the curve, by labels bought. EXP3 pays for its reward: a fifth of its labels is audited.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from claros.arrays import Floats
from claros.experiment.bench import Store, assist, export, plan, read_grid

BATCH, ROUNDS, POOL = 5, 12, 400
ARMS = ("margin", "badge", "kmeans", "random")
#: Strategies that learn, by their labels.
LEARNING: Mapping[str, Mapping[str, object]] = {
    "tailor": {"name": "tailor"},
    "tailor, surprise": {"name": "tailor", "parameters": {"reward": "surprise"}},
    "tailor, mixture": {"name": "tailor", "parameters": {"reward": "mixture"}},
    "albl": {"name": "albl"},
    "lal_rl": {"name": "lal_rl"},
}
#: The arms of one grid, and those of another, which audits.
LEARN = {"strategy": [*ARMS[:-1], *({"label": label, **spec} for label, spec in LEARNING.items())], "audit": 0.0}
AUDIT = {"strategy": [{"label": "exp3", "name": "exp3"}], "audit": 0.2, "control": False}
#: Seeds that are run on every set before more are.
FEW = 5

NOTICE = "<!-- Written by benchmarks/bandits.py from its tables; run it again, do not edit. -->"
INTRO = """# What strategies that learn are worth

Mean test accuracy over the curve, in percent: logistic regression, two labels a class at the start and twelve batches
of five, {seeds} seeds, the same start for every strategy of a seed; [how](learned.md), and
[the program](../benchmarks/bandits.py). *Against margin* and *against random* are differences of the means over sets,
in points, with 95 % intervals over data sets (t, {sets} sets); *behind its best arm* compares, on each set, with the
best of margin, badge, kmeans and random there, which nobody knows beforehand. `exp3` has a fifth of its labels audited,
which then train nothing. The policy of `lal_rl` never saw these sets; but *clouds*, *moons*, *rare* and *corners* are
drawn by generators that also made its training data, with other seeds."""


def made(folder: Path) -> list[Path]:
    """The data sets, each as an npz with a pool of at most 400 items and as many to test on."""
    from sklearn import datasets

    bundled = {name: getattr(datasets, f"load_{name}")(return_X_y=True) for name in ("iris", "wine", "breast_cancer")}
    x, y = datasets.load_digits(return_X_y=True)
    drawn = {
        "digits": (x, y),
        "clouds": datasets.make_blobs(800, 5, centers=6, cluster_std=4.0, random_state=101),
        "moons": datasets.make_moons(800, noise=0.25, random_state=102),
        "rare": datasets.make_classification(
            800, 12, n_informative=6, n_redundant=0, n_classes=3, weights=[0.85, 0.1, 0.05], random_state=103
        ),
        "corners": datasets.make_classification(
            800, 20, n_informative=8, n_redundant=0, n_classes=4, class_sep=1.5, random_state=104
        ),
    }
    files = []
    for name, (features, labels) in {**bundled, **drawn}.items():
        files.append(folder / f"{name}.npz")
        order = np.random.default_rng(7).permutation(len(labels))
        size = min(POOL, len(labels) * 2 // 3)
        parts = {"train": order[:size], "test": order[size : size + POOL]}
        arrays = {f"{kind}_{part}": np.asarray(table)[rows] for part, rows in parts.items()
                  for kind, table in (("x", features), ("y", labels))}  # fmt: skip
        if not files[-1].exists():
            folder.mkdir(parents=True, exist_ok=True)
            np.savez(files[-1], **arrays)
    return files


def run(out: Path, seeds: int, jobs: int) -> None:
    """Plan what is not there, run what is not done, a few seeds of every set at a time, and write the tables."""
    out.mkdir(parents=True, exist_ok=True)
    files = made(out / "sets")
    with Store(f"sqlite:///{(out / 'bench.sqlite').absolute()}") as store:
        for some in [*range(FEW, seeds, FEW), seeds]:
            for file in files:
                plan(read_grid(flags={**_flags(file), **LEARN, "seeds": some}), store)
                plan(read_grid(flags={**_flags(file), **AUDIT, "seeds": some}), store)
            assist(store, jobs=jobs)
            export(store, out)


def _flags(file: Path) -> dict[str, object]:
    with np.load(file) as arrays:
        start = max(6, 2 * len(np.unique(arrays["y_train"])))
    size = {"start": start, "batch": BATCH, "rounds": ROUNDS, "data": str(file)}
    return {"model": "logistic", "watch": [], "upper_bound": False, **size}


def curves(out: Path) -> dict[str, dict[str, list[float]]]:
    """Strategy -> data set -> each seed's mean accuracy over the curve, of seeds that every strategy has finished."""
    rows: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)
    with (out / "results.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = row["strategy"], row["setting"].split()[0].rstrip(",").removesuffix(".npz"), row["seed"]
            rows[key].append((float(row["n_labeled"]), float(row["accuracy"])))
    areas = {key: _area(points) for key, points in rows.items() if len(points) > ROUNDS}
    names = list(dict.fromkeys(name for name, _, _ in areas))
    shared = [(data, seed) for name, data, seed in areas if name == "margin"]
    shared = [pair for pair in shared if all((name, *pair) in areas for name in names)]
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in names}
    for data, seed in shared:
        for name in names:
            found[name][data].append(areas[name, data, seed])
    return found


def _area(points: Sequence[tuple[float, float]]) -> float:
    """The mean height of the curve over the labels bought."""
    x, y = np.array(sorted(points)).T
    return float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(x)) / (x[-1] - x[0]))


def page(found: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """The tables for the docs."""
    sets = [*found["margin"]]
    means = {name: np.array([np.mean(own[data]) for data in sets]) for name, own in found.items()}
    best = np.max([means[arm] for arm in ARMS], axis=0)
    in_order = sorted(means, key=lambda name: -means[name].mean())
    fewest, most = (f([len(found["margin"][data]) for data in sets]) for f in (min, max))
    rows = [
        [f"`{name}`", f"{100 * means[name].mean():.2f}", *(_difference(means[name] - means[arm]) if name != arm else "–"
         for arm in ("margin", "random")), f"{100 * np.mean(best - means[name]):.2f}",
         f"{100 * np.max(best - means[name]):.2f}"]
        for name in in_order
    ]  # fmt: skip
    each = [[f"`{name}`", *(f"{100 * value:.1f}" for value in means[name])] for name in in_order]
    head = ["strategy", "mean", "against margin", "against random", "behind its best arm", "at most"]
    said = INTRO.format(seeds=str(most) if fewest == most else f"{fewest} to {most}", sets=len(sets))
    parts = [NOTICE, said, _table(head, rows), "On each data set:", _table(["strategy", *sets], each)]
    return "\n\n".join(parts) + "\n"


def _difference(values: Floats) -> str:
    """The mean in points, with its 95 % interval over data sets."""
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return f"{100 * np.mean(values):+.2f} ± {100 * half:.2f}"


def _table(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, or print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run", help="plan, run and write the tables")
    runs.add_argument("--out", type=Path, required=True)
    runs.add_argument("--seeds", type=int, default=30)
    runs.add_argument("--jobs", type=int, default=1)
    tables = commands.add_parser("table", help="print the page")
    tables.add_argument("out", type=Path)
    given = parser.parse_args(arguments)
    if given.command == "run":
        run(given.out, given.seeds, given.jobs)
    else:
        print(page(curves(given.out)), end="")


if __name__ == "__main__":
    main()
