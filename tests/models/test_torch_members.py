"""Members from ensembles, snapshots and the last layer's posterior, against networks rebuilt from the files on disk."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from factories import Perceptron

from claros import models
from claros.data import arrays
from claros.errors import CannotFeedError, InputError
from claros.models import Model, TorchModel
from claros.models.model import Context
from claros.testing.models import ModelContract
from claros.testing.pools import small_pool

QUICK: dict[str, Any] = {
    "epochs": 16,
    "min_steps": 0,
    "batch_size": 16,
    "members": 3,
    "device": "cpu",
    "chunk": 20,
    "lr": 0.02,
    "boundary_steps": 2,  # what is searched for item by item has tests of its own
}


class TestEnsemble(ModelContract):
    def model(self) -> Model:
        return models.get("factories:Perceptron", width=12, members_from="ensemble", **QUICK)


class TestSnapshots(ModelContract):
    def model(self) -> Model:
        return models.get("factories:Perceptron", width=12, members_from="snapshots", **QUICK)


class TestFullLaplace(ModelContract):
    def model(self) -> Model:
        return models.get("factories:Perceptron", width=12, members_from="laplace", laplace="full", **QUICK)


class TestKroneckerLaplaceWithATemperature(ModelContract):
    def model(self) -> Model:
        options = {**QUICK, "laplace": "kronecker", "validation": 0.1, "temperature": 1.5, "lr": 0.05}
        return models.get("factories:network", members_from="laplace", **options)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def fitted(pool: Any, labels: Any = None, **options: Any) -> Any:
    model = TorchModel(Perceptron, {"width": 6}, **{**QUICK, **options})
    model.fit(pool, pool.labels if labels is None else labels, rng=rng())
    return model


def networks(model: Any, folder: Path, n: int) -> list[torch.nn.Module]:
    """All networks of a saved model, by the file's own names."""
    model.save(folder)
    document = json.loads((folder / "model.json").read_text())
    state = safetensors.torch.load_file(folder / document["weights"]["file"])
    nets = []
    for place in range(n):
        prefix = f"claros beside: net{place}." if place else ""
        net = Perceptron(5, 3, width=6)
        net.load_state_dict({name: state[prefix + name] for name in net.state_dict()})
        nets.append(net.eval())
    return nets


def seen(model: Any, pool: Any, folder: Path) -> torch.Tensor:
    document = json.loads((folder / "model.json").read_text())
    x = torch.tensor(pool.take(range(len(pool))), dtype=torch.float32)
    return (x - torch.tensor(document["mean"])) / torch.tensor(document["std"])


