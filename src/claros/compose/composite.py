"""What a wrapped strategy is: parts, parameters, a name that says both, and the pool that the parts pick from."""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from claros import strategies
from claros.arrays import Floats, Indices, take, to_numpy
from claros.errors import InputError
from claros.inputs import NEEDS
from claros.pick import Picked, top_k
from claros.strategy import Strategy, read_signature

__all__ = [
    "Candidates",
    "Composite",
    "Part",
    "children",
    "compose",
    "joined",
    "of_each_class",
    "resolve",
    "scorer_only",
    "source",
    "written",
]

#: A strategy that is to be wrapped: itself, its name, or an expression.
Part: TypeAlias = str | Strategy

#: What an unquoted word in an expression may stand for besides a text.
WORDS: Mapping[str, Any] = MappingProxyType({"true": True, "false": False, "null": None, "none": None})


@dataclass(frozen=True)
class Candidates:
    """The candidates that a wrapper works on: how many there are, their checked inputs, and where it draws from."""

    n: int
    inputs: Mapping[str, Any]
    rng: np.random.Generator

    def pick(self, strategy: Strategy, k: int, rng: np.random.Generator, rows: Indices | None = None) -> Picked:
        """At most k picks of a strategy, among all candidates or those at ``rows``; positions are those of the pool."""
        n = self.n if rows is None else len(rows)
        k = min(k, n)
        if not k:
            return Picked(np.empty(0, dtype=np.int64), np.empty(0))
        if strategy.scores_items:
            picked = top_k(self.scores(strategy, rng, rows), k, rng)
        else:
            picked = strategy(k, **self._given(strategy, n, rng, rows))
        return picked if rows is None else picked._replace(indices=rows[picked.indices])

    def scores(self, scorer: Strategy, rng: np.random.Generator, rows: Indices | None = None) -> Floats:
        """What a scorer says of all candidates or of those at ``rows``; an `InputError` if it is not finite."""
        n = self.n if rows is None else len(rows)
        scores = to_numpy(scorer(**self._given(scorer, n, rng, rows)))
        if scores.shape != (n,) or not np.isfinite(scores).all():
            raise InputError(f"{scorer.name} must give each of {n} candidates a finite score; look at its inputs.")
        return scores

    def _given(self, strategy: Strategy, n: int, rng: np.random.Generator, rows: Indices | None) -> dict[str, Any]:
        supplied = {"n": n, "rng": rng}
        given = {name: supplied[name] for name in strategy.reserved if name != "k"}
        for name in (*strategy.needs, *strategy.optional):
            if name in self.inputs:
                value = self.inputs[name]
                given[name] = value if rows is None or NEEDS[name].axes[:1] != ("N",) else take(value, rows)
        return given


@dataclass(frozen=True)
class Composite:
    """The function of a wrapped strategy; equal to another if wrapper, parts and parameters are."""

    wrapper: Callable[..., Strategy]
    parts: tuple[Strategy, ...]
    parameters: Mapping[str, Any]
    body: Callable[..., Any] = field(compare=False, repr=False)
    """``body(pool, k)`` returns `Picked`; ``body(pool)`` scores, where the whole is a scorer."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.wrapper.__doc__)

    def __call__(self, *k: int, n: int, rng: np.random.Generator, **inputs: Any) -> Any:
        """Pick k of n candidates, or score them all."""
        return self.body(Candidates(n, inputs, rng), *k)


def compose(
    wrapper: Callable[..., Strategy],
    wrapped: Sequence[Strategy],
    body: Callable[..., Any],
    *,
    needs: Sequence[str] = (),
    optional: Sequence[str] = (),
    stochastic: bool = False,
    scores_items: bool = False,
    arguments: Callable[[bool], str] | None = None,
    **parameters: Any,
) -> Strategy:
    """The strategy that a wrapper makes of its parts.

    Its needs are the parts' and those given, and it draws at random if a part does. Its name is the expression that
    `claros.compose.parse` reads; ``arguments`` writes the parts, if not one after the other, in full if its
    argument is true. The strategy's specification is in full: it means the same when a default has become another.
    """
    learning = next((part.name for part in wrapped if part.learner is not None), None)
    if learning is not None:
        raise InputError(
            f"{wrapper.__name__} cannot wrap {learning}, whose memory it would lose from round to round; "
            f"use {learning} by itself, and wrap its arms."
        )
    needed = dict.fromkeys([*(name for part in wrapped for name in part.needs), *needs])
    extra = dict.fromkeys([*(name for part in wrapped for name in part.optional), *optional])
    defaults = {name: parameter.default for name, parameter in inspect.signature(wrapper).parameters.items()}
    shown, whole = (
        ", ".join(written(part, full=full) for part in wrapped) if arguments is None else arguments(full)
        for full in (False, True)
    )
    return Strategy(
        name=_call(wrapper.__name__, parameters, defaults, shown),
        resolved=_call(wrapper.__name__, parameters, None, whole),
        function=Composite(wrapper, tuple(wrapped), MappingProxyType(parameters), body),
        needs=tuple(needed),
        optional=tuple(name for name in extra if name not in needed),
        parameters=MappingProxyType({}),
        reserved=frozenset(("n", "rng") if scores_items else ("k", "n", "rng")),
        reference=source(wrapper),
        stochastic=stochastic or any(part.stochastic for part in wrapped),
        scores_items=scores_items,
    )


def resolve(part: Part) -> Strategy:
    """The strategy itself, or that of a name or an expression."""
    return strategies.get(part) if isinstance(part, str) else part


def source(wrapper: Callable[..., Strategy]) -> str:
    """Where a wrapper comes from: the paragraph of its documentation that begins with "Source:"."""
    paragraphs = (" ".join(text.split()) for text in (inspect.getdoc(wrapper) or "").split("\n\n"))
    found = next((text for text in paragraphs if text.startswith("Source:")), "")
    return found.removeprefix("Source:").strip().removesuffix(".")


def written(value: Any, *, full: bool = False) -> str:
    """A strategy or a parameter's value as an expression says it; defaults are left out, unless it is ``full``."""
    if isinstance(value, Strategy):
        if full:
            return value.resolved or _call(value.name, value.parameters, None)
        known = value.name in strategies.REGISTRY
        usual = (
            strategies.REGISTRY.load(value.name).parameters
            if known
            else read_signature(value.function, value.optional).parameters
            if value.parameters
            else {}
        )
        return _call(value.name, value.parameters, usual)
    if isinstance(value, str):
        plain = value.isidentifier() and not keyword.iskeyword(value) and value not in WORDS
        return value if plain else repr(value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(written(part, full=full) for part in value)}]"
    if isinstance(value, Mapping):
        rows = (f"{written(key, full=full)}: {written(part, full=full)}" for key, part in value.items())
        return "{" + ", ".join(rows) + "}"
    return repr(value)


