"""Rates at which relevant items come along a ranking, and curves fitted to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.arrays import Floats, Indices

__all__ = ["DECAYS", "expected_until", "fit", "window_rates"]

#: What the decay may be, coarsely; in units of what is screened. 0 is a constant rate.
DECAYS = {
    "exponential": np.concatenate([[0.0], np.geomspace(0.01, 300.0, 60)]),
    "power": np.linspace(0.0, 6.0, 61),
}
#: The grid is refined so many times, each time to so many points between the best one's neighbours.
REFINEMENTS, POINTS = 3, 21


def window_rates(ranks: Indices, n: int, windows: int) -> tuple[Floats, Floats]:
    """Midpoints of ``windows`` windows of ``n`` items, as shares of n in (0, 1), and the rate in each; (W,) both.

    Windows are runs of n / W successive items, as equal as whole numbers allow; none is left out. The rate is the
    share of relevant items.

    >>> window_rates(np.array([1, 2, 5]), 6, 2)
    (array([0.33333333, 0.83333333]), array([0.66666667, 0.33333333]))
    """
    edges = n * np.arange(windows + 1) // windows
    counts = np.diff(np.searchsorted(ranks, edges, side="right"))
    return (edges[:-1] + edges[1:] + 1) / (2 * n), counts / np.diff(edges)


def shape(at: Floats, decay: Floats, model: str) -> Floats:
    """The rate at ``at``, as shares of what is screened, up to its scale; (..., W)."""
    curve: Floats = np.exp(-decay * at) if model == "exponential" else at**-decay
    return curve


def fit(at: Floats, rates: Floats, model: str) -> tuple[Floats, Floats, Floats]:
    """Scale and decay of the curve nearest to the rates, and its misfit; (...,) each, for rates (..., W) at (W,).

    The model is "exponential", scale · exp(-decay · x), or "power", scale · x^-decay, with x the rank as a share of
    what is screened; decay is at least 0, as a rate that rises along a ranking tells nothing about what comes last.
    For a given decay the best scale is known, so the least squares are found on a grid of decays, refined: no start,
    nothing random, no failure. The misfit is the sum of squared residuals over the range of the rates, 0 where all
    are equal. O(grid · W) for each.
    """
    total = (rates**2).sum(axis=-1)
    grid = DECAYS[model]
    for refinement in range(REFINEMENTS + 1):
        scale, explained = _profile(at, rates, grid, model)
        grid = np.broadcast_to(grid, explained.shape)
        best = explained.argmax(axis=-1)[..., None]
        if refinement < REFINEMENTS:
            low = np.take_along_axis(grid, np.maximum(best - 1, 0), -1)
            high = np.take_along_axis(grid, np.minimum(best + 1, grid.shape[-1] - 1), -1)
            grid = low + (high - low) * np.linspace(0, 1, POINTS)
    picked = [np.take_along_axis(array, best, -1)[..., 0] for array in (scale, grid, explained)]
    spread = np.ptp(rates, axis=-1)
    misfit = np.maximum(total - picked[2], 0.0) / np.where(spread > 0, spread, 1.0)
    return picked[0], picked[1], np.where(spread > 0, misfit, 0.0)


def _profile(at: Floats, rates: Floats, decays: Floats, model: str) -> tuple[Floats, Floats]:
    """For each decay (..., G), or (G,) for all alike, the best scale and how much of the squares it explains."""
    curves = shape(at, decays[..., None], model)  # (..., G, W)
    norm = (curves**2).sum(axis=-1)
    product = np.einsum("...gw,...w->...g", curves, rates)
    return product / norm, product**2 / norm


def expected_until(rank: Any, scale: Floats, decay: Floats, n: Any, model: str) -> Floats:
    """Relevant items that a curve fitted on ``n`` screened items expects up to a rank: its integral.

    From rank 0 for the exponential curve, from 1 for the power curve, which is not finite at 0.
    """
    end = rank / n
    if model == "exponential":
        steep = np.where(decay > 0, decay, 1.0)
        integral: Floats = np.where(decay > 0, -np.expm1(-steep * end) / steep, end)
    else:
        power = 1.0 - decay
        safe = np.where(np.abs(power) > 1e-9, power, 1.0)
        integral = np.where(np.abs(power) > 1e-9, (end**safe - (1.0 / n) ** safe) / safe, np.log(rank))
    expected: Floats = scale * n * integral
    return expected
