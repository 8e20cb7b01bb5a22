"""Figures on paper: SVG in the page, PDF and PNG beside it."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from claros.errors import require
from claros.files import write_atomically
from claros.report.behind import Behind, write_behind
from claros.report.figures import Figure
from claros.report.look import VARIABLES
from claros.report.markup import Html, element

__all__ = ["Drawing", "drawing_settings", "inline", "save", "save_pdf"]

_FONT = "DejaVu Sans"  # matplotlib brings it, so that a figure has the same size everywhere; the page sets its own
_RC = {
    "svg.fonttype": "none",
    "svg.hashsalt": "claros",
    "text.parse_math": False,
    "font.family": _FONT,
    "font.size": 12,
    "axes.linewidth": 1.0,
}
_METADATA: dict[str, dict[str, None]] = {
    "svg": dict.fromkeys(("Date", "Creator", "Format", "Type")),
    "pdf": dict.fromkeys(("CreationDate", "Creator", "Producer")),
    "png": {"Software": None},
}
_DIGITS = re.compile(r"(\.\d\d)\d+")  # a hundredth of a pixel is enough
#: Dots per inch of what is a picture inside the SVG: two for a CSS pixel.
_RASTER = 144
#: Width of a phone's screen less the margins, in CSS pixels.
_PHONE = 358


@dataclass(frozen=True)
class Drawing:
    """A figure that can be painted at any width, and what it shows as columns.

    ``label`` says to a screen reader what it shows. ``twice``: it is painted once more for phones; else it scrolls.
    """

    name: str
    label: str
    paint: Callable[[int], Figure]
    behind: Behind
    width: int = 760
    twice: bool = True
    _painted: list[Figure] = field(default_factory=list, init=False, repr=False)

    def painted(self) -> Figure:
        """The figure at its own width, painted when first asked for."""
        if not self._painted:
            self._painted.append(self.paint(self.width))
        return self._painted[0]


def inline(drawing: Drawing) -> Html:
    """The figure as SVG in the page's colours and font, once for screens and once for phones."""
    wide = _svg(drawing, drawing.width)
    if drawing.width <= _PHONE + 80:
        return wide
    if not drawing.twice:
        return element("div", wide, class_="scroll whole", tabindex="0")
    return Html(element("div", wide, class_="screen") + element("div", _svg(drawing, _PHONE), class_="phone"))


def save(drawing: Drawing, folder: Path) -> None:
    """The figure as PDF and PNG, and the data behind it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_behind(drawing.behind(), folder / drawing.name)
    # a font cut down to the letters in use takes a tenth of a second a file, which small figures of many do without
    with drawing_settings({"pdf.fonttype": 42 if drawing.twice else 3}):
        figure = drawing.painted()
        figure.patch.set_alpha(1)
        dots = 144 if drawing.twice else 108
        for kind in ("pdf", "png"):
            figure.savefig(folder / f"{drawing.name}.{kind}", dpi=dots, metadata=_METADATA[kind], facecolor="white")


def save_pdf(paint: Callable[[], Figure], path: Path) -> None:
    """A figure alone, as a PDF on white paper that is the same, byte by byte, for the same figure."""
    content = io.BytesIO()
    with drawing_settings({"pdf.fonttype": 42}):
        paint().savefig(content, format="pdf", metadata=_METADATA["pdf"], facecolor="white")
    write_atomically(path, content.getvalue())


@contextmanager
def drawing_settings(more: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Fonts and colours of all figures, while they are painted and written."""
    matplotlib = require("matplotlib", "report", "A report")
    with matplotlib.rc_context({**_RC, **(more or {})}), warnings.catch_warnings():
        # A class name in a script that the font lacks shows as boxes in PDF and PNG; the page has the reader's fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _svg(drawing: Drawing, width: int) -> Html:
    buffer = io.StringIO()
    with drawing_settings():
        figure = drawing.painted() if width == drawing.width else drawing.paint(width)
        figure.savefig(buffer, format="svg", metadata=_METADATA["svg"], transparent=True, dpi=_RASTER)
    height = round(figure.get_size_inches()[1] * 72)
    return _for_page(buffer.getvalue(), f"{drawing.name}-{width}", drawing.label, width, height)


def _for_page(svg: str, name: str, label: str, width: int, height: int) -> Html:
    """matplotlib's file as an element: no header, its own ids, colours by variable, the page's font."""
    body = svg[svg.index("<svg") :]
    body = body[body.index(">") + 1 : body.rindex("</svg>")]
    body = re.sub(r"<style.*?</style>|<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'(<g|<image\b[^>]*?) id="[^"]*"', r"\1", body)
    body = re.sub(r'(?<= id=")|(?<=url\(#)|(?<=xlink:href="#)', f"{name}-", body)
    body = re.sub(r' transform="rotate\(-?0 [^"]*"', "", body)
    body = re.sub(rf"'{_FONT}'[^;\"]*", "var(--font)", body)
    body = re.sub(r"#[0-9a-f]{6}(?=[;\"])", lambda found: _colour(found.group()), body)
    body = re.sub(r' (?:d|x|y)="[^"]*"', lambda found: _DIGITS.sub(r"\1", found.group()), body)
    body = re.sub(r"\s*\n\s*", " ", body).replace("base64, ", "base64,")
    opening = element(
        "svg", viewBox=f"0 0 {width} {height}", width=width, height=height, role="img", aria_label=label
    ).removesuffix("</svg>")
    return Html(f"{opening}{body}</svg>")


def _colour(code: str) -> str:
    return f"var(--{VARIABLES[code]})" if code in VARIABLES else code
