"""Pseudo-labels: what the model is sure of trains it once more, and is a label nowhere else."""

from __future__ import annotations

import csv
import json
import shutil
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from claros import data
from claros.campaign import Campaign, PseudoLabels
from claros.errors import InputError
from claros.experiment.bench import Store, plan, read_grid, work
from claros.experiment.config import parse_config
from claros.experiment.evaluate import evaluate
from claros.experiment.run import run
from claros.experiment.verify import verify
from claros.models import Precomputed

#: Of each prediction the entropy in nats: .0079, .0560, .1985, .6931.
SURE = {0.999: 0.0079, 0.99: 0.0560, 0.95: 0.1985, 0.5: 0.6931}


class Interrupting(Store):
    """A results database whose user presses Ctrl-C after so many rounds."""

    rounds_left = 0

    def save(self, *arguments: object, **named: object) -> None:
        super().save(*arguments, **named)
        self.rounds_left -= 1
        if self.rounds_left == 0:
            raise KeyboardInterrupt


def blobs(seed: int = 0) -> data.Pool:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 90)
    return data.arrays(rng.normal(size=(3, 4))[labels] * 2 + rng.normal(size=(90, 4)), labels)


def label(campaign: Campaign) -> list[str]:
    """Label one whole round; the items, in the order asked."""
    items = []
    while not items or campaign.open_items():
        asked = campaign.ask()
        campaign.tell_many({query.item: int(campaign.pool.labels[query.position]) for query in asked})
        items += [query.item for query in asked]
    return items


def known(campaign: Campaign) -> Campaign:
    """A campaign of which ten items are labeled and its model trained."""
    label(campaign)
    campaign.update()
    return campaign


def test_the_numbers_of_this_module_are_entropies() -> None:
    for chance, nats in SURE.items():
        assert entropy([chance, 1 - chance]) == pytest.approx(nats, abs=5e-5)


def test_what_is_below_the_threshold_is_trained_on_with_its_predicted_class_and_the_threshold_falls() -> None:
    # .06 nats in round 0 takes .999 and .99; .04 in round 1 takes .999 only; .02 in round 2 too; 0 in round 3 nothing
    chances = np.repeat([*SURE], 10)
    probs = np.stack([chances, 1 - chances], axis=1)
    probs[::2] = probs[::2, ::-1]
    pool = data.arrays(np.arange(40.0)[:, None], np.arange(40) % 2, classes=["a", "b"])
    model = Precomputed({"probs": probs})
    settings = PseudoLabels(threshold=0.06, decay=0.02)
    with Campaign.create(
        None, pool=pool, model=model, pseudo_labels=settings, strategy="margin", start=4, batch=3, audit=0.1
    ) as campaign:
        for round, limit in enumerate((0.06, 0.04, 0.02, 0.0)):
            label(campaign)
            fitted = campaign.update()
            free = {pool.ids[position] for position in campaign.candidates()}
            told = {one.item: one.code for one in campaign.provenance() if one.source != "audit"}
            wanted = {item: int(probs[int(item)].argmax()) for item in free if entropy(probs[int(item)]) < limit}
            assert model.labels == {**wanted, **told}
            assert fitted.pseudo_labels == {"threshold": pytest.approx(limit), "n": len(wanted)}
            assert fitted.n_labeled == len(told)
            assert bool(wanted) == (round < 3)
            assert set(campaign.labels()) == {one.item for one in campaign.provenance()}


def test_the_second_training_is_that_of_scikit_learn_on_labels_and_predictions() -> None:
    pool = blobs()
    with Campaign.create(None, pool=pool, pseudo_labels={"threshold": 0.4}, start=12, stop=None, audit=0.0) as campaign:
        known(campaign)
        told = campaign.labeled_positions()
        x, y = pool.fixed_features.astype(np.float64), np.asarray(pool.labels)
        ours = campaign.predict(pool)["probs"]
        steps = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
        guess = steps.fit(x[told], y[told]).predict_proba(x)
        free = np.setdiff1d(np.arange(len(pool)), told)
        sure = free[entropy(guess[free], axis=1) < 0.4]
        assert 5 < len(sure) < len(free)
        both, codes = np.concatenate([told, sure]), np.concatenate([y[told], guess[sure].argmax(axis=1)])
        np.testing.assert_allclose(ours, steps.fit(x[both], codes).predict_proba(x), atol=1e-4)
        assert np.abs(ours - guess).max() > 0.02


