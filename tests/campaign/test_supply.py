"""What strategies are given in a campaign: embeddings or fixed features, known shares, and what is kept of rounds."""

from __future__ import annotations

import numpy as np
import pytest

import claros
from claros import data
from claros.arrays import Indices
from claros.campaign import Campaign, supply
from claros.errors import CannotFeedError, InputError
from claros.measures.nearest import nearest_distance
from claros.pick import Picked
from claros.strategy import strategy

N, CLASSES = 120, 3


def pool(seed: int = 0):
    rng = np.random.default_rng(seed)
    y = rng.integers(CLASSES, size=N)
    x = rng.normal(size=(CLASSES, 4))[y] * 2 + rng.normal(size=(N, 4))
    return data.arrays(x, y)


def label(campaign: Campaign, n: int) -> list[int]:
    asked = campaign.ask(n)
    truth, classes = campaign.pool.labels, campaign.pool.classes
    campaign.tell_many({query.item: classes[truth[query.position]] for query in asked})
    return [query.position for query in asked]


def test_farthest_first_on_fixed_features_picks_what_it_picks_from_arrays_round_after_round() -> None:
    """The distances that are kept between rounds change nothing."""
    items = pool()
    features = items.fixed_features.astype(np.float64)
    with Campaign.create(
        None, pool=items, strategy="k_center", embeddings="features", start=5, batch=4, audit=0.0, stop=None
    ) as campaign:
        labeled = label(campaign, 5)
        for _ in range(4):
            rest = np.setdiff1d(np.arange(N), labeled)
            picked = label(campaign, 4)
            far = claros.select("k_center", 4, embeddings=features[rest], labeled_embeddings=features[labeled]).indices
            assert picked == rest[far].tolist()
            labeled = labeled + picked


