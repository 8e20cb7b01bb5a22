"""Two networks for small images: a convolutional one with dropout, and a ResNet-18."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from claros.errors import InputError

__all__ = ["ResNet18", "SmallCNN"]


class SmallCNN(nn.Module):  # type: ignore[misc]
    """Four convolutions, a hidden layer of 128 units, dropout around it; images of 16 pixels or more.

    The 3x3 convolutions, with batch normalisation, have 1, 2, 4 and 4 times ``width`` channels; maps are pooled by 2
    after the first, the second and the last, then averaged down to about 4x4 positions, so that the hidden layer stays
    small for large images too. With ``dropout`` 0 there is no Monte Carlo dropout.
    About half a million weights at ``width`` 32.
    """

    kinds = ("images",)

    def __init__(self, in_shape: tuple[int, int, int], n_classes: int, width: int = 32, dropout: float = 0.5) -> None:
        super().__init__()
        channels, height, side = in_shape
        if min(height, side) < 16:
            raise InputError(f"cnn takes images of at least 16 x 16 pixels; got {height} x {side}.")
        self.features = nn.Sequential(
            *_convolution(channels, width),
            nn.MaxPool2d(2),
            *_convolution(width, 2 * width),
            nn.MaxPool2d(2),
            *_convolution(2 * width, 4 * width),
            *_convolution(4 * width, 4 * width),
            nn.MaxPool2d(2),
        )
        # Plain average pooling by a fixed window: on CUDA, adaptive pooling has no deterministic gradient.
        self.pool = nn.AvgPool2d((max(1, height // 8 // 4), max(1, side // 8 // 4)))
        with torch.no_grad():
            positions = self.pool(torch.zeros(1, 1, height // 8, side // 8)).numel()
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(4 * width * positions, 128)
        self.dropout_head = nn.Dropout(dropout)
        self.head = nn.Linear(128, n_classes)
        self.to(memory_format=torch.channels_last)  # up to twice as fast, on processors too

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits; (B, channels, H, W) -> (B, C)."""
        x = self.pool(self.features(x.contiguous(memory_format=torch.channels_last))).flatten(1)
        x = F.relu(self.hidden(self.dropout(x)))
        return self.head(self.dropout_head(x))


def _convolution(n_in: int, n_out: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)


class ResNet18(nn.Module):  # type: ignore[misc]
    """ResNet-18 for small images (He et al. 2016, arXiv:1512.03385): a 3x3 first convolution and no pooling after it.

    Four stages of two residual blocks, of ``width`` to 8 ``width`` channels, 11.2 million weights at ``width`` 64. It
    has no dropout unless ``dropout`` is positive: then there is a dropout layer before the head.
    """

    kinds = ("images",)

    def __init__(self, in_shape: tuple[int, int, int], n_classes: int, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_convolution(in_shape[0], width))
        stages: list[nn.Module] = []
        n_in = width
        for stage in range(4):
            n_out = width * 2**stage
            stages += [_Residual(n_in, n_out, stride=1 if stage == 0 else 2), _Residual(n_out, n_out, stride=1)]
            n_in = n_out
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(n_in, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        # With fewer than 16 channels last, oneDNN's backward pass of strided convolutions writes where it must not
        # (torch 2.13, processors with AVX-512).
        self.memory_format = torch.channels_last if width >= 16 else torch.contiguous_format
        self.to(memory_format=self.memory_format)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits; (B, channels, H, W) -> (B, C)."""
        x = self.stages(self.stem(x.contiguous(memory_format=self.memory_format))).mean(dim=(2, 3))
        return self.head(self.dropout(x))


class _Residual(nn.Module):  # type: ignore[misc]
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(n_out)
        self.second = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(n_out)
        self.shortcut = (
            nn.Identity()
            if stride == 1 and n_in == n_out
            else nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, n_in, H, W) -> (B, n_out, H / stride, W / stride)."""
        residual = self.second_norm(self.second(F.relu(self.first_norm(self.first(x)))))
        return F.relu(residual + self.shortcut(x))
