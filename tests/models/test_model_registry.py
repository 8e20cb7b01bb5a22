"""Models by name, by path and from specifications."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from factories import Perceptron
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Perceptron as LinearPerceptron
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from claros import models
from claros.errors import ClarosError, InputError, ModelError, UnknownNameError
from claros.models import SklearnModel, TorchModel, from_estimator
from claros.models.paths import path_of
from claros.testing.pools import small_pool


def test_every_name_has_a_summary_for_listings() -> None:
    assert set(models.names()) == {name for name in models.SUMMARIES if ":" not in name}


def test_names_and_summaries_load_neither_torch_nor_scikit_learn() -> None:
    program = "import sys; from claros import models; models.names(); print({'torch', 'sklearn'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("logistik", {}, "There is no model named 'logistik'. Did you mean 'logistic'?"),
        ("logistic", {"c": 1.0}, "logistic: There is no parameter named 'c'"),
        ("logistic", {"random_state": 3}, "logistic: There is no parameter named 'random_state'"),
        ("cnn", {"epoch": 3}, "Did you mean 'epochs'?"),
        ("cnn", {"epochs": "3"}, "cnn: parameter epochs must be a whole number; got '3'"),
        ("cnn", {"epochs": 0}, "epochs must be at least 1; got 0"),
        ("cnn", {"members": 2.5}, "members must be a whole number"),
        ("cnn", {"optimizer": "adamm"}, "There is no optimizer named 'adamm'. Did you mean 'Adam'?"),
        ("cnn", {"optimizer_arguments": {"momentum": 0.9}}, "AdamW does not take these arguments"),
        ("cnn", {"schedule": "linear"}, "schedule must be 'cosine' or 'constant'; got 'linear'"),
        ("cnn", {"validation": 1.0}, "validation must be a share from 0 to less than 1"),
        ("cnn", {"lr": 0.0}, "lr must be positive"),
        ("cnn", {"class_weight": "balance"}, "class_weight must be 'balanced'"),
        ("cnn", {"normalise": {"mean": [0.5]}}, "normalise must be"),
        ("cnn", {"warm": 1}, "parameter warm must be true or false"),
        ("precomputed", {"file": "x"}, "precomputed: There is no parameter named 'file'"),
        ("precomputed", {}, "precomputed needs its arrays"),
        ("nowhere.to_be:found", {}, "Python finds no module 'nowhere'"),
        ("factories:Perceptrom", {}, "Did you mean 'Perceptron'?"),
        ("factories:Perceptron", {"widht": 3}, "Did you mean 'width'?"),
        ("factories:naive_bayes", {"smoothing": 3.0}, "There is no parameter named 'smoothing'"),
        ("factories:a_number", {}, "must be a class or function that makes a model anew for every training; it is 7"),
        ("factories:an_object", {}, "anew for every training"),
        ("builtins:dict", {}, "does not say which arguments it takes"),
        ("collections:Counter", {}, "takes a scikit-learn estimator"),
        ("timm:resnet_18", {}, "There is no model of timm named 'resnet_18'"),
    ],
)
def test_what_is_not_known_is_said_with_what_is(name: str, parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        models.get(name, **parameters)


def test_an_unknown_name_is_an_error_of_its_own() -> None:
    with pytest.raises(UnknownNameError):
        models.get("resnet19")


def test_a_path_to_a_network_makes_a_torch_model_and_splits_options_from_arguments() -> None:
    model = models.get("factories:Perceptron", width=6, epochs=3)
    assert isinstance(model, TorchModel)
    assert model.options.epochs == 3
    assert model.spec()["parameters"]["arguments"] == {"width": 6, "dropout": 0.2}


@pytest.mark.parametrize("name", ["network", "fixed_network"])
def test_functions_that_give_networks_are_found_out(name: str) -> None:
    assert isinstance(models.get(f"factories:{name}", epochs=3), TorchModel)


@pytest.mark.parametrize("name", ["naive_bayes", "estimator_in_disguise"])
def test_functions_that_give_estimators_are_found_out(name: str) -> None:
    model = models.get(f"factories:{name}", var_smoothing=0.5)
    assert isinstance(model, SklearnModel)
    assert model.spec() == {"name": f"factories:{name}", "parameters": {"var_smoothing": 0.5}}


def test_looking_at_what_a_function_gives_leaves_torch_s_generator_as_it_was() -> None:
    import torch

    before = torch.get_rng_state()
    models.get("factories:fixed_network")
    assert torch.equal(torch.get_rng_state(), before)


def test_an_estimator_s_specification_names_its_class_and_what_was_changed() -> None:
    assert from_estimator(GaussianNB(var_smoothing=1e-6)).spec() == {
        "name": "sklearn.naive_bayes:GaussianNB",
        "parameters": {"var_smoothing": 1e-6},
    }
    assert from_estimator(LogisticRegression(random_state=5)).spec()["parameters"] == {}


def test_a_torch_specification_writes_every_default_out_and_comes_back_by_json() -> None:
    spec = models.get("cnn", width=8).spec()
    assert spec["parameters"]["arguments"] == {"width": 8, "dropout": 0.5}
    assert {"lr", "epochs", "optimizer", "batch_size", "device"} <= set(spec["parameters"])
    assert models.from_spec(json.loads(json.dumps(spec))).spec() == spec


def test_a_class_given_as_an_object_is_written_down_by_its_path() -> None:
    spec = TorchModel(Perceptron, {"width": 5}, epochs=2).spec()
    assert spec["name"] == "factories:Perceptron"
    assert models.from_spec(spec).spec() == spec


@pytest.mark.parametrize(
    "model",
    [TorchModel(lambda n_classes: None), from_estimator(make_pipeline(StandardScaler(), GaussianNB()))],
    ids=["a lambda", "a pipeline"],
)
def test_what_cannot_be_found_by_name_has_to_be_passed_again(model: Any) -> None:
    with pytest.raises(InputError, match=r"pass model=\.\.\. once more"):
        models.from_spec(json.loads(json.dumps(model.spec())))


def test_paths_are_public_where_they_can_be() -> None:
    assert path_of(LogisticRegression) == "sklearn.linear_model:LogisticRegression"
    assert path_of(lambda: None) is None


def test_an_estimator_without_probabilities_is_refused() -> None:
    with pytest.raises(InputError, match="has no predict_proba"):
        from_estimator(LinearPerceptron())


def test_an_estimator_class_is_not_an_estimator() -> None:
    with pytest.raises(InputError, match="not fitted yet"):
        from_estimator(GaussianNB)


@pytest.mark.parametrize("name", ["cnn", "resnet18"])
def test_networks_over_images_say_so_before_training(name: str) -> None:
    texts, model = small_pool("texts"), models.get(name)
    for ask in (
        lambda: model.provides_for(texts),
        lambda: model.fit(texts, texts.labels, rng=np.random.default_rng(0)),
    ):
        with pytest.raises(InputError, match=f"{name} takes images; these items are texts"):
            ask()


def test_a_factory_that_breaks_is_a_model_error_that_says_with_what() -> None:
    def broken(n_classes: int) -> Any:
        raise ValueError("no such thing")

    with pytest.raises(ModelError, match=r"items of shape \(5,\) and 3 classes: no such thing"):
        TorchModel(broken).provides_for(small_pool())


def test_a_network_with_the_wrong_number_of_outputs_is_refused_before_training() -> None:
    model = models.get("factories:thousand_classes")
    with pytest.raises(ModelError, match=r"shape \(2, 3\) for 2 items and 3 classes; got \(2, 1000\)"):
        model.provides_for(small_pool())


def test_a_network_for_shapes_of_its_own_is_judged_by_its_data() -> None:
    from torch import nn

    def over_five_features(in_shape: tuple[int, ...], n_classes: int) -> Any:
        if in_shape != (5,):
            raise ValueError("five features only")
        return nn.Linear(5, n_classes)

    model = TorchModel(over_five_features)
    assert "member_probs" in model.provides, "nothing is ruled out yet"
    passes = {"boundary_distance", "bim_distance", "gradient_norm"}
    predictions = {"probs", "logits", "embeddings", "head_weights", "head_bias"}
    assert model.provides_for(small_pool()) == predictions | passes


def test_errors_of_a_user_s_module_are_his_own(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_more.py").write_text("import a_package_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_package_that_is_not_there"):
        models.get("needs_more:thing")
    assert not issubclass(ModuleNotFoundError, ClarosError)
