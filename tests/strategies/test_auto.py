"""`auto`: each way it can go and the sentence that says so, and coverage against the rule written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import claros
from claros import strategies
from claros.arrays import Floats
from claros.errors import InputError

RNG = np.random.default_rng


def heaps(n: int, width: int, seed: int) -> Floats:
    rng = RNG(seed)
    return 5.0 + rng.normal(size=(9, width))[rng.integers(0, 9, n)] + 0.4 * rng.normal(size=(n, width))


def closeness(probs: Floats) -> Floats:
    ordered = np.sort(probs, axis=1)
    return 1.0 - (ordered[:, -1] - ordered[:, -2])


def made_up(n: int = 300, labeled: int = 25, classes: int = 4, seed: int = 0) -> dict[str, Any]:
    features, labeled_features = np.split(heaps(n + labeled, 6, seed), [n])
    return {
        "features": features,
        "labeled_features": labeled_features,
        "probs": RNG(seed).dirichlet(np.ones(classes), n),
        "labels": np.arange(labeled) % classes,
    }


def by_the_rule(k: int, given: dict[str, Any], weights: Floats, seed: int, radius: float = 1.0) -> list[int]:
    """Study C's rule on all distances at once; of the generator it takes the order of ties and then the batch ahead."""
    n, rng = len(weights), RNG(seed)
    order, ahead = rng.permutation(n), rng.permutation(n)[:k]
    everything = np.vstack([given["features"], given.get("labeled_features", np.empty((0, 6)))])
    everything = everything - everything.mean(axis=0)
    everything /= np.sqrt((everything**2).sum(axis=1).mean())
    squares = ((everything[:n, None] - everything[None]) ** 2).sum(axis=2)
    reached = np.sqrt(squares[:, [*ahead, *range(n, len(everything))]]).min(axis=1)
    sigma = np.clip(radius * np.median(reached), 0.02, 1.5)
    similar = np.exp(-squares / sigma**2)
    covered = similar[:, n:].max(axis=1, initial=0.0)
    picks: list[int] = []
    for _ in range(k):
        gains = np.maximum(similar[:, :n].T - covered, 0.0) @ weights
        gains[picks] = -1.0
        tied = np.flatnonzero(gains >= gains.max() * (1 - 1e-10))
        tied = tied[covered[tied] <= covered[tied].min() + 1e-10]
        picks.append(int(tied[np.argmin(order[tied])]))
        covered = np.maximum(covered, similar[:, picks[-1]])
    return picks


def test_few_labels_give_coverage_weighted_by_uncertainty() -> None:
    for seed in range(3):
        given = made_up(seed=seed)
        found = strategies.get("auto")(20, n=300, rng=RNG(seed), **given)
        assert found.indices.tolist() == by_the_rule(20, given, closeness(given["probs"]), seed)
        assert found.note == (
            "Coverage weighted by uncertainty, since 25 labels are fewer than 10 for each of 4 classes."
        )
        known = np.sqrt(((given["features"][:, None] - given["labeled_features"]) ** 2).sum(axis=2).min(axis=1))
        again = strategies.get("auto")(20, n=300, rng=RNG(seed), nearest_labeled_distance=known, **given)
        assert np.array_equal(again.indices, found.indices)


def test_the_radius_follows_the_parameter() -> None:
    given = made_up()
    found = strategies.get("auto", radius=0.5)(20, n=300, rng=RNG(1), **given)
    assert found.indices.tolist() == by_the_rule(20, given, closeness(given["probs"]), 1, radius=0.5)
    assert found.indices.tolist() != by_the_rule(20, given, closeness(given["probs"]), 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"probs": None}, "there are no predictions"),
        ({"labels": [], "labeled_features": None}, "nothing is labeled yet"),
        ({"labels": None, "labeled_features": np.empty((0, 6))}, "nothing is labeled yet"),
        ({"labels": None, "labeled_features": None, "n_labeled": 0}, "nothing is labeled yet"),
        ({"probs": np.tile([1.0, 0.0, 0.0, 0.0], (300, 1))}, "the model is sure of everything"),
    ],
)
def test_coverage_is_not_weighted_where_there_is_nothing_to_weigh_by(change: dict[str, Any], reason: str) -> None:
    given = {name: value for name, value in {**made_up(), **change}.items() if value is not None}
    found = claros.select("auto", 20, rng=RNG(2), **given)
    assert found.indices.tolist() == by_the_rule(20, given, np.ones(300), 2)
    assert found.note == f"Coverage alone, since {reason}."


