"""Folders of benches of any size, drawn at random: learning curves that rise, picks, stops, errors."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from claros.experiment.bench.export import TABLES

#: How much faster than random an arm learns; what is not named is as random.
LIFT = {"margin": 0.7, "badge": 0.5, "bald": 0.0, "entropy": -0.25, "upper_bound": 1.6}
FAILED = "ModelError: the model returned probabilities that are not finite."


def draw_bench(
    out: Path,
    *,
    settings: int = 3,
    arms: Sequence[str] = ("margin", "badge", "random"),
    seeds: int = 6,
    rounds: int = 6,
    classes: int = 4,
    start: int = 20,
    batch: int = 20,
    lift: Mapping[str, float] = LIFT,
    failed: Sequence[tuple[int, str, int]] = (),
    running: Sequence[tuple[int, str, int]] = (),
    rules: Sequence[str] = ("stabilizing_predictions", "overall_uncertainty"),
    config: Mapping[str, Any] | None = None,
    data: Sequence[str] = (),
    items: Sequence[str] | None = None,
    parquet: bool = True,
) -> Path:
    """A bench of data sets ``set 0`` to ``set n``; cells are (setting, arm, seed), those that failed have no rounds."""
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(settings)
    names = [str(one) for one in data] or [f"set {i}" for i in range(settings)]
    labels = [f"class {i}" for i in range(classes)]
    columns: dict[str, dict[str, list[np.ndarray]]] = {
        table: {name: [] for name in wanted} for table, wanted in TABLES.items()
    }

    def add(table: str, n_rows: int, **values: Any) -> None:
        for name in TABLES[table]:
            value = values.get(name)
            column = np.full(n_rows, value, dtype=object) if not isinstance(value, np.ndarray) else value
            columns[table][name].append(column)

    n_pool = start + batch * rounds + 200
    pool = np.array(items if items is not None else [f"item {i}" for i in range(n_pool)], dtype=object)
    truth = rng.integers(classes, size=len(pool))
    spent = start + batch * np.arange(rounds + 1)
    for i, setting in enumerate(names):
        hard, top = rng.uniform(60, 200), rng.uniform(0.75, 0.98)
        for arm in arms:
            for seed in range(seeds):
                key = {"setting": setting, "strategy": arm, "seed": seed}
                status = "failed" if (i, arm, seed) in failed else "running" if (i, arm, seed) in running else "done"
                done = {"failed": 0, "running": 2, "done": rounds + 1}[status]
                error = FAILED if status == "failed" else None
                add("cells", 1, **key, status=status, rounds=max(0, done - 1), seconds=float(done), error=error)
                n = spent[:done]
                speed = 1 + lift.get(arm, 0.0) * (1 if i % 5 else 0.1)
                accuracy = top - (top - 1 / classes) * np.exp(-n * speed / hard) + 0.008 * rng.normal(size=done)
                accuracy = np.clip(accuracy, 0, 1)
                number = np.arange(done)
                add(
                    "results", done, **key, round=number, n_labeled=n, accuracy=accuracy, macro_f1=accuracy - 0.01,
                    nll=1 - accuracy, ece=0.02 + 0.02 * rng.random(done), seconds_train=0.1 + n * 1e-4,
                    seconds_predict=np.full(done, 0.02), seconds_evaluate=np.full(done, 0.01),
                    seconds_select=np.full(done, 0.05 if arm == "badge" else 0.002), seconds_rest=np.full(done, 0.004),
                )  # fmt: skip
                order = rng.permutation(len(pool))[: spent[-1]]
                number_of = np.concatenate([np.zeros(start, int), np.repeat(np.arange(1, rounds + 1), batch)])
                order, number_of = order[: int(n[-1]) if done else 0], number_of[: int(n[-1]) if done else 0]
                source = np.where(number_of == 0, "start", "strategy").astype(object)
                true = np.array(labels, dtype=object)[truth[order]]
                add("picks", len(order), **key, round=number_of, item=pool[order], source=source, score=0.5,
                    **{"class": true})  # fmt: skip
                add(
                    "per_class", done * classes, **key, round=np.repeat(number, classes),
                    n_labeled=np.repeat(n, classes), precision=np.full(done * classes, 0.9),
                    recall=np.full(done * classes, 0.8), f1=np.full(done * classes, 0.85),
                    n_picked=np.full(done * classes, batch // classes),
                    **{"class": np.tile(labels, done).astype(object)},
                )  # fmt: skip
                for rule in rules:
                    rises = rule == "stabilizing_predictions"
                    value = (1 - np.exp(-n / 40) if rises else np.exp(-n / 60)) + 0.004 * rng.normal(size=done)
                    threshold = 0.97 if rises else 0.05
                    ready = number >= 2
                    stop = ready & ((value >= threshold) if rises else (value <= threshold))
                    add(
                        "rules", done, **key, round=number, n_labeled=n, rule=rule, ready=ready, stop=stop,
                        value=np.where(ready, value, np.nan), threshold=np.full(done, threshold), reason="drawn",
                    )  # fmt: skip
            matrix = rng.poisson(2, size=(classes, classes)) + 60 * np.eye(classes, dtype=int)
            rows, taken = np.nonzero(matrix)
            named = np.array(labels, dtype=object)
            add("confusion", len(rows), setting=setting, strategy=arm, true=named[rows], predicted=named[taken],
                n=matrix[rows, taken])  # fmt: skip
            bins = np.arange(5, 15)
            confidence = (bins + 0.5) / 15
            add("reliability", 10, setting=setting, strategy=arm, bin=bins, n=bins * 10, confidence=confidence,
                accuracy=np.clip(confidence - 0.05 + 0.02 * rng.normal(size=10), 0, 1))  # fmt: skip
    for table, own in columns.items():
        _write(out / table, {name: np.concatenate(parts or [[]]) for name, parts in own.items()}, parquet=parquet)
    arms_set = [{"name": arm} for arm in arms]
    described = [
        {
            "name": name,
            "factors": {"data": name, "model": "logistic", "batch": str(batch), "init": "random", "oracle": "exact"},
            "config": {"data": name if data else None, "model": {"name": "logistic"}, "strategy": arms_set,
                       "start": start, "batch": batch, **(config or {})},
            "plan": {"start": start, "batch": batch, "total": int(spent[-1])},
            "data": {"name": name, "kind": "rows", "n_pool": len(pool), "n_test": 300, "classes": labels,
                     "left_out": 0, "duplicates": 0},
        }
        for name in names
    ]  # fmt: skip
    facts = {"version": 1, "claros": "0.1.0", "versions": {"numpy": "2"}, "factors": ["data"], "settings": described}
    (out / "bench.json").write_text(json.dumps(facts), encoding="utf-8")
    return out


def _write(path: Path, columns: Mapping[str, np.ndarray], *, parquet: bool) -> None:
    lists = {name: values.tolist() for name, values in columns.items()}
    with path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(lists)
        writer.writerows(
            ["" if value is None or value != value else str(value).lower() if value is True or value is False else value
             for value in row]
            for row in zip(*lists.values(), strict=True)
        )  # fmt: skip
    if parquet:
        import pyarrow
        import pyarrow.parquet

        known = {
            name: [None if value != value else value for value in values] if values and isinstance(values[0], float)
            else values
            for name, values in lists.items()
        }  # fmt: skip
        pyarrow.parquet.write_table(pyarrow.table(known), path.with_suffix(".parquet"))
