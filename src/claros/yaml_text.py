"""YAML as people write it: ``1e-3`` is a number, which YAML 1.1, and so PyYAML, reads as a word."""

from __future__ import annotations

import re
from typing import Any

import yaml

__all__ = ["read_yaml"]


class _Loader(yaml.SafeLoader):
    """Plain data only, with the numbers of YAML 1.2."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+"), [*"-+.0123456789"]
)


def read_yaml(text: str) -> Any:
    """What the text says, as plain data; raises a ``yaml.YAMLError`` where it is none.

    >>> read_yaml("[2e-5, 1.5E3, -3, 1e, v1e5]")
    [2e-05, 1500.0, -3, '1e', 'v1e5']
    """
    return yaml.load(text, _Loader)
