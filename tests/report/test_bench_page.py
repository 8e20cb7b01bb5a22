"""The page of a bench: the answer over all settings, every section with its finding, whatever is missing said."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_bench import FAILED, draw_bench
from test_page import Page

from claros import report
from claros.data import load
from claros.errors import DataError
from claros.report.bench import read_bench
from claros.report.contents import bench_view, build
from claros.report.overview import answer, cells, profiles
from claros.report.page import render

SECTIONS = [
    "answer", "curves", "savings", "ranks", "pairs", "profiles", "table", "stopping", "calibration", "time", "settings",
    "cells", "about",
]  # fmt: skip


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Page]:
    """Six settings; entropy is worse than random; three cells failed, one is not finished."""
    out = draw_bench(
        tmp_path_factory.mktemp("usual") / "bench",
        settings=6,
        arms=("margin", "badge", "entropy", "upper_bound", "random"),
        seeds=7,
        rounds=5,
        failed=[(1, "badge", 0), (1, "badge", 3), (2, "entropy", 1)],
        running=[(4, "margin", 2)],
    )
    return out, rendered(out)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two settings, with the files of all figures."""
    out = draw_bench(
        tmp_path_factory.mktemp("written") / "bench", settings=2, arms=("margin", "random"), seeds=2, rounds=2,
        classes=10, items=load("digits").train.ids, config={"data": "digits"},
    )  # fmt: skip
    report.write(out)
    return out


def rendered(out: Path) -> Page:
    """The page alone, without the files of the figures."""
    bench = read_bench(out)
    return Page(render(bench, build(bench)))


def check(page: Page, sections: list[str] = SECTIONS) -> None:
    assert not page.open
    assert [section["id"] for section in page.all("section")] == sections
    assert "nan" not in re.findall(r"[a-z]+", page.text.lower())
    assert not {"script", "link", "iframe", "object", "embed", "form"} & {tag for tag, _ in page.elements}
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def findings(page: Page) -> list[dict[str, str]]:
    return [attributes for attributes in page.all("p") if attributes.get("class") == "finding"]


def test_every_section_opens_with_one_finding_and_every_setting_with_its_own(usual: tuple[Path, Page]) -> None:
    _, page = usual
    check(page)
    assert len(findings(page)) == len(SECTIONS)
    assert len([one for one in page.all("p") if one.get("class") == "said"]) == len(page.all("h3"))
    for i in range(6):
        assert f"set {i}" in page.text


def test_the_answer_names_who_is_better_where_and_by_how_much(usual: tuple[Path, Page]) -> None:
    """The mean difference is worked out here from the table of results, by trapezoids."""
    out, page = usual
    bench = read_bench(out)
    differences = []
    for run in bench.settings:
        pairs = [seed for seed in run.seeds_of("margin") if seed in run.seeds_of("random")]
        levels = {}
        for arm in ("margin", "random"):
            own = [run.results.where(strategy=arm, seed=seed) for seed in pairs]
            areas = [np.trapezoid(one["accuracy"], one["n_labeled"]) / np.ptp(one["n_labeled"]) for one in own]
            levels[arm] = np.mean(areas)
        differences.append(levels["margin"] - levels["random"])
    said = f"Margin: +{100 * np.mean(differences):.1f} points of accuracy on average over 6 settings"
    assert said in page.text.replace("\u00a0", " ")
    sentences = report.summary(out)
    assert sentences[0] == (
        "Margin and badge are better than random on average over 6 settings; entropy is worse than random on average "
        "over 6 settings (7 seeds in each setting)."
    )
    assert sentences[1].startswith(said)
    assert sentences[-1] == "Of 210 cells, 3 failed and 1 is not finished; they are left out."


def test_where_an_arm_is_better_is_what_the_settings_say(usual: tuple[Path, Page]) -> None:
    out, _ = usual
    view = bench_view(read_bench(out), items=False)
    for one in view.overall:
        calls = [
            arm.comparison.finding if arm.comparison is not None else ""
            for setting in view.views
            for arm in setting.compared
            if arm.name == one.name
        ]
        assert (calls.count("better"), calls.count("worse")) == (one.better, one.worse), one.name


def test_cells_that_failed_are_listed_with_their_error_and_left_out(usual: tuple[Path, Page]) -> None:
    out, page = usual
    bench = read_bench(out)
    assert bench.settings[1].seeds_of("badge") == [1, 2, 4, 5, 6]
    assert bench.settings[4].seeds_of("margin") == [0, 1, 3, 4, 5, 6]
    assert cells.finding(bench) == "206 of 210 cells are done; 3 failed and 1 is running."
    assert page.text.count(FAILED) == 2  # one row for both seeds of badge, one for entropy
    assert "0 and 3" in page.text
    assert "Not finished: set 4 (1)." in page.text


