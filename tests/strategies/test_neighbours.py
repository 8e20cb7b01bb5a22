"""ProbCover and CAL: by hand, against the naive rule and scikit-activeml, and where others go wrong."""

from __future__ import annotations

import numpy as np
import pytest
from skactiveml.base import SkactivemlClassifier
from skactiveml.pool import ContrastiveAL, ProbCover

import claros
from claros.errors import InputError
from claros.measures.directions import directions
from claros.measures.graph import radius_graph
from claros.measures.pairs import Within
from claros.pick.covering import cover
from claros.strategies import neighbours as neighbours_module
from memory import peak_bytes

RNG = np.random.default_rng


def on_the_circle(degrees: list[float]) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def blobs(n: int, features: int, seed: int, centres: int = 8) -> np.ndarray:
    rng = RNG(seed)
    return rng.normal(size=(centres, features))[rng.integers(0, centres, n)] * 2 + rng.normal(size=(n, features)) * 0.5


def naive_cover(points: np.ndarray, labeled: np.ndarray, radius: float, k: int, order: np.ndarray) -> list[int]:
    """Most out-edges first; edges into what is covered are removed; ties by the order. In float64."""
    edges = np.linalg.norm(points[:, None] - points[None], axis=2) <= radius
    if len(labeled):
        edges[:, (np.linalg.norm(points[:, None] - labeled[None], axis=2) <= radius).any(axis=1)] = False
    picks: list[int] = []
    while len(picks) < k and edges.any():
        degrees = edges.sum(axis=1)
        best = np.flatnonzero(degrees == degrees.max())
        picks.append(int(best[np.argmin(order[best])]))
        edges[:, edges[picks[-1]]] = False
    return picks


def test_prob_cover_by_hand() -> None:
    # At 0, 10, 20 and 30 degrees, at 100 and 105, and at 200. A chord of 0.2 spans 11.5 degrees, so 10 degrees reach:
    # the balls hold 2, 3, 3, 2; 2, 2; 1. Of the two with 3, whichever is first leaves one of the four uncovered.
    features = on_the_circle([0, 10, 20, 30, 100, 105, 200]) * np.array([[1], [2], [3], [4], [5], [6], [7]])
    picked = claros.select("prob_cover", 4, features=features, radius=0.2)
    assert picked.indices[0] in (1, 2)
    assert picked.indices[1] in (4, 5)
    assert picked.scores.tolist() == [3, 2, 1, 1]
    assert 6 in picked.indices[2:]
    # With something labeled at 12 degrees, 10 and 20 are covered; 0 and 30 are left of the four, each alone.
    labeled = on_the_circle([12])
    picked = claros.select("probcover", 4, features=features, labeled_features=labeled, radius=0.2)
    assert picked.indices[0] in (4, 5)
    assert picked.scores.tolist() == [2, 1, 1, 1]
    assert {6} < set(picked.indices[1:].tolist())


def test_prob_cover_goes_on_with_the_farthest_when_all_is_covered() -> None:
    """Others pick the first item again and again."""
    features = on_the_circle([0, 1, 2, 40, 41, 42, 43])
    picked = claros.select("prob_cover", 7, features=features, radius=0.1)
    assert picked.scores.tolist() == [4, 3, 0, 0, 0, 0, 0]
    assert set(picked.indices[:2].tolist()) < {0, 1, 2, 3, 4, 5, 6}
    assert sorted(picked.indices.tolist()) == [*range(7)]
    everything = claros.select("prob_cover", 2, features=features, labeled_features=on_the_circle([1, 42]), radius=0.1)
    assert everything.scores.tolist() == [0, 0]
    assert set(everything.indices.tolist()) < {0, 2, 3, 4, 6}  # not the copies of what is labeled
    assert "0 of the picks cover something new" in everything.note


