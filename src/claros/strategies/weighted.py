"""Strategies that weigh each candidate by how unsure the model is of it."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, map_rows, to_numpy
from claros.measures import predictive
from claros.measures.gradients import expected_gradient_length
from claros.pick import Picked, central_members
from claros.strategies.parameters import check_counts, check_positive
from claros.strategy import scorer, strategy

__all__ = ["clue", "egl"]


@scorer(reference="Settles, Craven & Ray 2007, NeurIPS; the last layer in closed form", rowwise=True)
def egl(*, probs: Array, embeddings: Array, bias: bool = False) -> Array:
    """Expected length of the gradient that the label would cause in the last layer, at least 0.

    Long where the model is unsure and where the embedding is long: for label c the gradient of the cross-entropy by
    the last layer's weights is (p - e_c) ⊗ h, of length |p - e_c|·|h|, and the expectation is over the model's own
    probabilities. ``bias=True`` adds the gradient by the last layer's bias, as if every embedding ended in a 1.

    Departures: the gradient of the last layer only, where the authors differentiate the whole model; this needs no
    backward pass.

    Cost: O(N·(C + D)) time, O(N) memory.

    Use it where the length of an embedding says how much an item matters, as in documents of different lengths; not
    where it does not (normalise the embeddings, and it ranks by uncertainty alone), and not for batches that near
    copies could fill.
    """
    return expected_gradient_length(probs, embeddings, bias=bias)


@strategy(reference="Prabhu et al. 2021, arXiv:2010.08666", stochastic=True)
def clue(
    k: int,
    *,
    probs: Array,
    embeddings: Array,
    rng: np.random.Generator,
    temperature: float = 1.0,
    iterations: int = 100,
    sample: int = 256,
) -> Picked:
    """The candidate nearest to the centre of each of k clusters that are drawn to where the model is unsure.

    K-means in which every candidate weighs as much as the entropy of its prediction; the cluster with the largest sum
    of entropies first. A pick's score is that sum, in nats. ``temperature`` first sharpens (< 1) or flattens (> 1) the
    probabilities, p^(1/T) normalised: the flatter, the more alike the weights. Where all predictions are certain, all
    weigh the same. Ties are broken by a permutation drawn from ``rng``. Clusters that end empty are replaced by the
    candidates farthest from those picked, at the end and with score 0. A smaller batch is not this one's beginning.

    Departures: centres are found on a sample of ``sample`` candidates a centre where there are more, in proportion to
    their weights, and moved once by all of them.

    Cost: O(min(N, sample·k)·k·D) time an iteration, O(N·C) once, O(N + sample·k·D) memory.

    Use it for large batches, and where the pool is shifted against what the model was trained on, which is what it was
    made for; not for the first batch, when entropies say little, and not for the one most uncertain item: a cluster's
    centre need not be unsure.
    """
    check_positive("clue", temperature=temperature)
    check_counts("clue", iterations=iterations, sample=sample)
    order = rng.permutation(int(probs.shape[0]))
    row_bytes = 8 * int(probs.shape[1])
    entropies = map_rows(lambda block: predictive.entropy(predictive.tempered(block, temperature)), probs, row_bytes)
    weights = np.maximum(to_numpy(entropies), 0.0)
    return central_members(embeddings, k, rng, order, weights=weights, iterations=iterations, sample=sample)
