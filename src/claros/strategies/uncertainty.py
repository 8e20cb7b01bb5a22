"""Strategies that ask what the model is least sure of, one item at a time."""

from __future__ import annotations

from claros.arrays import Array
from claros.errors import InputError
from claros.measures import decisions, predictive
from claros.measures.reach import entropy_reaches
from claros.strategy import scorer

__all__ = [
    "cost_margin",
    "energy",
    "entropy",
    "expected_cost",
    "gini",
    "least_confidence",
    "logit_margin",
    "margin",
    "ratio",
]


@scorer(reference="Lewis & Gale 1994, SIGIR", rowwise=True)
def least_confidence(*, probs: Array) -> Array:
    """1 minus the probability of the predicted class, in [0, 1 - 1/C].

    Also called ceal, whose other half is the setting ``pseudo_labels`` of campaigns and runs: training on what the
    model is sure of.

    Cost: O(N·C) time, O(N) memory.

    Use it with two classes, where it ranks as margin does; not with many: what counts is how far the second class is.
    """
    return predictive.least_confidence(probs)


@scorer(reference="Scheffer, Decomain & Wrobel 2001, IDA", rowwise=True)
def margin(*, probs: Array) -> Array:
    """1 minus the gap between the two most probable classes, in [0, 1]; also called breaking ties.

    With one class, all scores are 0.

    Cost: O(N·C) time, O(N) memory.

    Use it with any model that gives probabilities, from some ten labels a class on; it is hard to beat for its price.
    Not for the first labels, and not for batches so large that near copies of one item fill them.
    """
    return predictive.margin(probs)


@scorer(reference="Settles 2009, section 3.1, as a quotient in place of the difference", rowwise=True)
def ratio(*, probs: Array) -> Array:
    """The second largest probability over the largest, in [0, 1].

    With one class, all scores are 0. Differs from margin where three or more classes compete: 0.3 against 0.2 is as
    open as 0.6 against 0.4 here, and more open there.

    Cost: O(N·C) time, O(N) memory.

    Use it as margin, where no class ever gets a large share; with two classes it ranks exactly as margin does.
    """
    return predictive.ratio(probs)


@scorer(reference="Shannon 1948; Settles 2009, section 3.1", rowwise=True, reach=entropy_reaches)
def entropy(*, probs: Array) -> Array:
    """Entropy of the predicted classes in nats, in [0, log C], with 0 log 0 = 0.

    Cost: O(N·C) time, O(N) memory.

    Use it where confusion among several classes is what a label should end; not with many classes, whose small
    probabilities add up to more than the decision between the two that matter.
    """
    return predictive.entropy(probs)


@scorer(reference="Gini 1912; Breiman, Friedman, Olshen & Stone 1984, section 4.3", rowwise=True)
def gini(*, probs: Array) -> Array:
    """Chance that two labels drawn from the prediction differ, 1 minus the sum of p², in [0, 1 - 1/C].

    Cost: O(N·C) time, O(N) memory.

    Use it in place of entropy where small probabilities are not to be trusted, which it all but ignores; not for
    anything that margin does as well.
    """
    return predictive.gini(probs)


@scorer(reference="Liu, Wang, Owens & Li 2020, arXiv:2010.03759", rowwise=True)
def energy(*, logits: Array, temperature: float = 1.0) -> Array:
    """Free energy of the logits, -T log sum exp(z / T), in the logits' unit; any real number.

    High where no class's logit is large: it hunts outliers, that is, what the model has never seen the like of, and
    is no measure of how torn the model is between classes. Under a linear head logits grow away from the boundaries, so
    there it picks around the point where they meet.

    Cost: O(N·C) time, O(N) memory.

    Use it to find what the training data lacks in a clean pool; not where the pool has junk in it, which it asks for
    first, and not with logits that are logarithms of probabilities, whose energy is 0 for all.
    """
    if temperature <= 0:
        raise InputError(f"energy: temperature must be positive; got {temperature!r}.")
    return predictive.energy(logits, temperature)


@scorer(reference="Tong & Koller 2001, JMLR; Joshi, Porikli & Papanikolopoulos 2009, CVPR", rowwise=True)
def logit_margin(*, logits: Array) -> Array:
    """Minus the gap between the two largest logits, at most 0: how near the decision boundary is.

    A single column is a binary classifier's decision value f(x), and the score is -|f(x)|.

    Cost: O(N·C) time, O(N) memory.

    Use it with models that have decision values and no probabilities, such as support vector machines; not where
    probabilities are there: margin says the same of them and is easier to compare.
    """
    return predictive.logit_margin(logits)


@scorer(reference="Margineantu 2005, IJCAI; Chen & Lin 2013, TAAI", rowwise=True)
def expected_cost(*, probs: Array, cost_matrix: Array) -> Array:
    """Expected cost of the cheapest prediction, in the unit of the costs; at least 0.

    ``cost_matrix[i, j]`` is the cost of predicting class j where class i is true. With a cost of 1 for every mistake
    it is least confidence.

    Cost: O(N·C²) time, O(N) memory.

    Use it where mistakes differ in price, and what is dear to get wrong should be asked first; not where costs are
    about the same: margin then.
    """
    return decisions.expected_cost(probs, cost_matrix)


@scorer(reference="Chen & Lin 2013, TAAI", rowwise=True)
def cost_margin(*, probs: Array, cost_matrix: Array) -> Array:
    """Minus how much dearer the second cheapest prediction is than the cheapest; at most 0, in the unit of the costs.

    ``cost_matrix[i, j]`` is the cost of predicting class j where class i is true. With a cost of 1 for every mistake
    it ranks as margin does. With one class, all scores are 0.

    Cost: O(N·C²) time, O(N) memory.

    Use it as `expected_cost`, where the label should settle a decision rather than a risk; not where two classes cost
    the same to mistake for all others, since the gap between them is then 0 throughout.
    """
    return decisions.cost_gap(probs, cost_matrix)
