"""``claros bench status``: how far a bench is."""

from __future__ import annotations

from typing import Annotated

import typer

from claros.cli import options as common
from claros.cli.bench import options
from claros.cli.output import show_json, show_table

__all__ = ["status"]


def status(
    out: options.Out = None,
    db: options.Db = None,
    watch: Annotated[bool, typer.Option(help="Stay, and show the table as it changes, until nothing is left.")] = False,
    failed: Annotated[bool, typer.Option(help="Show the traceback of every cell that failed.")] = False,
    json: common.Json = False,
) -> None:
    """Show how many cells of each setting wait, run, are done or failed, and the time left."""
    from claros.experiment.bench import Overview, Store, database, follow

    store = Store(database(out, db, existing=True))
    if watch:
        follow(store)
    now = Overview(store)
    if json:
        show_json({"cells": now.counts, "settings": now.rows, "seconds_left": now.left, "failures": now.failures})
        return
    rows = [(name, ", ".join(f"{n} {state}" for state, n in row.items() if n)) for name, row in now.rows.items()]
    show_table(("setting", "cells"), rows)
    for one in now.failures:
        print(f"Failed: {one['setting']}, {one['strategy']}, seed {one['seed']}: {one['error']}")
    for cell in store.cells() if failed else ():
        if cell["traceback"]:
            print(cell["traceback"])
    print(f"{now}.")
