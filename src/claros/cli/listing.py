"""``claros list``: the strategies, wrappers of strategies, stopping rules, estimates, models and inputs there are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from claros.cli.output import show_json, show_table

__all__ = ["list_"]

Kind = Literal["strategies", "wrappers", "stopping", "estimates", "shift", "models", "inputs"]


def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what there is, with what each needs, its parameters and their defaults, and where it comes from."""
    from claros.catalog import catalog

    entries = catalog(kind)
    if json:
        show_json(entries)
    elif kind == "inputs":
        rows = [(entry["name"], entry["summary"], _shape(entry)) for entry in entries]
        show_table(("name", "meaning", "shape and values"), rows)
    elif kind == "wrappers":
        rows = [(entry["name"], f"{entry['summary']}\n{entry['reference']}", entry["usage"]) for entry in entries]
        show_table(("name", "what it is", "how to write it"), rows)
    else:
        show_table(("name", "what it is", "needs and parameters"), [_row(entry) for entry in entries])


def _shape(entry: dict[str, Any]) -> str:
    return f"({', '.join(entry['axes'])}) {entry['values']}" if entry["axes"] else f"a number: {entry['values']}"


def _row(entry: dict[str, Any]) -> tuple[str, str, str]:
    details = {
        "needs": entry.get("needs"),
        "optional": entry.get("optional"),
        "provides": entry.get("provides"),
        "parameters": [f"{name}={value!r}" for name, value in entry.get("parameters", {}).items()],
        "tier": [entry["tier"]] if entry.get("tier") else [],
        "extra": [entry["extra"]] if entry.get("extra") else [],
    }
    said = [entry["summary"], entry.get("reference"), entry.get("problem")]
    lines = [f"{head}: {', '.join(values)}" for head, values in details.items() if values]
    return entry["name"], "\n".join(filter(None, said)), "\n".join(lines)
