"""Query strategies: functions of arrays whose signature says what they need, and the one call that runs them.

A strategy is written as a function and decorated::

    @scorer(reference="Scheffer et al. 2001")
    def margin(*, probs): ...                     # scores (N,), higher = label sooner

    @strategy(reference="Ash et al. 2020", stochastic=True)
    def badge(k, *, probs, embeddings, rng): ...  # picks (k,), in the order picked

Required keyword-only arguments are inputs and must be in `claros.inputs.NEEDS`; a keyword with a default is a
parameter; optional inputs are named in the decorator. ``k`` (how many), ``n`` (how many candidates there are) and
``rng`` are reserved.
"""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np

from claros.arrays import Array, Floats, Indices, is_mapped, to_numpy
from claros.errors import ClarosError, InputError, suggest
from claros.inputs import NEEDS, ROWS, Inputs
from claros.pick import Picked, top_k, top_k_streamed
from claros.rng import generator

if TYPE_CHECKING:
    from claros.memory import Learner, Memory

__all__ = ["Selection", "Strategy", "scorer", "select", "strategy"]

RESERVED = ("k", "n", "rng")
#: Where less than one in so many rows of a block can still count, the others are not scored.
FEW = 4


class Signature(NamedTuple):
    """What a function's signature says: inputs, optional inputs, parameters with defaults, reserved names.

    ``choices`` has the values that a parameter annotated as ``Literal[...]`` may take.
    """

    needs: tuple[str, ...]
    optional: tuple[str, ...]
    parameters: Mapping[str, Any]
    reserved: frozenset[str]
    choices: Mapping[str, tuple[Any, ...]]


def read_signature(function: Callable[..., Any], optional: tuple[str, ...]) -> Signature:
    """Sort a function's arguments into inputs, parameters and reserved names, or say which one has no meaning."""
    needs: list[str] = []
    parameters: dict[str, Any] = {}
    reserved: set[str] = set()
    for name, argument in inspect.signature(function).parameters.items():
        if name in RESERVED:
            reserved.add(name)
        elif argument.kind is not argument.KEYWORD_ONLY:
            raise ClarosError(f"{function.__name__}: argument {name!r} must be keyword-only (put it after a *).")
        elif name in optional:
            continue
        elif argument.default is argument.empty:
            needs.append(name)
        elif name in NEEDS:
            raise ClarosError(f"{function.__name__}: {name!r} is an input's name, so no parameter can be called that.")
        else:
            parameters[name] = argument.default
    for name in (*needs, *optional):
        if name not in NEEDS:
            raise ClarosError(f"{function.__name__}: {suggest(name, NEEDS, 'input')} A parameter needs a default.")
    return Signature(tuple(needs), optional, MappingProxyType(parameters), frozenset(reserved), _choices(function))


def _choices(function: Callable[..., Any]) -> Mapping[str, tuple[Any, ...]]:
    try:
        hints = get_type_hints(function)
    except NameError:  # an annotation that is imported for type checkers only
        return {}
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}


def check_parameters(
    who: str,
    known: Mapping[str, Any],
    given: Mapping[str, Any],
    choices: Mapping[str, tuple[Any, ...]] = MappingProxyType({}),
) -> dict[str, Any]:
    """The given parameters over the defaults, each known, of the default's kind, and as JSON has them."""
    checked = dict(known)
    for name, value in given.items():
        if name not in known:
            raise InputError(f"{who}: {suggest(name, known, 'parameter')}")
        if name in choices and value not in choices[name]:
            raise InputError(f"{who}: parameter {name} must be {' or '.join(map(repr, choices[name]))}; got {value!r}.")
        checked[name] = _of_kind(who, name, known[name], value)
    return checked


