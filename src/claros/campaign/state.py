"""What a campaign's log adds up to: the fold from events to labels, queue, leases and rounds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from claros.log import Event

__all__ = ["SKIP_REASONS", "Label", "Planned", "Query", "Round", "State"]

#: Why an item is skipped. "later" sends it to the end of the queue and "cannot tell" closes it for that annotator;
#: the others close it for everybody.
SKIP_REASONS = ("cannot tell", "none of the classes", "bad item", "later")


@dataclass(frozen=True)
class Planned:
    """An item of a round: where it came from, and how likely it was to be drawn if it was drawn at random."""

    item: str
    source: str
    """"start", "strategy", "audit", or "chosen" by somebody else."""
    random: bool
    """Whether the source drew uniformly from the pool."""
    probability: float | None
    """The chance that it had in its draw, given the draws before; None where nothing was drawn."""
    score: float | None


@dataclass(frozen=True)
class Round:
    """One planning event: number, strategy (or who chose), items in the order planned, seconds that planning took.

    ``note`` is a sentence on how the strategy came by them, from one that has more than one way; else empty. ``arms``
    has each arm's share of the batch and its value, from a strategy that learns which arm to follow.
    """

    number: int
    strategy: str
    items: tuple[Planned, ...]
    seconds: float
    note: str = ""
    arms: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Label:
    """What one annotator said of one item, and the provenance of the question."""

    item: str
    code: int
    annotator: str
    round: int | None
    source: str
    random: bool
    probability: float | None


@dataclass(frozen=True)
class Query:
    """A question to an annotator: the item's id, its position in the pool, and why it is asked."""

    item: str
    position: int
    round: int
    source: str
    probability: float | None
    score: float | None
    reason: str


