"""What picks the first batch, and that it is the same for every arm of a seed."""

from __future__ import annotations

import numpy as np
import pytest

import claros
from claros import data
from claros.campaign import Campaign
from claros.errors import CannotFeedError, InputError
from claros.experiment.config import parse_config
from claros.experiment.start import first_strategy
from claros.rng import stream
from claros.strategy import Strategy


def start(init: object) -> Strategy:
    return first_strategy(parse_config({"data": "digits", "init": init}).init)


def first_batch(strategy: str, seed: int, init: object = "coverage") -> list[str]:
    pool = data.load("digits").train
    with Campaign.create(
        None, pool=pool, strategy=strategy, init=start(init), start=15, seed=seed, audit=0.0
    ) as campaign:
        return [query.item for query in campaign.ask(15)]


def test_coverage_is_k_means_on_the_pixels_for_every_arm_of_a_seed() -> None:
    pool = data.load("digits").train
    pixels = (np.asarray(pool.take(range(len(pool)))).reshape(len(pool), -1) / 255).astype(np.float32)
    assert len(np.unique(pool.groups)) == len(pool)
    for seed in (0, 1):
        by_hand = claros.select("kmeans", 15, embeddings=pixels, rng=stream(seed, "start", 0)).indices
        expected = [pool.ids[position] for position in by_hand]
        assert [first_batch(strategy, seed) for strategy in ("margin", "badge", "random")] == [expected] * 3
    assert first_batch("margin", 0) != first_batch("margin", 1)


def test_a_start_that_covers_has_more_classes_than_a_random_one() -> None:
    """15 items of ten digits: over 40 seeds, coverage sees more classes on average by far more than the error."""
    pool = data.load("digits").train
    labels = dict(zip(pool.ids, pool.labels, strict=True))

    def classes(init: str) -> np.ndarray:
        return np.array([len({labels[item] for item in first_batch("margin", seed, init)}) for seed in range(40)])

    gain = classes("coverage") - classes("random")
    assert gain.mean() > 3 * gain.std(ddof=1) / np.sqrt(40), f"mean gain {gain.mean():.2f} classes"


def test_any_strategy_without_labels_may_start_with_its_parameters() -> None:
    assert start("coverage") == start("kmeans")
    assert start({"name": "coverage", "parameters": {"iterations": 3}}).parameters["iterations"] == 3
    assert start("k_center").name == "k_center"
    assert start("stratified").name == "random"  # the oracle chooses; the strategy is never asked
    with pytest.raises(InputError, match="stratified start has no parameters; got shares"):
        start({"name": "stratified", "parameters": {"shares": [1]}})
    with pytest.raises(CannotFeedError, match="first round's strategy 'margin' needs probs"):
        first_batch("margin", 0, "margin")
