"""Options that several commands share, said once."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AddClass",
    "Annotator",
    "Audit",
    "CampaignFolder",
    "Classes",
    "Correction",
    "Features",
    "Json",
    "LabelColumn",
    "Model",
    "NearDuplicates",
    "Price",
    "Seed",
    "SkipUnreadable",
    "Start",
    "Stop",
    "Strategy",
    "Target",
    "TextColumn",
    "Track",
    "Where",
    "Worth",
    "user",
]

Where = Annotated[
    str, typer.Argument(metavar="POOL_OR_CAMPAIGN", help="A pool, or a campaign's folder.", show_default=False)
]
Annotator = Annotated[str, typer.Option(help="Who answers; campaigns keep annotators apart.")]
CampaignFolder = Annotated[Path | None, typer.Option(help="The campaign's folder.  [default: POOL.claros]")]
Classes = Annotated[str | None, typer.Option(help="Class names with commas between them, where the pool has none.")]
AddClass = Annotated[
    list[str] | None, typer.Option(help="A class that the campaign does not have yet; again for more.")
]
Features = Annotated[str | None, typer.Option(help="Features of the items, by claros embed or your own, to train on.")]
Model = Annotated[str | None, typer.Option(help="Model of a new campaign, or none.  [default: logistic]")]
Strategy = Annotated[str | None, typer.Option(help="Its strategy: claros list strategies.  [default: auto]")]
Seed = Annotated[int | None, typer.Option(help="Its seed.  [default: 0]")]
Price = Annotated[
    float | None, typer.Option(help="What one label costs, for the advice of a new campaign to say stop.")
]
Worth = Annotated[float | None, typer.Option(help="What a point of accuracy is worth, in the same currency.")]
Stop = Annotated[
    str | None, typer.Option(help="Its stopping rule, as in 'budget(labels=500)', or none.  [default: advisor]")
]
Audit = Annotated[float | None, typer.Option(help="Share asked at random to measure accuracy.  [default: 0.05]")]
Start = Annotated[int | None, typer.Option(help="Items of its first round.  [default: 20]")]
TextColumn = Annotated[str | None, typer.Option(help="Of a table, the column with the texts.  [default: text]")]
LabelColumn = Annotated[str | None, typer.Option(help="Of a table, the column with known labels.  [default: label]")]
NearDuplicates = Annotated[
    float | None,
    typer.Option(help="Ask one question for items of a new campaign whose features have at least this cosine."),
]
SkipUnreadable = Annotated[
    bool, typer.Option("--skip-unreadable", help="Leave what cannot be read out of a new campaign.")
]
Target = Annotated[
    str | None, typer.Option(help="Unlabeled items from where the model will be used, to correct for label shift.")
]
Correction = Annotated[
    str | None, typer.Option(help="How: auto, provenance, weights, prediction, ....  [default: auto]")
]
Track = Annotated[
    list[str] | None,
    typer.Option(help="Tracker that hears of every round: tensorboard, mlflow, wandb, comet, trackio; again for more."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def user() -> str:
    """The name of who is logged in, or "me" where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in this container
        return "me"
