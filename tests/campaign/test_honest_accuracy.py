"""The accuracy that a campaign reports covers the true one as often as it says, whatever picks the items."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from claros import data, models
from claros.campaign import Campaign

CAMPAIGNS, POOL, TEST, ROUNDS = 500, 1200, 20_000, 4


def clouds(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three overlapping classes, one of them rare."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(3, size=n, p=[0.5, 0.4, 0.1])
    return rng.normal(size=(n, 5)) + 1.5 * np.eye(3, 5)[codes], codes


def covered(strategy: str, seed: int) -> bool:
    """Whether the interval of the audited items has the accuracy of that model on items that nobody ever saw."""
    x, codes = clouds(POOL, seed)
    pool = data.arrays(x, codes)
    with Campaign.create(
        None, pool=pool, model=models.get("logistic"), strategy=strategy, start=20, batch=40, audit=0.4, seed=seed
    ) as campaign:
        for n in (20, *[40] * ROUNDS):
            asked = campaign.ask(n)
            campaign.tell_many({query.item: int(codes[query.position]) for query in asked})
            campaign.update()
        measured = campaign.accuracy()
        assert measured is not None
        assert 40 <= measured.n <= 100
        fresh, truth = clouds(TEST, 10_000_000 + seed)
        predicted = campaign.model.outputs(data.arrays(fresh), ["probs"])["probs"].argmax(axis=1)  # type: ignore[union-attr]
    return bool(measured.low <= (predicted == truth).mean() <= measured.high)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["margin", "entropy", "random"])
def test_the_interval_covers_the_true_accuracy_in_five_hundred_campaigns(strategy: str) -> None:
    hits = sum(covered(strategy, seed) for seed in range(CAMPAIGNS))
    least = int(binom.ppf(0.001, CAMPAIGNS, 0.95))  # fewer than this once in a thousand, if it holds exactly
    assert hits >= least, f"{hits} of {CAMPAIGNS} intervals cover; at 95 % at least {least} should (error rate .001)"
    print(f"{strategy}: {hits} of {CAMPAIGNS}")


@pytest.mark.parametrize("strategy", ["margin"])
def test_the_interval_covers_the_true_accuracy_in_most_of_twenty_campaigns(strategy: str) -> None:
    hits = sum(covered(strategy, seed) for seed in range(20))
    assert hits >= 15, f"{hits} of 20 intervals cover; at 95 % fewer than 15 are seen once in 3,000 times"