def _call(name: str, parameters: Mapping[str, Any], defaults: Mapping[str, Any] | None, parts: str = "") -> str:
    """The call with those parameters that differ from the defaults, or with all of them."""
    shown = [key for key, value in parameters.items() if defaults is None or value != defaults[key]]
    changed = [f"{key}={written(parameters[key])}" for key in shown]
    inside = ", ".join(filter(None, [parts, *changed]))
    return f"{name}({inside})" if inside else name


def children(rng: np.random.Generator, count: int) -> list[np.random.Generator]:
    """So many independent generators, whose seeds are drawn from this one."""
    return [np.random.default_rng(seed) for seed in rng.integers(0, 1 << 63, size=(count, 2))]


def joined(parts: Sequence[Picked], places: Sequence[Indices], note: str = "") -> Picked:
    """Several parts' picks as one batch, each at its places; what was not drawn has probability 1 if others were."""
    k = sum(map(len, places))
    indices, scores, chances = np.empty(k, dtype=np.int64), np.empty(k), np.ones(k)
    for picked, at in zip(parts, places, strict=True):
        indices[at], scores[at] = picked.indices, picked.scores
        if picked.probabilities is not None:
            chances[at] = picked.probabilities
    drawn = any(picked.probabilities is not None for picked in parts)
    return Picked(indices, scores, chances if drawn else None, note)


def of_each_class(
    pool: Candidates, strategy: Strategy, predicted: Indices, turns: Callable[[np.random.Generator], Indices]
) -> Picked:
    """A strategy's best picks of each predicted class; ``turns`` gives the class of each place in the batch.

    A strategy that scores is asked once for all; any other picks from each class's candidates by themselves.
    """
    for_order, for_scores = children(pool.rng, 2)
    seed = pool.rng.integers(0, 1 << 63, size=2)
    codes = turns(for_order)
    scores = pool.scores(strategy, for_scores) if strategy.scores_items else None
    members = np.split(np.argsort(predicted, kind="stable"), np.cumsum(np.bincount(predicted))[:-1])
    picks, places = [], []
    for code in np.unique(codes):
        at, rows, stream = np.flatnonzero(codes == code), members[code], np.random.default_rng([*seed, code])
        if scores is None:
            picks.append(pool.pick(strategy, len(at), stream, rows))
        else:
            best = top_k(scores[rows], len(at), stream, last=True)
            picks.append(best._replace(indices=rows[best.indices]))
        places.append(at)
    return joined(picks, places)


def scorer_only(who: str, part: Part, why: str) -> Strategy:
    """The part, which must score every candidate; an `InputError` that says why otherwise."""
    strategy = resolve(part)
    if not strategy.scores_items:
        raise InputError(f"{who} takes a strategy that scores every candidate, {why}; {strategy.name} picks by itself.")
    return strategy
