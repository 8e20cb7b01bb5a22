"""Training and prediction inside a campaign: one fit and one pass over the pool a round, kept for all who need it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from claros.arrays import Array, Indices, to_numpy
from claros.campaign.folder import Folder, array_name
from claros.campaign.state import Label, State
from claros.campaign.supply import model_names
from claros.data.pool import Pool
from claros.models.model import Model
from claros.rng import stream
from claros.stopping.rule import Decision, Rule

__all__ = ["Learner"]


class Learner:
    """The model of a campaign, what it last predicted, and what the stopping rules make of it."""

    def __init__(self, model: Model, rules: Mapping[str, Rule], wanted: Iterable[str], folder: Folder) -> None:
        self.model = model
        self.folder = folder
        self.round = -1
        self.labels_seq = -1
        self.outputs: dict[str, Array] = {}
        self.seconds: dict[str, float] = {}
        self._wanted = {"probs", *wanted, *(name for rule in rules.values() for name in rule.needs)}
        self._replays: dict[str, tuple[list[dict[str, Any]], dict[int, Decision]]] = {}

    def current(self, state: State) -> bool:
        """Whether the model in memory was trained on the labels of now, in the round of now."""
        return self.round == len(state.rounds) - 1 and self.labels_seq == state.labels_seq

    def learn(self, pool: Pool, positions: Indices, labels: Sequence[Label], state: State) -> None:
        """Train on the labels, or load the model that was trained on just these, and predict the pool once."""
        round = len(state.rounds) - 1
        known = state.fitted.get(round)
        self.seconds = {}
        started = time.perf_counter()
        if not self._restore(round, known, state):
            codes = np.array([label.code for label in labels], dtype=np.int64)
            rng = stream(state.config["seed"], "model", round)
            self.model.fit(pool.subset(positions), codes, n_classes=len(state.classes), rng=rng)
        self.seconds["train"] = time.perf_counter() - started
        started = time.perf_counter()
        self.outputs = self.model.outputs(pool, model_names(self._wanted, self.model.provides))
        self.seconds["predict"] = time.perf_counter() - started
        self.round, self.labels_seq = round, state.labels_seq

    def _restore(self, round: int, known: Mapping[str, Any] | None, state: State) -> bool:
        if not self.model.restorable:
            return False
        saved = self.folder.model(round)
        if known is not None and known["labels_seq"] == state.labels_seq and saved is not None and saved.is_dir():
            self.model.load(saved)
            return True
        before = self.folder.model(max((number for number in state.fitted if number < round), default=-1))
        if self.model.warm and self.round < 0 and before is not None and before.is_dir():
            self.model.load(before)
        return False

    def forget(self) -> None:
        """Drop what was predicted, because the pool is another one now."""
        self.round, self.labels_seq, self.outputs = -1, -1, {}

    def correct(self, positions: Indices, labels: Sequence[Label]) -> list[bool]:
        """Whether each label is the class that was predicted; empty for a model without probabilities."""
        if "probs" not in self.outputs:
            return []
        predicted = to_numpy(self.outputs["probs"])[positions].argmax(axis=1)
        return [bool(code == label.code) for code, label in zip(predicted, labels, strict=True)]

    def keep(self, round: int, stop: Indices, checkpoints: str) -> None:
        """Write what the rules see of this round, the trainer's log, and the model."""
        for name, origin in (("stop_probs", "probs"), ("stop_member_probs", "member_probs")):
            if origin in self.outputs and (name == "stop_probs" or name in self._wanted):
                self.folder.write_array(round, name, to_numpy(self.outputs[origin])[stop].astype(np.float32))
        self.folder.write_json(f"rounds/{round:04d}/history.json", self.model.history)
        where = self.folder.model(round)
        if where is not None and checkpoints != "none":
            self.model.save(where)

    def prune(self, round: int, checkpoints: str) -> None:
        """Delete older models once the log knows the new one, so that a kill never leaves none."""
        if checkpoints == "last":
            self.folder.keep_only_model(round)

    def decisions(self, rule: Rule, state: State) -> dict[int, Decision]:
        """What the rule says after each round, from the stored predictions: a replay and a live run are the same."""
        trace, decisions = self._replays.setdefault(json.dumps(rule.spec(), sort_keys=True), ([], {}))
        for round in sorted(set(state.fitted) - set(decisions)):
            seen = self._observed(round, rule.needs, state)
            if len(seen) == len(rule.needs):
                trace.append(rule.observe(**seen))
                decisions[round] = rule.decide(trace)
        return dict(decisions)

    def _observed(self, round: int, needs: Sequence[str], state: State) -> dict[str, Any]:
        """The inputs of a rule after a round; what that round does not have is left out."""
        row = state.fitted[round]
        seen: dict[str, Any] = {name: row[name] for name in ("n_labeled", "n_pool", "round", "spent", "elapsed")}
        if {"stop_probs", "stop_predictions"} & set(needs) and self.folder.has(array_name(round, "stop_probs")):
            seen["stop_probs"] = self.folder.read_array(round, "stop_probs")
            seen["stop_predictions"] = seen["stop_probs"].argmax(axis=1)
        if "stop_member_probs" in needs and self.folder.has(array_name(round, "stop_member_probs")):
            seen["stop_member_probs"] = self.folder.read_array(round, "stop_member_probs")
        if {"batch_probs", "batch_labels"} & set(needs) and self.folder.has(array_name(round, "batch_probs")):
            asked = [row.item for row in state.rounds[round].items if row.source != "audit"]
            answered = [place for place, item in enumerate(asked) if item in state.told]
            seen["batch_probs"] = self.folder.read_array(round, "batch_probs")[answered]
            seen["batch_labels"] = np.array([state.consensus(asked[place]).code for place in answered], dtype=np.int64)
        return {name: seen[name] for name in needs if name in seen}
