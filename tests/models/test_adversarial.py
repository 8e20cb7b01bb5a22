"""The smallest step that changes a prediction, against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from claros.models.columns import Head
from claros.models.torch.adversarial import bim, deepfool, farthest, head_distance, lengths


def linear(weights: list[list[float]], bias: list[float]) -> nn.Module:
    net = nn.Linear(len(weights[0]), len(weights))
    net.weight.data, net.bias.data = torch.tensor(weights), torch.tensor(bias)
    return net.eval()


def random_linear(classes: int = 6, features: int = 5) -> nn.Module:
    rng = np.random.default_rng(0)
    return linear(rng.normal(size=(classes, features)).tolist(), rng.normal(size=classes).tolist())


def curved(seed: int = 0, classes: int = 3) -> nn.Module:
    """Two layers over the plane."""
    rng = np.random.default_rng(seed)
    net = nn.Sequential(nn.Linear(2, 12), nn.Tanh(), nn.Linear(12, classes))
    for value in net.parameters():
        value.data = torch.tensor(rng.normal(size=tuple(value.shape)) * 0.5, dtype=torch.float32)
    return net.eval()


def points(n: int, features: int, seed: int = 1) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(size=(n, features)), dtype=torch.float32)


def formula(net: nn.Module, inputs: torch.Tensor) -> np.ndarray:
    """min over k of (f_own - f_k) / |w_own - w_k|, one item after the other, in float64."""
    weights, bias = net.weight.detach().double().numpy(), net.bias.detach().double().numpy()
    found = []
    for x in inputs.double().numpy():
        f = weights @ x + bias
        own = int(f.argmax())
        found.append(
            min((f[own] - f[k]) / np.linalg.norm(weights[own] - weights[k]) for k in range(len(f)) if k != own)
        )
    return np.array(found)


def brute_force(net: nn.Module, x: torch.Tensor, reach: float = 6.0) -> float:
    """The shortest of 360 straight ways to another prediction, walked in steps of a 50th, its end in finer ones."""
    angles = torch.arange(360) * (2 * torch.pi / 360)
    ways = torch.stack([angles.cos(), angles.sin()], dim=1)
    with torch.no_grad():
        own = net(x[None]).argmax()

        def first(radii: torch.Tensor) -> float:
            other = net(x + radii[:, None, None] * ways[None]).argmax(dim=2) != own
            return float(radii[other.any(dim=1)][0]) if bool(other.any()) else np.inf

        rough = first(torch.arange(1, int(reach * 50) + 1) / 50)
        return first(rough - torch.arange(40).flip(0) / 2000) if np.isfinite(rough) else rough


def test_deepfool_is_exact_on_a_linear_network() -> None:
    net, inputs = random_linear(), points(200, 5)
    found = lengths(inputs, deepfool(net, inputs))
    np.testing.assert_allclose(found, formula(net, inputs), rtol=1e-4)


def test_deepfool_of_three_points_before_a_line() -> None:
    # two classes with logits (x, -x): the boundary is x = 0, and the distance is |x|
    net = linear([[1.0, 0.0], [-1.0, 0.0]], [0.0, 0.0])
    inputs = torch.tensor([[3.0, 1.0], [-0.5, 7.0], [0.0, 2.0]])
    moved = deepfool(net, inputs)
    np.testing.assert_allclose(lengths(inputs, moved), [3.0, 0.5, 0.0], rtol=1e-6)
    np.testing.assert_allclose(moved.by, [[-3.0, 0.0], [0.5, 0.0], [0.0, 0.0]], rtol=1e-6)


@pytest.mark.parametrize("seed", [0, 3])
def test_deepfool_finds_nearly_the_nearest_point_that_brute_force_finds(seed: int) -> None:
    net, inputs = curved(seed), points(40, 2)
    expected = np.array([brute_force(net, x) for x in inputs])
    found = lengths(inputs, deepfool(net, inputs)).numpy()
    near = np.isfinite(expected)
    assert near.sum() > 25
    # never shorter than the shortest way, but for the share of 0.02 that it may end too early and the grid
    assert (found[near] >= expected[near] / 1.02 - 0.001).all()
    ratios = found[near] / expected[near]
    assert np.median(ratios) < 1.25, f"median {np.median(ratios):.3f}"
    order = spearmanr(found[near], expected[near]).statistic
    assert order > 0.9, f"rank correlation {order:.3f}"
    assert (found[~near] > found[near].max()).all()


@pytest.mark.parametrize("search", [deepfool, bim])
def test_the_prediction_changes_at_the_end_of_the_step_and_not_before(search) -> None:
    net, inputs = curved(), points(100, 2)
    moved = search(net, inputs)
    before = net(inputs).argmax(dim=1)
    after = net(inputs + (1 + max(moved.beyond, 1e-3)) * moved.by).argmax(dim=1)
    assert moved.changed.sum() > 80
    assert (before != after)[moved.changed].float().mean() > 0.98


def test_bim_counts_steps_of_sign_gradients() -> None:
    # logits (x + y, 0): the gradient's signs are (1, 1), so each step takes x + y down by 2 * 0.1, and is 0.1·√2 long;
    # x + y = 0.5 needs 3 steps, 0.1 needs 1, and 9 needs 46, more than 5
    net = linear([[1.0, 1.0], [0.0, 0.0]], [0.0, 0.0])
    inputs = torch.tensor([[0.25, 0.25], [0.05, 0.05], [4.0, 5.0], [-0.25, -0.25]])
    moved = bim(net, inputs, steps=5, epsilon=0.1)
    assert moved.changed.tolist() == [True, True, False, True]
    expected = [3 * 0.1 * 2**0.5, 0.1 * 2**0.5, farthest(inputs), 3 * 0.1 * 2**0.5]
    np.testing.assert_allclose(lengths(inputs, moved), expected, rtol=1e-5)


def test_bim_of_a_linear_network_is_the_closed_form_in_whole_steps() -> None:
    # two classes: a step takes the gap down by epsilon times the sum of |w_1 - w_2|
    net, inputs = random_linear(2), points(50, 5)
    slope = (net.weight[0] - net.weight[1]).detach()
    gap = (net(inputs)[:, 0] - net(inputs)[:, 1]).abs().detach()
    steps = (gap / (0.05 * slope.abs().sum())).ceil()
    found = lengths(inputs, bim(net, inputs, steps=200))
    np.testing.assert_allclose(found, steps * 0.05 * 5**0.5, rtol=1e-4)


def test_bim_moves_where_the_softmax_is_certain_in_float32() -> None:
    # gaps of 90: the cross-entropy's gradient is 0 in float32, as 1 - p is
    net = linear([[300.0], [0.0], [-300.0]], [0.0, 0.0, 0.0])
    inputs = torch.tensor([[0.3], [0.31]])
    assert bim(net, inputs, steps=20, epsilon=0.05).changed.all()


@pytest.mark.parametrize("search", [deepfool, bim])
def test_what_never_changes_is_farther_than_everything_that_does(search) -> None:
    never = linear([[0.0, 0.0], [0.0, 0.0]], [1.0, 0.0])
    inputs = points(5, 2)
    found = lengths(inputs, search(never, inputs))
    assert torch.equal(found, torch.full((5,), 10 * 2**0.5))
    some = lengths(inputs, search(curved(), inputs))
    assert bool((some <= found).all())
    assert bool(found.isfinite().all())


@pytest.mark.parametrize("search", [deepfool, bim])
def test_a_network_of_one_class_never_changes(search) -> None:
    inputs = points(4, 2)
    assert not search(linear([[1.0, 2.0]], [0.0]), inputs).changed.any()


def test_a_tie_is_a_boundary_and_what_is_next_to_one_is_near() -> None:
    net = linear([[1.0, 0.0], [-1.0, 0.0]], [0.0, 0.0])
    inputs = torch.tensor([[0.0, 100.0], [1e-9, 100.0], [1e-6, 100.0]])
    assert (lengths(inputs, deepfool(net, inputs)) < 1e-5).all()


def test_more_classes_than_are_looked_at_change_little() -> None:
    net, inputs = random_linear(30), points(100, 5)
    few, many = (lengths(inputs, deepfool(net, inputs, classes=c)) for c in (8, 30))
    assert bool((few >= many - 1e-5).all())
    assert float((few <= 1.0001 * many).float().mean()) > 0.8


@pytest.mark.parametrize("search", [deepfool, bim])
def test_an_item_moves_as_it_would_alone(search) -> None:
    net, inputs = curved(), points(40, 2)
    together = lengths(inputs, search(net, inputs))
    alone = torch.cat([lengths(x[None], search(net, x[None])) for x in inputs])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("search", [deepfool, bim])
def test_no_gradient_is_left_in_the_network_and_no_input_changed(search) -> None:
    net, inputs = curved(), points(10, 2)
    before = inputs.clone()
    with torch.no_grad():
        search(net, inputs)
    assert all(weight.grad is None and weight.requires_grad for weight in net.parameters())
    assert torch.equal(inputs, before)
    assert not inputs.requires_grad
    assert len(search(net, inputs[:0]).changed) == 0


def test_the_distance_of_embeddings_to_a_head_is_the_closed_form() -> None:
    net, inputs = random_linear(), points(100, 5)
    head = Head(net.weight.detach().numpy(), net.bias.detach().numpy())
    np.testing.assert_allclose(head_distance(inputs, head), formula(net, inputs), rtol=1e-4)
    alone = Head(head.weights[:1], head.bias[:1])
    np.testing.assert_allclose(head_distance(inputs[:3], alone), farthest(inputs))