def _of_kind(who: str, name: str, default: Any, value: Any) -> Any:
    """The value as a plain Python object, if it is of the default's kind; a default of None allows any kind."""
    plain = value.item() if isinstance(value, np.generic) else value
    truth = isinstance(plain, bool)
    real = not truth and isinstance(plain, numbers.Real) and math.isfinite(plain)
    if isinstance(default, bool):
        fits, kind = truth, "true or false"
    elif isinstance(default, int):
        fits, kind = real and isinstance(plain, numbers.Integral), "a whole number"
    elif isinstance(default, float):
        fits, kind = real, "a finite number"
        plain = float(plain) if real else plain
    elif isinstance(default, str):
        fits, kind = isinstance(plain, str), "a text"
    else:
        fits, kind = True, ""
    if not fits:
        raise InputError(f"{who}: parameter {name} must be {kind}; got {value!r}.")
    return plain


@dataclass(frozen=True)
class Strategy:
    """A query strategy with its parameters; immutable, and the same call gives the same picks.

    Calling it runs the bare function, unchecked; `select` is the checked way in.
    """

    name: str
    function: Callable[..., Any]
    needs: tuple[str, ...]
    optional: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reserved: frozenset[str] = frozenset()
    reference: str = ""
    stochastic: bool = False
    scores_items: bool = False
    """True for a scorer (scores for all, the highest are picked), False for one that picks by itself."""
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    rowwise: bool = False
    """True for a scorer that looks at one candidate at a time: what is mapped from a file is then never held whole."""
    reach: Callable[..., Array] | None = None
    """Of a scorer by rows: ``reach(least, **inputs)`` is False where a glance tells that a score is below ``least``."""
    resolved: str = ""
    """The name with every parameter written out, where the name is an expression of wrapped strategies."""
    learner: Learner | None = None
    """How it learns from the labels that come back (`claros.memory`); None for a strategy that keeps no memory."""

    @property
    def summary(self) -> str:
        """The first sentence of the documentation."""
        return (inspect.getdoc(self.function) or "").split("\n\n")[0].replace("\n", " ")

    @property
    def documentation(self) -> str:
        """The whole documentation."""
        return inspect.getdoc(self.function) or ""

    @property
    def cost(self) -> str:
        """Time and memory: the paragraph of the documentation that begins with "Cost:"."""
        return self._paragraph("Cost:")

    @property
    def departures(self) -> str:
        """Where it leaves its source: the paragraph that begins with "Departures:"; empty if nowhere."""
        return self._paragraph("Departures:")

    @property
    def advice(self) -> str:
        """When to use it and when not: the paragraph that begins with "Use it"."""
        return self._paragraph("Use it")

    def _paragraph(self, beginning: str) -> str:
        paragraphs = (" ".join(text.split()) for text in self.documentation.split("\n\n"))
        found = next((text for text in paragraphs if text.startswith(beginning)), "")
        return found.removeprefix(beginning).strip() if beginning.endswith(":") else found

    def configure(self, **parameters: Any) -> Strategy:
        """The same strategy with other parameters; unknown or ill-typed ones are an `InputError`."""
        checked = check_parameters(self.name, self.parameters, parameters, self.choices)
        changed = replace(self, parameters=MappingProxyType(checked))
        return changed if self.learner is None else self.learner.settled(changed)

    def begin(self) -> Memory:
        """A new memory, which selects batch after batch and learns from their labels; see `claros.memory.Memory`."""
        if self.learner is None:
            raise InputError(f"{self.name} keeps no memory between rounds: pick with claros.select({self.name!r}, ...)")
        return self.learner.begin(self)

    def spec(self) -> dict[str, Any]:
        """Name and parameters, as JSON; ``claros.strategies.get(**...)`` of it gives the strategy back."""
        return {"name": self.resolved or self.name, "parameters": dict(self.parameters)}

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        """Run the function itself on arrays that are known to be good."""
        return self.function(*args, **{**self.parameters, **inputs})

    def select(self, k: int, inputs: Inputs, rng: np.random.Generator, *, last: bool = True) -> Selection:
        """Pick ``min(k, N)`` of the candidates that the checked inputs describe.

        ``last`` says that nothing will be drawn from ``rng`` afterwards, so that what breaks no tie need not be drawn.
        """
        n = inputs.sizes.get("N")
        if n is None:
            raise InputError(
                f"{self.name}: the number of candidates is not known; pass n=..., or an array with one row each."
            )
        if n == 0:
            empty = np.empty(0)
            return Selection(self.name, np.empty(0, dtype=np.int64), empty, empty if self.scores_items else None)
        supplied = {"n": n, "rng": rng}
        extra = {name: supplied[name] for name in self.reserved if name != "k"}
        everything = None
        if self.rowwise and any(is_mapped(value) for value in inputs.values()):
            picked = top_k_streamed(partial(self._scores_from, inputs, extra), n, min(k, n), rng)
        elif self.scores_items:
            everything = self._scores(inputs, extra, slice(0, n))
            picked = top_k(everything, min(k, n), rng, last=last)
        else:
            picked = self(min(k, n), **inputs, **extra)
        return Selection(self.name, picked.indices, picked.scores, everything, picked.probabilities, n, picked.note)

    def _scores_from(self, inputs: Mapping[str, Any], extra: Mapping[str, Any], rows: slice, least: float) -> Floats:
        """The scores of these rows, minus infinity where a glance tells that they are below the least that counts."""
        if self.reach is None or least == -np.inf:
            return self._scores(inputs, extra, rows)
        near = np.flatnonzero(to_numpy(self.reach(least, **_rows_of(inputs, rows))))
        if len(near) > (rows.stop - rows.start) // FEW:
            return self._scores(inputs, extra, rows)
        scores = np.full(rows.stop - rows.start, -np.inf)
        scores[near] = self._scores(inputs, extra, rows.start + near)
        return scores

    def _scores(self, inputs: Mapping[str, Any], extra: Mapping[str, Any], rows: slice | Indices) -> Floats:
        """The scores of these rows of n, checked."""
        scores = to_numpy(self(**_rows_of(inputs, rows), **extra))
        wanted = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        if scores.shape != (wanted,):
            raise ClarosError(f"{self.name} must score each of {wanted} candidates; it returned shape {scores.shape}.")
        if not np.isfinite(scores).all():
            bad = np.flatnonzero(~np.isfinite(scores))
            first = rows.start + bad[0] if isinstance(rows, slice) else rows[bad[0]]
            raise InputError(
                f"{self.name} gave {bad.size} non-finite score(s), the first at index {first}; "
                "look at that row's inputs."
            )
        return scores


