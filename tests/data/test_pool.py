"""What every pool promises, on pools small enough to see through."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from claros import data
from claros.errors import DataError, InputError


def letters(n: int = 5) -> data.Pool:
    return data.arrays(np.arange(2.0 * n).reshape(n, 2), list("abcab")[:n], ids=[f"item-{i}" for i in range(n)])


def test_a_batch_has_the_items_in_the_order_asked_also_twice() -> None:
    assert letters().take([3, 0, 3]).tolist() == [[6, 7], [0, 1], [6, 7]]
    assert data.arrays(["x", "y", "z"]).take([2, 0]) == ["z", "x"]


def test_a_subset_of_a_subset_reads_the_right_items() -> None:
    part = letters().subset([4, 2, 1]).subset(np.array([2, 0]))
    assert part.ids == ("item-1", "item-4")
    assert part.take([0, 1]).tolist() == [[2, 3], [8, 9]]
    assert part.labels is not None
    assert part.labels.tolist() == [1, 1]
    assert part.classes == ("a", "b", "c")


def test_fixed_features_follow_their_items() -> None:
    pool = data.arrays(["p", "q", "r"], features=np.array([[1.0], [2.0], [3.0]]))
    features = pool.subset([2, 0]).features
    assert features is not None
    assert features.ravel().tolist() == [3, 1]


def test_nothing_in_a_pool_can_be_written_through() -> None:
    values = np.zeros((3, 2))
    pool = data.arrays(values, [0, 1, 0], features=values)
    for array in (pool.labels, pool.features, pool.groups):
        assert array is not None
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    pool.take([0, 1])[:] = 9.0
    assert pool.take([0, 1]).sum() == 0
    values[0] = 5.0  # the caller's own array stays writable
    with pytest.raises(AttributeError):
        pool.ids = ()  # type: ignore[misc]


@pytest.mark.parametrize("positions", [[5], [-1], [0.5], [True, False, True, False, True], [[0, 1]]])
def test_positions_that_are_none_are_refused(positions: list[object]) -> None:
    with pytest.raises(InputError, match="positions must be"):
        letters().take(positions)


def test_a_subset_refuses_an_item_twice() -> None:
    with pytest.raises(InputError, match="at most once"):
        letters().subset([1, 1])


def test_an_empty_batch_and_an_empty_subset_are_possible() -> None:
    assert letters().take([]).shape == (0, 2)
    empty = letters().subset([])
    assert len(empty) == 0
    assert empty.groups.tolist() == []
    assert empty.manifest()["n"] == 0


@given(
    st.lists(st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.0]), min_size=3, max_size=3), min_size=1, max_size=12),
    st.data(),
)
def test_groups_are_those_of_comparing_every_pair(rows: list[list[float]], draw: st.DataObject) -> None:
    chosen = draw.draw(st.permutations(range(len(rows))))[: draw.draw(st.integers(1, len(rows)))]
    pool = data.arrays(np.array(rows)).subset(chosen)
    items = [rows[position] for position in chosen]
    assert pool.groups.tolist() == [next(j for j, other in enumerate(items) if other == item) for item in items]


@pytest.mark.parametrize("dtype", ["u1", "i2", ">i4", "f4", "f8", "?"])
@pytest.mark.parametrize("width", [1, 3, 8])
def test_groups_of_every_type_and_width_are_those_of_comparing_bytes(dtype: str, width: int) -> None:
    rows = np.random.default_rng(3).integers(0, 2, (60, width)).astype(dtype)
    seen: dict[bytes, int] = {}
    expected = [seen.setdefault(row.tobytes(), position) for position, row in enumerate(rows)]
    assert data.arrays(rows).groups.tolist() == expected


def test_a_copy_among_a_hundred_thousand_images_is_found() -> None:
    images = np.random.default_rng(0).integers(0, 256, (100_000, 4, 4), dtype=np.uint8)
    images[99_999] = images[12_345]
    changed = np.flatnonzero(data.arrays(images).groups != np.arange(100_000))
    assert changed.tolist() == [99_999]


def test_equal_texts_are_equal_character_by_character() -> None:
    texts = ["so", "So", "so ", "so", "\u00e9", "e\u0301", "\ud800", "\u00e9"]
    assert data.arrays(texts).groups.tolist() == [0, 1, 2, 0, 4, 5, 6, 4]


def test_a_report_counts_duplicates_and_contradictions() -> None:
    x = np.array([[1], [1], [1], [2], [2], [3], [3]])
    report = data.arrays(x, ["a", "b", "a", "a", "a", "b", None]).report()
    assert (report["duplicates"], report["contradictory"], report["labeled"]) == (4, 1, 6)
    assert json.loads(json.dumps(report)) == report


def test_a_manifest_is_the_same_for_the_same_items_however_they_are_held() -> None:
    values = np.random.default_rng(0).normal(size=(40, 3))
    order = np.random.default_rng(1).permutation(40)
    scattered = data.arrays(values, ids=[str(i) for i in range(40)]).subset(order)
    gathered = data.arrays(values[order], ids=[str(i) for i in order])
    assert scattered.manifest() == gathered.manifest()


def test_a_manifest_hashes_what_it_says() -> None:
    pool = data.arrays(["one", "two"], ids=["a", "b"])
    digests = [hashlib.sha256(text).digest() for text in (b"one", b"two")]
    assert pool.manifest() == {
        "n": 2,
        "kind": "texts",
        "ids": hashlib.sha256(b'["a", "b"]').hexdigest(),
        "content": hashlib.sha256(b"texts" + b"".join(digests)).hexdigest(),
    }


def test_a_manifest_tells_a_changed_value_id_order_or_type() -> None:
    values = np.arange(12.0).reshape(4, 3)
    changed = values.copy()
    changed[3, 2] += 1e-9
    before = data.arrays(values).manifest()
    assert data.arrays(changed).manifest()["content"] != before["content"]
    assert data.arrays(values[::-1]).manifest()["content"] != before["content"]
    assert data.arrays(values.astype(np.float32)).manifest()["content"] != before["content"]
    assert data.arrays(values.reshape(3, 4)).manifest()["content"] != before["content"]
    assert data.arrays(values, ids=list("abcd")).manifest()["ids"] != before["ids"]
    assert data.arrays(values, ids=['a", "b', "c", "d", "e"]).manifest()["ids"] != before["ids"]


def test_a_pool_survives_the_way_to_another_process(birds: Path) -> None:
    for pool in (letters(), data.image_folder(birds), data.arrays(["a", "b"])):
        before = pool.take([0, 1])
        for other in (pickle.loads(pickle.dumps(pool)), copy.deepcopy(pool)):
            assert np.array_equal(other.take([0, 1]), before)
            assert other.manifest() == pool.manifest()


def test_duplicate_ids_are_named() -> None:
    with pytest.raises(DataError, match="'b' occurs 2 times"):
        data.arrays(np.eye(3), ids=["a", "b", "b"])


def test_lengths_must_agree() -> None:
    with pytest.raises(InputError, match="3 items needs 3 labels; got 2"):
        data.arrays(np.eye(3), [0, 1])
    with pytest.raises(InputError, match="3 items needs 3 ids; got 1"):
        data.arrays(np.eye(3), ids=["a"])
    with pytest.raises(InputError, match="N = 3"):
        data.arrays(np.eye(3), features=np.eye(2))


def test_rows_are_described_by_their_features() -> None:
    pool = data.arrays(np.array([[1.5, 2.0]]), feature_names=["length", "width"])
    assert pool.text(0) == "length=1.5, width=2"
    assert pool.text(0, 8) == "length=…"
    assert pool.path(0) is None


def test_a_small_image_is_enlarged_by_whole_pixels(tmp_path: Path) -> None:
    checks = np.array([[[0, 255], [255, 0]]], np.uint8)
    (tmp_path / "thumb.png").write_bytes(data.arrays(checks).thumbnail(0, size=9))
    with Image.open(tmp_path / "thumb.png") as image:
        shown = np.asarray(image)
    assert np.array_equal(shown, np.kron(checks[0] // 255, np.ones((4, 4), int)) * 255)


def test_an_image_text_or_row_is_written_for_a_viewer(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (1, 5, 7, 3), dtype=np.uint8)
    path = data.arrays(picture, ids=["a/b c?.png"]).export(0, tmp_path)
    assert path.name == "0-a_b_c_.png"
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), picture[0])
    assert data.arrays(["Grüße"]).export(0, tmp_path).read_text("utf-8") == "Grüße"
    assert data.arrays(np.eye(2)).export(1, tmp_path).read_text("utf-8") == "x0=0, x1=1"


def test_rows_and_texts_have_no_picture() -> None:
    with pytest.raises(InputError, match="picture was asked of rows"):
        letters().thumbnail(0)
