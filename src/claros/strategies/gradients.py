"""Strategies that ask what would change a network most, by the length of a gradient."""

from __future__ import annotations

from claros.arrays import Array, device, namespace
from claros.measures.gradients import lengths
from claros.strategy import scorer

__all__ = ["egl_full", "grand"]


@scorer(reference="Settles, Craven & Ray 2007, NeurIPS", rowwise=True)
def egl_full(*, gradient_norm: Array) -> Array:
    """Expected length of the gradient that the label would cause in all weights of the network, at least 0.

    The model computes it: for every class the length of the cross-entropy's gradient, times the class's predicted
    probability. ``egl`` looks at the last layer alone and needs no backward pass.

    Cost: O(N) time; the model takes as many backward passes an item as it has classes.

    Use it with small networks and pools, where ``egl`` misses what lower layers would learn; not with large ones: the
    last layer's gradient ranks much alike for a thousandth of the price.
    """
    return 0.0 + gradient_norm


@scorer(reference="Paul, Ganguli & Dziugaite 2021, arXiv:2107.07075", rowwise=True)
def grand(*, probs: Array, embeddings: Array, bias: bool = False) -> Array:
    """Length of the last layer's gradient if the predicted class is the label, |p - e_y|·|h|, at least 0.

    It is the length of what BADGE spreads its batch over. ``bias=True`` adds the gradient by the last layer's bias, as
    if every embedding ended in a 1.

    Departures: the authors know the labels, differentiate the whole network and average over several beginnings of
    its training; here the predicted class stands for the label, and the last layer for the network.

    Cost: O(N·(C + D)) time, O(N·C) memory.

    Use it to repeat what others have found with it, or inside ``mixture`` and ``prefilter``; not for large batches,
    which near copies would fill: badge picks by the same gradients and spreads them.
    """
    xp = namespace(probs)
    top = xp.max(probs, axis=-1, keepdims=True)
    predicted = xp.argmax(probs, axis=-1, keepdims=True) == xp.arange(probs.shape[-1], device=device(probs))
    errors = xp.where(predicted, 1.0 - top, probs)
    return lengths(errors) * lengths(embeddings, 1.0 if bias else 0.0)
