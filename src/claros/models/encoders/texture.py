"""Texture features of colour images by randomised networks, SSRAE and VCTex: no training, no weights, NumPy alone.

Both slide a window of 3 x 3 pixels over the image, project the windows by a fixed random layer, and take as features
the least-squares weights that lead from there back to pixel values. An image's features depend on that image alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from claros.arrays import Floats, Indices
from claros.checks import number, whole
from claros.errors import InputError, suggest
from claros.models.checks import check_kind
from claros.models.encoders.encoder import Encoder
from claros.models.model import Items

__all__ = ["KINDS", "from_texture", "hidden_weights", "ssrae", "vctex"]

#: Pixels of a window of one channel.
WINDOW = 9
#: Added to a standard deviation that a window is divided by.
LEAST_SPREAD = 1e-3
#: Which channel leads to which, in the order of the features: each to itself, then red to green, green to blue, blue to
#: red.
PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))


def hidden_weights(inputs: int, hidden: int) -> Floats:
    """(hidden, inputs + 1) the fixed random layer: mean 0 and deviation 1 over all its weights, the same every time.

    A linear congruential sequence of L = hidden·(inputs + 1) numbers from L + 1 on, with multiplier L + 2, increment
    L + 3 and modulus L², standardised and filled in row by row; the first column is for a constant input of -1.

    >>> hidden_weights(1, 1).round(4).tolist()  # L = 2: 3, then (4·3 + 5) mod 4 = 1
    [[0.7071, -0.7071]]
    """
    length = hidden * (inputs + 1)
    values = [length + 1]
    for _ in range(length - 1):
        values.append(((length + 2) * values[-1] + length + 3) % length**2)
    drawn = np.array(values, dtype=np.float64)
    found: Floats = ((drawn - drawn.mean()) / drawn.std(ddof=1)).reshape(hidden, inputs + 1)
    return found


def ssrae(image: npt.ArrayLike, *, hidden: Sequence[int] = (13,), regularisation: float = 1e-3) -> Floats:
    """(54·(Q + 1),) spatio-spectral features of a colour image (H, W, 3), for each Q of ``hidden``: 756 by default.

    Six small networks, one for each channel by itself and three from one channel to the next, say how a pixel's
    surroundings in a channel predict the surroundings in that channel or the next. Each has 9 inputs, Q sigmoid units
    and 9 outputs; its output weights are found by ridge regression with ``regularisation`` and are the features, side
    by side as (9, 6·(Q + 1)), row by row.

    What is known: Fares et al. 2024, "A New Approach to Learn Spatio-Spectral Texture Representation with Randomized
    Networks", as DalMax's newer version computes it, with Q = 13. Our reading where neither says it: nothing is left
    open for the features; pixel values are those of 8 bits, 0 to 255.

    Departures: arithmetic in float64, where DalMax's is in float32; a linear system is solved, not inverted.

    Cost: O(H·W·Q·(Q + 9)) time and O(H·W·(Q + 9)) memory an image.

    >>> ssrae(np.zeros((8, 8, 3))).shape
    (756,)
    """
    windows = _windows(_colour(image))
    parts = []
    for units in hidden:
        layers = [_hidden(_standardised(channel), units) for channel in windows]
        parts.append(np.hstack([_decoder(layers[a], windows[b], regularisation) for a, b in PAIRS]).ravel())
    return np.concatenate(parts)


def vctex(image: npt.ArrayLike, *, hidden: Sequence[int] = (5, 17), regularisation: float = 1e3) -> Floats:
    """(27·(Q + 1),) volumetric colour-texture features of an image (H, W, 3), for each Q of ``hidden``: 648 by default.

    One network that sees the 3 x 3 window in all three channels at once, 27 numbers, through Q sigmoid units, and gives
    it back: its output weights (27, Q + 1), found by ridge regression with ``regularisation``, row by row, for one Q
    after the other.

    What is known: Fares & Ribas 2025, VISAPP, "Volumetric Color-Texture Representation", as DalMax's newer version
    computes it, with Q = 5 and 17 and a regularisation of 1000. Our reading: as in `ssrae`.

    Departures: as in `ssrae`; the random layer is computed exactly, where float32 rounds the sequence of Q = 17.

    Cost: O(H·W·Q·(Q + 27)) time and O(H·W·(Q + 27)) memory an image.

    >>> vctex(np.zeros((8, 8, 3))).shape
    (648,)
    """
    cubes = _windows(_colour(image)).reshape(3 * WINDOW, -1)
    seen = _standardised(cubes)
    return np.concatenate([_decoder(_hidden(seen, units), cubes, regularisation).ravel() for units in hidden])


#: What ``texture:NAME`` computes.
KINDS = {"ssrae": ssrae, "vctex": vctex}


def _colour(image: npt.ArrayLike) -> Floats:
    """(3, H, W) the channels of an image; grey ones are all three alike."""
    pixels = np.asarray(image, dtype=np.float64)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or 0 in pixels.shape:
        raise InputError(f"Texture features are of images (H, W) or (H, W, 3); got an array of shape {pixels.shape}.")
    return np.moveaxis(np.broadcast_to(pixels, (*pixels.shape[:2], 3)), 2, 0)


def _windows(channels: Floats) -> Floats:
    """(3, 9, H·W) the window around every pixel, row by row; at the edge the outermost pixels are repeated."""
    padded = np.pad(channels, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return np.moveaxis(sliding_window_view(padded, (3, 3), axis=(1, 2)).reshape(3, -1, WINDOW), 2, 1)


def _standardised(windows: Floats) -> Floats:
    """Each row with mean 0 and deviation about 1; a constant one is 0."""
    spread = windows.std(axis=1, ddof=1, keepdims=True) if windows.shape[1] > 1 else np.zeros((len(windows), 1))
    found: Floats = (windows - windows.mean(axis=1, keepdims=True)) / (spread + LEAST_SPREAD)
    return found


def _hidden(windows: Floats, units: int) -> Floats:
    """(Q + 1, H·W) the units' values, below a constant -1."""
    weights = hidden_weights(len(windows), units)
    values = weights[:, 1:] @ windows - weights[:, :1]
    return np.vstack([np.full((1, windows.shape[1]), -1.0), 0.5 * (1.0 + np.tanh(0.5 * values))])


