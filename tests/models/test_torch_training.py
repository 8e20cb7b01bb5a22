"""The training loop against steps worked out by hand, NumPy, and brute force."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from factories import Perceptron, Zeros

from claros import models
from claros.data import arrays
from claros.errors import InputError, ModelError
from claros.models import TorchModel
from claros.models.checks import labeled_items
from claros.models.torch.augment import flip_crop
from claros.models.torch.options import Options
from claros.models.torch.reading import Feed, make_reader
from claros.models.torch.training import Trainer, hold_out
from claros.testing.pools import small_pool

PLAIN = {"optimizer": "SGD", "schedule": "constant", "epochs": 1, "min_steps": 0, "batch_size": 100, "device": "cpu"}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def fitted(model: Any, pool: Any, labels: Any = None, seed: int = 0, **given: Any) -> Any:
    model.fit(pool, pool.labels if labels is None else labels, rng=rng(seed), **given)
    return model


def trainer(net: torch.nn.Module, pool: Any, seed: int = 0, **options: Any) -> Trainer:
    chosen = Options.of("net", {**PLAIN, **options})
    labeled = labeled_items(pool, pool.labels, None, None)
    reader = make_reader("net", pool, labeled.positions, chosen, torch.device("cpu"))
    torch.manual_seed(seed)
    return Trainer(net, Feed(reader, pool, labeled.positions), labeled, chosen, rng(seed))


@pytest.fixture(autouse=True)
def _keep_the_generator() -> Any:
    with torch.random.fork_rng(devices=[]):
        yield


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("class_weight", [None, "balanced", [1.0, 2.0, 5.0]])
def test_one_step_is_the_gradient_of_weighted_cross_entropy(weighted: bool, class_weight: Any) -> None:
    # From zero weights every class has probability 1/3, so the step is lr * mean_i w_i (onehot_i - 1/3) x_i^T.
    x, y = rng(1).normal(size=(12, 4)), np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
    weights = rng(2).uniform(0.5, 2.0, 12) if weighted else None
    pool = arrays(x, y)
    model = TorchModel(Zeros, lr=0.5, class_weight=class_weight, **PLAIN)
    fitted(model, pool, weights=weights)
    counts = {None: np.ones(3), "balanced": 1 / np.array([6, 4, 2])}
    per_class = np.array(class_weight) if isinstance(class_weight, list) else counts[class_weight]
    w = (weights if weighted else np.ones(12)) * per_class[y]
    w = w / w.mean()
    inputs = (x - x.mean(axis=0)) / x.std(axis=0)
    step = 0.5 * (w[:, None] * (np.eye(3)[y] - 1 / 3)).T @ inputs / 12
    given = model.outputs(pool, ["head_weights", "head_bias"])
    np.testing.assert_allclose(given["head_weights"], step, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(given["head_bias"], 0.5 * (w[:, None] * (np.eye(3)[y] - 1 / 3)).mean(axis=0), atol=1e-6)
    assert model.history[0]["loss"] == pytest.approx(math.log(3))


def test_unseen_classes_take_no_part_in_the_loss() -> None:
    pool = small_pool()
    model = fitted(TorchModel(Zeros, **PLAIN), pool, n_classes=9)
    assert model.history[0]["loss"] == pytest.approx(math.log(3))


def test_the_learning_rate_falls_by_a_cosine_to_nothing() -> None:
    pool = small_pool()
    model = fitted(TorchModel(Zeros, lr=0.2, **{**PLAIN, "schedule": "cosine", "epochs": 10}), pool)
    expected = [0.1 * (1 + math.cos(math.pi * step / 10)) for step in range(10)]
    np.testing.assert_allclose([entry["lr"] for entry in model.history], expected)


def test_few_items_are_passed_over_until_there_are_enough_steps() -> None:
    pool = small_pool()  # 48 items in batches of at most 10 are 5 steps an epoch
    for epochs, min_steps, expected in ((3, 0, 3), (3, 33, 7), (3, 10, 3)):
        options = {**PLAIN, "epochs": epochs, "min_steps": min_steps, "batch_size": 10}
        assert len(fitted(TorchModel(Zeros, **options), pool).history) == expected


def test_no_batch_is_a_single_item_as_batch_normalisation_would_fail() -> None:
    pool = small_pool()
    for n in (3, 17, 33):
        fitted(TorchModel(Perceptron, **{**PLAIN, "batch_size": 16}), pool.subset(range(n)))
    fitted(TorchModel(Perceptron, **{**PLAIN, "batch_size": 1}), pool.subset(range(7)))


def test_history_says_what_happened_and_every_epoch_is_reported() -> None:
    model, seen = TorchModel(Perceptron, **{**PLAIN, "epochs": 4}), []
    model.on_epoch = lambda done, planned: seen.append((done, planned))
    fitted(model, small_pool())
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [entry["epoch"] for entry in model.history] == [1, 2, 3, 4]
    assert set(model.history[0]) == {"epoch", "loss", "val_loss", "accuracy", "lr", "seconds"}


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_held_out_items_are_spread_over_the_classes(share: float) -> None:
    for seed in range(30):
        counts = rng(seed).integers(1, 40, 5)
        labels = rng(seed).permutation(np.repeat(np.arange(5), counts))
        left, held = hold_out(labels, share, rng(seed))
        assert sorted([*left, *held]) == list(range(len(labels)))
        for code in range(5):
            n_held = (labels[held] == code).sum()
            assert (labels[left] == code).any()
            expected = share * counts[code]
            assert n_held <= expected + 1
            assert n_held >= min(expected - 1.5, counts[code] - 1)


def test_every_item_is_held_out_equally_often() -> None:
    labels = np.array([0] * 30 + [1] * 10)
    times = np.zeros(40)
    repeats = 4000
    for seed in range(repeats):
        times[hold_out(labels, 0.2, rng(seed))[1]] += 1
    # Each is a binomial share with p = 0.2; five standard errors bound all forty with probability above 0.9999.
    assert np.abs(times / repeats - 0.2).max() < 5 * math.sqrt(0.2 * 0.8 / repeats)


def noisy_pool(n: int = 60) -> Any:
    """Labels that are half noise, so that training too long must make the validation loss worse."""
    draw = rng(7)
    labels = draw.integers(0, 3, n)
    shown = np.where(draw.random(n) < 0.5, labels, draw.integers(0, 3, n))
    return arrays(2 * np.eye(3, 20)[labels] + draw.normal(size=(n, 20)), shown)


def test_training_stops_early_and_the_best_weights_come_back() -> None:
    net = Perceptron(20, 3, width=64)
    run = trainer(net, noisy_pool(), lr=0.01, optimizer="AdamW", epochs=200, validation=0.3, patience=6)
    history = run.run()
    losses = [entry["val_loss"] for entry in history]
    best = int(np.argmin(losses))
    assert len(history) == best + 1 + 6 < 200
    assert run._validation()["val_loss"] == pytest.approx(losses[best], rel=1e-6)
    assert losses[-1] > losses[best]


def test_patience_grows_with_the_epochs_that_few_items_need() -> None:
    run = trainer(Zeros(20, 3), noisy_pool(20), epochs=10, min_steps=100, patience=3, validation=0.2)
    assert (run.n_batches, run.epochs, run.patience) == (1, 100, 30)


def test_channels_and_features_are_normalised_by_the_items_trained_on() -> None:
    colour = rng(3).integers(0, 255, (9, 16, 17, 3)).astype(np.uint8)
    colour[..., 2] = 77
    rows = rng(4).normal(5.0, 3.0, (9, 4)) * [1, 10, 100, 0]
    for contents, axes, scale in ((colour, (0, 1, 2), 255.0), (rows, (0,), 1.0)):
        pool = arrays(contents, np.arange(9) % 2)
        chosen = np.array([0, 2, 3, 7])
        reader = make_reader("net", pool, chosen, Options(), torch.device("cpu"))
        truth = contents[chosen] / scale
        std = truth.std(axis=axes)
        np.testing.assert_allclose(reader.mean, truth.mean(axis=axes), rtol=1e-5)
        np.testing.assert_allclose(reader.std, np.where(std > 1e-6, std, 1.0), rtol=1e-5)
        seen = reader.prepared(reader.raw(pool, np.arange(9))).numpy()
        expected = (contents / scale - truth.mean(axis=axes)) / np.where(std > 1e-6, std, 1.0)
        expected = expected.transpose(0, 3, 1, 2) if contents.ndim == 4 else expected
        np.testing.assert_allclose(seen, expected, rtol=1e-3, atol=1e-4)


def test_grey_images_have_one_channel_and_images_can_be_resized() -> None:
    pool = arrays(np.full((4, 16, 20), 51, np.uint8), [0, 1, 0, 1])
    options = Options.of("net", {"image_size": 24, "normalise": {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5]}})
    reader = make_reader("net", pool, np.arange(4), options, torch.device("cpu"))
    seen = reader.prepared(reader.raw(pool, np.arange(4)))
    assert seen.shape == (4, 1, 24, 24)
    np.testing.assert_allclose(seen, (51 / 255 - 0.2) / 0.5, rtol=1e-5)


def test_items_too_many_to_hold_are_read_again_and_train_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = small_pool("images")
    options = {"width": 4, "epochs": 2, "min_steps": 0, "device": "cpu", "augment": "flip_crop"}
    held = fitted(models.get("cnn", **options), pool).outputs(pool, ["probs"])["probs"]
    monkeypatch.setattr("claros.models.torch.reading.HELD_BYTES", 0)
    read = fitted(models.get("cnn", **options), pool).outputs(pool, ["probs"])["probs"]
    np.testing.assert_array_equal(held, read)


def test_augmented_images_are_shifted_and_mirrored_copies_and_nothing_else() -> None:
    images = torch.from_numpy(rng(5).integers(1, 100, (40, 2, 16, 24)).astype(np.float32))
    changed = flip_crop(images, rng(6)).numpy()
    kinds = set()
    for image, given in zip(images.numpy(), changed, strict=True):
        padded = np.pad(image, ((0, 0), (2, 2), (3, 3)))
        candidates = {
            (flip, down, right): np.pad(image[:, :, ::step], ((0, 0), (2, 2), (3, 3)))[
                :, down : down + 16, right : right + 24
            ]
            for flip, step in ((False, 1), (True, -1))
            for down in range(5)
            for right in range(7)
        }
        assert padded.shape[1:] == (20, 30)
        found = [key for key, candidate in candidates.items() if np.array_equal(candidate, given)]
        assert len(found) == 1
        kinds.add(found[0])
    assert len({kind[0] for kind in kinds}) == 2
    assert len({kind[1] for kind in kinds}) == 5
    assert len({kind[2] for kind in kinds}) == 7


def test_the_pool_is_never_augmented() -> None:
    pool = small_pool("images")
    model = fitted(models.get("cnn", width=4, epochs=1, min_steps=0, augment="flip_crop", device="cpu"), pool)
    first, second = (model.outputs(pool, ["probs"])["probs"] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_training_that_diverges_says_so_and_the_old_model_stays() -> None:
    pool = small_pool()
    calm = fitted(TorchModel(Perceptron, warm=True, **PLAIN), pool)
    before = calm.outputs(pool, ["probs"])["probs"]
    with pytest.raises(ModelError, match="diverged in epoch 1; lower lr"):
        fitted(TorchModel(Perceptron, lr=1e30, **{**PLAIN, "batch_size": 4}), pool)
    object.__setattr__(calm.options, "lr", 1e30)
    object.__setattr__(calm.options, "batch_size", 4)
    with pytest.raises(ModelError, match="diverged"):
        fitted(calm, pool)
    np.testing.assert_array_equal(calm.outputs(pool, ["probs"])["probs"], before)


def test_training_works_where_gradients_are_switched_off() -> None:
    pool = small_pool()
    with torch.no_grad():
        inside = fitted(TorchModel(Perceptron, **PLAIN), pool)
        assert not torch.is_grad_enabled()
    outside = fitted(TorchModel(Perceptron, **PLAIN), pool)
    np.testing.assert_array_equal(inside.outputs(pool, ["probs"])["probs"], outside.outputs(pool, ["probs"])["probs"])


def chances(in_features: int, n_classes: int) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(in_features, n_classes))


def only_masks(in_features: int, n_classes: int) -> torch.nn.Module:
    net = chances(in_features, n_classes)
    torch.nn.init.eye_(net[1].weight)
    torch.nn.init.zeros_(net[1].bias)
    return net


@pytest.mark.parametrize(("build", "name"), [(chances, "head_weights"), (only_masks, "member_probs")])
def test_another_stream_draws_other_weights_and_other_masks(build: Any, name: str) -> None:
    pool = small_pool()
    of_two = [fitted(TorchModel(build, lr=1e-9, **PLAIN), pool, seed=seed) for seed in (0, 1)]
    one, other = (model.outputs(pool, [name])[name] for model in of_two)
    assert np.abs(one - other).max() > 0.01


def test_a_warm_model_goes_on_where_it_was_and_a_fresh_one_does_not() -> None:
    pool = small_pool()
    options = {**PLAIN, "epochs": 30, "lr": 0.1}
    for warm in (True, False):
        model = fitted(TorchModel(Perceptron, warm=warm, **options), pool)
        first = model.history
        fitted(model, pool)
        assert (model.history[0]["loss"] < 0.5 * first[0]["loss"]) == warm


def test_a_warm_model_starts_anew_when_the_classes_change() -> None:
    pool = small_pool()
    model = fitted(TorchModel(Perceptron, warm=True, **{**PLAIN, "epochs": 30, "lr": 0.1}), pool)
    fitted(model, pool, n_classes=4)
    fresh = fitted(TorchModel(Perceptron, **{**PLAIN, "epochs": 30, "lr": 0.1}), pool, n_classes=4)
    assert model.outputs(pool, ["probs"])["probs"].shape == (48, 4)
    assert model.history[0]["loss"] > 0.5 * fresh.history[0]["loss"]


def test_a_device_that_is_not_there_is_said() -> None:
    for name in ("gpu", "cuda:77"):
        with pytest.raises(InputError, match=f"The device '{name}' cannot be used here"):
            fitted(TorchModel(Perceptron, **{**PLAIN, "device": name}), small_pool())


def test_class_weights_of_the_wrong_number_are_refused() -> None:
    with pytest.raises(InputError, match="class_weight must be 3 numbers"):
        fitted(TorchModel(Perceptron, class_weight=[1.0, 2.0], **PLAIN), small_pool())
    only_the_unseen = TorchModel(Perceptron, class_weight=[0.0, 0.0, 0.0, 1.0], **PLAIN)
    with pytest.raises(InputError, match="must not be 0 for every class that is labeled"):
        fitted(only_the_unseen, small_pool(), n_classes=4)


def test_running_out_of_memory_while_training_is_said() -> None:
    from factories import MemoryHungry

    with pytest.raises(ModelError, match="ran out of memory on cpu while training on batches of 100 items"):
        fitted(TorchModel(MemoryHungry, **PLAIN), small_pool())