@pytest.mark.parametrize("radius", [0.15, 0.4, 0.8])
@pytest.mark.parametrize("graph", [True, False])
def test_prob_cover_picks_by_the_naive_rule(radius: float, graph: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not graph:  # as for pools whose graph would not fit
        monkeypatch.setattr(neighbours_module, "LEAST_EDGES", 0)
        monkeypatch.setattr(neighbours_module, "EDGES_A_NUMBER", 0)
    for seed in range(3):
        points = blobs(334, 5, seed)
        features, labeled = points[:300], points[300:303]
        order = RNG(seed).permutation(300)  # what the strategy draws first
        unit = points / np.linalg.norm(points, axis=1, keepdims=True)
        expected = naive_cover(unit[:300], unit[300:303], radius, 40, order)
        given = {"features": features, "labeled_features": labeled, "radius": radius}
        picks = claros.select("prob_cover", 40, rng=RNG(seed), **given).indices
        assert picks[: len(expected)].tolist() == expected
        assert len(expected) > 1


def test_prob_cover_covers_as_much_as_scikit_activeml_with_each_pick() -> None:
    for seed in range(3):
        points = blobs(250, 5, seed)
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        y = np.full(250, np.nan)
        y[:10] = 0
        peer = ProbCover(n_classes=2, deltas=[0.5], random_state=seed)
        with pytest.warns(UserWarning, match="maximum purity"):  # it was not asked to search for a radius
            theirs, utilities = peer.query(points, y, batch_size=15, return_utilities=True)
        for step in range(15):
            labeled = np.concatenate([np.arange(10), theirs[:step]])
            rest = np.setdiff1d(np.arange(250), labeled)
            ours = claros.select("prob_cover", 1, features=points[rest], labeled_features=points[labeled], radius=0.5)
            assert ours.scores[0] == np.nanmax(utilities[step])
            assert utilities[step][rest[ours.indices[0]]] == ours.scores[0] or ours.scores[0] == 0


def test_the_tail_of_the_pool_can_be_picked_by_prob_cover() -> None:
    """Loops over n // 500 blocks leave rows 1000 to 1233 of 1234 without edges."""
    features = blobs(1234, 6, 0)
    features[1000:] = features[1000] + 0.01 * RNG(1).normal(size=(234, 6))
    picked = claros.select("prob_cover", 1, features=features, radius=0.05)
    assert picked.indices[0] >= 1000
    assert picked.scores[0] >= 200


def test_a_second_call_of_prob_cover_sees_its_own_features() -> None:
    """One implementation keeps the distances of the first call."""
    strategy = claros.strategies.get("prob_cover", radius=0.3)
    first, second = blobs(100, 4, 0), blobs(100, 4, 1)
    alone = claros.select(strategy, 9, features=second).indices
    claros.select(strategy, 9, features=first)
    assert np.array_equal(claros.select(strategy, 9, features=second).indices, alone)


def test_a_graph_kept_between_rounds_gives_the_same_picks() -> None:
    points = directions(blobs(400, 5, 3))
    graph, order = radius_graph(points, 0.4), RNG(0).permutation(400)
    first = cover(graph, 10, order)
    rest = np.setdiff1d(np.arange(400), first.indices)
    covered = np.isin(np.arange(400), np.concatenate([graph.ball(pick) for pick in first.indices]))[rest]
    fresh = Within(points[rest], 0.4)
    again = cover(graph.restricted(rest), 10, order[rest].argsort().argsort(), covered)
    assert np.array_equal(again.indices, cover(fresh, 10, order[rest].argsort().argsort(), covered).indices)
    assert np.array_equal(rest[again.indices], cover(graph, 20, order).indices[10 : 10 + len(again.indices)])


def test_the_radius_grows_with_the_clusters_and_is_told() -> None:
    features = np.repeat(np.eye(4), 50, axis=0) + 0.01 * RNG(0).normal(size=(200, 4))
    picked = claros.select("prob_cover", 6, features=features, classes=4, purity=0.999)
    # directions of the axes are √2 apart, and the scatter takes a little from that
    radius = float(picked.note.split("radius ")[1].split(",")[0])
    assert 1.3 < radius < 2**0.5
    assert picked.scores[:4].tolist() == [50, 50, 50, 50]
    assert picked.scores[4:].tolist() == [0, 0]
    by_probs = claros.select("prob_cover", 6, features=features, probs=np.full((200, 4), 0.25), purity=0.999)
    assert np.array_equal(by_probs.indices, picked.indices)
    assert "in one of 4 clusters" in by_probs.note


def test_of_a_large_pool_a_sample_takes_part_and_is_told() -> None:
    features = blobs(500, 4, 0)
    picked = claros.select("prob_cover", 20, features=features, radius=0.3, at_most=100)
    assert len(set(picked.indices.tolist())) == 20
    assert "A sample of 100 of 500 candidates took part" in picked.note
    seen = {
        pick
        for seed in range(30)
        for pick in claros.select(
            "prob_cover", 3, features=features, radius=0.3, at_most=100, seed=seed
        ).indices.tolist()
    }
    assert max(seen) > 400


def test_copies_of_one_item_are_covered_by_one_pick() -> None:
    features = np.vstack([np.tile([[1.0, 2.0]], (80, 1)), on_the_circle([100, 200])])
    for seed in range(5):
        picked = claros.select("prob_cover", 3, features=features, radius=0.01, seed=seed)
        assert picked.indices[0] < 80
        assert set(picked.indices[1:].tolist()) == {80, 81}
        assert picked.scores.tolist() == [80, 1, 1]


def test_prob_cover_takes_no_table_of_pairs_also_where_every_ball_holds_everything() -> None:
    features = (1 + 0.01 * RNG(0).normal(size=(6000, 16))).astype(np.float32)

    def call() -> None:
        claros.select("prob_cover", 10, features=features, radius=1.0)

    call()
    peak = peak_bytes(call)
    assert peak < 12 * 2**20, f"{peak / 2**20:.1f} MiB; a table of pairs is 144"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"radius": -0.1}, r"prob_cover: radius must be from 0 \(search\) to 2; got -0.1"),
        ({"radius": 2.1}, "radius must be from 0"),
        ({"purity": 1.0}, "prob_cover: purity must be between 0 and 1; got 1.0"),
        ({"classes": -1}, "prob_cover: classes must be at least 1, or 0 for those of probs; got -1"),
        ({"at_most": 0}, "prob_cover: at_most must be at least 1; got 0"),
    ],
)
def test_wrong_parameters_of_prob_cover_are_refused_in_words(parameters: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        claros.select("prob_cover", 1, features=[[1.0]], **parameters)


class Fixed(SkactivemlClassifier):
    """Predicts what it was given, by the rows of its table; a classifier for scikit-activeml."""

    def __init__(self, rows=None, probs=None):
        super().__init__(classes=[*range(probs.shape[1])], random_state=0)
        self.rows, self.probs = rows, probs

    def fit(self, X, y, sample_weight=None):
        return self

    def predict_proba(self, X):
        return self.probs[np.argmin(np.linalg.norm(X[:, None] - self.rows[None], axis=2), axis=1)].copy()


def test_cal_by_hand() -> None:
    # one labeled item in each of two directions; each candidate lies by one of them and is predicted otherwise
    embeddings = np.array([[2.0, 0.1], [0.1, 3.0], [5.0, 0.2]])
    labeled = np.array([[1.0, 0.0], [0.0, 1.0]])
    probs = np.array([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]])
    labeled_probs = np.array([[0.9, 0.1], [0.25, 0.75]])
    picked = claros.select(
        "cal",
        3,
        embeddings=embeddings,
        probs=probs,
        labeled_embeddings=labeled,
        labeled_probs=labeled_probs,
        neighbours=1,
    )
    # KL(theirs || own) of the first: 0.9 ln(0.9/0.5) + 0.1 ln(0.1/0.5) = 0.3681; of the others 0
    assert picked.indices[0] == 0
    assert picked.scores == pytest.approx([0.3681, 0.0, 0.0], abs=1e-4)
    # Not the other way round: 0.5 ln(0.5/0.9) + 0.5 ln(0.5/0.1) would be 0.5108.


