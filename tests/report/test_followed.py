"""The section on whom the bandits followed: means by hand, its figure, and its absence where nothing learns."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from claros.experiment.config import parse_config
from claros.experiment.run import run
from claros.report import write
from claros.report.load import read
from claros.report.sections.followed import find, finding

Drawn = Callable[..., Path]


def with_arms(drawn: Drawn, folder: Path, rows: list[tuple[str, int, int, str, float, float]]) -> Path:
    """A drawn run of which two strategies have arms."""
    drawn(folder, strategies=("tailor", "albl", "random"), seeds=2, rounds=2, classes=("a", "b"), n_test=20)
    with (folder / "arms.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["strategy", "seed", "round", "n_labeled", "arm", "share", "value"])
        writer.writerows([(name, seed, number, 20 * number, arm, share, value)
                          for name, seed, number, arm, share, value in rows])  # fmt: skip
    return folder


ROWS = [
    ("tailor", 0, 1, "margin", 0.2, 0.1),
    ("tailor", 0, 1, "kmeans", 0.8, 0.3),
    ("tailor", 1, 1, "margin", 0.6, 0.3),
    ("tailor", 1, 1, "kmeans", 0.4, 0.5),
    ("tailor", 0, 2, "margin", 1.0, 0.2),
    ("tailor", 0, 2, "kmeans", 0.0, 0.1),
    ("albl", 0, 1, "margin", 0.5, 0.5),
    ("albl", 0, 1, "random", 0.5, 0.5),
]


def test_shares_and_values_are_means_over_seeds_round_by_round(tmp_path: Path, drawn: Drawn) -> None:
    found = find(read(with_arms(drawn, tmp_path / "run", ROWS)))
    assert [one.strategy for one in found] == ["tailor", "albl"]
    tailor = found[0]
    assert (tailor.arms, tailor.rounds) == (["margin", "kmeans"], [1, 2])
    # round 1: margin (0.2 + 0.6)/2, kmeans (0.8 + 0.4)/2; round 2 has seed 0 only
    np.testing.assert_allclose(tailor.shares, [[0.4, 1.0], [0.6, 0.0]])
    np.testing.assert_allclose(tailor.values, [[0.2, 0.2], [0.4, 0.1]])
    # margin: (0.4 + 1.0)/2 = 0.7 against 0.3
    assert tailor.arms[tailor.most] == "margin"
    assert finding(found).startswith("Tailor followed margin most (")


def test_the_page_draws_it_and_its_data_lie_behind_it(tmp_path: Path, drawn: Drawn) -> None:
    folder = with_arms(drawn, tmp_path / "run", ROWS)
    page = write(folder).read_text(encoding="utf-8")
    section = page[page.index('id="followed"') :]
    section = section[: section.index("</section>")]
    assert "Whom the bandits followed" in section
    assert section.count("<svg") == 2, "one for screens, one for phones"
    assert {"kmeans", "margin"} <= set(re.findall(r">(kmeans|margin)<", section))
    assert (folder / "figures" / "arms.png").is_file()
    assert "70\xa0%" in section, "margin made 40 % and 100 % of the picks of two rounds"


@pytest.mark.parametrize("there", [True, False])
def test_a_run_in_which_nothing_learns_has_no_such_section(tmp_path: Path, drawn: Drawn, there: bool) -> None:
    """Also one of an earlier version, whose folder has no such table."""
    folder = drawn(tmp_path / "run", strategies=("margin", "random"), seeds=1, rounds=2, classes=("a", "b"), n_test=20)
    if not there:
        (folder / "arms.csv").unlink()
    assert 'id="followed"' not in write(folder).read_text(encoding="utf-8")


def test_a_run_writes_what_its_bandits_did(tmp_path: Path) -> None:
    config = parse_config(
        {"data": "iris", "strategy": ["tailor(arms=[margin, random])"], "control": False, "start": 6, "batch": 4,
         "rounds": 3, "report": False, "watch": []}
    )  # fmt: skip
    out = run(config, tmp_path / "run", listener=lambda moment: None)
    with (out / "arms.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["round"], row["arm"]) for row in rows] == [(n, arm) for n in "123" for arm in ("margin", "random")]
    metrics = json.loads(next(out.glob("cells/*/rounds/0002/metrics.json")).read_bytes())
    assert [float(row["share"]) for row in rows[2:4]] == [arm["share"] for arm in metrics["arms"]]
    assert [one.strategy for one in find(read(out))] == ["tailor"]


def test_an_arm_written_as_a_call_keeps_its_parameters() -> None:
    config = parse_config({"data": "iris", "strategy": ["badge(temperature=0.5)", "badge", "tailor(decay=0.5)"]})
    specs = [(arm.name, arm.parameters) for arm in config.arms.values()]
    assert ("badge", {"temperature": 0.5}) in specs
    assert ("badge", {}) in specs
    assert ("tailor", {"decay": 0.5}) in specs