@dataclass
class State:
    """The fold; apply events in order, never change it otherwise."""

    seq: int = 0
    config: dict[str, Any] = field(default_factory=dict)
    created: float = 0.0
    classes: list[str] = field(default_factory=list)
    pools: int = 0
    rounds: list[Round] = field(default_factory=list)
    planned: dict[str, tuple[int, int, Planned]] = field(default_factory=dict)
    """Round, place in it from 0, and the item's row."""
    told: dict[str, dict[str, Label]] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)
    """Items that nobody is asked about any more, and who said so."""
    cannot: dict[str, set[str]] = field(default_factory=dict)
    leases: dict[str, dict[str, float]] = field(default_factory=dict)
    later: dict[str, tuple[int, str]] = field(default_factory=dict)
    """When an item was put off, as a seq, and by whom."""
    fitted: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)
    overlap: int = 1
    """How many people are wanted for an item, as of the last ask."""
    waiting: dict[str, None] = field(default_factory=dict)
    """Planned items that still want an answer, kept up to date item by item."""
    audit_released: bool = False
    labels_seq: int = 0
    """The last event that changed what a model is trained on."""
    said: list[tuple[int, str, str, Label | None]] = field(default_factory=list)
    """Every label told and, as None, taken back: seq, item, annotator."""
    _training: tuple[int, list[Label]] = (-1, [])

    def apply(self, events: Iterable[Event]) -> None:
        """Fold in what happened next."""
        for event in events:
            getattr(self, "_on_" + event.kind.replace("-", "_"))(event)
            self.seq = event.seq

    def _on_created(self, event: Event) -> None:
        self.config = dict(event.payload)
        self.classes = list(event.payload["classes"])
        self.created = event.time
        self.pools = 1

    def _on_pool_changed(self, event: Event) -> None:
        self.config.update(event.payload)
        self.pools += "manifest" in event.payload  # without one, the same items are read from another place

    def _on_classes_changed(self, event: Event) -> None:
        self.classes = list(event.payload["classes"])
        self.labels_seq = event.seq

    def _on_planned(self, event: Event) -> None:
        number = int(event.payload["round"])
        items = tuple(Planned(**row) for row in event.payload["items"])
        payload = event.payload
        note, arms = payload.get("note", ""), tuple(payload.get("arms", ()))
        self.rounds.append(Round(number, payload["strategy"], items, payload["seconds"], note, arms))
        self.planned.update({row.item: (number, place, row) for place, row in enumerate(items)})
        self._review(row.item for row in items)

    def _on_asked(self, event: Event) -> None:
        self._want(int(event.payload["overlap"]))
        for item in event.payload["items"]:
            self.leases.setdefault(item, {})[event.actor] = float(event.payload["until"])

    def _on_told(self, event: Event) -> None:
        row = event.payload
        label = Label(
            row["item"], row["label"], event.actor, row["round"], row["source"], row["random"], row["probability"]
        )
        self.told.setdefault(label.item, {})[label.annotator] = label
        self.said.append((event.seq, label.item, event.actor, label))
        self.leases.get(label.item, {}).pop(event.actor, None)
        self._review([label.item])
        self.labels_seq = event.seq

    def _on_skipped(self, event: Event) -> None:
        item, reason = event.payload["item"], event.payload["reason"]
        self.leases.get(item, {}).pop(event.actor, None)
        if reason == "later":
            self.later[item] = (event.seq, event.actor)
        elif reason == "cannot tell":
            self.cannot.setdefault(item, set()).add(event.actor)
        else:
            self.closed[item] = event.actor
        self._review([item])

    def _on_retracted(self, event: Event) -> None:
        """A retraction takes back the annotator's last word on the item, a label or a skip, and reopens it."""
        item = event.payload["item"]
        self.told.get(item, {}).pop(event.actor, None)
        if not self.told.get(item):
            self.told.pop(item, None)
        self.said.append((event.seq, item, event.actor, None))
        self.cannot.get(item, set()).discard(event.actor)
        self.closed.pop(item, None)
        self.later.pop(item, None)
        self._review([item])
        self.labels_seq = event.seq

    def _on_fitted(self, event: Event) -> None:
        self.fitted.setdefault(int(event.payload["round"]), event.payload)

    def _on_stopped(self, event: Event) -> None:
        self.stopped.add(int(event.payload["round"]))

    def _on_noted(self, event: Event) -> None:
        if event.payload.get("note") == "audit released":
            self.audit_released = True
            self.labels_seq = event.seq

    def environment_of(self, round: int) -> Mapping[str, Any] | None:
        """Versions and threads that a round was computed with; None in logs that do not say.

        A round says them where they are others than in the one before.
        """
        known = [number for number, fitted in self.fitted.items() if number <= round and "environment" in fitted]
        found: Mapping[str, Any] | None = self.fitted[max(known)]["environment"] if known else None
        return found

    def consensus(self, item: str) -> Label:
        """The label that counts: the majority of the annotators' labels, of a tie the one that was told first."""
        return _consensus(self.told[item])

    def labels(self) -> dict[str, str]:
        """The class of each labeled item, by id: of several annotators the majority, of a tie the first."""
        return {item: self.classes[self.consensus(item).code] for item in self.told}

    def training(self) -> list[Label]:
        """The labels to train on, one an item, in the order told; audited items only once they are released."""
        if self._training[0] != self.labels_seq:
            labels = map(self.consensus, self.told)
            self._training = (self.labels_seq, [x for x in labels if self.audit_released or x.source != "audit"])
        return self._training[1]

    def labels_at(self, seq: int) -> list[Label]:
        """The labels that counted after that event, one an item, in the order told; O(labels)."""
        told: dict[str, dict[str, Label]] = {}
        for at, item, annotator, label in self.said:
            if at > seq:
                break
            if label is not None:
                told.setdefault(item, {})[annotator] = label
            elif item in told:
                told[item].pop(annotator, None)
                if not told[item]:
                    del told[item]
        return list(map(_consensus, told.values()))

    def audited(self) -> list[Label]:
        """The labels of the audit set: a uniform sample of the pool that no model was trained on."""
        if self.audit_released:
            return []
        return [label for label in map(self.consensus, self.told) if label.source == "audit"]

    def open_items(self) -> list[str]:
        """Planned items that still want a label from somebody, in the order planned, postponed ones last."""
        return sorted(self.waiting, key=lambda item: (self.later.get(item, (0, ""))[0], self.planned[item][:2]))

    def answered(self, item: str, annotator: str) -> bool:
        """Whether this annotator has said something of the item that can be taken back."""
        skips = (self.closed.get(item), self.later.get(item, (0, None))[1])
        return annotator in self.told.get(item, ()) or annotator in self.cannot.get(item, ()) or annotator in skips

    def _settled(self, item: str) -> bool:
        """Whether nobody needs to be asked about the item any more."""
        given = len(self.told.get(item, ())) + len(self.cannot.get(item, ()))
        return item in self.closed or given >= self.overlap

    def _review(self, items: Iterable[str]) -> None:
        for item in items:
            if item in self.planned and not self._settled(item):
                self.waiting[item] = None
            else:
                self.waiting.pop(item, None)

    def _want(self, overlap: int) -> None:
        if overlap != self.overlap:
            self.overlap = overlap
            self._review(self.planned)

    def available_to(self, annotator: str, overlap: int) -> list[str]:
        """Planned items that this annotator can be asked now, in order, when so many people are wanted for each."""
        self._want(overlap)
        now = time.time()
        return [item for item in self.open_items() if self._free(item, annotator, now)]

    def _free(self, item: str, annotator: str, now: float) -> bool:
        if annotator in self.told.get(item, {}) or annotator in self.cannot.get(item, ()):
            return False
        held = sum(until > now for holder, until in self.leases.get(item, {}).items() if holder != annotator)
        return held + len(self.told.get(item, {})) < self.overlap

    def provenance(self, item: str) -> dict[str, Any]:
        """What the log keeps with a label: which question it answers, and how that came to be asked."""
        own = (None, 0, Planned(item, "own choice", False, None, None))
        number, _, row = self.planned.get(item, own)
        return {
            "item": item,
            "round": number,
            "source": row.source,
            "random": row.random,
            "probability": row.probability,
        }


def _consensus(by_annotator: Mapping[str, Label]) -> Label:
    """The majority of an item's labels, of a tie the one that was told first."""
    labels = list(by_annotator.values())
    if len(labels) == 1:
        return labels[0]
    votes = Counter(label.code for label in labels)
    best = max(votes.values())
    return next(label for label in labels if votes[label.code] == best)
