from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.cluster import SpectralClustering
from sklearn.datasets import make_blobs
from sklearn.svm import SVC

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Observation, first_stop, replay
from claros.stopping.lookback import LOOKBACK
from claros.stopping.low_density_cut import LowDensityCut


def make(**parameters: Any) -> LowDensityCut:
    rule = stopping.get("low_density_cut", **parameters)
    assert isinstance(rule, LowDensityCut)
    return rule


#: Forty points on either side of a wide gap, so that nobody can cut them elsewhere.
POINTS = np.concatenate([np.arange(40), np.arange(1000, 1040)])[:, None].astype(float)


def boundary(wrong: int) -> Any:
    """Probabilities of a model that puts so many of the left points on the right side, too."""
    right = np.where(np.arange(80) >= 40 - wrong, 0.8, 0.2)
    return np.column_stack([1 - right, right])


def observed(rule: LowDensityCut, wrongs: list[int]) -> list[Observation]:
    return [rule.observe(stop_probs=boundary(wrong), stop_embeddings=POINTS) for wrong in wrongs]


def test_worked_by_hand() -> None:
    rule = make(window=2)
    trace = observed(rule, [16, 8, 4, 8, 12])
    assert [seen["disagreement"] for seen in trace] == pytest.approx([0.2, 0.1, 0.05, 0.1, 0.15])
    decisions = replay(rule, trace)
    assert [decision.value for decision in decisions] == [0, 0, 0, 1, 2]
    assert [decision.stop for decision in decisions] == [False] * 4 + [True]
    assert rule.best_round(trace) == 2
    assert decisions[-1] == Decision(
        True,
        True,
        2.0,
        2.0,
        "The cut through the 80 points nearest the boundary disagrees with the model on a share of 0.1500; the least "
        "was 0.0500 in round 2, 2 rounds ago, at least 2.",
    )


def test_what_the_classes_are_called_does_not_matter() -> None:
    swapped = make().observe(stop_probs=boundary(8)[:, ::-1], stop_embeddings=POINTS)
    assert swapped["disagreement"] == pytest.approx(0.1)


def test_a_new_least_value_starts_the_count_again() -> None:
    rule = make(window=3)
    assert first_stop(replay(rule, observed(rule, [10, 11, 12, 9, 10, 8, 9, 9, 9]))) == 8
    # a value that is only as low is no better: the first of equal rounds counts
    assert first_stop(replay(rule, observed(rule, [8, 8, 8, 8]))) == 3


def test_only_the_points_nearest_the_boundary_are_cut() -> None:
    # the far ones lie among the others' clouds and are called wrong, but the model is sure of them
    points = np.concatenate([POINTS, POINTS])
    probs = np.concatenate([boundary(0), 0.5 + 1.2 * (0.5 - boundary(0))])
    assert make(points=80).observe(stop_probs=probs, stop_embeddings=points)["disagreement"] == 0.0
    assert make(points=160).observe(stop_probs=probs, stop_embeddings=points)["disagreement"] == 0.5


def test_it_disagrees_as_scikit_learns_spectral_clustering_does_with_a_support_vector_machine() -> None:
    points, classes = make_blobs([100, 100], centers=[[-2.0, 0], [2.0, 0]], cluster_std=0.7, random_state=0)
    for seed, labels in enumerate((6, 20, 100)):
        chosen = np.random.default_rng(seed).permutation(200)[:labels]
        f = SVC(kernel="linear").fit(points[chosen], classes[chosen]).decision_function(points)
        probs = 1 / (1 + np.exp(-f))
        nearest = np.argsort(np.abs(f))[:150]
        squares = ((points[nearest, None] - points[None, nearest]) ** 2).sum(axis=2)
        affinity = np.exp(-squares / np.median(squares[np.triu_indices(150, 1)]))
        theirs = SpectralClustering(2, affinity="precomputed", random_state=0).fit_predict(affinity)
        share = float(np.mean((f[nearest] > 0) != (theirs == 1)))
        seen = make(points=150).observe(stop_probs=np.column_stack([1 - probs, probs]), stop_embeddings=points)
        assert seen["disagreement"] == pytest.approx(min(share, 1 - share), abs=0.04), labels


def test_guesses_have_no_least_value_to_wait_after() -> None:
    # the least of 30 coin flips' disagreements is soon 10 rounds old, and says nothing
    rng = np.random.default_rng(0)
    rule = make()
    trace: list[Observation] = []
    for _ in range(30):
        right = np.where(rng.random(80) < 0.5, 0.8, 0.2)
        trace.append(rule.observe(stop_probs=np.column_stack([1 - right, right]), stop_embeddings=POINTS))
    decisions = replay(rule, trace)
    assert not any(decision.ready for decision in decisions)
    assert "which may be chance below 0.447" in decisions[-1].reason
    assert rule.best_round(trace) is None


