"""What stopping rules see of a round: arrays that are kept when its model is trained, the rest from the log.

A rule that nobody followed can be replayed later, as long as what it needs was kept: predictions on the stop set always
are, other arrays where a rule that was followed needed them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter, methodcaller
from typing import Any

import numpy as np

from claros.arrays import Array, Indices, take, to_numpy
from claros.campaign.folder import Folder, array_name
from claros.campaign.items import Items
from claros.campaign.state import Label, State
from claros.data.pool import Pool

__all__ = ["KEPT", "PICKED", "TWIN", "Evidence", "Rows", "batch_origins", "keep", "shown"]

#: Kept input -> the model's output that it is cut out of, and which rows of it; None for outputs that are no rows.
KEPT: Mapping[str, tuple[str, str | None]] = {
    "stop_probs": ("probs", "stop"),
    "stop_member_probs": ("member_probs", "stop"),
    "stop_embeddings": ("embeddings", "stop"),
    "stop_decision_values": ("decision_values", "stop"),
    "probs": ("probs", "unlabeled"),
    "labeled_probs": ("probs", "labeled"),
    "labeled_embeddings": ("embeddings", "labeled"),
    "head_weights": ("head_weights", None),
    "head_bias": ("head_bias", None),
    "n_support_vectors": ("n_support_vectors", None),
}

#: Predictions on the stop set of a second model, which is trained where a rule needs them.
TWIN = "stop_twin_predictions"

#: What the planner keeps of the model that picked a batch, and the output that it is cut out of.
PICKED: Mapping[str, str] = {"batch_probs": "probs", "batch_member_probs": "member_probs"}


@dataclass(frozen=True)
class Rows:
    """Positions in the pool: of the stop set, of what is labeled in the order told, and of what may still be asked."""

    stop: Indices
    labeled: Indices
    unlabeled: Indices


def keep(folder: Folder, round: int, outputs: Mapping[str, Array], rows: Rows, wanted: Collection[str]) -> None:
    """Write the predictions on the stop set, and what else the followed rules need of this round's outputs."""
    for name, (origin, which) in KEPT.items():
        if origin in outputs and (name == "stop_probs" or name in wanted):
            array = outputs[origin] if which is None else take(outputs[origin], getattr(rows, which))
            folder.write_array(round, name, to_numpy(array).astype(np.float32))


def batch_origins(wanted: Collection[str]) -> set[str]:
    """The model's outputs out of which the planner cuts what is wanted of a batch."""
    return {origin for name, origin in PICKED.items() if name in wanted}


@dataclass(frozen=True)
class Evidence:
    """The rounds of a campaign as rules see them."""

    folder: Folder
    state: State
    items: Items
    pool: Pool

    @cached_property
    def counted(self) -> set[int]:
        """The rounds with more labels than all before: of the same labels, rules would see one model twice."""
        found, most = set(), -1
        for round, row in sorted(self.state.fitted.items()):
            if row["n_labeled"] > most:
                found.add(round)
                most = row["n_labeled"]
        return found

    def of(self, round: int, needs: Sequence[str]) -> dict[str, Any]:
        """The inputs of a rule after a round; what that round does not have is left out."""
        seen = _Seen(self, round)
        found = {name: SHOWN[name](seen) for name in needs if name in SHOWN}
        return {name: value for name, value in found.items() if value is not None}


class _Seen:
    """One round, its parts read when they are asked for."""

    def __init__(self, evidence: Evidence, round: int) -> None:
        self._all = evidence
        self.round = round
        self.row: Mapping[str, Any] = evidence.state.fitted[round]

    def logged(self, name: str) -> Any:
        """A number that the log has."""
        return self.row[name]

    def has(self, name: str) -> bool:
        """Whether an array was kept."""
        return self._all.folder.has(array_name(self.round, name))

    def array(self, name: str) -> Any:
        """An array that was kept; None if it was not."""
        return self._all.folder.read_array(self.round, name) if self.has(name) else None

    @cached_property
    def stop_probs(self) -> Any:
        """(T, C) predictions on the stop set."""
        return self.array("stop_probs")

    @cached_property
    def labels(self) -> list[Label]:
        """What was labeled when the round's model was trained, in the order told."""
        return self._all.state.labels_at(self.row["labels_seq"])

    @cached_property
    def answered(self) -> list[tuple[int, int]]:
        """Place in the batch that the strategy picked, and label, of what was answered by then."""
        said = {label.item: label.code for label in self.labels}
        asked = [row.item for row in self._all.state.rounds[self.round].items if row.source != "audit"]
        return [(place, said[item]) for place, item in enumerate(asked) if item in said]

    def batch(self, name: str) -> Any:
        """The rows of what was answered."""
        picked = self.array(name)
        return None if picked is None else picked[[place for place, _ in self.answered]]

    def batch_labels(self) -> Indices | None:
        """(B,) what came back for the batch."""
        return _codes([code for _, code in self.answered]) if self.has("batch_probs") else None

    def stop_predictions(self) -> Indices | None:
        """(T,) predicted classes."""
        return None if self.stop_probs is None else self.stop_probs.argmax(axis=1)

    def stop_labeled(self) -> Indices:
        """(T,) whether each item of the stop set has a label."""
        positions = self._all.items.positions([label.item for label in self.labels])
        return np.isin(self._all.items.stop, positions).astype(np.int64)

    def labeled_features(self) -> Array | None:
        """(L, F) fixed features of what is labeled; None where the pool has none."""
        features = self._all.pool.fixed_features if self._all.pool.has_features else None
        positions = self._all.items.positions([label.item for label in self.labels])
        return None if features is None else take(features, positions)

    def metric(self) -> float | None:
        """The accuracy on the audited items."""
        audit = self.row["audit"]
        return audit["correct"] / audit["n"] if audit["n"] else None


def _codes(values: Collection[int]) -> Indices:
    return np.fromiter(values, dtype=np.int64, count=len(values))


#: Input of a rule -> how a round shows it; None where the round does not have it.
SHOWN: Mapping[str, Callable[[_Seen], Any]] = {
    **{name: methodcaller("array", name) for name in (*KEPT, TWIN)},
    **{name: methodcaller("batch", name) for name in PICKED},
    **{name: methodcaller("logged", name) for name in ("n_labeled", "n_pool", "round", "spent", "elapsed")},
    "stop_probs": attrgetter("stop_probs"),
    "stop_predictions": _Seen.stop_predictions,
    "stop_labeled": _Seen.stop_labeled,
    "batch_labels": _Seen.batch_labels,
    "labels": lambda seen: _codes([label.code for label in seen.labels]),
    "labeled_at_random": lambda seen: _codes([label.random for label in seen.labels]),
    "labeled_features": _Seen.labeled_features,
    "n_audited": lambda seen: seen.row["audit"]["n"],
    "n_audited_correct": lambda seen: seen.row["audit"]["correct"],
    "metric": _Seen.metric,
}


def shown(at_hand: Collection[str], *, features: bool, warm: bool) -> frozenset[str]:
    """The inputs that rules can have, given the model's outputs and whether the pool has fixed features.

    A model that goes on from its last weights has no twin, which would be trained beside it from the start.
    """
    names = {name for name, (origin, _) in KEPT.items() if origin in at_hand}
    names |= {name for name, origin in PICKED.items() if origin in at_hand}
    if "probs" in at_hand:
        names |= {"stop_predictions", "batch_labels"} | (set() if warm else {TWIN})
    if features:
        names.add("labeled_features")
    known = set(SHOWN) - set(KEPT) - {TWIN, *PICKED, "stop_predictions", "batch_labels", "labeled_features"}
    return frozenset(names | known)
