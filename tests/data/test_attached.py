"""Features beside the items of a pool: which row is whose, what models read, what people see, what is refused."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest

from claros import data
from claros.data.attached import over_features, plain
from claros.errors import DataError, InputError

ROWS = np.arange(12.0, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    lines = [f"f{place},film number {place},{'good' if place % 2 else 'bad'}" for place in range(8)]
    (tmp_path / "films.csv").write_text("\n".join(["id,text,label", *lines]))
    return tmp_path / "films.csv"


@pytest.fixture
def vectors() -> np.ndarray:
    """Row i begins with i."""
    return np.stack([np.arange(8.0), np.arange(8.0) ** 2], axis=1)


def test_an_array_is_in_the_order_of_the_pool_or_named_by_ids() -> None:
    pool = data.arrays(["p", "q", "r"], ids=["a", "b", "c"])
    ordered = data.with_features(pool, ROWS[:3], over=True)
    assert ordered.take([2, 0]).tolist() == [[6, 7, 8], [0, 1, 2]]
    named = data.with_features(pool, ROWS, ids=["c", "x", "a", "b"], over=True)
    assert named.take([0, 1, 2]).tolist() == [[6, 7, 8], [9, 10, 11], [0, 1, 2]]


def test_models_read_rows_and_people_see_the_items(birds: Path) -> None:
    items = data.image_folder(birds)
    pool = data.with_features(items, np.arange(10.0).reshape(5, 2), over=True)
    assert (items.kind, pool.kind, pool.shows) == ("images", "rows", "images")
    assert pool.take([1]).dtype == np.float32
    assert pool.text(1) == items.text(1)
    assert pool.path(1) == items.path(1)
    assert pool.thumbnail(1) == items.thumbnail(1)
    assert pool.groups.tolist() == items.groups.tolist() == [0, 1, 2, 3, 0]
    assert plain(pool).take([1]).shape == (1, 32, 32, 3)


def test_strategies_have_the_features_as_they_are_also_in_subsets() -> None:
    pool = data.with_features(data.arrays(np.eye(4)), ROWS)
    assert pool.has_features
    assert pool.kind == "rows"
    assert pool.take([0]).tolist() == [[1, 0, 0, 0]]
    assert np.array_equal(pool.fixed_features, ROWS)
    assert np.array_equal(pool.subset([3, 1]).fixed_features, ROWS[[3, 1]])
    assert over_features(pool.subset([3, 1])).take([0]).tolist() == [[9, 10, 11]]


def test_features_of_a_file_are_mapped_and_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", ROWS)
    pool = data.with_features(data.arrays(np.eye(4)), tmp_path / "f.npy")
    owner = pool.fixed_features
    while isinstance(owner, np.ndarray):
        owner = owner.base
    assert isinstance(owner, mmap.mmap)
    batch = over_features(pool).take([0])
    batch[:] = 7  # a copy: what is on the disk stays
    assert np.load(tmp_path / "f.npy")[0].tolist() == [0, 1, 2]


def test_an_npy_in_the_order_of_a_table_serves_both_parts_of_a_split(
    films: Path, vectors: np.ndarray, tmp_path: Path
) -> None:
    np.save(tmp_path / "v.npy", vectors)
    train, test = data.load(films, features=tmp_path / "v.npy")
    assert test is not None
    for part in (train, test):
        assert [f"f{int(row[0])}" for row in part.fixed_features] == list(part.ids)


def test_ids_come_beside_an_npy_or_inside_an_npz(films: Path, vectors: np.ndarray, tmp_path: Path) -> None:
    order = np.array([5, 1, 7, 0, 2, 6, 4, 3])
    names = [f"f{place}" for place in order]
    np.save(tmp_path / "v.npy", vectors[order])
    (tmp_path / "v.ids.txt").write_text("\n".join(names))
    np.savez(tmp_path / "v.npz", features=vectors[order], ids=names)
    for file in ("v.npy", "v.npz"):
        pool = data.text_table(films, features=tmp_path / file)
        assert pool.fixed_features[:, 0].tolist() == list(range(8))


def test_parts_that_lie_apart_have_features_apart(tmp_path: Path) -> None:
    """Row numbers are ids here, and the same in both parts: the order would be a guess."""
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x_train=images[:4], y_train=[0, 1, 0, 1], x_test=images[4:], y_test=[0, 1])
    np.savez(tmp_path / "f.npz", features_train=ROWS, features_test=ROWS[:2] + 100)
    train, test = data.load(tmp_path / "x.npz", features=tmp_path / "f.npz")
    assert test is not None
    assert train.fixed_features.tolist() == ROWS.tolist()
    assert test.fixed_features.tolist() == (ROWS[:2] + 100).tolist()
    np.savez(tmp_path / "one.npz", features=ROWS, ids=["0", "1", "2", "3"])
    with pytest.raises(DataError, match="features of the pool alone, but the test set lies apart"):
        data.load(tmp_path / "x.npz", features=tmp_path / "one.npz")


def test_a_pool_with_features_is_reopened_with_them_and_is_another_when_they_change(
    films: Path, vectors: np.ndarray, tmp_path: Path
) -> None:
    np.save(tmp_path / "v.npy", vectors)
    for pool in (
        data.load(films, features=tmp_path / "v.npy").train,
        data.text_table(films, features=tmp_path / "v.npy"),
    ):
        again = data.reopen(pool.source)
        assert np.array_equal(again.fixed_features, pool.fixed_features)
        assert again.manifest() == pool.manifest() == over_features(pool).manifest()
        assert pool.manifest() != data.text_table(films).manifest()
    before = pool.manifest()
    np.save(tmp_path / "v.npy", vectors + 1)
    assert data.reopen(pool.source).manifest() != before


def test_near_duplicates_are_found_by_given_features(films: Path, vectors: np.ndarray, tmp_path: Path) -> None:
    vectors[1] = 3 * vectors[2]
    np.save(tmp_path / "v.npy", vectors)
    pool = data.load(films, features=tmp_path / "v.npy", near_duplicates=0.9999, test_share=0).train
    assert pool.groups.tolist()[1:3] == [1, 1]


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.ones((7, 2)), "a row of features for each of 8 items, in their order; it has 7"),
        (np.ones(8), r"floating-point numbers \(N, D\); got float64 of shape \(8,\)"),
        (np.ones((8, 2), int), "got int64"),
        (np.where(np.eye(8) * (np.arange(8) == 5), np.nan, 1.0), "a row that is not finite, at index 5"),
    ],
)
def test_features_that_do_not_fit_are_refused(films: Path, tmp_path: Path, array: np.ndarray, said: str) -> None:
    np.save(tmp_path / "v.npy", array)
    with pytest.raises(DataError, match=said):
        data.load(films, features=tmp_path / "v.npy")


def test_what_is_missing_is_named(films: Path, vectors: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", features=vectors[:6], ids=[f"f{place}" for place in (0, 1, 2, 4, 5, 7)])
    with pytest.raises(DataError, match=r"2 of 8 items have no features in .*v\.npz, the first 'f3'"):
        data.load(films, features=tmp_path / "v.npz", test_share=0)
    np.savez(tmp_path / "twice.npz", features=vectors, ids=["f0"] * 8)
    with pytest.raises(DataError, match="must be distinct: 8 lines name 1 items"):
        data.load(films, features=tmp_path / "twice.npz")
    np.savez(tmp_path / "none.npz", labels=vectors)
    with pytest.raises(DataError, match="has no features: one of its arrays must be called features_train"):
        data.load(films, features=tmp_path / "none.npz")
    for place, problem in (("nowhere", "there are no features at"), ("films.csv", "features come as a folder")):
        with pytest.raises(DataError, match=problem):
            data.load(films, features=tmp_path / place)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no folder of features: its features\.json cannot be read"):
        data.load(films, features=tmp_path / "empty")
    with pytest.raises(InputError, match="these rows have no features beside them"):
        over_features(data.arrays(np.eye(2)))
