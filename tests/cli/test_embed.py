"""`claros embed`: features of images by a small network without its head."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from timm import create_model

from claros.cli import main
from claros.data import arrays, load
from claros.errors import InputError
from claros.models import timm
from claros.models.encoders import encoder

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Colour images of two classes with a test part."""
    rng = np.random.default_rng(0)
    path = tmp_path / "images.npz"
    parts = {"x_train": rng.integers(0, 256, (9, 20, 20, 3)), "x_test": rng.integers(0, 256, (4, 20, 20, 3))}
    np.savez(
        path,
        **{name: value.astype(np.uint8) for name, value in parts.items()},
        y_train=np.arange(9) % 2,
        y_test=np.arange(4) % 2,
        classes=["cat", "dog"],
    )
    return path


def test_the_file_has_features_labels_ids_and_classes_and_is_data_for_a_run(
    images: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "features.npz"
    command = ["embed", str(images), "--model", "timm:test_resnet", "--no-pretrained", "--image-size", "64"]
    assert main([*command, "--out", str(out), "--chunk", "4", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["train"], said["test"], said["classes"], said["labeled"]) == (9, 4, 2, True)
    train, test = load(out)
    assert test is not None
    assert (train.kind, len(train), len(test), train.classes) == ("rows", 9, 4, ("cat", "dog"))
    assert train.take([0]).shape == (1, said["features"])
    assert np.array(train.labels).tolist() == (np.arange(9) % 2).tolist()
    with np.load(out) as file:
        assert file["ids_train"].tolist() == list(load(images).train.ids)
        assert file["x_train"].dtype == np.float32


def test_features_are_what_the_network_gives_before_its_head_whatever_the_chunks(images: Path) -> None:
    """By hand: resized, normalised by timm's mean and deviation, through timm's own features and pooling."""
    pool = load(images).train
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # untrained networks are drawn with this seed
        net = create_model("test_resnet", num_classes=0).eval()
    network = encoder("timm:test_resnet", like=pool, image_size=48, pretrained=False, device="cpu")
    found = network.features(pool, chunk=5)
    np.testing.assert_allclose(network.features(pool, chunk=2), found, atol=1e-5)
    batch = torch.from_numpy(np.asarray(pool.take(range(9)))).permute(0, 3, 1, 2).float() / 255
    batch = torch.nn.functional.interpolate(batch, (48, 48), mode="bilinear", align_corners=False, antialias=True)
    about = timm.described("test_resnet")
    batch = (batch - torch.tensor(about.mean)[:, None, None]) / torch.tensor(about.std)[:, None, None]
    with torch.no_grad():
        expected = net.forward_head(net.forward_features(batch), pre_logits=True)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


def test_the_same_network_is_made_twice_and_global_states_are_left(images: Path) -> None:
    pool = load(images).train
    before = torch.get_rng_state()
    one = encoder("timm:test_vit", like=pool, image_size=64, pretrained=False, device="cpu").features(pool)
    other = encoder("timm:test_vit", like=pool, image_size=64, pretrained=False, device="cpu").features(pool)
    assert np.array_equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_grey_images_and_pools_without_labels_are_embedded_too(tmp_path: Path, capsys: Capture) -> None:
    np.savez(tmp_path / "grey.npz", x=np.random.default_rng(0).integers(0, 256, (5, 16, 16)).astype(np.uint8))
    out = tmp_path / "features.npz"
    command = ["embed", str(tmp_path / "grey.npz"), "--model", "timm:test_resnet", "--no-pretrained"]
    assert main([*command, "--image-size", "32", "--out", str(out)]) == 0
    assert "5 items" in capsys.readouterr().out
    with np.load(out) as file:
        assert "y_train" not in file
        assert file["x_train"].shape[0] == 5


def test_other_models_and_other_kinds_of_items_are_refused(tmp_path: Path, capsys: Capture) -> None:
    command = ["embed", "digits", "--out", str(tmp_path / "f.npz")]
    assert main([*command, "--model", "resnet18"]) == 2
    assert "timm:resnet18" in capsys.readouterr().err
    assert main([*command, "--model", "timm:test_resne"]) == 2
    assert "test_resnet" in capsys.readouterr().err
    with pytest.raises(InputError, match="images"):
        encoder("timm:test_resnet", like=arrays(np.eye(3)), pretrained=False)
    assert not (tmp_path / "f.npz").exists()