def test_kept_distances_are_those_to_what_is_labeled_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is new is compared with the pool; a label that is taken back starts it anew."""
    compared: list[int] = []

    def counted(points, centres, known=None):
        compared.append(len(centres))
        return nearest_distance(points, centres, known)

    monkeypatch.setattr(supply, "nearest_distance", counted)
    items = pool()
    features = items.fixed_features
    given = supply.Supply(items, "features", {}, 0)
    for labeled, new in (([3, 4], 2), ([3, 4, 9], 1), ([3, 4, 9], 0), ([3, 9], 2)):
        found = given.inputs(
            claros.strategies.get("k_center"),
            {},
            candidates=np.arange(20, N),
            labeled=np.array(labeled, dtype=np.int64),
            labels=np.zeros(len(labeled), dtype=np.int64),
        )["nearest_labeled_distance"]
        expected = np.linalg.norm(features[20:, None] - features[None, labeled], axis=2).min(axis=1)
        assert found == pytest.approx(expected, rel=1e-4)
        assert compared == ([new] if new else [])
        compared.clear()


@strategy(reference="the one under test", optional=("features", "embeddings", "class_prior", "labels"))
def looks(k: int, *, n: int, features=None, embeddings=None, class_prior=None, labels=None) -> Picked:
    """Picks the first ones and keeps what it is given.

    Cost: O(k) time, O(k) memory.

    Use it here.
    """
    SEEN.append({"features": features, "embeddings": embeddings, "class_prior": class_prior, "labels": labels})
    indices: Indices = np.arange(k)
    return Picked(indices, np.zeros(k), note="it took the first ones")


SEEN: list[dict] = []


def test_a_strategy_that_takes_features_or_embeddings_gets_the_features_and_what_is_known_of_the_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(claros.strategies.REGISTRY._added, "looks", looks)
    SEEN.clear()
    shares = {"0": 0.5, "1": 0.25, "2": 0.25}
    with Campaign.create(None, pool=pool(), strategy="looks", class_prior=shares, start=6, audit=0.0) as campaign:
        label(campaign, 6)
        asked = campaign.ask(2)
        assert SEEN[0]["features"].shape == (N - 6, 4)
        assert SEEN[0]["embeddings"] is None
        assert SEEN[0]["class_prior"].tolist() == [0.5, 0.25, 0.25]
        assert len(SEEN[0]["labels"]) == 6
        assert asked[0].reason.endswith("by looks (round 1), score 0: it took the first ones")
        assert campaign.rounds[1].note == "it took the first ones"


@pytest.mark.parametrize("prior", [{"0": 0.5, "1": 0.5}, {"0": 1.0, "1": 0.0, "3": 0.0}, [0.5, 0.5], [0.5, 0.6, 0.1]])
def test_shares_that_are_not_those_of_the_classes_are_refused(prior) -> None:
    with pytest.raises(InputError, match="class_prior must"):
        Campaign.create(None, pool=pool(), class_prior=prior)


def test_a_strategy_on_embeddings_works_with_a_model_that_has_none_if_fixed_features_stand_for_them() -> None:
    model = claros.models.Precomputed({"probs": np.random.default_rng(3).dirichlet(np.ones(CLASSES), N)})
    with pytest.raises(CannotFeedError, match="embeddings"):
        Campaign.create(None, pool=pool(), model=model, strategy="badge")
    with Campaign.create(None, pool=pool(), model=model, strategy="badge", embeddings="features") as campaign:
        label(campaign, 20)
        assert len(label(campaign, 5)) == 5
    with pytest.raises(InputError, match="embeddings must be one of model, features; got 'pixels'"):
        Campaign.create(None, pool=pool(), embeddings="pixels")


def test_clusters_and_neighbour_graphs_are_made_once_of_the_whole_pool_and_cut_down_to_the_candidates() -> None:
    items = pool()
    features = items.fixed_features
    given = supply.Supply(items, "model", {}, 7)
    rounds = [np.arange(30, N), np.arange(60, N)]
    for name, wanted in (("cluster_margin", "clusters"), ("prob_cover", "neighbour_graph")):
        chosen = claros.strategies.get(name)
        outputs = {"probs": np.full((N, CLASSES), 1 / CLASSES)}
        found = [
            given.inputs(chosen, outputs, candidates=rows, labeled=np.arange(5), labels=np.zeros(5, dtype=np.int64))
            for rows in rounds
        ]
        first, second = (each[wanted] for each in found)
        if wanted == "clusters":
            assert np.array_equal(first[30:], second)
            assert len(np.unique(second)) > 3
            # average linkage: two items of a cluster are nearer to each other than most pairs are
            gaps = np.linalg.norm(features[30:, None] - features[None, 30:], axis=2)
            assert gaps[first[:, None] == first[None]].mean() < 0.6 * gaps.mean()
            continue
        unit = features.astype(np.float64) / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
        assert first.radius == second.radius
        for graph, rows in zip((first, second), rounds, strict=True):
            near = np.linalg.norm(unit[rows][:, None] - unit[rows][None], axis=2) <= graph.radius
            assert [sorted(graph.ball(place)) for place in range(graph.n)] == [
                np.flatnonzero(row).tolist() for row in near
            ]
        with_graph = claros.select(chosen, 5, seed=0, **found[0])
        alone = {key: value for key, value in found[0].items() if key != wanted}
        without = claros.select(chosen.configure(radius=first.radius), 5, seed=0, **alone)
        assert np.array_equal(with_graph.indices, without.indices)


@pytest.mark.parametrize("name", ["auto", "cluster_margin", "prob_cover", "typiclust", "uherding"])
def test_a_reopened_campaign_goes_on_with_the_same_picks(name: str, tmp_path) -> None:
    """What is kept between rounds is made anew, and the same."""
    settings = {"pool": pool(), "strategy": name, "start": 6, "batch": 4, "audit": 0.0, "seed": 3}
    asked = []
    with Campaign.create(tmp_path / "whole.claros", **settings) as campaign:
        label(campaign, 6)
        asked = [label(campaign, 4) for _ in range(3)]
    with Campaign.create(tmp_path / "parts.claros", **settings) as campaign:
        label(campaign, 6)
    again = []
    for _ in range(3):
        with Campaign.open(tmp_path / "parts.claros", pool=pool()) as campaign:
            again.append(label(campaign, 4))
    assert again == asked


def test_auto_says_in_a_campaign_which_way_it_took() -> None:
    with Campaign.create(None, pool=pool(), init="auto", start=6, batch=24, audit=0.0) as campaign:
        first = campaign.ask(6)
        assert "nothing is labeled yet" in first[0].reason
        for _ in range(2):
            label(campaign, 24)
        label(campaign, 24)
        notes = [planned.note for planned in campaign.rounds]
    assert notes[1].startswith("Coverage weighted by uncertainty, since 6 labels are fewer than 10 for each of 3")
    assert notes[-1] == "Smallest margins, since 30 labels are at least 10 for each of 3 classes."
