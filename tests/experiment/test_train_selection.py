"""Trainings on a selection and on as many random items: what they are trained on, and how they are compared."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from claros import data
from claros.campaign import Campaign
from claros.errors import DataError, InputError, UnknownNameError
from claros.experiment import run
from claros.experiment.config import parse_config
from claros.experiment.outcome import Outcome
from claros.experiment.selection import open_selection
from claros.experiment.training import epoch_parameters, fit, random_like, train_on

SETTINGS = {"data": "iris", "strategy": ["margin", "entropy"], "start": 8, "batch": 4, "rounds": 2, "watch": []}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(parse_config({**SETTINGS, "seeds": 2}), tmp_path_factory.mktemp("run") / "out", listener=lambda _: None)


def picked(out: Path, strategy: str, seed: int) -> list[str]:
    with (out / "picks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["item"] for row in rows if (row["strategy"], row["seed"]) == (strategy, str(seed))]


def test_a_selection_is_all_that_an_arm_labeled_seed_by_seed(out: Path) -> None:
    for arm in ("margin", "entropy", "random"):
        found = open_selection(out, arm=arm)
        assert found.seeds == (0, 1)
        for seed, positions, codes in zip(found.seeds, found.positions, found.codes, strict=True):
            assert [found.pool.ids[at] for at in positions] == picked(out, arm, seed)
            assert codes.tolist() == np.array(found.pool.labels)[positions].tolist()
    assert open_selection(out).name == "margin"
    with pytest.raises(UnknownNameError, match="Did you mean 'margin'"):
        open_selection(out, arm="margni")


def test_the_model_is_trained_on_the_selection_and_judged_on_all_test_items(out: Path) -> None:
    """Truth: scikit-learn's logistic regression over standardised columns, as the model's docs say."""
    chosen = open_selection(out, arm="entropy")
    done = fit(chosen.model, chosen.pool, chosen.test, chosen.positions[0], chosen.codes[0], mode="active", seed=0)
    pool, test = data.load("iris")
    items = [pool.positions[item] for item in picked(out, "entropy", 0)]
    scaler = StandardScaler().fit(pool.take(items))
    labels = np.array(pool.labels)[items]
    oracle = LogisticRegression(max_iter=300).fit(scaler.transform(pool.take(items)), labels)
    right = oracle.predict(scaler.transform(test.take(range(len(test))))) == np.array(test.labels)
    assert done.scores["accuracy"] == pytest.approx(right.mean())
    assert (done.row()["n"], done.row()["mode"]) == (16, "active")


def test_random_items_are_as_many_all_different_and_nothing_else_is_asked_of_them(out: Path) -> None:
    """2,000 seeds: each of the pool's different items is drawn as often as the others; z-scores within 5."""
    chosen = open_selection(out)
    pool = chosen.pool
    different = np.flatnonzero(pool.groups == np.arange(len(pool)))
    counts: Counter[int] = Counter()
    for seed in range(2000):
        positions, codes = random_like(chosen, 0, seed)
        assert len(set(positions.tolist())) == 16
        assert codes.tolist() == np.array(pool.labels)[positions].tolist()
        counts.update(positions.tolist())
    assert set(counts) == set(different.tolist())
    share = 16 / len(different)
    z = [(n - 2000 * share) / np.sqrt(2000 * share * (1 - share)) for n in counts.values()]
    assert max(map(abs, z)) < 5


def test_per_class_random_items_have_the_selections_numbers_of_each_class(out: Path) -> None:
    chosen = open_selection(out)
    positions, codes = random_like(chosen, 1, 7, per_class=True)
    assert np.bincount(codes, minlength=3).tolist() == np.bincount(chosen.codes[1], minlength=3).tolist()
    assert len(set(positions.tolist())) == len(positions)