def _rows_of(inputs: Mapping[str, Any], rows: slice | Indices) -> dict[str, Any]:
    return {name: value[rows] if name in ROWS else value for name, value in inputs.items()}


@dataclass(frozen=True)
class Selection:
    """What to label next: positions among the candidates in the order picked, never twice the same.

    ``scores`` (k,) is each pick's score when it was picked; ``all_scores`` (N,) every candidate's, or None for
    strategies that do not score, and for inputs mapped from a file, whose scores are never all held;
    ``probabilities`` (k,) the chance with which each was drawn, for those that sample.
    ``note`` is a sentence on how the batch came about, from a strategy that has more than one way.
    """

    strategy: str
    indices: Indices
    scores: Floats
    all_scores: Floats | None = None
    probabilities: Floats | None = None
    n_candidates: int = 0
    note: str = ""

    def __len__(self) -> int:
        return len(self.indices)

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """One sentence per pick: why it was asked."""
        sentences = []
        for place, score in enumerate(self.scores):
            sentence = f"{self.strategy}: pick {place + 1} of {len(self)}, score {score:.4g}"
            if self.all_scores is not None:
                sentence += f", rank {place + 1} of {self.n_candidates}"
            if self.probabilities is not None:
                sentence += f", drawn with probability {self.probabilities[place]:.3g}"
            sentences.append(sentence)
        return tuple(sentences)


