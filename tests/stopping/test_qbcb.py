from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from claros import data, stopping
from claros.campaign import Campaign
from claros.errors import CannotFeedError, InputError
from claros.stopping import Decision, Rule, first_stop, replay
from claros.stopping.recall.qbcb import positives_needed, quantile


def make(**parameters: Any) -> Rule:
    return stopping.get("qbcb", **parameters)


def decide(sample: list[int], ranked: list[tuple[int, int]], **parameters: Any) -> Decision:
    """``ranked`` are pairs of label and whether the item is one of the sample."""
    rule = make(**parameters)
    labels = sample + [label for label, _ in ranked]
    origin = [1] * len(sample) + [2 * again for _, again in ranked]
    return rule.decide([rule.observe(labels=labels, labeled_at_random=origin)])


def test_worked_by_hand() -> None:
    # 2 relevant in the sample, recall 0.5: BinomialCDF(0; 2, 0.5) = 0.25, CDF(1) = 0.75, so j = 2 at alpha 0.25
    sample = [1, 0, 1]
    assert not decide(sample, [(1, 0), (1, 1), (0, 1)], recall=0.5, alpha=0.25).stop
    decision = decide(sample, [(1, 0), (1, 1), (0, 1), (1, 1)], recall=0.5, alpha=0.25)
    assert (decision.stop, decision.value, decision.threshold) == (True, 2.0, 2.0)
    # at alpha 0.8 CDF(0) = 0.25 is enough: j = 1
    assert decide(sample, [(1, 0), (1, 1)], recall=0.5, alpha=0.8).threshold == 1.0


@pytest.mark.parametrize(("recall", "alpha", "needed"), [(0.95, 0.05, 59), (0.8, 0.05, 14), (0.9, 0.1, 22)])
def test_a_sample_that_cannot_certify_is_told_how_many_it_needs(recall: float, alpha: float, needed: int) -> None:
    # recall^needed <= alpha < recall^(needed - 1)
    assert recall**needed <= alpha < recall ** (needed - 1)
    assert positives_needed(recall, alpha) == needed
    few = decide([1] * (needed - 1), [(1, 1)] * (needed - 1), recall=recall, alpha=alpha)
    assert not few.ready
    assert f"has {needed - 1} relevant items" in few.reason
    assert f"needs at least {needed};" in few.reason
    # with exactly so many it can: none is lost on the way, as in public code that takes one fewer than it says
    assert decide([1] * needed, [(1, 1)] * needed, recall=recall, alpha=alpha).stop


def test_the_order_statistic_is_the_smallest_that_certifies() -> None:
    for positives in [*range(1, 30), 58, 59, 60, 93, 150]:
        for recall, alpha in [(0.8, 0.05), (0.95, 0.05), (0.7, 0.2)]:
            j = quantile(positives, recall, alpha)
            good = [i for i in range(1, positives + 1) if binom.cdf(i - 1, positives, recall) >= 1 - alpha - 1e-12]
            assert j == (good[0] if good else None)


def test_a_level_that_is_just_met_counts() -> None:
    # 0.5^2 is 0.25, and 0.05^1 is 0.05
    assert quantile(2, 0.5, 0.25) == 2
    assert quantile(1, 0.05, 0.05) == 1


def recall_at_stop(rng: np.random.Generator, signal: float, recall: float, batch: int) -> float:
    """Recall of the ranked screening alone where it stopped, looked at after every batch; 80 of 800 are relevant."""
    y = (np.arange(800) < 80).astype(int)
    order = np.argsort(-(signal * y + rng.normal(size=800)))
    drawn = rng.permutation(800)
    sample = drawn[: int(np.flatnonzero(np.cumsum(y[drawn]) == 16)[0]) + 1]  # until it has 16 relevant items
    again = 2 * np.isin(order, sample)
    rule = make(recall=recall)
    ends = range(batch, 801, batch)
    trace = [
        rule.observe(
            labels=np.concatenate([y[sample], y[order[:n]]]),
            labeled_at_random=np.concatenate([np.ones(sample.size, dtype=int), again[:n]]),
        )
        for n in ends
    ]
    stop = first_stop(replay(rule, trace))
    return 1.0 if stop is None else float(y[order[: ends[stop]]].sum()) / 80


