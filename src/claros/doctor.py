"""What is installed: Python, the machine, every dependency, what each extra would add, and what is broken."""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
import tomllib
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

from claros import __version__

__all__ = ["examine"]

#: Where the name to import is not that of the distribution.
_MODULES = {
    "pillow": "PIL",
    "scikit-learn": "sklearn",
    "pyyaml": "yaml",
    "mlflow-skinny": "mlflow",
    "faiss-cpu": "faiss",
}
_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)(?:\[[\w,-]*\])?\s*(?P<range>[^;]*?)\s*(?:;.*extra == ['\"](?P<extra>[\w-]+)['\"])?$"
)


def examine() -> dict[str, Any]:
    """Look at this environment: Claros, Python, platform, cores, devices, core packages and extras, as JSON.

    ``core`` is a list of packages, each ``{"name", "wanted", "version", "problem"}``: version None where it is not
    installed, problem a sentence where it is installed and cannot be imported. ``extras`` has for each extra such
    ``packages``, the names ``missing`` and the ``install`` line that adds them. Imports everything that is installed,
    so that it takes seconds where torch is.
    """
    core, extras = _requirements()
    return {
        "claros": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "core": [_package(*requirement) for requirement in core],
        "extras": {extra: _extra(extra, wanted) for extra, wanted in extras.items()},
        "devices": _devices(),
    }


def _requirements() -> tuple[list[tuple[str, str]], dict[str, list[tuple[str, str]]]]:
    """Core requirements and those of each extra, as (name, range), from the installed metadata."""
    try:
        lines = metadata.requires("claros") or []
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed
        project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
        optional = project["optional-dependencies"].items()
        lines = [*project["dependencies"], *(f"{line}; extra == '{extra}'" for extra, of in optional for line in of)]
    core: list[tuple[str, str]] = []
    extras: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        found = _REQUIREMENT.match(line)
        if found is None or found["extra"] == "all":  # it is the sum of the others
            continue
        (extras.setdefault(found["extra"], []) if found["extra"] else core).append((found["name"], found["range"]))
    return sorted(core), {extra: sorted(wanted) for extra, wanted in extras.items()}


def _extra(extra: str, wanted: list[tuple[str, str]]) -> dict[str, Any]:
    packages = [_package(*requirement) for requirement in wanted]
    missing = [package["name"] for package in packages if package["version"] is None]
    return {"packages": packages, "missing": missing, "install": f"pip install 'claros[{extra}]'"}


def _package(name: str, wanted: str) -> dict[str, Any]:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return {"name": name, "wanted": wanted, "version": None, "problem": None}
    problem = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(_MODULES.get(name, name.replace("-", "_")))
    except Exception as error:  # noqa: BLE001  a broken package raises anything; the finding is that it does
        sentence = next(iter(str(error).splitlines()), "")
        problem = f"is installed but cannot be imported: {type(error).__name__}: {sentence}"
    return {"name": name, "wanted": wanted, "version": version, "problem": problem}


def _devices() -> list[str]:
    """What torch can compute on, if torch is there and works: "cpu", "cuda:0 NAME, 80 GB", "mps"."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "cuda"):
        return ["cpu"]
    found = ["cpu"]
    for place in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        card = torch.cuda.get_device_properties(place)
        found.append(f"cuda:{place} {card.name}, {card.total_memory / 2**30:.0f} GiB")
    if torch.backends.mps.is_available():
        found.append("mps")
    return found
