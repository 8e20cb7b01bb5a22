"""What adversarial strategies looked for: the selected images, moved to where the prediction changes."""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from claros import models, strategies
from claros.errors import require
from claros.experiment.dalmax.images import file_names, place
from claros.experiment.dalmax.record import Record
from claros.experiment.tables import csv_bytes

__all__ = ["FOLDER", "method_of", "write_adversarial"]

FOLDER = "adversarial_examples"
#: What a strategy needs, and the search that finds it.
_METHODS = {"boundary_distance": "deepfool", "bim_distance": "bim"}
_COLUMNS = ("iteration", "item", "class", "before", "after", "distance", "largest change", "shown enlarged")
#: Small pictures are enlarged by whole pixels to at least this side.
_SIDE = 128

Pixels = npt.NDArray[np.float64]


def method_of(strategy: str) -> str | None:
    """The search behind an adversarial strategy, ``deepfool`` or ``bim``; None for any other."""
    if "(" not in strategy and strategy not in strategies.REGISTRY:  # an arm that is no strategy, as the upper bound
        return None
    needs = strategies.get(strategy).needs
    return next((method for need, method in _METHODS.items() if need in needs), None)


def write_adversarial(record: Record, folder: Path) -> None:
    """For every image that an adversarial strategy selected: itself, its adversarial example, and the difference.

    The example is that of the model that selected it. PNGs are for people: 32 pixels a side are enlarged to 128, and
    the difference is stretched to the full range around grey. What the network sees is in ``iteration_3.npz`` as
    numbers in [0, 1], as rounding to bytes undoes most steps; ``examples.csv`` has the classes predicted before and
    after, and the distance. Nothing is written for other strategies, for what is no image, or without saved models.
    """
    method = method_of(record.strategy)
    if method is None or record.pool.kind != "images":
        return
    rows: list[dict[str, Any]] = []
    for before, iteration in zip(record.iterations, record.iterations[1:], strict=False):
        chosen = [row for row in iteration.batch if row["source"] == "strategy"]
        if before.model is not None and chosen:
            rows += _iteration(record, before.model, iteration.number, chosen, method, folder / FOLDER)
    if rows:
        (folder / FOLDER / "examples.csv").write_bytes(csv_bytes(_COLUMNS, rows))


def _iteration(
    record: Record, saved: Path, number: int, chosen: Sequence[Mapping[str, Any]], method: str, folder: Path
) -> list[dict[str, Any]]:
    """Write the examples of one iteration, of the model that was trained before it; a row for each."""
    search = importlib.import_module("claros.models.torch.adversarial").adversarial_examples
    model = models.from_spec(json.loads((saved / "model.json").read_bytes())["spec"])
    model.load(saved)
    if "bim_distance" not in model.provides:  # no network that passes gradients on to its input
        return []
    positions = [record.pool.positions[row["item"]] for row in chosen]
    found = search(model, record.pool, positions, method=method)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"iteration_{number}.npz").write_bytes(_npz(found, [str(row["item"]) for row in chosen]))
    rows = []
    for at, (row, name) in enumerate(zip(chosen, file_names(chosen), strict=True)):
        original, example = found.originals[at].astype(np.float64), found.examples[at].astype(np.float64)
        change = float(np.abs(example - original).max())
        gain = 0.5 / change if change > 0 else 1.0
        target = folder / f"iteration_{number}" / place(row["class"])
        target.mkdir(parents=True, exist_ok=True)
        stem = Path(name).stem if "." in name else name
        pictures = {"original": original, "adversarial": example, "difference": 0.5 + gain * (example - original)}
        for what, pixels in pictures.items():
            (target / f"{stem}_{what}.png").write_bytes(_png(pixels))
        said = (record.classes[int(found.before[at])], record.classes[int(found.after[at])])
        values = (number, row["item"], row["class"], *said, float(found.distances[at]), change, gain)
        rows.append(dict(zip(_COLUMNS, values, strict=True)))
    return rows


def _npz(found: Any, ids: Sequence[str]) -> bytes:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        ids=np.array(ids),
        originals=found.originals,
        examples=found.examples,
        before=found.before,
        after=found.after,
        distances=found.distances,
    )
    return buffer.getvalue()


def _png(pixels: Pixels) -> bytes:
    """(H, W) or (H, W, 3) in [0, 1] as PNG."""
    require("PIL", "data", "Writing images")
    from PIL import Image

    image = Image.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8))
    factor = -(-_SIDE // max(image.size))
    wide, high = image.size
    buffer = io.BytesIO()
    image.resize((wide * factor, high * factor), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()