def test_a_model_of_one_class_has_no_value() -> None:
    # the cut may split off one point of many, and a constant model would disagree on that one only
    rule = make(window=1)
    constant = np.tile([0.9, 0.1], (80, 1))
    far = POINTS.copy()
    far[0] = -1e6
    trace: list[Observation] = [rule.observe(stop_probs=constant, stop_embeddings=far) for _ in range(3)]
    assert trace[0]["disagreement"] is None
    assert not any(decision.ready for decision in replay(rule, trace))
    assert "all of one class, or all one point" in rule.decide(trace).reason
    trace = [*trace, *observed(rule, [8, 8])]
    assert first_stop(replay(rule, trace)) == 4
    assert rule.best_round(trace) == 3


def test_points_that_are_all_one_have_no_value() -> None:
    rule = make()
    seen = rule.observe(stop_probs=boundary(4), stop_embeddings=np.ones((80, 3)))
    assert not rule.decide([seen]).ready


def test_fewer_than_16_points_are_never_enough() -> None:
    rule = make(window=1)
    for side, ready in ((7, False), (8, True)):
        points = np.concatenate([np.zeros(side), np.ones(side)])[:, None] + 0.01 * np.arange(2 * side)[:, None]
        probs = np.column_stack([np.arange(2 * side) < side, np.arange(2 * side) >= side]).astype(float)
        assert rule.decide([rule.observe(stop_probs=probs, stop_embeddings=points)]).ready == ready


def by_definition(values: list[float], window: int) -> list[bool]:
    """So many rounds have gone by since the first of the least values of all."""
    return [
        bool(math.isfinite(values[end]) and end - int(np.argmin(values[: end + 1])) >= window)
        for end in range(len(values))
    ]


def test_looking_back_only_so_far_changes_nothing_until_it_stops() -> None:
    rng, late = np.random.default_rng(1), 0
    for _ in range(60):
        window = int(rng.integers(1, 20))
        length = int(rng.integers(60, 300))
        falling = np.where(np.arange(length) % rng.integers(1, 8) == 0, 1.0, 0.0).cumsum()
        values = np.concatenate([0.4 - falling * 0.4 / 301, 0.4 + 0.05 * rng.random(80)])
        values[rng.random(len(values)) < 0.1] = np.nan
        trace = [
            {
                "items": 100,
                "points": 100,
                "disagreement": None if math.isnan(value) else float(value),
                "correlation": None if math.isnan(value) else 0.9,
            }
            for value in values
        ]
        expected = by_definition(np.where(np.isnan(values), np.inf, values).tolist(), window)
        first = expected.index(True)
        stops = [decision.stop for decision in replay(make(window=window), trace)]
        assert stops[: first + 1] == expected[: first + 1]
        late += first > LOOKBACK + window
    assert late > 10, "some runs must be longer than what is looked back to"


def test_of_a_large_stop_set_a_thousand_points_are_cut() -> None:
    rng = np.random.default_rng(2)
    seen = make().observe(stop_probs=rng.dirichlet([1, 1], 3000), stop_embeddings=rng.normal(size=(3000, 4)))
    assert (seen["items"], seen["points"]) == (3000, 1000)


def test_ten_thousand_rounds_replay_within_a_second() -> None:
    rule = make()
    trace = [
        {"items": 80, "points": 80, "disagreement": 0.4 - 1e-5 * number, "correlation": 0.5} for number in range(10_000)
    ]
    started = time.process_time()
    assert first_stop(replay(rule, trace)) is None
    assert time.process_time() - started < 2.0  # twice the promise, for a busy machine


def test_more_than_two_classes_are_refused() -> None:
    with pytest.raises(InputError, match="low_density_cut is for two classes; stop_probs has 3"):
        make().observe(stop_probs=[[0.2, 0.3, 0.5]] * 4, stop_embeddings=np.ones((4, 2)))


def test_another_stop_set_is_an_error() -> None:
    rule = make()
    trace = observed(rule, [4, 4])
    trace[1] = rule.observe(stop_probs=boundary(4)[:60], stop_embeddings=POINTS[:60])
    with pytest.raises(InputError, match="had 80 items and has 60 in round 1"):
        rule.decide(trace)


def test_torch_gives_the_same() -> None:
    expected = make().observe(stop_probs=boundary(6), stop_embeddings=POINTS)
    assert make().observe(stop_probs=torch.tensor(boundary(6)), stop_embeddings=torch.tensor(POINTS)) == expected


@pytest.mark.parametrize(
    ("probs", "embeddings", "message"),
    [
        ([[math.nan, 1.0]], [[1.0]], "stop_probs has 1 non-finite"),
        ([[0.5, 0.5]], [[math.nan]], "stop_embeddings has 1 non-finite"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "the stop set is empty"),
    ],
)
def test_damaged_inputs_are_refused(probs: Any, embeddings: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make().observe(stop_probs=probs, stop_embeddings=embeddings)


@pytest.mark.parametrize("parameters", [{"window": 0}, {"points": 1}, {"points": 2.5}])
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
