"""How everything looks: colours that keep their meaning on light and dark paper, one look a strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.report.load import UPPER_BOUND

__all__ = [
    "BLUE",
    "BOUND",
    "CYCLE",
    "INK",
    "MUTED",
    "RAMP",
    "RULE",
    "VARIABLES",
    "VERMILION",
    "Style",
    "ramp",
    "styles",
    "tint",
]

INK, MUTED, RULE, BLUE, VERMILION = "#000000", "#666666", "#dddddd", "#0072b2", "#d55e00"
_CONTROL = "#7f7f7f"
#: Colours of the files, and what they are called in the page's style sheet, where the dark has its own.
VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    RULE: "rule",
    _CONTROL: "control",
    BLUE: "blue",
    VERMILION: "vermilion",
    "#009e73": "green",
    "#cc79a7": "purple",
    "#e69f00": "orange",
    "#56b4e9": "sky",
    "#6676ad": "indigo",
    "#d98c54": "coral",
    "#ffffff": "paper",
}
#: Colours in an order that is seen, for rounds.
RAMP = (BLUE, "#6676ad", "#cc79a7", "#d98c54", "#e69f00")
#: Colours that classes take in turn, by their names in the style sheet.
CYCLE = ("blue", "vermilion", "green", "purple", "orange", "sky", "ink")
_ORDER = (BLUE, VERMILION, "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_LINES: tuple[Any, ...] = ("solid", (0, (6, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))


@dataclass(frozen=True)
class Style:
    """How one strategy looks through the whole page."""

    colour: str
    line: Any
    marker: str

    @property
    def variable(self) -> str:
        """The colour's name in the style sheet."""
        return f"var(--{VARIABLES[self.colour]})"


#: The upper bound: thin and black.
BOUND = Style(INK, "solid", "")


def styles(strategies: Sequence[str], control: str | None) -> dict[str, Style]:
    """Colour, line and marker of every strategy: the control grey and dashed, the upper bound thin and black."""
    others = [name for name in strategies if name not in (control, UPPER_BOUND)]
    chosen = {
        name: Style(_ORDER[i % len(_ORDER)], _LINES[i // len(_ORDER) % len(_LINES)], _MARKERS[i % len(_MARKERS)])
        for i, name in enumerate(others)
    }
    if UPPER_BOUND in strategies:
        chosen[UPPER_BOUND] = BOUND
    return chosen if control is None else {**chosen, control: Style(_CONTROL, (0, (5, 3)), "o")}


def ramp(shares: Floats) -> list[str]:
    """Colours from blue over purple to orange for shares in [0, 1]: (N,) -> N codes."""
    return [RAMP[place] for place in np.clip(shares * len(RAMP), 0, len(RAMP) - 1).astype(int)]


def tint(colour: str, strength: Floats) -> Floats:
    """An image of one colour, the stronger the less transparent, so that it reads on light and on dark paper.

    (H, W) in [0, 1] -> (H, W, 4).
    """
    image = np.empty((*strength.shape, 4))
    image[..., :3] = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    image[..., 3] = 0.85 * strength
    return image
