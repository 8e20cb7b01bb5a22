"""Models on disk: whole or not at all, checked when they are read, never a pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from factories import Tied

from claros import models
from claros.errors import ModelError
from claros.models import Model, TorchModel
from claros.testing.pools import small_pool

QUICK: dict[str, Any] = {"epochs": 2, "min_steps": 0, "device": "cpu"}


def trained(seed: int = 0, **options: Any) -> Model:
    pool = small_pool()
    model = models.get("factories:Perceptron", **{**QUICK, **options})
    model.fit(pool, pool.labels, rng=np.random.default_rng(seed))
    return model


def probs(model: Model) -> Any:
    return model.outputs(small_pool(), ["probs"])["probs"]


def test_weights_are_safetensors_and_the_rest_is_json(tmp_path: Path) -> None:
    trained().save(tmp_path)
    document = json.loads((tmp_path / "model.json").read_text())
    tensors = safetensors.numpy.load_file(tmp_path / document["weights"]["file"])
    assert set(tensors) >= {"hidden.weight", "norm.running_mean", "head.bias"}
    assert document["n_classes"] == 3
    assert document["spec"]["name"] == "factories:Perceptron"
    assert len(list(tmp_path.iterdir())) == 2


def test_saving_again_replaces_the_weights(tmp_path: Path) -> None:
    trained(0).save(tmp_path)
    model = trained(1)
    model.save(tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 1
    fresh = models.get("factories:Perceptron", **QUICK)
    fresh.load(tmp_path)
    np.testing.assert_array_equal(probs(fresh), probs(model))


def test_a_save_that_is_cut_short_leaves_the_model_that_was_there(tmp_path: Path, monkeypatch: Any) -> None:
    old, new = trained(0), trained(1)
    old.save(tmp_path)
    replace = Path.replace

    def full_disk(self: Path, target: Path) -> Any:
        if target.name == "model.json":
            raise OSError("No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        new.save(tmp_path)
    fresh = models.get("factories:Perceptron", **QUICK)
    fresh.load(tmp_path)
    np.testing.assert_array_equal(probs(fresh), probs(old))
    assert not list(tmp_path.glob("*.partial"))
    assert not list(tmp_path.glob(".*partial"))


def test_damage_and_strangers_are_said(tmp_path: Path) -> None:
    trained().save(tmp_path)
    fresh = models.get("factories:Perceptron", **QUICK)
    (weights,) = tmp_path.glob("*.safetensors")
    whole, document = weights.read_bytes(), (tmp_path / "model.json").read_text()
    weights.write_bytes(whole[:-1] + b"x")
    with pytest.raises(ModelError, match=r"is damaged: its checksum is not that in model\.json"):
        fresh.load(tmp_path)
    weights.unlink()
    with pytest.raises(ModelError, match=r"lacks the weights that model\.json names"):
        fresh.load(tmp_path)
    weights.write_bytes(whole)
    (tmp_path / "model.json").write_text(document.replace('"version": 1', '"version": 2'))
    with pytest.raises(ModelError, match="not of version 1"):
        fresh.load(tmp_path)
    (tmp_path / "model.json").write_text(document[:-20])
    with pytest.raises(ModelError, match="is not a saved model that can be read"):
        fresh.load(tmp_path)
    (tmp_path / "model.json").write_text(document)
    fresh.load(tmp_path)


def test_a_model_of_another_specification_is_not_loaded(tmp_path: Path) -> None:
    trained().save(tmp_path)
    with pytest.raises(ModelError, match="holds another model"):
        models.get("factories:Perceptron", **{**QUICK, "epochs": 3}).load(tmp_path)


def test_weights_with_two_names_are_saved_and_stay_tied(tmp_path: Path) -> None:
    pool = small_pool()
    model = TorchModel(Tied, **QUICK)
    model.fit(pool, pool.labels, rng=np.random.default_rng(0))
    model.save(tmp_path)
    fresh = TorchModel(Tied, **QUICK)
    fresh.load(tmp_path)
    np.testing.assert_array_equal(probs(fresh), probs(model))
    net = fresh._fitted.net
    assert net.first.weight is net.second.weight


def test_a_warm_model_goes_on_from_what_was_loaded_as_from_what_was_in_memory(tmp_path: Path) -> None:
    pool = small_pool()
    model = trained(warm=True)
    model.save(tmp_path)
    fresh = models.get("factories:Perceptron", warm=True, **QUICK)
    fresh.load(tmp_path)
    for one in (model, fresh):
        one.fit(pool, pool.labels, rng=np.random.default_rng(9))
    np.testing.assert_array_equal(probs(fresh), probs(model))


def test_an_untrained_model_has_nothing_to_save(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing to save"):
        models.get("factories:Perceptron").save(tmp_path)


def test_scikit_learn_models_say_that_they_are_fitted_again(tmp_path: Path) -> None:
    pool, model = small_pool(), models.get("logistic")
    model.fit(pool, pool.labels, rng=np.random.default_rng(0))
    model.save(tmp_path)
    assert json.loads((tmp_path / "model.json").read_text())["spec"] == model.spec()
    with pytest.raises(ModelError, match="fit it again on the same labels"):
        models.get("logistic").load(tmp_path)
