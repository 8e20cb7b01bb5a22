"""Training and prediction inside a campaign: one fit and one pass over the pool a round, kept for all who need it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Array, Floats, Indices, to_numpy
from claros.campaign.correction import Correction, Labeled, Shift
from claros.campaign.evidence import KEPT, TWIN, Evidence, Rows, batch_origins, keep
from claros.campaign.folder import Folder
from claros.campaign.passes import Passes
from claros.campaign.pseudo import Training, recorded, tell
from claros.campaign.state import Label, State
from claros.campaign.streams import training_stream
from claros.campaign.supply import model_names
from claros.data.pool import Pool
from claros.models.model import Model
from claros.stopping.rule import Decision, Rule, View

__all__ = ["Learner", "labeled_of", "observed_name"]


class Learner:
    """The model of a campaign, what it last predicted, and what the stopping rules make of it."""

    def __init__(
        self,
        model: Model,
        rules: Mapping[str, Rule],
        wanted: Iterable[str],
        folder: Folder,
        correction: tuple[Correction, Pool] | None = None,
    ) -> None:
        """``correction`` is how to correct for label shift, and a sample of the target to correct for."""
        self.model = model
        self.shift: Shift | None = None
        self._correction = correction
        self.folder = folder
        self.round = -1
        self.labels_seq = -1
        self.outputs: dict[str, Array] = {}
        self.seconds: dict[str, float] = {}
        self.pseudo: dict[str, Any] | None = None
        self._shown = frozenset(name for rule in rules.values() for name in rule.needs)
        self._wanted = {"probs", *wanted, *self._shown}
        self.passes = Passes(folder)
        self._twin: Indices | None = None
        self._replays: dict[str, tuple[dict[int, Mapping[str, Any]], dict[int, Decision]]] = {}

    def shows(self, name: str) -> bool:
        """Whether a rule that is followed needs it."""
        return name in self._shown

    def current(self, state: State) -> bool:
        """Whether the model in memory was trained on the labels of now, in the round of now."""
        return self.round == len(state.rounds) - 1 and self.labels_seq == state.labels_seq

    def learn(
        self,
        pool: Pool,
        positions: Indices,
        labels: Sequence[Label],
        state: State,
        stop: Indices,
        trained: Callable[[], None],
        candidates: Callable[[], Indices],
    ) -> None:
        """Train on the labels, or load the model that was trained on just these, and predict the pool once.

        ``trained`` is called when a training has ended. With pseudo-labels, the model is then trained once more with
        those of the ``candidates`` that it is sure of.
        """
        round = len(state.rounds) - 1
        known, asked = state.fitted.get(round), "pseudo_labels" in state.config
        self.seconds = {}
        started = time.perf_counter()
        self.passes.begin(round, state.labels_seq, self.model)
        if not self._restore(round, known, state):
            labeled = labeled_of(pool, positions, labels, state)
            more = Training(pool, positions, labels, labeled.n_classes, state.config, round) if asked else None
            if TWIN in self._shown:
                tell(self.model, labels, self.folder.training(round, "twin"))
                rng = training_stream(state.config, round, "twin")
                self.model.fit(labeled.items, labeled.codes, n_classes=labeled.n_classes, rng=rng)
                if more is not None:
                    more.twin(self.model, candidates(), self.folder)
                self._twin = to_numpy(self.model.outputs(pool.subset(stop), ["probs"])["probs"]).argmax(axis=1)
            self._fit(pool, positions, labels, labeled, state, round)
            if more is not None and known is not None and known["labels_seq"] == state.labels_seq:
                self.pseudo = more.repeat(self.model, self.folder)  # trained again as it was
            elif more is not None:
                self.pseudo = more.again(self.model, candidates(), self.folder)
            self.passes.keep_model(self.model, self._twin, time.perf_counter() - started)
            self.folder.forget_training(round)
            trained()
        else:
            if known is not None and known.get("shift"):
                self.shift = Shift(**known["shift"])
            if asked:
                self.pseudo = recorded(state.config, round, self.folder)
        self.seconds["train"] = time.perf_counter() - started
        started = time.perf_counter()
        origins = {KEPT[name][0] if name in KEPT else name for name in self._wanted} | batch_origins(self._wanted)
        self.outputs = self.predict(pool, model_names(origins, self.model.provides), "pool")
        self.seconds["predict"] = time.perf_counter() - started
        self.round, self.labels_seq = round, state.labels_seq

    def _fit(
        self, pool: Pool, positions: Indices, labels: Sequence[Label], labeled: Labeled, state: State, round: int
    ) -> None:
        """Train the model of the round, weighted if a shift is corrected so.

        The model is told of its training just before: not of those that the correction may have it do on the side.
        """

        def fit(weights: Floats | None) -> None:
            tell(self.model, labels, self.folder.training(round, "model"))
            rng, given = training_stream(state.config, round), labeled.weighted(weights)
            self.model.fit(labeled.items, labeled.codes, n_classes=labeled.n_classes, weights=given, rng=rng)

        def streams(name: str) -> np.random.Generator:
            return training_stream(state.config, round, f"shift: {name}")

        if self._correction is None:
            return fit(None)
        correction, target = self._correction
        logged = {one: Shift(**fitted["shift"]) for one, fitted in sorted(state.fitted.items()) if "shift" in fitted}
        if round in logged:  # trained again as it was
            self.shift = correction.again(logged[round], labeled, fit)
            return None
        before = next(iter(logged.values()), None)
        rest = pool.subset(np.setdiff1d(np.arange(len(pool)), positions[labeled.first]))
        self.shift = correction.train(self.model, labeled, rest, target, streams, fit, before)
        return None

    @property
    def seen(self) -> dict[str, Array]:
        """What strategies see of the last predictions: adjusted for a shift, if they are to be."""
        if self._correction is None or self.shift is None or not self._correction[0].asks_by:
            return self.outputs
        return self.shift.adjusted(self.outputs)

    def used(self, outputs: dict[str, Array]) -> dict[str, Array]:
        """Predictions as they are used: adjusted for a shift, if they are to be."""
        if self._correction is None or self.shift is None or not self._correction[0].predicts_by:
            return outputs
        return self.shift.adjusted(outputs)

    def predict(self, items: Pool, names: Collection[str], what: str) -> dict[str, Array]:
        """What the model says of the items; a long pass that was interrupted goes on where it was.

        ``what`` tells it from other passes of the same round.
        """

        def ask(model: Model, items: Pool, names: Collection[str]) -> dict[str, Array]:
            return self.passes.outputs(model, items, names, what, self._twin)

        shared: Callable[..., dict[str, Array]] | None = getattr(self.model, "outputs_by", None)
        return ask(self.model, items, names) if shared is None else shared(ask, items, names)

    def _restore(self, round: int, known: Mapping[str, Any] | None, state: State) -> bool:
        if not self.model.restorable:
            return False
        restored, twin = self.passes.restore(self.model) if self._correction is None else (False, None)
        if restored:
            self._twin = twin
            return True
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

    def keep(self, round: int, rows: Rows, checkpoints: str) -> None:
        """Write what the rules see of this round, the trainer's log, and the model."""
        keep(self.folder, round, self.outputs, rows, self._shown)
        if self._twin is not None:
            self.folder.write_array(round, TWIN, self._twin)
        self.folder.write_json(f"rounds/{round:04d}/history.json", self.model.history)
        where = self.folder.model(round)
        if where is not None and checkpoints != "none":
            self.model.save(where)

    def prune(self, round: int, checkpoints: str) -> None:
        """Delete older models once the log knows the new one, so that a kill never leaves none."""
        if checkpoints == "last":
            self.folder.keep_only_model(round)

    def decisions(self, rule: Rule, evidence: Evidence) -> dict[int, Decision]:
        """What the rule says after each round, from the stored predictions: a replay and a live run are the same.

        After a round that brought no label it says what it said before.
        """
        seen = self.trace(rule, evidence)
        decisions = self._replays[_key(rule)][1]
        trace = [*seen.values()]
        for place, round in enumerate(seen):
            if round not in decisions:
                decisions[round] = rule.decide(View(trace, place + 1))
        said, counted, last = dict(decisions), evidence.counted, None
        for round in sorted(evidence.state.fitted):
            last = decisions.get(round, None if round in counted else last)
            if last is not None:
                said[round] = last
        return said

    def trace(self, rule: Rule, evidence: Evidence) -> dict[int, Mapping[str, Any]]:
        """What the rule remembers of each round that counts and has what it needs, in order."""
        key = _key(rule)
        seen, _ = self._replays.setdefault(key, ({}, {}))
        for round in sorted(evidence.counted - set(seen)):
            observation = self._observation(rule, key, round, evidence)
            if observation is not None:
                seen[round] = observation
        return dict(seen)

    def _observation(self, rule: Rule, key: str, round: int, evidence: Evidence) -> Mapping[str, Any] | None:
        name = observed_name(round)
        if self.folder.has(name):
            kept: Mapping[str, Mapping[str, Any]] = self.folder.read_json(name)
            if key in kept:
                return kept[key]
        seen = evidence.of(round, rule.needs)
        return rule.observe(**seen) if len(seen) == len(rule.needs) else None

    def observed(self, round: int) -> dict[str, Mapping[str, Any]]:
        """What each rule that was asked by now remembers of a round, by its specification."""
        return {key: seen[round] for key, (seen, _) in self._replays.items() if round in seen}


def _key(rule: Rule) -> str:
    return json.dumps(rule.spec(), sort_keys=True)


def observed_name(round: int) -> str:
    """Where what rules remember of a round is kept, if it is kept instead of what they saw."""
    return f"rounds/{round:04d}/observed.json"


def _first_ones(labels: Sequence[Label]) -> npt.NDArray[np.bool_]:
    """Which labels are the campaign's first ones: of its first round, or told without having been asked."""
    return np.array([label.round in (0, None) for label in labels], dtype=bool)


def labeled_of(pool: Pool, positions: Indices, labels: Sequence[Label], state: State) -> Labeled:
    """What a model is trained on: the items at these positions, with their labels."""
    codes = np.array([label.code for label in labels], dtype=np.int64)
    importance = _importance(labels, state)
    return Labeled(pool.subset(positions), codes, _first_ones(labels), len(state.classes), importance)


def _importance(labels: Sequence[Label], state: State) -> Floats | None:
    """1 / probability (L,) of labels that the strategy asked for, 1 of others; None where they are not weighed."""
    if not state.config.get("importance"):
        return None
    chances = [label.probability if label.source == "strategy" else None for label in labels]
    return np.array([1.0 if chance is None else 1.0 / chance for chance in chances])
