"""How good a model is where nobody has labeled."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from claros import estimate
from claros.arrays import Floats
from claros.errors import InputError, NoEstimateError
from claros.estimate import QueriedLabelsWarning

LABELED = ("average_confidence", "atc", "doc")


def softmax(logits: Floats) -> Floats:
    return np.asarray(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))


def example(rng: np.random.Generator, n: int = 80, m: int = 300, heat: float = 2.0) -> dict[str, Any]:
    """Labels drawn from the true probabilities, and a model that is too sure of itself by one temperature."""
    logits = 1.5 * rng.normal(size=(n + m, 3))
    labels = [int(rng.choice(3, p=row)) for row in softmax(logits[:n])]
    said = softmax(heat * logits)
    return {
        "target_probs": said[n:],
        "labels": np.array(labels),
        "labeled_probs": said[:n],
        "labeled_at_random": np.ones(n, dtype=int),
    }


def test_average_confidence_is_the_mean_of_the_largest_probability_with_its_normal_interval() -> None:
    probs = example(np.random.default_rng(0))["target_probs"]
    estimated = estimate.get("average_confidence")(target_probs=probs)
    sure = probs.max(axis=1)
    low, high = norm.interval(0.95, sure.mean(), sure.std(ddof=1) / np.sqrt(len(sure)))
    assert (estimated.value, estimated.low, estimated.high) == pytest.approx((sure.mean(), low, high))
    assert str(estimated).endswith("300 items)")


def test_calibrated_average_confidence_uses_the_likeliest_temperature() -> None:
    given = example(np.random.default_rng(1))
    scores = np.log(given["labeled_probs"])

    def loss(heat: float) -> float:
        return -float(np.log(softmax(scores / heat)[np.arange(80), given["labels"]]).sum())

    best = float(minimize_scalar(loss, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-9}).x)
    assert 1.5 < best < 2.7  # the truth is 2
    estimated = estimate.get("average_confidence")(**given)
    expected = softmax(np.log(given["target_probs"]) / best).max(axis=1).mean()
    assert estimated.value == pytest.approx(expected, abs=1e-4)
    assert f"temperature {best:.3g}" in estimated.method


def test_labels_that_are_all_right_do_not_make_certainty() -> None:
    n = 30
    probs = np.tile([0.7, 0.3], (n, 1))
    rows = {"labels": np.zeros(n, int), "labeled_probs": probs, "labeled_at_random": np.ones(n, int)}
    for name in LABELED:
        estimated = estimate.get(name)(target_probs=probs, **rows)
        assert estimated.value > 0.99
        # 30 of 30 right happens to a model of accuracy 0.97 in 40 % of samples
        assert estimated.low < 0.97, f"{name}: {estimated}"


def test_atc_gives_back_the_accuracy_of_the_labels_it_was_fitted_to() -> None:
    for seed in range(10):
        given = example(np.random.default_rng(seed))
        accuracy = (given["labeled_probs"].argmax(axis=1) == given["labels"]).mean()
        for score in ("max_confidence", "negative_entropy"):
            itself = {**given, "target_probs": given["labeled_probs"]}
            assert estimate.get("atc", score=score)(**itself).value == pytest.approx(accuracy, abs=1e-12)


def test_atc_lies_between_what_the_two_scores_beside_the_threshold_give() -> None:
    given = example(np.random.default_rng(3))
    scores = np.sort(given["labeled_probs"].max(axis=1))
    errors = int((given["labeled_probs"].argmax(axis=1) != given["labels"]).sum())
    target = given["target_probs"].max(axis=1)
    between = [(target >= scores[place]).mean() for place in (errors, errors - 1)]
    value = estimate.get("atc")(**given).value
    assert between[0] <= value <= between[1]
    assert value == pytest.approx(np.mean(between))


def test_atc_of_scores_that_are_all_the_same_is_the_accuracy_on_the_labels() -> None:
    probs = np.tile([0.8, 0.2], (10, 1))
    labels = np.array([0] * 7 + [1] * 3)
    rows = {"labels": labels, "labeled_probs": probs, "labeled_at_random": np.ones(10, int)}
    assert estimate.get("atc")(target_probs=probs, **rows).value == pytest.approx(0.7)


def test_atc_follows_a_shift_to_harder_items_and_doc_by_its_formula() -> None:
    given = example(np.random.default_rng(4))
    harder = softmax(0.4 * np.log(given["target_probs"]))
    atc = estimate.get("atc")
    assert atc(**{**given, "target_probs": harder}).value < atc(**given).value - 0.1
    right = (given["labeled_probs"].argmax(axis=1) == given["labels"]).mean()
    gap = given["labeled_probs"].max(axis=1).mean() - harder.max(axis=1).mean()
    assert estimate.get("doc")(**{**given, "target_probs": harder}).value == pytest.approx(right - gap)


@pytest.mark.parametrize("name", LABELED)
def test_labels_that_a_strategy_chose_are_left_out(name: str) -> None:
    given = example(np.random.default_rng(5))
    at_random = np.arange(80) % 2
    mixed = estimate.get(name)(**{**given, "labeled_at_random": at_random})
    alone = estimate.get(name)(
        target_probs=given["target_probs"],
        labels=given["labels"][at_random == 1],
        labeled_probs=given["labeled_probs"][at_random == 1],
        labeled_at_random=np.ones(40, int),
    )
    assert (mixed.value, mixed.low, mixed.high, mixed.n) == (alone.value, alone.low, alone.high, 40)
    assert "the 40 of 80 labels drawn at random" in mixed.method


@pytest.mark.parametrize("name", LABELED)
def test_labels_that_a_strategy_chose_are_used_on_request_with_a_warning(name: str) -> None:
    given = {**example(np.random.default_rng(5)), "labeled_at_random": np.arange(80) % 2}
    with pytest.warns(QueriedLabelsWarning, match=f"{name}: 40 of 80 labels were chosen by a strategy"):
        estimated = estimate.get(name, queried="use")(**given)
    assert "biased" in estimated.method
    assert estimated.n == 80
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimate.get(name, queried="use")(**{**given, "labeled_at_random": np.ones(80, int)})


@pytest.mark.parametrize("name", LABELED)
def test_no_label_at_random_is_no_estimate(name: str) -> None:
    given = {**example(np.random.default_rng(5)), "labeled_at_random": np.zeros(80, int)}
    with pytest.raises(NoEstimateError, match="labeled_at_random says 0 of 80 were"):
        estimate.get(name)(**given)


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("average_confidence", {"labels": None}, "to calibrate, pass labels, too; or leave out all three"),
        ("average_confidence", {"labels": None, "labeled_probs": None}, "pass labels and labeled_probs, too"),
        ("atc", {"score": "margin"}, "score must be 'max_confidence' or 'negative_entropy'; got 'margin'"),
        ("doc", {"queried": "maybe"}, "queried must be 'drop' or 'use'; got 'maybe'"),
        ("doc", {"labeled_at_random": np.full(80, 2)}, "labeled_at_random has 80 value"),
        ("doc", {"labels": np.full(80, 3)}, "labels has class code 3, but the probabilities have 3 classes"),
        ("atc", {"target_probs": np.full((5, 2), 0.5)}, "along axis C"),
        ("atc", {"target_probs": np.empty((0, 3))}, "target_probs has 0 rows"),
        ("doc", {"target_probs": np.full((5, 3), 0.5)}, r"target_probs has 5 row\(s\) that do not sum to 1"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        estimate.get(name)(**{**example(np.random.default_rng(0)), **wrong})


def test_tensors_are_as_good_as_arrays() -> None:
    torch = pytest.importorskip("torch")
    given = example(np.random.default_rng(0))
    tensors = {name: torch.as_tensor(value) for name, value in given.items()}
    for name in LABELED:
        assert estimate.get(name)(**tensors) == estimate.get(name)(**given)
