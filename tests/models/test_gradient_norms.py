"""Lengths of single items' gradients in a whole network, against closed forms and one backward pass after the other."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from claros.models.torch.gradients import expected_gradient_norm
from claros.models.torch.nets import SmallCNN


def slowly(net: nn.Module, inputs: torch.Tensor, seen: list[int]) -> np.ndarray:
    """Each label of each item by a backward pass of its own, and the expectation over the predicted labels."""
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    found = []
    for item in inputs:
        total = 0.0
        for code in range(len(seen)):
            logits = net(item[None])[:, seen]
            gradients = torch.autograd.grad(F.cross_entropy(logits, torch.tensor([code])), weights)
            length = torch.cat([gradient.flatten() for gradient in gradients]).norm()
            total += float(logits.detach().softmax(dim=1)[0, code] * length)
        found.append(total)
    return np.array(found)


def all_seen(n: int) -> torch.Tensor:
    return torch.arange(n)


def test_of_a_linear_network_it_is_the_closed_form() -> None:
    # the gradient of label c is (p - e_c) ⊗ (x, 1), of length |p - e_c| · √(|x|² + 1)
    torch.manual_seed(0)
    net, inputs = nn.Linear(5, 4).eval(), torch.randn(20, 5)
    p = net(inputs).softmax(dim=1).detach().numpy()
    wrong = np.linalg.norm(p[:, None, :] - np.eye(4)[None], axis=2)
    expected = (p * wrong).sum(axis=1) * np.sqrt((inputs.numpy() ** 2).sum(axis=1) + 1)
    np.testing.assert_allclose(expected_gradient_norm(net, inputs, all_seen(4)), expected, rtol=1e-5)


def test_a_length_is_euclidean_and_not_a_sum_of_amounts() -> None:
    # two classes, weights 0, no bias, x = (3, 4): p = (1/2, 1/2), p - e_c = ±(1/2, -1/2) of length √½, and |x| = 5
    net = nn.Linear(2, 2, bias=False)
    nn.init.zeros_(net.weight)
    found = expected_gradient_norm(net, torch.tensor([[3.0, 4.0]]), all_seen(2))
    np.testing.assert_allclose(found, [5 * 0.5**0.5], rtol=1e-6)


def test_of_a_convolutional_network_it_is_what_single_backward_passes_give() -> None:
    torch.manual_seed(0)
    net, inputs = SmallCNN((1, 16, 16), 4, width=2).eval(), torch.randn(5, 1, 16, 16)
    seen = [0, 2, 3]
    with torch.no_grad():  # as in inference
        found = expected_gradient_norm(net, inputs, torch.tensor(seen))
    np.testing.assert_allclose(found, slowly(net, inputs, seen), rtol=1e-4)
    assert all(weight.grad is None for weight in net.parameters())


class Branching(nn.Module):
    """Looks at a value to choose its way, which cannot be done for many items at once."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = [self.first(row) if float(row[0].detach()) > 0 else self.second(row) for row in x]
        return torch.stack(rows)


def test_a_network_that_branches_is_asked_item_by_item() -> None:
    torch.manual_seed(0)
    net, inputs = Branching().eval(), torch.randn(6, 3)
    expected = []
    for row in inputs:
        p = net(row[None])[0].softmax(dim=0).detach().numpy()
        expected.append(float((p * np.linalg.norm(p - np.eye(2), axis=1)).sum() * np.sqrt(float(row @ row) + 1)))
    np.testing.assert_allclose(expected_gradient_norm(net, inputs, all_seen(2)), expected, rtol=1e-5)


def test_frozen_weights_do_not_count() -> None:
    torch.manual_seed(0)
    net, inputs = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)).eval(), torch.randn(6, 4)
    net[0].requires_grad_(False)
    np.testing.assert_allclose(expected_gradient_norm(net, inputs, all_seen(2)), slowly(net, inputs, [0, 1]), rtol=1e-5)


def test_one_class_leaves_nothing_to_learn() -> None:
    net, inputs = nn.Linear(4, 3), torch.randn(6, 4)
    assert expected_gradient_norm(net, inputs, torch.tensor([1])).tolist() == [0.0] * 6
    assert expected_gradient_norm(net, inputs[:0], all_seen(3)).shape == (0,)
