"""The arms of a comparison by cost: where each would have stopped every run at every price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from claros.arrays import Floats, Indices
from claros.experiment.stopping.costs import NEVER, costs, first_places, regrets
from claros.experiment.stopping.leave_one_out import chosen_elsewhere
from claros.experiment.stopping.rules import is_told, weighs
from claros.experiment.stopping.signals import FORMS, limits_met, per_label, signal, true_slope
from claros.experiment.stopping.watched import Said, Watched
from claros.stopping.rule import Rule

__all__ = ["BLIND", "HINDSIGHT", "KINDS", "PRICED", "TRUE_SLOPE", "Arm", "Constant", "Field", "arms_of"]

#: The kinds of arms: rules that are not told the price; those that are, by themselves, by a signal, or without any
#: look at the data; and two that nobody could follow.
KINDS = ("as published", "told the price", "signal, told the price", "no data, told the price", "beyond reach")

BLIND, TRUE_SLOPE, HINDSIGHT = "price x labels", "true slope", "one stop in hindsight"
PRICED = "{} + price"

#: Slope per signal, and price x labels at which one stops without a look: what is tried, a twentieth of a decade apart.
SLOPES, LEVELS = np.geomspace(1e-4, 1e4, 161), np.geomspace(1e-4, 10.0, 101)


class Constant(NamedTuple):
    """What an arm was given for a data set, found on all others."""

    value: float
    form: str


@dataclass(frozen=True)
class Arm:
    """Where an arm stops: ``places`` (U, P) among the rounds of U runs at P prices, `NEVER` where it does not.

    ``fed`` (U,) says which runs could feed it. ``constants`` are those of each data set, if it has any.
    """

    name: str
    kind: str
    places: Indices
    fed: Indices
    constants: Mapping[str, Constant] = field(default_factory=dict)


@dataclass(frozen=True)
class Field:
    """The U runs that are compared, at P prices."""

    runs: Sequence[Watched]
    prices: Sequence[float]

    @cached_property
    def sets(self) -> list[str]:
        """(U,) the data set of each run."""
        return [run.key.data for run in self.runs]

    @cached_property
    def costs(self) -> list[Floats]:
        """(U) of (P, R): what a stop costs."""
        return [costs(run.n_labeled, accuracy_of(run), self.prices) for run in self.runs]

    @cached_property
    def labels(self) -> list[Floats]:
        """(U) of (R,): labels as real numbers."""
        return [run.n_labeled.astype(np.float64) for run in self.runs]

    def regrets(self, arm: Arm) -> Floats:
        """(U, P) of an arm; NaN where a run could not feed it."""
        found = np.array([regrets(cost, places) for cost, places in zip(self.costs, arm.places, strict=True)])
        return np.where(arm.fed[:, None].astype(bool), found, np.nan)


def accuracy_of(run: Watched) -> Floats:
    """The accuracy of a run that is known to have one."""
    return np.zeros(0) if run.accuracy is None else run.accuracy


def arms_of(field: Field, rules: Mapping[str, Rule]) -> list[Arm]:
    """Every arm that at least one run feeds, in the order of `KINDS`.

    With a single data set there is nowhere to find constants, so the arms that need one are left out.
    """
    arms = [_as_published(field, name) for name, rule in rules.items() if not is_told(rule)]
    arms += [_told(field, name) for name, rule in rules.items() if is_told(rule)]
    if len(set(field.sets)) > 1:
        arms += [_by_signal(field, name, rule) for name, rule in rules.items() if is_told(rule) or not weighs(rule)]
        arms += [_blind(field), _true_slope(field)]
    arms.append(_hindsight(field))
    return [arm for arm in arms if arm.fed.any()]


def _as_published(field: Field, name: str) -> Arm:
    firsts = [_said(run, name).first for run in field.runs]
    places = np.array([[NEVER if first is None else first] * len(field.prices) for first in firsts])
    return Arm(name, KINDS[0], places, _fed(field, name))


def _told(field: Field, name: str) -> Arm:
    nothing = np.full(len(field.prices), NEVER)
    places = [first_places(run.told[name]) if name in run.told else nothing for run in field.runs]
    fed = np.array([name in run.told for run in field.runs])
    return Arm(name, KINDS[1], np.array(places), fed)


def _by_signal(field: Field, name: str, rule: Rule) -> Arm:
    signals = [signal(rule.name, _said(run, name), n) for run, n in zip(field.runs, field.labels, strict=True)]
    # an advisor's own signal is there too, to see what its constant is worth that was set once and for all
    return _fitted(field, PRICED.format(name), KINDS[1] if is_told(rule) else KINDS[2], signals)


def _true_slope(field: Field) -> Arm:
    signals = [true_slope(n, accuracy_of(run)) for run, n in zip(field.runs, field.labels, strict=True)]
    return _fitted(field, TRUE_SLOPE, KINDS[4], signals)


def _fitted(field: Field, name: str, kind: str, signals: Sequence[Floats | None]) -> Arm:
    """The arm that stops where c times a signal is at most price x labels, c and the form found on other data sets."""
    limits = np.asarray(field.prices) / SLOPES[:, None]  # (K, P)

    def tried(place: int) -> Indices:
        values, n = signals[place], field.labels[place]
        if values is None:
            return np.full((len(FORMS) * len(SLOPES), len(field.prices)), NEVER)
        found = [limits_met(per_label(values, n, form), limits) for form in FORMS]
        return _never_at_the_end(np.concatenate(found), len(n))

    candidates = [Constant(float(slope), form) for form in FORMS for slope in SLOPES]
    return _best(field, name, kind, candidates, tried, np.array([one is not None for one in signals]))


def _blind(field: Field) -> Arm:
    """The arm that looks at no data: it stops where price x labels reaches a constant, found on other data sets."""
    limits = LEVELS[:, None] / np.asarray(field.prices)

    def tried(place: int) -> Indices:
        n = field.labels[place]
        return _never_at_the_end(np.searchsorted(n, limits, side="left"), len(n))

    candidates = [Constant(float(level), FORMS[0]) for level in LEVELS]
    return _best(field, BLIND, KINDS[3], candidates, tried, np.ones(len(field.runs), dtype=bool))


def _best(
    field: Field,
    name: str,
    kind: str,
    candidates: Sequence[Constant],
    tried: Callable[[int], Indices],
    fed: Indices,
) -> Arm:
    """Of the candidates, whose places (K, P) in each run are ``tried``, the best elsewhere for each data set."""
    nowhere = Arm(
        name, kind, np.full((len(field.runs), len(field.prices)), NEVER), np.zeros(len(field.runs), dtype=bool)
    )
    some = np.flatnonzero(fed).tolist()
    sets = [field.sets[place] for place in some]
    if len(set(sets)) < 2:
        return nowhere
    places = {place: tried(place) for place in some}
    mean = np.array([regrets(field.costs[place], places[place]).mean(axis=-1) for place in some])  # (U, K)
    chosen = chosen_elsewhere(mean, sets)
    for place in some:
        nowhere.places[place] = places[place][chosen[field.sets[place]]]
    return Arm(name, kind, nowhere.places, fed, {data: candidates[k] for data, k in chosen.items()})


def _hindsight(field: Field) -> Arm:
    """One stop a run for all prices: the one that would have been best on average over them."""
    places = []
    for cost in field.costs:
        rounds = np.arange(cost.shape[1])
        mean = regrets(cost, np.repeat(rounds[:, None], len(cost), axis=1)).mean(axis=-1)
        places.append([int(mean.argmin())] * len(cost))
    return Arm(HINDSIGHT, KINDS[4], np.array(places), np.ones(len(field.runs), dtype=bool))


def _never_at_the_end(places: Indices, rounds: int) -> Indices:
    return np.where(places < rounds, places, NEVER)


def _said(run: Watched, name: str) -> Said:
    return run.said[name]


def _fed(field: Field, name: str) -> Indices:
    return np.array([not _said(run, name).why for run in field.runs])
