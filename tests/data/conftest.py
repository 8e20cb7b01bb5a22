"""Small files with known contents."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def paint() -> Callable[..., Path]:
    """Write an image of one colour, and make its folders."""

    def write(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (6, 4)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((size[1], size[0], 3), colour, np.uint8)).save(path)
        return path

    return write


@pytest.fixture
def birds(tmp_path: Path, paint: Callable[..., Path]) -> Path:
    """Two finches, three wrens; the last wren is the first finch again, byte by byte. And what is no image."""
    folder = tmp_path / "birds"
    paint(folder / "finch" / "001.png", (10, 20, 30))
    paint(folder / "finch" / "002.png", (40, 50, 60))
    paint(folder / "wren" / "001.png", (70, 80, 90))
    paint(folder / "wren" / "002.png", (70, 80, 91))
    (folder / "wren" / "003.png").write_bytes((folder / "finch" / "001.png").read_bytes())
    (folder / "wren" / "notes.txt").write_text("no image")
    (folder / "wren" / ".hidden.png").write_bytes(b"not shown")
    return folder


@pytest.fixture
def zipped() -> Callable[..., Path]:
    """A zip of a folder, each member below ``top``, compressed or not."""

    def write(folder: Path, target: Path, top: str = "") -> Path:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    archive.write(file, top + file.relative_to(folder).as_posix())
            archive.writestr("__MACOSX/._001.png", b"a Mac's litter")
        return target

    return write
