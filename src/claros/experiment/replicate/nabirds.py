"""NABirds in its own layout: images, boxes, classes and a hierarchy, as a file of cropped images that any run reads."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from claros.arrays import Indices
from claros.errors import DataError, InputError, require
from claros.files import write_atomically

__all__ = ["Level", "ancestors", "is_nabirds", "prepare"]

#: How fine classes are: children of the root (22 orders), their children, or what the images are labeled as.
Level = Literal["child", "grand", "leaf"]


def is_nabirds(folder: str | Path) -> bool:
    """Whether a folder has the layout: images.txt, image_class_labels.txt, classes.txt and hierarchy.txt."""
    names = ("images.txt", "image_class_labels.txt", "classes.txt", "hierarchy.txt")
    return all((Path(folder) / name).is_file() for name in names)


def ancestors(parents: Mapping[str, str], level: Level) -> dict[str, str]:
    """For every class, the class that stands for it at a level: its ancestor so many steps below the root.

    A class that is nearer to the root than that stands for itself. ``parents`` are those of ``hierarchy.txt``; a cycle
    is a `DataError`.

    >>> birds = {"duck": "waterfowl", "mallard": "duck", "waterfowl": "bird"}
    >>> ancestors(birds, "child")["mallard"], ancestors(birds, "grand")["mallard"]
    ('waterfowl', 'duck')
    """
    if level not in get_args(Level):
        raise InputError(f"The level must be one of {', '.join(get_args(Level))}; got {level!r}.")
    found = {}
    for start in {*parents, *parents.values()}:
        line = [start]
        while (above := parents.get(line[-1])) is not None:
            if above in line:
                raise DataError(f"hierarchy.txt goes round in a circle at class {above}.")
            line.append(above)
        down = line[::-1]  # root, child, grandchild, ...
        place = {"child": 1, "grand": 2, "leaf": len(down) - 1}[level]
        found[start] = down[min(place, len(down) - 1)]
    return found


def prepare(folder: str | Path, out: Path, *, level: Level = "grand", size: int = 64) -> Path:
    """Write images (N, size, size, 3), classes at a level, and the published split as ``x_train``, ... into ``out``.

    Images are cropped to their boxes (``bounding_boxes.txt``; whole where there is none) and resized. Without
    ``train_test_split.txt`` there is no test part. Memory: all images at that size; a file that is there stays.
    """
    if out.exists():
        return out
    folder = Path(folder)
    files, labels = _table(folder, "images.txt"), _table(folder, "image_class_labels.txt")
    names = {key: " ".join(words) for key, words in _table(folder, "classes.txt").items()}
    stands_for = ancestors({key: words[0] for key, words in _table(folder, "hierarchy.txt").items()}, level)
    boxes = _table(folder, "bounding_boxes.txt", needed=False)
    split = _table(folder, "train_test_split.txt", needed=False)
    missing = [image for image in files if image not in labels or labels[image][0] not in stands_for]
    if missing:
        raise DataError(f"{folder}: the image {missing[0]} has no class that hierarchy.txt knows.")
    kept = [stands_for[labels[image][0]] for image in files]
    codes = {key: code for code, key in enumerate(sorted(set(kept), key=lambda key: (len(key), key)))}
    y = np.array([codes[key] for key in kept], dtype=np.int64)
    x = np.stack([_crop(folder / "images" / words[0], boxes.get(image), size) for image, words in files.items()])
    is_test = np.array([bool(split) and split[image][0] == "0" for image in files])
    _write(out, x, y, is_test, [names.get(key, key) for key in codes])
    return out


def _write(out: Path, x: Any, y: Indices, is_test: Any, classes: list[str]) -> None:
    twice = {name for name in classes if classes.count(name) > 1}
    named = [f"{name} {code}" if name in twice else name for code, name in enumerate(classes)]
    parts: dict[str, Any] = {"x_train": x[~is_test], "y_train": y[~is_test], "classes": np.array(named)}
    if is_test.any():
        parts |= {"x_test": x[is_test], "y_test": y[is_test]}
    buffer = io.BytesIO()
    np.savez(buffer, **parts)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, buffer.getvalue())


def _table(folder: Path, name: str, *, needed: bool = True) -> dict[str, list[str]]:
    """Lines of a file by their first word."""
    path = folder / name
    if not path.is_file():
        if needed:
            raise DataError(f"{folder} has no {name}; give the folder that NABirds was unpacked into.")
        return {}
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {words[0]: words[1:] for words in lines}


def _crop(path: Path, box: list[str] | None, size: int) -> Any:
    require("PIL", "data", "Reading NABirds")
    from PIL import Image

    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except OSError as error:
        raise DataError(f"{path} cannot be read as an image ({error}); is NABirds unpacked as a whole?") from error
    if box is not None:
        left, top, width, height = (int(float(word)) for word in box)
        image = image.crop((left, top, left + max(1, width), top + max(1, height)))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR), dtype=np.uint8)