def test_many_labels_give_margin() -> None:
    given = made_up(labeled=40)
    picked = claros.select("auto", 30, seed=3, **given)
    assert np.array_equal(picked.indices, claros.select("margin", 30, seed=3, probs=given["probs"]).indices)
    assert picked.scores == pytest.approx(np.sort(closeness(given["probs"]))[::-1][:30])
    assert picked.note == "Smallest margins, since 40 labels are at least 10 for each of 4 classes."
    assert claros.select("auto", 30, switch=10.25, **given).note.startswith("Coverage weighted by uncertainty")
    counted = {"features": given["features"], "probs": given["probs"], "n_labeled": 40}
    assert claros.select("auto", 30, **counted).note == picked.note
    assert claros.select("auto", 30, **{**counted, "n_labeled": 39}).note.startswith("Coverage weighted")


def test_predictions_count_where_nobody_says_how_many_labels_there_are() -> None:
    given = made_up()
    found = strategies.get("auto")(20, n=300, rng=RNG(0), features=given["features"], probs=given["probs"])
    alone = {"features": given["features"]}
    assert found.indices.tolist() == by_the_rule(20, alone, closeness(given["probs"]), 0)
    assert found.note == "Coverage weighted by uncertainty, with no word of how many labels there are."


def test_without_features_it_is_margin_and_for_large_batches_falcun() -> None:
    probs = RNG(0).dirichlet(np.ones(4), 200)
    picked = claros.select("auto", 19, probs=probs)
    assert np.array_equal(picked.indices, claros.select("margin", 19, probs=probs).indices)
    assert picked.note == "Smallest margins, since there are no features to cover the pool by."
    picked = claros.select("auto", 20, probs=probs, labels=[0, 1, 2])
    assert np.array_equal(picked.indices, claros.select("falcun", 20, probs=probs).indices)
    assert picked.note == (
        "FALCUN, since there are no features to cover the pool by and 20 picks are at least 5 for each of 4 classes."
    )


def test_with_nothing_to_go_by_it_is_random() -> None:
    for given in ({}, {"labels": [0, 1]}, {"probs": np.full((50, 2), 0.5), "n_labeled": 0}):
        picked = claros.select("auto", 5, n=50, seed=1, **given)
        assert np.array_equal(picked.indices, claros.select("random", 5, n=50, seed=1).indices)
        assert picked.note == "At random, since there is neither a feature nor a prediction that rests on labels."
        assert picked.probabilities == pytest.approx(1 / np.arange(50, 45, -1))


def test_the_last_batch_is_everything() -> None:
    given = made_up(n=30)
    for k in (30, 31):
        picked = claros.select("auto", k, **given)
        assert sorted(picked.indices.tolist()) == list(range(30))
        assert picked.note == "All of them, since there are only 30."


def test_fixed_features_go_before_embeddings_and_embeddings_before_nothing() -> None:
    given = made_up()
    features, labeled = given.pop("features"), given.pop("labeled_features")
    as_embeddings = {"embeddings": features, "labeled_embeddings": labeled}
    other = {"embeddings": heaps(300, 6, 9), "labeled_embeddings": heaps(25, 6, 9)}
    picks = claros.select("auto", 20, features=features, labeled_features=labeled, **other, **given).indices
    assert np.array_equal(picks, claros.select("auto", 20, **as_embeddings, **given).indices)
    assert not np.array_equal(picks, claros.select("auto", 20, **other, **given).indices)


