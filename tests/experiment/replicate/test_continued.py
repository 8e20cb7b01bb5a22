"""The network that is trained on and on: the model contract, and what is special about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from claros import models
from claros.arrays import Floats
from claros.data import Pool, arrays
from claros.errors import DataError, InputError
from claros.experiment.replicate.continued import Continued
from claros.models.model import Model
from claros.testing.models import ModelContract

PATH = "claros.experiment.replicate.continued:Continued"


class TestContinued(ModelContract):
    takes_weights = False

    def model(self) -> Model:
        return models.get(PATH, hidden=[6, 8], optimizer="NAdam", lr=0.03, batch_size=8)


def rows(n: int, seed: int = 0) -> Pool:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    return arrays(rng.normal(size=(n, 3)) + labels[:, None], labels, classes=("a", "b"))


def fit(model: Model, pool: Pool, seed: int = 0) -> None:
    model.fit(pool, np.array(pool.labels), rng=np.random.default_rng(seed))


def validation(folder: Path, x: Any, y: Any) -> str:
    path = folder / "held.npz"
    np.savez(path, x_val=np.asarray(x, dtype=np.float32), y_val=np.asarray(y))
    return str(path)


def saved(model: Model, folder: Path) -> dict[str, Any]:
    """The tensors that the model writes."""
    model.save(folder)
    tensors: dict[str, Any] = load_file(next(folder.glob("*.safetensors")))
    return tensors


def probs(model: Model, pool: Pool) -> Floats:
    found: Floats = model.outputs(pool, ["probs"])["probs"]
    return found


def test_a_later_fit_is_the_longer_training_it_would_have_been_with_the_optimizer_kept() -> None:
    """With one batch an epoch and no validation, 3 epochs and then 4 are 7 epochs of NAdam on the same rows."""
    pool = rows(8)
    model = Continued(optimizer="NAdam", lr=0.05, batch_size=8, first_epochs=3, epochs=4)
    fit(model, pool)
    assert [entry["epoch"] for entry in model.history] == [1, 2, 3]
    start = Continued(optimizer="NAdam", lr=0.05, batch_size=8, first_epochs=3, epochs=4)
    fit(start, pool)
    at_once = Continued(optimizer="NAdam", lr=0.05, batch_size=8, first_epochs=7, epochs=4)
    fit(at_once, pool)
    fit(model, pool)
    assert [entry["epoch"] for entry in model.history] == [1, 2, 3, 4]
    np.testing.assert_allclose(probs(model, pool), probs(at_once, pool), atol=1e-6)


def test_a_saved_model_goes_on_as_the_one_in_memory_does(tmp_path: Path) -> None:
    pool, more = rows(20), rows(24)
    model = Continued(hidden=(4,), optimizer="Adam", lr=0.02, batch_size=6, first_epochs=4, epochs=3)
    fit(model, pool)
    model.save(tmp_path)
    other = Continued(hidden=(4,), optimizer="Adam", lr=0.02, batch_size=6, first_epochs=4, epochs=3)
    other.load(tmp_path)
    fit(model, more, seed=1)
    fit(other, more, seed=1)
    assert np.array_equal(probs(model, pool), probs(other, pool))


def test_a_later_fit_ends_when_the_validation_loss_was_not_the_lowest_for_more_than_its_patience(
    tmp_path: Path,
) -> None:
    pool, held = rows(12), rows(40, seed=1)
    path = validation(tmp_path, held.take(range(40)), held.labels)
    for patience in (0, 2):
        model = Continued(lr=0.1, batch_size=4, first_epochs=3, epochs=300, patience=patience, validation=path)
        fit(model, pool)
        assert len(model.history) == 3
        fit(model, pool)
        losses = [entry["val_loss"] for entry in model.history]
        waited = [losses[epoch] >= min(losses[:epoch]) for epoch in range(1, len(losses))]
        assert len(losses) < 300
        assert all(waited[-patience - 1 :])
        runs = "".join("x" if late else "." for late in waited[:-1])
        assert "x" * (patience + 1) not in runs


def test_the_weights_that_are_kept_are_those_of_the_last_epoch_not_of_the_best(tmp_path: Path) -> None:
    """As in the source: the loss of the model that comes out is the last one of its history."""
    pool, held = rows(12), rows(40, seed=1)
    path = validation(tmp_path, held.take(range(40)), held.labels)
    model = Continued(lr=0.1, batch_size=4, first_epochs=3, epochs=300, patience=2, validation=path)
    fit(model, pool)
    fit(model, pool)
    logits = torch.from_numpy(np.asarray(model.outputs(held, ["logits"])["logits"]))
    loss = float(F.cross_entropy(logits, torch.from_numpy(np.array(held.labels))))
    assert loss == pytest.approx(model.history[-1]["val_loss"], abs=1e-6)
    assert loss > min(entry["val_loss"] for entry in model.history)


def test_an_epoch_leaves_out_the_last_batch_only_where_there_are_others(tmp_path: Path) -> None:
    """An epoch over 10 items in batches of 4 is 2 steps, over 3 items 1."""
    for n, steps in ((10, 2), (3, 1), (4, 1), (8, 2)):
        model = Continued(lr=0.001, batch_size=4, first_epochs=1)
        fit(model, rows(n))
        assert float(saved(model, tmp_path / str(n))["optimizer.0.step"]) == steps, f"{n} items"


def test_validation_items_of_classes_never_seen_do_not_count(tmp_path: Path) -> None:
    pool = rows(10)
    path = validation(tmp_path, np.zeros((4, 3)), [0, 1, 2, 2])
    model = Continued(lr=0.01, first_epochs=1, validation=path)
    model.fit(pool, np.array(pool.labels), n_classes=3, rng=np.random.default_rng(0))
    logits = np.asarray(model.outputs(arrays(np.zeros((2, 3), np.float32)), ["logits"])["logits"])[:, :2]
    expected = -(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))[[0, 1], [0, 1]].mean()
    assert model.history[0]["val_loss"] == pytest.approx(expected, abs=1e-5)


def test_the_first_hidden_size_counts_twice_as_in_the_source(tmp_path: Path) -> None:
    model = Continued(hidden=(12, 16))
    fit(model, rows(6))
    tensors = saved(model, tmp_path)
    shapes = [tuple(tensors[f"net.{layer}.weight"].shape) for layer in (0, 2, 4, 6)]
    assert shapes == [(12, 3), (12, 12), (16, 12), (2, 16)]
    assert model.outputs(rows(6), ["embeddings"])["embeddings"].shape == (6, 16)


def test_what_it_cannot_do_is_said(tmp_path: Path) -> None:
    pool = rows(6)
    with pytest.raises(InputError, match="takes no weights"):
        Continued().fit(pool, np.array(pool.labels), weights=np.ones(6), rng=np.random.default_rng(0))
    with pytest.raises(DataError, match="x_val"):
        fit(Continued(validation=str(tmp_path / "none.npz")), pool)
    with pytest.raises(InputError, match="optimizer"):
        Continued(optimizer="Adan")
