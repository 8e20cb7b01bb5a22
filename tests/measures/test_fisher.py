"""Fisher information against matrices written out, and its bookkeeping in float32 against float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from claros import arrays
from claros.measures.fisher import Gains, binary_directions, common_scale, safe_ridge
from claros.measures.fisher_full import Blocks, ClassGains, blocks

RNG = np.random.default_rng


def some(n: int, classes: int, features: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = RNG(seed)
    return rng.dirichlet(np.ones(classes), n), rng.normal(size=(n, features))


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_directions_and_their_information_are_as_written_out(library, monkeypatch) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1 << 9)
    probs, embeddings = some(203, 4, 5, 0)
    given = (torch.from_numpy(probs), torch.from_numpy(embeddings)) if library == "torch" else (probs, embeddings)
    directions = binary_directions(*given, 2.0)
    largest = probs.max(axis=1)
    v = 2.0 * np.sqrt(largest * (1 - largest))[:, None] * embeddings
    assert arrays.to_numpy(directions.rows(slice(3, 9))) == pytest.approx(v[3:9])
    assert directions.exactly(np.array([7, 200])) == pytest.approx(v[[7, 200]])
    assert directions.squares == pytest.approx((v**2).sum(axis=1))
    assert directions.information() == pytest.approx(v.T @ v)


@pytest.mark.parametrize("often", [False, True])
def test_float32_products_lead_to_the_picks_of_float64_traces(often: bool) -> None:
    """Features that differ 100-fold in size, so that variances fall by more digits than float32 has to lose."""
    probs, embeddings = some(500, 3, 12, 1)
    embeddings = (embeddings * np.logspace(0, 2, 12)).astype(np.float32)
    directions = binary_directions(probs, embeddings, 1.0)
    v = directions.exactly(np.arange(500))
    pool = v.T @ v
    gains = Gains(directions, np.zeros_like(pool), directions.information(), 1.0)
    state, free, order = np.eye(12), np.ones(500, dtype=bool), np.arange(500)
    for _ in range(120):
        inverse = np.linalg.inv(state)
        falls = np.einsum("nd,de,ne->n", v, inverse @ pool @ inverse, v)
        falls = np.where(free, falls / (1 + np.einsum("nd,de,ne->n", v, inverse, v)), -np.inf)
        pick, gain = gains.best(free, order)
        assert falls[pick] >= falls.max() * (1 - 1e-6)
        assert gain == pytest.approx(falls[pick], rel=1e-6)
        gains.take(pick)
        if often:
            gains.refresh()
        free[pick] = False
        state = state + np.outer(v[pick], v[pick])


def test_ties_are_by_the_order_given_wherever_they_stand() -> None:
    probs, embeddings = np.full((200, 2), 0.5), np.repeat(RNG(0).normal(size=(1, 9)), 200, axis=0)
    directions = binary_directions(probs, embeddings.astype(np.float32), 1.0)
    pool = directions.information()
    for seed in range(5):
        order = RNG(seed).permutation(200)
        gains, free = Gains(directions, np.zeros_like(pool), pool, 1.0), np.ones(200, dtype=bool)
        for place in range(3):
            pick, _ = gains.best(free, order)
            assert order[pick] == place
            gains.take(pick)
            free[pick] = False


def test_forms_and_information_of_all_classes_are_as_written_out(monkeypatch) -> None:
    monkeypatch.setattr("claros.measures.fisher_full.STEP_BYTES", 1 << 9)
    probs, embeddings = some(30, 4, 3, 2)
    items = blocks(probs, embeddings, 1.0)
    curvature = np.stack([np.diag(p) - np.outer(p, p) for p in probs])
    information = np.stack([np.kron(c, np.outer(h, h)) for c, h in zip(curvature, embeddings, strict=True)])
    assert items.information() == pytest.approx(information.sum(axis=0))
    for row in (0, 29):
        assert items.roots(row) @ items.roots(row).T == pytest.approx(information[row])
    matrix = RNG(1).normal(size=(12, 12))
    matrix = matrix @ matrix.T
    forms = items.forms(matrix)
    for row in (0, 29):
        sides = np.kron(np.eye(4), embeddings[row][:, None])
        assert forms[row] == pytest.approx(sides.T @ matrix @ sides)
    right = RNG(2).normal(size=(30, 4, 2))
    assert items.curvature(slice(0, 30), right) == pytest.approx(curvature @ right)


def test_gains_of_all_classes_follow_the_picks() -> None:
    probs, embeddings = some(25, 3, 4, 3)
    items: Blocks = blocks(probs, embeddings, 1.0)
    pool, order = items.information(), np.arange(25)
    gains, state = ClassGains(items, np.zeros_like(pool), pool, 0.5), 0.5 * np.eye(12)
    for _ in range(6):
        before = np.trace(np.linalg.solve(state, pool))
        roots = [items.roots(row) for row in range(25)]
        falls = [before - np.trace(np.linalg.solve(state + root @ root.T, pool)) for root in roots]
        pick, gain = gains.best(np.ones(25, dtype=bool), order)
        assert pick == np.argmax(falls)
        assert gain == pytest.approx(max(falls))
        gains.take(pick)
        state = state + roots[pick] @ roots[pick].T


def test_scales_bring_lengths_to_where_they_can_be_squared() -> None:
    assert common_scale(np.ones((3, 4)), np.full((2, 4), 100.0)) == 1.0
    assert common_scale(np.zeros((3, 4)), np.empty((0, 4))) == 1.0
    for size in (1e-25, 1e25):
        table = np.full((2, 4), size, dtype=np.float32)
        assert 0.25 < common_scale(np.zeros((1, 4)), table) * 2 * size <= 1.0
    assert safe_ridge(1.0, np.array([4.0])) == 1.0
    assert safe_ridge(1e-30, np.array([4.0])) == pytest.approx(4e-6)
