"""What a torch model computes beside its predictions: distances, gradients' lengths and learned losses, end to end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

import claros
from claros import models
from claros.data import Pool, arrays
from claros.errors import CannotFeedError, InputError, ModelError
from claros.models.torch.adversarial import adversarial_examples
from claros.testing.pools import small_pool

QUICK: dict[str, Any] = {"epochs": 5, "min_steps": 0, "batch_size": 16, "device": "cpu", "chunk": 20}
RNG = np.random.default_rng


def trained(pool: Pool, name: str = "factories:Zeros", **given: Any) -> Any:
    model = models.get(name, **{**QUICK, **given})
    model.fit(pool, pool.labels, rng=RNG(0))
    return model


def closed_form(model: Any, inputs: np.ndarray) -> np.ndarray:
    """min over k of (f_own - f_k) / |w_own - w_k| of a linear network."""
    head = model.trained().net.head
    weights, bias = (value.detach().double().numpy() for value in (head.weight, head.bias))
    logits = inputs @ weights.T + bias
    own = logits.argmax(axis=1)
    apart = np.linalg.norm(weights[own][:, None] - weights[None], axis=2)
    gaps = logits[np.arange(len(own)), own][:, None] - logits
    return np.where(apart > 0, gaps / np.where(apart > 0, apart, 1.0), np.inf).min(axis=1)


def standardised(pool: Pool) -> np.ndarray:
    rows = np.asarray(pool.take(np.arange(len(pool))), dtype=np.float64)
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


@pytest.mark.parametrize("boundary", ["deepfool", "head"])
def test_the_distance_of_a_linear_network_is_exact_in_standard_deviations(boundary: str) -> None:
    pool = small_pool()
    model = trained(pool, boundary=boundary)
    found = model.outputs(pool, ["boundary_distance"])["boundary_distance"]
    np.testing.assert_allclose(found, closed_form(model, standardised(pool)), rtol=1e-3)


def test_the_gradient_of_a_linear_network_is_the_closed_form() -> None:
    pool = small_pool()
    model = trained(pool)
    given = model.outputs(pool, ["gradient_norm", "probs"])
    p = given["probs"].astype(float)
    errors = np.linalg.norm(p[:, None] - np.eye(3)[None], axis=2)
    expected = (p * errors).sum(axis=1) * np.sqrt((standardised(pool) ** 2).sum(axis=1) + 1)
    np.testing.assert_allclose(given["gradient_norm"], expected, rtol=1e-3)


def test_an_ensemble_is_asked_as_a_whole() -> None:
    # where its mean prediction changes, which is the softmax of the members' mean probabilities
    pool = small_pool()
    model = trained(pool, "factories:Perceptron", members_from="ensemble", members=3, dropout=0.0, lr=0.01)
    made = adversarial_examples(model, pool, range(len(pool)))
    before = model.outputs(pool, ["probs"])["probs"].argmax(axis=1)
    assert made.before.tolist() == before.tolist()
    moved = arrays(made.examples, classes=pool.classes)
    after = model.outputs(moved, ["probs"])["probs"].argmax(axis=1)
    assert made.after.tolist() == after.tolist()
    assert (before != after).mean() > 0.9


def test_only_classes_seen_can_be_reached_and_one_class_is_never_left() -> None:
    pool = small_pool()
    model = models.get("factories:Zeros", **QUICK)
    model.fit(pool.subset([0, 1, 2]), np.array([4, 4, 4]), n_classes=6, rng=RNG(0))
    given = model.outputs(pool, ["boundary_distance", "bim_distance", "gradient_norm"])
    farthest = 10 * 5**0.5
    np.testing.assert_allclose(given["boundary_distance"], farthest)
    np.testing.assert_allclose(given["bim_distance"], farthest)
    assert not given["gradient_norm"].any()


class Deaf(nn.Module):
    """Looks at its input without letting a gradient back."""

    kinds = ("rows",)

    def __init__(self, in_features: int, n_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(in_features, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.detach().round())


def test_what_a_network_cannot_give_is_said_before_any_training(tmp_path: Any) -> None:
    pool = small_pool()
    model = models.TorchModel(Deaf, **QUICK)
    assert not {"boundary_distance", "bim_distance", "gradient_norm"} & model.provides_for(pool)
    for strategy in ("deepfool", "bim", "egl_full"):
        with pytest.raises(CannotFeedError, match=strategy):
            claros.Campaign.create(tmp_path / strategy, pool=pool, model=model, strategy=strategy)
    with pytest.raises(CannotFeedError, match="learned_loss=True"):
        claros.Campaign.create(tmp_path / "loss", pool=pool, model=model, strategy="learning_loss")
    # the head's distance needs no gradient
    assert "boundary_distance" in models.TorchModel(Deaf, boundary="head", **QUICK).provides_for(pool)
    headless = models.get("factories:NoHead", boundary="head", **QUICK)
    assert "boundary_distance" not in headless.provides_for(pool)
    model.fit(pool, pool.labels, rng=RNG(0))
    with pytest.raises(CannotFeedError, match="no gradient"):
        adversarial_examples(model, pool, [0])


def test_adversarial_images_look_like_the_items_and_are_predicted_otherwise() -> None:
    pool = small_pool("images")
    model = trained(pool, "cnn", width=4, dropout=0.0, lr=0.01, epochs=20)
    positions = np.array([5, 0, 7, 31])
    images = np.asarray(pool.take(positions)) / 255
    for method in ("deepfool", "bim"):
        made = adversarial_examples(model, pool, positions, method=method)
        assert made.examples.shape == made.originals.shape == (4, 16, 16)
        np.testing.assert_allclose(made.originals, images, atol=1e-5)
        assert 0 <= made.examples.min() <= made.examples.max() <= 1
        assert made.before.tolist() == pool.labels[positions].tolist()
        assert (made.after != made.before).all()
        steps = (made.examples - made.originals) / images.std()
        assert (made.distances > 0.5 * np.linalg.norm(steps.reshape(4, -1), axis=1)).all()
    with pytest.raises(InputError, match="deepfool"):
        adversarial_examples(model, pool, positions, method="deepfol")
    with pytest.raises(ModelError, match="not been trained"):
        adversarial_examples(models.get("cnn"), pool, positions)


def test_a_shorter_step_changes_nothing_and_a_network_is_left_as_it_was() -> None:
    pool = small_pool()
    model = trained(pool, "factories:Perceptron", epochs=10, lr=0.02)
    net = model.trained().net
    net.train()  # a mode that somebody left
    before = {name: value.clone() for name, value in net.state_dict().items()}
    probs = model.outputs(pool, ["probs"])["probs"]
    model.outputs(pool, ["boundary_distance", "bim_distance", "gradient_norm"])
    assert net.training
    assert all(weight.grad is None and weight.requires_grad for weight in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert np.array_equal(model.outputs(pool, ["probs"])["probs"], probs)


def test_a_module_that_is_detached_all_along_leaves_the_network_as_it_is_without_one() -> None:
    pool = small_pool()
    plain = trained(pool, "factories:network", lr=0.05)
    watched = trained(pool, "factories:network", lr=0.05, learned_loss=True, learned_loss_detach=0.0)
    moved = trained(pool, "factories:network", lr=0.05, learned_loss=True, learned_loss_detach=1.0)
    probs = [model.outputs(pool, ["probs"])["probs"] for model in (plain, watched, moved)]
    assert np.array_equal(probs[0], probs[1])
    assert not np.array_equal(probs[0], probs[2])
    assert "predicted_loss" not in plain.provides


def noisy(n: int, seed: int) -> Pool:
    """Two classes told apart by the first feature, but where the second is positive labels are coin flips."""
    rng = RNG(seed)
    rows = rng.normal(size=(n, 4))
    labels = np.where(rows[:, 1] > 0, rng.integers(0, 2, n), rows[:, 0] > 0).astype(np.int64)
    return arrays(rows, labels, classes=("no", "yes"))


def test_the_learned_loss_tells_items_that_cannot_be_known() -> None:
    known, new = noisy(400, 1), noisy(400, 2)
    model = trained(known, "factories:Perceptron", epochs=25, lr=0.01, dropout=0.0, width=32, learned_loss=True)
    given = model.outputs(new, ["predicted_loss", "probs"])
    losses = -np.log(given["probs"][np.arange(400), new.labels] + 1e-9)
    order = spearmanr(given["predicted_loss"], losses).statistic
    assert order > 0.3, f"rank correlation {order:.2f}"
    picked = claros.select("learning_loss", 50, predicted_loss=given["predicted_loss"]).indices
    share = (np.asarray(new.take(picked))[:, 1] > 0).mean()
    assert share > 0.7, f"{share:.0%} of the picks are where labels are coin flips, against half"


def test_a_learned_loss_that_cannot_be_is_refused_at_once() -> None:
    for given in ({"compile": "inductor"}, {"learned_loss_detach": 1.5}, {"learned_loss_layers": "hidden"}):
        with pytest.raises(InputError, match="learned_loss"):
            models.get("factories:network", learned_loss=True, **given)
    with pytest.raises(InputError, match="layer before"):
        models.get("factories:Zeros", learned_loss=True).provides_for(small_pool())
