"""Stopping rules by name; one file per rule, loaded on first use.

::

    rule = claros.stopping.get("stabilizing_predictions", window=3, threshold=0.99)
    trace.append(rule.observe(stop_predictions=predictions))     # once a round; what it returns survives JSON
    rule.decide(trace)                                           # Decision(stop, ready, value, threshold, reason)

``first & second`` stops when both do, ``first | second`` when either does, ``rule.patience(3)`` when the rule said
stop three times in a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from claros.errors import InputError, suggest
from claros.registry import Registry
from claros.stopping.combine import All, AnyOf, Patience
from claros.stopping.rule import Decision, Observation, Rule, first_stop, replay

__all__ = [
    "REGISTRY",
    "All",
    "AnyOf",
    "Decision",
    "Observation",
    "Patience",
    "Rule",
    "first_stop",
    "from_spec",
    "get",
    "names",
    "replay",
]

#: The table: one line a rule. Third parties add theirs by an entry point in the group ``claros.stopping``.
REGISTRY: Registry[type[Rule]] = Registry(
    "stopping rule",
    {
        "budget": "claros.stopping.budget:Budget",
        "stabilizing_predictions": "claros.stopping.stabilizing_predictions:StabilizingPredictions",
        "overall_uncertainty": "claros.stopping.overall_uncertainty:OverallUncertainty",
    },
    group="claros.stopping",
)

_SEVERAL: Mapping[str, type[All | AnyOf]] = {"all": All, "any": AnyOf}


def get(name: str, /, **parameters: Any) -> Rule:
    """The rule of that name, with the given parameters over its defaults.

    >>> get("stabilizing_predictions", threshold=0.98).spec()["parameters"]["threshold"]
    0.98
    """
    rule = REGISTRY.load(name)
    known = [field.name for field in fields(rule)]
    unknown = next((parameter for parameter in parameters if parameter not in known), None)
    if unknown is not None:
        raise InputError(f"{name}: {suggest(unknown, known, 'parameter')}")
    return rule(**parameters)


def from_spec(spec: Mapping[str, Any]) -> Rule:
    """The rule that ``Rule.spec()`` described, combinations included.

    >>> rule = get("budget", labels=500) | get("overall_uncertainty").patience(2)
    >>> from_spec(rule.spec()) == rule
    True
    """
    name, parameters = spec["name"], dict(spec.get("parameters", {}))
    try:
        if name in _SEVERAL:
            return _SEVERAL[name](tuple(from_spec(member) for member in parameters["rules"]))
        if name == "patience":
            return Patience(from_spec(parameters["rule"]), parameters.get("calls", 2))
    except KeyError as missing:
        raise InputError(f"{name}: the specification lacks {missing.args[0]!r}; got {dict(spec)!r}.") from missing
    return get(name, **parameters)


def names() -> list[str]:
    """All rules' names."""
    return REGISTRY.names()
