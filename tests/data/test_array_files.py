"""NumPy's files: names, parts, nominal columns, and bytes that stay on disk."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from claros import data
from claros.data.readers import Rows
from claros.errors import DataError

X = np.arange(24.0).reshape(8, 3)
Y = np.array([0, 1, 0, 1, 1, 0, 2, 2])


def npz(path: Path, *, packed: bool = True, **arrays: Any) -> Path:
    (np.savez_compressed if packed else np.savez)(path, **arrays)
    return path


def base(array: Any) -> Any:
    """What owns an array's memory."""
    while isinstance(array, np.ndarray) and not isinstance(array, np.memmap) and array.base is not None:
        array = array.base
    return array


@pytest.mark.parametrize(
    "names", ["x_train y_train x_test y_test", "train_images train_labels test_images test_labels"]
)
def test_published_parts_are_used(tmp_path: Path, names: str) -> None:
    parts = dict(zip(names.split(), (X[:5], Y[:5], X[5:], Y[5:][:, None]), strict=True))
    train, test = data.load(npz(tmp_path / "a.npz", **parts, classes=["p", "q", "r"]))
    assert test is not None
    assert (len(train), len(test), train.classes) == (5, 3, ("p", "q", "r"))
    assert np.array_equal(test.take(range(3)), X[5:])
    assert test.labels is not None
    assert test.labels.tolist() == [0, 2, 2]


def test_validation_items_are_set_aside_or_serve_for_testing(tmp_path: Path) -> None:
    parts = {"x_train": X[:5], "y_train": Y[:5], "x_val": X[5:], "y_val": Y[5:]}
    test = data.load(npz(tmp_path / "a.npz", **parts)).test
    assert test is not None
    assert len(test) == 3
    train, test = data.load(npz(tmp_path / "b.npz", **parts, x_test=X[:1] + 100, y_test=[1]))
    assert test is not None
    assert len(test) == 1
    assert train.report()["set_aside"] == 3


def test_a_mark_for_test_items_is_used(tmp_path: Path) -> None:
    mark = np.array([0, 1, 0, 0, 1, 0, 0, 0], bool)
    train, test = data.load(npz(tmp_path / "a.npz", x=X, y=Y, is_test=mark, ids=list("abcdefgh")))
    assert test is not None
    assert (train.ids, test.ids) == (tuple("acdfgh"), tuple("be"))


def test_names_of_arrays_may_be_capitals(tmp_path: Path) -> None:
    assert len(data.load(npz(tmp_path / "a.npz", X=X, Y=Y)).train) == 6


def test_nominal_columns_become_one_column_a_category(tmp_path: Path) -> None:
    x = np.array([[1.5, 2, 0], [2.5, 0, 1], [3.5, -1, 1]], np.float32)
    path = npz(
        tmp_path / "a.npz",
        x=x,
        is_categorical=[False, True, True],
        feature_names=["age", "job", "sex"],
        categories=json.dumps({"job": ["cook", "maid", "monk"]}),
    )
    pool = data.load(path).train
    assert pool.take(range(3)).tolist() == [[1.5, 0, 0, 1, 1, 0], [2.5, 1, 0, 0, 0, 1], [3.5, 0, 0, 0, 0, 1]]
    assert pool.take([0]).dtype == np.float32
    assert [pool.text(row) for row in range(3)] == [
        "age=1.5, job=monk, sex=0",
        "age=2.5, job=cook, sex=1",
        "age=3.5, sex=1",
    ]
    assert data.load(path, one_hot=False).train.take([0]).tolist() == [[1.5, 2, 0]]


def test_a_code_beyond_its_categories_is_an_error(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=X, is_categorical=[True] * 3, categories=json.dumps({"x0": ["a", "b"]}))
    with pytest.raises(DataError, match=r"column 'x0' .* code 21, beyond its 2 names"):
        data.load(path)


def large(n: int = 20_000) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).normal(size=(n, 64)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_large_array_stays_on_disk(tmp_path: Path, suffix: str) -> None:
    x = large()
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, x)
    else:
        npz(path, packed=False, x=x, note=np.zeros(3))
    pool = data.load(path).train
    assert isinstance(pool.reader, Rows)
    assert isinstance(base(pool.reader.array), np.memmap)
    assert np.array_equal(pool.take([19_999, 3]), x[[19_999, 3]])
    assert pool.groups.tolist() == list(range(20_000))
    assert pool.manifest() == data.arrays(x).manifest()


