"""What numbers depend on beside the settings: Python and the packages that compute."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib import metadata

__all__ = ["versions"]

#: Packages whose versions numbers are the same for.
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch")


def versions() -> dict[str, str]:
    """Name -> version, of what is installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
