"""Sets by name: scikit-learn's own, and torchvision's from files made here in its format."""

from __future__ import annotations

import hashlib
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import datasets

from claros import data
from claros.errors import DataError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_bundled_sets_have_the_rows_and_labels_of_scikit_learn(name: str) -> None:
    bunch = getattr(datasets, f"load_{name}")()
    train, test = data.load(name)
    assert test is not None
    for pool in (train, test):
        rows = [int(item) for item in pool.ids]
        assert np.array_equal(pool.take(range(len(pool))), bunch.data[rows])
        assert pool.labels is not None
        assert pool.labels.tolist() == bunch.target[rows].tolist()
        assert pool.classes == tuple(bunch.target_names)
    assert len(train) + len(test) == len(bunch.data)


def test_the_one_row_that_iris_has_twice_is_on_one_side() -> None:
    x = datasets.load_iris().data
    pair = [i for i in range(150) if sum(np.array_equal(x[i], row) for row in x) > 1]
    assert len(pair) == 2
    for seed in range(10):
        train, _ = data.load("iris", seed=seed)
        assert sum(str(item) in train.ids for item in pair) in (0, 2)


def test_digits_are_images_with_all_their_levels() -> None:
    train, _ = data.load("digits")
    images = datasets.load_digits().images[[int(item) for item in train.ids]]
    taken = train.take(range(len(train)))
    assert train.kind == "images"
    assert taken.dtype == np.uint8
    assert np.array_equal(np.rint(taken / 255 * 16), images)
    assert (taken.min(), taken.max()) == (0, 255)


def mnist_file(path: Path, array: np.ndarray) -> None:
    path.write_bytes(struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes())


def test_mnist_is_read_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    parts = {
        "train": RNG.integers(0, 256, (30, 28, 28), dtype=np.uint8),
        "t10k": RNG.integers(0, 256, (12, 28, 28), dtype=np.uint8),
    }
    parts["train"][4] = parts["t10k"][7]  # planted: this one must go
    for part, images in parts.items():
        mnist_file(folder / f"{part}-images-idx3-ubyte", images)
        mnist_file(folder / f"{part}-labels-idx1-ubyte", (np.arange(len(images)) % 10).astype(np.uint8))
    monkeypatch.setenv("CLAROS_CACHE", str(tmp_path))
    train, test = data.load("mnist")
    assert test is not None
    assert train.classes == tuple("0123456789")
    kept = [i for i in range(30) if i != 4]
    assert np.array_equal(train.take(range(29)), parts["train"][kept])
    assert train.labels is not None
    assert train.labels.tolist() == [i % 10 for i in kept]
    assert np.array_equal(test.take(range(12)), parts["t10k"])
    assert train.report()["left_out"] == 1
    assert data.reopen(train.source).manifest() == train.manifest()


def write_cifar(root: Path, kind: Any, fine: str, names: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """Two files in CIFAR's format; torchvision is told their checksums, as it knows those of the real ones."""
    folder = root / kind.base_folder
    folder.mkdir(parents=True)
    images = {part: RNG.integers(0, 256, (5, 3, 32, 32), dtype=np.uint8) for part in ("one", "two")}
    contents: dict[str, Any] = {
        part: {"data": pixels.reshape(5, -1), fine: [0, 1, 2, 1, 0]} for part, pixels in images.items()
    }
    contents["names"] = {names: ["ant", "bee", "cow"]}
    sums = {}
    for name, content in contents.items():
        raw = pickle.dumps(content)
        (folder / name).write_bytes(raw)
        sums[name] = hashlib.md5(raw).hexdigest()
    monkeypatch.setattr(kind, "train_list", [["one", sums["one"]]])
    monkeypatch.setattr(kind, "test_list", [["two", sums["two"]]])
    monkeypatch.setattr(kind, "meta", {"filename": "names", "key": names, "md5": sums["names"]})
    return images


@pytest.mark.parametrize(
    ("name", "fine", "names"), [("cifar10", "labels", "label_names"), ("cifar100", "fine_labels", "fine_label_names")]
)
def test_cifar_is_read_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, fine: str, names: str
) -> None:
    import torchvision

    images = write_cifar(tmp_path, getattr(torchvision.datasets, name.upper()), fine, names, monkeypatch)
    monkeypatch.setenv("CLAROS_CACHE", str(tmp_path))
    train, test = data.load(name)
    assert test is not None
    assert np.array_equal(train.take(range(5)), images["one"].transpose(0, 2, 3, 1))
    assert np.array_equal(test.take(range(5)), images["two"].transpose(0, 2, 3, 1))
    assert train.labels is not None
    assert [train.classes[code] for code in train.labels] == ["ant", "bee", "cow", "bee", "ant"]


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
def test_without_a_network_the_error_says_where_the_files_belong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for scheme in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")  # the discard port: nobody answers
    for scheme in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(scheme, raising=False)
    monkeypatch.setenv("CLAROS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match=rf"'{name}' is not in .*cache and cannot be downloaded \(.*CLAROS_CACHE"):
        data.load(name)
