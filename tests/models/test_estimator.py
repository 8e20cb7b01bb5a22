"""Torch networks as scikit-learn estimators, and skorch's as models of ours."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from skorch import NeuralNetClassifier
from torch import nn

from claros import models
from claros.errors import InputError, ModelError
from claros.models.torch.estimator import TorchClassifier
from claros.testing.models import ModelContract
from claros.testing.pools import small_pool

QUICK: dict[str, Any] = {"lr": 0.05, "epochs": 10, "min_steps": 60, "device": "cpu"}


def build(in_features: int, n_classes: int, width: int = 16) -> nn.Module:
    return nn.Sequential(nn.Linear(in_features, width), nn.ReLU(), nn.Linear(width, n_classes))


def test_scikit_learn_finds_nothing_wrong_with_it() -> None:
    # in batches drawn at random an item of weight 2 is not the same as two items
    known = {"check_sample_weight_equivalence_on_dense_data": "batches are drawn at random"}
    quick = TorchClassifier(build, {**QUICK, "lr": 0.2, "epochs": 1, "min_steps": 12}, random_state=0)
    results = check_estimator(quick, expected_failed_checks=known, on_skip=None, on_fail=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert not failed, failed
    assert len(results) > 50


def test_it_is_cross_validated_searched_and_put_into_a_pipeline() -> None:
    X, y = load_iris(return_X_y=True)
    y = np.array(["setosa", "versicolor", "virginica"])[y]
    scores = cross_val_score(make_pipeline(StandardScaler(), TorchClassifier(build, QUICK, random_state=0)), X, y, cv=3)
    assert scores.min() > 0.9, scores
    # with a learning rate of next to nothing, nothing is learned
    search = GridSearchCV(TorchClassifier(build, QUICK, random_state=0), {"parameters__lr": [1e-9, 0.05]}, cv=3)
    search.fit(X, y)
    assert search.best_params_ == {"parameters__lr": 0.05}
    assert search.best_estimator_.parameters["epochs"] == 10
    assert set(search.predict(X)) == {"setosa", "versicolor", "virginica"}


def test_the_same_number_gives_the_same_network_and_a_clone_is_untrained() -> None:
    X, y = load_iris(return_X_y=True)
    one = TorchClassifier(build, QUICK, random_state=3).fit(X, y)
    other = clone(one)
    assert not hasattr(other, "model_")
    assert np.array_equal(other.fit(X, y).predict_proba(X), one.predict_proba(X))
    third = clone(one).set_params(random_state=np.random.RandomState(4)).fit(X, y)
    assert not np.array_equal(third.predict_proba(X), one.predict_proba(X))
    passed_on = pickle.loads(pickle.dumps(one))  # as between processes
    assert np.array_equal(passed_on.predict_proba(X), one.predict_proba(X))
    assert one.history_[-1]["epoch"] >= 10


def test_images_go_in_as_they_are_and_everything_comes_out() -> None:
    pool = small_pool("images")
    X, y = np.asarray(pool.take(np.arange(len(pool)))), np.array(pool.classes)[pool.labels]
    net = TorchClassifier("cnn", {"width": 4, "dropout": 0.2, "lr": 0.01, **QUICK, "members": 3}, random_state=0)
    net.fit(X[:32], y[:32])
    assert net.score(X[32:], y[32:]) > 0.9
    assert net.classes_.tolist() == ["bird", "stone", "tree"]
    given = net.outputs(X[:5], ["embeddings", "member_probs", "boundary_distance"])
    assert {name: value.shape for name, value in given.items()} == {
        "embeddings": (5, 128),
        "member_probs": (5, 3, 3),
        "boundary_distance": (5,),
    }


def test_weights_are_believed_and_what_is_no_torch_model_is_refused() -> None:
    X = np.repeat(load_iris().data[:50], 2, axis=0)
    y = np.tile(["one", "other"], 50)
    heavy = np.tile([1.0, 0.01], 50)
    assert set(TorchClassifier(build, QUICK, random_state=0).fit(X, y, sample_weight=heavy).predict(X)) == {"one"}
    with pytest.raises(InputError, match="needs no wrapping"):
        TorchClassifier("forest").fit(X, y)


def test_learners_that_ask_a_classifier_for_probabilities_are_content() -> None:
    # what modAL does: fit, predict_proba on the pool, ask for the least certain, add it, fit again
    X, y = load_iris(return_X_y=True)
    chosen = [0, 1, 50, 51, 100, 101]
    net = TorchClassifier(build, QUICK, random_state=0)
    for _ in range(3):
        net.fit(X[chosen], y[chosen])
        unsure = 1 - net.predict_proba(X).max(axis=1)
        unsure[chosen] = -1
        chosen.append(int(unsure.argmax()))
    assert len(set(chosen)) == 9


class Module(nn.Module):
    """Has an output for each of five classes, however many are known yet."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.layers = build(5, 5, width)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.layers(X.float()).softmax(dim=1)


class TestSkorch(ModelContract):
    reopens = False
    takes_weights = False

    def model(self) -> Any:
        net = NeuralNetClassifier(Module, max_epochs=40, lr=0.1, batch_size=8, verbose=0, train_split=None)
        return models.from_estimator(net)


def test_more_classes_than_a_network_of_skorch_has_outputs_are_one_sentence() -> None:
    pool = small_pool()
    net = models.from_estimator(NeuralNetClassifier(Module, max_epochs=1, verbose=0, train_split=None))
    with pytest.raises(ModelError, match="out of bounds"):
        net.fit(pool, 3 * pool.labels, n_classes=7, rng=np.random.default_rng(0))
