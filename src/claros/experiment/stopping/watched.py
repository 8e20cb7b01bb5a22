"""What rules said in every round of a recorded run: small arrays, from which everything else follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats, Indices
from claros.campaign import settings
from claros.errors import ClarosError
from claros.experiment.stopping.recorded import Key, Recorded
from claros.experiment.stopping.rules import is_told, told
from claros.stopping.advisor import Advisor
from claros.stopping.rule import Decision, Observation, Rule, View, first_stop, replay

__all__ = ["Advice", "Said", "Watched", "watch"]

Truths = npt.NDArray[np.bool_]

#: Called with a run's key, a rule's name and its seconds for observing and for deciding, by who wants to know.
Clock = Callable[[Key, str, float, float], None]


@dataclass(frozen=True)
class Said:
    """What a rule said in the R rounds of a run; a round that it could not see counts as not ready.

    ``value`` (R,) is NaN where it was not ready, ``threshold`` (R,) where it had none. ``reason`` is what it said at
    its first stop, or in the end if it never stopped; ``why`` says why it could not be fed at all, else it is empty.
    """

    value: Floats
    threshold: Floats
    stop: Truths
    reason: str = ""
    why: str = ""

    @property
    def first(self) -> int | None:
        """The place of the first round with a stop; None if it never stopped, which is not the same as late."""
        return int(self.stop.argmax()) if self.stop.any() else None


@dataclass(frozen=True)
class Advice:
    """What an advisor said in the R rounds of a run, told each of P prices.

    ``verdict`` (P, R) are words; ``gain``, ``low``, ``high`` (R,) what twice the labels would bring, in accuracy, with
    its 80 % interval, NaN where it could not be said.
    """

    verdict: npt.NDArray[np.str_]
    gain: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Watched:
    """A recorded run with what every rule said, by the rule's name.

    ``told`` are the stops (P, R) of rules that were told each price; ``advice`` what advisors among them said.
    """

    key: Key
    rounds: Indices
    n_labeled: Indices
    accuracy: Floats | None
    said: Mapping[str, Said]
    told: Mapping[str, Truths] = field(default_factory=dict)
    advice: Mapping[str, Advice] = field(default_factory=dict)


def watch(run: Recorded, rules: Mapping[str, Rule], prices: Sequence[float] = ()) -> Watched:
    """Replay every rule on a run; those that weigh the price of a label are also told each of ``prices``.

    They know whether the run's model goes on from its last weights. A rule that cannot be fed by the run is listed
    with the reason. O(R) observations and decisions a rule.
    """
    rules = {name: settings.told(rule, run.campaign.model) for name, rule in rules.items()}
    said: dict[str, Said] = {}
    at_prices: dict[str, Truths] = {}
    advice: dict[str, Advice] = {}
    traces = _traces(run, rules)
    for name, rule in rules.items():
        traced = traces[name]
        if isinstance(traced, str):
            said[name] = _unfed(len(run.rounds), traced)
            continue
        try:
            said[name] = _said(run, replay(rule, [*traced.values()]), traced)
            if is_told(rule) and len(prices):
                if isinstance(rule, Advisor):
                    at_prices[name], advice[name] = _advised(run, rule, traced, prices)
                else:
                    at_prices[name] = _told(run, rule, traced, prices)
        except ClarosError as error:
            said[name] = _unfed(len(run.rounds), str(error))
    return Watched(run.key, run.rounds, run.n_labeled, run.accuracy, said, at_prices, advice)


def _traces(run: Recorded, rules: Mapping[str, Rule]) -> dict[str, dict[int, Observation] | str]:
    """Every rule's trace, or why there is none; those that need the same look together, unless one of them fails."""
    alike: dict[frozenset[str], list[str]] = {}
    found: dict[str, dict[int, Observation] | str] = {}
    for name, rule in rules.items():
        if rule.by_hand:
            found[name] = f"It is fed by hand: {rule.by_hand}."
        else:
            alike.setdefault(frozenset(rule.needs), []).append(name)
    for names in alike.values():
        try:
            traces = run.traces([rules[name] for name in names])
        except ClarosError:
            traces = [{} for _ in names]
        found |= {name: seen or _trace(run, rules[name]) for name, seen in zip(names, traces, strict=True)}
    return found


def _trace(run: Recorded, rule: Rule) -> dict[int, Observation] | str:
    """The rule's trace, or why there is none."""
    try:
        traced = run.trace(rule)
        if traced:
            return traced
        lacking = run.lacks(rule)
    except ClarosError as error:
        return str(error)
    what = f"{', '.join(lacking)}, which this run does not have" if lacking else "inputs that no round has together"
    return f"It needs {what}."


def _unfed(rounds: int, why: str) -> Said:
    nothing = np.full(rounds, np.nan)
    return Said(nothing, nothing, np.zeros(rounds, dtype=bool), why=why)


def _places(run: Recorded, traced: Mapping[int, Observation]) -> Indices:
    """The places among the run's rounds of those that were traced."""
    return np.searchsorted(run.rounds, [*traced])


def _said(run: Recorded, decisions: Sequence[Decision], traced: Mapping[int, Observation]) -> Said:
    nothing = np.full((2, len(run.rounds)), np.nan)
    stop = np.zeros(len(run.rounds), dtype=bool)
    for place, decision in zip(_places(run, traced).tolist(), decisions, strict=True):
        nothing[0, place] = np.nan if decision.value is None else decision.value
        nothing[1, place] = np.nan if decision.threshold is None else decision.threshold
        stop[place] = decision.stop
    first = first_stop(decisions)
    return Said(nothing[0], nothing[1], stop, decisions[-1 if first is None else first].reason)


def _told(run: Recorded, rule: Rule, traced: Mapping[int, Observation], prices: Sequence[float]) -> Truths:
    """(P, R) stops of the rule at every price, up to the first: what it says later changes nothing."""
    stops, places, trace = (
        np.zeros((len(prices), len(run.rounds)), dtype=bool),
        _places(run, traced),
        [*traced.values()],
    )
    for row, price in zip(stops, prices, strict=True):
        first = first_stop(replay(told(rule, price), trace))
        if first is not None:
            row[places[first]] = True
    return stops


def _advised(
    run: Recorded, rule: Advisor, traced: Mapping[int, Observation], prices: Sequence[float]
) -> tuple[Truths, Advice]:
    """Stops (P, R), and everything else that the advisor says."""
    rounds, places, trace = len(run.rounds), _places(run, traced).tolist(), [*traced.values()]
    stops, verdicts = np.zeros((len(prices), rounds), dtype=bool), np.full((len(prices), rounds), "too early to say")
    gains = np.full((3, rounds), np.nan)
    for row, price in enumerate(prices):
        for place, decision in zip(places, replay(told(rule, price), trace), strict=True):
            stops[row, place], verdicts[row, place] = decision.stop, decision.verdict
    for length, place in enumerate(places, 1):
        gain = rule.outlook(View(trace, length)).gain
        if gain is not None:
            gains[:, place] = gain.value, gain.low, gain.high
    return stops, Advice(verdicts, *gains)