def test_modes_may_follow_each_other_and_nothing_is_trained_twice(out: Path, tmp_path: Path) -> None:
    first = train_on(out, tmp_path, mode="random", seeds=3)
    assert list(first["modes"]) == ["random"]
    assert first["comparison"] is None
    assert "trained on 16 random items" in first["summary"][0]
    again: list[float] = []
    both = train_on(out, tmp_path, seeds=3, report=lambda row: again.append(row["seconds"]))
    assert both["modes"]["random"]["accuracy"] == first["modes"]["random"]["accuracy"]
    rows = json.loads((tmp_path / "training.json").read_text())["rows"]
    assert [(row["mode"], row["seed"]) for row in rows] == [("random", n) for n in range(3)] + [
        ("active", n) for n in range(3)
    ]
    assert [row["seconds"] for row in rows if row["mode"] == "random"] == again[::2]
    assert (tmp_path / "training.pdf").read_bytes().startswith(b"%PDF")
    with (tmp_path / "training.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 6
    with pytest.raises(InputError, match="another model"):
        train_on(out, tmp_path, model="forest")


def outcome(folder: Path, active: list[float], random: list[float]) -> Outcome:
    settings = {"selection": "margin", "selections": 1, "model": {"name": "cnn"}, "per_class": False}
    found = Outcome(folder, settings, [])
    for mode, values in (("active", active), ("random", random)):
        for seed, value in enumerate(values):
            numbers = {"accuracy": value, "macro_f1": value, "nll": 1.0, "ece": 0.1, "seconds": 1.0}
            found.rows.append({"mode": mode, "seed": seed, "n": 40, **numbers})
    return found


def test_the_comparison_is_the_paired_t_test_of_scipy(tmp_path: Path) -> None:
    active, random = [0.60, 0.62, 0.64, 0.61, 0.66, 0.63], [0.55, 0.60, 0.58, 0.59, 0.60, 0.57]
    found = outcome(tmp_path, active, random).write()
    oracle = stats.ttest_rel(active, random)
    low, high = oracle.confidence_interval(0.95)
    said = found["comparison"]
    assert (said["low"], said["high"], said["p_value"]) == pytest.approx((low, high, oracle.pvalue))
    assert said["finding"] == "better"
    # means 62.67 and 58.17; the difference of them is 4.5 points
    assert found["summary"][0].startswith(
        "cnn, trained on the 40 items of margin, is right on 62.7 % of the test items, on as many random ones on "
        "58.2 %: 4.5 points better (95 % interval "
    )
    assert found["summary"][1] == "All 6 trainings share one selection."


def test_nothing_is_called_on_few_seeds_or_where_the_interval_has_both_signs(tmp_path: Path) -> None:
    few = outcome(tmp_path, [0.9] * 5, [0.1] * 5).write()
    assert few["comparison"]["finding"] == "too few seeds"
    assert "too few seeds (5)" in few["summary"][0]
    even = outcome(tmp_path, [0.6, 0.5, 0.6, 0.5, 0.6, 0.5], [0.5, 0.6, 0.5, 0.6, 0.5, 0.6]).write()
    assert even["comparison"]["finding"] == "not distinguishable"
    assert "not distinguishable (95 % interval −" in even["summary"][0]
    worse = outcome(tmp_path, [0.1, 0.12, 0.1, 0.12, 0.1, 0.11], [0.5, 0.6, 0.5, 0.6, 0.5, 0.6]).write()
    assert worse["comparison"]["finding"] == "worse"


def test_a_campaign_is_a_selection_too(tmp_path: Path) -> None:
    pool = data.load("iris").train
    truth = dict(zip(pool.ids, np.array(pool.labels).tolist(), strict=True))
    with Campaign.create(tmp_path / "c", pool=pool, model="logistic", strategy="margin", audit=0.2) as campaign:
        campaign.tell_many({query.item: pool.classes[truth[query.item]] for query in campaign.ask(20)})
        told = set(campaign.labels())
        trained = {pool.ids[at] for at in campaign.labeled_positions()}
    found = open_selection(tmp_path / "c")
    assert {found.pool.ids[at] for at in found.positions[0]} == trained < told  # what is audited is not trained on
    assert len(found.test) == 38
    said = train_on(tmp_path / "c", tmp_path / "out", seeds=2)
    assert said["modes"]["active"]["n"] == [len(trained)] * 2
    with pytest.raises(InputError, match="one selection"):
        open_selection(tmp_path / "c", arm="margin")


def test_random_items_that_nobody_labeled_are_said_to_be_missing(tmp_path: Path) -> None:
    texts = "".join(f"text number {n},{'' if n > 8 else 'ab'[n % 2]}\n" for n in range(60))
    (tmp_path / "t.csv").write_text("text,label\n" + texts)
    (tmp_path / "test.csv").write_text("text,label\n" + "".join(f"other {n},{'ab'[n % 2]}\n" for n in range(10)))
    pool = data.load(tmp_path / "t.csv", test_share=0.0).train
    with Campaign.create(tmp_path / "c", pool=pool, model="logistic", strategy="random", audit=0) as campaign:
        campaign.tell_many({query.item: "ab"[place % 2] for place, query in enumerate(campaign.ask(8))})
    with pytest.raises(DataError, match="no test data"):
        open_selection(tmp_path / "c")
    active = train_on(tmp_path / "c", tmp_path / "out", mode="active", seeds=1, test=tmp_path / "test.csv")
    assert active["modes"]["active"]["n"] == [8]
    with pytest.raises(DataError, match="Random items need labels"):
        train_on(tmp_path / "c", tmp_path / "out", mode="random", seeds=1, test=tmp_path / "test.csv")


def test_epochs_are_exact_where_there_are_any() -> None:
    assert epoch_parameters("cnn", 3) == {"epochs": 3, "min_steps": 0}
    with pytest.raises(InputError, match="not trained in epochs"):
        epoch_parameters("forest", 3)
    with pytest.raises(InputError, match="at least 1"):
        epoch_parameters("cnn", 0)


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither a run"):
        open_selection(tmp_path)
