"""The first items of rounds, as a person would have seen them: pictures, texts, sounds or rows."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.report.load import Run
from claros.report.look import CYCLE
from claros.report.markup import Html, details, element, join, paragraph, table
from claros.report.sections.section import View, nothing

__all__ = ["gallery"]

#: Bounds that keep the page small: items of a round, and rounds of a strategy.
_OF_A_ROUND, _ROUNDS = 10, 6


@dataclass(frozen=True)
class _Item:
    id: str
    true: str
    predicted: str
    code: int
    content: Any

    @property
    def says(self) -> str:
        """True and predicted class, for hovering and for screen readers."""
        predicted = f", predicted {self.predicted}" if self.predicted else ""
        return f"true class {self.true}{predicted}, item {self.id}"


def gallery(view: View) -> Html:
    """Items of the first seed, a block for each strategy, a line for each of some rounds."""
    if view.items.pool is None:
        return nothing(view.items.reason)
    budget = view.shown // max(1, len(view.run.strategies))
    if budget == 0:
        return nothing("There are too many strategies to show what each of them picked.")
    blocks = [
        _strategy(view, name, budget, open_=i == 0 and not view.brief) for i, name in enumerate(view.run.strategies)
    ]
    note = f"The first picks of some rounds, seed {view.run.seeds[0]}."
    if view.items.kind == "images":
        note += " The border has the colour of the true class; in italics what the model took it for, where that is"
        note += " another. Click a picture to enlarge it."
    return join([paragraph(note, class_="note"), *blocks])


def _strategy(view: View, strategy: str, budget: int, *, open_: bool) -> Html:
    run, seed = view.run, view.run.seeds[0]
    of_a_round = min(_OF_A_ROUND, budget)
    rounds = _some_rounds(run, strategy, seed, min(_ROUNDS, budget // of_a_round))
    lines = []
    for number in rounds:
        items = _items(view, strategy, seed, number, of_a_round)
        if items:
            lines.append(
                element("div", element("h4", f"Round {number}"), _SHOW[view.items.kind](items), class_="round")
            )
    shown = join(lines) if lines else nothing("None of the items that it picked are in the data any more.")
    return details(f"Picked by {strategy}", shown, open_=open_)


def _some_rounds(run: Run, strategy: str, seed: int, most: int) -> list[int]:
    """Rounds spread over the run; the start only if there is nothing else, as all strategies share it."""
    rounds = sorted({int(number) for number in run.picks.where(strategy=strategy, seed=seed)["round"]})
    rounds = [number for number in rounds if number > 0] or rounds
    if not rounds:
        return []
    return [rounds[place] for place in np.unique(np.linspace(0, len(rounds) - 1, most).round().astype(int))]


def _items(view: View, strategy: str, seed: int, number: int, most: int) -> list[_Item]:
    picked = view.run.picks.where(strategy=strategy, seed=seed, round=number)
    ids = [str(item) for item in picked["item"][:most]]
    contents = _light(view.items.show(ids), view.weight * most // max(1, view.shown))
    predicted = _predicted(view, strategy, seed, number)
    codes = {name: code for code, name in enumerate(view.run.classes)}
    return [
        _Item(item, str(true), predicted.get(item, ""), codes.get(true, 0), contents[item])
        for item, true in zip(ids, picked["class"], strict=False)
        if item in contents
    ]


def _light(contents: Mapping[str, Any], weight: int) -> dict[str, Any]:
    """The first items that have at most so many bytes together."""
    sizes = np.cumsum([len(content) for content in contents.values()])
    return dict([*contents.items()][: int((sizes <= weight).sum())])


def _predicted(view: View, strategy: str, seed: int, number: int) -> dict[str, str]:
    """What the model that chose the batch took each item for, where the run kept it."""
    folder = view.run.cell(strategy, seed) / "rounds" / f"{number:04d}"
    pool = view.items.pool
    if pool is None or not ((folder / "picks.npy").is_file() and (folder / "batch_probs.npy").is_file()):
        return {}
    positions = np.load(folder / "picks.npy", allow_pickle=False)
    codes = np.load(folder / "batch_probs.npy", allow_pickle=False).argmax(axis=1)
    if (
        positions.size != codes.size
        or positions.max(initial=-1) >= len(pool)
        or codes.max(initial=-1) >= len(view.run.classes)
    ):
        return {}
    return {pool.ids[place]: view.run.classes[code] for place, code in zip(positions, codes, strict=True)}


def _images(items: Sequence[_Item]) -> Html:
    return element("div", *(_picture(item) for item in items), class_="pictures")


def _picture(item: _Item) -> Html:
    colour, line = CYCLE[item.code % len(CYCLE)], ("solid", "dashed", "dotted")[item.code // len(CYCLE) % 3]
    image = element(
        "img",
        src=f"data:image/png;base64,{base64.b64encode(item.content).decode()}",
        alt=item.says,
        title=item.says,
        style=f"border-color: var(--{colour}); border-style: {line}",
    )
    wrong = item.predicted not in ("", item.true)
    caption = element("figcaption", item.true, *([element("i", f" not {item.predicted}")] if wrong else []))
    return element("figure", image, caption, tabindex="0")


def _texts(items: Sequence[_Item]) -> Html:
    return _table(items, ["text"], [[item.content] for item in items])


def _described(items: Sequence[_Item]) -> Html:
    return _table(items, ["item", "what it is"], [[item.id, item.content] for item in items])


def _table(items: Sequence[_Item], names: Sequence[str], said: Sequence[Sequence[str]]) -> Html:
    """Items in words, with their class, and what they were taken for where that was kept."""
    guessed = any(item.predicted for item in items)
    header = [*names, "class", *(["predicted"] if guessed else [])]
    rows = [
        [*words, item.true, *([item.predicted] if guessed else [])] for words, item in zip(said, items, strict=True)
    ]
    return table(header, rows, words=len(header))


_SHOW: Mapping[str, Any] = {"images": _images, "texts": _texts, "sounds": _described, "rows": _described}
