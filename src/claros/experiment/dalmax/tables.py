"""The result files that are text: accuracy, infos, the results of all rounds, every prediction, the log."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np

import claros
from claros.experiment.dalmax.record import Record
from claros.experiment.dalmax.scores import averages
from claros.experiment.tables import csv_bytes
from claros.report.format import percent, seconds

__all__ = ["final_accuracy", "infos", "log", "predictions", "results"]

_PREDICTIONS = ("Image Index", "Real Class", "Predicted Class", "Correct", "Path")


def final_accuracy(record: Record) -> str:
    """The line of ``final_accuracy.txt``.

    As DalMax writes it, so that scripts that read it go on: ``Final Test Accuracy: 87.31%``.
    """
    return f"Final Test Accuracy: {100 * float(record.last.metrics['accuracy']):.2f}%"


def infos(record: Record) -> str:
    """What ``infos.txt`` says: DalMax's line with the time, then what was trained on what, and every iteration."""
    total = sum(one.seconds for one in record.iterations)
    labeled = Counter(row["class"] for one in record.iterations for row in one.batch)
    lines = [
        f"Total time: {total:.2f} seconds",
        f"Type: {record.name}",
        f"Strategy: {record.strategy}",
        f"Model: {record.model}",
        f"Seed: {record.seed}",
        f"Training data: {len(record.pool)} {record.pool.kind}",
        f"Test data: {len(record.test)} {record.test.kind}",
        f"Labels: {record.bought} ({', '.join(f'{name} {n}' for name, n in sorted(labeled.items()))})",
        *(f"{name}: {value}" for name, value in record.about.items()),
        f"Claros: {claros.__version__}",
        "",
        *(_line(record, number) for number in range(len(record.iterations))),
    ]
    return "\n".join(lines) + "\n"


def _line(record: Record, number: int) -> str:
    one = record.iterations[number]
    train = seconds(float(one.metrics["seconds"]["train"]))
    return (
        f"Iteration {one.number}: {one.metrics['n_labeled']} labels, test accuracy {percent(one.metrics['accuracy'])}, "
        f"trained in {train}, {seconds(one.seconds)} in all"
    )


def log(record: Record) -> str:
    """What ``log-dalmax.log`` says: a line for every iteration, and what it picked."""
    lines = [f"{record.name}: {json.dumps(dict(record.about), ensure_ascii=False)}"]
    for number, one in enumerate(record.iterations):
        lines.append(_line(record, number))
        lines += [f"  {row['source']}: {row['item']} ({row['class']})" for row in one.batch]
    return "\n".join(lines) + "\n"


def results(record: Record) -> str:
    """``results.json``: DalMax's keys, with the resolved name of the strategy and the model beside them."""
    scores = [averages(one.confusion) for one in record.iterations]
    content = {
        **record.about,
        "seed": record.seed,
        "all_acc": [one["accuracy"] for one in scores],
        "all_precision": [one["precision"] for one in scores],
        "all_recall": [one["recall"] for one in scores],
        "all_f1_score": [one["f1_score"] for one in scores],
        "rounds": [one.number for one in record.iterations],
        "all_precision_macro": [one["precision_macro"] for one in scores],
        "all_recall_macro": [one["recall_macro"] for one in scores],
        "all_f1_macro": [one["f1_macro"] for one in scores],
        "dataset": str(record.about["dataset_name"]),
        "strategy": record.strategy,
        "model": record.model,
        "n_labeled": [int(one.metrics["n_labeled"]) for one in record.iterations],
        "classes": list(record.classes),
        "claros": claros.__version__,
    }
    return json.dumps(content, ensure_ascii=False, indent=4, allow_nan=False) + "\n"


def predictions(record: Record) -> str:
    """``predictions.csv``: a row for every test item; the path is the file's, or the id of what is none."""
    test, labels = record.test, np.asarray(record.test.labels)
    taken = record.test_probs.argmax(axis=1)
    rows = [
        {
            "Image Index": place,
            "Real Class": record.classes[true],
            "Predicted Class": record.classes[predicted],
            "Correct": int(true == predicted),
            "Path": str(test.path(place) or test.ids[place]),
        }
        for place, (true, predicted) in enumerate(zip(labels.tolist(), taken.tolist(), strict=True))
    ]
    return csv_bytes(_PREDICTIONS, rows).decode()
