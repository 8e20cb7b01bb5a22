"""A method with its parameters as a text: ``bbse(soft=False, solver="solve")``."""

from __future__ import annotations

import ast
from typing import Any

from claros.errors import InputError

__all__ = ["read_call"]

#: Longer texts than this are no names of methods.
LONGEST = 500


def read_call(text: str) -> tuple[str, dict[str, Any]]:
    """The name and the parameters; numbers, words, true and false. The text is read, never run.

    >>> read_call("bbse(soft=false, solver=solve)")
    ('bbse', {'soft': False, 'solver': 'solve'})
    """
    wrong = InputError(f"{text[:LONGEST]!r} cannot be read as a method; write it as in bbse(soft=false, solver=solve).")
    if len(text) > LONGEST:
        raise wrong
    try:
        node = ast.parse(text.strip(), mode="eval").body
        if isinstance(node, ast.Name):
            return node.id, {}
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.args:
            raise wrong
        return node.func.id, {str(word.arg): _value(word.value) for word in node.keywords}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise wrong from None


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return {"true": True, "false": False, "none": None}.get(node.id.lower(), node.id)
    return ast.literal_eval(node)
