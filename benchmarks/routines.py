"""The routines that are compared, by package and case. Each loads its package, and returns what is to be timed.

This file runs in the interpreter of the package that it times, so it imports nothing but NumPy before it knows which.
Run as ``python routines.py PACKAGE CASE FOLDER LAPS``; prints one line of JSON a lap.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Call = Callable[[], Any]


class Fixed:
    """A model that has predicted already."""

    def __init__(self, probs: np.ndarray) -> None:
        self.probs = probs

    def predict_proba(self, _: object) -> np.ndarray:
        return self.probs


def claros(case: str, arrays: Arrays, k: int) -> Call:
    import claros

    claros.strategies.get(case.removesuffix("_cold"))  # modules are imported before the clock starts, as the peers' are
    if case == "margin":
        return lambda: claros.select("margin", k, probs=arrays["probs"]).indices
    pool = arrays["embeddings"]
    if case == "badge":
        return lambda: claros.select("badge", k, probs=arrays["probs"], embeddings=pool).indices
    return lambda: claros.select("k_center", k, embeddings=pool, labeled_embeddings=arrays["labeled"]).indices


def scikit_activeml(case: str, arrays: Arrays, k: int) -> Call:
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import Badge, CoreSet, uncertainty_scores
    from skactiveml.utils import simple_batch

    if case == "margin":
        probs = arrays["probs"]
        return lambda: simple_batch(uncertainty_scores(probs, method="margin_sampling"), 0, batch_size=k)
    pool = arrays["embeddings"]
    if case == "badge":

        class Predicted(SkactivemlClassifier):
            def fit(self, *_: object, **__: object) -> Predicted:
                return self

            def predict_proba(self, _: object) -> np.ndarray:
                return arrays["probs"]

        unknown, model = np.full(len(pool), np.nan), Predicted(classes=range(arrays["probs"].shape[1]))
        return lambda: Badge(random_state=0).query(pool, unknown, model, fit_clf=False, batch_size=k)
    rows, labels = together(arrays)
    return lambda: CoreSet(random_state=0).query(rows, labels, batch_size=k) - len(arrays["labeled"])


def small_text(case: str, arrays: Arrays, k: int) -> Call:
    if case == "margin":
        from small_text.query_strategies.strategies import BreakingTies

        n, model = len(arrays["probs"]), Fixed(arrays["probs"])
        return lambda: BreakingTies().query(model, None, np.arange(n), np.arange(0), np.arange(0), n=k)
    pool = arrays["embeddings"]
    if case == "badge":
        from small_text.integrations.pytorch.query_strategies.strategies import BADGE

        badge, positions = BADGE(arrays["probs"].shape[1]), np.arange(len(pool))
        return lambda: badge.sample(
            None, None, positions, positions[:0], positions[:0], k, pool, embeddings_proba=arrays["probs"]
        )
    from small_text.query_strategies.coresets import greedy_coreset

    # Unlabeled rows first: this function takes its own picks for positions in the whole array.
    rows, n = np.vstack([pool, arrays["labeled"]]), len(pool)
    return lambda: greedy_coreset(rows, np.arange(n), np.arange(n, len(rows)), k, distance_metric="euclidean")


def modal(case: str, arrays: Arrays, k: int) -> Call:
    from modAL.uncertainty import margin_sampling

    model, items = Fixed(arrays["probs"]), np.empty((len(arrays["probs"]), 1))
    return lambda: margin_sampling(model, items, n_instances=k)[0]


def together(arrays: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Labeled rows, then the pool, and a label for the first."""
    rows = np.vstack([arrays["labeled"], arrays["embeddings"]])
    labels = np.full(len(rows), np.nan)
    labels[: len(arrays["labeled"])] = 0
    return rows, labels


PACKAGES = {"claros": claros, "scikit-activeml": scikit_activeml, "small-text": small_text, "modAL": modal}


def status(field: str) -> int:
    """A line of the process's status, in bytes."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


def busy() -> float:
    """Seconds that all cores together have been busy since the machine started."""
    fields = [float(value) for value in Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    package, case, folder, laps = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    limit = int(float(os.environ.get("BENCHMARK_MEMORY", "0")) * 2**30)
    if limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    warnings.simplefilter("ignore")
    settings = json.loads((folder / "settings.json").read_text("utf-8"))
    arrays = {file.stem: np.load(file) for file in sorted(folder.glob("*.npy"))}
    call = PACKAGES[package](case, arrays, settings["k"])
    for _ in range(laps):
        before, others = status("VmRSS"), busy()
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak counts from here
        start, cpu = time.perf_counter(), time.process_time()
        picks = call()
        seconds, own = time.perf_counter() - start, time.process_time() - cpu
        lap = {
            "seconds": seconds,
            "cpu": own,
            "added": status("VmHWM") - before,
            "busy": max(0.0, (busy() - others - own) / seconds) if seconds > 0.05 else None,
            "picks": np.asarray(picks).tolist(),
        }
        print(json.dumps(lap), flush=True)


if __name__ == "__main__":
    main()
