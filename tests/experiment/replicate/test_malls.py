"""The replication of labeling under label shift, on made data and at a tiny size."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from claros.errors import DataError
from claros.experiment import replicate
from claros.experiment.bench import bench
from claros.experiment.replicate.blocks import BASE, FIGURES, Block, read_blocks, rows_of, sentences_of
from claros.experiment.replicate.malls import ARMS, EARLIER, Grid, preset
from claros.experiment.replicate.preset import Request
from claros.experiment.replicate.shift_figures import _paired, mean_and_interval, write_figures

DRAWS, ROUNDS = 2, 2
TINY = Grid(
    shifts=(("dirichlet_mix", 0.5), ("dirichlet_identical", 5.0)),
    sizes={"warm": 40, "pool": 120, "target": 60, "test": 80},
    rounds=ROUNDS,
    batch=10,
    arms={name: ARMS[name] for name in (BASE, "default", "MALLS as coded", "oracle", "random")},
    dims={"grey": 2, "colour": 2},
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes in a plane, with a test part."""
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1, 2], 500)
    rows = rng.normal(size=(1500, 2)) + np.array([[0, 0], [3, 0], [0, 3]])[labels]
    path = tmp_path_factory.mktemp("data") / "three.npz"
    np.savez(path, x_train=rows[:1000], y_train=labels[:1000], x_test=rows[1000:], y_test=labels[1000:])
    return path


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Request, replicate.Replication]:
    """The tiny grid, run and compared."""
    request = Request(tmp_path_factory.mktemp("out"), DRAWS, None, (str(data),))
    made = preset(TINY)
    outcome = bench(made.settings(request), request.folder, quiet=True)
    assert outcome.counts == {"done": 2 * DRAWS * len(TINY.arms)}
    return request, made.compare(made, request, ())


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_blocks_are_the_curves_of_all_draws_as_the_tables_have_them(run) -> None:
    request, _ = run
    found = read_blocks(request.folder, TINY.settings(request))
    assert [block.name for block in found] == ["three, dirichlet_mix 0.5", "three, dirichlet_identical 5"]
    assert [block.bought.tolist() for block in found] == [[0, 10, 20]] * 2
    rows, configs = table(request.folder / "results.csv"), table(request.folder / "cells.csv")
    assert len(configs) == 20
    for arm in TINY.arms:
        values = [float(row["accuracy"]) for row in rows if row["strategy"] == arm]
        ours = np.concatenate([block.accuracy[arm].ravel() for block in found])
        np.testing.assert_allclose(sorted(ours), sorted(values))
    errors = [float(row["prior_error"]) for row in table(request.folder / "shift.csv") if row["strategy"] == BASE]
    ours = np.concatenate([block.prior_error[BASE].ravel() for block in found])
    np.testing.assert_allclose(sorted(ours), sorted(errors[::3]))  # a row for each of three classes


def test_arms_of_a_draw_begin_with_the_same_labels_and_the_oracle_knows_the_target(run) -> None:
    request, _ = run
    for block in read_blocks(request.folder, TINY.settings(request)):
        assert np.array_equal(block.accuracy[BASE][:, 0], block.accuracy["random"][:, 0])
        assert np.allclose(block.prior_error["oracle"], 0, atol=1e-9)
        assert (block.prior_error[BASE] > 0).all()


def test_the_files_have_every_arm_and_a_figure_of_each_block(run) -> None:
    request, made = run
    made.write()
    rows = table(request.folder / "replicate.csv")
    named = {row["arm"].partition(": ")[2] for row in rows}
    assert named == set(TINY.arms)
    assert {row["figure"] for row in rows} <= set(FIGURES)
    content = json.loads((request.folder / "replicate.json").read_text())
    assert len([line for line in content["findings"] if "goes from" in line]) == 2
    assert all((request.folder / f"{name}.parquet").exists() for name in ("results", "shift"))
    figures = request.folder / "shift_figures"
    assert len(list(figures.glob("*.pdf"))) == len(list(figures.glob("*.png"))) == 2
    assert all(path.read_bytes().startswith(b"%PDF") for path in figures.glob("*.pdf"))


def test_settings_that_differ_in_their_warm_start_are_blocks_of_their_own(run) -> None:
    request, _ = run
    plan = TINY.settings(request)
    larger = [config.model_copy(update={"shift": config.shift.model_copy(update={"warm": 50})}) for config in plan]
    assert [block.warm for block in read_blocks(request.folder, [*plan, *larger])] == [40, 40]
    assert read_blocks(request.folder, larger) == []


def made_block(draws: int) -> Block:
    """Uncorrected labeling gains 60 to 70 % in two steps; an arm gets to the same in half of the labels."""
    base = np.tile([0.60, 0.65, 0.70], (draws, 1)) + 0.0008 * np.arange(draws)[:, None]
    arm = np.tile([0.65, 0.70, 0.72], (draws, 1)) + 0.0008 * np.arange(draws)[:, None]
    error = np.tile([0.4, 0.2, 0.1], (draws, 1))
    errors = {BASE: error, "quick": error / 2}
    bought = np.array([0.0, 50.0, 100.0])
    return Block(
        "mnist",
        "dirichlet_mix",
        0.4,
        "logistic",
        600,
        bought,
        {BASE: base, "quick": arm},
        {BASE: base, "quick": base},
        errors,
    )


