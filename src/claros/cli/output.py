"""How commands show what they have: JSON for programs, a table for a person, plain lines when no terminal looks on."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, TextIO

__all__ = ["WIDTH", "is_plain", "note", "show_json", "show_table"]

#: Nothing that a command prints is wider, but for the words of the data themselves.
WIDTH = 99


def is_plain(stream: TextIO | None = None) -> bool:
    """True where colour and boxes have no place: the stream is no terminal, or ``NO_COLOR`` is set."""
    return bool(os.environ.get("NO_COLOR")) or not (stream or sys.stdout).isatty()


def note(text: str) -> None:
    """Say something beside the answer, on standard error."""
    print(text, file=sys.stderr)


def show_json(value: Any) -> None:
    """Print a JSON document that a program can read, whatever the terminal."""
    print(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def show_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under heads; without a terminal, one block a row: its first cell, then the lines of the others."""
    if not is_plain():
        _show_rich_table(heads, rows)
        return
    wrap = textwrap.TextWrapper(
        WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )
    for first, *others in rows:
        print(first)
        for line in "\n".join(others).splitlines():
            if line:
                print(wrap.fill(line))


def _show_rich_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(box=box.SIMPLE_HEAD, width=min(WIDTH, console.width), pad_edge=False, header_style="bold", leading=1)
    for place, head in enumerate(heads):
        table.add_column(head, style="bold" if place == 0 else "", no_wrap=place == 0, ratio=None if place == 0 else 1)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
