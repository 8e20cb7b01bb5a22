"""What several annotators say together: consensus by Dawid and Skene, and how much each is worth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from claros.arrays import Floats, Indices

__all__ = ["Consensus", "active_label_quality", "agreement_bounds", "dawid_skene", "majority"]


class Consensus(NamedTuple):
    """Chances of each item's class (N, C), each annotator's confusion (A, C, C), and the classes' shares (C,).

    ``confusion[a, c, d]`` is the chance that annotator a says d where the class is c.
    """

    probs: Floats
    confusion: Floats
    prior: Floats
    iterations: int


def majority(annotations: Indices, n_classes: int) -> Floats:
    """Shares of the votes, (N, A) with -1 where there is none -> (N, C); 1/C each for items without votes."""
    votes = np.zeros((len(annotations), n_classes))
    item, annotator = np.nonzero(annotations >= 0)
    np.add.at(votes, (item, annotations[item, annotator]), 1.0)
    counts = votes.sum(axis=1, keepdims=True)
    shares: Floats = np.where(counts > 0, votes / np.maximum(counts, 1.0), 1.0 / n_classes)
    return shares


def dawid_skene(
    annotations: Indices, n_classes: int, *, smoothing: float = 0.01, iterations: int = 1000, tolerance: float = 1e-8
) -> Consensus:
    """Maximum-likelihood consensus of annotators who err in ways of their own; (N, A) with -1 where none.

    EM from the majority: each class's share, each annotator's confusion matrix (with ``smoothing`` added to every
    count), each item's chances, until no chance moves by more than ``tolerance``. Items without votes have the shares.
    O(votes·C) time an iteration. Reference: Dawid & Skene 1979, Applied Statistics 28.

    >>> dawid_skene(np.array([[0, 0, 1], [1, 1, 1], [0, 0, 0]]), 2).probs.argmax(axis=1).tolist()
    [0, 1, 0]
    """
    annotations = np.asarray(annotations)
    item, annotator = np.nonzero(annotations >= 0)
    said = annotations[item, annotator]
    probs = majority(annotations, n_classes)
    several = annotations.shape[1]
    confusion, prior = np.zeros((several, n_classes, n_classes)), np.full(n_classes, 1.0 / n_classes)
    voted = np.unique(item)
    turns = 0
    while turns < iterations:
        turns += 1
        counts = np.full((several, n_classes, n_classes), smoothing)
        np.add.at(counts.transpose(0, 2, 1), (annotator, said), probs[item])
        confusion = counts / counts.sum(axis=2, keepdims=True)
        prior = (probs[voted].sum(axis=0) + smoothing) / (len(voted) + n_classes * smoothing)
        logs = np.tile(np.log(prior), (len(annotations), 1))
        np.add.at(logs, item, np.log(confusion[annotator, :, said]))
        after = np.exp(logs - logs.max(axis=1, keepdims=True))
        after /= after.sum(axis=1, keepdims=True)
        moved = float(np.max(np.abs(after - probs), initial=0.0))
        probs = after
        if moved <= tolerance:
            break
    return Consensus(probs, confusion, prior, turns)


def agreement_bounds(annotations: Indices, n_classes: int, *, alpha: float = 0.05) -> Floats:
    """Upper end of the interval of how often each annotator agrees with the majority, (A,), as in IEThresh.

    Mean agreement plus Student's t at 1 - ``alpha``/2 times the standard error, over the items that the annotator has
    labeled and more than one annotator has; infinite with fewer than two of these, so that new annotators are tried.
    A tie of the majority counts as agreement in part. Reference: Donmez, Carbonell & Schneider 2009, KDD.
    """
    from scipy.stats import t

    shares = majority(annotations, n_classes)
    top = shares >= shares.max(axis=1, keepdims=True) - 1e-12
    reward = top / top.sum(axis=1, keepdims=True)
    several = np.count_nonzero(annotations >= 0, axis=1) > 1
    bounds = np.full(annotations.shape[1], np.inf)
    for annotator in range(annotations.shape[1]):
        rows = np.flatnonzero((annotations[:, annotator] >= 0) & several)
        if len(rows) > 1:
            found = reward[rows, annotations[rows, annotator]]
            error = float(np.std(found, ddof=1)) / np.sqrt(len(rows))
            bounds[annotator] = float(np.mean(found)) + float(t.ppf(1.0 - alpha / 2.0, len(rows) - 1)) * error
    return bounds


def active_label_quality(annotations: Indices, probs: Floats) -> Floats:
    """How sure one may be of each item's class, from its annotations and a model; (N, A), (N, C) -> (N,), in [0, 1].

    Low where one more label is worth most, be it the first or one more. An annotator's weight is how much more often
    the annotator agrees with others than a guess of the most frequent class would agree; the model's likewise, against
    the consensus of the items with several annotations. Each says the consensus class with its quality; with a weight
    equal to the annotators' mean, a vote that knows nothing (1/C) is added. Reference: Goh & Mueller 2023,
    arXiv:2301.11856 (ActiveLab), with the weights of CROWDLAB, arXiv:2210.06812.
    """
    n_classes = probs.shape[1]
    votes = majority(annotations, n_classes)
    counts = np.count_nonzero(annotations >= 0, axis=1)
    consensus = np.argmax(np.where(counts[:, None] > 0, votes + 1e-6 * probs, probs), axis=1)
    agreement, share, model = _weights(annotations, consensus, probs, counts)
    item, annotator = np.nonzero(annotations >= 0)
    weight = np.zeros(len(annotations))
    np.add.at(weight, item, agreement[annotator])
    told = np.full(len(annotations), 0.0)
    same = annotations[item, annotator] == consensus[item]
    likely = np.where(same, share, (1.0 - share) / max(1, n_classes - 1))
    np.add.at(told, item, agreement[annotator] * likely)
    own = probs[np.arange(len(probs)), consensus]
    idle = float(np.mean(agreement))
    total = weight + model + idle
    quality: Floats = (told + model * own + idle / n_classes) / np.maximum(total, 1e-300)
    return np.where(total > 0.0, quality, 1.0 / n_classes)


def _weights(annotations: Indices, consensus: Indices, probs: Floats, counts: Indices) -> tuple[Floats, float, float]:
    """Weights of annotators (A,), the chance that an annotator says the consensus class, and the model's weight."""
    several = counts > 1
    rows = several if several.any() else counts > 0
    if not rows.any():
        return np.ones(annotations.shape[1]), 1.0, 1.0
    here, agreed = annotations[rows], consensus[rows]
    most = np.bincount(agreed).argmax()
    guess_error = max(float(np.mean(agreed != most)), 1.0 / (1.0 + len(agreed)))
    given = here >= 0
    same = (here == agreed[:, None]) & given
    each = np.divide(same.sum(axis=0), given.sum(axis=0), out=np.ones(here.shape[1]), where=given.any(axis=0))
    weights = np.maximum(1.0 - (1.0 - each) / guess_error, 1e-6)
    right = float(np.mean(np.argmax(probs[rows], axis=1) == agreed))
    model = max(1.0 - (1.0 - right) / guess_error, 1e-6) * float(np.sqrt(np.mean(counts[rows])))
    share = min(max(float(same.sum() / max(1, given.sum())), 1e-6), 1.0 - 1e-6)
    return weights, share, model
