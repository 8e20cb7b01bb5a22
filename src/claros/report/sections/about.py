"""How it was run: settings, data, versions, and the files that all of this was read from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from claros.report.format import many
from claros.report.load import Run
from claros.report.markup import Html, details, element, paragraph, table
from claros.report.sections.section import Section, View

__all__ = ["build", "finding"]

_FILES = ("results", "per_class", "picks", "rules")


def build(view: View) -> Section:
    """Tables of what was set, and links to the files."""
    run = view.run
    links = [
        element("a", f"{name}.{kind}", href=f"{name}.{kind}")
        for name in _FILES
        for kind in ("csv", "parquet")
        if (run.folder / f"{name}.{kind}").is_file()
    ]
    facts = next((name for name in ("run.json", "bench.json") if (run.folder / name).is_file()), "run.json")
    files = paragraph("Files: ", Html(", ".join([element("a", facts, href=facts), *links])), ".")
    settings = details("Settings", _facts(run.config))
    other = {key: value for key, value in run.facts.items() if key not in ("config", "data", "upper_bound")}
    known = {**{key: value for key, value in run.data.items() if key != "classes"}, "classes": ", ".join(run.classes)}
    return Section(
        "about", "How it was run", finding(run),
        Html(files + settings + details("Data", _facts(known)) + details("Plan, version and checksums", _facts(other))),
    )  # fmt: skip


def finding(run: Run) -> str:
    """Arms, seeds, data and version in one sentence."""
    strategies = f"{len(run.strategies)} {'strategy' if len(run.strategies) == 1 else 'strategies'}"
    facts = [
        many(run.data[key], noun) + after
        for key, noun, after in (
            ("n_pool", "item", " in the pool"),
            ("n_test", "item", " to test on"),
            ("duplicates", "exact duplicate", ", asked once"),
            ("left_out", "item", " left out because the test set has the same"),
        )
        if isinstance(run.data.get(key), int) and run.data[key]
    ]
    version = f" (Claros {run.facts['claros']})" if run.facts.get("claros") else ""
    said = "; ".join([f"{strategies} with {many(len(run.seeds), 'seed')}", *facts])
    return f"{said}{version}."


def _facts(values: Mapping[str, Any]) -> Html:
    return table(("what", "value"), list(_flat(values)), words=2)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as one list: ``model.parameters.C``."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
