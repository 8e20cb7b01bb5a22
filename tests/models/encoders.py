"""Encoders that tests name as ``encoders:name``: functions and networks whose features can be worked out by hand."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn


def colours(scale: float = 1.0) -> Any:
    """Mean red, green and blue of an image, times the scale."""

    def encode(images: Any) -> Any:
        return scale * images.astype(np.float64).mean(axis=(1, 2))

    return encode


def pixels(log: str = "") -> Any:
    """All pixels from 0 to 1; writes a line for each image into the log."""

    def encode(images: Any) -> Any:
        if log:
            with Path(log).open("a", encoding="utf-8") as file:
                file.write("x\n" * len(images))
        return images.reshape(len(images), -1) / 255.0

    return encode


def lengths() -> Any:
    """Of a text: characters, spaces, and how often it has an e."""

    def encode(texts: list[str]) -> Any:
        return np.array([[len(text), text.count(" "), text.count("e")] for text in texts], dtype=float)

    return encode


def loudness() -> Any:
    """Of a sound: root of the mean square, seconds, and crossings of zero a second."""

    def encode(sounds: Any) -> Any:
        rows = []
        for samples, rate in sounds:
            crossings = np.count_nonzero(np.diff(np.signbit(samples))) * rate / len(samples)
            rows.append([np.sqrt(np.mean(samples.astype(float) ** 2)), len(samples) / rate, crossings / 1000])
        return np.array(rows)

    return encode


def slow(seconds: float = 0.002, log: str = "") -> Any:
    """Mean colours, so many seconds an item; writes a line for each item into the log."""

    def encode(images: Any) -> Any:
        time.sleep(seconds * len(images))
        if log:
            with Path(log).open("a", encoding="utf-8") as file:
                file.write("x\n" * len(images))
        return images.astype(np.float64).mean(axis=(1, 2)) @ np.array([[1.0, 0.5], [0.25, 3.0], [0.1, 0.2]])

    return encode


class Convolution(nn.Module):
    """Maps of an image, to be averaged over their positions."""

    kinds = ("images",)
    image_size = 8

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(0.5))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.body(images)


class Hungry(nn.Module):
    """Runs out of memory on more than so many texts at once, as a device would."""

    kinds = ("texts",)

    def __init__(self, most: int = 3) -> None:
        super().__init__()
        self.most = most

    def forward(self, texts: list[str]) -> torch.Tensor:
        if len(texts) > self.most:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return torch.tensor([[float(len(text))] for text in texts])


def flat() -> Any:
    """Forgets that there are several items."""
    return lambda items: np.ones(5)


def infinite() -> Any:
    return lambda texts: np.array([[np.inf if "bad" in text else 1.0] for text in texts])


def environment() -> Any:
    """Features that depend on a variable, to tell what was computed when."""
    return lambda texts: np.full((len(texts), 2), float(os.environ["CLAROS_TEST_VALUE"]))


#: No function and no network.
number = int
