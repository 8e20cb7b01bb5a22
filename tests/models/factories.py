"""Networks and estimators that tests name as ``factories:name``."""

import torch
from sklearn.naive_bayes import GaussianNB
from torch import nn


class Perceptron(nn.Module):
    """Rows through a hidden layer with dropout."""

    kinds = ("rows",)

    def __init__(self, in_features: int, n_classes: int, width: int = 16, dropout: float = 0.2) -> None:
        super().__init__()
        self.hidden = nn.Linear(in_features, width)
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(torch.relu(self.norm(self.hidden(x)))))


def network(in_features: int, num_classes: int, width: int = 8) -> nn.Module:
    return nn.Sequential(nn.Linear(in_features, width), nn.Tanh(), nn.Linear(width, num_classes, bias=False))


def fixed_network() -> nn.Module:
    """For five features and three classes, whatever it is told."""
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))


def thousand_classes(in_features: int) -> nn.Module:
    return nn.Linear(in_features, 1000)


class NoHead(nn.Module):
    """Distances to centres as logits; a dropout and a linear layer lie by, unused."""

    def __init__(self, in_features: int, n_classes: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(n_classes, in_features))
        self.unused = nn.Sequential(nn.Dropout(0.5), nn.Linear(in_features, 7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -torch.cdist(x, self.centres)


class MemoryHungry(nn.Module):
    """Runs out of memory on more than so many items at once, as a device would."""

    most = 8

    def __init__(self, in_features: int, n_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(in_features, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > self.most:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return self.head(x)


class Tied(nn.Module):
    """Two names for one weight."""

    def __init__(self, in_features: int, n_classes: int) -> None:
        super().__init__()
        self.first = nn.Linear(in_features, in_features)
        self.second = nn.Linear(in_features, in_features)
        self.second.weight = self.first.weight
        self.head = nn.Linear(in_features, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.second(torch.relu(self.first(x)))))


class RunsTwice(nn.Module):
    """One linear layer runs first, and again as the head."""

    def __init__(self, in_features: int, n_classes: int) -> None:
        super().__init__()
        self.first_and_last = nn.Linear(in_features, n_classes)
        self.between = nn.Linear(n_classes, in_features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first_and_last(torch.relu(self.between(torch.tanh(self.first_and_last(x)))))


def naive_bayes(var_smoothing: float = 1e-9) -> GaussianNB:
    return GaussianNB(var_smoothing=var_smoothing)


an_object = nn.Linear(5, 3)
a_number = 7


class Zeros(nn.Module):
    """A linear map whose weights start at 0, so that the first step can be worked out by hand."""

    def __init__(self, in_features: int, n_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(in_features, n_classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x)


class Maps(nn.Module):
    """Convolution, normalisation and a ReLU that works in place, then the mean over positions."""

    kinds = ("images",)

    def __init__(self, in_channels: int, n_classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(4, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.relu(self.norm(self.convolution(x))).mean(dim=(2, 3)))


def estimator_in_disguise(**parameters: float) -> GaussianNB:
    return GaussianNB(**parameters)
