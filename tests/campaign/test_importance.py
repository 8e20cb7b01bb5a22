"""Labels weighted in training by the inverse of the chance with which they were asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from claros.campaign import Campaign
from claros.campaign.correction import Labeled
from claros.campaign.rerun import Past
from claros.data import arrays
from claros.errors import InputError
from claros.experiment.config import parse_config

CLASSES = ["no", "yes"]


def cloud(seed: int, n: int):
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    return rng.normal(size=(n, 2)) + np.where(y == 1, 1.0, -1.0)[:, None], y


def campaign(path: Path | None = None, **settings) -> Campaign:
    x, y = cloud(0, 300)
    usual = {"model": "forest", "strategy": "iwal(floor=0.2)", "stop": None, "audit": 0.1, "start": 20, "batch": 20}
    return Campaign.create(path, pool=arrays(x, y, classes=CLASSES), **{**usual, **settings})


def label(made: Campaign, rounds: int) -> None:
    for _ in range(rounds):
        made.tell_many({query.item: CLASSES[made.pool.labels[query.position]] for query in made.ask()})
    made.update()


def test_queried_labels_weigh_the_inverse_of_their_chance_and_others_one() -> None:
    made, seen = campaign(importance=True), []
    inner = made.model.fit

    def listening(items, labels, *, n_classes=None, weights=None, rng):
        seen.append(weights)
        inner(items, labels, n_classes=n_classes, weights=weights, rng=rng)

    made.model.fit = listening  # type: ignore[method-assign]
    label(made, 3)
    trained = [one for one in made.provenance() if one.source != "audit"]
    expected = np.array([1 / one.probability if one.source == "strategy" else 1.0 for one in trained])
    assert {one.source for one in trained} == {"start", "strategy"}
    assert expected.max() > 1.5
    np.testing.assert_allclose(np.sort(seen[-1]), np.sort(expected / expected.mean()))
    assert all(0.199 <= one.probability <= 1 for one in trained if one.source == "strategy")


def test_a_model_that_is_trained_again_has_the_weights_that_it_had(tmp_path: Path) -> None:
    with campaign(tmp_path / "c.claros", importance=True, checkpoints="none") as made:
        label(made, 3)
        before = made.predict(made.pool)["probs"]
    *_, last = Past(tmp_path / "c.claros", pool=made.pool).trained()
    assert last.refitted
    np.testing.assert_array_equal(last.model.outputs(made.pool, ["probs"])["probs"], before)


def test_without_it_no_label_is_weighted_and_the_log_says_nothing_of_it() -> None:
    made = campaign()
    label(made, 2)
    config = json.loads(json.dumps(made._journal.state.config))
    assert "importance" not in config
    assert Labeled(made.pool, np.zeros(2, np.int64), np.zeros(2, bool), 2).weighted(None) is None


def test_weights_of_a_shift_and_of_the_chance_are_multiplied() -> None:
    pool = arrays(np.zeros((3, 1)))
    labeled = Labeled(pool, np.zeros(3, np.int64), np.zeros(3, bool), 1, np.array([1.0, 2.0, 3.0]))
    # 2 * 1, 1 * 2, 1 * 3: 2, 2, 3 over their mean of 7 / 3
    np.testing.assert_allclose(labeled.weighted(np.array([2.0, 1.0, 1.0])), np.array([2, 2, 3]) * 3 / 7)
    np.testing.assert_allclose(labeled.weighted(None), [0.5, 1.0, 1.5])


@pytest.mark.parametrize("settings", [{"strategy": "margin"}, {"pseudo_labels": True}])
def test_what_has_no_such_chances_is_refused(settings) -> None:
    with pytest.raises(InputError, match="chance"):
        campaign(importance=True, **settings)


def test_a_run_may_ask_for_it_and_settings_without_it_are_what_they_were() -> None:
    assert "importance" not in parse_config({"data": "digits"}).computed()
    assert parse_config({"data": "digits", "importance": True}).computed()["importance"] is True
