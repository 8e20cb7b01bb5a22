"""ALFA-Mix, DropQuery and FALCUN: by hand, against the rules written out and autograd, and where others go wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import claros
from claros.errors import InputError
from memory import peak_bytes

RNG = np.random.default_rng


def head(n: int, classes: int, features: int, seed: int) -> dict[str, np.ndarray]:
    rng = RNG(seed)
    weights = rng.normal(size=(classes, features))
    labels = rng.integers(0, classes, 4 * classes)
    return {
        "embeddings": rng.normal(size=(n, features)) * 2,
        "head_weights": weights,
        "head_bias": rng.normal(size=classes),
        "labeled_embeddings": 2 * weights[labels] + rng.normal(size=(len(labels), features)),
        "labels": labels,
    }


def mixed_predictions(given: dict[str, np.ndarray], share: np.ndarray) -> np.ndarray:
    """(N, A): whether mixing with each class's mean changes the prediction, by the authors' formula and autograd."""
    z = torch.tensor(given["embeddings"], requires_grad=True)
    weights, bias = torch.tensor(given["head_weights"]), torch.tensor(given["head_bias"])
    logits = z @ weights.T + bias
    predicted = logits.argmax(dim=1)
    torch.nn.functional.cross_entropy(logits, predicted, reduction="sum").backward()
    labels, changed = given["labels"], []
    for code in np.unique(labels):
        gap = torch.tensor(given["labeled_embeddings"][labels == code].mean(axis=0)) - z.detach()
        size = torch.tensor(share / np.sqrt(z.shape[1])) * gap.norm(dim=1) / z.grad.norm(dim=1)
        alpha = size[:, None] * z.grad / gap
        mixed = (1 - alpha) * z.detach() + alpha * (z.detach() + gap)
        changed.append(((mixed @ weights.T + bias).argmax(dim=1) != predicted).numpy())
    return np.stack(changed, axis=1)


def test_alfa_mix_scores_are_the_shares_at_which_a_mix_first_changes_the_prediction() -> None:
    kinds = set()
    for seed in range(5):
        given = head(80, 4, 6, seed)
        given["head_bias"] = (seed + 1) * given["head_bias"]
        picked = claros.select("alfa_mix", 80, **given)
        score = np.empty(80)
        score[picked.indices] = picked.scores
        flips = score > 0
        kinds |= set(flips.tolist())
        share = np.where(flips, 1 - score, 1.0)
        assert not mixed_predictions(given, share * (1 - 1e-6)).any()
        assert np.array_equal(mixed_predictions(given, share * (1 + 1e-6)).any(axis=1), flips)
    assert kinds == {False, True}


def test_alfa_mix_mixes_in_no_more_than_it_takes_for_enough_candidates() -> None:
    given = head(300, 4, 6, 5)
    picked = claros.select("alfa_mix", 12, **given)
    steps = [mixed_predictions(given, np.full(300, step / 32)).any(axis=1) for step in range(1, 33)]
    allowed = next(step for step in steps if step.sum() > 12)
    assert allowed[picked.indices].all()
    assert picked.note.startswith(f"{allowed.sum()} predictions change")
    # where just as many change as are wanted it goes on, so that there is something to choose among
    exactly = next(int(step.sum()) for step in steps if step.sum() >= 3)
    more = next(step for step in steps if step.sum() > exactly)
    assert claros.select("alfa_mix", exactly, **given).note.startswith(f"{more.sum()} predictions change")


def test_alfa_mix_on_a_line_by_hand() -> None:
    # Class 0 right of 0, class 1 left of it; the one class mean is 3. From 1 it is 1 to the boundary and 2 to the mean:
    # half a mix. From 2 it is 2 to the boundary and 1 to the mean: no mix is enough. From -1: 1 and 4, a quarter.
    picked = claros.select(
        "alfa_mix",
        3,
        embeddings=[[1.0], [2.0], [-1.0]],
        head_weights=[[1.0], [-1.0]],
        labeled_embeddings=[[2.5], [3.5]],
        labels=[0, 0],
    )
    assert picked.indices.tolist() == [2, 0, 1]
    assert picked.scores == pytest.approx([0.75, 0.5, 0.0])
    assert picked.note == "Only 2 predictions change by mixing; the rest of the batch was drawn at random."


def test_alfa_mix_fills_up_without_drawing_an_item_twice() -> None:
    """The authors' code draws these with replacement."""
    given = head(40, 3, 5, 0)
    given["head_bias"] = np.array([1e3, 0.0, 0.0])  # no mix changes anything
    for seed in range(20):
        picked = claros.select("alfa_mix", 25, seed=seed, **given)
        assert len(set(picked.indices.tolist())) == 25
        assert not picked.scores.any()


