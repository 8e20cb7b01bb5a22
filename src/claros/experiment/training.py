"""Is a selection worth more than as many random items? Train a model on either, seed by seed, and compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from claros import models
from claros.arrays import Floats, Indices, blas_threads, to_numpy
from claros.checks import whole
from claros.data.pool import Pool
from claros.errors import InputError, UnknownNameError, suggest
from claros.experiment import metrics
from claros.experiment.compare import LEAST_SEEDS
from claros.experiment.outcome import MODES, Outcome
from claros.experiment.selection import Selection, open_selection
from claros.models.model import Model
from claros.rng import stream

__all__ = ["MODES", "Trained", "epoch_parameters", "fit", "random_like", "train_on"]


@dataclass(frozen=True)
class Trained:
    """One training that is done: the model, its test predictions (n_test, C) and metrics, what it was trained on."""

    mode: str
    seed: int
    model: Model
    positions: Indices
    codes: Indices
    test_probs: Floats
    scores: Mapping[str, Any]
    seconds: float

    def row(self) -> dict[str, Any]:
        """The numbers, as JSON."""
        kept = {name: self.scores[name] for name in ("accuracy", "macro_f1", "nll", "ece")}
        return {"mode": self.mode, "seed": self.seed, "n": len(self.positions), **kept, "seconds": self.seconds}


def epoch_parameters(model: str, epochs: int | None) -> dict[str, Any]:
    """The parameters with which a model by name is trained for exactly so many epochs; none for None.

    >>> epoch_parameters("logistic", None)
    {}
    """
    if epochs is None:
        return {}
    if isinstance(epochs, bool) or epochs < 1:
        raise InputError(f"epochs must be at least 1; got {epochs!r}.")
    known = models.get(model).spec()["parameters"]
    if "epochs" not in known:
        raise InputError(
            f"{model} is not trained in epochs; leave out epochs, or choose a network (claros list models)."
        )
    return {"epochs": epochs, **({"min_steps": 0} if "min_steps" in known else {})}


def random_like(selection: Selection, at: int, seed: int, *, per_class: bool = False) -> tuple[Indices, Indices]:
    """As many random items as selection number ``at`` has, (n,) positions and (n,) codes of what is told of them.

    Uniform over the pool's different items, those that were selected among them; with ``per_class``, as many of each
    true class as were told in the selection, or all that there are. Drawn from the stream (seed, "random items").
    """
    pool, rng = selection.pool, stream(seed, "random items")
    different = np.flatnonzero(pool.groups == np.arange(len(pool)))
    n = len(selection.positions[at])
    if not per_class:
        drawn = rng.choice(different, size=min(n, len(different)), replace=False)
        return drawn, selection.codes_of(drawn, seed)
    if pool.labels is None:
        raise InputError("per_class needs the true class of every item of the pool, which is not known; leave it out.")
    wanted = np.bincount(selection.codes[at], minlength=len(pool.classes))
    truth = pool.labels[different]
    parts = [rng.permutation(different[truth == code])[:number] for code, number in enumerate(wanted.tolist())]
    drawn = rng.permutation(np.concatenate(parts))
    return drawn, selection.codes_of(drawn, seed)


def fit(
    spec: Mapping[str, Any], pool: Pool, test: Pool, positions: Indices, codes: Indices, *, mode: str, seed: int
) -> Trained:
    """Train a new model on these items and judge it on the test data; the modes of a seed share their random stream."""
    started = time.perf_counter()
    model = models.from_spec(spec)
    with blas_threads(1):
        model.fit(pool.subset(positions), codes, n_classes=len(pool.classes), rng=stream(seed, "training"))
        probs = to_numpy(model.outputs(test, ["probs"])["probs"]).astype(np.float64)
    scores = metrics.evaluate(test.labels, probs)
    return Trained(mode, seed, model, positions, codes, probs, scores, time.perf_counter() - started)


def train_on(
    path: str | Path,
    out: str | Path,
    *,
    mode: str = "both",
    strategy: str | None = None,
    test: str | Path | None = None,
    model: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    seeds: int | None = None,
    per_class: bool = False,
    report: Callable[[Mapping[str, Any]], None] = lambda row: None,
) -> dict[str, Any]:
    """Train on what a run or campaign selected, on as many random items, or both; compare them; the outcome as JSON.

    ``training.json``, ``training.csv`` and, where both are there, ``training.pdf`` are written into the folder ``out``,
    and of the first seed the models. Another call adds what is missing, so the modes may also be trained one by one.

    Arguments:
        path: the folder of a run or of a campaign.
        out: the folder to write.
        mode: ``active`` on the selection, ``random``, or ``both``.
        strategy: whose selection, in a run of several.
        test: what to test on, for a campaign without test data of its own.
        model: a name of `claros.models`; without, the model of the run or campaign, with its parameters.
        parameters: of the model.
        epochs: exactly so many passes over the items; without, what the model does.
        seeds: how many trainings a mode; without, as many as there are selections, and 6 at least.
        per_class: random items in the selection's numbers of each class.
        report: called with the numbers of every training that is done.
    """
    modes = MODES if mode == "both" else (mode,)
    if mode not in (*MODES, "both"):
        raise UnknownNameError(suggest(mode, (*MODES, "both"), "mode"))
    selection = open_selection(path, arm=strategy, test=test)
    spec = _specification(selection, model, parameters, epochs)
    settings = {
        "of": str(path),
        "selection": selection.name,
        "selections": len(selection.positions),
        "model": spec,
        "per_class": per_class,
    }
    kept = Outcome.open(Path(out), settings)
    n = max(len(selection.seeds), LEAST_SEEDS) if seeds is None else whole(seeds, 1, "seeds")
    for number in range(n):
        seed = selection.seeds[number] if number < len(selection.seeds) else selection.seeds[0] + number
        at = number % len(selection.positions)
        for one in modes:
            if not kept.has(one, seed):
                chosen = (
                    random_like(selection, at, seed, per_class=per_class)
                    if one == "random"
                    else (selection.positions[at], selection.codes[at])
                )
                trained = fit(spec, selection.pool, selection.test, *chosen, mode=one, seed=seed)
                kept.add(trained.row(), trained.model if number == 0 else None)
            report(kept.row(one, seed))
    return kept.write()


def _specification(
    selection: Selection, model: str | None, parameters: Mapping[str, Any] | None, epochs: int | None
) -> dict[str, Any]:
    """The model by its name, with the parameters given over those of the selection if it is the same model."""
    own = selection.model
    name = model or own.get("name")
    if name is None:
        raise InputError(f"{selection.name} has no model; give one by name: --model (claros list models).")
    given = {**(own.get("parameters", {}) if name == own.get("name") else {}), **(parameters or {})}
    return {"name": name, "parameters": {**given, **epoch_parameters(name, epochs)}}
