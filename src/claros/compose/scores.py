"""Wrappers that change what a strategy goes by: its scores, or the predictions that it sees."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np

from claros.arrays import Array, Floats, detached, device, namespace, row_blocks, to_numpy
from claros.checks import number
from claros.compose.composite import Candidates, Part, children, compose, resolve, scorer_only
from claros.errors import InputError
from claros.measures import predictive
from claros.pick import Picked
from claros.strategy import Strategy

__all__ = ["per_cost", "prior_corrected", "stochastic", "tempered"]

Kind = Literal["power", "softmax", "rank"]

#: What the model says of classes: the inputs that temperature and class weights change.
PREDICTIONS = (
    "probs",
    "logits",
    "member_probs",
    "labeled_probs",
    "target_probs",
    "target_member_probs",
    "previous_probs",
)


def stochastic(scorer: Part, *, kind: Kind = "power", beta: float = 1.0) -> Strategy:
    """A batch drawn by a scorer's scores, without replacement, in place of the k highest.

    With Gumbel noise on each candidate's log-weight, of which the k largest are taken. ``kind="power"`` draws in
    proportion to score^beta (scores must not be negative, and what scores 0 comes last, at random), ``"softmax"`` to
    exp(beta·score), ``"rank"`` to rank^-beta, the highest score having rank 1. The larger beta, the nearer the k
    highest. A pick's score is the scorer's; ``stochastic(bald)`` is PowerBALD.

    Source: Kirsch et al. 2021, arXiv:2106.12059.

    Cost: that of the scorer, and O(N) time and memory.

    Use it to make a good batch of any score at no price, where the k highest would all ask the same thing; not for
    batches of one, where the highest score is what is wanted.
    """
    if kind not in get_args(Kind):
        raise InputError(f"stochastic: kind must be {' or '.join(map(repr, get_args(Kind)))}; got {kind!r}.")
    beta = _above_zero(beta, "stochastic: beta")
    scorer = scorer_only("stochastic", scorer, "to draw by the scores")

    def pick(pool: Candidates, k: int) -> Picked:
        from claros.pick.stochastic import gumbel_top_k

        for_scores, for_draw = children(pool.rng, 2)
        scores = pool.scores(scorer, for_scores)
        return gumbel_top_k(scores, k, for_draw, for_draw.permutation(pool.n), kind=kind, beta=beta)

    return compose(stochastic, (scorer,), pick, stochastic=True, kind=kind, beta=beta)


def per_cost(scorer: Part) -> Strategy:
    """A scorer's score for each unit of price: divided by what the label costs.

    A negative score is multiplied by its price instead, so that of two equal ones the dear one still comes later.

    Source: Settles, Craven & Friedland 2008, NIPS workshop on cost-sensitive learning.

    Cost: that of the scorer, and O(N) time and memory.

    Use it where items differ in what their labels cost, and the score is 0 for an item that is not worth anything; not
    where the price comes from what makes an item worth asking, as its length does: then check against random first.
    """
    scorer = scorer_only("per_cost", scorer, "to divide the scores")

    def score(pool: Candidates) -> Floats:
        scores, costs = pool.scores(scorer, pool.rng), to_numpy(pool.inputs["costs"]).astype(np.float64)
        return np.where(scores < 0, scores * costs, scores / costs)

    return compose(per_cost, (scorer,), score, needs=("costs",), scores_items=True)


def tempered(strategy: Part, *, temperature: float) -> Strategy:
    """A strategy that sees predictions sharpened (temperature < 1) or flattened (> 1): p^(1/T), normalised.

    Logits are divided by T, and members' predictions are changed each by itself. Scores and picks are the strategy's.

    Source: Guo et al. 2017, arXiv:1706.04599.

    Cost: that of the strategy, and a copy of its predictions.

    Use it with a temperature that was fitted to held-out labels, for a network that is too sure of itself; not with a
    strategy that only ranks by the probability of two classes, whose order no temperature changes.
    """
    temperature = _above_zero(temperature, "tempered: temperature")

    def change(name: str, values: Array, pool: Candidates) -> Array:
        return _by_rows(values, lambda block: _tempered(block, temperature, name == "logits"))

    return _seeing(tempered, resolve(strategy), change, temperature=temperature)


def prior_corrected(strategy: Part) -> Strategy:
    """A strategy that sees predictions for a world with other class shares: p_c·w_c, normalised.

    The weights w are ``class_weights``, a class's share in that world over its share among the labels; logits get their
    logarithms added. A row whose weighted probabilities are all 0 stays as it is. Scores and picks are the strategy's.

    Source: Saerens, Latinne & Decaestecker 2002, Neural Computation 14; for active learning Zhao et al. 2021,
    arXiv:2007.08479.

    Cost: that of the strategy, and a copy of its predictions.

    Use it where the labeled items' class shares are not those that the model will meet, with weights that
    `claros.shift` estimates; not with weights from a handful of labels, whose errors go straight into the scores.
    """

    def change(name: str, values: Array, pool: Candidates) -> Array:
        xp = namespace(values)
        weights = xp.astype(detached(pool.inputs["class_weights"]), values.dtype)
        weights = weights / xp.max(weights) if float(xp.max(weights)) > 0 else xp.ones_like(weights)
        return _by_rows(values, lambda block: _weighted(block, weights, name == "logits"))

    return _seeing(prior_corrected, resolve(strategy), change, needs=("class_weights",))


def _above_zero(value: float, what: str) -> float:
    if number(value, 0, math.inf, what) == 0:
        raise InputError(f"{what} must be above 0; got {value!r}.")
    return float(value)


def _seeing(
    wrapper: Callable[..., Strategy],
    strategy: Strategy,
    change: Callable[[str, Array, Candidates], Array],
    needs: tuple[str, ...] = (),
    **parameters: Any,
) -> Strategy:
    """The strategy with its predictions changed, a scorer if it is one."""
    changed = [name for name in (*strategy.needs, *strategy.optional) if name in PREDICTIONS]
    if not changed:
        raise InputError(f"{wrapper.__name__} changes predictions, and {strategy.name} looks at none.")

    def seen(pool: Candidates) -> Candidates:
        new = {name: change(name, pool.inputs[name], pool) for name in changed if name in pool.inputs}
        return replace(pool, inputs={**pool.inputs, **new})

    def pick(pool: Candidates, k: int) -> Picked:
        return seen(pool).pick(strategy, k, pool.rng)

    def score(pool: Candidates) -> Floats:
        return seen(pool).scores(strategy, pool.rng)

    run = score if strategy.scores_items else pick

    return compose(wrapper, (strategy,), run, needs=needs, scores_items=strategy.scores_items, **parameters)


def _by_rows(values: Array, change: Callable[[Array], Array]) -> Array:
    """The changed array, worked out in blocks."""
    values = detached(values)
    xp = namespace(values)
    out = xp.empty(values.shape, dtype=values.dtype, device=device(values))
    for rows in row_blocks(int(values.shape[0]), 8 * math.prod(int(size) for size in values.shape[1:])):
        out[rows] = change(values[rows])
    return out


def _tempered(block: Array, temperature: float, logits: bool) -> Array:
    return block / temperature if logits else predictive.tempered(block, temperature)


def _weighted(block: Array, weights: Array, logits: bool) -> Array:
    if logits:
        xp = namespace(block)
        return block + xp.log(xp.clip(weights, min=xp.finfo(weights.dtype).tiny))
    return predictive.reweighted(block, weights)
