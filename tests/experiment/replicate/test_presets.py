"""Every preset: that it parses, says what it needs, and what its protocol is."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from claros.data import load
from claros.errors import DataError, InputError, MissingExtraError, UnknownNameError
from claros.experiment import replicate
from claros.experiment.curves import Curve
from claros.experiment.replicate import Request
from claros.experiment.replicate.blocks import BASE
from claros.experiment.replicate.rebenchmarking import published_curves


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Small data of the shapes that presets need: digits with a test part, rows of two classes, made features."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = rng.normal(size=(60, 4)) + y[:, None]
    parts = {"x_train": x[:40], "y_train": y[:40], "x_test": x[40:], "y_test": y[40:]}
    np.savez(tmp_path / "split.npz", **parts)
    np.savez(tmp_path / "whole.npz", x=x, y=y)
    return {"split": tmp_path / "split.npz", "whole": tmp_path / "whole.npz"}


NEEDS = {
    "usps-qs1": "split",
    "splice": "split",
    "dna": "split",
    "spambase-qs1": "whole",
    "phoneme-qs1": "whole",
    "malls": "split",
    "malls-paper": "split",
}


@pytest.mark.parametrize("name", replicate.names())
def test_every_preset_gives_settings_that_ask_for_the_arms_it_published(
    name: str, files: dict[str, Path], tmp_path: Path
) -> None:
    preset = replicate.get(name)
    assert preset.name == name
    assert preset.seeds >= 6
    data = (str(files[NEEDS[name]]),) if name in NEEDS else ()
    features = str(files["split"]) if name.startswith("dinov2") else None
    request = Request(tmp_path / "out", 2, 3, data, features)
    configs = preset.settings(request)
    assert configs
    for config in configs:
        assert config.rounds is not None
        assert config.rounds <= 3
        assert {"random", BASE} & set(config.arms)
        if preset.published:
            assert set(config.arms) - {"random"} <= set(preset.published)
    assert len({(config.data, config.batch, seed) for config in configs for seed in config.all_seeds}) >= 2
    figures = preset.measure(Curve(np.arange(1.0, 22.0), np.linspace(0, 1, 21)))
    assert len(figures) == len(preset.figures)
    assert all(len(published) == len(figures) for published in preset.published.values())


@pytest.mark.parametrize("name", [name for name in replicate.names() if replicate.get(name).needs])
def test_what_is_missing_is_one_sentence_with_the_file_and_where_to_get_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        replicate.run(name, tmp_path)
    said = str(error.value)
    assert said.startswith(f"{name} needs ")
    assert "--data " in said or "claros embed" in said
    assert said.endswith(".")
    assert not list(tmp_path.iterdir())


def test_the_published_figures_are_those_of_the_source() -> None:
    """Copied once more from results/auc_qs1.csv at 9180529 and results/README.md at 198ce75."""
    expected = {
        ("usps-qs1", "random"): 0.823,
        ("usps-qs1", "margin"): 0.858,
        ("usps-qs1", "oracle"): 0.866,
        ("three-clusters", "random"): 0.721,
        ("three-clusters", "margin"): 0.704,
        ("three-clusters", "badge"): 0.690,
        ("diverging-sin", "random"): 0.933,
        ("diverging-sin", "margin"): 0.941,
        ("splice", "bald"): 0.780,
        ("dna", "margin"): 0.806,
        ("breast-cancer-qs1", "random"): 0.9539,
        ("breast-cancer-qs1", "margin"): 0.9652,
        ("dinov2-cifar10", "margin"): 0.745,
        ("dinov2-cifar100", "bait"): 0.584,
    }
    for (name, arm), value in expected.items():
        assert replicate.get(name).published[arm][0].value == value, (name, arm)


def test_the_usps_recipe_is_the_published_one(files: dict[str, Path], tmp_path: Path) -> None:
    """From runs/USPS/1/MarginScore/run_13/meta.txt at 3dd5a0e: a linear layer, Adam, batches of 43, 10 + 400 labels."""
    (config,) = replicate.get("usps-qs1").settings(Request(tmp_path / "out", 30, None, (str(files["split"]),)))
    assert (config.start, config.batch, config.rounds, config.init.name) == (10, 1, 400, "stratified")
    recipe = config.model.parameters
    assert (recipe["hidden"], recipe["optimizer"], recipe["batch_size"]) == ([], "Adam", 43)
    assert recipe["lr"] == pytest.approx(0.0081, abs=1e-4)
    assert config.all_seeds == range(30)
    train, test = load(config.data)
    assert (len(train), train.report()["set_aside"]) == (32, 8)  # a fifth of 40 is to stop by
    assert test is not None
    assert len(test) == 20


def test_every_seed_of_a_made_set_has_data_of_its_own_and_twice_the_same(tmp_path: Path) -> None:
    preset = replicate.get("three-clusters")
    configs = preset.settings(Request(tmp_path / "a", 3))
    again = preset.settings(Request(tmp_path / "b", 3))
    assert [config.seed for config in configs] == [0, 1, 2]
    contents = [Path(config.data).read_bytes() for config in configs]
    assert len(set(contents)) == 3
    assert contents == [Path(config.data).read_bytes() for config in again]
    train, test = load(configs[0].data)
    assert test is not None
    assert (len(train), len(test), train.report()["set_aside"]) == (384, 120, 96)
    assert configs[0].model.parameters["validation"] == configs[0].data


def test_the_published_margin_curves_start_at_20_labels_and_rise() -> None:
    for name in ("spambase", "phoneme"):
        labels, levels = published_curves(name)["margin"]
        assert labels.tolist() == list(range(20, 521))
        assert 0.5 < levels[0] < levels[-1] < 1


def test_unknown_presets_and_files_and_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="usps-qs1"):
        replicate.run("usps", tmp_path)
    with pytest.raises(DataError, match=r"no file .*none\.npz"):
        replicate.run("usps-qs1", tmp_path, data=[tmp_path / "none.npz"])
    with pytest.raises(InputError, match="at least 1"):
        replicate.run("three-clusters", tmp_path, seeds=0)
    with pytest.raises(InputError, match="one file of data"):
        replicate.get("phoneme-qs1").settings(Request(tmp_path, 2))


def test_a_preset_says_which_extra_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"three-clusters needs torch.*pip install 'claros\[torch\]'"):
        replicate.run("three-clusters", tmp_path)
    assert {replicate.get(name).extra for name in replicate.names()} == {"torch", "sklearn"}
