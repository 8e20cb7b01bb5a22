"""What numbers depend on beside settings and data: versions, threads, the device."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from typing import Any

import claros
from claros.arrays import thread_counts

__all__ = ["differences", "environment", "versions"]

#: Packages whose versions numbers are the same for.
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "transformers")


@cache
def _found() -> tuple[tuple[str, str], ...]:
    found = [("python", platform.python_version())]
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found.append((package, metadata.version(package)))
    return tuple(found)


def versions() -> dict[str, str]:
    """Name -> version, of what is installed."""
    return dict(_found())


def environment() -> dict[str, Any]:
    """Versions, the kind of machine, threads of each library that is loaded, and the CUDA device if one is in use."""
    torch = sys.modules.get("torch")
    device = {}
    if torch is not None and torch.cuda.is_initialized():
        device = {"device": str(torch.cuda.get_device_name())}
    return {
        "claros": claros.__version__,
        "versions": versions(),
        "machine": f"{platform.system()} {platform.machine()}",
        "threads": thread_counts(),
        **device,
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is another than it was, each in a few words: "numpy was 2.3.1, is 2.4.0"; libraries loaded once count."""
    return [
        f"{name} {'was ' + str(was) if was is not None else 'was not there'}, "
        f"{'is ' + str(now_is) if now_is is not None else 'is not here'}"
        for name, was, now_is in _pairs(before, now)
        if was != now_is
    ]


def _pairs(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in ("claros", "machine", "device"):
        yield name, before.get(name), now.get(name)
    for group, suffix in (("versions", ""), ("threads", " threads")):
        was, here = before.get(group, {}), now.get(group, {})
        names = {**was, **here} if group == "versions" else {name: 0 for name in was if name in here}
        yield from ((f"{name}{suffix}", was.get(name), here.get(name)) for name in names)
