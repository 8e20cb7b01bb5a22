"""Image files: decoded when asked for, brought to one size, kept as bytes while they fit in memory."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Indices
from claros.data.store import Files, Store
from claros.errors import DataError, InputError, require

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["SUFFIXES", "ImageFiles"]

#: What counts as an image in a folder.
SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

#: Decoded images are kept when all of them together take at most so many bytes.
CACHE_BYTES = 1 << 29

#: What Pillow raises on bytes that are not the image they claim to be.
BROKEN = (OSError, SyntaxError, ValueError, EOFError, TypeError, IndexError, KeyError, struct.error, zlib.error)


class ImageFiles(Files):
    """Images of a folder or zip as (B, size, size, 3) uint8 RGB: turned upright, squeezed to a square, averaged down.

    All decoded images stay in memory if that takes at most ``CACHE_BYTES`` (at 32 pixels: 174,000 images); beyond, each
    ``take`` decodes again.
    """

    kind = "images"

    def __init__(self, store: Store, names: Sequence[str], size: int) -> None:
        if size < 1:
            raise InputError(f"image_size must be at least 1 pixel; got {size}.")
        super().__init__(store, names)
        self.size = size
        self._forget()

    def _forget(self) -> None:
        # Allocated before any thread takes; memory is only used once images are written to it.
        self._kept = len(self) * self.size**2 * 3 <= CACHE_BYTES
        self._decoded = np.empty((len(self) if self._kept else 0, self.size, self.size, 3), np.uint8)
        self._ready = np.zeros(len(self), bool)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_decoded", "_ready")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def sized(self, side: int) -> ImageFiles:
        """The same files at another size."""
        return self if side == self.size else ImageFiles(self.store, self.names, side)

    def take(self, rows: Indices) -> npt.NDArray[np.uint8]:
        """(B, size, size, 3), each decoded at most once while all of them fit in memory."""
        if not self._kept:
            batch = np.empty((len(rows), *self._decoded.shape[1:]), np.uint8)
            for position, row in enumerate(rows.tolist()):
                batch[position] = self._pixels(row)
            return batch
        for row in rows[~self._ready[rows]].tolist():
            self._decoded[row] = self._pixels(row)
            self._ready[row] = True
        return self._decoded[rows]

    def _pixels(self, row: int) -> npt.NDArray[np.uint8]:
        image = self._open(row, self.size)
        if image.size != (self.size, self.size):
            from PIL import Image

            image = image.resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.asarray(image, np.uint8)

    def check(self, row: int) -> None:
        """Decode it, and keep it if there is room."""
        self.take(np.array([row]))

    def picture(self, row: int) -> Image:
        """The image in its own size, upright, RGB."""
        return self._open(row, None)

    def describe(self, row: int) -> str:
        """Its own size."""
        width, height = self.picture(row).size
        return f"image, {width} x {height} pixels"

    def _open(self, row: int, size: int | None) -> Image:
        require("PIL", "data", "reading images")
        from PIL import Image

        data = self.store.read(self.names[row])
        try:
            return _upright_rgb(data, size)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning, *BROKEN) as error:
            raise DataError(
                f"{self._place(row)} cannot be read as an image ({error}); repair or remove it, or pass "
                "skip_unreadable=True (--skip-unreadable) to leave such files out."
            ) from error


def _upright_rgb(data: bytes, size: int | None) -> Image:
    """The first frame as RGB, turned as its camera says, transparent parts on white."""
    from PIL import Image, ImageOps

    image: Image.Image = Image.open(io.BytesIO(data))
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:  # Pillow itself only warns up to twice the limit
        raise ValueError(f"{image.width} x {image.height} pixels are more than {limit}, which may be an attack")
    if size is not None:
        image.draft("RGB", (2 * size, 2 * size))  # a large JPEG is decoded at a half, a quarter or an eighth
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers without a range")
    if image.mode.startswith("I"):  # 16 bits a pixel: convert() would cut off above 255
        image = Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
