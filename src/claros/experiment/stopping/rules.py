"""The rules that are replayed: all there are, or those given as texts, as in ``stabilizing_predictions(window=2)``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from claros import stopping
from claros.stopping.expression import parse
from claros.stopping.rule import Rule

__all__ = ["chosen", "for_accuracy", "is_told", "parse", "told", "weighs"]

#: Published forms of rules with names of their own, which differ from what the rule does by default.
FORMS = ("minimum_expected_error", "static_confidence")
_RECALL = "claros.stopping.recall"


def chosen(texts: Iterable[str] = ()) -> dict[str, Rule]:
    """Rules by what they are called here: each text as it was written, or without any all registered, by default.

    >>> [*chosen(["budget(labels=100)"])]
    ['budget(labels=100)']
    """
    return {text.strip(): parse(text) for text in texts} or {name: stopping.get(name) for name in stopping.names()}


def for_accuracy(texts: Iterable[str] = ()) -> dict[str, Rule]:
    """As `chosen`, but without any text the rules that ask whether a model is done, and published forms of them.

    Those for finding all relevant items ask something else, which the accuracy does not judge.
    """
    texts = list(texts)
    if texts:
        return chosen(texts)
    found = {name: rule for name, rule in chosen().items() if not type(rule).__module__.startswith(_RECALL)}
    return found | chosen(FORMS)


def is_told(rule: Rule) -> bool:
    """Whether the rule, or one that it is made of, weighs what a label costs and waits to be told.

    An advisor that assumes a price where it knows none is not waiting.
    """
    return not getattr(rule, "assume_price", False) and told(rule, 1.0) != rule


def weighs(rule: Rule) -> bool:
    """Whether the rule has a parameter ``price``."""
    return "price" in {field.name for field in fields(rule)}


def told(rule: Rule, price: float) -> Rule:
    """The rule, told the price of one label in accuracy (1.00 of it is worth 1)."""
    return rule.told(price=100 * price, worth=1.0, warm=False)
