"""The evaluator: recorded rounds on other test data, by loaded or retrained models, with intervals over seeds."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix, f1_score

from claros import Campaign, data
from claros.cli import main
from claros.errors import DataError, InputError
from claros.experiment import evaluate, run
from claros.experiment.config import parse_config
from claros.testing.pools import small_pool

SEEDS = 3


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set, its test part as a file of its own, and the first 25 items of that."""
    folder = tmp_path_factory.mktemp("sets")
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 240)
    x = 1.2 * np.eye(3, 5)[y] + rng.normal(size=(240, 5))
    np.savez(folder / "all.npz", x_train=x[:160], y_train=y[:160], x_test=x[160:], y_test=y[160:])
    np.savez(folder / "same.npz", x=x[160:], y=y[160:])
    np.savez(folder / "part.npz", x=x[160:185], y=y[160:185])
    np.savez(folder / "seen.npz", x=x[150:170], y=y[150:170])
    np.savez(folder / "more.npz", x=x[160:185], y=np.where(np.arange(25) < 5, 7, y[160:185]))
    np.savez(folder / "unlabeled.npz", x=x[160:185])
    return folder


def made(sets: Path, out: Path, **changes: Any) -> Path:
    settings = {"data": str(sets / "all.npz"), "strategy": ["margin"], "start": 8, "batch": 8, "rounds": 2}
    return run(parse_config({**settings, **changes}), out, listener=lambda moment: None)


@pytest.fixture(scope="module")
def out(sets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(sets, tmp_path_factory.mktemp("run") / "out", seeds=SEEDS)


def recorded(out: Path, row: Any) -> Path:
    return out / f"cells/{row['strategy']}-{row['seed']}/rounds/{row['round']:04d}"


def test_on_the_same_test_data_every_round_has_the_recorded_metrics(sets: Path, out: Path) -> None:
    found = evaluate(out, sets / "same.npz")
    assert [(row["strategy"], row["seed"], row["round"]) for row in found.rows] == [
        (arm, seed, round) for arm in ("margin", "random") for seed in range(SEEDS) for round in range(3)
    ]
    for row in found.rows:
        metrics = json.loads((recorded(out, row) / "metrics.json").read_text())
        for name in ("accuracy", "macro_f1"):
            assert row[name] == metrics[name]
        for name in ("nll", "ece"):  # recorded from probabilities in float32
            assert row[name] == pytest.approx(metrics[name], abs=1e-6)
        assert (row["confusion"], row["n_labeled"], row["n"]) == (metrics["confusion"], metrics["n_labeled"], 80)
        assert row["refitted"]


def test_on_other_data_the_numbers_are_those_of_the_predictions_there(sets: Path, out: Path) -> None:
    labels = np.load(sets / "part.npz")["y"]
    for row in evaluate(out, sets / "part.npz", arm="margin").rows:
        probs = np.load(recorded(out, row) / "test_probs.npy")[:25].astype(np.float64)
        predicted = probs.argmax(axis=1)
        assert row["accuracy"] == np.mean(predicted == labels)
        assert row["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
        assert row["confusion"] == confusion_matrix(labels, predicted, labels=[0, 1, 2]).tolist()
        assert row["nll"] == pytest.approx(-np.log(probs[np.arange(25), labels]).mean(), abs=1e-6)


def test_means_have_students_interval_over_seeds(sets: Path, out: Path) -> None:
    found = evaluate(out, sets / "part.npz")
    assert len(found.means) == 2 * 3
    for mean in found.means:
        own = [row for row in found.rows if (row["strategy"], row["round"]) == (mean["strategy"], mean["round"])]
        values = np.array([row["nll"] for row in own])
        low, high = stats.t.interval(0.95, SEEDS - 1, loc=values.mean(), scale=stats.sem(values))
        assert (mean["nll"], mean["nll_low"], mean["nll_high"]) == pytest.approx((values.mean(), low, high))
        assert np.sum(mean["confusion"]) == SEEDS * 25
        assert mean["seeds"] == SEEDS


def test_one_seed_has_no_interval(sets: Path, tmp_path: Path) -> None:
    one = made(sets, tmp_path / "out", control=False, rounds=1)
    assert [mean["accuracy_low"] for mean in evaluate(one, sets / "part.npz").means] == [None, None]


@pytest.mark.parametrize(("checkpoints", "refitted"), [("all", [False] * 3), ("last", [True, True, False])])
@pytest.mark.parametrize("warm", [False, True])
def test_networks_are_loaded_where_they_were_kept(
    sets: Path, tmp_path: Path, checkpoints: str, refitted: list[bool], warm: bool
) -> None:
    parameters = {"epochs": 2, "min_steps": 1, "warm": warm}
    model = {"name": "networks_of_tests:small", "parameters": parameters}
    out = made(sets, tmp_path / "out", model=model, control=False, checkpoints=checkpoints)
    found = evaluate(out, sets / "same.npz")
    assert [row["refitted"] for row in found.rows] == refitted
    for row in found.rows:
        metrics = json.loads((recorded(out, row) / "metrics.json").read_text())
        assert row["accuracy"] == metrics["accuracy"]
        assert row["nll"] == pytest.approx(metrics["nll"], abs=1e-6)


def test_files_are_written_and_an_ended_call_goes_on(sets: Path, out: Path, tmp_path: Path) -> None:
    target = tmp_path / "scores.csv"
    whole = evaluate(out, sets / "part.npz", out=tmp_path / "whole.csv")

    class Ended(Exception):
        pass

    def end(done: int, total: int) -> None:
        assert total == 2 * SEEDS * 3
        if done == 7:
            raise Ended

    with pytest.raises(Ended):
        evaluate(out, sets / "part.npz", out=target, progress=end)
    kept = json.loads(target.with_suffix(".json").read_text())
    assert len(kept["rows"]) == 7
    kept["rows"][3]["accuracy"] = 0.125  # what is there is not computed again
    target.with_suffix(".json").write_text(json.dumps(kept))
    found = evaluate(out, sets / "part.npz", out=target)
    assert found.rows[3]["accuracy"] == 0.125
    assert [dict(row) for at, row in enumerate(found.rows) if at != 3] == [
        dict(row) for at, row in enumerate(whole.rows) if at != 3
    ]
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["accuracy"]) for row in rows] == [row["accuracy"] for row in found.rows]
    with (tmp_path / "whole_means.csv").open(newline="") as file:
        means = list(csv.DictReader(file))
    assert [float(row["nll_low"]) for row in means] == [mean["nll_low"] for mean in whole.means]
    other = evaluate(out, sets / "same.npz", out=target)  # other data: nothing of before is used
    assert {row["n"] for row in other.rows} == {80}