def test_the_upper_bound_is_drawn_but_neither_compared_nor_ranked(usual: tuple[Path, Page]) -> None:
    out, page = usual
    view = bench_view(read_bench(out), items=False)
    assert "upper_bound" in page.text
    assert "upper_bound" not in view.bench.strategies
    assert [one.name for one in view.overall] == ["margin", "badge", "entropy"]
    assert view.blocks is not None
    assert view.blocks.names == ("margin", "badge", "entropy", "random")
    assert all(one.name != "upper_bound" for setting in view.views for one in setting.compared)
    assert view.styles["upper_bound"].variable == "var(--ink)"


def test_links_lead_to_files_that_are_there(written: Path) -> None:
    page = Page((written / "report.html").read_text(encoding="utf-8"))
    files = [link["href"] for link in page.all("a") if not link["href"].startswith("#")]
    assert {"bench.json", "results.csv", "cells.parquet", "figures/ranks.parquet"} <= set(files)
    assert {"figures/setting-1-accuracy.pdf", "figures/setting-2-overlap.png"} <= set(files)
    for name in files:
        assert (written / name).stat().st_size > 0, name


def test_the_same_folder_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(written, tmp_path / written.name))
    names = ["report.html", *(f"figures/{path.name}" for path in sorted((written / "figures").iterdir()))]
    before = {name: (written / name).read_bytes() for name in names}
    for path in again.glob("*.parquet"):
        path.unlink()  # the tables as CSV say the same
    report.write(again)
    about = b'<section id="about">'  # lists the files that are there
    for name in names:
        assert (again / name).read_bytes().partition(about)[0] == before[name].partition(about)[0], name


def test_items_of_all_settings_are_shown_from_their_data(written: Path) -> None:
    page = Page((written / "report.html").read_text(encoding="utf-8"))
    check(page)
    assert len(page.all("img")) >= 20
    assert page.text.count("Where the picks lie") == 2
    assert page.text.count("neighbours (t-SNE)") >= 2


