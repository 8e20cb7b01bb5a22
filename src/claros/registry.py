"""Names to objects, loaded on first use: one mechanism for strategies, stopping rules and models."""

from __future__ import annotations

import importlib
from collections import ChainMap
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from claros.errors import ClarosError, InputError, UnknownNameError, suggest

__all__ = ["Registry", "read_spec"]

T = TypeVar("T")


def read_spec(spec: Any, kind: str) -> tuple[str, dict[str, Any]]:
    """Name and parameters of what ``spec()`` gave; what is no such thing is an `InputError`."""
    name, parameters = (spec.get("name"), spec.get("parameters", {})) if isinstance(spec, Mapping) else (None, None)
    if (
        not isinstance(name, str)
        or not isinstance(parameters, Mapping)
        or not all(isinstance(key, str) for key in parameters)
    ):
        raise InputError(f'A {kind} is specified as {{"name": ..., "parameters": {{...}}}}; got {spec!r:.80}.')
    return name, dict(parameters)


class Registry(Generic[T]):
    """A lazy table ``name -> "package.module:attribute"``, extended by entry points and by ``add``.

    A third party adds a name by declaring an entry point in the group (``claros.strategies``, ``claros.stopping`` or
    ``claros.models``); nothing is imported until that name is asked for. Built-in names cannot be replaced.
    ``aliases`` are other names of what is in the table, which lists do not repeat.
    """

    def __init__(
        self, kind: str, table: Mapping[str, str], group: str, aliases: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.kind = kind
        self.group = group
        self.aliases = aliases
        self._table = dict(table)
        self._added: dict[str, T] = {}
        self._third_party: dict[str, str] | None = None

    def _paths(self) -> Mapping[str, str]:
        if self._third_party is None:
            self._third_party = {entry.name: entry.value for entry in entry_points(group=self.group)}
        return ChainMap(self._table, self._third_party)

    def names(self) -> list[str]:
        """All known names, in the order of the table, then third parties', then those added in this process."""
        return list(dict.fromkeys([*self._table, *self._paths(), *self._added]))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: str) -> bool:
        return name in self._added or name in self._paths() or name in self.aliases

    def add(self, name: str, value: T) -> T:
        """Register an object of this process under a name that is not taken."""
        if name in self._table or name in self.aliases:
            raise ClarosError(f"The {self.kind} name {name!r} is taken by a built-in one; choose another name.")
        self._added[name] = value
        return value

    def load(self, name: str) -> T:
        """The object of that name; an unknown name lists the known ones."""
        if name in self._added:
            return self._added[name]
        path = self._paths().get(self.aliases.get(name, name))
        if path is None:
            raise UnknownNameError(suggest(name, [*self.names(), *self.aliases], self.kind))
        module, _, attribute = path.partition(":")
        loaded: T = getattr(importlib.import_module(module), attribute)
        return loaded