def test_alfa_mix_knows_the_way_however_sure_the_model_is() -> None:
    """Probabilities of 1 have a gradient of 0 in float32; its direction is there all the same."""
    given = head(60, 4, 6, 1)
    sure = {**given, "head_weights": given["head_weights"] * 1e4, "head_bias": given["head_bias"] * 1e4}
    single = {name: value.astype(np.float32) if value.dtype.kind == "f" else value for name, value in sure.items()}
    scores = claros.select("alfa_mix", 60, **single).scores
    assert (scores > 0).sum() > 10


def test_alfa_mix_clusters_all_where_nothing_is_labeled() -> None:
    given = head(60, 4, 6, 2)
    given["labeled_embeddings"], given["labels"] = np.empty((0, 6)), np.empty(0, dtype=int)
    picked = claros.select("alfa_mix", 7, **given)
    assert len(set(picked.indices.tolist())) == 7
    assert picked.note == "Nothing is labeled, so all candidates were clustered."


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-15, 1e15])
def test_alfa_mix_does_not_depend_on_the_unit_of_the_embeddings(dtype, size) -> None:
    given = head(80, 4, 6, 3)
    del given["head_bias"]
    plain = claros.select("alfa_mix", 10, **given)
    scaled = {**given, "head_weights": given["head_weights"] / size}
    for name in ("embeddings", "labeled_embeddings"):
        scaled[name] = (given[name] * size).astype(dtype)
    assert np.array_equal(claros.select("alfa_mix", 10, **scaled).indices, plain.indices)


def test_drop_query_counts_the_masks_that_change_the_prediction() -> None:
    given = head(200, 4, 30, 0)
    picked = claros.select("drop_query", 200, embeddings=given["embeddings"], head_weights=given["head_weights"])
    assert set(np.round(picked.scores * 3, 9).tolist()) == {0.0, 1.0, 2.0, 3.0}


