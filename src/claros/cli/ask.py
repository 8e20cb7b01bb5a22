"""``claros ask``: what to label next, for scripts."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from claros.cli import options
from claros.cli.output import show_json

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
    from claros.cli.campaigns import opened
    from claros.labeling import advised

    with opened(
        where,
        campaign=campaign,
        classes=classes,
        add_class=add_class,
        text_column=text_column,
        label_column=label_column,
        skip_unreadable=skip_unreadable,
        near_duplicates=near_duplicates,
        features=features,
        model=model,
        strategy=strategy,
        seed=seed,
        price=price,
        worth=worth,
        stop=stop,
        audit=audit,
        start=start,
        target=target,
        correction=correction,
    ) as made:
        queries = made.ask(n, annotator=annotator, lease=lease, overlap=overlap)
        advice = made.advice()
        if json:
            found = [{**asdict(query), "path": _path(made.pool.path(query.position))} for query in queries]
            show_json({"campaign": str(made.path), "queries": found, "advice": advice.to_json()})
            return
        for query in queries:
            print(f"{query.item}\t{query.reason}")
        print(advised(made) if queries else "Nothing is left to ask.", file=sys.stderr)


def _path(path: object) -> str | None:
    return None if path is None else str(path)