def _build(
    function: Callable[..., Any],
    optional: tuple[str, ...],
    reference: str,
    stochastic: bool,
    scores_items: bool,
    rowwise: bool = False,
    reach: Callable[..., Array] | None = None,
) -> Strategy:
    signature = read_signature(function, optional)
    if ("k" in signature.reserved) == scores_items:
        takes = "no k: it scores every candidate" if scores_items else "k, the number of picks, first"
        raise ClarosError(f"{function.__name__} must take {takes}.")
    built = Strategy(
        function.__name__,
        function,
        signature.needs,
        signature.optional,
        signature.parameters,
        signature.reserved,
        reference,
        stochastic,
        scores_items,
        signature.choices,
        rowwise,
        reach,
    )
    object.__setattr__(built, "__doc__", function.__doc__)
    object.__setattr__(built, "__wrapped__", function)
    return built


def scorer(
    *,
    reference: str,
    stochastic: bool = False,
    optional: tuple[str, ...] = (),
    rowwise: bool = False,
    reach: Callable[..., Array] | None = None,
) -> Callable[[Callable[..., Any]], Strategy]:
    """Make a strategy of a function that scores every candidate, (N,), higher = label sooner.

    ``rowwise=True`` says that an item's score depends on its own rows alone, so that items can be scored in blocks;
    ``reach(least, **inputs)`` then may tell at less cost of which rows the score cannot reach ``least``.
    """

    def decorate(function: Callable[..., Any]) -> Strategy:
        return _build(function, optional, reference, stochastic, scores_items=True, rowwise=rowwise, reach=reach)

    return decorate


def strategy(
    *, reference: str, stochastic: bool = False, optional: tuple[str, ...] = ()
) -> Callable[[Callable[..., Picked]], Strategy]:
    """Make a strategy of a function ``f(k, *, ...)`` that picks by itself and returns `claros.pick.Picked`."""

    def decorate(function: Callable[..., Picked]) -> Strategy:
        return _build(function, optional, reference, stochastic, scores_items=False)

    return decorate


def select(
    strategy: str | Strategy,
    k: int,
    *,
    seed: int | None = None,
    rng: np.random.Generator | None = None,
    n: int = -1,
    **given: Any,
) -> Selection:
    """What to label next: ``min(k, N)`` of N candidates, picked by a strategy from arrays.

    ``given`` holds inputs by their names in `claros.inputs.NEEDS` and parameters of the strategy. Randomness comes
    from ``rng``, or from ``seed`` (0 if neither is given); exact ties are broken by one permutation drawn from it.
    ``n`` gives the number of candidates where no array says it. Raises `InputError` for anything that is not right,
    before anything is computed.

    >>> import claros
    >>> claros.select("margin", 2, probs=[[0.9, 0.1], [0.5, 0.5], [0.6, 0.4]]).indices
    array([1, 2])
    """
    from claros import strategies

    n = n if n == -1 else _whole("n, the number of candidates,", n, 0)
    parameters = {name: value for name, value in given.items() if name not in NEEDS}
    chosen = strategies.get(strategy) if isinstance(strategy, str) else strategy
    if not isinstance(chosen, Strategy):
        raise InputError(f"The strategy must be a name, as 'margin', or a claros.Strategy; got {strategy!r:.80}.")
    if parameters:
        for name in [name for name in parameters if name not in chosen.parameters]:
            raise InputError(f"{chosen.name}: {suggest(name, [*chosen.parameters, *NEEDS], 'input or parameter')}")
        chosen = chosen.configure(**parameters)
    k = _whole("k, the number of items to pick,", k, 1)
    chance = generator(seed, rng, "select")
    arrays = {name: value for name, value in given.items() if name not in parameters}
    inputs = Inputs(arrays, chosen.needs, chosen.optional, who=chosen.name, n=n)
    return chosen.select(k, inputs, chance, last=rng is None)


def _whole(what: str, value: Any, least: int) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral) or value < least:
        raise InputError(f"{what} must be a whole number of at least {least}; got {value!r}.")
    return int(value)
