"""A model in one file that can be passed on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from claros import data, models
from claros.errors import ModelError
from claros.models import one_file


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[models.Model, data.Pool, Path]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 16, 16, 3)).astype(np.uint8)
    pool = data.arrays(images, np.arange(12) % 3, classes=["a", "b", "c"])
    model = models.get("cnn", width=4, epochs=1, min_steps=0)
    model.fit(pool, np.array(pool.labels), rng=np.random.default_rng(1))
    folder = tmp_path_factory.mktemp("saved")
    model.save(folder)
    return model, pool, folder


def test_it_predicts_the_same_and_says_what_was_said_of_it(
    trained: tuple[models.Model, data.Pool, Path], tmp_path: Path
) -> None:
    model, pool, folder = trained
    assert one_file.pack(folder, tmp_path / "model.safetensors", {"classes": ["a", "b", "c"]})
    loaded, about = one_file.load(tmp_path / "model.safetensors")
    assert about == {"classes": ["a", "b", "c"]}
    for name in ("probs", "embeddings"):
        np.testing.assert_array_equal(loaded.outputs(pool, [name])[name], model.outputs(pool, [name])[name])


def test_other_readers_of_safetensors_find_the_same_tensors(
    trained: tuple[models.Model, data.Pool, Path], tmp_path: Path
) -> None:
    _, _, folder = trained
    one_file.pack(folder, tmp_path / "model.safetensors")
    before = safetensors.numpy.load_file(next(folder.glob("*.safetensors")))
    after = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    assert before.keys() == after.keys()
    assert all((before[name] == after[name]).all() for name in before)


def test_a_model_without_weights_is_no_file(tmp_path: Path) -> None:
    pool = data.load("iris").train
    model = models.get("logistic")
    model.fit(pool, np.array(pool.labels), rng=np.random.default_rng(0))
    model.save(tmp_path / "saved")
    assert not one_file.pack(tmp_path / "saved", tmp_path / "model.safetensors")
    assert not (tmp_path / "model.safetensors").exists()


def test_what_is_no_such_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        one_file.load(tmp_path / "none.safetensors")
    header = json.dumps({"__metadata__": {"format": "pt"}}).encode()
    (tmp_path / "other.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelError, match="no model that Claros wrote"):
        one_file.load(tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("hello, this is a text")
    with pytest.raises(ModelError, match="no model that Claros wrote"):
        one_file.load(tmp_path / "text.safetensors")
