"""What a command of DalMax found, as a sentence and the folder of its files, or as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from claros.cli.output import WIDTH, show_json
from claros.report.format import count, percent, seconds

__all__ = ["show_found"]


def show_found(found: Mapping[str, Any], *, json: bool) -> None:
    """Print it."""
    if json:
        show_json(dict(found))
        return
    what = found.get("trained_on") or f"{count(found['n_labeled'])} labels by {found['type']}"
    if found.get("strategy") not in (None, found["type"]):
        what += f" ({found['strategy']})"
    sentence = (
        f"Trained on {what}, {found['model']} is right on {percent(found['accuracy'])} of the test images "
        f"({seconds(found['seconds'])})."
    )
    print(textwrap.fill(sentence, WIDTH))
    print(f"Files: {found['out']}")
