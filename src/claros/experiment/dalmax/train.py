"""DalMax's ``train.py``: a model on random images, or on those that were selected."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from claros import data
from claros.arrays import Indices
from claros.data.pool import Pool
from claros.errors import DataError, InputError
from claros.experiment.dalmax import files
from claros.experiment.dalmax.record import Iteration, Record, dataset_name
from claros.experiment.training import Trained, epoch_parameters, fit
from claros.rng import stream

__all__ = ["train"]

#: In the folders that `train_al` writes of a selection, classes are one level further down than in the test tree.
_BELOW_ITERATIONS = r"^(?:iteration_\d+/)?(?!iteration_\d+/)([^/]+)/"


def train(
    *,
    dir_train: str,
    dir_test: str,
    dir_results: str | Path,
    type: Literal["random", "train"] = "train",
    epochs: int = 10,
    img_size: int = 32,
    model: str = "cnn",
    seed: int = 0,
) -> dict[str, Any]:
    """Train for ``epochs`` passes and write the files of ``train.py`` into ``dir_results/TYPE``; as JSON what it found.

    ``train`` takes what `train_al` labeled last in ``dir_results``, the start included; where nothing was, all of
    ``dir_train``, which may be a ``selected_images`` folder. ``random`` takes as many random images of ``dir_train`` as
    that; where nothing was selected, a tenth of them. All of ``dir_test`` is tested on. ``claros train`` does both with
    several seeds, and compares them.
    """
    if type not in ("random", "train"):
        raise InputError(f"type must be random or train; got {type!r}.")
    folder = Path(dir_results)
    files.check_folder(folder / type)
    spec = {"name": model, "parameters": epoch_parameters(model, epochs)}
    pool, test = _read(str(dir_train), str(dir_test), img_size)
    positions, source = _positions(pool, _selected(folder), type, seed)
    done = fit(spec, pool, test, positions, np.asarray(pool.labels)[positions], mode=type, seed=seed)
    about = {"dataset_name": dataset_name(dir_train), "strategy_name": type, "epochs": epochs, "trained_on": source}
    with tempfile.TemporaryDirectory(prefix="claros-") as kept:
        done.model.save(Path(kept))
        names = files.write_trained(_record(done, pool, test, model, about, Path(kept)), folder / type)
    return {
        "out": str(folder / type),
        "type": type,
        "trained_on": source,
        "model": model,
        "n_labeled": len(positions),
        "accuracy": float(done.scores["accuracy"]),
        "seconds": round(done.seconds, 3),
        "files": names,
    }


def _read(dir_train: str, dir_test: str, img_size: int) -> tuple[Pool, Pool]:
    selected = Path(dir_train).is_dir() and any(Path(dir_train).glob("iteration_*"))
    pattern = _BELOW_ITERATIONS if selected else None
    pool, test = data.load(dir_train, test=dir_test, image_size=img_size, label_pattern=pattern, test_share=0.0)
    if test is None or pool.labels is None or (pool.labels < 0).any():
        raise DataError(f"{dir_train} must have every image in the folder of its class.")
    return pool, test


def _selected(folder: Path) -> tuple[str, list[str]] | None:
    """The type that was run last in the folder of results, and the ids of all that it labeled."""
    found = files.read_results(folder)
    cells = [] if found is None else sorted((folder / "run" / str(found["strategy_name"]) / "cells").glob("*/"))
    if found is None or not cells:
        return None
    items = []
    for batch in sorted(cells[0].glob("rounds/*/batch.csv")):
        with batch.open(newline="", encoding="utf-8") as file:
            items += [row["item"] for row in csv.DictReader(file)]
    return str(found["strategy_name"]), items


def _positions(pool: Pool, told: tuple[str, list[str]] | None, type: str, seed: int) -> tuple[Indices, str]:
    """Positions to train on, (n,), and in words what they are."""
    if type == "random":
        n, like = (
            (max(1, round(len(pool) / 10)), "a tenth, as nothing was selected in dir_results")
            if told is None
            else (len(told[1]), f"as many as {told[0]} labeled")
        )
        different = np.flatnonzero(pool.groups == np.arange(len(pool)))
        drawn = stream(seed, "random items").choice(different, size=min(n, len(different)), replace=False)
        return drawn, f"{len(drawn)} random images, {like}"
    if told is None:
        return np.arange(len(pool)), f"all {len(pool)} images, as nothing was selected in dir_results"
    name, items = told
    lost = [item for item in items if item not in pool.positions]
    if len(lost) == len(items):  # another tree, such as the selected images themselves
        return np.arange(len(pool)), f"all {len(pool)} images of dir_train"
    if lost:
        raise DataError(f"dir_train lacks {lost[0]}, which was selected in dir_results; give the tree of that command.")
    return np.array([pool.positions[item] for item in items]), f"the {len(items)} images that {name} labeled"


def _record(done: Trained, pool: Pool, test: Pool, model: str, about: Mapping[str, Any], kept: Path) -> Record:
    """The training as a record of one iteration."""
    chosen = zip(done.positions.tolist(), done.codes.tolist(), strict=True)
    batch = [{"item": pool.ids[at], "class": pool.classes[code], "source": done.mode} for at, code in chosen]
    told = {"seconds": {"train": done.seconds}, "n_labeled": len(batch)}
    only = Iteration(0, {**done.scores, **told}, done.model.history, batch, kept)
    return Record(done.mode, done.mode, model, done.seed, pool, test, (only,), done.test_probs, about)
