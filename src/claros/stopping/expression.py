"""Stopping rules written as text: names, parameters by name, and how rules are combined."""

from __future__ import annotations

import ast
from typing import Any

from claros import stopping
from claros.errors import InputError
from claros.expressions import read_expression
from claros.stopping.rule import Rule

__all__ = ["parse"]

EXAMPLE = "stabilizing_predictions(window=3, threshold=0.98)"
#: Longer texts than this are no rules.
LONGEST = 1000
_WORDS = {"true": True, "false": False, "none": None}


def parse(text: str) -> Rule:
    """The rule that a text describes: a name, with parameters by name in parentheses if it has any.

    ``first & second``, ``first | second`` and ``rule.patience(2)`` are read as well. Nothing in it is run.

    >>> parse("stabilizing_predictions(threshold=0.98) & classification_change").name
    'all'
    """
    called = "A rule's text"
    return _rule(read_expression(text, called=called, kind="a stopping rule", longest=LONGEST, example=EXAMPLE))


def _rule(node: ast.expr) -> Rule:
    if isinstance(node, ast.Name):
        return stopping.get(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        left, right = _rule(node.left), _rule(node.right)
        return left & right if isinstance(node.op, ast.BitAnd) else left | right
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
        return stopping.get(node.func.id, **{word.arg: _value(word.value) for word in node.keywords if word.arg})
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_patience(node, node.func):
        words = [("calls", value) for value in node.args] + [(word.arg or "**", word.value) for word in node.keywords]
        given = {name: _value(value) for name, value in words}
        rule = _rule(node.func.value)
        return stopping.from_spec({"name": "patience", "parameters": {**given, "rule": rule.spec()}})
    raise InputError(f"A stopping rule was expected, as in {EXAMPLE}; got {ast.unparse(node)[:80]}.")


def _is_patience(call: ast.Call, method: ast.Attribute) -> bool:
    return method.attr == "patience" and len(call.args) <= 1


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return _WORDS.get(node.id.lower(), node.id)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise InputError(
            f"A parameter is a number, a word or a text in quotes; got {ast.unparse(node)[:80]}."
        ) from None
