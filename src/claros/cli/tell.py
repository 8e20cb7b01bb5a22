"""``claros tell``: labels from scripts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from claros.cli import options
from claros.cli.output import note, show_json

__all__ = ["tell"]


def tell(
    where: options.Where,
    words: Annotated[list[str] | None, typer.Argument(metavar="[ITEM LABEL]...", show_default=False)] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="Labels from a CSV or JSONL file; - is standard input.")
    ] = None,
    skip: Annotated[str | None, typer.Option(help="Skip the ITEMs, for this reason, instead of labeling them.")] = None,
    retract: Annotated[bool, typer.Option("--retract", help="Take back what was said of the ITEMs.")] = False,
    annotator: options.Annotator = "",
    campaign: options.CampaignFolder = None,
    json: options.Json = False,
) -> None:
    """Tell a campaign the labels of items: all of them are recorded, or none.

    Once this has ended with exit code 0 the labels are on the disk. The same label again changes nothing, another one
    revises it. Files have the columns (or keys) item and label. With --skip and --retract, only ITEMs are given;
    reasons to skip: cannot tell, none of the classes, bad item, later.
    """
    from claros.errors import InputError
    from claros.labeling import open_campaign, pairs, read_answers

    if not words and from_ is None:
        raise InputError("There is nothing to tell: give ITEM LABEL, or a file with --from.")
    with open_campaign(where, campaign=campaign, create=False, say=note) as opened:
        items = list(words or ())
        if retract:
            for item in items:
                opened.retract(item, annotator=annotator)
        elif skip is not None:
            for item in items:
                opened.skip(item, skip, annotator=annotator)
        else:
            answers = {**pairs(items), **(read_answers(_text(from_), from_) if from_ else {})}
            opened.tell_many(answers, annotator=annotator)
            items = list(answers)
        if json:
            show_json({"campaign": str(opened.path), "items": items, "n_labeled": opened.n_labeled})
        else:
            print(f"Recorded {len(items)}; {opened.n_labeled} of {len(opened.pool)} items are labeled.")


def _text(name: str) -> str:
    return sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
