"""A wrapped strategy as a text: ``prefilter(margin, badge(temperature=0.5), factor=5)``.

The text is read as one Python expression of calls, names and plain values; nothing in it is ever run.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any, NoReturn

from claros import strategies
from claros.compose.composite import WORDS, written
from claros.compose.wrappers import WRAPPERS
from claros.errors import InputError, UnknownNameError, suggest
from claros.expressions import read_expression
from claros.strategy import Strategy

__all__ = ["parse", "usage"]

#: Longer texts than this are no names of strategies.
LONGEST = 2000

EXAMPLE = "prefilter(margin, badge(temperature=0.5), factor=5)"


def parse(text: str) -> Strategy:
    """The strategy that an expression describes; its name is the expression in its one canonical form.

    Strategies stand by name or as calls with their parameters, wrappers (`claros.compose.WRAPPERS`) as calls with
    strategies first; parameters are given by name, their values are numbers, words, texts in quotes, lists. Raises
    `InputError` for anything else.

    >>> parse("prefilter(margin,badge(temperature=1.0), factor=5)").name
    'prefilter(margin, badge, factor=5)'
    """
    called = "A strategy's expression"
    return _strategy(read_expression(text, called=called, kind="a strategy", longest=LONGEST, example=EXAMPLE))


def _strategy(node: ast.expr) -> Strategy:
    if isinstance(node, ast.Name):
        return strategies.get(node.id)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return strategies.get(node.value)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        _refuse(node, "a strategy")
    name = node.func.id
    given = _keywords(name, node)
    if name in WRAPPERS:
        return _wrapped(name, node, given)
    if name not in strategies.REGISTRY:
        known = [*strategies.REGISTRY.names(), *strategies.ALIASES, *WRAPPERS]
        raise UnknownNameError(suggest(name, known, "strategy or wrapper"))
    if node.args:
        raise InputError(f"{name} takes its parameters by name, as in badge(temperature=0.5); got {_text(node)}.")
    return strategies.get(name, **{key: _value(value) for key, value in given.items()})


def _wrapped(name: str, node: ast.Call, given: dict[str, ast.expr]) -> Strategy:
    wrapper, args = WRAPPERS[name], node.args
    known = inspect.signature(wrapper).parameters
    unknown = next((key for key in given if key not in known), None)
    if unknown is not None:
        raise InputError(f"{name}: {suggest(unknown, known, 'parameter')}")
    parts = [key for key, parameter in known.items() if parameter.kind is not parameter.KEYWORD_ONLY]
    required = [key for key, parameter in known.items() if parameter.default is parameter.empty]
    named = [*parts[: len(args)], *given]
    if len(args) > len(parts) or len(set(named)) < len(named) or not set(required) <= set(named):
        raise InputError(f"{name} is written as {usage(name)}; got {_text(node)}.")
    read: Callable[[ast.expr], Any] = _shares if name == "mixture" else _strategy
    arguments = {key: read(part) for key, part in zip(parts, args, strict=False)}
    arguments.update({key: read(part) if key in parts else _value(part) for key, part in given.items()})
    return wrapper(**arguments)


def _shares(node: ast.expr) -> list[tuple[Strategy, Any]]:
    if not isinstance(node, ast.Dict) or None in node.keys:
        _refuse(node, "strategies with their shares, as in {margin: 0.7, badge: 0.3},")
    return [(_strategy(key), _value(value)) for key, value in zip(node.keys, node.values, strict=True) if key]


def _keywords(name: str, node: ast.Call) -> dict[str, ast.expr]:
    if any(isinstance(arg, ast.Starred) for arg in node.args) or any(word.arg is None for word in node.keywords):
        raise InputError(f"{name}: an expression has no * and no **; got {_text(node)}.")
    return {word.arg: word.value for word in node.keywords if word.arg}


def _value(node: ast.expr) -> Any:
    """A parameter's value: a literal, or a bare word for a text."""
    if isinstance(node, ast.Name):
        return WORDS.get(node.id, node.id)
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_text_of_part(part) if isinstance(part, ast.Call) else _value(part) for part in node.elts]
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        _refuse(node, "a number, a word, a text in quotes or a list of them")


def _text_of_part(node: ast.Call) -> str:
    """A strategy with parameters in a list of strategies, as the text that says it."""
    return ast.unparse(node)


def usage(name: str) -> str:
    """How an expression writes a wrapper: what it wraps, then its parameters with their defaults."""
    if name == "mixture":
        return "mixture({margin: 0.7, badge: 0.3})"
    shown = []
    for key, parameter in inspect.signature(WRAPPERS[name]).parameters.items():
        default = "..." if parameter.default is parameter.empty else written(parameter.default)
        shown.append(key if parameter.kind is not parameter.KEYWORD_ONLY else f"{key}={default}")
    return f"{name}({', '.join(shown)})"


def _text(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _refuse(node: ast.expr, expected: str) -> NoReturn:
    raise InputError(f"In a strategy's expression {expected} was expected, as in {EXAMPLE}; got {_text(node)}.")
