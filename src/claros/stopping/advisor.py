"""Should I stop now? The rule that weighs what more labels would bring against what they cost."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from claros.arrays import Floats, Indices
from claros.checks import number
from claros.errors import InputError
from claros.estimate.estimate import Estimate
from claros.inputs import Inputs
from claros.stopping.predictions import check_same_stop_set, pack, unpack
from claros.stopping.rule import Decision, Observation, Rule, recorded

__all__ = ["Advisor", "Outlook"]

Value = TypeVar("Value", float, Floats)

#: The model to compare with had so many times fewer labels; as long as there is none, the first, if it had at least
#: `NEAREST` times fewer.
LAG, NEAREST = 2.2, 1.25
#: Accuracy gained per unit of log labels is the churn per unit of log labels, divided by this.
DIVISOR = 4.0
#: A model that goes on from its last weights changes less from round to round.
WARM_DIVISOR = 2.4
#: How far below and above the slope the 80 % interval reaches, in units of (slope + FLOOR).
BELOW, ABOVE, FLOOR, LEVEL = 0.75, 0.52, 0.01, 0.8
#: What a label brings by what it costs: below the first it is clear to stop, above the second it is clear to go on.
CLEAR_STOP, CLEAR_GO = 0.5, 3.0
#: Churns of so many rounds are averaged.
SMOOTHED = 3
#: Where a price is demanded and none is known, that of a label in accuracy: 33 labels for a point.
ASSUMED = 0.0003
#: With a smaller stop set than this, the interval is wider than it says.
SMALL = 150


@dataclass(frozen=True)
class Outlook:
    """What more labels would bring.

    ``gain`` is the accuracy that twice the labels would add, with its 80 % interval; ``break_even`` the price of one
    label, in points of accuracy (hundredths), up to which the next one pays; ``ratio`` what a label brings by what it
    costs, None without a price; ``verdict`` "stop", "close call", "go on", "too early to say", or "no price".
    """

    verdict: str
    n_labeled: int
    gain: Estimate | None
    break_even: float | None
    ratio: float | None
    decision: Decision

    def __str__(self) -> str:
        return f"{self.verdict.capitalize()}: {self.decision.reason}"

    def to_json(self) -> dict[str, Any]:
        """The fields, as JSON."""
        gain = self.gain.to_json() if self.gain is not None else None
        return {**vars(self), "gain": gain, "decision": self.decision.to_json()}


@dataclass(frozen=True)
class Advisor(Rule):
    """Stops when the next label no longer pays: what it brings, judged by half-lag churn, is worth less than it costs.

    ``price`` is what one label costs you, ``worth`` what one point of accuracy (one hundredth) is worth to you, in the
    same currency: with 0.10 a label and 50 a point, ``price=0.1, worth=50``. A point is worth (cost of one error) times
    (predictions that the model will make) / 100. Without them it still says what twice the labels would bring and the
    price up to which the next label pays, and never stops by itself, unless ``assume_price=True``: then a point
    is taken to be worth 33 labels, which is a guess. `outlook` gives all of this as numbers.

    Half-lag churn is the share of the stop set whose predicted class differs from that of the model that had 2.2 times
    fewer labels, divided by the log of that ratio, over three such models and the last three rounds; before there is
    one, the first model is compared with, as soon as it had 1.25 times fewer. A quarter of it is taken as the accuracy
    gained per unit of log labels (the *slope*), so twice the labels bring ``ln 2`` times the slope, and one more label
    slope / n. The value is what a label brings by what it costs; it stops at a threshold of 1. Below 0.5 that is a
    clear stop, above 3 a clear reason to go on, and in between a close call: being a few rounds off costs little.
    Not ready while there is no earlier model to compare with, or only one class is predicted.

    ``warm=True`` is for models that go on from their last weights, which change less (churn by 2.4). ``balanced=True``
    looks at balanced accuracy, where a rare class matters as much as a frequent one: churn is averaged over classes
    then, and the stop set should hold 30 items of the rarest; leave it off if plain accuracy is what errors cost you.

    O(T) time, some ten comparisons of T predictions; an observation is T to 4 T bytes, in base64.

    Made for models whose predictions depend little on the seed of their training: of a network that is fine-tuned anew
    it foresees too much, and stops too late.

    Blind, as all rules on predictions are, to a learner that is stuck: look at the accuracy measured on random items
    beside it. The 80 % interval holds on average over data sets, on single ones between 70 and 100 %.

    >>> rule = Advisor(price=0.1, worth=20)
    >>> trace = [rule.observe(stop_predictions=[0, 1, 1, 0], n_labeled=n) for n in (20, 40, 60, 80, 100)]
    >>> rule.outlook(trace).verdict
    'stop'
    >>> Advisor().decide(trace).stop
    False
    """

    price: float | None = None
    worth: float | None = None
    warm: bool = False
    balanced: bool = False
    assume_price: bool = False

    name = "advisor"
    needs = ("stop_predictions", "n_labeled")
    assumes = (
        "The stop set is a fixed random sample of the pool, best of 600 items; models are trained anew each round; "
        "a model that is stuck looks finished, so audit some random labels."
    )
    reference = "this project's study of stopping rules that are told the price of a label (docs/stopping.md)"

    def __post_init__(self) -> None:
        for name in ("price", "worth"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, number(value, 0, math.inf, f"{self.name}: {name}"))
            if value == 0:
                raise InputError(f"{self.name}: {name} must be above 0; leave it out if it is not known.")
        if self.worth is not None and self.price is None:
            raise InputError(f"{self.name}: worth={self.worth:g} needs a price, of one label, in the same currency.")
        for name in ("warm", "balanced", "assume_price"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{self.name}: {name} must be true or false; got {getattr(self, name)!r}.")

    @property
    def label_price(self) -> float | None:
        """The price of a label in accuracy (1.0 is all of it); None where it is neither known nor assumed."""
        if self.price is not None and self.worth is not None:
            return self.price / (100 * self.worth)
        return ASSUMED if self.assume_price else None

    def told(self, *, price: float | None, worth: float | None, warm: bool) -> Advisor:
        """The same, with price and worth unless it has one, and for such a model."""
        if self.price is None and price is not None:
            return replace(self, price=price, worth=worth, warm=self.warm or warm)
        return replace(self, warm=self.warm or warm)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The predictions, packed, and how many labels they were trained on."""
        return {"n": inputs["n_labeled"], **pack(inputs["stop_predictions"], self.name)}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the next label brings no more than it costs."""
        return self.outlook(trace).decision

    def outlook(self, trace: Sequence[Observation]) -> Outlook:
        """What more labels would bring after the last observation, with the verdict and its numbers."""
        return self._outlook(_History(trace, self.name, self.balanced), len(trace) - 1)

    def foreseen(self, values: Floats, n_labeled: Floats) -> tuple[Floats, Floats, Floats]:
        """What twice the labels would bring, in accuracy, and its 80 % interval, by the values of decisions; (R,) each.

        Of the threshold: the gain below which the next label does not pay.
        """
        price = 0.01 if self.label_price is None else self.label_price
        return _doubled(np.asarray(values) * price * np.asarray(n_labeled))

    def decide_each(self, trace: Sequence[Observation]) -> list[Decision]:
        """As deciding after every observation, with each comparison made once."""
        history = _History(trace, self.name, self.balanced)
        return [self._outlook(history, place).decision for place in range(len(trace))]

    def _outlook(self, history: _History, place: int) -> Outlook:
        history.check(place)
        n, slope, price = history.labels(place), history.slope(place), self.label_price
        threshold = None if price is None else 1.0
        if slope is None:
            decision = Decision.not_ready(history.waiting(place), threshold)
            return Outlook("too early to say", n, None, None, None, decision)
        slope /= WARM_DIVISOR if self.warm else DIVISOR
        items = history.predictions(place).size
        gain, per_label = _gain(slope, items), slope / max(1, n)
        said = _said(gain, 100 * per_label, n, items)
        if price is None:
            decision = Decision(False, True, 100 * per_label, None, f"{said}{self._worth_it(per_label)}.", "no price")
            return Outlook("no price", n, gain, 100 * per_label, None, decision)
        ratio = per_label / price
        verdict = "stop" if ratio < CLEAR_STOP else "go on" if ratio > CLEAR_GO else "close call"
        known = (
            f"at {self.price:g} a label and {self.worth:g} a point" if self.worth else "if a point is worth 33 labels,"
        )
        reason = f"{said}; {known} it brings {ratio:.2g} times its cost."
        return Outlook(
            verdict, n, gain, 100 * per_label, ratio, Decision(ratio <= 1, True, ratio, 1.0, reason, verdict)
        )

    def _worth_it(self, per_label: float) -> str:
        """From which worth of a point on the next label pays, where only the price of a label is known."""
        if self.price is None or per_label <= 0:
            return ""
        return f"; at {self.price:g} a label, if a point is worth {self.price / (100 * per_label):.3g} or more"


class _History:
    """Churn at any round of a trace; predictions are unpacked once, and models compared once."""

    def __init__(self, trace: Sequence[Observation], who: str, balanced: bool) -> None:
        self.trace, self._who = trace, who
        self._differ = _balanced_difference if balanced else _difference
        self._labels: dict[int, int] = {}
        self._codes: dict[int, Indices] = {}
        self._churns: dict[int, float | None] = {}

    def labels(self, place: int) -> int:
        """Labels at a round, counted from 0."""
        if place not in self._labels:
            self._labels[place] = int(recorded(self.trace[place], "n", self._who))
        return self._labels[place]

    def predictions(self, place: int) -> Indices:
        """(T,) predicted classes at a round."""
        if place not in self._codes:
            self._codes[place] = unpack(self.trace[place], self._who)
        return self._codes[place]

    def check(self, place: int) -> None:
        """Raise an `InputError` where the stop set is another one than in the round before."""
        sizes = [self.predictions(one).size for one in range(max(0, place - 1), place + 1)]
        check_same_stop_set(sizes, place + 1, self._who)

    def slope(self, place: int) -> float | None:
        """Churn per unit of log labels, the mean of the last rounds; None where that cannot be said."""
        if self._churn(place) is None:
            return None
        churns = [self._churn(one) for one in range(max(0, place - SMOOTHED + 1), place + 1)]
        known = [churn for churn in churns if churn is not None]
        return sum(known) / len(known)

    def _churn(self, place: int) -> float | None:
        """Churn per unit of log labels, over the models around the one that had so many times fewer."""
        if place not in self._churns:
            self._churns[place] = self._compare(place)
        return self._churns[place]

    def _compare(self, place: int) -> float | None:
        before = self._before(place)
        if before is None:
            return None
        now, n = self.predictions(place), self.labels(place)
        if (now == now[0]).all():
            return None
        past = [s for s in (before - 1, before, before + 1) if 0 <= s < place and self._apart(s, place)]
        check_same_stop_set([*(self.predictions(s).size for s in past), now.size], place + 1, self._who)
        changed = [(self._differ(now, self.predictions(s)), math.log(n / max(1, self.labels(s)))) for s in past]
        churns = [share / width for share, width in changed if share is not None]
        return sum(churns) / len(churns) if churns else None

    def _apart(self, before: int, place: int) -> bool:
        return max(1, self.labels(before)) * NEAREST <= self.labels(place)

    def _before(self, place: int) -> int | None:
        """The last round with so many times fewer labels, else the first one if it had few enough."""
        found = bisect_right(range(place), self.labels(place) / LAG, key=self.labels) - 1  # labels grow, round by round
        nearest = max(0, found)
        return nearest if place > 0 and self._apart(nearest, place) else None

    def waiting(self, place: int) -> str:
        """Why nothing can be said yet."""
        if self._before(place) is not None:
            now = self.predictions(place)
            if (now == now[0]).all():
                return f"All {now.size} items of the stop set are predicted to be of one class, which says nothing yet."
            return f"No class is predicted twice on the {now.size} items of the stop set; take more of them."
        first, n = self.labels(0), self.labels(place)
        needed = math.ceil(NEAREST * max(1, first))
        return f"The first model had {first} labels, this one has {n}; from {needed} on it can be said what more bring."


def _difference(now: Indices, past: Indices) -> float:
    """Share of the items whose prediction changed, in [0, 1]."""
    return float(np.count_nonzero(now != past)) / now.size


def _balanced_difference(now: Indices, past: Indices) -> float | None:
    """Mean over classes, of two items or more, of the share of what either model gave it that only one did.

    None where no class has two.
    """
    top = int(max(now.max(), past.max())) + 1
    either = np.bincount(now, minlength=top) + np.bincount(past, minlength=top)
    both = np.bincount(now[now == past], minlength=top)
    there = either >= 2
    return None if not there.any() else float(np.mean((either[there] - 2 * both[there]) / either[there]))


def _gain(slope: float, items: int) -> Estimate:
    """What twice the labels bring, with its interval."""
    return Estimate(*_doubled(slope), LEVEL, "half-lag churn", items)


def _doubled(slope: Value) -> tuple[Value, Value, Value]:
    """What twice the labels bring in accuracy, where it grows by so much per unit of log labels, and its interval."""
    low, high = slope - BELOW * (slope + FLOOR), slope + ABOVE * (slope + FLOOR)
    return math.log(2) * slope, math.log(2) * low, math.log(2) * high


def _said(gain: Estimate, break_even: float, n: int, items: int) -> str:
    value, low, high = (100 * x for x in (gain.value, gain.low, gain.high))
    doubt = f" (from a stop set of only {items} items)" if items < SMALL else ""
    return (
        f"Going from {n} to {2 * n} labels would bring about {value:.1f} points of accuracy (80 % interval {low:.1f} "
        f"to {high:.1f}){doubt}; the next one pays while it costs less than {break_even:.2g} of what a point is worth"
    )
