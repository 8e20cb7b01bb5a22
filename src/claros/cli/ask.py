"""``claros ask``: what to label next, for scripts."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from claros.cli import options
from claros.cli.output import note, show_json

__all__ = ["ask"]


def ask(
    where: options.Where,
    n: Annotated[int | None, typer.Option("-n", help="How many items.  [default: the campaign's batch]")] = None,
    annotator: options.Annotator = "",
    lease: Annotated[str, typer.Option(help="How long nobody else gets the items: 45s, 30m, 2h, 1d.")] = "30m",
    overlap: Annotated[int, typer.Option(help="How many annotators each item is for.")] = 1,
    campaign: options.CampaignFolder = None,
    classes: options.Classes = None,
    add_class: options.AddClass = None,
    model: options.Model = None,
    strategy: options.Strategy = None,
    seed: options.Seed = None,
    price: options.Price = None,
    worth: options.Worth = None,
    stop: options.Stop = None,
    audit: options.Audit = None,
    start: options.Start = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    skip_unreadable: options.SkipUnreadable = False,
    near_duplicates: options.NearDuplicates = None,
    features: options.Features = None,
    target: options.Target = None,
    correction: options.Correction = None,
    json: options.Json = False,
) -> None:
    """Ask a campaign which items to label next; tell it the labels with claros tell.

    A pool without a campaign gets one beside it, POOL.claros. Items that were asked and not yet told are handed out
    again, so nothing is lost when a script dies. Prints one item a line: its id, a tab, and why it is asked.
    """
    from claros.labeling import advised, class_list, open_campaign

    reading: dict[str, Any] = {
        "text_column": text_column,
        "label_column": label_column,
        "near_duplicates": near_duplicates,
    }
    reading |= {"features": features, "skip_unreadable": skip_unreadable or None}
    settings: dict[str, Any] = {"model": model, "strategy": strategy, "seed": seed, "target": target}
    settings |= {"say": note, "add_classes": add_class or (), "correction": correction}
    settings |= {"price": price, "worth": worth, "stop": stop, "audit": audit, "start": start}
    with open_campaign(where, campaign=campaign, classes=class_list(classes), reading=reading, **settings) as opened:
        queries = opened.ask(n, annotator=annotator, lease=lease, overlap=overlap)
        advice = opened.advice()
        if json:
            found = [{**asdict(query), "path": _path(opened.pool.path(query.position))} for query in queries]
            show_json({"campaign": str(opened.path), "queries": found, "advice": advice.to_json()})
            return
        for query in queries:
            print(f"{query.item}\t{query.reason}")
        print(advised(opened) if queries else "Nothing is left to ask.", file=sys.stderr)


def _path(path: object) -> str | None:
    return None if path is None else str(path)