SHAPES: dict[str, dict[str, Any]] = {
    "two settings with two seeds": {"settings": 2, "seeds": 2},
    "one round only": {"settings": 2, "seeds": 2, "rounds": 0},
    "random alone": {"settings": 2, "arms": ("random",), "seeds": 2},
    "no control": {"settings": 2, "arms": ("margin", "badge"), "seeds": 2},
    "no rules": {"settings": 2, "seeds": 1, "rules": ()},
    "an upper bound and random": {"settings": 2, "arms": ("upper_bound", "random"), "seeds": 2},
    "an arm that failed everywhere": {"failed": [(i, "badge", seed) for i in range(3) for seed in range(6)]},
    "a setting that failed": {"failed": [(1, arm, s) for arm in ("margin", "badge", "random") for s in range(6)]},
    "nothing finished": {"running": [(i, arm, 0) for i in range(3) for arm in ("margin", "badge", "random")],
                         "seeds": 1},
    "a hundred classes": {"settings": 2, "seeds": 2, "rounds": 2, "classes": 100},
    "names that are markup": {"data": ["<b>x</b>", "a & b"], "seeds": 2, "arms": ("<i>m</i>", "random")},
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_bench_of_any_shape_gives_a_good_page(shape: str, tmp_path: Path) -> None:
    page = rendered(draw_bench(tmp_path / "bench", **{"rounds": 3, **SHAPES[shape]}))
    check(page)
    said = page.text.replace("\u00a0", " ")
    if shape == "two settings with two seeds":
        assert "is ahead of random in" in said
        assert "too few seeds" in said
    if shape == "no control":
        assert "No random arm was run" in said
    if shape == "nothing finished":
        assert "what there is of them is shown" in said
    if shape == "a setting that failed":
        assert "36 of 54 cells are done; 18 failed." in said
    if shape == "an arm that failed everywhere":
        assert "badge" not in said.partition("Cells")[0]
    if shape == "names that are markup":
        assert "<b>x</b>" in said


def test_a_bench_of_one_setting_has_the_page_of_a_run(tmp_path: Path) -> None:
    out = draw_bench(tmp_path / "bench", settings=1, rounds=3, failed=[(0, "badge", 1)])
    page = rendered(out)
    check(page, [
        "answer", "curves", "table", "pairs", "stopping", "picked", "overlap", "map", "confusion", "calibration",
        "time", "about", "cells",
    ])  # fmt: skip
    assert FAILED in page.text
    assert "The last model of" in page.text
    assert report.summary(out)[-1] == "Of 18 cells, 1 failed; it is left out."


@pytest.mark.parametrize("settings", [2, 3])
def test_a_setting_that_failed_everywhere_is_named_at_the_top(settings: int, tmp_path: Path) -> None:
    lost = [(1, arm, seed) for arm in ("margin", "random") for seed in range(2)]
    out = draw_bench(tmp_path / "bench", settings=settings, arms=("margin", "random"), seeds=2, rounds=2, failed=lost)
    said = "Not in this report: set 1, where every cell failed."
    page = rendered(out)
    assert page.text.index(said) < page.text.index("The answer", page.text.index(said))
    assert f"{settings - 1} of {settings} settings" in page.text[: page.text.index(said)]
    assert report.summary(out)[0] == said


def test_settings_that_are_not_finished_are_said_to_be_absent(tmp_path: Path) -> None:
    lost = [(i, arm, seed) for i in range(1, 7) for arm in ("margin", "random") for seed in range(2)]
    out = draw_bench(tmp_path / "bench", settings=7, arms=("margin", "random"), seeds=2, rounds=2, failed=lost[:-1],
                     running=lost[-1:])  # fmt: skip
    assert read_bench(out).absent == (
        "Not in this report: set 1, set 2, set 3, set 4 and 1 more, where every cell failed; set 6, where no "
        "cell is finished."
    )


def test_few_settings_are_counted_and_not_averaged_into_a_verdict(tmp_path: Path) -> None:
    out = draw_bench(tmp_path / "bench", settings=3, arms=("margin", "random"), rounds=6)
    assert report.summary(out)[0] == (
        "Margin is better than random in 3 of 3 settings; 3 settings are too few to tell more on average "
        "(6 seeds in each setting)."
    )


def test_numbers_for_programs_are_those_of_the_page(usual: tuple[Path, Page]) -> None:
    out, _ = usual
    found = report.numbers(out)
    assert [*found["settings"]] == [f"set {i}" for i in range(6)]
    assert found["cells"] == {"done": 206, "failed": 3, "running": 1}
    margin = found["overall"][0]
    assert (margin["name"], margin["finding"], margin["settings"]) == ("margin", "better", 6)
    assert json.loads(json.dumps(found)) == found


def test_profiles_say_how_often_the_best_arm_is_best(usual: tuple[Path, Page]) -> None:
    out, _ = usual
    view = bench_view(read_bench(out), items=False)
    section = profiles.build(view)
    assert section.finding.startswith("Margin needs the fewest labels in")


def test_arms_that_are_not_in_every_setting_are_said_to_be_left_out(tmp_path: Path) -> None:
    gone = [(i, "badge", seed) for i in (0, 1, 2) for seed in range(6)]
    view = bench_view(read_bench(draw_bench(tmp_path / "bench", settings=4, failed=gone)), items=False)
    assert view.blocks is not None
    assert view.blocks.names == ("margin", "random")
    assert view.blocks.without == ("badge",)
    assert "badge" in view.blocks.said
    one_gone = draw_bench(tmp_path / "other", settings=4, failed=gone[:6])
    view = bench_view(read_bench(one_gone), items=False)
    assert view.blocks is not None
    assert view.blocks.names == ("margin", "badge", "random")
    assert view.blocks.left_out == ("set 0",)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("bench.json", '{"version": 2}', "of version 1.*of version 2"),
        ("bench.json", "{", "not valid JSON"),
        ("cells.csv", "setting,strategy\n", "a column seed"),
        ("results.csv", None, "results.csv.*not there"),
    ],
)
def test_a_damaged_folder_is_one_clear_error(name: str, content: str | None, said: str, tmp_path: Path) -> None:
    out = draw_bench(tmp_path / "bench", settings=2, seeds=1, rounds=1, parquet=False)
    if content is None:
        (out / name).unlink()
    else:
        (out / name).write_text(content)
    with pytest.raises(DataError, match=said):
        report.write(out)


def test_a_bench_without_a_finished_round_is_one_clear_error(tmp_path: Path) -> None:
    out = draw_bench(
        tmp_path / "bench", settings=2, seeds=1, arms=("random",), failed=[(0, "random", 0), (1, "random", 0)]
    )
    with pytest.raises(DataError, match="no rows"):
        report.write(out)


def test_an_answer_without_a_control_is_no_answer(tmp_path: Path) -> None:
    out = draw_bench(tmp_path / "bench", settings=2, arms=("margin", "badge"), seeds=2, rounds=2)
    assert answer.finding(bench_view(read_bench(out), items=False)).startswith("No random arm was run")
