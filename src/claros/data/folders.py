"""Pools of class-folder trees (``finch/001.jpg``) of images or sounds, in a folder or in a zip."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from claros.arrays import Indices
from claros.data.attached import attach_to
from claros.data.images import SUFFIXES as IMAGE_SUFFIXES
from claros.data.images import ImageFiles
from claros.data.labels import encode
from claros.data.options import PARTS, Options, by_part, rows_to_keep
from claros.data.pool import Pool, Split, derive, new_pool
from claros.data.sounds import SUFFIXES as SOUND_SUFFIXES
from claros.data.sounds import SoundFiles
from claros.data.store import Archive, Files, Folder, Store
from claros.errors import DataError, InputError

__all__ = ["audio_folder", "image_folder", "open_tree", "whole_tree"]

_SUFFIXES = {"images": IMAGE_SUFFIXES, "sounds": SOUND_SUFFIXES}


def image_folder(
    path: str | Path,
    *,
    image_size: int = 32,
    classes: Collection[str] | None = None,
    label_pattern: str | None = None,
    skip_unreadable: bool = False,
    features: str | Path | None = None,
) -> Pool:
    """A pool of all images under a folder or in a zip; the first folder of each path is its class.

    Ids are relative POSIX paths, sorted (without a single folder that wraps all others), so they stay when files are
    added. Images without a class folder have no label. Nothing is decoded before it is asked for, unless
    ``skip_unreadable`` asks to find out first which files cannot be.

    Arguments:
        path: the folder or zip.
        image_size: side of the square in pixels that models get; thumbnails and exports are of the original.
        classes: names in the order of their codes; a folder of another name is an error. By default the sorted names.
        label_pattern: a regular expression searched in each id; its group ``label``, or its first, is the class.
        skip_unreadable: leave out files that cannot be read, and list them in ``pool.skipped``.
        features: features of the images, for models to read in their place; see `claros.data.with_features`.
    """
    options = Options(
        image_size=image_size,
        classes=None if classes is None else tuple(classes),
        label_pattern=label_pattern,
        skip_unreadable=skip_unreadable,
        features=None if features is None else str(Path(features).resolve()),
    )
    return whole_tree("image_folder", path, options)


def audio_folder(
    path: str | Path,
    *,
    classes: Collection[str] | None = None,
    label_pattern: str | None = None,
    skip_unreadable: bool = False,
    features: str | Path | None = None,
) -> Pool:
    r"""A pool of all sounds (wav, flac, ogg) under a folder or in a zip; arguments as of ``image_folder``.

    Where the class is in the file's name, as in ``recordings/7_jackson_32.wav``, say so: ``label_pattern=r"(\d)_"``.
    """
    options = Options(
        classes=None if classes is None else tuple(classes),
        label_pattern=label_pattern,
        skip_unreadable=skip_unreadable,
        features=None if features is None else str(Path(features).resolve()),
    )
    return whole_tree("audio_folder", path, options)


def whole_tree(by: str, path: str | Path, options: Options, verify: bool = True) -> Pool:
    """What the function called ``by`` returns."""
    pool, _ = _read(Path(path), options, {"image_folder": "images", "audio_folder": "sounds"}[by])
    pool = attach_to(pool, options.features, verify=verify)
    where = str(Path(path).resolve())
    return derive(pool, source={"by": by, "path": where, "options": options.to_json(), "skipped": [*pool.skipped]})


def open_tree(path: Path, options: Options) -> Split:
    """The images or sounds, whichever there are more of, and their parts if the top folders are called so."""
    return by_part(*_read(path, options, None))


def _read(path: Path, options: Options, kind: str | None) -> tuple[Pool, Indices | None]:
    if not path.exists():
        raise DataError(f"there is no folder or zip at {path}.")
    path = path.resolve()  # files are read later, when the working directory may be another
    store: Store = Folder(path) if path.is_dir() else Archive(path)
    found = {known: [name for name in store.names() if _suffix(name) in _SUFFIXES[known]] for known in _SUFFIXES}
    kind = kind or max(found, key=lambda known: len(found[known]))
    if not found[kind]:
        wanted = sorted(_SUFFIXES[kind])
        raise DataError(f"{path} has no {kind}: none of its files ends in {', '.join(wanted)}.")
    names = found[kind]
    tree = _layout(names, options.label_pattern)
    reader: Files = ImageFiles(store, names, options.image_size) if kind == "images" else SoundFiles(store, names)
    rows = rows_to_keep(tree.ids, options)
    skipped: list[int] = []
    if options.skip_unreadable:
        good, skipped = reader.readable(rows)
        rows = np.array(good, np.int64)
    if not len(rows):
        raise DataError(f"{path} has no {kind} left: {len(skipped)} of {len(names)} cannot be read.")
    labels, classes = None, tuple(options.classes or ())
    if any(label is not None for label in tree.labels):
        labels, classes = encode([tree.labels[row] for row in rows], options.classes, where=str(path))
    elif options.label_pattern is not None:
        raise DataError(f"label_pattern={options.label_pattern!r} is found in no id of {path}, as {tree.ids[0]!r}.")
    notes = {"skipped": [*options.without, *(tree.ids[row] for row in skipped)]}
    pool = derive(new_pool(reader, ids=tree.ids, notes=notes), rows, labels=labels, classes=classes)
    return pool, None if tree.parts is None else tree.parts[rows]


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


class _Tree(NamedTuple):
    ids: list[str]
    labels: list[str | None]
    parts: Indices | None


def _layout(names: Sequence[str], label_pattern: str | None) -> _Tree:
    """Ids, class names and parts of sorted relative paths."""
    paths = [name.split("/") for name in names]
    while _wrapped(paths):
        paths = [path[1:] for path in paths]
    ids = ["/".join(path) for path in paths]
    parts = None
    if all(len(path) > 1 and path[0].lower() in PARTS for path in paths):
        parts = np.array([PARTS[path[0].lower()] for path in paths], np.int64)
        paths = [path[1:] for path in paths]
    if label_pattern is None:
        return _Tree(ids, [path[0] if len(path) > 1 else None for path in paths], parts)
    try:
        pattern = re.compile(label_pattern)
    except re.error as error:
        raise InputError(f"label_pattern={label_pattern!r} is no regular expression: {error}.") from error
    if not pattern.groups:
        raise InputError(f"label_pattern={label_pattern!r} needs a group for the label, as in '([a-z]+)_'.")
    group: str | int = "label" if "label" in pattern.groupindex else 1
    found = [pattern.search(name) for name in ids]
    return _Tree(ids, [match and match.group(group) for match in found], parts)


def _wrapped(paths: Sequence[Sequence[str]]) -> bool:
    """Whether one folder holds everything, and there are folders inside: it is a wrapping, and no class."""
    tops = {path[0] for path in paths}
    return len(tops) == 1 and not tops & PARTS.keys() and max(map(len, paths)) > 2
