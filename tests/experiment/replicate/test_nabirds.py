"""NABirds' own layout, on a tiny tree of made images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from claros.data import load
from claros.errors import DataError, InputError
from claros.experiment.replicate.nabirds import ancestors, is_nabirds, prepare

#: 0 is the root; 1 and 2 are its children; 3 and 4 those of 1; 5 that of 3; 6 that of 2.
PARENTS = {"1": "0", "2": "0", "3": "1", "4": "1", "5": "3", "6": "2"}
NAMES = {
    "0": "Birds",
    "1": "Waterfowl",
    "2": "Owls",
    "3": "Ducks",
    "4": "Geese",
    "5": "Mallard (Male)",
    "6": "Barn Owl",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Six images, reds inside the box and blue outside; of mallards, geese and barn owls."""
    folder, lines = tmp_path / "nabirds", {name: [] for name in ("images", "labels", "boxes", "split")}
    for place, label in enumerate(["5", "5", "4", "4", "6", "6"]):
        path = f"{label:>04}/bird{place}.png"
        pixels = np.zeros((20, 30, 3), np.uint8)
        pixels[..., 2] = 255
        pixels[4:14, 10:20] = (250 + place, 0, 0)  # no two alike
        (folder / "images" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "images" / path)
        lines["images"].append(f"b{place} {path}")
        lines["labels"].append(f"b{place} {label}")
        lines["boxes"].append(f"b{place} 10 4 10 10")
        lines["split"].append(f"b{place} {1 - place % 2}")
    lines |= {"classes": [f"{key} {name}" for key, name in NAMES.items()]}
    lines |= {"hierarchy": [f"{key} {above}" for key, above in PARENTS.items()]}
    files = {"labels": "image_class_labels", "boxes": "bounding_boxes", "split": "train_test_split"}
    for name, content in lines.items():
        (folder / f"{files.get(name, name)}.txt").write_text("\n".join(content) + "\n")
    return folder


@pytest.mark.parametrize(
    ("level", "classes", "codes"),
    [
        ("child", ["Waterfowl", "Owls"], [0, 0, 1]),
        ("grand", ["Ducks", "Geese", "Barn Owl"], [0, 1, 2]),
        ("leaf", ["Geese", "Mallard (Male)", "Barn Owl"], [1, 0, 2]),
    ],
)
def test_classes_are_those_of_the_level_and_the_split_is_the_published_one(
    tree: Path, tmp_path: Path, level: str, classes: list[str], codes: list[int]
) -> None:
    train, test = load(prepare(tree, tmp_path / "out.npz", level=level, size=8))
    assert list(train.classes) == classes
    assert train.labels.tolist() == test.labels.tolist() == codes


def test_images_are_cropped_to_their_boxes(tree: Path, tmp_path: Path) -> None:
    with np.load(prepare(tree, tmp_path / "out.npz", size=8)) as found:
        assert found["x_train"].shape == (3, 8, 8, 3)
        assert found["x_train"][..., 0].min() >= 250
        assert found["x_train"][..., 1:].max() == 0
    (tree / "bounding_boxes.txt").unlink()
    with np.load(prepare(tree, tmp_path / "whole.npz", size=8)) as found:
        assert found["x_train"][..., 2].max() == 255


def test_a_class_near_the_root_stands_for_itself_and_a_circle_is_refused() -> None:
    assert ancestors(PARENTS, "grand")["2"] == "2"
    assert ancestors(PARENTS, "child") == {"0": "0", "1": "1", "2": "2", "3": "1", "4": "1", "5": "1", "6": "2"}
    with pytest.raises(DataError, match="circle"):
        ancestors({"1": "2", "2": "1"}, "child")
    with pytest.raises(InputError, match="child, grand, leaf"):
        ancestors(PARENTS, "family")


def test_what_is_missing_is_said(tree: Path, tmp_path: Path) -> None:
    assert is_nabirds(tree)
    (tree / "images" / "0004" / "bird2.png").unlink()
    with pytest.raises(DataError, match=r"bird2.png cannot be read"):
        prepare(tree, tmp_path / "out.npz")
    (tree / "hierarchy.txt").unlink()
    assert not is_nabirds(tree)
    with pytest.raises(DataError, match=r"no hierarchy.txt"):
        prepare(tree, tmp_path / "out.npz")