def test_drop_query_asks_among_those_that_change_most_as_far_as_they_go() -> None:
    given = head(400, 4, 30, 1)
    table = {"embeddings": given["embeddings"], "head_weights": given["head_weights"], "seed": 3}
    flips = np.empty(400)
    everything = claros.select("drop_query", 400, **table)
    flips[everything.indices] = np.round(3 * everything.scores)
    two, one = np.sum(flips >= 2), np.sum(flips >= 1)
    for enough, least in ((two // 5, 2), (two // 5 + 1, 1), (one // 5 + 1, 0)):
        picked = claros.select("drop_query", 5, **table, enough=int(enough))
        assert np.all(flips[picked.indices] >= least)
        assert picked.scores == pytest.approx(flips[picked.indices] / 3)


def naive_falcun(probs: np.ndarray, k: int, gamma: float, rng: np.random.Generator) -> tuple[list[int], list[float]]:
    top = np.sort(probs, axis=1)
    unsure = 1 - (top[:, -1] - top[:, -2])
    nearest, picks, chances = unsure.copy(), [], []
    while len(picks) < k:
        spread = nearest.max() - nearest.min()
        weights = (unsure + (nearest - nearest.min()) / (spread if spread else 1.0)) ** gamma
        weights[picks] = 0
        picks.append(int(np.searchsorted(np.cumsum(weights) / weights.sum(), rng.random(), side="right")))
        chances.append(weights[picks[-1]] / weights.sum())
        nearest = np.minimum(nearest, np.abs(probs - probs[picks[-1]]).sum(axis=1))
    return picks, chances


@pytest.mark.parametrize("gamma", [0.5, 1.0, 10.0])
@pytest.mark.parametrize("classes", [2, 5])
def test_falcun_picks_by_the_rule_written_out(gamma, classes) -> None:
    for seed in range(5):
        probs = RNG(seed).dirichlet(np.full(classes, 0.5), 120)
        picked = claros.select("falcun", 30, probs=probs, gamma=gamma, rng=RNG(seed))
        picks, chances = naive_falcun(probs, 30, gamma, RNG(seed))
        assert picked.indices.tolist() == picks
        assert picked.probabilities == pytest.approx(chances, rel=1e-9)


def test_falcun_by_hand() -> None:
    # 1 minus the margin is 1, .2 and .2, scaled 1, 0, 0: relevances 2, .2 and .2, and 10th powers say the first.
    # L1 distances to it are 0.8 and 0.8, but distances start at .2 and stay: scaled 0, 1, 1, so 1.2 and 1.2.
    probs = np.array([[0.5, 0.5], [0.9, 0.1], [0.1, 0.9]])
    picked = claros.select("falcun", 3, probs=probs)
    assert picked.indices[0] == 0
    assert picked.scores == pytest.approx([2.0, 1.2, 1.2])
    assert picked.probabilities == pytest.approx([1.0, 0.5, 1.0], rel=1e-9)


@pytest.mark.parametrize("gamma", [300.0, 1e6])
def test_falcun_powers_neither_overflow_nor_vanish(gamma: float) -> None:
    probs = RNG(0).dirichlet(np.ones(4), 50)
    picked = claros.select("falcun", 50, probs=probs, gamma=gamma)
    assert sorted(picked.indices.tolist()) == list(range(50))
    assert np.all((picked.probabilities > 0) & (picked.probabilities <= 1))
    flat = np.vstack([np.eye(3)[[0, 1, 2, 0]], [[1 - 2e-12, 1e-12, 1e-12]]])
    assert claros.select("falcun", 1, probs=flat, gamma=gamma).indices.tolist() == [4]


@pytest.mark.parametrize("probs", [np.eye(4)[np.zeros(40, dtype=int)], np.ones((40, 1))])
def test_falcun_is_uniform_where_nothing_is_relevant(probs: np.ndarray) -> None:
    counts = np.zeros(40)
    for seed in range(500):
        picked = claros.select("falcun", 4, probs=probs, seed=seed)
        counts[picked.indices] += 1
        assert picked.probabilities == pytest.approx([1 / 40, 1 / 39, 1 / 38, 1 / 37]) or probs.shape[1] == 1
    assert np.max(np.abs(counts / 500 - 0.1)) < 5 * np.sqrt(0.1 * 0.9 / 500)  # fails with probability 2e-5


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("alfa_mix", {"step": 0.0}, "step must be above 0 and at most 1; got 0.0"),
        ("drop_query", {"rate": 1.0}, "rate must be between 0 and 1; got 1.0"),
        ("drop_query", {"masks": 0}, "masks must be at least 1; got 0"),
        ("falcun", {"gamma": -1.0}, "gamma must not be negative; got -1.0"),
    ],
)
def test_wrong_parameters_are_refused_in_words(name, given, message) -> None:
    inputs = {**head(5, 2, 3, 0), "probs": np.full((5, 2), 0.5)}
    with pytest.raises(InputError, match=message):
        claros.select(name, 1, **inputs, **given)


@pytest.mark.parametrize("name", ["alfa_mix", "drop_query"])
def test_a_thousand_classes_take_no_table_of_candidates_by_classes(name: str) -> None:
    given = head(4000, 600, 8, 0)
    claros.select(name, 5, **given)
    peak = peak_bytes(lambda: claros.select(name, 5, **given))
    assert peak < 8 * 2**20, f"{peak / 2**20:.1f} MiB; candidates by classes are 18"


@pytest.mark.parametrize("gamma", [1.0, 2.5, 3.0, 10.0])
def test_falcun_never_draws_what_is_certain_where_rounding_says_more_than_certain(gamma: float) -> None:
    probs = np.array([[1.0005, 0.0], [0.5, 0.5], [0.6, 0.4], [0.7, 0.3]])
    for seed in range(20):
        picked = claros.select("falcun", 1, probs=probs, gamma=gamma, seed=seed)
        assert picked.indices[0] != 0
        assert np.isfinite(picked.probabilities).all()
