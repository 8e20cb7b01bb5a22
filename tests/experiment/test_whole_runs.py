"""Whole runs: what is written, that it is right, that it resumes, and that nothing depends on how it was run."""

from __future__ import annotations

import csv
import json
import platform
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score

from claros import data
from claros.campaign import Campaign
from claros.errors import CannotFeedError, CorruptLogError, DataError, InputError, UnknownNameError
from claros.experiment import RunConfig, demo, gather, read_config, run
from claros.experiment.config import parse_config
from claros.experiment.progress import Moment

SMALL = {"data": "iris", "strategy": ["margin"], "start": 6, "batch": 5, "rounds": 3}


def config(**changes: Any) -> RunConfig:
    return parse_config({**SMALL, **changes})


def quiet(moment: Moment) -> None:
    """Show nothing."""


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def without_times(path: Path) -> list[dict[str, str]]:
    return [{name: value for name, value in row.items() if "seconds" not in name} for row in rows(path)]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two arms and two seeds, shared by the tests that only look."""
    return run(config(seeds=2), tmp_path_factory.mktemp("run") / "out", listener=quiet)


def test_each_round_of_each_cell_is_in_the_results(out: Path) -> None:
    table = rows(out / "results.csv")
    assert [(row["strategy"], row["seed"], row["n_labeled"]) for row in table] == [
        (name, seed, str(6 + 5 * number)) for name in ("margin", "random") for seed in ("0", "1") for number in range(4)
    ]


def test_no_item_is_picked_twice_and_all_are_of_the_pool(out: Path) -> None:
    pool = data.load("iris").train
    for name in ("margin", "random"):
        for seed in ("0", "1"):
            items = [row["item"] for row in rows(out / "picks.csv") if (row["strategy"], row["seed"]) == (name, seed)]
            assert len(items) == len(set(items)) == 21
            assert set(items) <= set(pool.ids)


def test_every_pick_carries_its_true_class_and_where_it_came_from(out: Path) -> None:
    pool = data.load("iris").train
    truth = {item: pool.classes[code] for item, code in zip(pool.ids, pool.labels, strict=True)}
    for row in rows(out / "picks.csv"):
        assert row["class"] == truth[row["item"]]
        assert row["source"] == ("start" if row["round"] == "0" else "strategy")
        drawn_at_random = row["round"] == "0" or row["strategy"] == "random"
        assert (row["probability"] != "") == drawn_at_random
    # uniform draws, one after another, of the pool's different items
    n = len(np.unique(pool.groups))
    start = [float(row["probability"]) for row in rows(out / "picks.csv")[:6]]
    assert start == pytest.approx([1 / (n - place) for place in range(6)])


def test_arms_of_a_seed_share_start_and_first_model_and_seeds_do_not(out: Path) -> None:
    def start(name: str, seed: str) -> list[str]:
        key = (name, seed, "0")
        return [row["item"] for row in rows(out / "picks.csv") if (row["strategy"], row["seed"], row["round"]) == key]

    assert start("margin", "0") == start("random", "0") != start("margin", "1")
    first = {name: np.load(out / f"cells/{name}-0/rounds/0000/test_probs.npy") for name in ("margin", "random")}
    np.testing.assert_array_equal(first["margin"], first["random"])


def test_metrics_are_those_of_the_saved_predictions(out: Path) -> None:
    labels = np.load(out / "test.npz")["labels"]
    np.testing.assert_array_equal(labels, data.load("iris").test.labels)
    for row in rows(out / "results.csv"):
        folder = out / "cells" / f"{row['strategy']}-{row['seed']}" / "rounds" / f"{int(row['round']):04d}"
        probs = np.load(folder / "test_probs.npy")
        assert probs.dtype == np.float32
        assert probs.shape == (len(labels), 3)
        predicted = probs.argmax(axis=1)
        assert float(row["accuracy"]) == pytest.approx(np.mean(predicted == labels))
        assert float(row["macro_f1"]) == pytest.approx(f1_score(labels, predicted, average="macro"))
        likelihoods = probs[np.arange(len(labels)), labels].astype(np.float64)
        assert float(row["nll"]) == pytest.approx(-np.log(likelihoods).mean())


def test_per_class_rows_have_the_precision_of_that_class_and_count_its_picks(out: Path) -> None:
    labels = np.load(out / "test.npz")["labels"]
    classes = data.load("iris").train.classes
    last = [
        row
        for row in rows(out / "per_class.csv")
        if (row["strategy"], row["seed"], row["round"]) == ("margin", "1", "3")
    ]
    predicted = np.load(out / "cells/margin-1/rounds/0003/test_probs.npy").argmax(axis=1)
    expected = precision_score(labels, predicted, average=None, zero_division=0)
    assert [row["class"] for row in last] == list(classes)
    assert [float(row["precision"]) for row in last] == pytest.approx(list(expected))
    picked = [
        row["class"]
        for row in rows(out / "picks.csv")
        if (row["strategy"], row["seed"], row["round"]) == ("margin", "1", "3")
    ]
    assert {row["class"]: int(row["n_picked"]) for row in last if row["n_picked"] != "0"} == Counter(picked)


def test_watched_rules_are_recorded_every_round_and_end_nothing(out: Path) -> None:
    table = rows(out / "rules.csv")
    assert len(table) == 2 * 2 * 4 * 3
    assert {row["rule"] for row in table} == {"advisor", "stabilizing_predictions", "overall_uncertainty"}
    assert {row["ready"] for row in table} <= {"true", "false"}


def test_a_cell_is_a_campaign_that_anybody_can_open(out: Path) -> None:
    with Campaign.open(out / "cells" / "margin-0") as campaign:
        assert campaign.n_labeled == 21
        assert len(campaign.rounds) == 4
        assert campaign.strategy.name == "margin"


def test_the_facts_of_the_run_are_written(out: Path) -> None:
    facts = json.loads((out / "run.json").read_text())
    pool, test = data.load("iris")
    assert facts["version"] == 1
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["versions"]["python"] == platform.python_version()
    assert facts["data"]["name"] == "iris"
    assert facts["data"]["n_pool"] == len(pool)
    assert facts["data"]["n_test"] == len(test)
    assert facts["data"]["classes"] == list(pool.classes)
    assert parse_config(facts["config"]).computed() == config(seeds=2).computed()


def test_two_processes_give_the_numbers_of_one(tmp_path: Path, out: Path) -> None:
    run(config(seeds=2), tmp_path / "out", jobs=2, listener=quiet)
    for name in ("picks.csv", "per_class.csv", "rules.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (out / name).read_bytes()
    assert without_times(tmp_path / "out" / "results.csv") == without_times(out / "results.csv")


def test_a_complete_run_is_not_run_again(out: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (out / "cells").rglob("*") if path.is_file()}
    moments: list[Moment] = []
    run(config(seeds=2), out, listener=moments.append)
    assert {path: path.stat().st_mtime_ns for path in (out / "cells").rglob("*") if path.is_file()} == before
    assert [moment.done for moment in moments] == [True] * 4


def test_moments_tell_of_every_round_and_of_the_end(tmp_path: Path) -> None:
    moments: list[Moment] = []
    run(config(control=False), tmp_path / "out", listener=moments.append)
    complete = [moment for moment in moments if moment.accuracy is not None]
    assert [(moment.round, moment.n_labeled, moment.done) for moment in complete] == [
        (0, 6, False),
        (1, 11, False),
        (2, 16, False),
        (3, 21, True),
    ]
    assert {moment.rounds for moment in moments} == {3}


class Kill(Exception):
    """Ends a run where a test wants it."""


@pytest.mark.parametrize("at", range(1, 16, 3))
def test_a_run_that_broke_off_ends_with_the_same_numbers(tmp_path: Path, out: Path, at: int) -> None:
    left = at

    def listener(moment: Moment) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Kill

    with pytest.raises(Kill):
        run(config(seeds=2), tmp_path / "out", listener=listener)
    run(config(seeds=2), tmp_path / "out", listener=quiet)
    assert (tmp_path / "out" / "picks.csv").read_bytes() == (out / "picks.csv").read_bytes()
    assert without_times(tmp_path / "out" / "results.csv") == without_times(out / "results.csv")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings of a run of a small network on made images: a bright half, left or right, in noise."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    x = rng.integers(0, 120, (80, 16, 16))
    x[y == 0, :, :8] += 90
    x[y == 1, :, 8:] += 90
    path = tmp_path_factory.mktemp("images") / "halves.npz"
    np.savez(path, x_train=x[:50].astype(np.uint8), y_train=y[:50], x_test=x[50:].astype(np.uint8), y_test=y[50:])
    model = {"name": "cnn", "parameters": {"epochs": 2, "min_steps": 4, "device": "cpu"}}
    return {"data": str(path), "model": model, "start": 6, "batch": 4, "rounds": 2, "control": False}


@pytest.fixture(scope="module")
def network_run(network: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Moment]]:
    """A whole run of it, and what it reported."""
    moments: list[Moment] = []
    return run(config(**network), tmp_path_factory.mktemp("net") / "out", listener=moments.append), moments


def test_a_network_reports_its_epochs(network_run: tuple[Path, list[Moment]]) -> None:
    epochs = [moment.epoch for moment in network_run[1] if moment.epoch is not None and moment.round == 1]
    assert len(epochs) >= 2
    assert epochs[-1] == (len(epochs), len(epochs))


@pytest.mark.parametrize("at", [5, 9])
def test_a_network_that_broke_off_ends_with_the_same_numbers(
    tmp_path: Path, network: dict[str, Any], network_run: tuple[Path, list[Moment]], at: int
) -> None:
    whole, moments = network_run

    def listener(moment: Moment) -> None:
        if moment == moments[at]:
            raise Kill

    with pytest.raises(Kill):
        run(config(**network), tmp_path / "out", listener=listener)
    run(config(**network), tmp_path / "out", listener=quiet)
    assert (tmp_path / "out" / "picks.csv").read_bytes() == (whole / "picks.csv").read_bytes()
    assert without_times(tmp_path / "out" / "results.csv") == without_times(whole / "results.csv")


def test_the_validation_share_reaches_the_trainer(tmp_path: Path, network: dict[str, Any]) -> None:
    run(config(**network, validation=0.5), tmp_path / "out", listener=quiet)
    with Campaign.open(tmp_path / "out" / "cells" / "margin-0") as campaign:
        assert campaign.model is not None
        assert campaign.model.spec()["parameters"]["validation"] == 0.5


def test_tables_of_an_unfinished_run_can_be_gathered(tmp_path: Path) -> None:
    def listener(moment: Moment) -> None:
        if moment.round == 2:
            raise Kill

    with pytest.raises(Kill):
        run(config(control=False), tmp_path / "out", listener=listener)
    gather(tmp_path / "out")
    assert [row["round"] for row in rows(tmp_path / "out" / "results.csv")] == ["0", "1"]


def test_a_round_that_lost_its_metrics_is_missed(tmp_path: Path) -> None:
    run(config(control=False), tmp_path / "out", listener=quiet)
    (tmp_path / "out" / "cells" / "margin-0" / "rounds" / "0001" / "metrics.json").unlink()
    with pytest.raises(CorruptLogError, match="margin-0 lacks the metrics of round 1"):
        run(config(control=False), tmp_path / "out", listener=quiet)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch": 4}, ["batch was 5, now 4"]),
        ({"strategy": ["entropy"]}, ["strategy", '"margin"', '"entropy"']),
        ({"seeds": 1}, ["seeds was 2, now 1"]),
    ],
)
def test_a_folder_of_another_run_is_refused_and_the_difference_said(
    out: Path, changes: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        run(config(**{"seeds": 2, **changes}), out, listener=quiet)
    for word in words:
        assert word in str(caught.value)


def test_where_the_report_goes_is_no_difference(out: Path) -> None:
    run(config(seeds=2, report=False, out="elsewhere"), out, listener=quiet)


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"thesis\.tex"):
        run(config(), tmp_path, listener=quiet)


def test_other_data_of_the_same_name_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def write(shift: float) -> str:
        x, y = rng.normal(size=(60, 3)) + shift, np.arange(60) % 2
        np.savez(tmp_path / "d.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
        return str(tmp_path / "d.npz")

    run(config(data=write(0.0), control=False), tmp_path / "out", listener=quiet)
    with pytest.raises(DataError, match="another pool"):
        run(config(data=write(1.0), control=False), tmp_path / "out", listener=quiet)


def test_a_rule_ends_its_arm(tmp_path: Path) -> None:
    stop = {"name": "budget", "parameters": {"labels": 13}}
    run(config(stop=stop, rounds=9, control=False), tmp_path / "out", listener=quiet)
    assert [row["n_labeled"] for row in rows(tmp_path / "out" / "results.csv")] == ["6", "11", "16"]


def test_random_goes_on_to_as_many_labels_whatever_the_rule_says_of_it(tmp_path: Path) -> None:
    stop = {"name": "overall_uncertainty", "parameters": {"threshold": 0.62}}
    run(config(stop=stop, rounds=12, seeds=2), tmp_path / "out", listener=quiet)
    ends: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows(tmp_path / "out" / "rules.csv"):
        if row["rule"] == "overall_uncertainty":
            ends[row["strategy"], row["seed"]] = row
    for seed in ("0", "1"):
        assert ends["margin", seed]["stop"] == "true"
        assert int(ends["margin", seed]["n_labeled"]) < 6 + 5 * 12
        assert ends["random", seed]["n_labeled"] == ends["margin", seed]["n_labeled"]


def test_a_rule_that_ends_the_arm_is_not_watched_a_second_time(tmp_path: Path) -> None:
    run(config(stop="stabilizing_predictions", control=False), tmp_path / "out", listener=quiet)
    names = {row["rule"] for row in rows(tmp_path / "out" / "rules.csv")}
    assert names == {"advisor", "stabilizing_predictions", "overall_uncertainty"}


def test_random_by_itself_obeys_the_rule(tmp_path: Path) -> None:
    stop = {"name": "budget", "parameters": {"labels": 10}}
    run(config(strategy=["random"], stop=stop, rounds=9), tmp_path / "out", listener=quiet)
    assert [row["n_labeled"] for row in rows(tmp_path / "out" / "results.csv")] == ["6", "11"]


def test_the_budget_is_met_exactly_and_the_pool_ends_the_run(tmp_path: Path) -> None:
    run(config(rounds=None, budget=14, control=False), tmp_path / "a", listener=quiet)
    assert [row["n_labeled"] for row in rows(tmp_path / "a" / "results.csv")] == ["6", "11", "14"]
    pool = data.load("iris").train
    run(config(start=60, batch=60, rounds=9, control=False), tmp_path / "b", listener=quiet)
    assert int(rows(tmp_path / "b" / "results.csv")[-1]["n_labeled"]) == len(np.unique(pool.groups))


def test_audited_items_are_bought_and_not_trained_on(tmp_path: Path) -> None:
    run(config(audit=0.2, rounds=4, control=False), tmp_path / "out", listener=quiet)
    picks = rows(tmp_path / "out" / "picks.csv")
    audited = sum(row["source"] == "audit" for row in picks)
    assert audited >= 0.2 * len(picks) - 1
    assert int(rows(tmp_path / "out" / "results.csv")[-1]["n_labeled"]) == len(picks) - audited


def test_a_pool_that_an_audit_exhausts_ends_the_run(tmp_path: Path) -> None:
    moments: list[Moment] = []
    run(config(audit=0.5, start=10, batch=60, rounds=9, control=False), tmp_path / "out", listener=moments.append)
    assert moments[-1].done
    again: list[Moment] = []
    run(config(audit=0.5, start=10, batch=60, rounds=9, control=False), tmp_path / "out", listener=again.append)
    assert again[-1] == moments[-1]


def test_a_stratified_start_is_the_same_for_all_arms_and_says_that_it_reads_labels(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(config(init="stratified", start=10), tmp_path / "out", listener=quiet)
    assert "reads labels" in caplog.text
    starts = {
        name: [row for row in rows(tmp_path / "out" / "picks.csv") if row["strategy"] == name and row["round"] == "0"]
        for name in ("margin", "random")
    }
    assert [row["item"] for row in starts["margin"]] == [row["item"] for row in starts["random"]]
    assert Counter(row["source"] for row in starts["margin"]) == {"chosen": 10}
    assert sorted(Counter(row["class"] for row in starts["margin"]).values()) == [3, 3, 4]


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"strategy": ["margni"]}, UnknownNameError, "margin"),
        ({"strategy": [{"name": "badge", "parameters": {"temprature": 1}}]}, InputError, "temperature"),
        ({"model": "logistc"}, UnknownNameError, "logistic"),
        ({"stop": "budgett"}, UnknownNameError, "budget"),
        ({"watch": ["nothing"]}, UnknownNameError, "nothing"),
        ({"strategy": ["bald"]}, CannotFeedError, "member_probs"),
        ({"start": 1000}, InputError, "items"),
        ({"data": "no such thing"}, DataError, "no such thing"),
        ({"validation": 0.2}, InputError, "validation"),
    ],
)
def test_what_cannot_work_is_said_before_any_training(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        run(config(**changes), tmp_path / "out", listener=quiet)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_data_without_labels_cannot_be_simulated(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.arange(40.0).reshape(20, 2))
    with pytest.raises(DataError, match="label"):
        run(config(data=str(tmp_path / "d.npz")), tmp_path / "out", listener=quiet)


def test_the_demo_is_what_its_help_says() -> None:
    preset = demo(10)
    assert (preset.data, list(preset.arms), preset.seeds) == ("digits", ["auto", "margin", "random"], 10)
    assert preset.model.name == "logistic"
    assert (preset.start, preset.batch) == (20, 20)


def test_more_seeds_and_strategies_are_added_and_what_is_there_stays(tmp_path: Path) -> None:
    small = {"data": "iris", "start": 6, "batch": 5, "rounds": 1, "seeds": 1}
    run(parse_config({**small, "strategy": ["margin"]}), tmp_path / "out", listener=quiet)
    before = (tmp_path / "out/cells/margin-0/rounds/0001/metrics.json").read_bytes()
    more = parse_config({**small, "strategy": ["margin", "entropy"], "seeds": 2})
    run(more, tmp_path / "out", listener=quiet)
    run(more, tmp_path / "whole", listener=quiet)
    assert (tmp_path / "out/cells/margin-0/rounds/0001/metrics.json").read_bytes() == before
    assert (tmp_path / "out/picks.csv").read_bytes() == (tmp_path / "whole/picks.csv").read_bytes()
    assert json.loads((tmp_path / "out/run.json").read_text())["config"]["seeds"] == 2
    with pytest.raises(InputError, match="seeds was 2, now 1"):
        run(parse_config({**small, "strategy": ["margin", "entropy"]}), tmp_path / "out", listener=quiet)
    with pytest.raises(InputError, match="strategy was"):
        run(parse_config({**small, "strategy": ["margin"], "seeds": 2}), tmp_path / "out", listener=quiet)


def test_a_further_strategy_is_refused_where_a_rule_ends_the_arms(tmp_path: Path) -> None:
    small = {"data": "iris", "start": 6, "batch": 5, "rounds": 1, "stop": "stabilizing_predictions"}
    run(parse_config({**small, "strategy": ["margin"]}), tmp_path / "out", listener=quiet)
    with pytest.raises(InputError, match="strategy was"):
        run(parse_config({**small, "strategy": ["margin", "entropy"]}), tmp_path / "out", listener=quiet)


def test_data_without_labels_say_so_before_anything_else(tmp_path: Path) -> None:
    file = tmp_path / "birds.csv"
    file.write_text("text\na finch\na wren\nan owl\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"birds\.csv has no labels, and a simulation needs the true ones; name their"):
        run(read_config(flags={"data": str(file)}), tmp_path / "out")
