"""The greedy oracle that looks at the test data, against brute force; and the line of all labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from claros.campaign import Campaign
from claros.experiment import upper_bound
from claros.experiment.config import Arm, parse_config
from claros.experiment.oracle import Oracle
from claros.experiment.setting import Setting


def setting(tmp_path: Path, n: int = 40, **given: Any) -> Setting:
    """Three overlapping clouds of ``n`` items, the last of which repeats the first; 90 items to test."""
    rng = np.random.default_rng(8)
    y = np.arange(n + 90) % 3
    x = rng.normal(size=(n + 90, 2)) + 1.2 * np.array([[0, 0], [1.5, 0], [0, 1.5]])[y]
    x[n - 1], y[n - 1] = x[0], y[0]
    np.savez(tmp_path / "clouds.npz", x_train=x[:n], y_train=y[:n], x_test=x[n:], y_test=y[n:], classes=list("abc"))
    config = parse_config({"data": str(tmp_path / "clouds.npz"), "start": 6, "batch": 3, "rounds": 3, **given})
    loaded = Setting.load(config)
    return replace(loaded, oracle=Oracle(loaded.pool, config.oracle))


def opened(of: Setting, seed: int, n: int = 6) -> Campaign:
    """A campaign whose start is labeled."""
    campaign = of.campaign(Arm(name="random"), seed, None)
    campaign.tell_many(of.oracle.answers((query.item for query in campaign.ask(n)), seed))
    campaign.update()
    return campaign


def judged(of: Setting, positions: Sequence[int], codes: Sequence[int]) -> tuple[float, float]:
    """Accuracy and minus log loss on the test data, by scikit-learn alone."""
    x, y = np.asarray(of.pool.take(positions)), np.asarray(codes)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(x, y)
    probs = np.zeros((len(of.test), 3))
    probs[:, model.classes_] = model.predict_proba(np.asarray(of.test.take(range(len(of.test)))))
    clipped = np.maximum(probs, np.finfo(float).eps)
    nll = -np.log(clipped[np.arange(len(of.test)), of.test.labels]).mean()
    return accuracy_score(of.test.labels, probs.argmax(axis=1)), -nll


@pytest.mark.parametrize("oracle", [{"kind": "exact"}, {"kind": "uniform", "rate": 0.4}])
def test_with_all_candidates_it_is_brute_force_over_every_item_that_is_left(tmp_path: Path, oracle: Any) -> None:
    of = setting(tmp_path, oracle=oracle)
    with opened(of, 5) as campaign:
        labeled = campaign.labeled_positions().tolist()
        said = dict(zip(range(40), of.oracle.codes(np.arange(40), 5).tolist(), strict=True))
        left = [position for position in range(39) if position not in labeled]  # the last one repeats the first
        expected = []
        for _ in range(3):
            best = max(left, key=lambda p: judged(of, [*labeled, p], [said[q] for q in (*labeled, p)]))
            expected.append(of.pool.ids[best])
            labeled.append(best)
            left.remove(best)
        assert upper_bound.batch(of, campaign, 5, 3, candidates=100) == expected

        campaign.plan(expected, by="upper_bound")
        campaign.tell_many(of.oracle.answers((query.item for query in campaign.ask(3)), 5))
        campaign.update()
        assert campaign.model is not None
        probs = campaign.model.outputs(of.test, ["probs"])["probs"]
        reached = (
            accuracy_score(of.test.labels, probs.argmax(axis=1)),
            -log_loss(of.test.labels, probs, labels=[0, 1, 2]),
        )
        assert reached == pytest.approx(judged(of, labeled, [said[p] for p in labeled]))


def test_the_same_seed_and_labels_give_the_same_batch_and_candidates_are_drawn(tmp_path: Path) -> None:
    of = setting(tmp_path)
    batches = []
    for seed in (0, 0, 1):
        with opened(of, seed) as campaign:
            batch = upper_bound.batch(of, campaign, seed, 4, candidates=3)
            assert batch == upper_bound.batch(of, campaign, seed, 4, candidates=3)
            batches.append(batch)
            assert not set(batch) & set(campaign.labels())
            assert len(set(batch)) == 4
    assert batches[0] == batches[1] != batches[2]


def test_near_the_end_of_the_pool_it_takes_what_is_left(tmp_path: Path) -> None:
    of = setting(tmp_path)
    with opened(of, 0, n=37) as campaign:
        left = {of.pool.ids[position] for position in campaign.candidates()}
        assert set(upper_bound.batch(of, campaign, 0, 5, candidates=2)) == left
        assert len(left) == 2


# the greedy pick itself


def value(of: dict[int, float], picks: np.ndarray[Any, Any]) -> tuple[float]:
    """The sum of what the picks are worth."""
    return (sum(of[int(pick)] for pick in picks),)


def test_it_adds_the_best_one_by_one_and_asks_no_more_than_it_may() -> None:
    worth = {position: float(worth) for position, worth in enumerate([3, 1, 4, 1.5, 9, 2.6, 5])}
    calls: list[list[int]] = []

    def score(picks: np.ndarray[Any, Any]) -> tuple[float]:
        calls.append(picks.tolist())
        return value(worth, picks)

    rng = np.random.default_rng(0)
    assert upper_bound.pick(3, candidates=np.arange(7), tries=7, score=score, rng=rng).tolist() == [4, 6, 2]
    assert len(calls) == 7 + 6 + 5
    assert [len(call) for call in calls] == [1] * 7 + [2] * 6 + [3] * 5
    assert all(call[:2] == [4, 6] for call in calls[13:])
    calls.clear()
    assert len(upper_bound.pick(3, candidates=np.arange(7), tries=2, score=score, rng=rng)) == 3
    assert len(calls) == 6
    assert upper_bound.pick(9, candidates=np.array([5, 2]), tries=4, score=score, rng=rng).tolist() == [2, 5]
    assert upper_bound.pick(3, candidates=np.arange(0), tries=4, score=score, rng=rng).size == 0


def test_the_best_of_a_random_subset_is_as_likely_as_it_should_be() -> None:
    """Of 6 items, the best is among 2 candidates with chance 1/3, the second best is picked with chance 4/15, ..."""

    def draws(n: int) -> Iterator[int]:
        for seed in range(n):
            rng = np.random.default_rng(seed)
            yield int(upper_bound.pick(1, candidates=np.arange(6), tries=2, score=lambda p: (float(p[0]),), rng=rng)[0])

    n, counts = 3000, Counter(draws(3000))
    for item in range(6):
        chance = item / 15  # of the 15 pairs, those with a lower partner
        slack = 5 * np.sqrt(n * chance * (1 - chance))
        assert abs(counts[item] - n * chance) <= slack, f"{item}: {counts[item]}, error rate 6e-7 each"


def test_equal_scores_are_settled_at_random() -> None:
    picks = [
        int(
            upper_bound.pick(1, candidates=np.arange(4), tries=4, score=lambda p: (0.0,), rng=np.random.default_rng(s))[
                0
            ]
        )
        for s in range(2000)
    ]
    for count in Counter(picks).values():
        assert abs(count - 500) <= 5 * np.sqrt(2000 * 0.25 * 0.75), "error rate 6e-7 each"


def test_it_beats_random_on_digits_with_few_labels() -> None:
    """Six seeds, 10 labels at random and 10 by either arm: every seed gains, most of them a lot."""
    of = Setting.load(parse_config({"data": "digits", "start": 10, "batch": 10, "rounds": 1}))
    gains = []
    for seed in range(6):
        reached = []
        for greedy in (False, True):
            with opened(of, seed, n=10) as campaign:
                if greedy:
                    campaign.plan(upper_bound.batch(of, campaign, seed, 10, candidates=8), by="upper_bound")
                campaign.tell_many(of.oracle.answers((query.item for query in campaign.ask(10)), seed))
                campaign.update()
                assert campaign.model is not None
                probs = campaign.model.outputs(of.test, ["probs"])["probs"]
                reached.append(float((probs.argmax(axis=1) == of.test.labels).mean()))
        gains.append(reached[1] - reached[0])
    assert min(gains) > 0, gains
    assert np.mean(gains) > 0.05, gains


# all labels


@pytest.mark.parametrize("oracle", [{"kind": "exact"}, {"kind": "uniform", "rate": 0.3}])
def test_the_ceiling_is_the_mean_of_models_trained_on_every_different_item(tmp_path: Path, oracle: Any) -> None:
    of = setting(tmp_path, oracle=oracle)
    expected = []
    for seed in (3, 4):
        x, y = np.asarray(of.pool.take(range(39))), of.oracle.codes(np.arange(39), seed)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(x, y)
        predicted = model.predict(np.asarray(of.test.take(range(len(of.test)))))
        expected.append(
            (accuracy_score(of.test.labels, predicted), f1_score(of.test.labels, predicted, average="macro"))
        )
    accuracy, macro_f1 = np.mean(expected, axis=0)
    found = upper_bound.ceiling(of, [3, 4])
    assert found == {"accuracy": pytest.approx(accuracy), "macro_f1": pytest.approx(macro_f1), "seeds": 2}