def _decoder(layer: Floats, wanted: Floats, regularisation: float) -> Floats:
    """(outputs, Q + 1) weights β with the least |β·layer - wanted|² + regularisation·|β|²."""
    gram = layer @ layer.T + regularisation * np.eye(len(layer))
    found: Floats = np.linalg.solve(gram, layer @ wanted.T).T
    return found


@dataclass(frozen=True)
class _Settings:
    hidden: tuple[int, ...]
    regularisation: float


def from_texture(name: str, like: Items, *, image_size: int | None, parameters: Mapping[str, Any]) -> Encoder:
    """``texture:ssrae`` or ``texture:vctex``, with ``hidden`` and ``regularisation`` as they have them."""
    who = f"texture:{name}"
    if name not in KINDS:
        raise InputError(suggest(name, KINDS, "texture feature"))
    check_kind(who, like, ("images",))
    compute, settings = KINDS[name], _settings(who, KINDS[name].__kwdefaults__ or {}, parameters)
    inputs = WINDOW if name == "ssrae" else 3 * WINDOW
    layers = hashlib.sha256()
    for units in settings.hidden:
        layers.update(hidden_weights(inputs, units).astype("<f8").tobytes())

    def prepare(items: Items, positions: Indices) -> Any:
        return items.take(positions)

    def forward(images: Any) -> Floats:
        return np.stack(
            [compute(image, hidden=settings.hidden, regularisation=settings.regularisation) for image in images]
        )

    options = {"image_size": image_size, "hidden": list(settings.hidden), "regularisation": settings.regularisation}
    return Encoder(who, "images", layers.hexdigest(), options, prepare, forward, image_size)


def _settings(who: str, usual: Mapping[str, Any], given: Mapping[str, Any]) -> _Settings:
    for name in given:
        if name not in usual:
            raise InputError(f"{who}: {suggest(name, usual, 'setting')}")
    chosen = {**usual, **given}
    units = chosen["hidden"] if isinstance(chosen["hidden"], (list, tuple)) else [chosen["hidden"]]
    if not units:
        raise InputError(f"{who}: hidden must be a number of units or a list of them; got none.")
    hidden = tuple(whole(one, 1, f"{who}: hidden, a number of units,") for one in units)
    if number(chosen["regularisation"], 0, math.inf, f"{who}: regularisation") == 0:
        raise InputError(f"{who}: regularisation must be above 0, as constant images leave the weights open; got 0.")
    return _Settings(hidden, float(chosen["regularisation"]))
