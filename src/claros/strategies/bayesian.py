"""Strategies that ask what labels would tell about the model, by members of a posterior: dropout passes, an ensemble.

Strategies over hard votes and the members' average are in `claros.strategies.committee`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from claros.arrays import Array, Floats, Indices, namespace, row_blocks, take, to_numpy
from claros.errors import InputError
from claros.measures import disagreement, joint
from claros.pick import Picked, first_of, gumbel_top_k, in_order, top_k
from claros.strategies.coverage import kmeans
from claros.strategy import scorer, strategy

__all__ = ["bald", "batch_bald", "bemps", "epig", "mean_std", "power_bald", "target_members"]


@scorer(reference="Houlsby et al. 2011, arXiv:1112.5745; Gal, Islam & Ghahramani 2017, arXiv:1703.02910", rowwise=True)
def bald(*, member_probs: Array) -> Array:
    """What the label would tell about the model: mutual information in nats, in [0, log C].

    High where each member is sure and they contradict each other, 0 where all agree, however unsure they are.

    Cost: O(N·S·C) time, O(N) memory.

    Use it where labels are noisy in places, which it leaves alone while margin asks there again and again; not for
    large batches by itself, whose members tell the same thing: draw them by `power_bald`.
    """
    return disagreement.mutual_information(member_probs)


@scorer(reference="Kampffmeyer, Salberg & Jenssen 2016; Gal, Islam & Ghahramani 2017, arXiv:1703.02910", rowwise=True)
def mean_std(*, member_probs: Array) -> Array:
    """Standard deviation of the members' probabilities, averaged over the classes; in [0, 1/2].

    Cost: O(N·S·C) time, O(N) memory.

    Use it as a plain stand-in for `bald`; not with many classes, over which the average spreads what the few that
    matter say.
    """
    return disagreement.mean_deviation(member_probs)


@strategy(reference="Kirsch et al. 2021, arXiv:2106.12059", stochastic=True)
def power_bald(k: int, *, member_probs: Array, rng: np.random.Generator, beta: float = 1.0) -> Picked:
    """Draw a batch in proportion to mutual information to the power of ``beta``, without replacement.

    A pick's score is its mutual information in nats, as in `bald`, its probability the chance it had in its draw.
    Items on which all members agree come last, in random order. ``beta`` above 1 is nearer to the highest scores,
    below 1 nearer to uniform.

    Cost: O(N·S·C) time, O(N) memory.

    Use it for batches of more than a few, where the highest scores are many times the same question: it does as well
    as `batch_bald` there for next to nothing. Not for one pick at a time, where `bald` is the better.
    """
    if beta <= 0:
        raise InputError(f"power_bald: beta must be positive; got {beta!r}.")
    order = rng.permutation(int(member_probs.shape[0]))
    return gumbel_top_k(to_numpy(disagreement.mutual_information(member_probs)), k, rng, order, beta=beta)


@strategy(reference="Kirsch, van Amersfoort & Gal 2019, arXiv:1906.08158")
def batch_bald(k: int, *, member_probs: Array, rng: np.random.Generator, samples: int = 1000) -> Picked:
    """The batch whose labels together tell most about the model, built greedily.

    A pick's score is what its label adds to those picked before, I(y; model | their labels) in nats, so the scores add
    up to the information of the batch; the first is the highest by `bald`. What the labels may turn out to be is
    enumerated while there are at most ``samples`` cases, C to the power of the picks; beyond that so many are drawn
    from the members' predictions, in turn, and the score is estimated without bias: from 1,000 cases to about 0.003
    nats. Once no label would add anything, the rest is in random order.

    Departures: cases are weighted by their own probability, and only the entropy that is left given a case is
    averaged, so that nothing underflows however large the batch; the paper weights joint probabilities.

    Cost: O(k·N·C·samples·S) time, O(N + samples·S) memory.

    Use it for batches of up to 10 or 20, where labels are dear; beyond that its price is out of proportion to what it
    gains on `power_bald`, and with few members nothing is left to tell after some picks.
    """
    if samples < 1:
        raise InputError(f"batch_bald: samples must be at least 1; got {samples}.")
    order = rng.permutation(int(member_probs.shape[0]))
    gains = to_numpy(disagreement.mutual_information(member_probs))
    certain = to_numpy(joint.expected_entropy(member_probs)) if k > 1 else gains
    cases = joint.Cases(int(member_probs.shape[1]), samples)
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < k:
        gains[picks] = -np.inf
        best, score = np.flatnonzero(gains == gains.max()), float(gains.max())
        if picks:
            best, score = _settled(member_probs, gains, cases)
        if score <= 0.0:
            break
        picks.append(first_of(best, order))
        scores.append(score)
        if len(picks) < k:
            cases.extend(to_numpy(member_probs[picks[-1]]).astype(np.float64), rng)
            gains = to_numpy(joint.conditional_entropy(member_probs, cases)) - certain
    return _filled(picks, scores, order, k)


def _settled(member_probs: Array, gains: Floats, cases: joint.Cases) -> tuple[Indices, float]:
    """Whose label adds most, and how much, 0 if that is but rounding; what rounding leaves open, float64 settles."""
    xp = namespace(member_probs)
    members, classes = (int(size) for size in member_probs.shape[1:])
    slack = disagreement.noise(member_probs, classes)
    near = np.flatnonzero(gains >= gains.max() - slack)
    if gains.max() <= slack:
        return near, 0.0
    exact = np.empty(len(near))
    for rows in row_blocks(len(near), 16 * members * classes):
        few = xp.astype(take(member_probs, near[rows]), xp.float64)
        exact[rows] = to_numpy(joint.conditional_entropy(few, cases) - joint.expected_entropy(few))
    score = float(exact.max())
    return near[exact >= score - disagreement.noise(few, classes)], score


def _filled(picks: list[int], scores: list[float], order: Indices, k: int) -> Picked:
    """The picks, and as many more as are wanted, at random and with score 0."""
    free = np.ones(len(order), dtype=bool)
    free[picks] = False
    rest = np.flatnonzero(free)
    rest = in_order(rest, order)[: k - len(picks)]
    return Picked(np.concatenate([np.array(picks, dtype=np.int64), rest]), np.array(scores + [0.0] * len(rest)))


@scorer(reference="Bickford Smith et al. 2023, arXiv:2304.08151", optional=("target_member_probs",))
def epig(
    *, member_probs: Array, rng: np.random.Generator, target_member_probs: Array | None = None, targets: int = 500
) -> Array:
    """What the label would tell about the labels of the items that the model is for; nats, in [0, log C].

    The mean mutual information of the candidate's label and a target's, where `bald` counts all that the label tells
    about the model, needed or not. The targets are ``target_member_probs``, or ``targets`` candidates drawn from
    ``rng``, all of them if there are no more.

    Cost: O(N·M·C²·S) time, O(N + M·S·C) memory, for M targets.

    Use it where the pool is not what the model is for (junk, other sources, shifted classes) and a sample of the right
    kind is at hand; not with many classes, for its price.
    """
    return joint.pair_information(member_probs, target_members("epig", member_probs, target_member_probs, targets, rng))


@strategy(reference="Tan, Du & Buntine 2021, arXiv:2110.14171", stochastic=True, optional=("target_member_probs",))
def bemps(
    k: int,
    *,
    member_probs: Array,
    rng: np.random.Generator,
    target_member_probs: Array | None = None,
    score: Literal["mse", "log"] = "mse",
    batch: Literal["diverse", "top"] = "diverse",
    targets: int = 500,
    shortlist: int = 10,
) -> Picked:
    """The candidates whose labels are expected to change the predictions for the targets most, unlike each other.

    A label would move each member's weight by how well it predicted it, and with it the mean prediction for a target:
    the score is the expected squared distance of that move (``score="mse"``, CoreMSE, in [0, 2]) or its divergence in
    nats (``"log"``, CoreLog, which equals `epig`), averaged over the targets: ``target_member_probs``, or ``targets``
    candidates drawn from ``rng``. With ``batch="diverse"``, the ``shortlist``·k highest scores are clustered by which
    targets they would move, and the one nearest to the centre of each of k clusters is picked; with ``"top"``, and for
    k = 1, the highest scores are. Picks come highest score first; a diverse batch is made for its k.

    Departures: the short list is a multiple of the batch, where the paper takes a share of the pool.

    Cost: O((N + M)·S²·C) time for ``mse``, O(N·M·S·C²) for ``log``, and O(shortlist·k·M·(S·C² + k)) for a diverse
    batch; O(N + M·(S·C + shortlist·k)) memory.

    Use it where a few batches must serve the whole pool; not with many classes and large batches, for its price.
    """
    if shortlist < 1:
        raise InputError(f"bemps: shortlist must be at least 1; got {shortlist}.")
    sample = target_members("bemps", member_probs, target_member_probs, targets, rng)
    measure = joint.expected_change if score == "mse" else joint.pair_information
    scores = to_numpy(measure(member_probs, sample))
    ranked = top_k(scores, shortlist * k if batch == "diverse" and k > 1 else k, rng)
    if len(ranked.indices) <= k:
        return ranked
    short = take(member_probs, np.sort(ranked.indices))
    moves = to_numpy(joint.shared_changes(short, sample, information=score == "log"))
    moves /= np.maximum(np.linalg.norm(moves, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    moves = np.round(moves, 9)  # two members of a cluster are equally far from its centre, whatever the last digits say
    chosen = np.sort(kmeans(k, embeddings=moves, rng=rng).indices)
    picks = ranked.indices[np.isin(ranked.indices, np.sort(ranked.indices)[chosen])]  # in the order of their scores
    return Picked(picks, scores[picks])


def target_members(who: str, member_probs: Array, given: Array | None, count: int, rng: np.random.Generator) -> Array:
    """The target sample, or so many candidates in its place."""
    if count < 1:
        raise InputError(f"{who}: targets must be at least 1; got {count}.")
    if given is not None and given.shape[0]:
        return given
    return take(member_probs, np.sort(rng.permutation(int(member_probs.shape[0]))[:count]))
