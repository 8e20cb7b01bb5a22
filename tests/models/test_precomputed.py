"""Arrays from elsewhere, looked up by item id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from claros import models
from claros.data import arrays
from claros.errors import DataError, InputError
from claros.models import Precomputed

PROBS = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5], [0.3, 0.7]])


def pool(ids: list[str] | None = None) -> Any:
    return arrays(np.arange(8.0).reshape(4, 2), [0, 1, 0, 1], ids=ids, classes=["a", "b"])


def test_rows_follow_the_ids_not_the_positions() -> None:
    model = Precomputed({"probs": PROBS}, ids=["w", "x", "y", "z"])
    turned = pool(["z", "y", "x", "w"])
    np.testing.assert_array_equal(model.outputs(turned, ["probs"])["probs"], PROBS[::-1])
    np.testing.assert_array_equal(model.outputs(turned.subset([1, 3]), ["probs"])["probs"], PROBS[[2, 0]])


def test_without_ids_rows_are_numbered() -> None:
    model = Precomputed({"probs": PROBS})
    np.testing.assert_array_equal(model.outputs(pool().subset([3, 0]), ["probs"])["probs"], PROBS[[3, 0]])


def test_an_item_without_a_row_is_said_before_training() -> None:
    model = Precomputed({"probs": PROBS})
    named = pool(["0", "1", "two", "3"])
    for ask in (
        lambda: model.provides_for(named),
        lambda: model.outputs(named, ["probs"]),
        lambda: model.fit(named, named.labels, rng=np.random.default_rng(0)),
    ):
        with pytest.raises(DataError, match=r"no row for 1 of 4 item\(s\), the first with id 'two'"):
            ask()


def test_training_records_the_labels_and_changes_nothing() -> None:
    model = Precomputed({"probs": PROBS}, ids=["w", "x", "y", "z"])
    some = pool(["w", "x", "y", "z"]).subset([2, 1])
    model.fit(some, np.array([0, 1]), rng=np.random.default_rng(0))
    assert model.labels == {"y": 0, "x": 1}
    np.testing.assert_array_equal(model.outputs(some, ["probs"])["probs"], PROBS[[2, 1]])


def test_labels_outlive_saving(tmp_path: Path) -> None:
    model = Precomputed({"probs": PROBS})
    model.fit(pool(), np.array([0, 1, 0, 1]), rng=np.random.default_rng(0))
    model.save(tmp_path)
    again = Precomputed({"probs": PROBS})
    again.load(tmp_path)
    assert again.labels == {"0": 0, "1": 1, "2": 0, "3": 1}


def test_the_head_is_given_whole() -> None:
    weights = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    model = Precomputed({"probs": PROBS, "embeddings": np.ones((4, 3)), "head_weights": weights})
    given = model.outputs(pool().subset([1]), ["embeddings", "head_weights"])
    assert given["embeddings"].shape == (1, 3)
    np.testing.assert_array_equal(given["head_weights"], weights)


def test_tensors_stay_tensors_and_memory_maps_are_not_read_whole(tmp_path: Path) -> None:
    tensor = Precomputed({"probs": torch.tensor(PROBS)}).outputs(pool().subset([2, 0]), ["probs"])["probs"]
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_array_equal(tensor.numpy(), PROBS[[2, 0]])
    np.save(tmp_path / "probs.npy", PROBS)
    mapped = np.load(tmp_path / "probs.npy", mmap_mode="r")
    assert np.shares_memory(Precomputed({"probs": mapped})._arrays["probs"], mapped)


@pytest.mark.parametrize(
    ("given", "ids", "words"),
    [
        ({}, None, "got none"),
        ({"labels": np.array([0, 1])}, None, "got labels"),
        ({"n_labeled": 3}, None, "got n_labeled"),
        ({"scores": PROBS}, None, "got scores"),
        ({"probs": PROBS * 2}, None, "sum"),
        ({"probs": PROBS, "embeddings": np.ones((3, 2))}, None, "embeddings has 3 along axis N"),
        ({"probs": PROBS}, ["a", "b", "c"], "ids must be 4 different ids"),
        ({"probs": PROBS}, ["a", "b", "c", "a"], "3 of them different"),
    ],
)
def test_arrays_that_are_wrong_are_refused(given: dict[str, Any], ids: list[str] | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Precomputed(given, ids=ids)


def test_another_number_of_classes_is_refused() -> None:
    with pytest.raises(InputError, match="have 2 classes, but there are 3"):
        Precomputed({"probs": PROBS}).fit(pool(), np.array([0, 1, 0, 1]), n_classes=3, rng=np.random.default_rng(0))


def test_a_file_of_arrays_is_a_model_that_reopens_by_its_specification(tmp_path: Path) -> None:
    path = tmp_path / "outputs.npz"
    np.savez(path, probs=PROBS, ids=np.array(["w", "x", "y", "z"]))
    model = models.from_spec(models.get("precomputed", path=str(path)).spec())
    given = model.outputs(pool(["z", "w", "x", "y"]), ["probs"])["probs"]
    np.testing.assert_array_equal(given, PROBS[[3, 0, 1, 2]])


def test_a_file_with_a_pickle_in_it_or_none_at_all_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", probs=np.array([{"a": 1}], dtype=object))
    for name in ("bad.npz", "absent.npz"):
        with pytest.raises(DataError, match=name):
            models.get("precomputed", path=str(tmp_path / name))