def test_where_nothing_is_confident_all_is_as_without() -> None:
    pool, seen = blobs(), []
    for pseudo in (False, {"threshold": 1e-12}):
        with Campaign.create(None, pool=pool, pseudo_labels=pseudo, strategy="margin", start=10, batch=5) as campaign:
            picks = [label(campaign) for _ in range(3)]
            campaign.update()
            seen.append((picks, campaign.labels(), campaign.predict(pool)["probs"].tolist()))
    assert seen[0] == seen[1]


def test_they_are_labels_nowhere_else_and_nothing_of_the_audit_is_among_them() -> None:
    pool = blobs()
    with Campaign.create(None, pool=pool, pseudo_labels={"threshold": 1.0}, start=10, audit=0.3) as campaign:
        before = known(campaign).n_labeled
        free = set(campaign.candidates().tolist())
        chosen = campaign._folder.read_array(0, "pseudo_labels")
        assert len(chosen) > 20
        assert set(chosen[:, 0].tolist()) <= free  # neither told nor reserved for the audit
        assert campaign.n_labeled == before == len(campaign.labels()) == len(campaign.provenance())
        assert {one.source for one in campaign.provenance()} == {"start", "audit"}
        asked = {query.position for query in campaign.ask(len(pool))}
        assert set(chosen[:, 0].tolist()) <= asked  # what was pseudo-labeled is still to be labeled


