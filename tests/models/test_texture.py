"""Texture features: the random layer by hand, the windows one by one, the weights by scikit-learn's ridge."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import Ridge

from claros import data
from claros.cli import main
from claros.data import load
from claros.errors import InputError
from claros.models.encoders import encoder
from claros.models.encoders.texture import hidden_weights, ssrae, vctex

#: Nine pixels of a window, from the upper left, as (down, right).
AROUND = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


def images(n: int = 6, size: int = 7, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size + 2, 3)).astype(np.uint8)


def windows(image: np.ndarray, channel: int) -> np.ndarray:
    """(pixels, 9), one by one; beyond the edge the nearest pixel counts."""
    height, width = image.shape[:2]
    return np.array(
        [
            [
                image[min(max(row + down, 0), height - 1), min(max(column + right, 0), width - 1), channel]
                for down, right in AROUND
            ]
            for row in range(height)
            for column in range(width)
        ],
        dtype=np.float64,
    )


def decoder(seen: np.ndarray, wanted: np.ndarray, units: int, regularisation: float) -> np.ndarray:
    """(outputs, Q + 1) by scikit-learn, the constant -1 among the units and no other intercept."""
    scaled = (seen - seen.mean(axis=0)) / (seen.std(axis=0, ddof=1) + 1e-3)
    weights = hidden_weights(seen.shape[1], units)
    minus = -np.ones((len(seen), 1))
    layer = np.hstack([minus, expit(np.hstack([minus, scaled]) @ weights.T)])
    return Ridge(alpha=regularisation, fit_intercept=False, solver="svd").fit(layer, wanted).coef_


def test_the_random_layer_is_a_congruential_sequence() -> None:
    # Q = 13 and 9 inputs: L = 130; 131, then 132·131 + 133 = 17425 = 525 mod 16900, 132·525 + 133 = 69433 = 1833, ...
    sequence = [131]
    while len(sequence) < 130:
        sequence.append((132 * sequence[-1] + 133) % 16900)
    assert sequence[1:3] == [525, 1833]
    expected = (np.array(sequence) - np.mean(sequence)) / np.std(sequence, ddof=1)
    np.testing.assert_allclose(hidden_weights(9, 13).ravel(), expected)
    assert hidden_weights(9, 13).shape == (13, 10)


def test_spatio_spectral_features_are_six_ridge_regressions_side_by_side() -> None:
    image = images()[0]
    red, green, blue = (windows(image, channel) for channel in range(3))
    pairs = [(red, red), (green, green), (blue, blue), (red, green), (green, blue), (blue, red)]
    for units in (13, 4):
        expected = np.hstack([decoder(seen, wanted, units, 1e-3) for seen, wanted in pairs])
        assert expected.shape == (9, 6 * (units + 1))
        found = ssrae(image, hidden=[units])
        np.testing.assert_allclose(found, expected.ravel(), rtol=1e-4, atol=1e-3 * np.abs(expected).max())


def test_volumetric_features_are_the_ridge_regressions_of_the_whole_cube_one_after_another() -> None:
    image = images()[1]
    cube = np.hstack([windows(image, channel) for channel in range(3)])
    expected = np.concatenate([decoder(cube, cube, units, 1e3).ravel() for units in (5, 17)])
    assert expected.shape == (27 * 6 + 27 * 18,)
    np.testing.assert_allclose(vctex(image), expected, rtol=1e-7, atol=1e-7)


def test_channels_that_are_alike_lead_to_each_other_as_to_themselves() -> None:
    grey = images()[2][:, :, :1]
    blocks = ssrae(np.repeat(grey, 3, axis=2)).reshape(9, 6, 14)
    np.testing.assert_allclose(blocks, np.repeat(blocks[:, :1], 6, axis=1))
    np.testing.assert_array_equal(ssrae(grey[:, :, 0]), blocks.ravel())  # a grey image is three channels alike


@pytest.mark.parametrize("compute", [ssrae, vctex])
def test_what_has_the_same_texture_has_features_that_are_alike(compute) -> None:
    # Stripes across and along, with noise: of each image the nearest other one is of its kind. Means are the same.
    rng = np.random.default_rng(1)
    across = np.tile(np.repeat([80, 170], 2), 6)[:, None] * np.ones((1, 24))
    kinds = [across, across.T]
    noise = rng.normal(0, 20, (12, 24, 24, 3))
    found = np.array([compute(np.clip(kinds[i % 2][:, :, None] + noise[i], 0, 255)) for i in range(12)])
    apart = np.linalg.norm(found[:, None] - found[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (apart.argmin(axis=1) % 2 == np.arange(12) % 2).all()


@pytest.mark.parametrize("compute", [ssrae, vctex])
def test_constant_and_tiny_images_have_features(compute) -> None:
    for shape in ((8, 8, 3), (1, 1, 3), (1, 5, 3)):
        assert np.isfinite(compute(np.full(shape, 255))).all()
    with pytest.raises(InputError, match=r"\(8, 8, 4\)"):
        compute(np.zeros((8, 8, 4)))


def test_the_encoder_gives_each_image_its_own_features_whatever_the_chunks() -> None:
    pool = data.arrays(images(), np.arange(6) % 2)
    made = encoder("texture:ssrae", like=pool)
    expected = np.stack([ssrae(image) for image in images()])
    for chunk in (2, 64):
        np.testing.assert_allclose(made.features(pool, chunk=chunk), expected, rtol=1e-6)
    few = encoder("texture:vctex", like=pool, parameters={"hidden": 3, "regularisation": 1.0})
    assert few.features(pool).shape == (6, 27 * 4)
    assert few.key != encoder("texture:vctex", like=pool).key


def test_they_are_computed_from_the_command_line_and_without_torch(tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", x=images(), y=np.arange(6) % 2)
    program = (
        "import sys; from claros.cli import main; "
        f"code = main(['embed', {str(tmp_path / 'images.npz')!r}, '--model', 'texture:vctex', '--out', "
        f"{str(tmp_path / 'f.npz')!r}, '--json']); assert 'torch' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["features"] == 648
    train = load(tmp_path / "f.npz", test_share=0.0).train
    np.testing.assert_allclose(train.take([3])[0], vctex(images()[3]), rtol=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["texture:ssra"], "Did you mean 'ssrae'"),
        (["texture:ssrae", "--set", "hiden=3"], "Did you mean 'hidden'"),
        (["texture:ssrae", "--set", "hidden=0"], "hidden"),
        (["texture:ssrae", "--set", "regularisation=0"], "above 0"),
    ],
)
def test_a_mistake_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    np.savez(tmp_path / "images.npz", x=images(), y=np.arange(6) % 2)
    assert main(["embed", str(tmp_path / "images.npz"), "--out", str(tmp_path / "f"), "--model", *words]) == 2
    assert said in capsys.readouterr().err


def test_rows_have_no_texture() -> None:
    with pytest.raises(InputError, match="images"):
        encoder("texture:ssrae", like=data.arrays(np.zeros((3, 2)), [0, 1, 0]))
