"""Class-folder trees, in folders and zips."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from claros import data
from claros.errors import DataError, InputError

Paint = Callable[..., Path]
FINCH = ("finch/001.png", "finch/002.png")
WREN = ("wren/001.png", "wren/002.png", "wren/003.png")


def test_folders_are_classes_and_relative_paths_are_ids(birds: Path) -> None:
    pool = data.image_folder(birds, image_size=5)
    assert pool.ids == FINCH + WREN
    assert pool.classes == ("finch", "wren")
    assert pool.labels is not None
    assert pool.labels.tolist() == [0, 0, 1, 1, 1]
    assert pool.kind == "images"
    batch = pool.take([1, 3])
    assert batch.shape == (2, 5, 5, 3)
    assert batch[0].reshape(-1, 3).tolist() == [[40, 50, 60]] * 25
    assert batch[1, 0, 0].tolist() == [70, 80, 91]
    assert pool.path(3) == birds / "wren" / "002.png"


def test_a_file_that_is_there_twice_is_found_and_contradicts_itself(birds: Path) -> None:
    pool = data.image_folder(birds)
    assert pool.groups.tolist() == [0, 1, 2, 3, 0]
    assert pool.report()["contradictory"] == 1


@pytest.mark.parametrize("top", ["", "birds/", "a/b/"])
def test_a_zip_with_or_without_a_folder_round_it_is_the_same_pool(
    birds: Path, tmp_path: Path, zipped: Callable[..., Path], top: str
) -> None:
    folder, archive = data.image_folder(birds), data.image_folder(zipped(birds, tmp_path / "b.zip", top))
    assert archive.manifest() == folder.manifest()
    assert archive.classes == folder.classes
    assert np.array_equal(archive.take(range(5)), folder.take(range(5)))
    assert archive.path(0) is None
    assert archive.export(1, tmp_path).read_bytes() == (birds / FINCH[1]).read_bytes()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_two_processes_may_read_one_zip_at_a_time(tmp_path: Path, zipped: Callable[..., Path]) -> None:
    (tmp_path / "noise").mkdir()
    for number in range(100):
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "noise" / f"{number:03d}.png")
    pool = data.image_folder(zipped(tmp_path / "noise", tmp_path / "noise.zip"))
    expected = data.image_folder(tmp_path / "noise").take(range(100))
    pool.take([0])  # the zip is open before the fork
    child = os.fork()
    if child == 0:
        same = False
        try:
            same = np.array_equal(pool.take(range(100)), expected)
        finally:
            os._exit(0 if same else 1)
    assert np.array_equal(pool.take(range(100)), expected)
    assert os.waitpid(child, 0)[1] == 0


def test_ids_stay_when_files_are_added(birds: Path, paint: Paint) -> None:
    before = data.image_folder(birds)
    paint(birds / "crow" / "001.png", (1, 2, 3))
    paint(birds / "finch" / "000.png", (1, 2, 4))
    after = data.image_folder(birds)
    assert set(after.ids) - set(before.ids) == {"crow/001.png", "finch/000.png"}
    assert set(before.ids) <= set(after.ids)
    again = after.subset([after.ids.index(name) for name in before.ids])
    assert again.manifest() == before.manifest()


def test_images_without_class_folders_have_no_labels(tmp_path: Path, paint: Paint) -> None:
    paint(tmp_path / "b.png", (1, 2, 3))
    paint(tmp_path / "a.png", (1, 2, 4))
    pool = data.load(tmp_path).train
    assert (pool.ids, pool.labels, pool.classes) == (("a.png", "b.png"), None, ())
    assert data.image_folder(tmp_path, classes=["x", "y"]).classes == ("x", "y")


def test_images_beside_class_folders_are_unlabeled_items(birds: Path, paint: Paint) -> None:
    paint(birds / "who.png", (1, 2, 3))
    pool = data.image_folder(birds)
    assert pool.labels is not None
    assert pool.labels[pool.ids.index("who.png")] == -1


def test_train_and_test_folders_are_the_split(birds: Path, tmp_path: Path, paint: Paint) -> None:
    (tmp_path / "set").mkdir()
    birds.rename(tmp_path / "set" / "train")
    paint(tmp_path / "set" / "test" / "wren" / "1.png", (5, 5, 5))
    paint(tmp_path / "set" / "test" / "finch" / "1.png", (70, 80, 90))  # a wren of the pool, byte by byte
    paint(tmp_path / "set" / "val" / "finch" / "1.png", (6, 6, 6))
    train, test = data.load(tmp_path / "set")
    assert test is not None
    assert train.ids == tuple(f"train/{name}" for name in (*FINCH, *WREN[1:]))
    assert test.ids == ("test/finch/1.png", "test/wren/1.png")
    assert train.classes == test.classes == ("finch", "wren")
    assert (train.report()["left_out"], train.report()["set_aside"]) == (1, 1)
    assert len(data.image_folder(tmp_path / "set")) == 8


def test_a_train_folder_alone_is_a_part_and_no_wrapping(birds: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    birds.rename(tmp_path / "set" / "train")
    pool = data.image_folder(tmp_path / "set")
    assert pool.ids[0] == "train/finch/001.png"  # as it will be when a test folder comes to stand beside it
    assert pool.classes == ("finch", "wren")


def test_another_picture_of_the_same_length_is_not_left_out(birds: Path, tmp_path: Path, paint: Paint) -> None:
    paint(tmp_path / "other" / "finch" / "a.png", (40, 50, 61))
    lengths = {file.stat().st_size for file in (tmp_path / "other").rglob("*.png")}
    assert lengths & {file.stat().st_size for file in birds.rglob("[0-9]*.png")}
    train, test = data.load(birds, test=tmp_path / "other")
    assert test is not None
    assert (len(train), len(test)) == (5, 1)


def test_given_classes_order_the_codes_and_refuse_others(birds: Path) -> None:
    pool = data.image_folder(birds, classes=["wren", "finch", "crow"])
    assert pool.labels is not None
    assert pool.labels.tolist() == [1, 1, 0, 0, 0]
    with pytest.raises(DataError, match=r"unknown label 'wren' .* classes are: finch"):
        data.image_folder(birds, classes=["finch"])


def test_the_class_can_be_in_the_name(birds: Path) -> None:
    pool = data.image_folder(birds, label_pattern=r"/00(?P<label>\d)")
    assert pool.labels is not None
    assert [pool.classes[code] for code in pool.labels] == ["1", "2", "1", "2", "3"]
    with pytest.raises(DataError, match="found in no id"):
        data.image_folder(birds, label_pattern="(eagle)")
    with pytest.raises(InputError, match="needs a group"):
        data.image_folder(birds, label_pattern="finch")
    with pytest.raises(InputError, match="no regular expression"):
        data.image_folder(birds, label_pattern="(")


def test_links_are_followed_and_a_link_back_up_ends(birds: Path, tmp_path: Path, paint: Paint) -> None:
    paint(tmp_path / "elsewhere" / "1.png", (9, 9, 9))
    (birds / "crow").symlink_to(tmp_path / "elsewhere")
    (birds / "finch" / "back").symlink_to(birds)
    assert data.image_folder(birds).ids == ("crow/1.png", *FINCH, *WREN)


def test_an_empty_folder_says_what_was_expected(tmp_path: Path, birds: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"has no images: none of its files ends in \.bmp, "):
        data.load(tmp_path / "empty")
    with pytest.raises(DataError, match="has no sounds"):
        data.audio_folder(birds)
    with pytest.raises(DataError, match="no folder or zip at"):
        data.image_folder(tmp_path / "nowhere")


def test_a_zip_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK no zip")
    with pytest.raises(DataError, match="not a zip file that can be read"):
        data.load(tmp_path / "a.zip")


def test_a_damaged_member_is_named(birds: Path, tmp_path: Path, zipped: Callable[..., Path]) -> None:
    path = zipped(birds, tmp_path / "b.zip")
    raw = bytearray(path.read_bytes())
    place = raw.index(b"wren/001.png") + len("wren/001.png") + 12
    raw[place : place + 20] = bytes(20)
    path.write_bytes(raw)
    with pytest.raises(DataError, match=r"wren/001\.png in .* cannot be read"):
        data.image_folder(path).take(range(5))


def test_a_file_that_goes_away_is_one_clear_error(birds: Path) -> None:
    pool = data.image_folder(birds)
    (birds / WREN[0]).unlink()
    with pytest.raises(DataError, match=r"wren/001\.png cannot be read: No such file"):
        pool.take(range(5))