def test_figures_of_an_arm_are_differences_paired_by_draw() -> None:
    rows = {row.figure: row for row in rows_of(made_block(4), {"quick": (3.0, 2.5)}) if row.arm.endswith("quick")}
    # mean over rounds: (.05 + .05 + .02) / 3 = .04; at the end .02; the draws shift both alike, so nothing varies
    assert rows[FIGURES[0]].ours == pytest.approx(4.0)
    assert rows[FIGURES[0]].low == pytest.approx(4.0)
    assert rows[FIGURES[0]].difference == pytest.approx(1.0)
    assert rows[FIGURES[1]].ours == pytest.approx(2.0)
    assert rows[FIGURES[1]].difference == pytest.approx(-0.5)
    assert rows[FIGURES[2]].ours == pytest.approx(0.0)
    # nine tenths of the gain is at 69 %: 90 labels without correction; with it 40 of 50 on the first step, 1 - 40/90
    assert rows[FIGURES[3]].ours == pytest.approx(100 * (1 - 40 / 90))
    assert rows[FIGURES[4]].ours == pytest.approx(0.05)
    said = list(sentences_of(made_block(4)))
    assert said[0].startswith("mnist, dirichlet_mix 0.4, 4 draws: uncorrected labeling goes from 60.1 to 70.1 %")
    assert "quick is +4.0 points over it on average; it saves 56 % of the labels bought [56, 56]" in said[1]
    block = made_block(4)  # 69 % at 90 labels; a slower arm is there after 50 + 50 x 7 / 7.5
    slower = np.array([0.58, 0.62, 0.695]) + 0.0008 * np.arange(4)[:, None]
    said = list(sentences_of(replace(block, accuracy={**block.accuracy, "quick": slower})))
    assert "it takes 7 % more labels [saved: -7, -7]" in said[1]


def test_one_draw_has_no_interval_and_says_nothing_of_labels_saved(tmp_path: Path) -> None:
    block = made_block(1)
    assert {row.low for row in rows_of(block)} == {None}
    assert [row.figure for row in rows_of(block) if row.figure == FIGURES[3]] == []
    assert len(list(sentences_of(block))) == 1
    mean, low, high = mean_and_interval(block.accuracy[BASE])
    assert np.array_equal(mean, low)
    assert np.array_equal(mean, high)
    assert [path.name for path in write_figures([block], tmp_path)] == ["mnist-dirichlet-mix-0.4-logistic.pdf"]


def test_bands_are_of_the_difference_that_is_paired_by_draw() -> None:
    """Draws that differ by much and an arm that is always two points above leave no doubt of the arm."""
    base = np.array([[0.2, 0.3], [0.8, 0.9]])
    mean, low, high = _paired(base + 0.02, base)
    np.testing.assert_allclose(mean, [0.52, 0.62])
    np.testing.assert_allclose(low, mean)
    np.testing.assert_allclose(high, mean)
    # differences 0.01 and 0.03: deviation 0.01414, over the root of 2, times Student's 12.706 with one degree
    _, low, high = _paired(base + np.array([[0.01], [0.03]]), base)
    np.testing.assert_allclose(high - low, 2 * 12.7062 * 0.01, atol=1e-5)


def test_the_laptop_preset_has_the_arms_shifts_and_sizes_of_the_study(data: Path, tmp_path: Path) -> None:
    request = Request(tmp_path, 2, None, (str(data),))
    configs = replicate.get("malls").settings(request)
    assert len(configs) == 5 * 2
    assert {(config.shift.law, config.shift.alpha) for config in configs} == {
        ("dirichlet_mix", 0.1),
        ("dirichlet_mix", 0.4),
        ("dirichlet_mix", 5.0),
        ("dirichlet_online", 0.4),
        ("dirichlet_identical", 0.4),
    }
    one = configs[0]
    assert (one.shift.warm, one.shift.pool, one.shift.target, one.shift.test) == (600, 3000, 1000, 2000)
    assert (one.rounds, one.batch, list(one.arms)) == (6, 50, list(ARMS))
    assert {arm for _, arm in EARLIER} < set(ARMS)
    quick = replicate.get("malls").settings(Request(tmp_path, 1, 2, (str(data),)))
    assert {config.rounds for config in quick} == {2}


def test_data_without_a_test_part_or_without_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data"):
        preset(TINY).settings(Request(tmp_path, 1))
    np.savez(tmp_path / "bare.npz", x=np.zeros((40, 2)))
    with pytest.raises(DataError, match="labels"):
        preset(TINY).settings(Request(tmp_path, 1, None, (str(tmp_path / "bare.npz"),)))
