"""BAIT: by hand, against traces of inverses written out, and where others go wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import claros
from claros.errors import InputError
from memory import peak_bytes

RNG = np.random.default_rng


def binary_information(probs: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    """(N, D, D): p(1 - p) h h' with the probability of the predicted class."""
    p = probs.max(axis=1)
    return np.einsum("n,nd,ne->nde", p * (1 - p), embeddings, embeddings)


def full_information(probs: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    """(N, C·D, C·D): (diag p - p p') ⊗ h h'."""
    classes = probs.shape[1]
    curvature = np.einsum("nc,cd->ncd", probs, np.eye(classes)) - np.einsum("nc,nd->ncd", probs, probs)
    n, width = embeddings.shape
    return np.einsum("nab,nc,nd->nacbd", curvature, embeddings, embeddings).reshape(n, classes * width, -1)


INFORMATION = {"binary": binary_information, "full": full_information}


def naive(information: np.ndarray, known: np.ndarray, k: int, oversample: float, ridge: float) -> list[int]:
    """The rule itself: forward by the smallest trace, then backward by the smallest."""
    pool = information.sum(axis=0) + known
    state, picks = known + ridge * np.eye(len(known)), []

    def trace(matrix: np.ndarray) -> float:
        return float(np.trace(np.linalg.solve(matrix, pool)))

    while len(picks) < min(len(information), int(np.ceil(oversample * k))):
        traces = [np.inf if i in picks else trace(state + each) for i, each in enumerate(information)]
        picks.append(int(np.argmin(traces)))
        state = state + information[picks[-1]]
    while len(picks) > k:
        drop = picks[int(np.argmin([trace(state - information[i]) for i in picks]))]
        picks.remove(drop)
        state = state - information[drop]
    return picks


def some(n: int, classes: int, features: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = RNG(seed)
    return rng.dirichlet(np.full(classes, 0.7), n), rng.normal(size=(n, features)) * rng.uniform(0.3, 3, features) + 0.5


@pytest.mark.parametrize("method", ["binary", "full"])
@pytest.mark.parametrize("labeled", [0, 7])
@pytest.mark.parametrize(("oversample", "regularisation"), [(2.0, 1.0), (1.0, 0.01), (3.5, 10.0)])
def test_picks_are_those_of_traces_written_out(method, labeled, oversample, regularisation) -> None:
    for seed in range(3):
        probs, embeddings = some(35, 3, 4, seed)
        labeled_probs, labeled_embeddings = some(labeled, 3, 4, seed + 100)
        picked = claros.select(
            "bait",
            6,
            probs=probs,
            embeddings=embeddings,
            labeled_probs=labeled_probs,
            labeled_embeddings=labeled_embeddings,
            method=method,
            oversample=oversample,
            regularisation=regularisation,
        )
        information = INFORMATION[method](probs, embeddings)
        known = np.zeros(information.shape[1:])
        if labeled:
            known = INFORMATION[method](labeled_probs, labeled_embeddings).sum(axis=0)
        assert picked.indices.tolist() == naive(information, known, 6, oversample, regularisation)


def test_two_items_by_hand() -> None:
    # p(1 - p)h² is .25 · 4 = 1 and .09 · 4 = .36, so the pool's mean information is .68 and the trace at first .68 / 1.
    # The first pick takes it to .68 / 2 = .34, the second to .68 / 2.36.
    probs, embeddings = np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([[2.0], [2.0]])
    picked = claros.select("bait", 2, probs=probs, embeddings=embeddings)
    assert picked.indices.tolist() == [1, 0]
    assert picked.scores == pytest.approx([0.34, 0.34 - 0.68 / 2.36])


@pytest.mark.parametrize("method", ["binary", "full"])
def test_scores_are_what_each_pick_takes_off_the_mean_trace(method: str) -> None:
    probs, embeddings = some(40, 3, 4, 0)
    picked = claros.select("bait", 8, probs=probs, embeddings=embeddings, method=method, oversample=1.0)
    information = INFORMATION[method](probs, embeddings)
    state, pool, traces = np.eye(information.shape[1]), information.mean(axis=0), []
    for pick in [None, *picked.indices]:
        state = state if pick is None else state + information[pick]
        traces.append(np.trace(np.linalg.solve(state, pool)))
    assert picked.scores == pytest.approx(-np.diff(traces), rel=1e-8)


@pytest.mark.parametrize("method", ["binary", "full"])
def test_the_first_pick_does_not_depend_on_how_many_are_wanted(method: str) -> None:
    """The authors' code weighs the picks by the batch size against the mean of what is labeled, so there it can."""
    for seed in range(5):
        probs, embeddings = some(60, 3, 4, seed)
        labeled_probs, labeled_embeddings = some(10, 3, 4, seed + 50)
        given = {
            "probs": probs,
            "embeddings": embeddings,
            "labeled_probs": labeled_probs,
            "labeled_embeddings": labeled_embeddings,
            "oversample": 1.0,
            "method": method,
        }
        assert claros.select("bait", 1, **given).indices[0] == claros.select("bait", 20, **given).indices[0]


def test_the_authors_rule_is_the_same_where_nothing_is_labeled() -> None:
    """Their rule: rank-C roots of each item, a weight of K / (0 + K) = 1 for the batch, forward 2K and backward K."""
    probs, embeddings = some(50, 4, 3, 3)
    roots = np.einsum("nc,ncj->ncj", np.sqrt(probs), np.eye(4)[None] - probs[:, None, :])
    x = torch.from_numpy(np.einsum("ncj,nd->ncjd", roots, embeddings).reshape(50, 4, -1))
    fisher, inverse = torch.einsum("nca,ncb->ab", x, x) / 50, torch.eye(12, dtype=torch.float64)

    def off(rows: torch.Tensor, sign: float) -> torch.Tensor:
        inner = torch.inverse(sign * torch.eye(4, dtype=torch.float64) + rows @ inverse @ rows.mT)
        return torch.diagonal(rows @ inverse @ fisher @ inverse @ rows.mT @ inner, dim1=1, dim2=2).sum(-1)

    def changed(row: torch.Tensor, sign: float) -> torch.Tensor:
        inner = torch.inverse(sign * torch.eye(4, dtype=torch.float64) + row @ inverse @ row.T)
        return inverse - inverse @ row.T @ inner @ row @ inverse

    chosen: list[int] = []
    for _ in range(12):
        falls = off(x, 1.0)
        falls[chosen] = -torch.inf
        chosen.append(int(torch.argmax(falls)))
        inverse = changed(x[chosen[-1]], 1.0)
    for _ in range(6):
        place = int(torch.argmin(-off(x[chosen], -1.0)))
        inverse = changed(x[chosen[place]], -1.0)
        del chosen[place]
    picked = claros.select("bait", 6, probs=probs, embeddings=embeddings, method="full")
    assert picked.indices.tolist() == chosen


@pytest.mark.parametrize("method", ["binary", "full"])
def test_copies_tell_little_that_is_new(method: str) -> None:
    """Three different items, ten copies of each: the first three picks are one of each, whichever copies."""
    probs = np.repeat([[0.5, 0.5], [0.6, 0.4], [0.7, 0.3]], 10, axis=0)
    embeddings = np.repeat(np.eye(3) * 3, 10, axis=0)
    seen = set()
    for seed in range(5):
        picks = claros.select("bait", 3, probs=probs, embeddings=embeddings, seed=seed, method=method).indices
        assert sorted((picks // 10).tolist()) == [0, 1, 2]
        seen.add(tuple(picks.tolist()))
    assert len(seen) > 1


@pytest.mark.parametrize("method", ["binary", "full"])
def test_what_tells_nothing_comes_last_with_score_0(method: str) -> None:
    probs, embeddings = some(20, 3, 4, 0)
    probs[:6] = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    embeddings[6:10] = 0.0
    picked = claros.select("bait", 15, probs=probs, embeddings=embeddings, method=method)
    assert set(picked.indices[:10].tolist()) == set(range(10, 20))
    assert np.all(picked.scores[:10] > 0)
    assert picked.scores[10:] == pytest.approx(np.zeros(5), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-15, 1e15])
def test_the_unit_of_the_embeddings_does_not_matter(dtype, size) -> None:
    probs, embeddings = some(100, 3, 4, 1)
    plain = claros.select("bait", 12, probs=probs, embeddings=embeddings.astype(dtype))
    scaled = claros.select(
        "bait", 12, probs=probs, embeddings=(embeddings * size).astype(dtype), regularisation=float(size**2)
    )
    assert np.array_equal(plain.indices, scaled.indices)
    assert scaled.scores == pytest.approx(plain.scores, rel=1e-5)


@pytest.mark.parametrize("method", ["binary", "full"])
@pytest.mark.parametrize("ridge", [1e-30, 1e30])
def test_hardly_any_and_any_amount_of_regularisation_are_defined(method, ridge) -> None:
    probs, embeddings = some(40, 3, 4, 2)
    picked = claros.select("bait", 10, probs=probs, embeddings=embeddings, method=method, regularisation=ridge)
    assert len(set(picked.indices.tolist())) == 10
    assert np.all(np.isfinite(picked.scores))


def test_a_thousand_classes_cost_the_binary_form_nothing() -> None:
    probs, embeddings = some(200, 1000, 5, 3)
    picked = claros.select("bait", 10, probs=probs, embeddings=embeddings, oversample=1.0)
    information = binary_information(probs, embeddings)
    assert picked.indices.tolist() == naive(information, np.zeros((5, 5)), 10, 1.0, 1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"regularisation": 0.0}, "regularisation must be positive; got 0.0"),
        ({"oversample": 0.5}, "oversample must be at least 1; got 0.5"),
        ({"method": "half"}, "parameter method must be 'binary' or 'full'; got 'half'"),
        ({"labeled_embeddings": [[1.0]]}, "labeled_probs and labeled_embeddings belong together"),
    ],
)
def test_wrong_parameters_are_refused_in_words(given, message) -> None:
    with pytest.raises(InputError, match=message):
        claros.select("bait", 1, probs=[[0.5, 0.5]], embeddings=[[1.0]], **given)


def test_what_all_classes_cannot_hold_is_refused_before_it_begins() -> None:
    probs = np.full((2000, 1000), 1e-3)
    with pytest.raises(InputError, match=r"takes \d+ GiB, more than 8; use method='binary'"):
        claros.select("bait", 5, probs=probs, embeddings=np.ones((2000, 5)), method="full")


def test_the_binary_form_holds_no_copy_of_the_embeddings() -> None:
    probs, embeddings = some(20_000, 4, 64, 0)
    single = embeddings.astype(np.float32)

    def call() -> None:
        claros.select("bait", 10, probs=probs, embeddings=single)

    call()
    peak = peak_bytes(call)
    assert peak < 5 * 2**20, f"{peak / 2**20:.1f} MiB; the embeddings are 4.9 and a few numbers for each 0.15 each"


def test_all_classes_take_forms_of_classes_and_not_of_weights() -> None:
    probs, embeddings = some(3000, 10, 20, 0)

    def call() -> None:
        claros.select("bait", 3, probs=probs, embeddings=embeddings, method="full")

    call()
    peak = peak_bytes(call)
    assert peak < 14 * 2**20, f"{peak / 2**20:.1f} MiB; N x C x C·D numbers are 46, N x C x C are 2.3"
