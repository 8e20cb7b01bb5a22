"""Labels drawn at random say how good a model is; labels that a strategy chose do not."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import Indices
from claros.errors import InputError, NoEstimateError
from claros.estimate.arguments import flags

__all__ = ["QueriedLabelsWarning", "Rows", "rows_to_use"]


class QueriedLabelsWarning(UserWarning):
    """A figure was asked of labels that a strategy chose, which are no fair sample."""


class Rows(NamedTuple):
    """The positions of the labels that are used, and how they are spoken of."""

    positions: Indices
    said: str


def rows_to_use(labeled_at_random: Any, queried: str, who: str) -> Rows:
    """The labels drawn at random; all of them, with a warning, if ``queried`` is "use" instead of "drop"."""
    if queried not in ("drop", "use"):
        raise InputError(f"{who}: queried must be 'drop' or 'use'; got {queried!r}.")
    at_random = flags(labeled_at_random, "labeled_at_random")
    n, chosen = at_random.size, int((~at_random).sum())
    if queried == "use" and chosen:
        warnings.warn(
            f"{who}: {chosen} of {n} labels were chosen by a strategy, not drawn at random, so the figure is biased; "
            "cross-validation on such labels was 22, 9 and 19 points too low at 50, 100 and 200 labels.",
            QueriedLabelsWarning,
            stacklevel=4,
        )
        return Rows(np.arange(n), f"{n} labels of which {chosen} were chosen by a strategy (biased)")
    if chosen == n:
        raise NoEstimateError(
            f"{who} needs labels that were drawn at random, and labeled_at_random says 0 of {n} were; label some at "
            "random, or pass queried='use' to get a biased figure."
        )
    return Rows(np.flatnonzero(at_random), f"the {n - chosen} of {n} labels drawn at random")
