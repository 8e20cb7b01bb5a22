"""What there is to list: strategies, wrappers, rules, estimates, methods for label shift, models and inputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from claros import compose, estimate, models, shift, stopping, strategies
from claros.compose.composite import source
from claros.errors import InputError, UnknownNameError, suggest
from claros.estimate import Estimator
from claros.inputs import AXES, NEEDS
from claros.models.model import Model
from claros.stopping.rule import Rule
from claros.strategies.tiers import tier
from claros.strategy import Strategy

__all__ = ["KINDS", "catalog"]


def catalog(kind: str) -> list[dict[str, Any]]:
    """All entries of a kind among `KINDS`, in the order of their table, as JSON.

    Each has ``name``, ``summary``, and by kind ``needs``, ``optional``, ``parameters`` (with their defaults),
    ``reference``, ``stochastic``, ``cost``, ``tier``, ``usage``, ``assumes``, ``interval``, ``provides``, ``extra``,
    ``axes``, ``values``.
    An entry that cannot be loaded, because its package is not installed, has a ``problem``.
    """
    if kind not in KINDS:
        raise UnknownNameError(suggest(kind, KINDS, "listing"))
    return KINDS[kind]()


def _described(name: str, get: Callable[[str], Any], describe: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    try:
        return describe(get(name))
    except ImportError as error:  # an extra that is not installed, or a third party's broken entry point
        return {"problem": str(error)}
    except InputError:  # it cannot be made without arguments, so it has no defaults to show
        return {}


def _strategies() -> list[dict[str, Any]]:
    names = strategies.names()
    return [{"name": name, "summary": "", **_described(name, strategies.get, _strategy)} for name in names]


def _wrappers() -> list[dict[str, Any]]:
    return [_wrapper(name, wrapper) for name, wrapper in compose.WRAPPERS.items()]


def _wrapper(name: str, wrapper: Callable[..., Strategy]) -> dict[str, Any]:
    parameters = inspect.signature(wrapper).parameters.values()
    named = {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}
    return {
        "name": name,
        "summary": (inspect.getdoc(wrapper) or "").split("\n\n")[0].replace("\n", " "),
        "usage": compose.usage(name),
        "parameters": {key: None if default is inspect.Parameter.empty else default for key, default in named.items()},
        "reference": source(wrapper),
    }


def _rules() -> list[dict[str, Any]]:
    names = stopping.names()
    return [{"name": name, "summary": "", **_described(name, stopping.get, _rule)} for name in names]


def _estimates() -> list[dict[str, Any]]:
    names = estimate.names()
    return [{"name": name, "summary": "", **_described(name, estimate.get, _estimate)} for name in names]


def _models() -> list[dict[str, Any]]:
    entries = []
    for name in dict.fromkeys([*models.SUMMARIES, *models.names()]):
        extra, summary = models.SUMMARIES.get(name, ("", ""))
        found = _described(name, models.get, _model) if name in models.REGISTRY else {}
        entries.append({"name": name, "summary": summary, "extra": extra, **found})
    return entries


def _model(model: Model) -> dict[str, Any]:
    return {"provides": sorted(model.provides), "parameters": model.spec()["parameters"]}


def _strategy(strategy: Strategy) -> dict[str, Any]:
    return {
        "summary": strategy.summary,
        "needs": list(strategy.needs),
        "optional": list(strategy.optional),
        "parameters": dict(strategy.parameters),
        "reference": strategy.reference,
        "stochastic": strategy.stochastic,
        "cost": strategy.cost,
        "tier": tier(strategy.name),
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "summary": rule.summary,
        "needs": list(rule.needs),
        "parameters": rule.spec()["parameters"],
        "reference": rule.reference,
        "assumes": rule.assumes,
    }


def _estimate(estimator: Estimator) -> dict[str, Any]:
    return {
        "summary": estimator.summary,
        "needs": list(estimator.needs),
        "optional": list(estimator.optional),
        "parameters": dict(estimator.parameters),
        "reference": estimator.reference,
        "stochastic": estimator.stochastic,
        "interval": estimator.interval,
    }


def _shift() -> list[dict[str, Any]]:
    return [{"name": name, "summary": "", **_described(name, shift.get, _method)} for name in shift.names()]


def _method(method: shift.Method) -> dict[str, Any]:
    return {"summary": method.summary, "parameters": dict(method.parameters), "reference": method.reference}


def _inputs() -> list[dict[str, Any]]:
    return [
        {
            "name": need.name,
            "summary": need.meaning,
            "axes": {axis: AXES[axis] for axis in need.axes},
            "values": need.kind,
        }
        for need in NEEDS.values()
    ]


#: What there is to list.
KINDS: Mapping[str, Callable[[], list[dict[str, Any]]]] = {
    "strategies": _strategies,
    "wrappers": _wrappers,
    "stopping": _rules,
    "estimates": _estimates,
    "shift": _shift,
    "models": _models,
    "inputs": _inputs,
}