@pytest.mark.parametrize("signal", [3.0, 1.0, 0.0])
def test_over_whole_screenings_it_misses_at_most_alpha(signal: float) -> None:
    # looked at after every item would be the worst case; every 16 of 800 is near it. Seed 0, 400 runs.
    rng, runs, alpha = np.random.default_rng(0), 400, 0.05
    misses = sum(recall_at_stop(rng, signal, 0.8, batch=16) < 0.8 - 1e-9 for _ in range(runs))
    allowed = alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)
    assert misses / runs <= allowed, (
        f"{misses} of {runs} runs missed recall 0.8 at alpha {alpha}; allowed is alpha plus 3 binomial standard "
        f"deviations, {allowed:.3f}"
    )


def test_the_promise_is_kept_exactly_whatever_the_ranking() -> None:
    # the sample's relevant items are a random subset of all R: the j-th is reached before recall * R are found with
    # the probability that j or more of rpos lie among the first ceil(recall * R) - 1, counted without replacement
    for relevant in (20, 59, 80, 300, 2000):
        for recall, alpha in [(0.8, 0.05), (0.95, 0.05), (0.7, 0.2), (0.5, 0.1)]:
            for positives in (14, 20, 59, 100):
                j = quantile(positives, recall, alpha)
                if j is None or positives > relevant:
                    continue
                below = math.ceil(recall * relevant - 1e-9) - 1
                ways = sum(
                    math.comb(below, i) * math.comb(relevant - below, positives - i) for i in range(j, positives + 1)
                )
                assert ways <= alpha * math.comb(relevant, positives)


def test_what_the_ranking_comes_upon_first_may_be_of_the_sample() -> None:
    sample = [0, 1, 0, 1]
    decision = decide(sample, [(1, 1), (1, 1)], recall=0.5, alpha=0.25)
    assert "2 relevant items of the random sample of 4" in decision.reason
    assert decision.stop


def test_random_items_that_are_not_listed_again_never_stop_it() -> None:
    # a campaign that starts at random and goes on by a strategy, with random items in between
    rule = make(recall=0.5, alpha=0.25)
    labels, origin = [1, 0, 1, 1] + [1, 1, 0] * 30, [1, 1, 1, 1] + [0, 1, 0] * 30
    decision = rule.decide([rule.observe(labels=labels, labeled_at_random=origin)])
    assert (decision.stop, decision.value) == (False, 0.0)


def test_before_ranking_and_without_a_sample_it_is_not_certified() -> None:
    assert not decide([], [(1, 0)] * 5).ready
    assert decide([1] * 20, []).value == 0.0


def test_more_relevant_items_again_than_the_sample_has_are_refused() -> None:
    with pytest.raises(InputError, match="labeled_at_random says that 2 relevant items of the sample were reached"):
        decide([1, 0], [(1, 1), (1, 1)])
    with pytest.raises(InputError, match="labeled_at_random must be 0, 1 or 2; got 3"):
        make().observe(labels=[1, 0], labeled_at_random=[1, 3])


@pytest.mark.parametrize("parameters", [{"recall": 1.0}, {"recall": 0}, {"alpha": 0}, {"alpha": 2}, {"relevant": 0.5}])
def test_a_wrong_parameter_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"qbcb"):
        make(**parameters)


def test_the_default_is_a_recall_of_80_percent() -> None:
    assert make() == make(recall=0.8, alpha=0.05)


def test_only_a_person_can_feed_it_and_a_campaign_says_so_at_once() -> None:
    pool = data.arrays(np.eye(6), [0, 1] * 3)
    for rule in (stopping.get("qbcb"), stopping.get("qbcb").patience(2), stopping.get("budget") | stopping.get("qbcb")):
        with pytest.raises(CannotFeedError, match="fed by hand: its sample is listed once more"):
            Campaign.create(None, pool=pool, model="logistic", stop=rule)
