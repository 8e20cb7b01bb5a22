"""What a section is given, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from claros.experiment.compare import Savings
from claros.report.behind import Behind, suffix
from claros.report.compared import Compared, saved
from claros.report.figures import Figure
from claros.report.items import Items
from claros.report.load import Run
from claros.report.look import Style
from claros.report.markup import Html, element, join, paragraph
from claros.report.svg import Drawing, inline, save

__all__ = ["Section", "View", "figure", "nothing"]

#: Pixels of a figure of one setting of a bench.
_BRIEF = 760
_FILES = {"pdf": "PDF", "png": "PNG", "parquet": "Parquet", "csv": "CSV"}


@dataclass(frozen=True)
class View:
    """A run, how its strategies look, its items where they can be read, and the strategies against the control.

    In a bench, ``brief``: figures have one width, files of a setting start with ``prefix``, and of the items at most
    ``shown`` are pictured, in at most ``weight`` bytes, and ``points`` are on its map. Files of
    figures are written into the folder ``figures`` if there is one.
    """

    run: Run
    styles: Mapping[str, Style]
    items: Items
    compared: tuple[Compared, ...]
    brief: bool = False
    prefix: str = ""
    shown: int = 120
    weight: int = 4_000_000
    points: int = 1200
    figures: Path | None = None
    drawn: frozenset[str] | None = None

    def draws(self, section: str) -> bool:
        """Whether a section has its figure: in a bench of many settings not all have."""
        return self.drawn is None or section in self.drawn

    @cached_property
    def saved(self) -> Mapping[str, Savings | None]:
        """The labels that each strategy saves against the control."""
        return {name: saved(self.run, name) for name in self.run.queried}

    def drawing(
        self, name: str, label: str, paint: Callable[[int], Figure], behind: Behind, *, width: int = 1000
    ) -> Drawing:
        """A figure of this run."""
        if not self.brief:
            return Drawing(name, label, paint, behind, width)
        return Drawing(f"{self.prefix}{name}", label, paint, behind, min(width, _BRIEF), twice=False)


@dataclass(frozen=True)
class Section:
    """A part of the page: one sentence of finding, then the evidence."""

    id: str
    title: str
    finding: str
    body: Html


class _Shows(Protocol):
    @property
    def figures(self) -> Path | None: ...


def figure(view: _Shows, drawing: Drawing, *notes: object) -> Html:
    """A drawing with what must be known to read it, and links to its files, which are written if the view says so."""
    if view.figures is not None:
        save(drawing, view.figures)
    files = join(
        (element("a", _FILES[kind], href=f"figures/{drawing.name}.{kind}") for kind in ("pdf", "png", suffix())),
        Html(" · "),
    )
    caption = element("figcaption", join(notes, Html(" ")), " ", element("span", files, class_="files"))
    return element("figure", inline(drawing), caption)


def nothing(reason: str) -> Html:
    """What stands where there is nothing to show."""
    return paragraph(reason, class_="nothing")
