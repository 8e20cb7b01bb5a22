"""What trainings came to, for a person or as JSON; and a line for each that is done."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping
from typing import Any

from claros.cli.output import WIDTH, show_json, show_table
from claros.report.format import percent, seconds

__all__ = ["show_progress", "show_training"]


def show_progress(row: Mapping[str, Any]) -> None:
    """One training, on standard error."""
    print(f"{row['mode']}, seed {row['seed']}: {row['n']} items, {percent(row['accuracy'])}", file=sys.stderr)


def show_training(found: Mapping[str, Any], *, json: bool) -> None:
    """The finding, a table of the modes, and where the files are."""
    if json:
        show_json(dict(found))
        return
    for sentence in found["summary"]:
        print(textwrap.fill(sentence, WIDTH))
    rows = [
        (
            mode,
            f"{one['n'][0]} items",
            f"{len(one['seeds'])} seeds",
            f"accuracy {percent(one['mean_accuracy'])}",
            f"macro-F1 {percent(one['mean_macro_f1'])}",
            seconds(one["seconds"]),
        )
        for mode, one in found["modes"].items()
    ]
    show_table(("mode", "items", "seeds", "accuracy", "macro-F1", "time"), rows)
    print(f"Files: {found['out']}")
