"""Labels from a file: CSV with a header, or one JSON object a line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from claros.errors import DataError, InputError

__all__ = ["pairs", "read_answers"]


def read_answers(text: str, name: str) -> dict[str, str]:
    """Item -> class name, from the text of a file called ``name``.

    CSV needs the columns ``item`` and ``label``, JSON lines those keys; others are not looked at.

    >>> read_answers("item,label\\n7,finch\\n", "answers.csv")
    {'7': 'finch'}
    >>> read_answers('{"item": "7", "label": "finch"}', "answers.jsonl")
    {'7': 'finch'}
    """
    rows = _json_lines(text, name) if text.lstrip().startswith("{") else _csv(text, name)
    return _unique(rows, name)


def pairs(words: Iterable[str]) -> dict[str, str]:
    """Item -> class name, from words that alternate: item, label, item, label.

    >>> pairs(["7", "finch", "9", "wren"])
    {'7': 'finch', '9': 'wren'}
    """
    listed = list(words)
    if len(listed) % 2:
        raise InputError(f"Every item needs a label after it; {listed[-1]!r} has none.")
    return _unique(zip(listed[::2], listed[1::2], strict=True), "The command line")


def _csv(text: str, name: str) -> Iterator[tuple[str, str]]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    for column in ("item", "label"):
        if column not in (reader.fieldnames or ()):
            raise DataError(
                f"{name} needs a header with item and label; got {', '.join(reader.fieldnames or ['nothing'])}."
            )
    for row in reader:
        if not row["item"] or not row["label"]:
            raise DataError(f"{name}, line {reader.line_num}: an item and a label were expected; got {row}.")
        yield row["item"], row["label"]


def _json_lines(text: str, name: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row: Any = json.loads(line)
            values = [row["item"], row["label"]]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f'{name}, line {number}: {{"item": ..., "label": ...}} was expected; got {line[:60]}'
            ) from error
        if not all(isinstance(value, (str, int)) and not isinstance(value, bool) for value in values):
            raise DataError(f"{name}, line {number}: item and label must be texts; got {line[:60]}")
        yield str(values[0]), str(values[1])


def _unique(rows: Iterable[tuple[str, str]], name: str) -> dict[str, str]:
    answers: dict[str, str] = {}
    for item, label in rows:
        if answers.setdefault(item, label) != label:
            raise DataError(f"{name} gives item {item!r} two labels, {answers[item]!r} and {label!r}; give it one.")
    return answers
