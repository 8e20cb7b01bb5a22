"""What a round of a run costs beside training, prediction and evaluation, at 50,000 items.

Rows of 64 numbers in 10 classes are made, saved, and run through ``claros.experiment.run`` as the command does, with
a durable log on disk. Prints the mean seconds of each phase over all rounds but the first two, and the share of the
loop: planning (which holds the strategy) and everything else (log, files, metrics' tables, stopping rules).

    python benchmarks/overhead.py [--items 50000] [--rounds 12] [--model logistic] [--strategy margin]
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np

from claros.experiment import read_config, run
from claros.experiment.tables import TIMES

N_TEST, WIDTH, CLASSES = 2000, 64, 10


def make_data(path: Path, n: int) -> None:
    """Gaussian classes that overlap, so that a linear model is right about nine times in ten."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, n + N_TEST)
    x = (rng.normal(size=(CLASSES, WIDTH))[y] + rng.normal(size=(n + N_TEST, WIDTH)) * 2.5).astype(np.float32)
    np.savez(path, x_train=x[:n], y_train=y[:n], x_test=x[n:], y_test=y[n:])


def measure(model: str, strategy: str, n: int, rounds: int) -> dict[str, float]:
    """Mean seconds of each phase of a round."""
    with tempfile.TemporaryDirectory() as folder:
        make_data(Path(folder) / "rows.npz", n)
        flags = {"data": f"{folder}/rows.npz", "model": model, "strategy": [strategy], "control": False}
        config = read_config(flags={**flags, "start": 100, "batch": 100, "rounds": rounds})
        out = run(config, Path(folder) / "out", listener=lambda moment: None)
        with (out / "results.csv").open(newline="") as file:
            table = list(csv.DictReader(file))[2:]
    return {phase: float(np.mean([float(row[f"seconds_{phase}"]) for row in table])) for phase in TIMES}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--model", action="append")
    parser.add_argument("--strategy", default="margin")
    given = parser.parse_args()
    print(f"{given.items} items, {given.strategy}, batches of 100; milliseconds a round")
    print(f"{'model':10}" + "".join(f"{phase:>10}" for phase in TIMES) + f"{'loop':>10}")
    for model in given.model or ["logistic", "mlp", "forest"]:
        seconds = measure(model, given.strategy, given.items, given.rounds)
        loop = seconds["select"] + seconds["rest"]
        cells = "".join(f"{1000 * seconds[phase]:10.1f}" for phase in TIMES)
        print(f"{model:10}{cells}{100 * loop / sum(seconds.values()):9.1f}%")


if __name__ == "__main__":
    main()
