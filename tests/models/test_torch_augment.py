"""Augmentation against every mirrored, shifted and turned copy that there can be, and against SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from claros import models
from claros.errors import InputError
from claros.models.torch.augment import augmentation, cropped, flipped, rotated
from claros.testing.pools import small_pool

QUICK: dict[str, Any] = {"width": 4, "epochs": 2, "min_steps": 0, "device": "cpu"}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def images(n: int = 3, height: int = 9, width: int = 13, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(rng(seed).normal(size=(n, 2, height, width)).astype(np.float32))


def test_a_quarter_turn_is_numpys() -> None:
    square = images(height=8, width=8)
    for turns in (-2, -1, 0, 1, 2):
        turned = rotated(square, np.full(3, 90.0 * turns))
        np.testing.assert_allclose(turned, np.rot90(square.numpy(), turns, axes=(2, 3)), atol=1e-4)


@pytest.mark.parametrize("degrees", [-31.0, 7.5, 45.0, 160.0])
def test_any_turn_is_scipys_also_of_oblong_images(degrees: float) -> None:
    for height, width in ((9, 13), (16, 8)):
        given = images(height=height, width=width)
        turned = rotated(given, np.array([degrees, 0.0, degrees]))
        expected = ndimage.rotate(given[0].numpy(), degrees, axes=(2, 1), reshape=False, order=1, mode="grid-constant")
        np.testing.assert_allclose(turned[0], expected, atol=1e-4)
        np.testing.assert_allclose(turned[1], given[1], atol=1e-5)


def test_images_are_mirrored_as_often_as_they_should_be() -> None:
    given = images(2000, 2, 3)
    for chance in (0.0, 0.2, 1.0):
        same = (flipped(given, rng(), chance) == given).flatten(1).all(dim=1)
        # Five standard errors of a share of 2,000.
        assert abs(1 - same.float().mean().item() - chance) <= 5 * (chance * (1 - chance) / 2000) ** 0.5


def test_padding_is_a_number_of_pixels_or_a_share_of_the_side() -> None:
    given = torch.arange(1.0, 16 * 24 + 1).reshape(1, 1, 16, 24).expand(400, 1, 16, 24)
    for padding, down, right in ((3, 3, 3), (0.25, 4, 6), (0.01, 1, 1)):
        corners = {(float(one[0, 8, 12])) for one in cropped(given, rng(), padding)}
        # The middle pixel comes from within the reach: (2 down + 1)(2 right + 1) places.
        places = {float(given[0, 0, 8 + y, 12 + x]) for y in range(-down, down + 1) for x in range(-right, right + 1)}
        assert corners <= places
        assert len(corners) > 0.8 * len(places)


def test_amounts_work_one_by_one_and_together() -> None:
    given = images(5)
    assert augmentation("none", (2, 9, 13), "net") is None
    assert augmentation({}, (2, 9, 13), "net") is None
    assert augmentation({"flip": 0}, (2, 9, 13), "net") is None
    for amounts in ({"flip": 1.0}, {"crop": 2}, {"rotate": 20}, {"flip": 0.5, "crop": 0.2, "rotate": 10}):
        change = augmentation(amounts, (2, 9, 13), "net")
        assert change is not None
        before = given.clone()
        changed = change(given, rng(3))
        assert changed.shape == given.shape
        assert not torch.equal(changed, given)
        assert torch.equal(given, before), "what was given is left alone"
        assert torch.equal(changed, change(given, rng(3)))


def brighter(batch: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    return batch + torch.from_numpy(rng.random((len(batch), 1, 1, 1))).to(batch)


def test_a_function_of_ones_own_is_taken_by_its_name_and_changes_training() -> None:
    pool = small_pool("images")
    histories = {}
    for augment in ("none", f"{__name__}:brighter", {"rotate": 30.0}):
        model = models.get("cnn", augment=augment, **QUICK)
        model.fit(pool, pool.labels, rng=rng())
        histories[str(augment)] = model.history[-1]["loss"]
        assert models.from_spec(model.spec()).spec() == model.spec()
    assert len(set(histories.values())) == 3


def test_the_pool_is_never_augmented_whatever_was_asked_for_in_training() -> None:
    """The same weights, loaded by a model that augments and by one that does not, give the same outputs."""
    pool = small_pool("images")
    plain = models.get("cnn", **QUICK)
    plain.fit(pool, pool.labels, rng=rng())
    much: Any = models.get("cnn", augment={"flip": 1.0, "crop": 4, "rotate": 90}, **QUICK)
    much._fitted = plain._fitted  # type: ignore[attr-defined]
    for name in ("probs", "embeddings", "member_probs"):
        np.testing.assert_array_equal(much.outputs(pool, [name])[name], plain.outputs(pool, [name])[name])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("mirror", "cnn: There is no augmentation named 'mirror'"),
        ({"flipp": 0.5}, "Did you mean 'flip'"),
        ({"flip": 2}, "flip must be a number from 0 to 1; got 2"),
        ({"rotate": -5}, "rotate must be a number from 0 to 180"),
        ({"crop": True}, "crop must be a number from 0 up"),
        (7, "augment must be a name or a mapping"),
    ],
)
def test_what_is_no_augmentation_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        models.get("cnn", augment=wrong)


def test_rows_cannot_be_mirrored() -> None:
    pool = small_pool("rows")
    model = models.get("factories:Perceptron", augment="flip_crop", epochs=1, device="cpu")
    with pytest.raises(InputError, match="these items are rows"):
        model.fit(pool, pool.labels, rng=rng())
