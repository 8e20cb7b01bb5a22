"""Strategies that pick what the rest of the pool is most like: coverage by a kernel, weighted or not."""

from __future__ import annotations

from typing import Literal

import numpy as np

from claros.arrays import Array, Floats, to_numpy
from claros.errors import InputError
from claros.measures import predictive
from claros.measures.kernels import COINCIDENT, Kernel, Spread, closest_squares
from claros.pick import Picked
from claros.pick.herd import Cap, Herd
from claros.strategies.parameters import check_counts, check_positive
from claros.strategy import strategy

__all__ = ["WIDTHS", "facility_location", "max_herding", "uherding", "uncertainties"]

#: Radii outside of these, in units of the features' spread, make each item a neighbourhood of its own, or all one.
WIDTHS = (0.02, 1.5)


@strategy(
    reference="Bae, Noh & Sutherland 2024, arXiv:2407.12212",
    optional=("labeled_features", "nearest_labeled_distance"),
)
def max_herding(
    k: int,
    *,
    features: Array,
    rng: np.random.Generator,
    labeled_features: Array | None = None,
    nearest_labeled_distance: Floats | None = None,
    sigma: float = 1.0,
    kernel: Literal["rbf", "top_hat"] = "rbf",
    normalize: Spread = "spread",
    exact: int = 10_000,
    targets: int = 4000,
    candidates: int = 8000,
) -> Picked:
    """Again and again the candidate that raises the pool's mean coverage most, a gain in [0, 1].

    An item is covered by max k(x, s) over labeled and picked s, with k(x, s) = exp(-|x - s|² / sigma²); with
    ``kernel="top_hat"`` it is 1 within sigma and 0 beyond, which is ProbCover's rule. A pick's score is the gain in
    mean coverage at that moment. Gains are those of float64 arithmetic; those within 1e-10 of each other are tied, and
    a permutation drawn from ``rng`` decides, as it does where nothing is left to gain. ``nearest_labeled_distance``
    spares the comparison with the labeled items; the picks are the same.

    ``normalize="spread"`` moves all features, labeled ones too, to their mean and scales them to mean squared length
    1, so that two random items are about 1.4 apart; ``"length"`` scales every item to length 1, as the authors do, and
    has no use for ``nearest_labeled_distance``.

    Above ``exact`` items the mean is over that many random ``targets``, and the picks are from that many random
    ``candidates`` (at least 2 k); each candidate that is no target also counts for itself. The note says so.

    Departures: features are normalised by their spread and not by length, unless asked for, since the length of
    tabular features means something; and where the authors cap the pool, this caps what is covered and what may be
    picked.

    Cost: O(M·N'·D) time for M targets and N' candidates, which are all N up to ``exact``, and O(M·D) for each that is
    worked out again; O(N·D) memory.

    Use it for the first labels, up to some five a class, on features in which nearness means likeness; not once the
    model can say what it is unsure of: then `uherding`, `auto` or `margin`.
    """
    check_positive("max_herding", sigma=sigma)
    _check_width("max_herding", sigma)
    check_counts("max_herding", exact=exact, targets=targets, candidates=candidates)
    order = rng.permutation(int(features.shape[0]))
    weights = np.ones(len(order))
    sample = Cap(exact, targets, candidates).sample(k, weights, order, rng)
    herd = Herd(features, labeled_features, nearest_labeled_distance, sample, normalize)
    return herd.pick(k, Kernel(kernel, sigma), weights, order)


@strategy(
    reference="Bae, Oliveira & Sutherland 2025, ICLR, arXiv:2412.20644",
    optional=("labeled_features", "nearest_labeled_distance"),
)
def uherding(
    k: int,
    *,
    features: Array,
    probs: Array,
    rng: np.random.Generator,
    labeled_features: Array | None = None,
    nearest_labeled_distance: Floats | None = None,
    sigma: float = 0.0,
    quantile: float = 0.01,
    temperature: float = 1.0,
    normalize: Spread = "spread",
    exact: int = 10_000,
    targets: int = 4000,
    candidates: int = 8000,
) -> Picked:
    """Again and again the candidate that raises the pool's coverage, weighted by uncertainty, most; a gain in [0, 1].

    As `max_herding`, with a weight of 1 - (p₁ - p₂), the closeness of the two most probable classes, for every item to
    be covered; a pick's score is the gain in the mean of weight x coverage. The kernel's radius shrinks as labels come
    and the rule turns into margin: ``sigma=0`` takes the given quantile of the distances from each labeled item to
    its closest other one, within [0.02, 1.5], or 1 where fewer than two different labeled features are given.
    ``temperature`` first sharpens (< 1) or flattens (> 1) the probabilities: p^(1/T), normalised. If
    ``labeled_features`` has no row, or the model is sure of everything, all weights are 1 and it is `max_herding`.
    For ``normalize``, ``exact``, ``targets`` and ``candidates`` see there; half of the candidates are the most
    unsure. The note says what was done.

    Departures: the authors take the smallest distance between labeled items, which one near duplicate makes
    meaningless, where this takes a low quantile; and they fit the temperature on held-out labels, where this is given
    one. Features are normalised by their spread and not by length, unless asked for.

    Cost: O(M·N'·D + L²·D) time for M targets, N' candidates and L labeled, O(N·D) memory.

    Use it where the same rule is to serve from the first label to the last, on fixed features of a pretrained model;
    not from some ten labels a class on where the price counts: `margin` is then as good and far cheaper.
    """
    check_positive("uherding", temperature=temperature)
    if sigma < 0.0:
        raise InputError(f"uherding: sigma must be positive, or 0 to follow the labeled items; got {sigma!r}.")
    if sigma > 0.0:
        _check_width("uherding", sigma)
    if not 0.0 <= quantile <= 1.0:
        raise InputError(f"uherding: quantile must be within [0, 1]; got {quantile!r}.")
    check_counts("uherding", exact=exact, targets=targets, candidates=candidates)
    order = rng.permutation(int(features.shape[0]))
    cold = labeled_features is not None and not labeled_features.shape[0]
    margins = None if cold else predictive.margin(predictive.tempered(probs, temperature))
    weights, how = uncertainties(margins, len(order))
    sample = Cap(exact, targets, candidates).sample(k, weights, order, rng)
    herd = Herd(features, labeled_features, nearest_labeled_distance, sample, normalize)
    width = _labeled_gap(herd.labeled, quantile) if sigma == 0.0 else sigma
    picked = herd.pick(k, Kernel("rbf", width), weights, order)
    said = f"coverage {how or 'alone, since nothing is labeled yet'}, within a radius of {width:.3g}"
    return picked._replace(note="; ".join(filter(None, [said, picked.note])))


