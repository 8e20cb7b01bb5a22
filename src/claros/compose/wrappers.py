"""The table of wrappers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from claros.compose.batches import mixture, random_share
from claros.compose.medial import malls
from claros.compose.neighbourhood import anchor_al, refine, seals
from claros.compose.pools import class_balanced, partitioned, prefilter, subsample
from claros.compose.scores import per_cost, prior_corrected, stochastic, tempered
from claros.compose.turns import switch
from claros.strategy import Strategy

__all__ = ["WRAPPERS"]

_ALL: tuple[Callable[..., Strategy], ...] = (
    prefilter,
    subsample,
    partitioned,
    class_balanced,
    mixture,
    random_share,
    switch,
    malls,
    seals,
    anchor_al,
    refine,
    stochastic,
    per_cost,
    tempered,
    prior_corrected,
)

#: Every wrapper by its name: strategies by position, parameters by name.
WRAPPERS: Mapping[str, Callable[..., Strategy]] = {wrapper.__name__: wrapper for wrapper in _ALL}
