"""Settings: where they come from, what they mean, and what is said when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from claros import stopping
from claros.errors import InputError
from claros.experiment import RunConfig, read_config
from claros.experiment.bench import read_grid
from claros.experiment.config import parse_config


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_flags_come_before_set_before_yaml_before_defaults(tmp_path: Path) -> None:
    file = write(tmp_path / "run.yaml", "data: iris\nstart: 11\nbatch: 12\nseed: 13\n")
    config = read_config(file, ["start=21", "batch=22"], {"start": "31", "rounds": None})
    assert (config.data, config.start, config.batch, config.seed, config.seeds) == ("iris", 31, 22, 13, 1)


def test_a_flag_for_the_model_and_a_setting_for_its_parameters_both_hold() -> None:
    config = read_config(None, ["model.parameters.C=0.5", "model.name=forest"], {"data": "digits", "model": "logistic"})
    assert (config.model.name, config.model.parameters) == ("logistic", {"C": 0.5})


def test_numbers_are_read_as_they_are_written_in_a_file_a_setting_and_a_grid(tmp_path: Path) -> None:
    file = write(tmp_path / "run.yaml", "data: digits\nmodel: {name: cnn, parameters: {lr: 1e-3, momentum: 1.E+2}}\n")
    config = read_config(file, ["model.parameters.weight_decay=-5e-4"])
    assert config.model.parameters == {"lr": 0.001, "momentum": 100.0, "weight_decay": -0.0005}
    grid = read_grid(flags={"data": "digits"}, grid=["model.parameters.lr=2e-5,1E4,1e"])
    assert [one.model.parameters["lr"] for one in grid] == [2e-5, 10000.0, "1e"]


def test_parts_of_lists_are_set_by_position_or_by_name(tmp_path: Path) -> None:
    file = write(tmp_path / "run.yaml", "data: digits\nstrategy: [margin, {name: badge, parameters: {method: lazy}}]\n")
    config = read_config(
        file, ["strategy.badge.parameters.temperature=2", "strategy.0.label=m", "watch.1.parameters.window=5"]
    )
    assert config.strategy[1].parameters == {"method": "lazy", "temperature": 2}
    assert config.strategy[0].label == "m"
    assert config.watch[1].parameters == {"window": 5}
    assert config.watch[2].name == "overall_uncertainty"


def test_one_strategy_needs_no_list() -> None:
    assert [arm.name for arm in parse_config({"data": "digits", "strategy": "entropy"}).strategy] == ["entropy"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ["data", "missing"]),
        ({"data": "digits", "strategi": "margin"}, ["'strategi'", "Did you mean 'strategy'", "batch"]),
        ({"data": "digits", "model": {"name": "mlp", "parameter": {}}}, ["'parameter'", "in model", "'parameters'"]),
        ({"data": "digits", "start": 0}, ["start", "count", "share", "got 0"]),
        ({"data": "digits", "start": 1.5}, ["start", "got 1.5"]),
        ({"data": "digits", "start": True}, ["start", "got True"]),
        ({"data": "digits", "rounds": 3, "budget": 90}, ["rounds or budget"]),
        ({"data": "digits", "strategy": []}, ["strategy", "at least 1"]),
        ({"data": "digits", "strategy": ["margin", "margin"]}, ["same"]),
        ({"data": "digits", "strategy": {"name": "margin", "label": "random"}}, ["'random'"]),
        ({"data": "digits", "strategy": {"name": "margin", "label": "../up"}}, ["label"]),
        ({"data": "digits", "seeds": "many"}, ["seeds", "'many'"]),
        ({"data": "digits", "init": "stratifed"}, ["init", "'stratifed'", "Did you mean 'stratified'", "coverage"]),
        ({"data": "digits", "price": -1}, ["price", "-1"]),
        ({"data": "digits", "init": {"name": "kmeans", "parameter": {}}}, ["'parameter'", "in init", "'parameters'"]),
        ({"data": "digits", "oracle": "unifrm"}, ["oracle", "Did you mean 'uniform'", "confusion", "recorded"]),
        ({"data": "digits", "oracle": 3}, ["oracle", "exact, uniform, confusion, recorded", "got 3"]),
        ({"data": "digits", "oracle": "uniform"}, ["oracle.rate is missing", "chance that another class is told"]),
        ({"data": "digits", "oracle": {"kind": "uniform", "rate": 2}}, ["oracle.rate", "less than or equal to 1", "2"]),
        ({"data": "digits", "oracle": {"kind": "uniform", "rat": 0.1}}, ["'rat'", "in oracle", "Did you mean 'rate'"]),
        ({"data": "digits", "oracle": {"kind": "exact", "rate": 0.1}}, ["'rate'", "in oracle", "Known: kind"]),
        ({"data": "digits", "oracle": {"kind": "confusion", "matrix": [[0.5, 0.5]]}}, ["matrix", "for each class"]),
        (
            {"data": "digits", "oracle": {"kind": "confusion", "matrix": [[1, 0], [0.5, 0.4]]}},
            ["oracle.matrix", "sum to 1", "in row 1"],
        ),
        ({"data": "digits", "oracle": {"kind": "confusion", "matrix": [[-1, 2], [0, 1]]}}, ["oracle.matrix", "row 0"]),
        ({"data": "digits", "oracle": {"kind": "confusion", "matrix": "absent.npy"}}, ["matrix", "absent.npy"]),
        ({"data": "digits", "oracle": {"kind": "confusion", "matrix": "a.xlsx"}}, ["matrix", ".csv", "a.xlsx"]),
        ({"data": "digits", "oracle": "recorded"}, ["oracle.labels is missing", "names of arrays"]),
        (
            {"data": "digits", "oracle": {"kind": "recorded", "labels": "a", "annotator": "best"}},
            ["oracle.annotator", "majority", "'best'"],
        ),
        ({"data": "digits", "upper_bound": "sometimes"}, ["upper_bound", "auto", "'sometimes'"]),
        ({"data": "digits", "upper_bound": 0}, ["upper_bound", "got 0"]),
        ({"data": "digits", "upper_bound": 5, "audit": 0.1}, ["audit", "upper_bound"]),
        ({"data": "digits", "strategy": "upper_bound"}, ["upper_bound: true"]),
        ({"data": "digits", "start": "[1"}, ["start", "'[1'"]),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(given: dict[str, object], words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parse_config(given)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("text", "words"),
    [("- a\n- b\n", "mapping"), ("data: [unclosed\n", "line"), ("", "data")],
)
def test_a_broken_yaml_file_is_said_to_be_one(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_config(write(tmp_path / "run.yaml", text))


def test_a_yaml_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.yaml"):
        read_config(tmp_path / "absent.yaml")


@pytest.mark.parametrize("setting", ["seed", "=3", "seed.deep=3", "strategy.bald.parameters.x=1", "seed=[1"])
def test_a_setting_that_leads_nowhere_is_named(setting: str) -> None:
    with pytest.raises(InputError) as caught:
        read_config(None, [setting], {"data": "digits"})
    assert setting.partition("=")[0] in str(caught.value)


def test_the_control_is_added_once_and_only_if_wanted() -> None:
    def arms(**given: object) -> list[str]:
        return list(parse_config({"data": "digits", **given}).arms)

    assert arms(strategy=["margin", "badge"]) == ["margin", "badge", "random"]
    assert arms(strategy=["random", "margin"]) == ["random", "margin"]
    assert arms(strategy=["margin"], control=False) == ["margin"]


@pytest.mark.parametrize(
    ("given", "candidates"),
    [
        ({}, 0),
        ({"upper_bound": False}, 0),
        ({"upper_bound": True}, 20),
        ({"upper_bound": 7, "model": "resnet18", "rounds": 500}, 7),
        ({"upper_bound": "7"}, 7),  # from a flag
        ({"upper_bound": "true"}, 20),
        ({"upper_bound": "auto", "batch": 10}, 20),  # 10 rounds of 10 labels: 2,000 trainings
        ({"upper_bound": "auto", "batch": 11}, 0),
        ({"upper_bound": "auto", "start": 30, "budget": 130}, 20),
        ({"upper_bound": "auto", "start": 30, "budget": 131}, 0),
        ({"upper_bound": "auto", "batch": 10, "model": "mlp"}, 0),
        ({"upper_bound": "auto", "batch": 0.01}, 0),  # nobody knows how many labels that is
        ({"upper_bound": "auto", "batch": 10, "audit": 0.1}, 0),
    ],
)
def test_the_upper_bound_is_an_arm_where_it_is_wanted_or_small(given: dict[str, object], candidates: int) -> None:
    config = parse_config({"data": "digits", **given})
    assert config.candidates == candidates
    assert list(config.arms) == ["auto", "random", *(["upper_bound"] if candidates else [])]
    if candidates:
        bound = config.arms["upper_bound"].model_dump(exclude_none=True)
        assert bound == {"name": "upper_bound", "parameters": {"candidates": candidates}}


def test_a_bare_name_of_an_oracle_means_its_kind_and_its_parts_can_be_set(tmp_path: Path) -> None:
    assert parse_config({"data": "digits", "oracle": "exact"}) == parse_config({"data": "digits"})
    config = read_config(None, ["oracle.kind=uniform", "oracle.rate=0.25"], {"data": "digits"})
    assert config.computed()["oracle"] == {"kind": "uniform", "rate": 0.25}
    file = write(tmp_path / "run.yaml", "data: digits\noracle: uniform\ninit: coverage\n")
    config = read_config(file, ["oracle.rate=0.5", "init.parameters.iterations=3"])
    assert config.computed()["oracle"] == {"kind": "uniform", "rate": 0.5}
    assert config.computed()["init"] == {"name": "coverage", "parameters": {"iterations": 3}}


def test_arms_of_one_strategy_are_told_apart_by_their_parameters() -> None:
    config = parse_config(
        {
            "data": "digits",
            "control": False,
            "strategy": [{"name": "badge", "parameters": {"temperature": t}} for t in (1.0, 2.0)],
        }
    )
    assert list(config.arms) == ["badge(temperature=1.0)", "badge(temperature=2.0)"]


@pytest.mark.parametrize(
    ("given", "n_pool", "plan"),
    [
        ({}, 1000, (20, 20, 220)),  # ten rounds unless said otherwise
        ({"rounds": 3}, 1000, (20, 20, 80)),
        ({"start": 0.02, "batch": 0.01, "budget": 0.1}, 1000, (20, 10, 100)),
        ({"start": 10, "batch": 7, "budget": 30}, 1000, (10, 7, 30)),
        ({"start": 10, "batch": 50, "rounds": 5}, 100, (10, 50, 100)),  # no more than there are
        ({"start": 0.001}, 100, (1, 20, 100)),  # at least one
        ({"rounds": 0}, 1000, (20, 20, 20)),
    ],
)
def test_shares_become_counts_when_the_pool_is_known(
    given: dict[str, object], n_pool: int, plan: tuple[int, int, int]
) -> None:
    assert tuple(parse_config({"data": "digits", **given}).plan(n_pool)) == plan


def test_the_last_batch_is_cut_to_the_budget() -> None:
    plan = parse_config({"data": "digits", "start": 10, "batch": 7, "budget": 30}).plan(1000)
    bought, asked = 0, []
    while bought < plan.total:
        asked.append(plan.ask(bought, plan.total))
        bought += asked[-1]
    assert asked == [10, 7, 7, 6]
    assert plan.rounds == len(asked) - 1


@pytest.mark.parametrize(
    ("given", "words"), [({"start": 101}, "100 items"), ({"start": 50, "budget": 40}, "smaller than start")]
)
def test_a_size_that_cannot_be_bought_is_an_error(given: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_config({"data": "digits", **given}).plan(100)


def test_settings_survive_json_and_forget_where_they_are_written() -> None:
    config = parse_config({"data": "digits", "strategy": ["margin"], "out": "here", "report": False, "stop": "budget"})
    computed = config.computed()
    assert not {"out", "report"} & set(computed)
    assert parse_config(computed).computed() == computed


def test_every_setting_is_described() -> None:
    for name, field in RunConfig.model_fields.items():
        assert field.description, name


def test_rules_are_written_as_expressions_wherever_a_rule_is_named(tmp_path: Path) -> None:
    config = read_config(
        None,
        ["watch=[half, 'stabilizing_predictions(window=2)']"],
        {"data": "iris", "stop": "budget(labels=60) | classification_change.patience(3)"},
    )
    assert config.stop is not None
    rule = stopping.get("budget", labels=60) | stopping.get("classification_change").patience(3)
    assert stopping.from_spec(config.stop.model_dump()) == rule
    assert [one.name for one in config.watch] == ["half", "stabilizing_predictions"]
    assert config.watch[1].parameters["window"] == 2
    assert parse_config(config.model_dump(mode="json")) == config
    with pytest.raises(InputError, match="Did you mean 'budget'"):
        read_config(None, [], {"data": "iris", "stop": "budgett(labels=60)"})
