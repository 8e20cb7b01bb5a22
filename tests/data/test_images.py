"""Image files of all sorts become one kind of pixels, or one clear error."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from claros import data
from claros.data import images
from claros.errors import DataError, InputError


def pixel(folder: Path, size: int = 1) -> list[int]:
    colour: list[int] = data.image_folder(folder, image_size=size).take([0])[0, 0, 0].tolist()
    return colour


def test_an_image_is_squeezed_to_a_square_and_averaged(tmp_path: Path) -> None:
    halves = np.zeros((2, 8, 3), np.uint8)
    halves[:, 4:] = 200
    Image.fromarray(halves).save(tmp_path / "a.png")
    batch = data.image_folder(tmp_path, image_size=2).take([0])[0]
    # The triangle filter over each half reaches into the other one, equally on both sides.
    assert batch[0, 0, 0] + batch[0, 1, 0] == 200
    assert batch[0, 0, 0] < 60
    assert pixel(tmp_path) == [100, 100, 100]


def test_grey_palette_transparent_and_deep_images_become_rgb(tmp_path: Path) -> None:
    cases = {
        "grey": (Image.new("L", (3, 3), 77), [77, 77, 77]),
        "palette": (Image.new("RGB", (3, 3), (10, 20, 30)).quantize(), [10, 20, 30]),
        "half": (Image.new("RGBA", (3, 3), (0, 0, 0, 0)), [255, 255, 255]),
        "deep": (Image.fromarray(np.full((3, 3), 257 * 99, np.uint16)), [99, 99, 99]),
        "bits": (Image.new("1", (3, 3), 1), [255, 255, 255]),
    }
    for name, (image, expected) in cases.items():
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "a.png")
        assert pixel(tmp_path / name) == expected, name


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    left_dark = np.zeros((16, 16, 3), np.uint8)
    left_dark[:, 8:] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # "turn by 90 degrees clockwise to view": what is left then is on top
    Image.fromarray(left_dark).save(tmp_path / "a.jpg", quality=95, exif=turned)
    shown = data.image_folder(tmp_path, image_size=2).take([0])[0]
    assert shown[0].max() < 100
    assert shown[1].min() > 155


def test_a_large_jpeg_comes_out_as_if_decoded_whole(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 512).astype(np.uint8)
    Image.fromarray(np.stack([*np.meshgrid(smooth, smooth[::-1]), np.full((512, 512), 90, np.uint8)], 2)).save(
        tmp_path / "a.jpg", quality=95
    )
    with Image.open(tmp_path / "a.jpg") as whole:
        expected = np.asarray(whole.resize((16, 16), Image.Resampling.BILINEAR)).astype(int)
    found = data.image_folder(tmp_path, image_size=16).take([0])[0].astype(int)
    assert np.abs(found - expected).max() <= 3


def spoil(folder: Path, name: str, content: bytes) -> None:
    (folder / "wren" / name).write_bytes(content)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\x89PNG\r\n\x1a\nnothing", b"GIF89a\x00"])
def test_an_unreadable_file_is_named_and_skipped_only_when_asked(birds: Path, content: bytes) -> None:
    spoil(birds, "bad.png", content)
    pool = data.image_folder(birds)
    assert pool.take([0]).shape == (1, 32, 32, 3)
    with pytest.raises(DataError, match=r"wren/bad\.png cannot be read as an image .*skip_unreadable=True"):
        pool.take(range(len(pool)))
    kept = data.image_folder(birds, skip_unreadable=True)
    assert kept.skipped == ("wren/bad.png",)
    assert "wren/bad.png" not in kept.ids
    assert kept.take(range(5)).shape == (5, 32, 32, 3)
    assert kept.report()["skipped"] == ["wren/bad.png"]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's word on damaged metadata, which spoils no pixels
def test_every_cut_of_an_image_is_an_image_or_one_clear_error(tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8))
    for suffix in (".png", ".jpg", ".gif", ".bmp", ".tif", ".webp"):
        path = tmp_path / f"a{suffix}"
        picture.save(path)
        whole = path.read_bytes()
        for cut in range(0, len(whole), max(1, len(whole) // 40)):
            path.write_bytes(whole[:cut])
            pool = data.image_folder(tmp_path, image_size=4)
            with contextlib.suppress(DataError):
                assert pool.take([0]).shape == (1, 4, 4, 3)
        path.unlink()


def test_skipped_files_are_not_decoded_again_to_reopen(birds: Path) -> None:
    spoil(birds, "bad.png", b"")
    pool = data.image_folder(birds, skip_unreadable=True)
    assert data.reopen(pool.source).manifest() == pool.manifest()
    spoil(birds, "001.png", b"gone bad since")
    again = data.reopen(pool.source)
    assert (again.ids, again.skipped) == (pool.ids, ("wren/bad.png",))
    assert again.manifest()["content"] != pool.manifest()["content"]


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match="no images left: 1 of 1 cannot be read"):
        data.load(tmp_path, skip_unreadable=True)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("factor", [0.6, 0.3])
def test_an_image_that_would_fill_the_memory_is_refused(
    birds: Path, paint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    paint(birds / "wren" / "huge.png", (1, 1, 1), (100, 100))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(10_000 * factor))  # Pillow warns above once, raises above twice
    with pytest.raises(DataError, match=r"huge\.png cannot be read as an image \(.*pixels.* attack"):
        data.image_folder(birds).take(range(6))
    assert data.image_folder(birds, skip_unreadable=True).skipped == ("wren/huge.png",)


def test_an_image_is_decoded_once_and_a_pool_too_large_to_keep_reads_the_same(
    birds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = data.image_folder(birds)
    before = pool.take(range(5))
    monkeypatch.setattr(images, "CACHE_BYTES", 1000)
    unkept = data.image_folder(birds)
    assert np.array_equal(unkept.take([4, 0]), before[[4, 0]])
    for file in birds.rglob("*.png"):
        file.unlink()
    assert np.array_equal(pool.subset([2, 3]).take([1]), before[[3]])
    with pytest.raises(DataError):
        unkept.take([0])


def test_what_is_shown_is_the_original(tmp_path: Path) -> None:
    fine = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(fine).save(tmp_path / "a.png")
    pool = data.image_folder(tmp_path, image_size=4)
    (tmp_path / "shown").write_bytes(pool.thumbnail(0, size=60))
    with Image.open(tmp_path / "shown") as image:
        assert np.array_equal(np.asarray(image), fine)
    assert pool.text(0) == "image, 60 x 40 pixels"
    assert pool.export(0, tmp_path).read_bytes() == (tmp_path / "a.png").read_bytes()


def test_a_size_below_one_pixel_is_refused(birds: Path) -> None:
    with pytest.raises(InputError, match="image_size"):
        data.image_folder(birds, image_size=0)
