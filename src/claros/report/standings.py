"""Who is ahead of whom: the pictures and sentences of mean ranks and of the pairwise matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.experiment.compare import Pairwise, Ranks
from claros.report.figures import Figure, canvas, clip, panel, text_width
from claros.report.format import capital, join, many, percent
from claros.report.look import BLUE, INK, MUTED, Style, tint

__all__ = [
    "beaten",
    "paint_pairs",
    "paint_ranks",
    "pairs_behind",
    "ranks_behind",
    "ranks_reading",
    "say_pairs",
    "say_ranks",
]

_ROW, _TOP, _FOOT, _BAR = 28, 30, 44, 14
#: Pixels from which on a matrix has room for long names.
_WIDE = 600
#: Arms of which a matrix has room for numbers.
_WRITTEN = 14


def say_ranks(ranks: Ranks, blocks: str) -> str:
    """The arm with the best mean rank, and which others it can be told from; ``blocks`` is a setting or a seed."""
    said = {name: f"{place:.2f}" for name, place in zip(ranks.names, ranks.mean.tolist(), strict=True)}
    top = [name for name in ranks.order if said[name] == said[ranks.order[0]]]
    has, it = ("has", "it") if len(top) == 1 else ("share", "they")
    start = (
        f"{capital(join(top))} {has} the best mean rank, {said[top[0]]} of {len(ranks.names)}, "
        f"over {many(ranks.n, blocks)}"
    )
    if _blind(ranks):
        return f"{start}: too few for this test to tell {len(ranks.names)} arms apart."
    others = [name for name in ranks.order if name not in top]
    apart = [name for name in others if not any(name in group and {*top} & {*group} for group in ranks.groups)]
    if not others:
        return f"{start}."
    if not apart:
        return f"{start}; {it} cannot be told from any other arm."
    if len(apart) == len(others):
        return f"{start}; {it} can be told from every other arm."
    return f"{start}; {it} can be told from {join(apart)}."


def _blind(ranks: Ranks) -> bool:
    """Whether no outcome could tell two arms apart: the test's smallest p-value on so few blocks, for all pairs."""
    n_pairs = len(ranks.names) * (len(ranks.names) - 1) / 2
    return ranks.too_few or 2.0 ** (1 - ranks.n) * n_pairs >= 1 - ranks.level


def ranks_reading(ranks: Ranks, blocks: str) -> str:
    """How the picture is to be read."""
    bars = " Arms that a bar joins cannot be told apart." if ranks.groups and not _blind(ranks) else ""
    test = "Wilcoxon's test on each pair, corrected for their number (Holm)"
    p_value = "p < 0.001" if ranks.friedman_p < 0.001 else f"p = {ranks.friedman_p:.3f}"
    friedman = f", after Friedman's ({p_value})" if len(ranks.names) > 2 else ""
    tested = "" if _blind(ranks) else f" {test}{friedman}, at 5 %."
    return (
        f"Rank 1 has the highest mean level in a {blocks}; dots are means over {many(ranks.n, blocks)}.{bars}{tested}"
    )


def ranks_behind(ranks: Ranks) -> dict[str, list[Any]]:
    """Mean rank by arm, and its adjusted p-value against each other."""
    against = {f"p against {name}": ranks.p_values[:, j].tolist() for j, name in enumerate(ranks.names)}
    return {"strategy": [*ranks.names], "mean_rank": ranks.mean.tolist(), **against}


