"""A campaign in memory as bytes, round by round, so that another process can go on with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from pathlib import Path, PurePosixPath
from typing import Any

from claros.campaign.campaign import Campaign
from claros.campaign.evidence import KEPT, PICKED, TWIN
from claros.campaign.folder import Folder
from claros.campaign.journal import Journal
from claros.campaign.learner import observed_name
from claros.data.pool import Pool
from claros.errors import CorruptLogError
from claros.log import Event, MemoryLog
from claros.models.model import Model

__all__ = ["Recorder", "restore"]

EVENTS = "events.json"
MODELS = "models/"

#: Arrays of a round that only stopping rules look at.
SEEN = frozenset((*KEPT, *PICKED, TWIN))


@dataclass
class Recorder:
    """Packs what a campaign in memory did since it was asked last.

    Where the model goes on from its last weights (``warm``), its checkpoints are needed too: they lie in ``scratch``,
    a folder of this process, and `model` packs the last one. Unless ``evidence`` is true, what the followed rules
    remember of a round is packed instead of the arrays that they saw, which are much larger.
    """

    campaign: Campaign
    scratch: Path
    evidence: bool = True
    seq: int = 0
    names: set[str] = field(default_factory=set)
    rounds: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.campaign.model is not None and self.campaign.model.warm:
            self.campaign._folder.scratch = self.scratch

    def part(self) -> bytes:
        """The new events and files; parts in order make the campaign anew, see `restore`."""
        state, files = self.campaign._journal.sync(), self.campaign._folder.files
        events = list(_columns(self.campaign._journal.log.read(self.seq)))
        new = {name: files[name] for name in files if name not in self.names}
        if not self.evidence:
            new = {name: content for name, content in new.items() if PurePosixPath(name).stem not in SEEN}
            new |= self._observed(set(state.fitted) - self.rounds)
        self.seq, self.names, self.rounds = state.seq, set(files), set(state.fitted)
        return _packed({EVENTS: json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode(), **new})

    def _observed(self, rounds: Iterable[int]) -> dict[str, bytes]:
        learner = self.campaign._learner
        if learner is None:
            return {}
        return {observed_name(round): json.dumps(learner.observed(round)).encode() for round in rounds}

    def model(self) -> bytes | None:
        """The files of the last checkpoint, if there is any."""
        if self.campaign._folder.scratch is None or not self.scratch.is_dir():
            return None
        last = max(self.scratch.iterdir(), default=None)
        if last is None:
            return None
        return _packed({f"{last.name}/{path.name}": path.read_bytes() for path in sorted(last.iterdir())})


def restore(
    parts: Iterable[bytes],
    model_files: bytes | None,
    *,
    pool: Pool,
    model: Model,
    scratch: Path,
    evidence: bool = True,
    target: Pool | None = None,
) -> tuple[Campaign, Recorder]:
    """The campaign of which a `Recorder` packed the parts, in memory, and a recorder that goes on after them."""
    folder, log = Folder(None), MemoryLog()
    for part in parts:
        files = _unpacked(part)
        try:
            events = [event for run in json.loads(files.pop(EVENTS)) for event in _events(*run)]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CorruptLogError(f"A stored part of a campaign is damaged ({error}); remove its cell.") from error
        log.copy(events)
        folder.files.update(files)
    for name, content in _unpacked(model_files).items() if model_files is not None else ():
        path = scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if model.warm:
        folder.scratch = scratch
    journal = Journal(log)
    if not journal.sync().config:
        raise CorruptLogError("The stored parts of a campaign are damaged (its beginning is missing); remove its cell.")
    campaign = Campaign(folder, journal, pool, model, target)
    names, rounds = set(folder.files), set(journal.state.fitted)
    return campaign, Recorder(campaign, scratch, evidence, journal.state.seq, names, rounds)


def _columns(events: Iterable[Event]) -> Iterator[list[Any]]:
    """Events as JSON, those that follow each other and are alike in columns, as the labels of a batch are."""
    for (kind, actor, keys), run in groupby(events, key=lambda one: (one.kind, one.actor, tuple(one.payload))):
        alike = list(run)
        payload = {key: [one.payload[key] for one in alike] for key in keys}
        yield [kind, actor, alike[0].seq, [one.time for one in alike], payload]


def _events(
    kind: str, actor: str, seq: int, times: Sequence[float], payload: Mapping[str, Sequence[Any]]
) -> Iterator[Event]:
    """The events that were put in columns."""
    for place, time in enumerate(times):
        yield Event(seq + place, kind, actor, time, {key: values[place] for key, values in payload.items()})


def _packed(files: dict[str, bytes]) -> bytes:
    """Names and lengths as JSON on a line of its own, then the contents one after another."""
    head = json.dumps({name: len(content) for name, content in files.items()}).encode()
    return b"\n".join((head, b"".join(files.values())))


def _unpacked(packed: bytes) -> dict[str, bytes]:
    head, _, body = packed.partition(b"\n")
    try:
        lengths = {str(name): int(length) for name, length in json.loads(head).items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise CorruptLogError(f"A stored part of a campaign is damaged ({error}); remove its cell.") from error
    ends = list(accumulate(lengths.values(), initial=0))
    if ends[-1] != len(body):
        raise CorruptLogError("A stored part of a campaign is damaged (its length is wrong); remove its cell.")
    return {name: body[start:end] for name, start, end in zip(lengths, ends[:-1], ends[1:], strict=True)}