@pytest.mark.parametrize("source", ["ensemble", "snapshots"])
def test_the_prediction_of_several_networks_is_the_mean_of_theirs(source: str, tmp_path: Path) -> None:
    pool = small_pool()
    model = fitted(pool, members_from=source)
    given = model.outputs(pool, ["probs", "logits", "member_probs", "embeddings"])
    nets = networks(model, tmp_path, 3)
    x = seen(model, pool, tmp_path)
    with torch.no_grad():
        each = np.stack([net(x).softmax(dim=1).numpy() for net in nets], axis=1)
        hidden = torch.relu(nets[0].norm(nets[0].hidden(x))).numpy()
    np.testing.assert_allclose(given["member_probs"], each, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(given["probs"], each.mean(axis=1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(given["logits"], np.log(each.mean(axis=1)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(given["embeddings"], hidden, rtol=1e-4, atol=1e-5)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(each[:, one] - each[:, other]).max() > 1e-3, f"networks {one} and {other} are the same"
    alone = model.outputs(pool, ["probs"])["probs"]
    np.testing.assert_array_equal(alone, given["probs"])


@pytest.mark.parametrize("source", ["ensemble", "snapshots"])
def test_several_networks_have_no_head_and_a_strategy_that_needs_one_is_refused(source: str) -> None:
    pool = small_pool()
    model = fitted(pool, members_from=source)
    assert not {"head_weights", "head_bias"} & (model.provides | model.provides_for(pool))
    with pytest.raises(CannotFeedError, match="does not provide head_weights"):
        model.outputs(pool, ["head_weights"])


def test_networks_of_an_ensemble_start_from_weights_of_their_own_and_hold_out_the_same_items() -> None:
    pool = small_pool()
    model = fitted(pool, members_from="ensemble", validation=0.25, epochs=4, patience=4)
    assert [entry["member"] for entry in model.history] == [0] * 4 + [1] * 4 + [2] * 4
    first = [entry["loss"] for entry in model.history if entry["epoch"] == 1]
    assert len(set(first)) == 3
    reports: list[tuple[int, int]] = []
    model.on_epoch = lambda done, planned: reports.append((done, planned))
    model.fit(pool, pool.labels, rng=rng())
    assert reports == [(done, 12) for done in range(1, 13)]


def test_every_network_of_a_warm_ensemble_goes_on_where_it_was(tmp_path: Path) -> None:
    pool = small_pool()
    model = TorchModel(Perceptron, {"width": 6}, **{**QUICK, "members_from": "ensemble", "warm": True, "epochs": 30})
    model.fit(pool, pool.labels, rng=rng())
    before = [entry["loss"] for entry in model.history if entry["epoch"] == 1]
    model.fit(pool, pool.labels, rng=rng(1))
    after = [entry["loss"] for entry in model.history if entry["epoch"] == 1]
    assert len(before) == len(after) == 3
    assert all(now < 0.5 * then for now, then in zip(after, before, strict=True))
    each = [net.state_dict()["head.weight"] for net in networks(model, tmp_path, 3)]
    assert not torch.equal(each[0], each[1])
    again = TorchModel(Perceptron, {"width": 6}, **{**QUICK, "members_from": "ensemble", "warm": True, "epochs": 30})
    again.load(tmp_path)
    names = ["probs", "member_probs"]
    for name, array in model.outputs(pool, names).items():
        np.testing.assert_array_equal(again.outputs(pool, names)[name], array)


def test_a_network_without_dropout_or_linear_head_has_members_all_the_same_in_an_ensemble() -> None:
    pool = small_pool()
    for source, has in (("ensemble", True), ("snapshots", True), ("dropout", False), ("laplace", False)):
        model = models.get("factories:NoHead", **{**QUICK, "members_from": source, "epochs": 3})
        assert ("member_probs" in model.provides_for(pool)) == has, source
        model.fit(pool, pool.labels, rng=rng())
        assert ("member_probs" in model.provides) == has, source
    assert "member_probs" in models.get("resnet18", width=4, members_from="laplace").provides


# ---------------------------------------------------------------------------------------------------- snapshots


def test_the_learning_rate_falls_in_as_many_cycles_as_there_are_members() -> None:
    model = fitted(small_pool(), members_from="snapshots", epochs=9, batch_size=100)
    cycle = [0.02 * 0.5 * (1 + math.cos(math.pi * step / 3)) for step in range(3)]  # one step an epoch, by hand
    np.testing.assert_allclose([entry["lr"] for entry in model.history], cycle * 3)


def test_a_snapshot_is_the_network_at_the_end_of_its_cycle(tmp_path: Path) -> None:
    """Trained for the first cycle alone, at the same rates, the network is the first snapshot."""
    pool = small_pool()
    whole = fitted(pool, members_from="snapshots", epochs=9)
    first = fitted(pool, members_from="dropout", epochs=3)
    net = networks(whole, tmp_path / "whole", 3)[1]
    alone = networks(first, tmp_path / "first", 1)[0]
    for (name, one), other in zip(net.state_dict().items(), alone.state_dict().values(), strict=True):
        assert torch.equal(one, other), name


def test_there_are_at_least_as_many_epochs_as_snapshots_and_the_schedule_must_have_cycles() -> None:
    assert len(fitted(small_pool(), members_from="snapshots", members=5, epochs=2).history) == 5
    with pytest.raises(InputError, match="needs schedule='cosine'"):
        TorchModel(Perceptron, members_from="snapshots", schedule="constant")


# ---------------------------------------------------------------------------------------------------- laplace


def test_sampled_heads_have_the_mean_and_covariance_of_the_posterior(tmp_path: Path) -> None:
    """The precision is summed up item by item from the network on disk, and turned over by NumPy."""
    pool, n = small_pool(), 4000
    weights = rng(3).uniform(0.2, 2.0, len(pool))
    model = TorchModel(Perceptron, {"width": 6}, **QUICK | {"members_from": "laplace", "prior_precision": 0.7})
    object.__setattr__(model.options, "members", n)
    model.fit(pool, pool.labels, weights=weights, rng=rng())
    net = networks(model, tmp_path, 1)[0]
    with torch.no_grad():
        hidden = torch.relu(net.norm(net.hidden(seen(model, pool, tmp_path)))).double().numpy()
        probs = net.head(torch.tensor(hidden).float()).softmax(dim=1).double().numpy()
    precision = 0.7 * np.eye(3 * 7)
    for x, p, w in zip(hidden, probs, weights / weights.mean(), strict=True):
        x = np.append(x, 1.0)
        precision += w * np.kron(np.diag(p) - np.outer(p, p), np.outer(x, x))
    truth = np.linalg.inv(precision)
    mean = np.hstack([net.head.weight.detach().numpy(), net.head.bias.detach().numpy()[:, None]]).ravel()
    heads = model.trained().heads.double().numpy().reshape(n, -1)
    spread = np.sqrt(np.diag(truth))
    # A mean of n draws is off by less than 5 of its standard errors; a covariance's standard error is at most
    # sqrt(2 / n) of the product of the spreads, and 5 of them bound all 231 entries with probability over 0.999.
    assert (np.abs(heads.mean(axis=0) - mean) < 5 * spread / math.sqrt(n)).all()
    assert (np.abs(np.cov(heads.T) - truth) < 5 * math.sqrt(2 / n) * np.outer(spread, spread)).all()
    some = pool.subset(range(4))
    members = model.outputs(some, ["member_probs"])["member_probs"]
    x = np.hstack([hidden[:4], np.ones((4, 1))])
    logits = np.einsum("nd,skd->nsk", x, heads.reshape(n, 3, 7))
    expected = np.exp(logits - logits.max(axis=2, keepdims=True))
    np.testing.assert_allclose(members, expected / expected.sum(axis=2, keepdims=True), rtol=1e-3, atol=1e-5)


def test_more_labels_leave_less_doubt() -> None:
    draw = rng(5)
    labels = draw.integers(0, 3, 300)
    contents = 2.0 * np.eye(3, 5)[labels] + draw.normal(size=(300, 5))
    pool = arrays(contents, labels)
    doubts = []
    for n in (15, 300):
        options = {**QUICK, "members": 200, "members_from": "laplace", "prior_precision": 1.0, "epochs": 10}
        model = models.get("factories:network", width=8, **options)
        model.fit(pool.subset(range(n)), labels[:n], n_classes=3, rng=rng())
        doubts.append(model.outputs(pool, ["member_probs"])["member_probs"].std(axis=1).mean())
    assert doubts[1] < 0.5 * doubts[0]


def test_a_head_without_bias_is_sampled_without_one() -> None:
    pool = small_pool()
    model = models.get("factories:network", **{**QUICK, "members_from": "laplace"})
    model.fit(pool, pool.labels, rng=rng())
    assert not model.trained().heads[..., -1].any()


def test_a_prior_precision_that_is_none_is_refused() -> None:
    for wrong in (0, -1.0, "high", True):
        with pytest.raises(InputError, match="prior_precision must be a positive number"):
            TorchModel(Perceptron, prior_precision=wrong)
    with pytest.raises(InputError, match="parameter members_from must be 'dropout' or 'ensemble' or"):
        TorchModel(Perceptron, members_from="bagging")


# ---------------------------------------------------------------------------------------------------- temperature


def sharpened() -> Any:
    """Two classes that overlap, so that a network trained for long is too sure of itself."""
    draw = rng(11)
    labels = draw.integers(0, 2, 200)
    return arrays(0.8 * labels[:, None] + draw.normal(size=(200, 6)), labels)


@pytest.mark.parametrize("source", ["dropout", "ensemble"])
def test_the_temperature_is_what_makes_held_out_labels_likeliest(source: str) -> None:
    """Of all temperatures tried on the mean prediction of the held-out items, none does better by much."""
    pool = sharpened()
    options = {"members_from": source, "validation": 0.4, "patience": 1000, "epochs": 20, "batch_size": 32}
    plain = fitted(pool, **options, members=2)
    scaled = fitted(pool, **options, members=2, temperature="auto")
    found = scaled.history[-1]["temperature"]
    assert found == scaled.trained().temperature != 1.0
    from claros.models.torch.training import hold_out

    order = rng()
    order.integers(2**63 - 1), order.integers(2**63 - 1)  # the seeds of weights and masks come first
    held = hold_out(pool.labels, 0.4, order)[1]
    some, labels = pool.subset(held), pool.labels[held]
    each = np.log(plain.outputs(some, ["member_probs"])["member_probs"].astype(np.float64))
    if source == "dropout":
        each = plain.outputs(some, ["logits"])["logits"].astype(np.float64)[:, None]

    def loss(temperature: float) -> float:
        tempered = np.exp(each / temperature)
        mean = (tempered / tempered.sum(axis=2, keepdims=True)).mean(axis=1)
        return float(-np.log(mean[np.arange(len(labels)), labels]).mean())

    grid = np.exp(np.linspace(-1, 2, 601))
    assert loss(found) <= min(map(loss, grid)) + 1e-6
    assert found == pytest.approx(grid[np.argmin([loss(one) for one in grid])], rel=0.01)
    given = scaled.outputs(some, ["probs"])["probs"]
    tempered = np.exp(each / found)
    expected = (tempered / tempered.sum(axis=2, keepdims=True)).mean(axis=1)
    np.testing.assert_allclose(given, expected, rtol=1e-3, atol=1e-5)


def test_a_given_temperature_divides_logits_head_and_members() -> None:
    pool = small_pool()
    plain, warm = fitted(pool), fitted(pool, temperature=2.5)
    one, other = (model.outputs(pool, model.provides) for model in (plain, warm))
    for name in ("logits", "head_weights", "head_bias"):
        np.testing.assert_allclose(other[name], one[name] / 2.5, rtol=1e-5, atol=1e-6)
    logs = np.log(one["member_probs"].astype(np.float64)) / 2.5
    expected = np.exp(logs) / np.exp(logs).sum(axis=2, keepdims=True)
    np.testing.assert_allclose(other["member_probs"], expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(one["embeddings"], other["embeddings"])


def test_items_that_were_not_drawn_at_random_do_not_set_the_temperature(caplog: pytest.LogCaptureFixture) -> None:
    pool = sharpened()
    options = {"validation": 0.4, "temperature": "auto", "epochs": 10, "batch_size": 32, "patience": 1000}

    def temperature(at_random: Any) -> float:
        model = TorchModel(Perceptron, {"width": 6}, **{**QUICK, **options})
        model.context = Context(at_random=at_random)
        model.fit(pool, pool.labels, rng=rng())
        assert model.context == Context(), "what was said of one training is not said of the next"
        return float(model.history[-1]["temperature"])

    everything = temperature(None)
    assert temperature(np.ones(200, bool)) == everything
    assert temperature(np.arange(200) < 100) not in (everything, 1.0)
    assert not caplog.records
    assert temperature(np.zeros(200, bool)) == 1.0
    assert "0 held-out labels of items drawn at random and 10 are needed" in caplog.text
    with pytest.raises(InputError, match="must say of each of 200 items whether it was drawn at random; got 7 values"):
        temperature(np.ones(7, bool))


def test_labels_that_are_all_predicted_right_say_nothing_about_a_temperature(caplog: pytest.LogCaptureFixture) -> None:
    draw = rng(2)
    labels = draw.integers(0, 2, 60)
    pool = arrays(40.0 * labels[:, None] + draw.normal(size=(60, 4)), labels)
    model = fitted(pool, validation=0.3, temperature="auto")
    assert model.trained().temperature == 1.0
    assert "no temperature fits" in caplog.text


def test_a_temperature_needs_labels_to_be_held_out() -> None:
    with pytest.raises(InputError, match="temperature='auto' needs held-out labels; give validation a share"):
        TorchModel(Perceptron, temperature="auto")
    for wrong in (0.0, -2, "hot", True):
        with pytest.raises(InputError, match="temperature must be 'auto' or a positive number"):
            TorchModel(Perceptron, temperature=wrong)
