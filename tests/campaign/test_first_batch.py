"""Before the first model, embeddings are the pool's fixed features, and strategies over them can choose the start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from trees import answer, blobs

import claros
from claros import data
from claros.campaign import Campaign
from claros.errors import CannotFeedError
from claros.rng import stream

Make = Callable[..., Campaign]


def by_hand(pool: data.Pool, strategy: str, features: np.ndarray, k: int, seed: int) -> list[str]:
    """The strategy called on the features of the pool's different items, with the stream of the start."""
    free = np.flatnonzero(pool.groups == np.arange(len(pool)))
    chosen = claros.select(strategy, k, embeddings=features[free], rng=stream(seed, "start", 0))
    return [pool.ids[position] for position in free[chosen.indices]]


@pytest.mark.parametrize("strategy", ["kmeans", "k_center"])
def test_rows_start_as_the_strategy_says_of_standardised_columns(make: Make, strategy: str) -> None:
    campaign = make(None, init=strategy, audit=0.0, seed=3)
    x = np.asarray(campaign.pool.take(range(120)))
    features = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    assert answer(campaign) == by_hand(campaign.pool, strategy, features, 10, 3)
    assert {row.source for row in campaign.provenance()} == {"start"}
    assert not any(row.random for row in campaign.provenance())


def test_images_start_from_their_pixels_and_texts_from_their_words() -> None:
    images = np.random.default_rng(0).integers(0, 256, size=(60, 8, 8), dtype=np.uint8)
    pool = data.arrays(images, np.arange(60) % 3)
    campaign = Campaign.create(None, pool=pool, init="kmeans", start=6, audit=0.0)
    assert answer(campaign) == by_hand(pool, "kmeans", (images.reshape(60, 64) / 255).astype(np.float32), 6, 0)

    words = ["finch sings", "wren builds", "oak grows", "ash falls"]
    pool = data.arrays([f"{words[i % 4]} in place {i} on day {i % 7}" for i in range(60)], np.arange(60) % 4)
    campaign = Campaign.create(None, pool=pool, init="kmeans", start=8, audit=0.0)
    first = answer(campaign)
    assert {pool.ids.index(item) % 4 for item in first} == {0, 1, 2, 3}, "a start that covers has each of four topics"
    assert campaign.update() is not None


def test_given_features_come_before_the_content() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 5))
    pool = data.arrays(rng.normal(size=(60, 2)), np.arange(60) % 3, features=features)
    campaign = Campaign.create(None, pool=pool, init="k_center", start=7, audit=0.0, seed=2)
    assert answer(campaign) == by_hand(pool, "k_center", features, 7, 2)


def test_the_start_is_the_same_for_every_strategy_of_a_seed_and_another_for_another_seed(make: Make) -> None:
    starts = [answer(make(None, init="kmeans", strategy=s, audit=0.0, seed=1)) for s in ("margin", "badge", "random")]
    assert starts[0] == starts[1] == starts[2]
    assert set(answer(make(None, init="kmeans", audit=0.0, seed=2))) != set(starts[0])


def test_after_the_first_model_embeddings_are_the_models(make: Make) -> None:
    campaign = make(None, init="k_center", strategy="k_center", model="mlp", audit=0.0)
    first = answer(campaign)
    campaign.update()
    assert campaign.model is not None
    embeddings = np.asarray(campaign.model.outputs(campaign.pool, ["embeddings"])["embeddings"])
    assert embeddings.shape[1] == 100  # the hidden layer, not the four columns
    free = campaign.candidates()
    labeled = [campaign.pool.ids.index(item) for item in first]
    rng = stream(0, "strategy", 1)
    chosen = claros.select("k_center", 10, embeddings=embeddings[free], labeled_embeddings=embeddings[labeled], rng=rng)
    assert answer(campaign) == [campaign.pool.ids[position] for position in free[chosen.indices]]


def test_items_that_were_told_before_the_start_are_covered_already(make: Make) -> None:
    campaign = make(None, init="k_center", audit=0.0)
    campaign.tell("tree-033", "ash")
    x = np.asarray(campaign.pool.take(range(120)))
    features = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    free = np.setdiff1d(np.arange(118), [33])
    chosen = claros.select(
        "k_center", 10, embeddings=features[free], labeled_embeddings=features[[33]], rng=stream(0, "start", 0)
    )
    assert answer(campaign) == [campaign.pool.ids[position] for position in free[chosen.indices]]


def test_without_a_model_every_round_goes_by_the_fixed_features(pool: data.Pool) -> None:
    campaign = Campaign.create(
        None, pool=pool, model=None, strategy="k_center", init="k_center", stop=None, start=8, batch=8, audit=0.0
    )
    features = pool.fixed_features
    first, second = answer(campaign), answer(campaign)
    labeled = np.array([pool.ids.index(item) for item in first])
    free = np.setdiff1d(np.arange(118), labeled)
    rng = stream(0, "strategy", 1)
    chosen = claros.select("k_center", 8, embeddings=features[free], labeled_embeddings=features[labeled], rng=rng)
    assert second == [pool.ids[position] for position in free[chosen.indices]]


def test_a_start_that_covers_is_picked_again_after_a_crash(make: Make, tmp_path: Path) -> None:
    expected = answer(make(None, init="kmeans"))
    make(init="kmeans").close()
    with Campaign.open(tmp_path / "trees.claros", pool=blobs()) as campaign:
        assert answer(campaign) == expected


def test_sounds_have_no_features_to_start_from_and_that_is_said_at_once(tmp_path: Path) -> None:
    for note in range(12):
        (tmp_path / "notes" / "ab"[note % 2]).mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "notes" / "ab"[note % 2] / f"{note}.wav", np.full(80, note / 20), 8000)
    pool = data.audio_folder(tmp_path / "notes")
    with pytest.raises(CannotFeedError) as caught:
        Campaign.create(tmp_path / "a.claros", pool=pool, model=None, strategy="random", stop=None, init="kmeans")
    assert str(caught.value) == (
        "The first round's strategy 'kmeans' needs embeddings, which a pool of sounds without labels does not provide "
        "(it provides nothing); start at random, or, where the items have features, by a strategy that looks at "
        "nothing else."
    )
    assert not (tmp_path / "a.claros").exists()
