"""Stop when no number of further labels would pay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import Floats
from claros.checks import number
from claros.errors import InputError, NoEstimateError
from claros.estimate.curves import Curves, fit_curves
from claros.inputs import Inputs
from claros.rng import stream
from claros.stopping.rule import Decision, Observation, Rule, recorded

__all__ = ["CostOptimal"]

#: Rounds that are fitted, spread evenly over all; draws of the bootstrap; numbers of further labels that are looked at.
ROUNDS, DRAWS, HORIZONS = 40, 100, 24


class _Outlook(NamedTuple):
    """What may come: numbers of further labels (H,), and the accuracy (B, H) that they gain in B draws."""

    more: Floats
    gains: Floats


@dataclass(frozen=True)
class CostOptimal(Rule):
    """Stops when, by learning curves carried on, further labels most likely cost more than the accuracy is worth.

    ``price`` is the cost of one label over the worth of 1.00 of accuracy: at 0.0001 a hundred labels must gain one
    point. The accuracy on random labels of every round is carried on by four families of curves, and 100 bootstrap
    draws say what may come (see the estimate `learning_curve`). A draw pays if at some number of further labels, from
    the last batch's size to the rest of the pool, its gain exceeds their price. The value is the share of draws that
    pay, in [0, 1], or 0 where no number of labels pays on average; it stops strictly below ``threshold``. With
    everything labeled it stops.

    Without a price there is no optimum: the rule is then never ready, and its reason says the break-even price, up to
    which it would go on. It waits, too, where a curve cannot be carried on: fewer than 6 different numbers of labels,
    an accuracy that is the same in all rounds (unless it is 1) or falls, a rise of which no end is in sight. The luck
    of one round may stop it early; ``.patience(2)`` helps. Its draws come from a fixed stream, so that a trace always
    gives the same decision. Of more than 40 rounds it fits 40, spread evenly, the last included. O(100 · 100 · 40)
    time, some 4 ms a decision; an observation is three numbers.

    Departures: Dimitrakakis & Savu-Krohn bound the rate of convergence online (OBSV); this draws whole curves instead.

    >>> rule = CostOptimal(price=0.001)
    >>> rounds = [(n, 0.9 - 2 / n) for n in range(20, 220, 20)]
    >>> trace = [rule.observe(n_labeled=n, n_pool=1000, metric=accuracy) for n, accuracy in rounds]
    >>> [rule.decide(trace[:length]).stop for length in (5, 6)]      # 20 more than 120 gain 0.0024, for 0.02
    [False, True]
    """

    price: float | None = None
    threshold: float = 0.1

    name = "cost_optimal"
    needs = ("n_labeled", "n_pool", "metric")
    assumes = (
        "The metric is an accuracy on items drawn at random that train nothing, the same or as many in every round, "
        "and the price is known."
    )
    reference = "Dimitrakakis & Savu-Krohn 2008, ECML PKDD"

    def __post_init__(self) -> None:
        if self.price is not None:
            object.__setattr__(self, "price", number(self.price, 0, inf, f"{self.name}: price"))
        object.__setattr__(self, "threshold", number(self.threshold, 0, 1, f"{self.name}: threshold"))

    def told(self, *, price: float | None, worth: float | None, warm: bool) -> CostOptimal:
        """The same, with the price over the worth of 1.00 of accuracy, unless it has a price."""
        if self.price is not None or price is None or worth is None:
            return self
        return replace(self, price=price / (100 * worth))

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The three numbers."""
        if not 0 <= inputs["metric"] <= 1:
            raise InputError(f"{self.name}: metric must be an accuracy in [0, 1]; got {inputs['metric']!r}.")
        return dict(inputs)

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when too few draws pay, or none on average."""
        labels, left = recorded(trace[-1], "n_labeled", self.name), self._left(trace[-1])
        if left <= 0:
            return Decision(True, True, 0.0, self.threshold, f"All {labels} items of the pool are labeled.")
        rounds = self._rounds(trace)
        if len(rounds) > 1 and all(accuracy == 1 for _, accuracy in rounds):
            reason = f"The accuracy is 1 in all {len(rounds)} rounds, and nothing can be gained."
            return Decision(True, True, 0.0, self.threshold, reason)
        try:
            curves = fit_curves([n for n, _ in rounds], [accuracy for _, accuracy in rounds])
        except NoEstimateError as refused:
            return Decision.not_ready(str(refused), self.threshold)
        except InputError:  # before the first label there is nothing to fit
            return Decision.not_ready("The accuracy of 0 rounds with labels is known.", self.threshold)
        batch = labels - recorded(trace[-2], "n_labeled", self.name)
        outlook = _outlook(curves, min(max(1, batch), left), left)
        even = float((outlook.gains.mean(axis=0) / outlook.more).max())
        if self.price is None:
            return Decision.not_ready(
                f"No price of a label is set; the break-even price is {even:.3g} of the worth of 1.00 of accuracy.",
                self.threshold,
            )
        return self._weigh(outlook, self.price, len(rounds))

    def _weigh(self, outlook: _Outlook, price: float, rounds: int) -> Decision:
        savings = outlook.gains - price * outlook.more
        on_average = savings.mean(axis=0)
        best = int(on_average.argmax())
        pays = float((savings > 0).any(axis=1).mean()) if on_average[best] > 0 else 0.0
        stop = pays < self.threshold
        gained = 100 * float(outlook.gains[:, best].mean())
        paid = 100 * price * float(outlook.more[best])
        worth = f"{outlook.more[best]:.0f} more, gain {gained:.2g} points for the price of {paid:.2g}"
        if on_average[best] <= 0:
            reason = f"No number of further labels pays on average, by {rounds} rounds carried on: the best, {worth}."
        else:
            reason = (
                f"Some number of further labels pays with a probability of {pays:.2f}, "
                f"{'below' if stop else 'not below'} {self.threshold:g}: the best, {worth}."
            )
        return Decision(stop, True, pays, self.threshold, reason)

    def _left(self, last: Observation) -> int:
        return int(recorded(last, "n_pool", self.name) - recorded(last, "n_labeled", self.name))

    def _rounds(self, trace: Sequence[Observation]) -> list[tuple[int, float]]:
        """Labels and accuracy of at most `ROUNDS` rounds with labels, the last included."""
        places = np.unique(np.linspace(0, len(trace) - 1, min(len(trace), ROUNDS)).round().astype(int))
        seen = [trace[int(place)] for place in places]
        pairs = [(recorded(one, "n_labeled", self.name), recorded(one, "metric", self.name)) for one in seen]
        return [pair for pair in pairs if pair[0] > 0]


def _outlook(curves: Curves, batch: int, left: int) -> _Outlook:
    """Draws of what more labels gain, from one batch to all that are left, in even ratios."""
    more = np.unique(np.geomspace(batch, left, HORIZONS).round())
    return _Outlook(more, curves.draws(curves.now + more, DRAWS, stream(0, "stopping: cost_optimal")))
