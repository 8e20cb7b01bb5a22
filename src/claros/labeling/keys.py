"""From what a person types to the class that is meant."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["RESERVED", "Keys"]

#: What is typed for something else than a class, and what that is.
RESERVED = {"u": "undo", "s": "skip", "q": "quit", "?": "help"}

_OFFERED = [key for key in "123456789abcdefghijklmnopqrstuvwxyz" if key not in RESERVED]


class Keys:
    """One key a class, while keys last; names and their beginnings do as well.

    Keys are 1 to 9, then letters, without the reserved ones and those that are names of classes. A class whose name is
    a digit has that as its key, so that 0 to 9 are typed as what they are.

    >>> Keys(["finch", "wren"]).of
    {'1': 'finch', '2': 'wren'}
    >>> Keys(["0", "1", "other"]).of
    {'0': '0', '1': '1', '2': 'other'}
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        free = iter(key for key in _OFFERED if key not in self.classes)
        self.of: dict[str, str] = {}
        for name in self.classes:
            key = name if name in "0123456789" else next(free, None)
            if key is not None:
                self.of[key] = name

    def read(self, typed: str) -> str:
        """The class that is meant; a `LookupError` with a sentence if none or several may be.

        In this order: the exact name, the key, the name in any case, the beginning of one name only.
        """
        if typed in self.classes:
            return typed
        if typed in self.of:
            return self.of[typed]
        folded = typed.casefold()
        for meant in (
            [name for name in self.classes if name.casefold() == folded],
            [name for name in self.classes if name.casefold().startswith(folded)],
        ):
            if len(meant) == 1:
                return meant[0]
            if meant:
                raise LookupError(f"{typed!r} may be {', '.join(meant)}; type more of it.")
        raise LookupError(f"No class is {typed!r} or begins like that; type ? for the keys.")

    def menu(self) -> list[str]:
        """One text a class: its key and its name, or the name alone when the keys are used up."""
        keys = {name: key for key, name in self.of.items()}
        return [name if keys.get(name, name) == name else f"{keys[name]} {name}" for name in self.classes]
