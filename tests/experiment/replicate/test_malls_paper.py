"""The paper's grid: its blocks and sizes, and that its experiments run, with a small model and on few items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from claros.errors import DataError
from claros.experiment.bench import bench, read_grid
from claros.experiment.bench.grid import planned
from claros.experiment.config import RunConfig, parse_config
from claros.experiment.replicate import Request
from claros.experiment.replicate.blocks import BASE, read_blocks
from claros.experiment.replicate.malls_paper import BLOCKS, settings
from claros.experiment.setting import Setting

EXAMPLES = Path(__file__).parents[3] / "examples"


def images(path: Path, shape: tuple[int, ...]) -> Path:
    """Twenty images of two classes, with a test part."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, size=(30, *shape), dtype=np.uint8), np.arange(30) % 2
    np.savez(path, x_train=x[:20], y_train=y[:20], x_test=x[20:], y_test=y[20:])
    return path


def test_cifar100_has_the_blocks_of_the_grid_at_their_sizes(tmp_path: Path) -> None:
    file = images(tmp_path / "cifar100.npz", (32, 32, 3))
    configs = settings(Request(tmp_path, 2, None, (str(file),)))
    # where it acts, heuristics, pool unlike target, source alone, target alone, base scores, four alphas, two others
    assert len(configs) == 2 * 12
    assert {config.model.name for config in configs} == {"resnet18"}
    laws = [(config.shift.law, config.shift.alpha) for config in configs[::2]]
    assert laws[:6] == [
        ("dirichlet_mix", 0.7), ("dirichlet_target", 0.4), ("dirichlet_online", 3.0), ("dirichlet", 1.2),
        ("dirichlet_target", 0.4), ("dirichlet_mix", 0.7),
    ]  # fmt: skip
    assert [alpha for _, alpha in laws[6:10]] == [5.0, 1.0, 0.7, 0.1]
    one = configs[0]
    assert (one.shift.warm, one.shift.pool, one.rounds, one.batch) == (13333, 26667, 30, 355)
    assert list(one.arms) == [BASE, "acquisition", "prediction", "both"]
    # about 40 % of the pool are bought
    assert 0.39 < one.rounds * one.batch / one.shift.pool < 0.41


def test_other_data_have_the_blocks_for_any_data_and_a_model_that_fits(tmp_path: Path) -> None:
    grey = settings(Request(tmp_path, 1, 3, (str(images(tmp_path / "mnist.npz", (28, 28))),)))
    assert {config.model.name for config in grey} == {"cnn"}
    assert len(grey) == 6  # four alphas, baseline, finetune
    assert [config.rounds for config in grey] == [3, 3, 3, 3, 0, 1]
    ten = settings(Request(tmp_path, 1, 3, (str(images(tmp_path / "cifar10.npz", (32, 32, 3))),)))
    assert "dirichlet_online" in {config.shift.law for config in ten}
    np.savez(tmp_path / "rows.npz", x=np.zeros((30, 3)), y=np.arange(30) % 2)
    rows = settings(Request(tmp_path, 1, 3, (str(tmp_path / "rows.npz"),)))
    assert {config.model.name for config in rows} == {"perceptron"}
    with pytest.raises(DataError, match="--data"):
        settings(Request(tmp_path, 1))


def test_baseline_and_finetuning_train_once_and_on_all_of_the_pool(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(1200) % 3
    np.savez(tmp_path / "three.npz", x=rng.normal(size=(1200, 2)) + 2.5 * np.eye(3)[y, :2], y=y)
    plan = settings(Request(tmp_path, 1, None, (str(tmp_path / "three.npz"),)))[-2:]
    quick = [parse_config({**config.computed(), "model": "logistic"}) for config in plan]
    assert bench(quick, tmp_path / "out", quiet=True).failures == ()
    baseline, finetune = read_blocks(tmp_path / "out", quick)
    assert baseline.bought.tolist() == [0]
    assert len(finetune.bought) == 2
    assert finetune.bought[1] > 100, "the whole pool, as far as the data reach"
    assert set(finetune.arms) == {"rlls", "bbse", "true weights"}
    assert np.allclose(finetune.prior_error["true weights"], 0)


def test_every_block_has_an_uncorrected_arm() -> None:
    assert all(BASE in block.arms for block in BLOCKS)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("malls*.yaml")), ids=lambda path: path.stem)
def test_sample_grids_parse_and_plan(file: Path, tmp_path: Path) -> None:
    """Their data are replaced by rows of ten classes, as they are not here."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "ten.npz", x=rng.normal(size=(3000, 4)), y=np.arange(3000) % 10)
    given = yaml.safe_load(file.read_text())
    data = str(tmp_path / "ten.npz")
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump({**given, "data": data, "model": "logistic"}))
    configs: list[RunConfig] = read_grid(tmp_path / "grid.yaml")
    assert read_grid(file)[0].shift is not None
    assert len(configs) == len({(one.shift.draw, one.shift.alpha, one.shift.law) for one in configs})
    assert len({one.shift.draw for one in configs}) == 10, "ten seeds"
    _, cells = planned(Setting.load(configs[0]))
    assert [cell.strategy for cell in cells] == list(configs[0].arms)


def test_there_are_sample_grids() -> None:
    assert len(list(EXAMPLES.glob("malls*.yaml"))) >= 2
