"""The gallery of strategies in docs/strategies is what the registry says, and its pictures what the strategies pick."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import numpy as np
import pytest

from claros import compose, strategies
from claros.inputs import NEEDS
from claros.strategies.tiers import tier

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "strategies"
PAGES = [name for name in strategies.names() if tier(name) != "parity"]
NAMES = [*PAGES, *(f"wrapper_{name}" for name in compose.WRAPPERS)]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import gallery

        return gallery
    finally:
        sys.path.remove(str(ROOT / "docs"))


def picks(picture: str) -> list[int]:
    """The items of a picture's batch, from its description."""
    said = ElementTree.fromstring(picture).findtext(f"{SVG}desc") or ""
    return [int(item) for item in re.findall(r"\d+:(\d+)", said)]


def test_no_page_is_stale_or_missing_and_none_is_left_over(gallery: ModuleType) -> None:
    pages = gallery.pages()
    assert {file.name for file in GALLERY.glob("*.md")} == set(pages) >= {f"{name}.md" for name in PAGES}
    assert {file.stem for file in (GALLERY / "images").iterdir()} == set(NAMES)
    stale = [name for name, text in pages.items() if (GALLERY / name).read_text("utf-8") != text]
    assert not stale, "run `make docs`"


def test_the_index_names_every_strategy_also_those_without_a_page() -> None:
    index = (GALLERY / "README.md").read_text("utf-8")
    reference = (ROOT / "docs" / "reference" / "strategies.md").read_text("utf-8")
    for name in strategies.names():
        assert f"`{name}`" in index
        assert name in PAGES or f"## `{name}`" in reference


def test_every_picture_shows_what_its_strategy_picks(gallery: ModuleType) -> None:
    for name, drawn in gallery.pictures().items():
        kept = (GALLERY / name).read_text("utf-8")
        if kept == drawn:
            continue
        # another machine may round otherwise, but not so that another batch is picked or another world drawn
        same = np.equal(picks(kept), picks(drawn))
        assert same.sum() >= 8, f"{name}: run `make docs`"
        assert abs(len(kept) - len(drawn)) < 2000, f"{name}: run `make docs`"


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_has_the_pool_and_ten_numbers_in_order(name: str) -> None:
    kept = (GALLERY / "images" / f"{name}.svg").read_text("utf-8")
    assert len(set(picks(kept))) == 10
    numbers = ElementTree.fromstring(kept).findall(f"{SVG}text")
    assert [number.text for number in numbers] == [str(place) for place in range(1, 11)]
    assert kept.count("h0") == 225 + 10


def test_the_pictures_are_small() -> None:
    sizes = {file.name: file.stat().st_size for file in (GALLERY / "images").iterdir()}
    assert sum(sizes.values()) < 1.5e6, sizes
    assert max(sizes.values()) < 2e4, sizes


def test_the_world_of_the_pictures_has_every_input_that_there_is(gallery: ModuleType) -> None:
    import toy_world

    assert set(toy_world.world().inputs) | toy_world.CACHES == set(NEEDS)


def test_the_picture_of_margin_shows_the_smallest_gaps(gallery: ModuleType) -> None:
    import toy_world

    ordered = np.sort(toy_world.world().inputs["probs"], axis=1)
    smallest = np.argsort(ordered[:, -1] - ordered[:, -2])[:10]
    assert picks((GALLERY / "images" / "margin.svg").read_text("utf-8")) == smallest.tolist()


@pytest.mark.parametrize("name", [*PAGES, "wrappers"])
def test_the_examples_of_a_page_run(name: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (GALLERY / f"{name}.md").read_text("utf-8"), flags=re.DOTALL)
    assert len(blocks) == 1
    scope: dict[str, object] = {}
    exec(compile(blocks[0], f"{name}.md", "exec"), scope)
    assert len(scope["picked"]) in (5, 10)
