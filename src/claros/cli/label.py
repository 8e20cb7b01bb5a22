"""``claros label``: a person labels a pool in the terminal."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from claros.cli import options
from claros.cli.output import is_plain

__all__ = ["label"]


def label(
    where: options.Where,
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
    annotator: Annotated[str | None, typer.Option(help="Who answers.  [default: the user's name]")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Items between two words of advice.")] = 10,
    viewer: Annotated[
        str | None, typer.Option(help="Program that shows images and sounds.  [default: the system's]")
    ] = None,
    no_viewer: Annotated[bool, typer.Option("--no-viewer", help="Open nothing; print the path only.")] = False,
) -> None:
    """Label a pool yourself, here in the terminal, and hear after every batch whether to go on.

    Type a class's key, its name or the beginning of its name. u takes back the last answer, again and again; s skips,
    with a reason; q quits. Every answer is on the disk before the next item is shown, and the same command goes on
    where you were. Answers may come through a pipe as well.
    """
    from claros.cli.campaigns import opened
    from claros.labeling import Session, Viewer

    name = options.user() if annotator is None else annotator
    quiet = no_viewer or (viewer is None and not sys.stdin.isatty())
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
        batch=batch,
        price=price,
        worth=worth,
        stop=stop,
        audit=audit,
        start=start,
        target=target,
        correction=correction,
    ) as made:
        session = Session(
            made, annotator=name, batch=batch, viewer=Viewer("" if quiet else viewer), read=_read, write=_write
        )
        n = session.run()
        print(f"{n} labeled now, {made.n_labeled} in all. The same command goes on from here.")


def _read(prompt: str) -> str:
    typed = input(prompt)
    if not sys.stdin.isatty():
        print(typed)  # so that a transcript of a script reads like one of a person
    return typed


_STYLES = {"status": "2", "item": "1", "menu": "2", "answer": "32", "advice": "36", "problem": "33"}


def _write(text: str, role: str) -> None:
    print(text if is_plain() else f"\x1b[{_STYLES[role]}m{text}\x1b[0m", flush=True)