def test_a_class_prior_shifts_the_probabilities_and_nothing_else_does() -> None:
    probs = np.array([[0.5, 0.5], [0.8, 0.2], [0.95, 0.05], [0.6, 0.4]])
    labels = [0] * 17 + [1] * 2  # with half a label each: 17.5 / 20 and 2.5 / 20
    shares = np.array([17.5, 2.5]) / 20
    given = {"features": np.eye(4), "probs": probs, "labels": labels, "switch": 0.0}
    # To even shares, the odds of the first class are divided by 7: 1/7, 4/7, 19/7, 1.5/7; the second is nearest to 1
    picked = claros.select("auto", 3, class_prior=[0.5, 0.5], **given)
    moved = probs * (0.5 / shares)
    moved /= moved.sum(axis=1, keepdims=True)
    assert picked.indices[0] == 1
    assert picked.scores == pytest.approx(np.sort(closeness(moved))[::-1][:3])
    assert picked.note == (
        "Smallest margins, since 19 labels are at least 0 for each of 2 classes, "
        "with probabilities shifted to the given class shares."
    )
    same = claros.select("auto", 3, class_prior=shares, **given)
    assert same.indices.tolist() == claros.select("auto", 3, **given).indices.tolist() == [0, 3, 1]
    without = {name: value for name, value in given.items() if name != "labels"}
    unused = claros.select("auto", 3, class_prior=[0.5, 0.5], n_labeled=19, **without)
    assert unused.indices.tolist() == [0, 3, 1]
    assert unused.note.endswith("class_prior not used for want of labels.")


def test_a_class_prior_weighs_coverage_too() -> None:
    given = made_up()
    prior = np.array([0.7, 0.1, 0.1, 0.1])
    shares = (np.bincount(given["labels"], minlength=4) + 0.5) / 27
    moved = given["probs"] * (prior / shares)
    weights = closeness(moved / moved.sum(axis=1, keepdims=True))
    found = strategies.get("auto")(20, n=300, rng=RNG(4), class_prior=prior, **given)
    assert found.indices.tolist() == by_the_rule(20, given, weights, 4)
    assert found.note.endswith("4 classes, with probabilities shifted to the given class shares.")


def test_a_prior_that_leaves_an_item_no_class_leaves_its_probabilities() -> None:
    probs = np.array([[1.0, 0.0, 0.0], [0.0, 0.6, 0.4], [0.0, 0.9, 0.1]])
    picked = claros.select(
        "auto", 2, features=np.eye(3), probs=probs, labels=[0, 1, 2], class_prior=[0.0, 0.5, 0.5], switch=0.0
    )
    assert picked.indices.tolist() == [1, 2]


def test_a_large_pool_says_how_many_stand_for_all() -> None:
    given = made_up(n=5000)
    picked = claros.select("auto", 20, **given)
    assert picked.note.endswith("classes; 4000 random targets and 5000 candidates stand for all 5000 items.")
    small = claros.select("auto", 20, targets=300, candidates=500, **given)
    assert small.note.endswith("; 300 random targets and 500 candidates stand for all 5000 items.")
    assert len(set(small.indices.tolist())) == 20


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_one_class_and_one_dimension_are_no_special_case(dtype: type) -> None:
    for features in (np.zeros((40, 3)), np.repeat(heaps(4, 3, 0), 10, axis=0), np.arange(40.0)[:, None]):
        picked = claros.select(
            "auto", 20, features=features.astype(dtype), probs=np.ones((40, 1), dtype), labels=np.zeros(3, int)
        )
        assert len(set(picked.indices.tolist())) == 20
        assert np.isfinite(picked.scores).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"switch": -1.0}, "auto: switch must not be negative; got -1.0"),
        ({"radius": 0.0}, "auto: radius must be positive; got 0.0"),
        ({"targets": 0}, "auto: targets must be at least 1; got 0"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        claros.select("auto", 2, n=5, **wrong)
