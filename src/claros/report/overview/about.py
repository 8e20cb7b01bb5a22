"""How the bench was run: its settings by factor, data, sizes, versions and files."""

from __future__ import annotations

from claros.report.format import count, join, many
from claros.report.markup import Html, details, element, paragraph, table
from claros.report.overview.view import BenchView
from claros.report.sections.section import Section

__all__ = ["build", "finding"]

_FILES = ("results", "per_class", "picks", "rules", "confusion", "reliability", "cells")


def build(view: BenchView) -> Section:
    """A table of the settings, and links to the files."""
    folder = view.bench.folder
    links = [
        element("a", f"{name}.{kind}", href=f"{name}.{kind}")
        for name in _FILES
        for kind in ("csv", "parquet")
        if (folder / f"{name}.{kind}").is_file()
    ]
    files = paragraph("Files: ", Html(", ".join([element("a", "bench.json", href="bench.json"), *links])), ".")
    return Section("about", "How it was run", finding(view), Html(files + _settings(view) + _versions(view)))


def finding(view: BenchView) -> str:
    """Arms, settings, seeds and what was varied."""
    bench = view.bench
    strategies = many(len(bench.strategies), "strategy").replace("strategys", "strategies")
    varied = f"; varied: {join(bench.factors)}" if bench.factors else ""
    version = f" (Claros {bench.facts['claros']})" if bench.facts.get("claros") else ""
    return f"{strategies} in {many(len(view.views), 'setting')} with {view.seeds}{varied}{version}."


def _settings(view: BenchView) -> Html:
    names = [*dict.fromkeys(name for one in view.views for name in one.run.facts.get("factors") or {})]
    sizes = ("n_pool", "n_test")
    rows = []
    for one in view.views:
        factors, plan, data = one.run.facts.get("factors") or {}, one.run.facts.get("plan") or {}, one.run.data
        rows.append([
            one.run.name,
            *(str(factors.get(name, "")) for name in names),
            *(count(plan.get(name)) for name in ("start", "total")),
            *(count(data.get(name)) for name in sizes),
            len(one.run.classes),
        ])  # fmt: skip
    header = ("setting", *names, "start", "labels in all", "pool", "test", "classes")
    return details("Settings", table(header, rows, words=1 + len(names)))


def _versions(view: BenchView) -> Html:
    versions = view.bench.facts.get("versions") or {}
    return details("Versions", table(("what", "version"), [*versions.items()], words=2)) if versions else Html()
