"""The measurements as Markdown: a table a case, and the table of goals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.cases import shown

__all__ = ["case_table", "goals_table", "number"]

Line = Mapping[str, Any]


def number(value: float | None, form: str = ".4g") -> str:
    return "" if value is None else format(value, ",.0f" if value >= 1000 else form)


def case_table(title: str, lines: Mapping[str, Line]) -> str:
    """A case's measurements; the first line is Claros."""
    text = [
        f"\n**{title}**\n",
        "| | best s | median s | CPU s | times claros | added MiB | same | in order | busy | laps |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row, line in lines.items():
        if "failure" in line:
            text.append(f"| {shown(row)} | {line['failure']} | | | | | | | | |")
            continue
        cells = [number(line[key]) for key in ("best", "median", "cpu")]
        cells += [number(line["times"], ".3g"), number(line["added"], ".0f")]
        cells += [number(line[key], ".2f") for key in ("same", "in_order")]
        text.append(f"| {shown(row)} | " + " | ".join([*cells, number(line["busy"], ".1f"), str(line["laps"])]) + " |")
    return "\n".join(text)


def verdict(row: Line) -> str:
    """Met, missed and by how much, or not measured."""
    if row["met"]:
        return "met" if row["parts"] else "no goal"
    missed = [part for part in row["parts"] if part["met"] is False]
    if not missed:
        return "not measured"
    return "**missed**: " + "; ".join(f"{part['goal']} by {100 * part['missed_by']:.0f} %" for part in missed)


def goals_table(rows: Iterable[Line]) -> str:
    """The table of goals."""
    text = [
        "| routine | size | goal | best s | times faster | of the floor | MiB | same picks | busy | verdict |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        goal = "; ".join(part["goal"] for part in row["parts"]) or "time only"
        cells = [row["routine"], row["size"], goal, number(row.get("best"))]
        cells += [row.get("faster", ""), row.get("floors", ""), number(row.get("memory"), ".0f")]
        cells += [row.get("picks", ""), number(row.get("busy"), ".1f"), verdict(row)]
        text.append("| " + " | ".join(cells) + " |")
    return "\n".join(text)
