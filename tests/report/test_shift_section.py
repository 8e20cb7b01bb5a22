"""The section on label shift: means by hand, its figure, what it says, and its absence where nothing shifted."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from claros.experiment.config import parse_config
from claros.experiment.run import run
from claros.report import write
from claros.report.load import read
from claros.report.sections.shift import find, finding

Drawn = Callable[..., Path]
HEAD = ("strategy", "seed", "round", "n_labeled", "active", "why", "prior_error", "class", "weight", "low", "high")
WHY = "the first labels are weighted by the target's class shares over theirs"


def with_shift(drawn: Drawn, folder: Path, rows: list[tuple[object, ...]]) -> Path:
    drawn(folder, strategies=("margin", "badge", "random"), seeds=2, rounds=2, classes=("a", "b"), n_test=20)
    with (folder / "shift.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        writer.writerows(rows)
    return folder


def rows(name: str, active: str, why: str, weights: dict[tuple[int, int], float], error: float | str) -> list:
    """A row for each seed, round and class; class b has half of a's weight, and intervals are a tenth around."""
    return [
        (name, seed, number, 20 * number, active, why, error, label, w, w - 0.1, w + 0.1)
        for (seed, number), weight in weights.items()
        for label, w in (("a", weight), ("b", weight / 2))
    ]


FOUND = [
    *rows("margin", "true", WHY, {(0, 1): 2.0, (1, 1): 3.0, (0, 2): 4.0, (1, 2): 6.0}, 0.25),
    *rows(
        "badge", "false", "not corrected: no shift beyond noise (p = 0.4)", {(0, 1): 1.0, (1, 1): 1.2, (0, 2): 1.0}, 0.1
    ),
]


def test_weights_are_means_over_seeds_of_the_rounds_that_all_have(tmp_path: Path, drawn: Drawn) -> None:
    margin, badge = find(read(with_shift(drawn, tmp_path / "run", FOUND)))
    assert (margin.strategy, margin.classes, margin.labels.tolist()) == ("margin", ["a", "b"], [20.0, 40.0])
    np.testing.assert_allclose(margin.weights, [[2.5, 1.25], [5.0, 2.5]])
    np.testing.assert_allclose(margin.high - margin.low, 0.2)
    assert (margin.active, margin.why) == (1.0, WHY)
    assert margin.farthest == [0, 1]
    np.testing.assert_allclose(badge.weights, [[1.1, 0.55]])  # the second round is there of one seed alone
    assert finding([margin, badge]) == (
        "Label shift was corrected for in margin; nothing was corrected in badge. The target's class shares were off "
        "by 0.10 in all at the end for badge, by 0.25 for margin."
    )


def test_the_page_draws_weights_and_says_why(tmp_path: Path, drawn: Drawn) -> None:
    folder = with_shift(drawn, tmp_path / "run", FOUND)
    page = write(folder).read_text(encoding="utf-8")
    section = page[page.index('id="shift"') :]
    section = section[: section.index("</section>")]
    assert "Label shift" in section
    assert section.count("<svg") == 2, "one for screens, one for phones"
    assert "no shift beyond noise (p = 0.4)" in section
    assert "a 5.00 (4.90 to 5.10)" in section
    assert (folder / "figures" / "shift.pdf").is_file()


@pytest.mark.parametrize("there", [True, False])
def test_a_run_without_a_target_has_no_such_section(tmp_path: Path, drawn: Drawn, there: bool) -> None:
    folder = drawn(tmp_path / "run", strategies=("margin", "random"), seeds=1, rounds=2, classes=("a", "b"), n_test=20)
    if there:
        (folder / "shift.csv").write_text(",".join(HEAD) + "\n")
    assert 'id="shift"' not in write(folder).read_text(encoding="utf-8")


def test_a_run_with_a_simulated_shift_has_the_section(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 200)
    np.savez(tmp_path / "three.npz", x=rng.normal(size=(600, 2)) + 2.5 * np.eye(3)[:, :2][y], y=y)
    shift = {"law": "dirichlet_mix", "alpha": 0.5, "warm": 40, "pool": 120, "target": 60, "test": 80}
    usual = {"data": str(tmp_path / "three.npz"), "batch": 10, "rounds": 1, "watch": [], "upper_bound": False}
    run(parse_config({**usual, "shift": shift, "strategy": ["margin"]}), tmp_path / "run")
    page = write(tmp_path / "run").read_text(encoding="utf-8")
    assert 'id="shift"' in page
    assert {one.strategy for one in find(read(tmp_path / "run"))} == {"margin", "random"}
