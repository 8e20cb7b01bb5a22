"""Strategies made of strategies: a wrapper takes one or two and gives one back, which can be wrapped again.

::

    claros.compose.prefilter("margin", "badge", factor=5)       # names, or Strategy objects
    claros.strategies.get("prefilter(margin, badge, factor=5)") # the same, as a text

The text is also the strategy's name. It is good wherever a strategy's name is: in `claros.select`, in a campaign, on
the command line, in YAML. Parameters stand by name, also those of the strategies inside: ``badge(temperature=0.5)``.

A wrapped strategy needs what its parts need together. Where a part sees only some of the candidates, every input with a
row for each is cut down to them. Parts draw from random streams of their own, so that one part's draws do not change
another's picks. A pick's probability is its chance in the draw that picked it, and is left out where the candidates of
that draw were themselves drawn.
"""

from __future__ import annotations

from claros.compose.batches import mixture, random_share
from claros.compose.expression import parse, usage
from claros.compose.medial import malls
from claros.compose.neighbourhood import anchor_al, refine, seals
from claros.compose.pools import class_balanced, partitioned, prefilter, subsample
from claros.compose.scores import per_cost, prior_corrected, stochastic, tempered
from claros.compose.turns import switch
from claros.compose.wrappers import WRAPPERS

__all__ = [
    "WRAPPERS",
    "anchor_al",
    "class_balanced",
    "malls",
    "mixture",
    "parse",
    "partitioned",
    "per_cost",
    "prefilter",
    "prior_corrected",
    "random_share",
    "refine",
    "seals",
    "stochastic",
    "subsample",
    "switch",
    "tempered",
    "usage",
]
