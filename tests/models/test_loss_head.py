"""The module that learns to predict a network's loss: its pairs by hand, what it looks at, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from claros.errors import InputError
from claros.models.torch.loss_head import attach, loss_head, predict, ranking_loss, watched
from claros.models.torch.nets import ResNet18, SmallCNN


def test_pairs_by_hand() -> None:
    # pairs (0, 2) and (1, 3), and item 4 is left over. The first pair is in order by 3 > 1: costs nothing; the second
    # is out of order by 0.5: costs 1.5. Mean 0.75
    predicted = torch.tensor([4.0, 0.0, 1.0, 0.5, 100.0], requires_grad=True)
    losses = torch.tensor([2.0, 5.0, 1.0, 3.0, 0.0])
    loss = ranking_loss(predicted, losses, margin=1.0)
    assert float(loss.detach()) == pytest.approx(0.75)
    loss.backward()
    # of the mean over two pairs: up with item 1, down with item 3
    assert predicted.grad.tolist() == [0.0, -0.5, 0.0, 0.5, 0.0]


def test_no_gradient_reaches_the_losses_and_one_item_has_no_pair() -> None:
    losses = torch.tensor([1.0, 2.0], requires_grad=True)
    predicted = torch.zeros(2, requires_grad=True)
    ranking_loss(predicted, losses, 1.0).backward()
    assert losses.grad is None
    assert float(ranking_loss(predicted[:1], losses[:1], 1.0).detach()) == 0.0


def test_of_a_residual_network_it_looks_at_the_four_stages() -> None:
    net = ResNet18((3, 32, 32), 10, width=4)
    attach(net, torch.zeros(2, 3, 32, 32), None, 8, "resnet18")
    head = loss_head(net)
    assert [branch.in_features for branch in head.branches] == [4, 8, 16, 32]
    assert [name.rpartition(".")[0] or name for name in head.layers[:3]] == ["stages", "stages", "stages"]
    assert [name.rpartition(".")[2] for name in head.layers[:3]] == ["1", "3", "5"]


def test_it_looks_at_the_layers_that_are_named() -> None:
    net = SmallCNN((1, 16, 16), 3, width=2)
    attach(net, torch.zeros(2, 1, 16, 16), ["hidden", "features.3"], 8, "cnn")
    assert loss_head(net).layers == ("hidden", "features.3")
    assert [branch.in_features for branch in loss_head(net).branches] == [128, 2]
    with pytest.raises(InputError, match="hiden"):
        attach(net, torch.zeros(2, 1, 16, 16), ["hiden"], 8, "cnn")


def test_what_it_predicts_is_what_the_layers_say() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).eval()
    inputs = torch.randn(4, 3)
    before = net(inputs)
    attach(net, inputs, None, 6, "net")
    head = loss_head(net)
    assert torch.equal(net(inputs), before)  # a Sequential runs it, and it changes nothing
    hidden = torch.tanh(net[0](inputs))
    expected = head.last(torch.relu(head.branches[0](hidden)))[:, 0]
    assert torch.allclose(predict(net, inputs), expected)
    with watched(net) as features:
        net(inputs)
    assert [*features] == ["1"]
    net(inputs)
    assert torch.equal(features["1"], hidden), "nothing is caught outside"


def test_a_network_of_one_layer_has_nothing_to_look_at() -> None:
    with pytest.raises(InputError, match="a layer before the one that gives the logits"):
        attach(nn.Linear(3, 2), torch.zeros(2, 3), None, 8, "linear")


def test_the_module_learns_the_order_of_losses_that_depend_on_the_item() -> None:
    # the losses are |x|, told in pairs alone; ranks of 200 new items agree
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
    attach(net, torch.zeros(2, 2), None, 32, "net")
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(200):
        inputs = torch.randn(64, 2)
        optimizer.zero_grad()
        ranking_loss(predict(net, inputs), inputs.norm(dim=1), 1.0).backward()
        optimizer.step()
    new = torch.randn(200, 2)
    found, expected = predict(net, new).detach().argsort().argsort(), new.norm(dim=1).argsort().argsort()
    assert np.corrcoef(found, expected)[0, 1] > 0.9
