"""``claros replicate``: published figures beside ours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from claros.cli import options

__all__ = ["replicate"]


def replicate(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The preset.", show_default=False)] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the presets.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write; the same command goes on in it.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Seeds of every arm.  [default: the preset's]")] = None,
    rounds: Annotated[int | None, typer.Option(help="End every arm early, for a quick look.")] = None,
    data: Annotated[list[str] | None, typer.Option(help="Data that the preset needs; again for more.")] = None,
    features: Annotated[Path | None, typer.Option(help="Features that the preset needs: claros embed.")] = None,
    project: Annotated[str | None, typer.Option(help="Of fetch: the project in Comet.")] = None,
    workspace: Annotated[str | None, typer.Option(help="Of fetch: its workspace.  [default: yours]")] = None,
    jobs: Annotated[int, typer.Option(help="Workers side by side, one processor each.")] = 1,
    report: Annotated[bool, typer.Option(help="Write report.html.")] = True,
    json: options.Json = False,
) -> None:
    """Run a published comparison, put its figures beside ours, and say what differs.

    The folder gets replicate.json and replicate.csv beside the tables of a bench. Exit code 1 if a cell failed.
    In place of a preset, fetch brings the tables back that were tracked with Comet: --project NAME, your key in
    COMET_API_KEY.
    """
    from claros.cli.outcome import write_report
    from claros.cli.output import show_json, show_table
    from claros.errors import InputError
    from claros.experiment import replicate as presets

    if list_ or name is None:
        found = [presets.get(known) for known in presets.names()]
        if json:
            show_json([{"name": one.name, "title": one.title, "seeds": one.seeds, "needs": one.needs} for one in found])
        else:
            show_table(("name", "what it is", "needs"), [(one.name, one.title, one.needs or "") for one in found])
        return
    if out is None:
        raise InputError("Say where the replication is written: --out DIR.")
    if name == "fetch":
        _fetch(project, out, workspace, json)
        return
    made = presets.run(name, out, seeds=seeds, jobs=jobs, rounds=rounds, data=data or (), features=features)
    page = write_report(out) if report else None
    if json:
        show_json({**made.to_json(), "report": None if page is None else str(page)})
    else:
        print(made)
        print(f"Report: {page}" if page is not None else f"Tables: {out}")
    if made.failures:
        print(f"claros: {made.failures[0]} See claros bench status.", file=sys.stderr)
        raise typer.Exit(1)


def _fetch(project: str | None, out: Path, workspace: str | None, json: bool) -> None:
    from claros.cli.output import show_json
    from claros.errors import InputError
    from claros.experiment.replicate.fetch import fetch

    if project is None:
        raise InputError("Say which project in Comet: --project NAME.")
    paths = [str(path) for path in fetch(project, out, workspace=workspace)]
    if json:
        show_json(paths)
    else:
        print("\n".join(paths) or "No experiment has a table.")
