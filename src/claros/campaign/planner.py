"""What one process at a time does: train on the labels of now, plan the next round, and log both."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from claros.arrays import Indices, take, to_numpy
from claros.campaign import plan
from claros.campaign.environment import environment
from claros.campaign.evidence import PICKED, Rows
from claros.campaign.folder import Folder
from claros.campaign.hooks import Hooks, at_round
from claros.campaign.items import Items
from claros.campaign.journal import Journal
from claros.campaign.learner import Learner
from claros.campaign.plan import Batch, Situation
from claros.campaign.remembered import memory_name
from claros.campaign.state import Label
from claros.campaign.supply import Supply
from claros.data.pool import Pool
from claros.errors import ConflictError, HookError
from claros.strategy import Strategy

__all__ = ["Planner"]


class Planner:
    """Trains and plans for one campaign; another process that is at it makes every method a `ConflictError`."""

    def __init__(
        self,
        folder: Folder,
        journal: Journal,
        items: Items,
        pool: Pool,
        learner: Learner | None,
        supply: Supply,
        strategies: tuple[Strategy, Strategy],
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._items = items
        self._pool = pool
        self._learner = learner
        self._supply = supply
        self._strategies = strategies
        self.hooks = Hooks()

    def situation(self) -> Situation:
        """What the next round is planned from, as of now; a `ConflictError` if others gave the campaign more items."""
        state = self._journal.sync()
        if state.pools != self._items.version:
            raise ConflictError("Another process gave the campaign more items; open it again.")
        return Situation(state, self._items, self._pool, self._learner, self._supply, self._folder)

    def train(self) -> None:
        """Train if the labels changed."""
        with self._folder.planning():
            self._journal.sync()
            self._learn()

    def next(self, n: int | None, annotator: str, overlap: int) -> bool:
        """Have the strategy plan a round if the annotator has nothing to do; False if there is nothing left to ask."""
        with self._folder.planning():
            state = self._journal.sync()
            if state.available_to(annotator, overlap):
                return True
            size = n or state.config["batch"] if state.rounds else max(n or 1, state.config["start"])
            return self._plan(lambda now: plan.picked(now, *self._strategies, size), size)

    def again(self, size: int) -> None:
        """Have the strategy plan a round of that size, whoever is still at work: as it was once planned."""
        with self._folder.planning():
            self._journal.sync()
            self._plan(lambda now: plan.picked(now, *self._strategies, size), size)

    def given(self, items: Sequence[str], by: str) -> None:
        """Plan a round of these items."""
        with self._folder.planning():
            batch = plan.chosen(self.situation(), items, by)  # what cannot be planned is said before any training
            self._plan(lambda now: batch)

    def _plan(self, choose: Callable[[Situation], Batch | None], size: int = 0) -> bool:
        """Bring the model up to date, choose, and log what was chosen, with what the model predicts of it beside."""
        self._learn()
        started = time.perf_counter()
        now = self.situation()
        number, labels_seq = len(now.state.rounds), now.state.labels_seq
        self._call("before_round", number)
        batch = choose(now)
        if batch is None:
            return False
        self._keep(number, batch)
        payload = {
            "round": number,
            "strategy": batch.by,
            "items": [{**vars(row)} for row in batch.rows],
            "labels_seq": labels_seq,
            "seconds": time.perf_counter() - started,
            **({"size": size} if size > len(batch.rows) else {}),  # a rerun must ask for as many
            **({"note": batch.note} if batch.note else {}),
            **({"arms": [*batch.arms]} if batch.arms else {}),
        }
        self._journal.append(lambda now: [("planned", "claros", payload)] if len(now.rounds) == number else [])
        if self._learner is not None:
            self._learner.passes.forget(number - 1)
        return True

    def _call(self, point: str, number: int) -> None:
        """Tell the hooks; what a round is like is put together for them alone."""
        if self.hooks:
            self.hooks.call(point, at_round(number, self._journal.state, self._learner, self._folder))

    def _keep(self, number: int, batch: Batch) -> None:
        """Write what was picked, its scores, the model's predictions of it, and what the strategy remembers."""
        if not len(batch.picks):
            return
        self._folder.write_array(number, "picks", batch.picks)
        if batch.scores is not None:
            self._folder.write_array(number, "scores", batch.scores)
        if batch.memory is not None:
            self._folder.write_json(memory_name(number), batch.memory._asdict())
        outputs = self._learner.outputs if self._learner is not None else {}
        for name, origin in PICKED.items():
            if self._learner is not None and origin in outputs and (name == "batch_probs" or self._learner.shows(name)):
                of_batch = to_numpy(take(outputs[origin], batch.picks))
                self._folder.write_array(number, name, of_batch.astype(np.float32))

    def _learn(self) -> None:
        """Train if the labels changed, and log the first fit of a round with what the rules will look at."""
        state, learner = self._journal.state, self._learner
        labels = state.training()
        if learner is None or not labels or not state.rounds or learner.current(state):
            return
        number = len(state.rounds) - 1
        positions = self._items.positions([label.item for label in labels])
        failed: list[HookError] = []

        def trained() -> None:
            try:
                self._call("after_training", number)
            except HookError as error:  # the training is kept first
                failed.append(error)

        def free() -> Indices:
            return plan.candidates(self.situation())

        learner.learn(self._pool, positions, labels, state, self._items.stop, trained, free)
        if number not in state.fitted:
            self._record(number, labels, learner)
        if failed:
            raise failed[0]

    def _record(self, number: int, labels: Sequence[Label], learner: Learner) -> None:
        """Write what the rules will look at, and the model, and log the fit."""
        state = self._journal.state
        told = self._items.positions(list(state.told))
        rows = Rows(self._items.stop, told, plan.unlabeled(state, self._items))
        learner.keep(number, rows, state.config["checkpoints"])
        audited = state.audited()
        correct = learner.correct(self._items.positions([label.item for label in audited]), audited)
        payload = {
            "round": number,
            "labels_seq": state.labels_seq,
            "n_trained": len(labels),
            "n_labeled": len(state.told),
            "n_pool": len(self._items.representatives) - len(state.closed),
            "spent": len(state.told) * (state.config["price"] or 0.0),
            "elapsed": time.time() - state.created,
            "seconds": learner.seconds,
            "audit": {"n": len(correct), "correct": sum(correct)},
        }
        if learner.shift is not None:
            payload["shift"] = learner.shift.to_json()
        if learner.pseudo is not None:
            payload["pseudo_labels"] = learner.pseudo
        here = environment()
        if here != state.environment_of(number):
            payload["environment"] = here
        self._journal.append(lambda now: [("fitted", "claros", payload)] if number not in now.fitted else [])
        learner.prune(number, state.config["checkpoints"])
        self._call("after_round", number)
