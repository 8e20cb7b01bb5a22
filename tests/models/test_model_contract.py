"""Every adapter keeps the contract of `claros.testing.models`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from claros import models
from claros.data import Pool
from claros.models import Model, Precomputed, TorchModel, from_estimator
from claros.testing.models import ModelContract
from claros.testing.pools import small_pool

QUICK = {
    "epochs": 20,
    "min_steps": 0,
    "batch_size": 16,
    "members": 3,
    "device": "cpu",
    "chunk": 20,
    "boundary_steps": 2,
}


class TestLogisticOverRows(ModelContract):
    def model(self) -> Model:
        return models.get("logistic")


class TestLogisticOverImages(ModelContract):
    kind = "images"

    def model(self) -> Model:
        return models.get("logistic", C=0.5)


class TestLogisticOverTexts(ModelContract):
    kind = "texts"

    def model(self) -> Model:
        return models.get("logistic")


class TestForestOverRows(ModelContract):
    def model(self) -> Model:
        return models.get("forest", n_estimators=12)


class TestForestOverTexts(ModelContract):
    kind = "texts"

    def model(self) -> Model:
        return models.get("forest", n_estimators=60)


class TestMlpOverImages(ModelContract):
    kind = "images"

    def model(self) -> Model:
        return models.get("mlp", hidden_layer_sizes=[12, 6], max_iter=150)


class TestMachineOverRows(ModelContract):
    def model(self) -> Model:
        return models.get("svm", C=10.0)


class TestMachineOverTexts(ModelContract):
    kind = "texts"

    def model(self) -> Model:
        return models.get("svm")


class TestEstimator(ModelContract):
    def model(self) -> Model:
        return from_estimator(GaussianNB(var_smoothing=1e-6))


class TestEstimatorThatTakesNoWeights(ModelContract):
    takes_weights = False

    def model(self) -> Model:
        return from_estimator(KNeighborsClassifier(3))


class TestPipeline(ModelContract):
    reopens = False

    def model(self) -> Model:
        return from_estimator(make_pipeline(StandardScaler(), LinearDiscriminantAnalysis()))

    takes_weights = False


class TestCnn(ModelContract):
    kind = "images"

    def model(self) -> Model:
        return models.get("cnn", width=4, dropout=0.2, lr=0.01, **QUICK)


class Untrained(ModelContract):
    """A larger network over fewer images, as one epoch teaches it nothing."""

    kind = "images"
    learns = False

    def pool(self) -> Pool:
        return small_pool("images").subset(range(18))


class TestResNet(Untrained):
    def model(self) -> Model:
        return models.get("resnet18", width=4, **{**QUICK, "epochs": 1})


class TestNetworkByPath(ModelContract):
    def model(self) -> Model:
        return models.get("factories:Perceptron", width=12, lr=0.02, **QUICK)


class TestNetworkWithALearnedLoss(ModelContract):
    def model(self) -> Model:
        return models.get("factories:Perceptron", width=12, lr=0.02, learned_loss=True, boundary="head", **QUICK)


class TestNetworkInMemory(ModelContract):
    reopens = False

    def model(self) -> Model:
        from torch import nn

        def build(in_features: int, n_classes: int) -> Any:
            return nn.Sequential(nn.Linear(in_features, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, n_classes))

        return TorchModel(build, lr=0.03, **QUICK)


class TestNetworkThatGoesOn(ModelContract):
    def model(self) -> Model:
        return models.get("factories:network", warm=True, lr=0.05, **QUICK)


class TestTimm(Untrained):
    def model(self) -> Model:
        return models.get("timm:test_resnet", pretrained=False, **{**QUICK, "epochs": 1})


class TestPrecomputed(ModelContract):
    learns = False
    reopens = False

    def model(self) -> Model:
        pool = small_pool()
        rng = np.random.default_rng(3)
        probs = rng.dirichlet(np.ones(3), len(pool))
        embeddings = rng.normal(size=(len(pool), 4)).astype(np.float32)
        members = rng.dirichlet(np.ones(3), (len(pool), 2))
        return Precomputed({"probs": probs, "embeddings": embeddings, "member_probs": members}, ids=pool.ids)


def test_the_contract_can_fail() -> None:
    class Unfaithful(TestLogisticOverRows):
        def model(self) -> Model:
            model: Any = models.get("logistic")
            honest = model.outputs
            model.outputs = lambda items, names: {name: value[::-1] for name, value in honest(items, names).items()}
            return model

    with pytest.raises(AssertionError, match="differs"):
        Unfaithful().test_rows_are_in_the_order_of_the_items_whatever_comes_together()
