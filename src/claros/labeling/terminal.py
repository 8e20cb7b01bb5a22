"""The session in a terminal: one item at a time, a key for each class, undo, skip, and advice after every batch.

It reads lines and writes lines, so that it works the same for a person at a keyboard, for a script through a pipe and
for a test. Every answer is in the campaign's log before the next item is shown; there is nothing to save.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import NamedTuple

from claros.campaign import SKIP_REASONS, Campaign, Query
from claros.labeling.beside import advised
from claros.labeling.keys import RESERVED, Keys
from claros.labeling.viewer import Viewer, words

__all__ = ["Session"]

#: The menu of classes is repeated with every item while it fits in a line.
LINE = 99

_RESERVED = "   ".join(f"{key} {what}" for key, what in RESERVED.items())
HOW = f"Type a class's key, its name or its beginning, and Enter.   {_RESERVED}"

Write = Callable[[str, str], None]
"""Shows a text in a role: "status", "item", "menu", "answer", "advice" or "problem"."""


class _Answer(NamedTuple):
    query: Query
    said: str
    is_label: bool


class Session:
    """One sitting of one annotator at one campaign.

    ``read`` shows a prompt and returns a line, raising EOFError at the end of input; ``write`` shows a text in a role.
    ``run`` goes on until the annotator quits, the input ends or nothing is left to ask; it returns how many items
    were labeled.
    """

    def __init__(
        self,
        campaign: Campaign,
        *,
        annotator: str,
        batch: int,
        viewer: Viewer,
        read: Callable[[str], str],
        write: Write,
    ) -> None:
        self.campaign = campaign
        self.annotator = annotator
        self.batch = batch
        self.viewer = viewer
        self.keys = Keys(campaign.classes)
        self._read = read
        self._write = write
        self._answers: list[_Answer] = []
        self._queue: list[Query] = []
        self._seen = 0

    def run(self) -> int:
        """Ask, show, read and tell, batch after batch."""
        self._write(HOW, "menu")
        try:
            while self._next_batch():
                while self._queue:
                    if not self._one(self._queue[0]):
                        return self._n_labeled()
                self._advise()
        finally:
            self.viewer.close()
        self._write("Nothing is left to ask: every item is labeled, skipped, or with somebody else.", "advice")
        return self._n_labeled()

    def _n_labeled(self) -> int:
        return sum(answer.is_label for answer in self._answers)

    def _next_batch(self) -> bool:
        if self.campaign.n_labeled and not self.campaign.open_items():
            self._write("Training, and choosing what to ask next ...", "status")
        self._queue = self.campaign.ask(self.batch, annotator=self.annotator)
        self._seen = len(self._queue)
        return bool(self._queue)

    def _one(self, query: Query) -> bool:
        """Show an item until it is answered, skipped or left by undo; False to quit."""
        self._show(query)
        while True:
            try:
                typed = self._read("> ").strip()
            except EOFError:
                self._write("", "answer")
                return False
            meaning = RESERVED.get(typed)
            if meaning == "quit":
                return False
            if meaning == "help":
                self._help()
            elif meaning == "undo":
                if self._undo():
                    return True
            elif meaning == "skip":
                if self._skip(query):
                    return True
            elif typed and self._tell(query, typed):
                return True

    def _show(self, query: Query) -> None:
        place = max(1, self._seen - len(self._queue) + 1)
        counted = f"{self.campaign.n_labeled:,} of {len(self.campaign.pool):,} labeled".replace(",", "\u202f")
        self._write(f"[{place}/{self._seen}] {counted} \u00b7 {query.item} \u00b7 {query.reason}", "status")
        file = self.viewer.file(self.campaign.pool, query.position)
        if file is None:
            self._write(words(self.campaign.pool, query.position), "item")
        else:
            self._write(str(file), "item")
            self.viewer.open(file)
        menu = "   ".join(self.keys.menu())
        if len(menu) <= LINE:
            self._write(menu, "menu")

    def _tell(self, query: Query, typed: str) -> bool:
        try:
            label = self.keys.read(typed)
        except LookupError as problem:
            self._write(str(problem.args[0]), "problem")
            return False
        self.campaign.tell(query.item, label, annotator=self.annotator)
        self._done(_Answer(query, label, is_label=True))
        return True

    def _skip(self, query: Query) -> bool:
        self._write("Why?  " + "   ".join(f"{place} {why}" for place, why in enumerate(SKIP_REASONS, 1)), "menu")
        try:
            typed = self._read("reason, or Enter to go back > ").strip()
        except EOFError:
            return False
        meant = [
            why for place, why in enumerate(SKIP_REASONS, 1) if typed and (typed == str(place) or why.startswith(typed))
        ]
        if len(meant) != 1:
            self._write("Not skipped.", "problem")
            return False
        self.campaign.skip(query.item, meant[0], annotator=self.annotator)
        self._done(_Answer(query, meant[0], is_label=False))
        return True

    def _done(self, answer: _Answer) -> None:
        self._queue.remove(answer.query)
        self._answers.append(answer)
        self._write(answer.said, "answer")

    def _undo(self) -> bool:
        """Take back the last answer of this session and show that item again; as often as there are answers."""
        if not self._answers:
            self._write("There is nothing to undo in this session.", "problem")
            return False
        last = self._answers.pop()
        self.campaign.retract(last.query.item, annotator=self.annotator)
        self._queue = [last.query, *(query for query in self._queue if query.item != last.query.item)]
        self._seen = max(self._seen, len(self._queue))
        self._write(f"Took back {last.said!r}.", "answer")
        return True

    def _advise(self) -> None:
        self._write(advised(self.campaign), "advice")

    def _help(self) -> None:
        self._write(HOW, "menu")
        self._write(textwrap.fill("   ".join(self.keys.menu()), LINE), "menu")
