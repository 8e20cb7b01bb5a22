"""What a grid is: which settings and cells it has, and what is said where it makes no sense."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_grids import GRID

from claros.errors import ClarosError, InputError
from claros.experiment.bench import expand, read_grid
from claros.experiment.bench.grid import planned
from claros.experiment.bench.names import names_of
from claros.experiment.setting import Setting


def names(*configs: Any) -> list[str]:
    """What the settings are called."""
    return list(names_of([planned(Setting.load(config))[0] for config in configs]).values())


def test_every_combination_is_there_once_the_data_slowest(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("data: [iris, wine]\nmodel: [logistic, forest]\nbatch: [5, 10]\nseeds: 3\n")
    found = read_grid(tmp_path / "grid.yaml")
    assert [(one.data, one.model.name, one.batch, one.seeds) for one in found] == [
        (data, model, batch, 3) for data in ("iris", "wine") for model in ("logistic", "forest") for batch in (5, 10)
    ]


def test_strategies_and_rules_are_not_axes_but_arms_and_watchers() -> None:
    (one,) = read_grid(grid=["strategy=margin,badge", "watch=budget,overall_uncertainty"], flags={"data": ["iris"]})
    assert list(one.arms) == ["margin", "badge", "random"]
    assert [rule.name for rule in one.watch] == ["budget", "overall_uncertainty"]


def test_a_part_of_a_setting_can_span_the_grid() -> None:
    found = read_grid(grid=["model.parameters.C=0.1,1,10"], flags={"data": ["iris"], "model": ["logistic"]})
    assert [one.model.parameters for one in found] == [{"C": 0.1}, {"C": 1}, {"C": 10}]


def test_data_may_bring_settings_of_their_own() -> None:
    found = expand({"start": 10}, {"data": [{"data": "iris", "start": 6}, "wine"], "batch": [5]})
    assert [(one.data, one.start) for one in found] == [("iris", 6), ("wine", 10)]


@pytest.mark.parametrize(
    ("grid", "flags", "said"),
    [
        (["bacth=5,10"], {"data": "iris"}, "'bacth'.*Did you mean 'batch'"),
        (["batch"], {"data": "iris"}, "--grid takes path=a,b, as in --grid batch=5,10; got 'batch'"),
        (["batch=[5"], {"data": "iris"}, "--grid batch=.5: the values are not valid YAML"),
        (["batch=5,-1"], {"data": "iris"}, "batch.*must be a count"),
        ([], {"data": "iris", "stop": "budget"}, "A grid has no setting stop: a bench runs every arm to its end"),
        ([], {}, "The setting data is missing"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(grid: list[str], flags: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        read_grid(grid=grid, flags=flags)
    assert "\n" not in str(raised.value)


def test_a_grid_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("data: iris\ngrid: [batch]\n")
    with pytest.raises(InputError, match="grid must map settings to lists of values"):
        read_grid(tmp_path / "grid.yaml")
    (tmp_path / "grid.yaml").write_text("data: iris\ngrid: {batch: 5}\n")
    with pytest.raises(InputError, match="needs a list of values for batch"):
        read_grid(tmp_path / "grid.yaml")


def test_settings_are_called_by_what_differs() -> None:
    assert names(*read_grid(flags=GRID)) == ["iris"]
    assert names(*read_grid(grid=["data=iris,wine", "batch=5,10"])) == [
        "iris, 5",
        "iris, 10",
        "wine, 5",
        "wine, 10",
    ]
    assert names(*read_grid(grid=["model.parameters.C=0.1,1"], flags={"data": ["iris"], "model": ["logistic"]})) == [
        "logistic(C=0.1)",
        "logistic(C=1)",
    ]
    assert names(*read_grid(grid=["start=6,12"], flags={"data": ["iris"]})) == ["start 6", "start 12"]


def test_cells_are_the_same_wherever_the_data_lie_and_others_when_anything_else_differs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    np.savez(tmp_path / "a/data.npz", x=rng.normal(size=(80, 3)), y=np.arange(80) % 2)
    shutil.copy(tmp_path / "a/data.npz", tmp_path / "b/data.npz")

    def ids(**changes: Any) -> set[str]:
        flags = {**GRID, "data": str(tmp_path / "a/data.npz"), **changes}
        return {cell.id for cell in planned(Setting.load(read_grid(flags=flags)[0]))[1]}

    assert ids(data=str(tmp_path / "b/data.npz")) == ids()
    assert ids(seeds=1) < ids()
    assert ids(strategy=["margin"]) < ids()
    for changes in ({"batch": 6}, {"start": 7}, {"model": "forest"}, {"rounds": 2}, {"watch": ["budget"]}, {"seed": 7}):
        assert not ids(**changes) & ids(), changes


def test_what_an_arm_leaves_to_the_run_is_not_part_of_its_key() -> None:
    arms = [{"name": "margin"}, {"name": "margin", "label": "weighted", "correction": "weights"}]
    (config,) = read_grid(flags={**GRID, "strategy": arms, "seeds": 1})
    kept = {cell.strategy: cell.arm for cell in planned(Setting.load(config))[1]}
    assert kept["margin"] == {"name": "margin", "parameters": {}, "label": None}
    assert kept["weighted"]["correction"] == "weights"


def test_one_thing_unknown_is_named_before_anything_runs(tmp_path: Path) -> None:
    from claros.experiment.bench import bench

    for changes, said in (
        ({"model": "logisitc"}, "Did you mean 'logistic'"),
        ({"data": "irsi"}, "irsi"),
        ({"strategy": ["bald"]}, "'bald' needs member_probs"),
        ({"watch": ["stabilising"]}, "stabilizing_predictions"),
    ):
        with pytest.raises(ClarosError, match=said):
            bench(read_grid(flags={**GRID, **changes}), tmp_path / "out", quiet=True)
        assert not (tmp_path / "out" / "results.csv").exists()
