"""What a section is given, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from claros.report.compared import Compared
from claros.report.items import Items
from claros.report.load import Run
from claros.report.look import Style
from claros.report.markup import Html, element, join, paragraph
from claros.report.svg import Drawing, inline

__all__ = ["Section", "View", "figure", "nothing"]


@dataclass(frozen=True)
class View:
    """A run, how its strategies look, its items where they can be read, and the strategies against the control."""

    run: Run
    styles: Mapping[str, Style]
    items: Items
    compared: tuple[Compared, ...]


@dataclass(frozen=True)
class Section:
    """A part of the page: one sentence of finding, then the evidence."""

    id: str
    title: str
    finding: str
    body: Html
    drawings: tuple[Drawing, ...] = ()


def figure(drawing: Drawing, *notes: object) -> Html:
    """A drawing with what must be known to read it, and links to its files."""
    files = join(
        (element("a", kind.upper(), href=f"figures/{drawing.name}.{kind}") for kind in ("pdf", "png")), Html(" · ")
    )
    caption = element("figcaption", join(notes, Html(" ")), " ", element("span", files, class_="files"))
    return element("figure", inline(drawing), caption)


def nothing(reason: str) -> Html:
    """What stands where there is nothing to show."""
    return paragraph(reason, class_="nothing")
