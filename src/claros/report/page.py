"""The page: head, rail and sections in one file that asks nothing of the network."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from claros.report.bench import Bench
from claros.report.format import many
from claros.report.load import Run
from claros.report.markup import Html, element, join, paragraph
from claros.report.sections.section import Section

__all__ = ["render"]

#: Nothing may be loaded from anywhere; pictures and styles are inside the page. Browsers enforce it.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def render(source: Run | Bench, sections: Sequence[Section]) -> str:
    """The whole document."""
    title = _title(source) if isinstance(source, Run) else _bench_title(source)
    head = join(
        [
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("title", f"{title} – Claros"),
            element("style", Html(files("claros.report").joinpath("style.css").read_text(encoding="utf-8"))),
        ],
        "\n",
    )
    rail = element(
        "nav",
        element("b", "Claros"),
        element("ol", *(element("li", element("a", one.title, href=f"#{one.id}")) for one in sections)),
        aria_label="Sections",
    )
    absent = source.absent if isinstance(source, Bench) else ""
    notice = paragraph(absent, " ", element("a", "Why", href="#cells"), class_="notice") if absent else Html()
    main = element("main", element("h1", title), notice, Html("\n"), *(_section(one) for one in sections))
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{rail}\n{main}\n</body>\n</html>\n'


def _section(section: Section) -> Html:
    said = element("p", section.finding, class_="finding")
    return element("section", element("h2", section.title), said, Html("\n"), section.body, Html("\n"), id=section.id)


def _bench_title(bench: Bench) -> str:
    n = len(bench.settings)
    of = f"{n} of {n + len(bench.waiting)}" if bench.waiting else ""
    if n == 1:
        return f"{_title(bench.settings[0])}{f' ({of} settings)' if of else ''}"
    factors = f": {' × '.join(bench.factors)}" if bench.factors else ""
    return f"Bench of {f'{of} settings' if of else many(n, 'setting')}{factors}"


def _title(run: Run) -> str:
    model = run.config.get("model")
    name = model.get("name") if isinstance(model, dict) else model
    data = run.data.get("name") or run.config.get("data") or "A run"
    return f"{data}, {name}" if name else str(data)