def paint_ranks(ranks: Ranks, styles: Mapping[str, Style], width: int, *, longest: int = 20) -> Figure:
    """A row for each arm, the best first, a dot at its mean rank; bars at the right join what is not apart.

    Names have room for so many letters.
    """
    order = ranks.order
    groups = () if _blind(ranks) else ranks.groups
    left = round(min(8.5 * longest, 14 + max(text_width(clip(name, longest)) for name in order)))
    right = 52 + _BAR * len(groups)
    height = len(order) * _ROW
    whole = canvas(width, height + _TOP + _FOOT)
    axes = panel(whole, left, _TOP, width - left - right, height)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color="#dddddd", linewidth=1)
    mean = dict(zip(ranks.names, ranks.mean.tolist(), strict=True))
    for row, name in enumerate(order):
        style = styles[name]
        axes.plot([1, mean[name]], [row, row], color=style.colour, linewidth=1.2, linestyle=style.line)
        axes.plot([mean[name]], [row], color=style.colour, marker=style.marker, markersize=8, clip_on=False)
        axes.annotate(f"{mean[name]:.2f}", (mean[name], row), (9, 0), textcoords="offset points", va="center",
                      fontsize=11, color=INK)  # fmt: skip
    across = axes.get_yaxis_transform()
    for place, group in enumerate(groups):
        rows = [order.index(name) for name in group]
        x = 1 + (52 + _BAR * place) / (width - left - right)
        axes.plot([x, x], [min(rows), max(rows)], transform=across, color=INK, linewidth=3, clip_on=False,
                  solid_capstyle="round")  # fmt: skip
        axes.plot([x] * len(rows), rows, transform=across, color=INK, linestyle="none", marker="o", markersize=6,
                  clip_on=False)  # fmt: skip
    axes.set_xlim(1, len(order))
    axes.set_ylim(len(order) - 0.5, -0.6)
    axes.set_xticks(range(1, len(order) + 1))
    axes.set_yticks(range(len(order)), [clip(name, longest) for name in order])
    axes.tick_params(axis="y", labelcolor=INK, labelsize=12)
    axes.set_xlabel("mean rank (1 is best)", color=MUTED, loc="right", labelpad=4)
    return whole


def beaten(found: Pairwise) -> Floats:
    """(A,) in which share of the tests against the others each arm is significantly worse."""
    others = found.penalty.sum(axis=0) - np.diag(found.penalty)
    return np.asarray(others / max(1, found.settings * (len(found.names) - 1)))


def say_pairs(found: Pairwise) -> str:
    """The arm that is beaten least, and the one that is beaten most."""
    if not found.settings:
        few = f"{many(found.seeds, 'seed')} {'is' if found.seeds == 1 else 'are'} too few"
        return f"{few} to test one arm against another."
    shares = beaten(found)
    least, most = int(np.argmin(shares)), int(np.argmax(shares))
    if shares[least] == shares[most]:
        return f"No arm is beaten more often than another ({percent(float(shares[least]), 1.0)} of the tests)."
    return (
        f"{capital(found.names[least])} is beaten least often, in {percent(float(shares[least]), 1.0)} of the tests "
        f"against other arms; {found.names[most]} most often, in {percent(float(shares[most]), 1.0)}."
    )


def pairs_behind(found: Pairwise) -> dict[str, list[Any]]:
    """Penalties and wins of every ordered pair."""
    pairs = [(i, j) for i in range(len(found.names)) for j in range(len(found.names)) if i != j]
    return {
        "strategy": [found.names[i] for i, _ in pairs],
        "beats": [found.names[j] for _, j in pairs],
        "penalty": [float(found.penalty[pair]) for pair in pairs],
        "wins": [int(found.wins[pair]) for pair in pairs],
        "tests": [found.compared] * len(pairs),
    }


def paint_pairs(found: Pairwise, width: int) -> Figure:
    """A matrix: rows beat columns, the arm that is beaten least first."""
    order = [int(i) for i in np.argsort(beaten(found), kind="stable")]
    names = [clip(found.names[i], 16 if width < _WIDE else 34) for i in order]
    longest = max(text_width(name, 11) for name in [*names, "beaten"])
    left = round(16 + longest)
    n = len(names)
    side = min(n * 62.0, width - left - 10.0)
    upright = max(text_width(name, 11) for name in names) > side / n - 6
    top = round(16 + (longest if upright else 16))
    row = min(40.0, max(20.0, side / n))
    whole = canvas(width, round(top + (n + 1.3) * row + 12))
    axes = panel(whole, left, top, side, (n + 1.3) * row)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    shares = found.penalty[np.ix_(order, order)] / max(1, found.settings)
    extent = (-0.5, n - 0.5, n - 0.5, -0.5)
    axes.imshow(tint(BLUE, shares), interpolation="none", aspect="auto", extent=extent)
    axes.set_ylim(n + 0.8, -0.5)
    axes.set_xticks(range(n), names, rotation=90 if upright else 0)
    axes.xaxis.tick_top()
    axes.set_yticks([*range(n), n + 0.3], [*names, "beaten"])
    axes.tick_params(axis="y", labelcolor=INK)
    if n <= _WRITTEN:
        for (i, j), share in np.ndenumerate(shares):
            if i != j:
                axes.text(j, i, f"{100 * share:.0f}", ha="center", va="center", fontsize=11, color=INK)
        for j, share in enumerate(beaten(found)[order]):
            axes.text(j, n + 0.3, f"{100 * share:.0f}", ha="center", va="center", fontsize=11, color=INK)
    return whole