@pytest.mark.parametrize("checkpoints", ["all", "none"])
def test_a_reopened_campaign_goes_on_as_one_that_was_not(tmp_path: Path, checkpoints: str) -> None:
    pool = blobs()
    given = {"pseudo_labels": {"threshold": 0.5, "decay": 0.1}, "strategy": "margin", "start": 10, "batch": 5}
    with Campaign.create(tmp_path / "a.claros", pool=pool, checkpoints=checkpoints, **given) as campaign:
        known(campaign)
    shutil.copytree(tmp_path / "a.claros", tmp_path / "b.claros")
    ends = []
    for name, times in (("a", 1), ("b", 3)):  # one goes on at a stretch, the other is opened again after each round
        for _ in range(times):
            with Campaign.open(tmp_path / f"{name}.claros", pool=pool) as campaign:
                for _ in range(3 // times):
                    label(campaign)
                    campaign.update()
        with Campaign.open(tmp_path / f"{name}.claros", pool=pool) as campaign:
            campaign.update()
            rounds = [[row.item for row in round.items] for round in campaign.rounds]
            seen = [(one["n_trained"], one["pseudo_labels"]) for one in campaign._journal.state.fitted.values()]
            ends.append((rounds, seen, campaign.predict(pool)["probs"].tolist()))
    assert ends[0] == ends[1]
    assert any(more["n"] for _, more in ends[0][1])


def test_a_model_that_is_trained_again_has_what_it_had_though_less_may_be_asked_now(tmp_path: Path) -> None:
    pool, where = blobs(), tmp_path / "c.claros"
    with Campaign.create(
        where, pool=pool, pseudo_labels={"threshold": 0.7}, start=10, checkpoints="none", audit=0.0
    ) as campaign:
        known(campaign)
        before = campaign.predict(pool)["probs"]
        chosen = campaign._folder.read_array(0, "pseudo_labels")[:, 0]
        for position in chosen[:5]:
            campaign.skip(pool.ids[position], "bad item")
    with Campaign.open(where, pool=pool) as campaign:
        campaign.update()
        np.testing.assert_array_equal(campaign.predict(pool)["probs"], before)


def test_a_run_counts_them_and_how_many_are_wrong_and_can_be_verified(tmp_path: Path) -> None:
    arms = ["margin", {"name": "ceal", "label": "sure", "pseudo_labels": {"threshold": 0.7, "decay": 0.1}}]
    config = parse_config(
        {"data": "iris", "strategy": arms, "control": False, "start": 6, "batch": 5, "rounds": 2, "checkpoints": "none"}
    )
    run(config, tmp_path / "run", listener=lambda moment: None)
    with (tmp_path / "run" / "pseudo_labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["strategy"], row["round"]) for row in rows] == [("sure", "0"), ("sure", "1"), ("sure", "2")]
    pool, _ = data.load("iris", seed=0)
    wrong = 0
    for row in rows:
        kept = np.load(tmp_path / "run" / "cells" / "sure-0" / "rounds" / f"000{row['round']}" / "pseudo_labels.npy")
        right = sum(int(pool.labels[position] == code) for position, code in kept)
        assert (int(row["n"]), int(row["n_right"])) == (len(kept), right)
        wrong += len(kept) - right
    assert wrong > 0
    assert [float(row["threshold"]) for row in rows] == pytest.approx([0.7, 0.6, 0.5])
    metrics = json.loads((tmp_path / "run" / "cells" / "sure-0" / "rounds" / "0002" / "metrics.json").read_text())
    assert metrics["pseudo_labels"]["n_right"] == int(rows[2]["n_right"])
    assert verify(tmp_path / "run", arm="sure", round=2).same
    assert verify(tmp_path / "run", arm="margin", round=1).same
    # models that were not kept are trained again with what they had: the same accuracy on the same test data
    _, test = data.load("iris", seed=0)
    for row in evaluate(tmp_path / "run", test, arm="sure").rows:
        kept = tmp_path / "run" / "cells" / "sure-0" / "rounds" / f"000{row['round']}" / "metrics.json"
        assert row["accuracy"] == json.loads(kept.read_text())["accuracy"]
        assert row["nll"] == pytest.approx(json.loads(kept.read_text())["nll"], rel=1e-6)


def test_a_bench_that_is_interrupted_at_every_round_counts_the_same(tmp_path: Path) -> None:
    arm = {"name": "ceal", "label": "sure", "pseudo_labels": {"threshold": 0.7, "decay": 0.1}}
    grid = {"data": "iris", "strategy": [arm], "start": 6, "batch": 5, "rounds": 2, "seeds": 1, "upper_bound": False}
    counted = []
    for name, rounds in (("whole", 100), ("pieces", 1)):
        with closing(Interrupting(f"sqlite:///{tmp_path}/{name}.sqlite")) as store:
            plan(read_grid(flags=grid), store)
            while store.counts().get("done", 0) < len(store.cells()):
                store.rounds_left = rounds
                with suppress(KeyboardInterrupt):
                    work(store, "w")
            rows = [json.loads(row["details"]) for row in store.rounds()]
            counted.append([row["pseudo_labels"] for row in rows if "pseudo_labels" in row])
    assert counted[0] == counted[1]
    assert [row["threshold"] for row in counted[0]] == [0.7, 0.6, 0.5]
    assert all(row["n"] >= row["n_right"] > 0 for row in counted[0])


def test_settings_without_them_are_what_they_were_before_there_were_any() -> None:
    plain = parse_config({"data": "iris"})
    assert "pseudo_labels" not in json.dumps(plain.computed())
    assert parse_config({"data": "iris", "pseudo_labels": False}).computed() == plain.computed()
    asked = parse_config({"data": "iris", "pseudo_labels": True}).computed()
    assert asked["pseudo_labels"] == {"threshold": 0.05, "decay": 0.0033}  # the paper's


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"treshold": 0.1}, "threshold"),
        ({"threshold": 0.0}, "above 0"),
        ({"threshold": float("nan")}, "threshold"),
        ({"decay": -1}, "decay"),
        ("often", "mapping"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        PseudoLabels.of(given)
    with pytest.raises(InputError, match=said):
        parse_config({"data": "iris", "pseudo_labels": given})


def test_they_need_probabilities_and_no_target() -> None:
    pool = blobs()
    with pytest.raises(InputError, match="leave out one"):
        Campaign.create(None, pool=pool, pseudo_labels=True, target=pool)
    with pytest.raises(InputError, match="confident predictions"):
        Campaign.create(None, pool=pool, model=None, strategy="random", stop=None, pseudo_labels=True)
