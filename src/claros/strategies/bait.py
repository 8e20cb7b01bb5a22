"""BAIT: pick what would tell most about the last layer, by its Fisher information."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from claros.arrays import Array, Floats, Indices
from claros.errors import InputError
from claros.measures.fisher import Gains, binary_directions, common_scale
from claros.measures.fisher_full import ClassGains, blocks, needed_bytes
from claros.pick import Picked, in_order
from claros.strategies.parameters import check_positive
from claros.strategy import strategy

__all__ = ["bait"]

#: What `bait` with all classes may hold; beyond, it says so before it begins.
MOST_BYTES = 8 << 30


@strategy(
    reference="Ash et al. 2021, arXiv:2106.09675; binary: Huseljic et al. 2024, arXiv:2404.08981",
    optional=("labeled_probs", "labeled_embeddings"),
)
def bait(
    k: int,
    *,
    probs: Array,
    embeddings: Array,
    rng: np.random.Generator,
    labeled_probs: Array | None = None,
    labeled_embeddings: Array | None = None,
    method: Literal["binary", "full"] = "binary",
    regularisation: float = 1.0,
    oversample: float = 2.0,
) -> Picked:
    """Pick what would tell most about the last layer: what lowers its expected variance over the whole pool most.

    The Fisher information of an item is what its label would tell about the last layer's weights, whatever the label
    turns out to be. With M = regularisation·I + what the labeled items and the picks tell, and F what all the items
    would, the picks are to make tr(M⁻¹F) small. They are found greedily: max(k, ``oversample`` · k) of them one by
    one, and then, one by one, those that are missed least are dropped. A pick's score is by how much it lowered the
    trace when it was picked, with F the mean over all items. A batch that is pruned is made for its k: a smaller one
    is not its beginning.

    ``method="binary"`` looks only at whether the predicted class is right, so that an item tells √(p(1 - p))·h, one
    direction of D; ``"full"`` looks at all classes, as the first paper, and all C·D weights. Ties are broken by a
    permutation drawn from ``rng``: gains within a billionth of each other are tied. Certain predictions and zero
    embeddings tell nothing, and come last.

    Departures: information is summed and not averaged, so that a labeled item counts as much as a pick; the authors'
    code weighs the batch against the mean of what is labeled. A regularisation below 1e-6 of the largest information
    counts as that much.

    Cost: binary O(N·D²) once and O(N·D) a pick, O(N + D²) memory, with arithmetic in the embeddings' precision whose
    rounding is settled in float64. Full O(N·C²·D²) once and O(N·C²·(C + D)) a pick, O(N·C² + C²·D²) memory; more than
    8 GiB are refused.

    Use it with a linear head on good fixed features, where the binary form is the best single strategy in published
    comparisons; full where classes and candidates are few. Not with features of thousands of dimensions, which call
    for a projection first, and not where the model is fine-tuned and the last layer is the least of it.
    """
    check_positive("bait", regularisation=regularisation)
    if oversample < 1.0:
        raise InputError(f"bait: oversample must be at least 1; got {oversample!r}.")
    if (labeled_probs is None) != (labeled_embeddings is None):
        raise InputError("bait: labeled_probs and labeled_embeddings belong together; pass both or neither.")
    given = [(probs, embeddings)]
    if labeled_probs is not None and labeled_embeddings is not None and labeled_probs.shape[0]:
        given.append((labeled_probs, labeled_embeddings))
    order = rng.permutation(int(probs.shape[0]))
    wanted = min(len(order), max(k, math.ceil(oversample * k)))
    gains = _binary(given, regularisation) if method == "binary" else _full(given, regularisation)
    picks, scores = _forward(gains, wanted, order)
    kept = np.sort(gains.left(picks, k, order))
    n_items = sum(int(table.shape[0]) for table, _ in given)
    return Picked(picks[kept], scores[kept] / n_items)


def _forward(gains: Gains | ClassGains, wanted: int, order: Indices) -> tuple[Indices, Floats]:
    """Again and again the candidate with the largest gain; where none tells anything, the rest by ``order``."""
    free, picks, scores = np.ones(len(order), dtype=bool), np.empty(wanted, dtype=np.int64), np.zeros(wanted)
    for place in range(wanted):
        pick, gain = gains.best(free, order)
        if not gain > 0.0:
            rest = np.flatnonzero(free)
            picks[place:] = in_order(rest, order)[: wanted - place]
            break
        gains.take(pick)
        picks[place], scores[place], free[pick] = pick, gain, False
    return picks, scores


def _binary(given: list[tuple[Array, Array]], ridge: float) -> Gains:
    scale = common_scale(*(embeddings for _, embeddings in given))
    directions = [binary_directions(probs, embeddings, scale) for probs, embeddings in given]
    candidates, *labeled = [some.information() for some in directions]
    known = sum(labeled, np.zeros_like(candidates))
    return Gains(directions[0], known, candidates + known, ridge * scale**2)


def _full(given: list[tuple[Array, Array]], ridge: float) -> ClassGains:
    (n, classes), width = given[0][0].shape, int(given[0][1].shape[1])
    needed = needed_bytes(n, classes, width)
    if needed > MOST_BYTES:
        raise InputError(
            f"bait: method='full' with {n} candidates, {classes} classes and {width} features takes "
            f"{needed / 2**30:.0f} GiB, more than {MOST_BYTES >> 30}; use method='binary', or prefilter the candidates."
        )
    scale = common_scale(*(embeddings for _, embeddings in given))
    items = [blocks(probs, embeddings, scale) for probs, embeddings in given]
    candidates, *labeled = [some.information() for some in items]
    known = sum(labeled, np.zeros_like(candidates))
    return ClassGains(items[0], known, candidates + known, ridge * scale**2)
