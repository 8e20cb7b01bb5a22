"""HTML from values: everything that is not already markup is escaped, so no name or text of a user can act."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

__all__ = ["Html", "beneath", "cell", "details", "element", "join", "paragraph", "table", "text"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]")
_UNITS = re.compile(r"(?<=\d) (?=(?:%|s|ms|h|min|points?|labels?|seeds?)(?![\w]))")


class Html(str):
    """A string that already is markup."""

    __slots__ = ()


def text(value: object) -> Html:
    """The value escaped, unless it already is markup; numbers stay on one line with their unit."""
    if isinstance(value, Html):
        return value
    plain = _UNITS.sub("\u00a0", _CONTROL.sub(" ", str(value)))
    return Html(html.escape(plain, quote=True))


def join(parts: Iterable[object], separator: str = "") -> Html:
    """Markup of all parts, one after another."""
    return Html(separator.join(text(part) for part in parts))


def element(name: str, /, *content: object, **attributes: object) -> Html:
    """One element; an attribute of value ``None`` is left out, ``class_`` is written ``class``.

    >>> element("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in {"img", "meta", "br"}:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(content)}</{name}>")


def paragraph(*content: object, class_: str | None = None) -> Html:
    """A paragraph."""
    return element("p", *content, class_=class_)


def details(summary: object, *content: object, open_: bool = False) -> Html:
    """A part that opens on a click, without a script."""
    return Html(f"<details{' open' if open_ else ''}>{element('summary', summary)}{join(content)}</details>")


def cell(value: object, *, best: bool = False, quiet: bool = False, word: bool = False) -> Html:
    """A table's cell: the best is bold, what is not significant is grey, words start at the left."""
    classes = " ".join(name for name, holds in (("quiet", quiet), ("word", word)) if holds)
    return element("td", element("b", value) if best else value, class_=classes or None)


def beneath(value: object, smaller: object) -> Html:
    """A value, and what qualifies it on a second line."""
    return join([value, element("small", smaller)]) if smaller else text(value)


def table(header: Sequence[object], rows: Iterable[Sequence[object]], *, caption: object = "", words: int = 1) -> Html:
    """A table in a box that scrolls by itself, with its caption beneath the box.

    The first ``words`` columns are text, the others numbers; the first heads its row. What is a `cell` is kept,
    anything else becomes one.
    """
    heads = [element("th", name, scope="col", class_="word" if i < words else None) for i, name in enumerate(header)]
    body = [_row(row, words) for row in rows]
    whole = element("table", element("thead", element("tr", *heads)), element("tbody", *body))
    note = paragraph(caption, class_="note") if caption else ""
    return join([element("div", whole, class_="scroll", tabindex="0"), note])


def _row(row: Sequence[object], words: int) -> Html:
    cells = [element("th", row[0], scope="row", class_="word")]
    for position, value in enumerate(row[1:], start=1):
        if isinstance(value, Html) and value.startswith("<td"):
            cells.append(value)
        else:
            cells.append(element("td", value, class_="word" if position < words else None))
    return element("tr", *cells)
