"""Expressions as people write them, such as ``badge(temperature=0.5)``, read as Python's and never run."""

from __future__ import annotations

import ast

from claros.errors import InputError

__all__ = ["read_expression"]


def read_expression(text: str, *, called: str, kind: str, longest: int, example: str) -> ast.expr:
    """The expression that a text is; an `InputError` of what is ``called`` so for one that is longer, or is none.

    ``kind`` says what the text should be, with its article, ``example`` how it is written. Longer texts could exhaust
    the stack.
    """
    if len(text) > longest:
        raise InputError(f"{called} has at most {longest} characters; got {len(text)}.")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"{text!r} cannot be read as {kind}; write it as in {example}.") from None
