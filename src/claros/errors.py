"""Every error that Claros raises on purpose, in one tree.

::

    ClarosError
    ├── InputError (ValueError)        an array, a value or a setting is not what was asked for
    │   ├── UnknownNameError           no strategy, rule, model or data set of that name
    │   ├── CannotFeedError            the model cannot provide what a strategy or rule needs
    │   └── NoEstimateError            the data are sound, but too few or too odd for an honest estimate
    ├── DataError                      a pool cannot be read, or is not the one it was
    ├── ModelError                     training or prediction failed
    ├── HookError                      a hook of yours failed; nothing that was done before is lost
    ├── MissingExtraError (ImportError)  an optional package is not installed
    └── LogError                       the campaign's log cannot be used
        ├── CorruptLogError            it is damaged
        ├── NewerLogError              a newer Claros wrote it
        ├── StorageError               it could not be written; nothing was recorded
        └── ConflictError              another process is planning, or wrote first

Messages are one sentence or two: what was expected, what came, where, what to do.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType

__all__ = [
    "CannotFeedError",
    "ClarosError",
    "ConflictError",
    "CorruptLogError",
    "DataError",
    "HookError",
    "InputError",
    "LogError",
    "MissingExtraError",
    "ModelError",
    "NewerLogError",
    "NoEstimateError",
    "StorageError",
    "UnknownNameError",
    "require",
    "suggest",
]


class ClarosError(Exception):
    """The root: catch this to catch everything that Claros raises on purpose."""


class InputError(ClarosError, ValueError):
    """An array, a value or a setting is not what was asked for."""


class UnknownNameError(InputError):
    """Nothing of that name is known; the message lists what is."""


class CannotFeedError(InputError):
    """A model cannot provide what a strategy or rule needs; said before any training."""


class NoEstimateError(InputError):
    """The data are sound, but too few or too odd for an honest estimate; the message says what is missing."""


class DataError(ClarosError):
    """A pool cannot be read, or is not the one that the campaign was made for."""


class ModelError(ClarosError):
    """Training or prediction failed."""


class HookError(ClarosError):
    """Code that was to be called before or after a round failed; what was done before is kept."""


class MissingExtraError(ClarosError, ImportError):
    """An optional package is not installed; the message has the install line."""


class LogError(ClarosError):
    """The campaign's log cannot be used."""


class CorruptLogError(LogError):
    """The log is damaged."""


class NewerLogError(LogError):
    """A newer version of Claros wrote the log."""


class StorageError(LogError):
    """The log could not be written; nothing was recorded."""


class ConflictError(LogError):
    """Another process is planning, or wrote first."""


def suggest(name: str, known: Iterable[str], kind: str) -> str:
    """One sentence that says what is unknown, the nearest known name, and all known ones."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"There is no {kind} named {name!r}.{hint} Known: {', '.join(names) or 'none'}."


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional package, or say which extra brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs {module.partition('.')[0]}, which is not installed: pip install 'claros[{extra}]'"
        ) from error
