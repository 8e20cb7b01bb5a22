"""What people said of a campaign's items, read from its log alone: the pool may have moved, changed or gone."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from claros.campaign.journal import read_state
from claros.errors import InputError
from claros.files import write_atomically

__all__ = ["Told", "as_csv", "read_labels", "write_labels"]


@dataclass(frozen=True)
class Told:
    """An item's label, what each annotator said, and how the item came to be asked.

    ``label`` is the annotators' majority, of a tie what was told first. ``round`` counts from 0, and ``source`` is
    "start", "strategy", "audit", "chosen", or "own choice" of what was never asked, which has no round; ``random`` says
    whether that drew uniformly from the pool.
    """

    item: str
    label: str
    annotators: dict[str, str]
    round: int | None
    source: str
    random: bool


def read_labels(path: str | Path, *, database: str | None = None) -> list[Told]:
    """The labels of the campaign in a folder, one an item, in the order told; neither pool nor model is looked at.

    ``database`` is the log's SQLAlchemy URL, if the log is not in the folder. Raises `InputError` where there is no
    campaign, `LogError` where its log is damaged.
    """
    state = read_state(path, database)
    found = []
    for item, by_annotator in state.told.items():
        counts = state.consensus(item)
        said = {annotator: state.classes[label.code] for annotator, label in by_annotator.items()}
        found.append(Told(item, state.classes[counts.code], said, counts.round, counts.source, counts.random))
    return found


def write_labels(labels: Sequence[Told], path: str | Path) -> None:
    """Write labels as CSV or JSON lines, by the file's suffix; either can be read by ``claros tell --from``."""
    file = Path(path)
    formats = {".csv": as_csv, ".jsonl": _as_json_lines}
    if file.suffix not in formats:
        raise InputError(f"Labels are written to a file that ends in {' or '.join(formats)}; got {file}.")
    write_atomically(file, formats[file.suffix](labels).encode())


def as_csv(labels: Sequence[Told]) -> str:
    """Labels as CSV with a header; ``annotators`` is a JSON object of who said what.

    >>> print(as_csv([Told("7", "finch", {"ada": "finch"}, 0, "start", True)]), end="")
    item,label,annotators,round,source,random
    7,finch,"{""ada"": ""finch""}",0,start,true
    """
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(Told.__dataclass_fields__)
    for row in labels:
        said = json.dumps(row.annotators, ensure_ascii=False)
        writer.writerow([row.item, row.label, said, row.round, row.source, str(row.random).lower()])
    return page.getvalue()


def _as_json_lines(labels: Sequence[Told]) -> str:
    return "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in labels)
