"""Strategies that ask what the smallest change of an item would have the model call something else."""

from __future__ import annotations

from claros.arrays import Array
from claros.strategy import scorer

__all__ = ["bim", "deepfool"]


@scorer(
    reference="Ducoffe & Precioso 2018, arXiv:1802.09841; Moosavi-Dezfooli, Fawzi & Frossard 2016, arXiv:1511.04599",
    rowwise=True,
)
def deepfool(*, boundary_distance: Array) -> Array:
    """Minus the length of the smallest step that changes the prediction, at most 0: how near the boundary is.

    The model searches for the step: torch models by DeepFool from the input, or with ``boundary="head"`` from the
    embeddings, in closed form. Items whose prediction no step changes come last.

    Cost: O(N) time; the search costs some forward and backward passes an item, a class and a step.

    Use it with networks over images whose probabilities are of little worth, and where time for the search is there;
    not over texts, nor where margin will do: on a linear model both look at the same boundary.
    """
    return 0.0 - boundary_distance


@scorer(reference="Kurakin, Goodfellow & Bengio 2017, arXiv:1607.02533", rowwise=True)
def bim(*, bim_distance: Array) -> Array:
    """Minus how far small steps along the sign of the gradient lead before the prediction changes, at most 0.

    The model takes the steps, ``boundary_steps`` of ``boundary_epsilon`` each, and the distance is the length of their
    sum: so few different lengths occur, and ties are broken at random. Items whose prediction they do not change come
    last.

    Departures: peers go on until the prediction changes, if it ever does.

    Cost: O(N) time; the search costs a forward and a backward pass an item and a step.

    Use it to repeat what others have found with it; not else: deepfool finds shorter steps, with fewer ties.
    """
    return 0.0 - bim_distance
