"""The figures among the result files, as PDF: each has its finding above it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from claros.experiment.dalmax.record import Record
from claros.report.figures import Figure
from claros.report.format import amount, count, many, percent
from claros.report.sections import confusion
from claros.report.standalone import Line, head, lines
from claros.report.svg import save_pdf

__all__ = ["write_confusion", "write_over_labels", "write_training"]

_WIDTH = 470
#: The test metric that stands in where a model is not trained in epochs.
_INSTEAD = {"accuracy": "accuracy", "loss": "nll"}


def write_confusion(record: Record, path: Path) -> None:
    """The confusion matrix of the last model on the test data."""
    matrix = record.last.confusion
    pairs = confusion.worst(matrix, 1)
    if pairs:
        true, taken, errors = pairs[0]
        sentence = (
            f"{record.name} is right on {percent(_accuracy(record))} of {many(int(matrix.sum()), 'test item')}; it "
            f"most often takes {record.classes[true]} for {record.classes[taken]}: {count(errors)} of "
            f"{count(int(matrix[true].sum()))}."
        )
    else:
        sentence = f"{record.name} makes no error on {many(int(matrix.sum()), 'test item')}."
    note = "Down: true class; across: predicted class. Colour: errors, by their share of the true class."
    matrices = {record.name: matrix}
    shown = confusion.readable(matrices)
    if len(shown) < len(record.classes):
        note += f" The {len(shown)} of {len(record.classes)} classes with the most errors."
    top, write = head(sentence, _WIDTH, note)

    def paint() -> Figure:
        figure = confusion.paint(matrices, shown, record.classes, _WIDTH, top=top)
        write(figure)
        return figure

    save_pdf(paint, path)


def write_training(record: Record, key: str, path: Path) -> None:
    """The trainer's ``accuracy`` or ``loss`` by epoch, a line an iteration; without epochs, that on the test data."""
    drawn = [
        (f"{_called(one.number)}, {count(one.metrics['n_labeled'])} labels", *_by_epoch(one.history, key))
        for one in record.iterations
    ]
    drawn = [line for line in drawn if len(line[1])]
    if len(record.iterations) == 1:
        drawn = [(f"{count(record.bought)} labels", *line[1:]) for line in drawn]
    if not drawn:
        metric = _INSTEAD[key]
        values = [float(one.metrics[metric]) for one in record.iterations]
        what = "accuracy" if key == "accuracy" else "negative log-likelihood"
        sentence = f"{record.model} is not trained in epochs: here is its {what} on the test data by labels."
        _over_labels(record, values, sentence, path, share=key == "accuracy")
        return
    first, last = drawn[-1][2][0], drawn[-1][2][-1]
    done = "" if len(record.iterations) == 1 else f"In iteration {record.last.number} "
    if key == "accuracy":
        sentence = (
            f"{done or 'At the end '}{record.model} is right on {percent(last)} of the items {_which(record)}, and on "
            f"{percent(_accuracy(record))} of the test items."
        )
    else:
        verb = "falls" if last <= first else "rises"
        sentence = f"{done}{'the' if done else 'The'} training loss {verb} from {first:.2f} to {last:.2f} nats."
    form = _percent if key == "accuracy" else amount
    note = f"{'Accuracy, %' if key == 'accuracy' else 'Loss, nats'}, by epoch. Both axes start where the data start."
    save_pdf(lambda: lines(drawn, sentence=sentence, note=note, across="epoch", form=form), path)


def write_over_labels(record: Record, what: str, values: Sequence[float], path: Path) -> None:
    """A score on the test data, in [0, 1], after every iteration."""
    best = max(range(len(values)), key=lambda place: values[place])
    labels = count(record.iterations[best].metrics["n_labeled"])
    sentence = f"{what} of {record.name} on the test data ends at {percent(values[-1])}" + (
        "." if best == len(values) - 1 else f"; it was highest with {labels} labels, at {percent(values[best])}."
    )
    _over_labels(record, values, sentence, path, share=True)


def _over_labels(record: Record, values: Sequence[float], sentence: str, path: Path, *, share: bool) -> None:
    spent = [float(one.metrics["n_labeled"]) for one in record.iterations]
    drawn: list[Line] = [(record.name, spent, values)]
    note = f"{'%' if share else 'Nats'}, over labels spent. Both axes start where the data start."
    form = _percent if share else amount
    save_pdf(lambda: lines(drawn, sentence=sentence, note=note, across="labels spent", form=form), path)


def _called(number: int) -> str:
    return f"iteration {number}" if number else "start"


def _which(record: Record) -> str:
    """Which items the trainer's accuracy is about."""
    held = any(isinstance(entry, dict) and entry.get("val_loss") is not None for entry in record.last.history)
    return "held out from training" if held else "that it is trained on"


def _by_epoch(history: Sequence[object], key: str) -> tuple[list[float], list[float]]:
    """Epochs and finite values of one training; none where its log has no such entries."""
    known = [one for one in history if isinstance(one, dict) and "epoch" in one and isinstance(one.get(key), float)]
    known = [one for one in known if math.isfinite(one[key])]
    return [float(one["epoch"]) for one in known], [one[key] for one in known]


def _percent(value: float) -> str:
    return f"{100 * value:.4g}"


def _accuracy(record: Record) -> float:
    return float(record.last.metrics["accuracy"])
