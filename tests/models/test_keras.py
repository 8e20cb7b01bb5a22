"""Keras models keep the contract on the torch backend, and what is taken out of them is what Keras computes."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from claros import models
from claros.errors import InputError, ModelError
from claros.models import Model
from claros.models.keras import KerasModel
from claros.testing.models import ModelContract
from claros.testing.pools import small_pool

QUICK: dict[str, Any] = {"epochs": 20, "min_steps": 0, "batch_size": 96, "members": 2, "chunk": 20, "lr": 0.1}


@pytest.fixture(scope="module", autouse=True)
def keras() -> Any:
    """Keras on torch, whatever the environment says, which is left as it was."""
    before = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = "torch"
    try:
        yield importlib.import_module("keras")
    finally:
        os.environ.pop("KERAS_BACKEND")
        if before is not None:
            os.environ["KERAS_BACKEND"] = before


class TestSequential(ModelContract):
    def model(self) -> Model:
        return models.get("keras_factories:perceptron", width=12, dropout=0.1, **QUICK)


@pytest.mark.slow
class TestFunctional(ModelContract):
    kind = "images"

    def model(self) -> Model:
        return models.get("keras_factories:convolution", **QUICK)


def fitted(name: str, kind: str = "rows", **given: Any) -> Any:
    model, pool = models.get(name, **{**QUICK, **given}), small_pool(kind)
    model.fit(pool, pool.labels, rng=np.random.default_rng(0))
    return model


def test_a_class_whose_layers_nobody_can_see_gives_predictions(tmp_path: Path) -> None:
    pool, model = small_pool(), fitted("keras_factories:Subclass")
    given = model.outputs(pool, ["probs", "logits"])
    assert (given["probs"].argmax(axis=1) == pool.labels).mean() > 0.9
    powers = np.exp(given["logits"])
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), given["probs"], atol=1e-5)
    model.save(tmp_path)
    again = models.from_spec(model.spec())
    again.load(tmp_path)
    assert np.array_equal(again.outputs(pool, ["probs"])["probs"], given["probs"])


def test_a_function_in_memory_must_be_passed_again() -> None:
    build = importlib.import_module("keras_factories").separate_softmax
    model, pool = KerasModel(lambda in_features, n_classes: build(in_features, n_classes), **QUICK), small_pool()
    model.fit(pool, pool.labels, rng=np.random.default_rng(0))
    assert (model.outputs(pool, ["probs"])["probs"].argmax(axis=1) == pool.labels).mean() > 0.9
    with pytest.raises(InputError, match="object in memory"):
        models.from_spec(model.spec())


def test_a_warm_model_goes_on_where_it_was() -> None:
    pool = small_pool()
    first = {}
    for warm in (True, False):
        model = models.get("keras_factories:perceptron", warm=warm, dropout=0.0, **QUICK)
        for number in range(2):
            model.fit(pool, pool.labels, rng=np.random.default_rng(number))
            first[warm, number] = model.history[0]["loss"]
    assert first[True, 1] < 0.5 * first[True, 0]
    assert first[False, 1] > 0.8 * first[False, 0]
    # more classes than it has columns for: it begins anew
    model.fit(pool, pool.labels, n_classes=4, rng=np.random.default_rng(0))
    assert model.outputs(pool, ["probs"])["probs"].shape == (len(pool), 4)


def test_what_each_way_of_writing_a_model_provides() -> None:
    everything = {"probs", "logits", "embeddings", "head_weights", "head_bias", "member_probs"}
    assert models.get("keras_factories:perceptron").provides_for(small_pool()) == everything
    assert models.get("keras_factories:perceptron", dropout=0.0).provides == everything - {"member_probs"}
    assert models.get("keras_factories:convolution").provides == everything
    assert models.get("keras_factories:separate_softmax").provides == everything - {"member_probs"}
    assert models.get("keras_factories:Subclass").provides_for(small_pool()) == {"probs", "logits"}


def test_probabilities_and_embeddings_are_what_keras_computes(keras: Any) -> None:
    pool = small_pool()
    model = fitted("keras_factories:separate_softmax")
    net = model._fitted.parts.model
    rows = np.asarray(pool.take(np.arange(len(pool))))
    seen_by_it = ((rows - rows.mean(axis=0)) / rows.std(axis=0)).astype(np.float32)
    given = model.outputs(pool, ["probs", "embeddings", "head_bias"])
    said = net(keras.ops.convert_to_tensor(seen_by_it), training=False).detach().numpy()
    np.testing.assert_allclose(given["probs"], said, atol=1e-5)
    hidden = net.get_layer("hidden")
    kernel, bias = (value.value.detach().numpy() for value in (hidden.kernel, hidden.bias))
    expected = np.tanh(seen_by_it @ kernel + bias)
    np.testing.assert_allclose(given["embeddings"], expected, atol=1e-5)
    assert not given["head_bias"].any()


def test_members_are_the_network_with_units_dropped_alike_for_all_items() -> None:
    # with one hidden layer the logits are h @ (mask / keep * W) + b: linear in h, with the same matrix for every item
    pool = small_pool()
    model = fitted("keras_factories:perceptron", dropout=0.5, members=4, epochs=2)
    given = model.outputs(pool, ["member_probs", "embeddings", "probs"])
    logs = np.log(given["member_probs"])
    logs -= logs.mean(axis=2, keepdims=True)
    design = np.column_stack([given["embeddings"], np.ones(len(pool))])
    for member in range(4):
        fit, *_ = np.linalg.lstsq(design, logs[:, member], rcond=None)
        np.testing.assert_allclose(design @ fit, logs[:, member], atol=1e-3)
    assert np.abs(logs[:, 0] - logs[:, 1]).max() > 0.01
    np.testing.assert_array_equal(
        model.outputs(pool.subset([7]), ["member_probs"])["member_probs"].argmax(axis=2)[0],
        given["member_probs"][7].argmax(axis=1),
    )


def test_factories_without_arguments_and_classes_are_recognised() -> None:
    for name in ("of_no_arguments", "Subclass", "perceptron"):
        assert isinstance(models.get(f"keras_factories:{name}"), KerasModel), name
    assert not isinstance(models.get("factories:network"), KerasModel)
    assert not isinstance(models.get("factories:fixed_network"), KerasModel)


def test_the_history_falls_and_epochs_are_told() -> None:
    model, pool, told = models.get("keras_factories:perceptron", **QUICK), small_pool(), []
    model.on_epoch = lambda done, planned: told.append((done, planned))
    model.fit(pool, pool.labels, rng=np.random.default_rng(0))
    assert told[-1] == (20, 20)
    losses = [entry["loss"] for entry in model.history]
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize(
    ("name", "given", "error", "says"),
    [
        ("perceptron", {"widht": 3}, InputError, "width"),
        ("perceptron", {"lr": -1.0}, InputError, "lr must be positive"),
        ("perceptron", {"optimizer": "adamant"}, InputError, "adamant"),
        ("too_few", {}, ModelError, "3 classes"),
        ("convolution", {}, ModelError, "could not make"),
    ],
)
def test_a_mistake_is_one_sentence(name: str, given: dict[str, Any], error: type[Exception], says: str) -> None:
    pool = small_pool()
    with pytest.raises(error, match=says):
        models.get(f"keras_factories:{name}", **given).fit(pool, pool.labels, rng=np.random.default_rng(0))


def test_a_backend_that_is_not_installed_is_one_sentence() -> None:
    program = "from claros import models; models.get('keras_factories:perceptron')"
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": os.path.dirname(__file__)}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert "KERAS_BACKEND=torch" in ran.stderr.splitlines()[-1], ran.stderr[-500:]
