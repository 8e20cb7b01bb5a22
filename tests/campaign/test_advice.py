"""What the advice says of the classes' shares: against Pearson's test in SciPy, and worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from claros import data, strategies
from claros.campaign import Campaign
from claros.campaign.advice import uneven
from claros.strategy import scorer

CLASSES = ("finch", "wren", "owl")


def codes(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


def test_the_class_that_differs_most_is_named_with_both_shares() -> None:
    # 30 of 60 picked are wrens, and 2 of 20 random ones: 50 % against 10 %
    said = uneven(codes(20, 30, 10), codes(14, 2, 4), CLASSES)
    assert said.startswith("Of what was picked 50 % is wren, of 20 random items 10 %")


@pytest.mark.parametrize("seed", range(30))
def test_it_speaks_where_pearsons_test_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    picked, audited = rng.choice(3, 80, p=[0.5, 0.3, 0.2]), rng.choice(3, 40, p=[0.25, 0.45, 0.3])
    table = [np.bincount(sample, minlength=3) for sample in (picked, audited)]
    assert bool(uneven(picked, audited, CLASSES)) == (chi2_contingency(table, correction=False).pvalue < 0.01)


def test_few_random_labels_one_class_and_no_picks_say_nothing() -> None:
    assert uneven(codes(0, 60), codes(19), CLASSES) == ""
    assert uneven(codes(60), codes(30), CLASSES) == ""
    assert uneven(codes(), codes(30), CLASSES) == ""


@scorer(reference="here")
def rare(*, features):
    """The first feature."""
    return features[:, 0]


def test_a_campaign_that_picks_one_class_says_so_unless_it_was_told_the_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(strategies.REGISTRY._added, "rare", rare)
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], [250, 50]))
    pool = data.arrays(np.column_stack([y * 3.0, rng.normal(size=300)]), y)
    said = {}
    for prior in (None, [5 / 6, 1 / 6]):
        with Campaign.create(
            None, pool=pool, strategy="rare", audit=0.4, start=5, batch=25, class_prior=prior
        ) as campaign:
            while campaign.n_labeled < 80:
                for query in campaign.ask():
                    campaign.tell(query.item, int(y[query.position]))
            said[prior is None] = campaign.advice()
    assert " is 1, of " in str(said[True])
    assert str(said[True]).endswith("class_prior tells the strategy.")
    assert said[True].to_json()["shares"] == said[True].shares
    assert said[False].shares == ""
