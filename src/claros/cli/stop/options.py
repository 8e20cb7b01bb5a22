"""Options that the commands about stopping share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from claros.errors import InputError

__all__ = ["Out", "Places", "Rule", "numbers"]

Places = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help="A run's or a bench's folder, a results database, a campaign, or a folder of such.",
        show_default=False,
    ),
]
Rule = Annotated[
    list[str] | None,
    typer.Option(help="Rule, as in 'stabilizing_predictions(window=2)'; again for more.  [default: all]"),
]
Out = Annotated[Path | None, typer.Option(help="Folder to write the tables to, as CSV and Parquet.")]


def numbers(text: str) -> list[float]:
    """Numbers with commas between them."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"--prices takes numbers with commas between them, as in 1e-5,1e-4,1e-3; got {text!r}."
        ) from None
