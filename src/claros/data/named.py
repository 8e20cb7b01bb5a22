"""Public data sets by name: scikit-learn's bundled ones, and torchvision's, downloaded once into a cache."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from claros.data.labels import encode
from claros.data.options import Options, into_given_classes
from claros.data.pool import Pool, Split, new_pool
from claros.data.readers import Images, Rows
from claros.errors import DataError, require

__all__ = ["NAMED", "cache_folder"]

#: Seconds without an answer after which a download is given up.
PATIENCE = 20.0


def cache_folder() -> Path:
    """Where downloads are kept: ``$CLAROS_CACHE``, or ``~/.cache/claros``."""
    return Path(os.environ.get("CLAROS_CACHE") or Path.home() / ".cache" / "claros")


def _bundled(name: str, options: Options) -> Split:
    """A set that scikit-learn brings along; digits as 8 x 8 grey images, their 17 levels spread over 0..255."""
    datasets = require("sklearn.datasets", "sklearn", f"the data set {name!r}")
    bunch = getattr(datasets, f"load_{name}")()
    classes = tuple(map(str, bunch.target_names))
    labels, _ = encode(bunch.target, classes)
    if name == "digits":
        pool = new_pool(Images(np.rint(bunch.images * (255 / 16)).astype(np.uint8)), labels=labels, classes=classes)
    else:
        pool = new_pool(Rows(bunch.data, tuple(map(str, bunch.feature_names))), labels=labels, classes=classes)
    return Split(into_given_classes(pool, options, name), None)


def _torchvision(name: str, options: Options) -> Split:
    """MNIST or CIFAR with its published test part, from the cache or else from where torchvision gets it."""
    try:
        datasets = require("torchvision.datasets", "vision", f"the data set {name!r}")
    except RuntimeError as error:
        raise DataError(f"torchvision does not fit the torch that is installed ({error}); reinstall both.") from error
    make = getattr(datasets, name.upper())
    return Split(_published(make, name, True, options), _published(make, name, False, options))


def _published(make: Callable[..., Any], name: str, train: bool, options: Options) -> Pool:
    folder = cache_folder()
    try:
        found = make(folder, train=train, download=False)
    except RuntimeError:  # torchvision's word for "not there"
        found = _downloaded(make, name, train, folder)
    classes = tuple(str(known).partition(" - ")[0] for known in found.classes)  # MNIST's are called "0 - zero"
    labels, _ = encode(np.asarray(found.targets), classes)
    pool = new_pool(Images(np.asarray(found.data)), labels=labels, classes=classes)
    return into_given_classes(pool, options, name)


def _downloaded(make: Callable[..., Any], name: str, train: bool, folder: Path) -> Any:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _patience():
            return make(folder, train=train, download=True)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"The data set {name!r} is not in {folder} and cannot be downloaded ({_last_line(error)}); go online once, "
            "or set CLAROS_CACHE to a folder that has torchvision's files."
        ) from error


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


@contextmanager
def _patience() -> Iterator[None]:
    """A limit for downloads that have none of their own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


#: Names that ``load`` knows, and what opens them.
NAMED: dict[str, Callable[[str, Options], Split]] = {
    "digits": _bundled,
    "iris": _bundled,
    "wine": _bundled,
    "breast_cancer": _bundled,
    "mnist": _torchvision,
    "cifar10": _torchvision,
    "cifar100": _torchvision,
}