def test_cal_looks_at_labeled_neighbours_and_not_at_the_item_itself() -> None:
    """One implementation takes neighbours from all rows; then everything is like itself."""
    rng = RNG(0)
    embeddings = np.vstack([np.repeat([[1.0, 0.0]], 30, axis=0), [[0.0, 1.0]]]) + 0.01 * rng.normal(size=(31, 2))
    probs = np.vstack([np.repeat([[0.2, 0.8]], 30, axis=0), [[0.9, 0.1]]])
    given = {"labeled_embeddings": [[1.0, 0.0], [0.0, 1.0]], "labeled_probs": [[0.9, 0.1], [0.9, 0.1]]}
    picked = claros.select("cal", 31, embeddings=embeddings, probs=probs, neighbours=1, **given)
    assert picked.indices[-1] == 30  # all candidates round the others agree among themselves, but not with the label
    assert picked.scores[0] > 1 > picked.scores[-1]


@pytest.mark.parametrize("classes", [2, 7])
def test_cal_picks_what_scikit_activeml_picks_on_directions(classes: int) -> None:
    for seed in range(3):
        rng = RNG(seed)
        points = rng.normal(size=(260, 5))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        probs = rng.dirichlet(np.full(classes, 0.3), 260)
        probs[::9] = np.eye(classes)[rng.integers(0, classes, len(probs[::9]))]
        y = np.full(260, np.nan)
        y[:60] = rng.integers(0, classes, 60)
        peer = ContrastiveAL(nearest_neighbors_dict={"n_neighbors": 10}, random_state=seed)
        theirs, utilities = peer.query(
            points, y, Fixed(points, probs), fit_clf=False, batch_size=25, return_utilities=True
        )
        ours = claros.select(
            "contrastive",
            25,
            embeddings=points[60:] * rng.uniform(0.1, 9, (200, 1)),
            probs=probs[60:],
            labeled_embeddings=points[:60],
            labeled_probs=probs[:60],
        )
        assert np.array_equal(ours.indices + 60, theirs)
        assert ours.all_scores == pytest.approx(utilities[0][60:])


