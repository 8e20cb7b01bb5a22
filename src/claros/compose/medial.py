"""Batches with the class shares of a medial distribution, between those of the labeled items and of the target."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from claros.arrays import Floats, Indices, to_numpy
from claros.compose.composite import Candidates, Part, compose, of_each_class, resolve
from claros.compose.scores import PREDICTIONS, prior_corrected
from claros.measures import predictive
from claros.pick import Picked
from claros.shift import medial
from claros.strategy import Strategy

__all__ = ["malls", "quotas"]


def malls(strategy: Part, *, rule: Any = "uniform", adjust: bool = True) -> Strategy:
    """A batch whose predicted classes have the shares of a medial distribution, the strategy's best ones of each.

    ``rule`` says which: "uniform", "source" (no quotas), "target", "square_root", a number a for
    source^(1-a) · target^a, or a list of shares; the source is the mean prediction of the candidates, the target the
    labeled items' shares times ``class_weights``, which a campaign with a target sample gives. With ``adjust``,
    predictions are multiplied by these weights before classes are predicted and the strategy is asked. Each class has
    its part of the batch as far as its candidates reach, by largest remainders, and the batch is always full. A pick's
    score is the strategy's.

    Source: Zhao, Liu, Anandkumar & Yue 2021, arXiv:2007.08479 (MALLS). Departures: no label that nobody bought is
    looked at, and quotas are met exactly.

    Cost: that of the strategy, and O(N·C + k) time, O(N) memory; for a strategy that picks by itself, a copy of one
    class's inputs at a time.

    Use it with correction="prediction(method=rlls)" to do as the paper does (with "both", predictions come adjusted:
    then adjust=false); not expecting quotas to help margin: of what it picks a third
    is of the class that is predicted, and with adjustment alone it did as well in our comparison. They do help scores
    that would fill a batch with copies.
    """
    if isinstance(rule, str) or np.ndim(rule) == 0:
        medial(rule, [0.5, 0.5], [0.5, 0.5])  # what is no rule is said now
    strategy = resolve(strategy)
    sees = any(name in PREDICTIONS for name in (*strategy.needs, *strategy.optional))
    corrected = prior_corrected(strategy) if adjust and sees else strategy

    def pick(pool: Candidates, k: int) -> Picked:
        weights = pool.inputs.get("class_weights")
        inner = strategy if weights is None else corrected
        if weights is None:
            pool = replace(pool, inputs={name: one for name, one in pool.inputs.items() if name != "class_weights"})
        if rule == "source":
            return pool.pick(inner, k, pool.rng)
        probs = to_numpy(pool.inputs["probs"]).astype(np.float64)
        factors = np.ones(probs.shape[1]) if weights is None else to_numpy(weights).astype(np.float64)
        factors = factors if factors.any() else np.ones_like(factors)
        seen = predictive.reweighted(probs, factors / factors.max()) if adjust else probs
        between = medial(rule, np.maximum(probs.mean(axis=0), 1e-12), _target(pool, factors))
        predicted = np.argmax(seen, axis=1)
        sizes = np.bincount(predicted, minlength=len(factors))
        picked = of_each_class(
            pool, inner, predicted, lambda rng: np.repeat(np.arange(len(sizes)), quotas(k, between, sizes, rng))
        )
        shares = np.bincount(predicted[picked.indices])
        said = ", ".join(f"{count} of class {code}" for code, count in enumerate(shares) if count)
        return picked._replace(note=f"Quotas by predicted class: {said}.")

    optional = ("class_weights", "labels")
    return compose(malls, (strategy,), pick, needs=("probs",), optional=optional, rule=rule, adjust=adjust)


def _target(pool: Candidates, factors: Floats) -> Floats:
    """The target's class shares: those of what is labeled times the weights; uniform where nothing is labeled."""
    labels = pool.inputs.get("labels")
    known = np.zeros(len(factors)) if labels is None else np.bincount(labels, minlength=len(factors))[: len(factors)]
    wanted = known * factors
    total = float(wanted.sum())
    return np.asarray(wanted / total if total > 0 else np.full(len(factors), 1.0 / len(factors)))


def quotas(k: int, shares: Floats, sizes: Indices, rng: np.random.Generator) -> Indices:
    """Whole numbers (C,) that sum to k, in proportion to the shares as far as each class's size allows.

    What a class lacks is divided among the others, again in proportion (water-filling); classes without a share come
    last. Remainders go to the largest, equal ones in random order.

    >>> quotas(10, np.array([0.5, 0.4, 0.1]), np.array([2, 100, 100]), np.random.default_rng(0)).tolist()
    [2, 6, 2]
    """
    order, k = rng.permutation(len(shares)), min(k, int(sizes.sum()))
    exact, full = np.zeros(len(shares)), np.zeros(len(shares), dtype=bool)
    while not full.all():
        weight = np.where(full, 0.0, shares)
        weight = weight if weight.sum() > 0 else (~full).astype(np.float64)
        exact = np.where(full, sizes, (k - sizes[full].sum()) * weight / weight.sum())
        over = ~full & (exact > sizes)
        if not over.any():
            break
        full |= over
    found = np.minimum(np.floor(exact + 1e-9).astype(np.int64), sizes)
    while (left := k - int(found.sum())) > 0:
        room = np.flatnonzero(found < sizes)
        ranked = room[np.lexsort((order[room], -(exact - found)[room].round(9)))]
        found[ranked[:left]] += 1
    return found
