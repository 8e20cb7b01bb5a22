"""``claros export``: the labels, out of a campaign."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from claros.cli import options
from claros.cli.output import show_json

__all__ = ["export"]


def export(
    where: options.Where,
    out: Annotated[
        Path | None, typer.Option(help="File to write, .csv or .jsonl.  [default: CSV on standard output]")
    ] = None,
    campaign: options.CampaignFolder = None,
    database: Annotated[str | None, typer.Option(help="The campaign's log, if it is not in its folder.")] = None,
    json: options.Json = False,
) -> None:
    """Get the labels out of a campaign: a row for each labeled item, in the order told.

    Its columns (or keys): item; label, the majority of the annotators', of a tie the first; annotators, who said what;
    round, and source, of the question: start, strategy, audit, chosen, or own choice where nothing was asked; random,
    whether that was drawn uniformly. Only the log is read: the pool may have moved, changed or gone.
    """
    from claros.campaign.export import as_csv, read_labels, write_labels
    from claros.labeling import campaign_folder

    folder = campaign_folder(where) if campaign is None else campaign
    labels = read_labels(folder, database=database)
    if out is not None:
        write_labels(labels, out)
    if json:
        found = {"labels": [asdict(row) for row in labels]} if out is None else {"out": str(out)}
        show_json({"campaign": str(folder), "n": len(labels), **found})
    elif out is not None:
        print(f"Wrote the labels of {len(labels)} items to {out}.")
    else:
        print(as_csv(labels), end="")
