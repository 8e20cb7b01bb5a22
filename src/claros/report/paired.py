"""Two ways of training, seed by seed: a line joins what one seed came to with either."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from claros.report.figures import Figure, canvas, direct_labels, panel
from claros.report.format import percent
from claros.report.look import BLUE, MUTED
from claros.report.means import mean_interval
from claros.report.standalone import head
from claros.report.svg import save_pdf

__all__ = ["write_pairs"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _FOOT = 470, 300, 52, 120, 40
_RANDOM = "#7f7f7f"


def write_pairs(path: Path, names: Sequence[str], values: Sequence[Sequence[float]], sentence: str) -> None:
    """Write a PDF: the accuracies of two modes, the control first, (2, S) in [0, 1], with the finding above."""
    save_pdf(lambda: _paint(names, np.asarray(values, dtype=float), sentence), path)


def _paint(names: Sequence[str], values: np.ndarray, sentence: str) -> Figure:
    bars = " Bars: 95 % intervals of the means." if values.shape[1] >= 3 else ""
    top, write = head(sentence, _WIDTH, f"Accuracy on the test items, %; a thin line is a seed.{bars}")
    figure = canvas(_WIDTH, top + _HEIGHT + _FOOT)
    axes = panel(figure, _LEFT, top + 8, _WIDTH - _LEFT - _RIGHT, _HEIGHT - 8)
    mean, low, high = mean_interval(values.T)
    for pair in values.T:
        axes.plot([0, 1], pair, color=MUTED, alpha=0.35, linewidth=1)
    for place, (colour, marker) in enumerate(((_RANDOM, "o"), (BLUE, "s"))):
        axes.plot([place] * values.shape[1], values[place], linestyle="", marker=marker, markersize=4, color=colour)
        if np.isfinite(low[place]):
            axes.plot([place, place], [low[place], high[place]], color=colour, linewidth=7, alpha=0.3)
        axes.plot([place], [mean[place]], marker=marker, markersize=9, color=colour)
    bounds = np.concatenate([values.ravel(), low[np.isfinite(low)], high[np.isfinite(high)]])
    room = 0.06 * (float(np.ptp(bounds)) or 0.1)
    axes.set_ylim(max(0.0, float(bounds.min()) - room), min(1.0, float(bounds.max()) + room))
    axes.set_xlim(-0.35, 1.12)
    axes.set_xticks([0, 1], names)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}")
    axes.yaxis.get_major_locator().set_params(nbins=6)
    ends = [
        (f"{name} {percent(float(mean[place]))}", float(place), float(mean[place]), colour)
        for place, (name, colour) in enumerate(zip(names, (_RANDOM, BLUE), strict=True))
    ]
    direct_labels(axes, ends)
    write(figure)
    return figure