@pytest.mark.parametrize("labeled", [1, 3, 10])
def test_cal_takes_fewer_neighbours_where_fewer_are_labeled(labeled: int) -> None:
    rng = RNG(4)
    probs, theirs = rng.dirichlet(np.ones(3), 20), rng.dirichlet(np.ones(3), labeled)
    scores = claros.select(
        "cal",
        20,
        embeddings=rng.normal(size=(20, 4)),
        probs=probs,
        labeled_embeddings=rng.normal(size=(labeled, 4)),
        labeled_probs=theirs,
    ).all_scores
    expected = [np.mean([np.sum(p * np.log(p / own)) for p in theirs]) for own in probs]
    assert scores == pytest.approx(expected)


def test_cal_scores_nothing_where_nothing_is_labeled() -> None:
    picked = claros.select(
        "cal",
        4,
        embeddings=RNG(0).normal(size=(9, 2)),
        probs=np.full((9, 3), 1 / 3),
        labeled_embeddings=np.empty((0, 2)),
        labeled_probs=np.empty((0, 3)),
    )
    assert picked.scores.tolist() == [0, 0, 0, 0]


def test_cal_takes_a_few_numbers_a_candidate() -> None:
    rng = RNG(5)
    inputs = {
        "embeddings": rng.normal(size=(20_000, 16)).astype(np.float32),
        "probs": rng.dirichlet(np.ones(10), 20_000).astype(np.float32),
        "labeled_embeddings": rng.normal(size=(1000, 16)).astype(np.float32),
        "labeled_probs": rng.dirichlet(np.ones(10), 1000).astype(np.float32),
    }

    def call() -> None:
        claros.select("cal", 10, **inputs)

    call()
    peak = peak_bytes(call)
    assert peak < 16 * 2**20, f"{peak / 2**20:.1f} MiB; distances to all that is labeled are 76"


def test_prob_cover_takes_any_purity() -> None:
    features = RNG(0).normal(size=(30, 4))
    for purity in (1e-12, 0.5, 1.0 - 1e-12):
        assert len(claros.select("prob_cover", 3, features=features, purity=purity).indices) == 3