def test_loading_hashing_and_comparing_a_mapped_file_takes_blocks_of_memory(tmp_path: Path) -> None:
    x = large(200_000)  # 51 MB
    np.save(tmp_path / "a.npy", x)
    tracemalloc.start()
    pool = data.load(tmp_path / "a.npy").train
    _ = pool.groups, pool.manifest()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 200,000 ids (12 MB), a few numbers for each (10 MB), and of the values two blocks of 4 MB as 8-byte words or 16 MB
    # as they are; a whole copy would be 51 MB more.
    assert peak < 50e6, peak


def test_a_packed_array_and_columns_in_fortran_order_read_the_same(tmp_path: Path) -> None:
    x = large()
    packed = data.load(npz(tmp_path / "a.npz", x=x)).train
    fortran = data.load(npz(tmp_path / "b.npz", packed=False, x=np.asfortranarray(x))).train
    assert packed.manifest() == fortran.manifest() == data.arrays(x).manifest()


def test_labels_of_an_npy_file_come_from_another(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    assert data.load(tmp_path / "x.npy").test is None
    train, test = data.load(tmp_path / "x.npy", labels=tmp_path / "y.npy")
    assert test is not None
    assert train.labels is not None
    assert [Y[int(name)] for name in train.ids] == train.labels.tolist()
    np.save(tmp_path / "short.npy", Y[:3])
    with pytest.raises(DataError, match="each of 8 items; it has 3"):
        data.load(tmp_path / "x.npy", labels=tmp_path / "short.npy")


def test_other_names_are_listed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its arrays are: logits, models"):
        data.load(npz(tmp_path / "a.npz", logits=X, models=["a"]))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=np.array([{"a": 1}], object))
    with pytest.raises(DataError, match=r"x in .* cannot be read"):
        data.load(path)
    big = npz(tmp_path / "b.npz", packed=False, x=np.array([[f"{i:030d}" for i in range(60_000)]], object))
    with pytest.raises(DataError, match=r"x in .* cannot be read"):
        data.load(big)


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, suffix: str, packed: bool) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, large(5000))
    else:
        npz(path, packed=packed, x=large(5000))
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2):
        path.write_bytes(whole[:cut])
        with pytest.raises(DataError, match="cannot be read"):
            data.load(path)
    if packed and suffix == ".npz":
        path.write_bytes(whole[:1000] + bytes(1000) + whole[2000:])
        with pytest.raises(DataError, match="cannot be read"):
            data.load(path)


def test_given_classes_are_the_order_of_the_codes(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=X, y=Y, is_test=[False] * 8, classes=["p", "q", "r"])
    pool = data.load(path, classes=["r", "q", "p"], test_share=0.4).train
    assert pool.labels is not None
    assert ["rqp"[code] for code in pool.labels] == ["pqr"[Y[int(name)]] for name in pool.ids]
    with pytest.raises(DataError, match="unknown label 'r'"):
        data.load(path, classes=["p", "q"])


def test_features_beside_the_items_are_the_pools_fixed_ones(tmp_path: Path) -> None:
    beside = np.arange(24, dtype=np.float32).reshape(8, 3)
    whole = data.load(npz(tmp_path / "a.npz", x=X, y=Y, is_test=[False] * 6 + [True] * 2, features=beside))
    assert np.array_equal(whole.train.fixed_features, beside[:6])
    parts = npz(tmp_path / "b.npz", x_train=X, y_train=Y, x_test=X[:2] + 99, y_test=Y[:2], features_train=beside)
    assert np.array_equal(data.load(parts).train.fixed_features, beside)
    for wrong in (beside[:7], beside[:, 0], np.where(beside == 5, np.nan, beside)):
        with pytest.raises(DataError, match=r"features in .* must have a row of finite features for each of 8 items"):
            data.load(npz(tmp_path / "c.npz", x=X, y=Y, features=wrong))
