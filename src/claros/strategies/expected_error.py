"""Strategies that ask what the errors on other items would be once the label is known, by members of a posterior."""

from __future__ import annotations

import numpy as np

from claros.arrays import Array, Floats, row_blocks, to_numpy
from claros.checks import number
from claros.strategies.bayesian import target_members
from claros.strategy import scorer

__all__ = ["expected_error_reduction", "value_of_information"]

#: Bytes that a block of joint probabilities may take.
STEP_BYTES = 1 << 21


@scorer(
    reference="Roy & McCallum 2001, ICML; without retraining as in Zhao et al. 2021, arXiv:2102.09109",
    optional=("target_member_probs",),
)
def expected_error_reduction(
    *, member_probs: Array, rng: np.random.Generator, target_member_probs: Array | None = None, targets: int = 500
) -> Floats:
    """By how much the label is expected to lower the error on the items that the model is for; in [0, 1 - 1/C].

    A label moves each member's weight by how well the member predicted it; the score is the mean over the targets of
    the expected largest probability after that, less the one before. The targets are ``target_member_probs``, or
    ``targets`` candidates drawn from ``rng``. With the log loss in place of the error it would be `epig`.

    Departures: members of a posterior are weighed again, where the authors train again for every candidate and class.

    Cost: O(N·M·C²·S) time, O(N + M·S·C) memory, for M targets.

    Use it where errors are what counts and there are few classes; not with members that are many and alike, which no
    single label moves far enough to change a decision: most scores are then exactly 0, and `epig` still ranks.
    """
    sample = target_members("expected_error_reduction", member_probs, target_member_probs, targets, rng)
    classes = int(member_probs.shape[2])
    return np.maximum(_saved(member_probs, sample, 1.0 - np.eye(classes)), 0.0)


@scorer(
    reference="Kapoor, Horvitz & Basu 2007, IJCAI; Joshi, Porikli & Papanikolopoulos 2012, PAMI",
    optional=("target_member_probs", "costs"),
)
def value_of_information(
    *,
    member_probs: Array,
    cost_matrix: Array,
    rng: np.random.Generator,
    target_member_probs: Array | None = None,
    costs: Array | None = None,
    uses: float = 1000.0,
    targets: int = 500,
) -> Floats:
    """What the label is worth: the cost of mistakes that it is expected to save, less its price; in the costs' unit.

    As `expected_error_reduction`, with a decision by the smallest expected cost by ``cost_matrix`` in place of the most
    probable class, times ``uses``, the number of predictions that the model will make; less the item's price where
    ``costs`` are given. Below 0 the label costs more than it is expected to save.

    Departures: members of a posterior are weighed again, where the authors train again.

    Cost: O(N·M·C²·(S + C)) time, O(N + M·S·C) memory, for M targets.

    Use it where mistakes and labels have prices in one currency; not where the members' spread is no measure of what
    is unknown, as with a committee of three.
    """
    uses = number(uses, 0, np.inf, "value_of_information: uses")
    sample = target_members("value_of_information", member_probs, target_member_probs, targets, rng)
    saved = uses * _saved(member_probs, sample, to_numpy(cost_matrix).astype(np.float64))
    return saved if costs is None else saved - to_numpy(costs).astype(np.float64)


def _saved(member_probs: Array, targets: Array, cost_matrix: Floats) -> Floats:
    """Expected cost of the best decision on a target before, less after the label, averaged over targets; (N,).

    The chance of label y here and y' there is the mean over members of the product, J; the decision after y costs
    min over d of Σ J(y, y') cost(y', d), already weighted by the chance of y.
    """
    there = to_numpy(targets).astype(np.float64)  # (M, S, C)
    m, members, classes = there.shape
    before = float(np.mean(np.min(there.mean(axis=1) @ cost_matrix, axis=1)))
    priced = (there @ cost_matrix).transpose(1, 0, 2).reshape(members, m * cost_matrix.shape[1]) / members
    here, decisions = to_numpy(member_probs), cost_matrix.shape[1]
    after = np.zeros(len(here))
    for some in row_blocks(m, 8 * classes * decisions, STEP_BYTES):  # of the targets
        columns = priced[:, some.start * decisions : some.stop * decisions]
        for rows in row_blocks(len(here), 8 * classes * columns.shape[1], STEP_BYTES):
            block = here[rows].astype(np.float64).transpose(0, 2, 1).reshape(-1, members)  # (rows·C, S)
            costs = (block @ columns).reshape(-1, classes, some.stop - some.start, decisions)
            after[rows] += costs.min(axis=3).sum(axis=(1, 2))
    return np.asarray(before - after / m)