def test_items_that_were_in_the_pool_are_counted_and_said(sets: Path, out: Path) -> None:
    found = evaluate(out, sets / "seen.npz", arm="random")
    assert found.also_in_pool == 10  # rows 150 to 159 are of the pool
    assert "10 of the items are also in the pool" in str(found)


def test_a_class_that_the_model_does_not_know_counts_as_an_error(sets: Path, out: Path) -> None:
    found = evaluate(out, sets / "more.npz", arm="margin")
    assert found.classes == ("0", "1", "2", "7")
    labels = np.load(sets / "more.npz")["y"]
    for row in found.rows:
        predicted = np.load(recorded(out, row) / "test_probs.npy")[:25].argmax(axis=1)
        assert row["accuracy"] == np.mean(predicted == labels)
        assert sum(row["confusion"][3]) == 5


def test_a_campaign_is_scored_too(sets: Path, tmp_path: Path) -> None:
    pool = small_pool("rows", 90)
    test = small_pool("rows", 60, seed=5)
    path = tmp_path / "c.claros"
    with Campaign.create(path, pool=pool, model="logistic", strategy="margin", audit=0.1, seed=4) as campaign:
        for n in (20, 10):
            campaign.tell_many({query.item: int(pool.labels[query.position]) for query in campaign.ask(n)})  # type: ignore[index]
            campaign.update()
        model = campaign.model
        assert model is not None
        expected = model.outputs(test, ["probs"])["probs"].argmax(axis=1)
    found = evaluate(path, test, pool=pool)
    assert [(row["strategy"], row["seed"], row["round"]) for row in found.rows] == [("margin", 4, 0), ("margin", 4, 1)]
    assert found.rows[1]["accuracy"] == np.mean(expected == test.labels)
    with pytest.raises(InputError, match="no run, so it has no arms"):
        evaluate(path, test, pool=pool, arm="margin")


def test_the_command_writes_tables_and_says_the_last_round(
    sets: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(out), "--test", str(sets / "part.npz"), "--out", str(tmp_path / "scores.csv")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "margin, round 2, 24 labels, 3 seeds: accuracy 0." in said
    assert f"Tables: {tmp_path / 'scores.csv'}" in said
    assert main([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["n"] == 25
    assert len(answer["rows"]) == 18
    assert main(["evaluate", str(out), "--test", str(sets / "part.npz"), "--arm", "random"]) == 0
    assert (out / "evaluations/part.csv").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--test", "nowhere.csv"], "nowhere.csv"),
        (["--test", "unlabeled.npz"], "needs a label"),
        (["--test", "part.npz", "--arm", "margni"], "Did you mean 'margin'"),
        (["--test", "part.npz", "--out", "scores.txt"], "must be a .csv"),
    ],
)
def test_a_mistake_is_one_sentence(
    sets: Path, out: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    given = [str(sets / word) if word.endswith(".npz") else word for word in words]
    assert main(["evaluate", str(out), *given]) in (1, 2)
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_other_columns_or_shapes_are_refused(sets: Path, out: Path) -> None:
    with pytest.raises(DataError, match="must agree"):
        evaluate(out, data.load("iris").train)
