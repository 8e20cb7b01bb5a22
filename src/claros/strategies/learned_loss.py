"""The strategy that asks where a module beside the network expects the largest loss."""

from __future__ import annotations

from claros.arrays import Array
from claros.strategy import scorer

__all__ = ["learning_loss"]


@scorer(reference="Yoo & Kweon 2019, arXiv:1905.03677", rowwise=True)
def learning_loss(*, predicted_loss: Array) -> Array:
    """The loss that a small module beside the network predicts, any real number; only its order means something.

    Torch models have that module with ``learned_loss=True``: it is trained together with the network to put pairs of
    labeled items in the order of their losses.

    Departures: the authors look at a random part of 10,000 candidates; ``subsample(learning_loss, size=10000)`` does.

    Cost: O(N) time, O(N) memory.

    Use it with a few hundred labels or more and a network that is trained from scratch; not with few: the module then
    learns the losses of items that the network knows by heart, and not for batches that near copies could fill.
    """
    return 0.0 + predicted_loss
