"""Ask, tell, and know when to stop."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from claros import data, models, stopping, strategies
from claros.arrays import Array, Indices
from claros.campaign import items, plan, settings
from claros.campaign.advice import Advice, Fitted, advise, measured
from claros.campaign.asking import hand_out, take_in
from claros.campaign.correction import Correction, Shift, corrects
from claros.campaign.evidence import Evidence
from claros.campaign.folder import Folder
from claros.campaign.hooks import Hooks
from claros.campaign.journal import Journal
from claros.campaign.learner import Learner
from claros.campaign.planner import Planner
from claros.campaign.pseudo import PseudoLabels
from claros.campaign.state import SKIP_REASONS, Label, Query, Round
from claros.campaign.streams import seed_for
from claros.campaign.supply import Supply
from claros.checks import whole
from claros.data.pool import Pool
from claros.errors import InputError, ModelError
from claros.estimate import Estimate
from claros.models.model import Model
from claros.models.reads import seen_by
from claros.stopping.rule import Decision, Rule
from claros.strategy import Strategy

__all__ = ["Campaign"]


class Campaign:
    """Labels for one pool: what to ask next, what was answered, and whether to go on.

    Make one with `create`, come back to it with `open`. Everything that happens is an event in an append-only log,
    durable before the call returns; killed at any moment, it goes on where it was and asks for the very same items.
    """

    def __init__(
        self, folder: Folder, journal: Journal, pool: Pool, model: Model | None, target: Pool | None = None
    ) -> None:
        config = journal.sync().config
        self.pool = pool
        self.seed: int = config["seed"]
        self.price, self.worth = config.get("price"), config.get("worth")
        self.strategy: Strategy = strategies.from_spec(config["strategy"])
        self.rule: Rule | None = stopping.from_spec(config["stop"]) if config["stop"] else None
        self.watched = settings.named_rules([self.rule, *map(stopping.from_spec, config["watch"])])
        self._journal = journal
        self._folder = folder
        self._hooks = Hooks()
        self._items = items.Items(folder, journal.state.pools, pool)
        said, seed = {"class_prior": config.get("class_prior")}, seed_for(config, "strategy")
        self._supply = Supply(pool, config.get("embeddings", "model"), said, seed)
        wanted = self._supply.wanted(self.strategy)
        correction = corrects(config, model, target)
        self.correction: Correction | None = correction[0] if correction is not None else None
        self._learner = Learner(model, self.watched, wanted, folder, correction) if model is not None else None
        self._planner = self._new_planner()

    def _new_planner(self) -> Planner:
        chosen_by = strategies.from_spec(self._journal.state.config["init"]), self.strategy
        planner = Planner(self._folder, self._journal, self._items, self.pool, self._learner, self._supply, chosen_by)
        planner.hooks = self._hooks
        return planner

    @classmethod
    def create(
        cls,
        path: str | Path | None,
        *,
        pool: Pool,
        classes: Sequence[str] | None = None,
        model: Model | str | None = "logistic",
        strategy: Strategy | str = "auto",
        stop: Rule | str | None = "advisor",
        watch: Sequence[Rule | str] = (),
        seed: int = 0,
        streams: Mapping[str, int] | None = None,
        init: Strategy | str = "random",
        start: int = 20,
        batch: int = 20,
        audit: float = 0.05,
        embeddings: str = "model",
        class_prior: Sequence[float] | Mapping[str, float] | None = None,
        target: Pool | None = None,
        correction: Correction | str = "auto",
        pseudo_labels: PseudoLabels | Mapping[str, float] | bool = False,
        importance: bool = False,
        price: float | None = None,
        worth: float | None = None,
        checkpoints: str = "all",
        database: str | None = None,
        durable: bool = True,
        hooks: Sequence[Any] = (),
    ) -> Campaign:
        """A new campaign in the folder ``path`` (by custom ``*.claros``), or in memory when that is None.

        ``classes`` are the pool's, or more. The first round asks for ``start`` items chosen by ``init``, which needs no
        labels; later ones for ``batch`` items chosen by ``strategy``, unless `ask` says otherwise. ``stop`` is the rule
        behind the advice, ``watch`` more rules to follow. A share ``audit`` of what is asked is drawn at random, kept
        out of training, and measures accuracy. ``embeddings`` says what strategies see as such: what the "model" makes
        of the items, or the pool's fixed "features". ``class_prior`` are the classes' shares in the pool, where they
        are known. ``target`` is a sample of unlabeled inputs from where the model will be used: a shift of classes
        there is corrected as ``correction`` says, a `claros.campaign.Correction` or its name. ``pseudo_labels`` trains
        on what the model is sure of too: True, or a `claros.campaign.PseudoLabels`. ``price`` is the cost of one label
        and ``worth`` that of a point of accuracy, in one currency, for rules that weigh the two. ``importance`` weighs
        queried labels in training by 1 / probability (`iwal`). ``streams`` gives single purposes a seed of their own,
        as ``{"strategy": 7}`` (`PURPOSES`). ``checkpoints`` of the model are kept for "all" rounds, the "last" or
        "none". ``database`` is the log's SQLAlchemy URL. With ``durable=False`` nothing waits for the disk; ``hooks``:
        see `claros.campaign.hooks`. Raises `CannotFeedError` if the model lacks a need.
        """
        pool = seen_by(chosen := settings.named(model, models.get), pool)
        rules = [settings.named(rule, stopping.get) for rule in (stop, *watch) if rule is not None]
        config = settings.configuration(
            pool=pool,
            classes=pool.classes if classes is None else classes,
            model=chosen,
            strategy=settings.named(strategy, strategies.get),
            init=settings.named(init, strategies.get),
            rules=[settings.told(rule, chosen, price, worth) for rule in rules],
            has_stop=stop is not None,
            numbers={"seed": seed, "start": start, "batch": batch, "audit": audit, "price": price, "worth": worth},
            embeddings=embeddings,
            class_prior=class_prior,
            checkpoints=checkpoints,
            streams=streams,
            target=target,
            correction=Correction.of(correction),
            pseudo_labels=pseudo_labels,
            importance=importance,
        )
        folder = Folder.new(path, durable)
        journal = Journal(folder.log(database))
        if journal.sync().seq:
            raise InputError(f"There is a campaign at {path} already; open it by Campaign.open, or give another path.")
        items.draw(folder, pool, seed_for(config, "samples"), audit)
        journal.append(lambda state: [("created", "claros", config)])
        return cls(folder, journal, pool, chosen, target).with_hooks(hooks)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        pool: Pool | None = None,
        model: Model | None = None,
        target: Pool | None = None,
        adopt: bool = False,
        database: str | None = None,
        durable: bool = True,
        hooks: Sequence[Any] = (),
    ) -> Campaign:
        """The campaign in a folder, as it was left.

        The pool and the target are read again from where they were, unless given; others are a `DataError` that says
        what differs. With ``adopt`` a given pool may have more items, which are added, or have a new place, which is
        noted. A model that was given as an object, not by name, is given again, and so are ``hooks``.
        """
        folder = Folder.existing(path, database, durable)
        journal = Journal(folder.log(database))
        config = journal.sync().config
        if not config:
            raise InputError(f"The making of the campaign at {path} was interrupted; make it again by Campaign.create.")
        if model is None and config["model"] is not None:
            model = models.from_spec(config["model"])
        pool = seen_by(model, pool if pool is not None else data.reopen(config["pool"]))
        items.settle(folder, journal, pool, adopt)
        return cls(folder, journal, pool, model, target).with_hooks(hooks)

    def with_hooks(self, hooks: Sequence[Any] | Hooks) -> Campaign:
        """The campaign itself, which calls these before and after each round from now on, and no others."""
        self._hooks = self._planner.hooks = hooks if isinstance(hooks, Hooks) else Hooks(hooks)
        return self

    def ask(
        self, n: int | None = None, *, annotator: str = "", lease: str | float = "30m", overlap: int = 1
    ) -> list[Query]:
        """Up to ``n`` questions for an annotator, each with a lease; open ones first, else a new round is planned.

        Nobody else gets a leased item until the lease has passed, unless ``overlap`` people are wanted for each; the
        annotator who holds it gets it again. A late answer still counts. Planning trains the model when the labels
        changed. An empty list means that the pool is exhausted. Raises `ConflictError` while another process plans.
        """
        n = n if n is None else whole(n, 1, "n, the number of questions,")
        overlap = whole(overlap, 1, "overlap")
        until = time.time() + settings.lease_seconds(lease)
        return [self._query(item) for item in hand_out(self._journal, self._planner, n, annotator, until, overlap)]

    def _query(self, item: str) -> Query:
        number, place, row = self._journal.state.planned[item]
        reason = plan.reason(self._journal.state.rounds[number], place, row)
        return Query(item, self._items.position(item), number, row.source, row.probability, row.score, reason)

    def plan(self, items: Sequence[str], *, by: str) -> None:
        """Plan a round of these items, in this order, chosen by somebody other than the strategy.

        ``by`` names who chose: a person, a program, an oracle. `ask` hands the items out like those of any round, after
        items of earlier rounds that still want an answer. They are no random sample, and nothing is audited with them.
        Raises `InputError` for an item that is labeled, planned, skipped for good, reserved for the audit, an exact
        duplicate, or unknown.
        """
        self._planner.given(items, by)

    def candidates(self) -> Indices:
        """Positions in the pool of what can be planned: neither labeled, planned, skipped for good nor reserved."""
        return plan.candidates(self._planner.situation())

    def tell(self, item: str, label: str | int, *, annotator: str = "") -> None:
        """Record what an annotator says of an item: a class name, or its code. Durable when this returns.

        The same label again changes nothing; another one revises it. An item that was not asked may be told too.
        """
        self.tell_many({item: label}, annotator=annotator)

    def tell_many(self, labels: Mapping[str, str | int], *, annotator: str = "") -> None:
        """Record several labels, all or none."""
        classes = self._journal.sync().classes
        codes = {item: settings.class_code(classes, label) for item, label in labels.items()}
        self._items.positions(list(codes))
        take_in(self._journal, codes, annotator)

    def skip(self, item: str, reason: str = "cannot tell", *, annotator: str = "") -> None:
        """Record that an item was not labeled, and why: one of `SKIP_REASONS`."""
        if reason not in SKIP_REASONS:
            raise InputError(f"A skip needs a reason among {', '.join(SKIP_REASONS)}; got {reason!r}.")
        self._items.position(item)
        self._journal.append(lambda state: [("skipped", annotator, {"item": item, "reason": reason})])

    def retract(self, item: str, *, annotator: str = "") -> None:
        """Take back what an annotator said of an item, a label or a skip; the item is open again.

        Rounds that were trained on it stay as they were; the next one is trained without it.
        """
        if not self._journal.sync().answered(item, annotator):
            raise InputError(f"There is nothing to retract: {annotator or 'nobody'} has not answered for {item!r}.")
        self._journal.append(lambda state: [("retracted", annotator, {"item": item})])

    def add_classes(self, names: Sequence[str]) -> None:
        """Append classes; codes given before stay what they were."""
        classes = settings.check_classes([*self._journal.sync().classes, *names])
        self._journal.append(lambda state: [("classes-changed", "claros", {"classes": classes})])

    def add_items(self, pool: Pool) -> None:
        """Go on with a larger pool, which must have all items of this one."""
        pool = seen_by(self.model, pool)
        items.grow(self._folder, self._journal.sync(), self.pool, pool)
        self._journal.append(lambda state: [("pool-changed", "claros", items.identity(pool))])
        self.pool = pool
        self._items = items.Items(self._folder, self._journal.state.pools, pool)
        self._supply = self._supply.over(pool)
        if self._learner is not None:
            self._learner.forget()
        self._planner = self._new_planner()

    def release_audit(self) -> None:
        """Use the audited items for training from now on, and ask for the reserved ones; measuring ends with it."""
        event = ("noted", "claros", {"note": "audit released"})
        self._journal.append(lambda state: [] if state.audit_released else [event])

    def note(self, text: str, *, annotator: str = "") -> None:
        """Write a remark into the log."""
        self._journal.append(lambda state: [("noted", annotator, {"note": "remark", "text": text})])

    def update(self) -> Fitted | None:
        """Bring the model up to date once the round is labeled; None while there is nothing to train on.

        Trains at most once for the same labels. While items of the round are open, the last model stands.
        """
        state, learner = self._journal.sync(), self._learner
        if learner is None:
            return None
        if not learner.current(state) and not state.waiting:
            self._planner.train()
        if not state.fitted:
            return None
        number = max(state.fitted)
        ready = {name: said for name in self.watched if (said := self.decisions(name).get(number)) is not None}
        fitted, further = state.fitted[number], ("shift", "pseudo_labels")
        return Fitted(number, fitted["n_trained"], fitted["seconds"], ready, *map(fitted.get, further))

    def decisions(self, rule: str | Rule) -> dict[int, Decision]:
        """What a rule says after each round: a followed one by its name, or any other, replayed from what is stored."""
        if isinstance(rule, str):
            if rule not in self.watched:
                followed = ", ".join(self.watched) or "none"
                raise InputError(f"No rule named {rule!r} is followed here; those that are: {followed}.")
            rule = self.watched[rule]
        return self._learner.decisions(rule, self._evidence()) if self._learner is not None else {}

    def trace(self, rule: Rule) -> dict[int, Mapping[str, Any]]:
        """What a rule remembers of each round that has what it needs: its trace, replayed from what is stored."""
        return self._learner.trace(rule, self._evidence()) if self._learner is not None else {}

    def _evidence(self) -> Evidence:
        return Evidence(self._folder, self._journal.state, self._items, self.pool)

    def should_stop(self) -> bool:
        """Whether the campaign's rule says to buy no more labels; the first time it does is noted in the log."""
        self.update()
        decision = self._decision()
        if decision is None or not decision.stop:
            return False
        number = max(self._journal.state.fitted)
        payload = {"round": number, "rule": next(iter(self.watched)), "reason": decision.reason}
        self._journal.append(lambda state: [("stopped", "claros", payload)] if number not in state.stopped else [])
        return True

    def _decision(self) -> Decision | None:
        fitted = self._journal.state.fitted
        if self.rule is None or not fitted:
            return None
        return self.decisions(next(iter(self.watched))).get(max(fitted))

    def advice(self) -> Advice:
        """Stop or go on, and how good the model is by now."""
        self.update()
        trace = [] if self.rule is None else [*self.trace(self.rule).values()]
        return advise(self._journal.state, self.rule, next(iter(self.watched), None), self._decision(), trace)

    def shift(self) -> Shift | None:
        """What was found of the target's class shares for the last model, and what is done about it; None so far."""
        self.update()
        return Shift.last(self._journal.state.fitted)

    def accuracy(self) -> Estimate | None:
        """The accuracy of the last model on the audited items, with its interval; None before there are any."""
        return measured(self._journal.state)

    @property
    def model(self) -> Model | None:
        """The model, as last trained."""
        return self._learner.model if self._learner is not None else None

    def predict(self, items: Pool, names: Collection[str] = ("probs",), what: str = "test") -> dict[str, Array]:
        """The last model's outputs over any items, adjusted where that is how a label shift is corrected.

        A long pass that was interrupted goes on where it was; ``what`` names it among those of the round.
        """
        if self._learner is None or self._learner.round < 0:
            raise ModelError("There is no model that predicts: the campaign has none, or nothing is labeled yet.")
        return self._learner.used(self._learner.predict(items, names, what))

    def tidy(self) -> None:
        """Throw away the long passes that are kept for a resume; the next round does so by itself."""
        if self._learner is not None:
            self._learner.passes.forget(len(self._journal.sync().rounds) - 1)

    @property
    def path(self) -> Path | None:
        """The campaign's folder, or None in memory."""
        return self._folder.root

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of their codes."""
        return tuple(self._journal.sync().classes)

    @property
    def rounds(self) -> tuple[Round, ...]:
        """What was planned, round by round."""
        return tuple(self._journal.sync().rounds)

    @property
    def n_labeled(self) -> int:
        """Items with a label, audited ones included."""
        return len(self._journal.sync().told)

    def labels(self) -> dict[str, str]:
        """The label of each labeled item, by id; of several annotators the majority, of a tie the first."""
        return self._journal.sync().labels()

    def provenance(self) -> list[Label]:
        """Every annotator's label with where the question came from, and whether that was at random."""
        return [label for labels in self._journal.sync().told.values() for label in labels.values()]

    def open_items(self) -> list[str]:
        """Planned items that still want a label, in the order in which they would be asked."""
        return self._journal.sync().open_items()

    def labeled_positions(self) -> Indices:
        """Positions in the pool of what the next model is trained on, in the order told."""
        return self._items.positions([label.item for label in self._journal.sync().training()])

    def close(self) -> None:
        """Let go of the log."""
        self._journal.log.close()

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
