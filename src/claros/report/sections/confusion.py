"""What the last model confuses: matrices, the worst pairs, and every class's precision and recall."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from claros.arrays import Floats, Indices
from claros.report.figures import Axes, Figure, canvas, clip, columns_for, panel, text_width
from claros.report.format import count, percent
from claros.report.load import Run
from claros.report.look import INK, MUTED, VERMILION, tint
from claros.report.markup import Html, details, join, table
from claros.report.sections.section import Section, View, figure, nothing
from claros.report.tables import Table

__all__ = ["build", "confusion_matrix", "finding", "paint", "readable", "worst"]

#: Classes in a matrix that can still be read; of more, those with the most errors.
_MOST_CLASSES = 24
_PAIRS = 10


def build(view: View) -> Section:
    """A matrix a strategy, errors in colour; pairs and classes in tables."""
    run = view.run
    matrices = {name: matrix for name in run.strategies if (matrix := confusion_matrix(run, name)) is not None}
    said = finding(run, matrices)
    if not matrices:
        return Section("confusion", "What it confuses", said, nothing(_absent(run)))
    if not view.draws("confusion"):
        return Section("confusion", "What it confuses", said, _pairs(run, matrices, 3))
    shown = readable(matrices)
    drawing = view.drawing(
        "confusion",
        "Confusion matrices of the last round, true classes down, predicted classes across.",
        lambda width: paint(matrices, shown, run.classes, width),
        lambda: _behind(matrices, run.classes),
    )
    note = (
        "Down: true class; across: predicted class. Colour: errors, the stronger the larger a share of the true class."
    )
    if len(shown) < len(run.classes):
        note += f" The {len(shown)} of {len(run.classes)} classes with the most errors."
    body = join([figure(view, drawing, note), _pairs(run, matrices, _PAIRS), _per_class(run)])
    return Section("confusion", "What it confuses", said, body)


def finding(run: Run, matrices: Mapping[str, Indices]) -> str:
    """The worst confusion of the first strategy."""
    for name in [*run.queried, *run.strategies]:
        if name in matrices:
            pairs = worst(matrices[name], 1)
            if not pairs:
                return f"The last model of {name} makes no error on the test set."
            true, taken, errors = pairs[0]
            of = int(matrices[name][true].sum())
            seeds = ", all seeds together" if len(run.seeds) > 1 else ""
            return (
                f"The last model of {name} most often takes {run.classes[true]} for {run.classes[taken]}: "
                f"{count(errors)} of {count(of)} test items of that class ({percent(errors / of)}){seeds}."
            )
    return "The predictions on the test set were not kept, so confusions cannot be shown."


def confusion_matrix(run: Run, strategy: str) -> Indices | None:
    """(C, C) counts of true by predicted class in the last round, summed over seeds; ``None`` if none were kept."""
    n = len(run.classes)
    if run.confusion is not None:
        return _from_table(run.confusion.where(strategy=strategy), run.classes)
    total = np.zeros(n * n, dtype=np.int64)
    found = False
    for seed in run.seeds_of(strategy):
        probs = run.test_probs(strategy, seed)
        if probs is not None and run.test_labels is not None:
            found = True
            known = (run.test_labels >= 0) & (run.test_labels < n)
            codes = run.test_labels[known] * n + probs[known, :n].argmax(axis=1)
            total += np.bincount(codes, minlength=n * n)
    return total.reshape(n, n) if found else None


def _from_table(counted: Table, classes: Sequence[str]) -> Indices | None:
    codes = {name: code for code, name in enumerate(classes)}
    matrix = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for true, taken, n in zip(*(counted[name].tolist() for name in ("true", "predicted", "n")), strict=True):
        if true in codes and taken in codes:
            matrix[codes[true], codes[taken]] += int(n)
    return matrix if matrix.any() else None


def _behind(matrices: Mapping[str, Indices], classes: Sequence[str]) -> dict[str, list[Any]]:
    """Counts by strategy, true and predicted class; pairs that never happened are left out."""
    rows = [
        (name, classes[true], classes[taken], int(matrix[true, taken]))
        for name, matrix in matrices.items()
        for true, taken in np.argwhere(matrix)
    ]
    return {name: [row[i] for row in rows] for i, name in enumerate(("strategy", "true", "predicted", "n"))}


def worst(matrix: Indices, most: int) -> list[tuple[int, int, int]]:
    """The pairs with the most errors as (true, predicted, count), the largest first."""
    errors = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-errors, axis=None, kind="stable")[:most]
    pairs = (divmod(int(place), matrix.shape[0]) for place in order)
    return [(true, taken, int(errors[true, taken])) for true, taken in pairs if errors[true, taken] > 0]


def _absent(run: Run) -> str:
    lost = "test.npz" if run.test_labels is None else "rounds/*/test_probs.npy"
    return f"{lost} is not in the run's folder."


def readable(matrices: Mapping[str, Indices]) -> list[int]:
    """All classes, or those with the most errors where they are too many, in their own order."""
    total = np.sum([*matrices.values()], axis=0)
    if total.shape[0] <= _MOST_CLASSES:
        return [*range(total.shape[0])]
    errors = total.sum(axis=0) + total.sum(axis=1) - 2 * np.diag(total)
    return sorted(int(code) for code in np.argsort(-errors, kind="stable")[:_MOST_CLASSES])


def paint(
    matrices: Mapping[str, Indices], shown: Sequence[int], classes: Sequence[str], width: int, *, top: int = 0
) -> Figure:
    """A matrix for each name, (C, C) counts of true by predicted class, of the classes shown, below ``top`` pixels."""
    names = [clip(classes[code], 14) for code in shown]
    longest = max(text_width(name, 11) for name in names)
    left, foot = round(min(110.0, 14 + longest)), round(min(110.0, 18 + longest))
    columns = columns_for(width, len(matrices), 330)
    each = width / columns
    side = min(each - left - 14, 340.0)
    rows = math.ceil(len(matrices) / columns)
    whole = canvas(width, round(top + rows * (side + foot + 40)))
    shares = {name: _errors(matrix)[np.ix_(shown, shown)] for name, matrix in matrices.items()}
    darkest = max(max(float(share.max()) for share in shares.values()), 1e-9)
    for i, (name, matrix) in enumerate(matrices.items()):
        over = top + (i // columns) * (side + foot + 40) + 30
        axes = panel(whole, left + (i % columns) * each, over, side, side)
        axes.grid(visible=False)
        axes.set_title(clip(name, 30), loc="left", fontsize=12, color=INK, pad=8)
        axes.imshow(tint(VERMILION, shares[name] / darkest), interpolation="none", aspect="auto")
        upright = longest > side / len(shown)
        axes.tick_params(labelsize=min(11.0, 0.9 * side / len(shown)))
        axes.set_xticks(range(len(shown)), names, rotation=90 if upright else 0)
        axes.set_yticks(range(len(shown)), names)
        if len(shown) <= 12:
            _write(axes, matrix[np.ix_(shown, shown)], 10 if side / len(shown) > 24 else 8)
    return whole


def _errors(matrix: Indices) -> Floats:
    rows = matrix.sum(axis=1, keepdims=True)
    errors = matrix - np.diag(np.diag(matrix))
    return np.asarray(np.divide(errors, rows, out=np.zeros(matrix.shape), where=rows > 0))


def _write(axes: Axes, matrix: Indices, letter: float) -> None:
    for true, row in enumerate(matrix):
        for taken, n in enumerate(row):
            if n:
                axes.text(
                    taken,
                    true,
                    count(int(n)),
                    ha="center",
                    va="center",
                    fontsize=letter,
                    color=MUTED if true == taken else INK,
                )


def _pairs(run: Run, matrices: Mapping[str, Indices], most: int) -> Html:
    rows = [
        (name, run.classes[true], run.classes[taken], count(errors), percent(errors / int(matrix[true].sum())))
        for name, matrix in matrices.items()
        for true, taken, errors in worst(matrix, most)
    ]
    if not rows:
        return Html()
    header = ("strategy", "true class", "taken for", "errors", "of the class")
    return details("The worst confusions", table(header, rows, words=3))


def _per_class(run: Run) -> Html:
    """Recall, precision and F1 of every class after the last round, means over seeds."""
    measures = ("precision", "recall", "f1")
    header = ["class", *(f"{measure.replace('f1', 'F1')}, {name}" for name in run.strategies for measure in measures)]
    last = run.per_class.last_rounds()
    rows = []
    for name in run.classes:
        own = [last.where(**{"class": name, "strategy": strategy}) for strategy in run.strategies]
        rows.append([name, *(percent(_mean(one[measure])) for one in own for measure in measures)])
    caption = "After the last round; means over seeds."
    return details("Precision and recall by class", table(header, rows, caption=caption))


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan
