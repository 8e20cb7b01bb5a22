"""Which items were selected, as copies of their files, iteration by iteration and class by class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from claros.experiment.dalmax.record import Record

__all__ = ["file_names", "place", "write_selected"]

#: Where an item came from that the strategy, or what picked the start, did not choose.
_ASIDE = "audit"


def write_selected(record: Record, folder: Path) -> None:
    """Copy what was selected into ``selected_images/iteration_3/daisy/x.jpg``, and the start into ``start_images``.

    Files keep their bytes and names; images of an array are written as PNG. Of other items than images the folders are
    called after their kind: ``selected_texts``. The class is the one that was told.
    """
    pool = record.pool
    for iteration in record.iterations:
        number = iteration.number
        top = folder / (f"selected_{pool.kind}/iteration_{number}" if number else f"start_{pool.kind}")
        rows = [row for row in iteration.batch if row["source"] != _ASIDE]
        top.mkdir(parents=True, exist_ok=True)
        for row, name in zip(rows, file_names(rows), strict=True):
            data, suffix = pool.reader.original(int(pool.rows[pool.positions[row["item"]]]))
            target = top / place(row["class"]) / (name if name.lower().endswith(suffix) else name + suffix)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(data)


def place(name: str) -> str:
    """The folder of a class: its name without what would leave the folder."""
    cleaned = re.sub(r'[/\\\x00-\x1f:*?"<>|]', "_", name).strip()
    return cleaned if cleaned.strip(".") else "_"


def file_names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The last part of each row's item, or all of it where two of a class would have the same name.

    >>> rows = [{"item": item, "class": "wren"} for item in ("wren/a/1.jpg", "wren/b/1.jpg", "wren/b/2.jpg")]
    >>> file_names(rows)
    ['wren_a_1.jpg', 'wren_b_1.jpg', '2.jpg']
    """
    short = [(row["class"], PurePosixPath(row["item"]).name) for row in rows]
    times = Counter(short)
    names = [row["item"] if times[one] > 1 else one[1] for row, one in zip(rows, short, strict=True)]
    return [re.sub(r"[/\\\x00-\x1f]", "_", name) for name in names]