@strategy(
    reference="Nemhauser, Wolsey & Fisher 1978; for active learning Wei, Iyer & Bilmes 2015, ICML",
    optional=("labeled_features", "nearest_labeled_distance"),
)
def facility_location(
    k: int,
    *,
    features: Array,
    rng: np.random.Generator,
    labeled_features: Array | None = None,
    nearest_labeled_distance: Floats | None = None,
    similarity: Literal["cosine", "euclidean"] = "cosine",
    exact: int = 10_000,
    targets: int = 4000,
    candidates: int = 8000,
) -> Picked:
    """Again and again the candidate that raises most the mean similarity of an item to its closest representative.

    Greedy maximisation of mean_i max_s sim(i, s) over labeled and picked s, in [0, 1]: k-medoids, one medoid at a time.
    ``similarity="cosine"`` is (1 + cos)/2; ``"euclidean"`` is 1 - |x - s| / R, with R the diameter of a ball around the
    mean that holds all items, and the picks are the same for any larger R. A pick's score is its gain in the mean at
    that moment; gains within 1e-10 of each other are tied, and a permutation drawn from ``rng`` decides. Above
    ``exact`` items, ``targets`` and ``candidates`` are as for `max_herding`. ``nearest_labeled_distance`` is of use
    with ``"euclidean"`` only, and the picks are the same.

    Departures: a vector of zeros, which has no direction, counts as 3/4 similar to every other one.

    Cost: O(M·N'·D) time for M targets and N' candidates, which are all N up to ``exact``; the first gains by cosine
    are found in O(N·D) where nothing is labeled. O(N·D) memory.

    Use it for a first batch that stands for the whole pool, where no radius is to be chosen; not where the pool has
    outskirts that do not matter, as similarity never fades to nothing: `max_herding` leaves those alone.
    """
    check_counts("facility_location", exact=exact, targets=targets, candidates=candidates)
    order = rng.permutation(int(features.shape[0]))
    weights = np.ones(len(order))
    sample = Cap(exact, targets, candidates).sample(k, weights, order, rng)
    spread: Spread = "length" if similarity == "cosine" else "spread"
    herd = Herd(features, labeled_features, nearest_labeled_distance, sample, spread)
    return herd.pick(k, Kernel(similarity, herd.reach()), weights, order)


def uncertainties(scores: Array | None, n: int) -> tuple[Floats, str]:
    """Weights (N,) from uncertainties, all 1 where there are none or where no item has any; and in words."""
    if scores is None:
        return np.ones(n), ""
    weights = to_numpy(scores).astype(np.float64)
    if not weights.sum() > 0.0:
        return np.ones(n), "alone, since the model is sure of everything"
    return weights, "weighted by uncertainty"


def _check_width(who: str, sigma: float) -> None:
    """Raise an `InputError` for a width whose square overflows or vanishes."""
    if not 1e-12 <= sigma <= 1e12:
        raise InputError(f"{who}: sigma must be between 1e-12 and 1e12; got {sigma!r}.")


def _labeled_gap(labeled: Array | None, quantile: float) -> float:
    """A quantile of the distances from labeled items to their closest different one; 1 where there is none."""
    if labeled is None or labeled.shape[0] < 2:
        return 1.0
    squares = closest_squares(labeled, labeled, itself=True)
    gaps = np.sqrt(squares[squares > COINCIDENT])
    return float(np.clip(np.quantile(gaps, quantile), *WIDTHS)) if len(gaps) else 1.0
