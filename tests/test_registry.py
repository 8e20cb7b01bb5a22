"""Names to objects: lazy, extended by third parties, and clear about what is not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from claros.errors import ClarosError, UnknownNameError
from claros.registry import Registry


@pytest.fixture
def registry() -> Registry[object]:
    return Registry("shape", {"circle": "math:pi", "square": "no_such_module:thing"}, group="claros.test_shapes")


def test_names_come_in_the_order_of_the_table_and_nothing_is_imported(registry) -> None:
    assert registry.names() == list(registry) == ["circle", "square"]
    assert "circle" in registry
    assert "triangle" not in registry
    assert registry.load("circle") == 3.141592653589793
    with pytest.raises(ModuleNotFoundError):
        registry.load("square")


def test_an_unknown_name_lists_the_known_ones_and_the_nearest(registry) -> None:
    with pytest.raises(
        UnknownNameError, match=r"no shape named 'cirle'\. Did you mean 'circle'\? Known: circle, square"
    ):
        registry.load("cirle")


def test_objects_of_this_process_are_added_by_name_but_built_in_names_are_not_replaced(registry) -> None:
    thing = object()
    assert registry.add("triangle", thing) is thing
    assert registry.load("triangle") is thing
    assert registry.names() == ["circle", "square", "triangle"]
    with pytest.raises(ClarosError, match="'circle' is taken by a built-in one"):
        registry.add("circle", thing)


def test_an_installed_package_adds_a_strategy_by_an_entry_point(tmp_path: Path) -> None:
    (tmp_path / "birdwatch.py").write_text(
        "import numpy as np\n"
        "from claros import scorer\n"
        "@scorer(reference='nobody')\n"
        "def rarest(*, class_prior, probs):\n"
        "    '''Expected rarity; (N,).'''\n"
        "    return probs @ (1 - class_prior)\n"
    )
    info = tmp_path / "birdwatch-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: birdwatch\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[claros.strategies]\nrarest = birdwatch:rarest\nmargin = birdwatch:rarest\n"
    )
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import claros\n"
        "print(claros.strategies.names()[-1], 'birdwatch' in sys.modules)\n"
        "picked = claros.select('rarest', 1, probs=[[1., 0.], [0., 1.]], class_prior=[.9, .1])\n"
        "print(picked.indices, claros.strategies.get('margin').needs)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["rarest False", "[1] ('probs',)"]
