"""Objects by the name of where they are, ``package.module:object``, and the name of an object."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from claros.errors import InputError, suggest

__all__ = ["path_of", "resolve"]


def resolve(path: str) -> Any:
    """The object at ``package.module:object``. Importing the module runs its code."""
    module_name, _, attribute = path.partition(":")
    try:
        found = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name in ("tensorflow", "jax"):
            raise InputError(
                f"{path}: Python finds no module {error.name!r}. If it is Keras that wants it, choose another "
                "backend in the environment, as KERAS_BACKEND=torch."
            ) from error
        if error.name is None or not (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise
        raise InputError(
            f"{path}: Python finds no module {error.name!r}; install it, or set PYTHONPATH to its folder."
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            public = [name for name in vars(found) if not name.startswith("_")]
            raise InputError(f"{path}: {suggest(part, public, 'object')}")
        found = getattr(found, part)
    return found


def path_of(value: Any) -> str | None:
    """Where the object can be found by name, in the shortest public module; None if it cannot."""
    name, module_name = getattr(value, "__qualname__", None), getattr(value, "__module__", None)
    if name is None or module_name is None or module_name == "__main__":
        return None
    parts = module_name.split(".")
    for end in range(1, len(parts) + 1):
        if all(not part.startswith("_") for part in parts[:end]) or end == len(parts):
            found: Any = sys.modules.get(".".join(parts[:end]))
            for part in name.split("."):
                found = getattr(found, part, None)
            if found is value:
                return f"{'.'.join(parts[:end])}:{name}"
    return None
