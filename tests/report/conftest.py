"""Folders of runs, written by hand or drawn at random; the report reads nothing else."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CELL = ("strategy", "seed", "round")
TIMES = ("train", "predict", "select", "evaluate", "rest")
COLUMNS = {
    "results": (*CELL, "n_labeled", "accuracy", "macro_f1", "nll", "ece", *(f"seconds_{name}" for name in TIMES)),
    "per_class": (*CELL, "n_labeled", "class", "precision", "recall", "f1", "n_picked"),
    "picks": (*CELL, "item", "class", "source", "score", "probability"),
    "rules": (*CELL, "n_labeled", "rule", "ready", "stop", "value", "threshold", "reason"),
    "arms": (*CELL, "n_labeled", "arm", "share", "value"),
}


def write_folder(
    out: Path,
    *,
    facts: Mapping[str, Any],
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    test_labels: np.ndarray | None = None,
    test_probs: Mapping[tuple[str, int, int], np.ndarray] | None = None,
) -> Path:
    """A run's folder with just these rows; what a row does not say is empty."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    for name, columns in COLUMNS.items():
        with (out / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            for row in tables.get(name, ()):
                writer.writerow(["" if row.get(column) is None else row[column] for column in columns])
    if test_labels is not None:
        np.savez(out / "test.npz", labels=np.asarray(test_labels, dtype=np.int64))
    for (strategy, seed, number), probs in (test_probs or {}).items():
        folder = out / "cells" / f"{strategy}-{seed}" / "rounds" / f"{number:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "test_probs.npy", np.asarray(probs, dtype=np.float32))
    return out


def draw_run(
    out: Path,
    *,
    strategies: Sequence[str] = ("margin", "badge", "random"),
    seeds: int = 8,
    rounds: int = 12,
    classes: Sequence[str] = tuple("0123456789"),
    start: int = 20,
    batch: int = 20,
    n_test: int = 300,
    lift: Mapping[str, float] | None = None,
    rules: Sequence[str] = ("stabilizing_predictions", "overall_uncertainty"),
    config: Mapping[str, Any] | None = None,
    items: Sequence[str] | None = None,
    item_labels: Sequence[int] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """A run with learning curves that rise and level off; ``lift`` says by how much faster a strategy rises."""
    rng = np.random.default_rng(0)
    lift = {"margin": 0.6, "badge": 0.5, **(lift or {})}
    n_classes = len(classes)
    names = list(items) if items is not None else [f"item-{i}" for i in range(start + batch * rounds + 50)]
    truth = np.array(item_labels) if item_labels is not None else rng.integers(n_classes, size=len(names))
    test_labels = rng.integers(n_classes, size=n_test)
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
    kept: dict[tuple[str, int, int], np.ndarray] = {}
    for strategy in strategies:
        for seed in range(seeds):
            order = rng.permutation(len(names))
            if strategy != "random":  # prefer the last classes, so that shares differ
                order = np.argsort(rng.random(len(names)) - 0.5 * truth / n_classes)
            for number in range(rounds + 1):
                n = start + batch * number
                skill = 3.2 * (1 - np.exp(-n * (1 + lift.get(strategy, 0.0)) / 90)) + 0.8 + 0.05 * rng.normal()
                logits = rng.normal(size=(n_test, n_classes)) * 0.9
                logits[np.arange(n_test), test_labels] += skill
                if n_classes > 3:  # a pair that is often confused
                    confused = test_labels == 1
                    logits[confused, 3] += 0.6 * skill
                probs = np.exp(2 * logits)
                probs /= probs.sum(axis=1, keepdims=True)
                accuracy = float((probs.argmax(axis=1) == test_labels).mean())
                cell = {"strategy": strategy, "seed": seed, "round": number}
                spent = {**cell, "n_labeled": n}
                tables["results"].append(
                    {
                        **spent,
                        "accuracy": accuracy,
                        "macro_f1": accuracy - 0.01,
                        "nll": 1.0 - accuracy,
                        "ece": 0.03 + 0.01 * rng.random(),
                        "seconds_train": 0.012 + n * 4e-5,
                        "seconds_predict": 0.004,
                        "seconds_select": {"badge": 0.009, "random": 0.0002}.get(strategy, 0.0011),
                        "seconds_evaluate": 0.002,
                        "seconds_rest": 0.0015,
                    }
                )
                picked = order[:start] if number == 0 else order[n - batch : n]
                tables["picks"] += [
                    {
                        **cell,
                        "item": names[i],
                        "class": classes[truth[i]],
                        "source": "strategy" if number else "start",
                        "score": 0.5,
                    }
                    for i in picked
                ]
                counts = np.bincount(truth[picked], minlength=n_classes)
                tables["per_class"] += [
                    {
                        **spent,
                        "class": name,
                        "precision": 0.9,
                        "recall": 0.8,
                        "f1": 0.847,
                        "n_picked": int(counts[code]),
                    }
                    for code, name in enumerate(classes)
                ]
                for rule in rules:
                    value = 1 - np.exp(-n / 40) if rule == "stabilizing_predictions" else float(np.exp(-n / 60))
                    value += 0.004 * rng.normal()
                    threshold = 0.97 if rule == "stabilizing_predictions" else 0.05
                    ready = number >= 2
                    stop = ready and (value >= threshold if rule == "stabilizing_predictions" else value <= threshold)
                    tables["rules"].append(
                        {
                            **spent,
                            "rule": rule,
                            "ready": str(ready).lower(),
                            "stop": str(bool(stop)).lower(),
                            "value": value if ready else None,
                            "threshold": threshold,
                            "reason": "drawn",
                        }
                    )
                if number == rounds:
                    kept[strategy, seed, number] = probs
    return write_folder(
        out,
        facts={
            "version": 1,
            "config": {"model": {"name": "logistic"}, "stop": None, "start": start, "batch": batch, **(config or {})},
            "data": {
                "name": "digits",
                "kind": "rows",
                "n_pool": len(names),
                "n_test": n_test,
                "classes": list(classes),
                "left_out": 0,
                "duplicates": 0,
            },
            "claros": "0.1.0",
            **(facts or {}),
        },
        tables=tables,
        test_labels=test_labels,
        test_probs=kept,
    )


@pytest.fixture(scope="session")
def folder() -> Callable[..., Path]:
    return write_folder


@pytest.fixture(scope="session")
def drawn() -> Callable[..., Path]:
    return draw_run
