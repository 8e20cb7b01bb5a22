"""Images changed at random while a network trains on them: mirrored, turned, shifted; those of the pool never are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from claros.arrays import Floats
from claros.errors import InputError, suggest
from claros.models.paths import resolve

__all__ = ["Augment", "augmentation", "check_augment", "cropped", "flip_crop", "flipped", "rotated"]

#: (B, channels, H, W) as the network sees them, and the stream to draw from -> the same shape.
Augment = Callable[[torch.Tensor, np.random.Generator], torch.Tensor]
MOST = {"flip": 1.0, "rotate": 180.0, "crop": math.inf}
NAMED: Mapping[str, Mapping[str, float]] = {"none": {}, "flip_crop": {"flip": 0.5, "crop": 0.125}}


def check_augment(given: Any, who: str) -> None:
    """An `InputError` unless it is one of the names, ``package.module:function``, or numbers by what they do."""
    if isinstance(given, str):
        if given not in NAMED and ":" not in given:
            known = [*NAMED, "package.module:function"]
            raise InputError(f"{who}: {suggest(given, known, 'augmentation')}")
        return
    if not isinstance(given, Mapping):
        raise InputError(f"{who}: augment must be a name or a mapping, as {dict(NAMED['flip_crop'])}; got {given!r}.")
    for name, amount in given.items():
        if name not in MOST:
            raise InputError(f"{who}: augment: {suggest(str(name), MOST, 'augmentation')}")
        number = isinstance(amount, (int, float)) and not isinstance(amount, bool)
        if not number or not 0 <= amount <= MOST[name] or not math.isfinite(amount):
            most = f"a number from 0 to {MOST[name]:g}" if math.isfinite(MOST[name]) else "a number from 0 up"
            raise InputError(f"{who}: augment: {name} must be {most}; got {amount!r}.")


def augmentation(given: str | Mapping[str, float], in_shape: tuple[int, ...], who: str) -> Augment | None:
    """What is done to a batch of images of that shape; None for nothing. Rows cannot be augmented by name."""
    if isinstance(given, str) and given not in NAMED:
        own: Augment = resolve(given)
        return own
    amounts = NAMED[given] if isinstance(given, str) else given
    if not any(amounts.values()):
        return None
    if len(in_shape) != 3:
        raise InputError(f"{who}: augment mirrors, turns and shifts images; these items are rows. Leave it out.")

    def augment(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        if amounts.get("flip"):
            images = flipped(images, rng, amounts["flip"])
        if amounts.get("rotate"):
            images = rotated(images, rng.uniform(-amounts["rotate"], amounts["rotate"], len(images)))
        return cropped(images, rng, amounts["crop"]) if amounts.get("crop") else images

    return augment


def flip_crop(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Images mirrored with probability 1/2 and shifted by up to an eighth, zeros coming in; (B, channels, H, W)."""
    return cropped(flipped(images, rng, 0.5), rng, 0.125)


def flipped(images: torch.Tensor, rng: np.random.Generator, chance: float) -> torch.Tensor:
    """Each image mirrored, left to right, with that chance; (B, channels, H, W)."""
    flips = torch.from_numpy(rng.random(len(images)) < chance).to(images.device)
    return torch.where(flips[:, None, None, None], images.flip(3), images)


def cropped(images: torch.Tensor, rng: np.random.Generator, padding: float) -> torch.Tensor:
    """Each image padded with zeros on every side and cut at random to its size; (B, channels, H, W).

    ``padding`` is a share of the side below 1, of which at least one pixel is made, or a number of pixels.
    """
    n, height, width = len(images), images.shape[2], images.shape[3]
    reach = [int(padding) if padding >= 1 else max(1, int(side * padding)) for side in (height, width)]
    padded = F.pad(images, (reach[1], reach[1], reach[0], reach[0]))
    down = rng.integers(0, 2 * reach[0] + 1, n)[:, None] + np.arange(height)
    right = rng.integers(0, 2 * reach[1] + 1, n)[:, None] + np.arange(width)
    rows, columns = (torch.from_numpy(index).to(images.device) for index in (down, right))
    which = torch.arange(n, device=images.device)[:, None, None]
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def rotated(images: torch.Tensor, degrees: Floats) -> torch.Tensor:
    """Each image turned about its middle, counter-clockwise, zeros coming in; (B, channels, H, W), (B,)."""
    angle = torch.from_numpy(np.radians(degrees)).to(images)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    ratio = images.shape[2] / images.shape[3]  # the grid's units are half sides, which differ in an oblong image
    # Where each pixel of the new image comes from: the point turned back, with y pointing down.
    across = torch.stack([cos, -sin * ratio, zero], dim=1)
    down = torch.stack([sin / ratio, cos, zero], dim=1)
    grid = F.affine_grid(torch.stack([across, down], dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
