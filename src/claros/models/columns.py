"""Every model answers for all classes: columns of classes that training never saw, and heads that say the same."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from claros.arrays import Floats, Indices

__all__ = ["UNSEEN_LOGIT", "Head", "softmax", "spread_decisions", "spread_head", "spread_logits", "spread_probs"]

#: The logit of a class that training never saw. Beside centred logits, the largest of which is at least 0, it leaves
#: a probability below 2e-22, and unlike minus infinity it is a number that arithmetic survives.
UNSEEN_LOGIT = -50.0


class Head(NamedTuple):
    """A linear last layer: weights (K, D) and bias (K,) over the K classes seen, whose softmax is the prediction."""

    weights: Floats
    bias: Floats


def softmax(logits: Floats) -> Floats:
    """Probabilities of logits along the last axis, in the logits' precision; (..., C) -> (..., C)."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probs: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return probs


def _spread(values: npt.NDArray[Any], seen: Indices, n_classes: int, fill: float) -> npt.NDArray[Any]:
    """Columns of the classes seen put in their places among all classes; (..., K) -> (..., C)."""
    if len(seen) == n_classes:
        return values
    spread = np.full((*values.shape[:-1], n_classes), fill, dtype=values.dtype)
    spread[..., seen] = values
    return spread


def spread_probs(probs: Floats, seen: Indices, n_classes: int) -> Floats:
    """Probabilities over all classes, 0 for the unseen; (..., K) -> (..., C)."""
    return _spread(probs, seen, n_classes, 0.0)


def spread_logits(logits: Floats, seen: Indices, n_classes: int) -> Floats:
    """Logits over all classes, centred where some are unseen, whose logit is `UNSEEN_LOGIT`; (..., K) -> (..., C)."""
    if len(seen) < n_classes:
        logits = logits - logits.mean(axis=-1, keepdims=True)
    return _spread(logits, seen, n_classes, UNSEEN_LOGIT)


def spread_decisions(values: Floats, seen: Indices, n_classes: int) -> Floats:
    """One value a class, of two classes (B,) -> (-f, f); far outside, `UNSEEN_LOGIT`, for the unseen; -> (B, C)."""
    columns = np.stack([-values, values], axis=1) if values.ndim == 1 else values
    return _spread(columns, seen, n_classes, UNSEEN_LOGIT)


def spread_head(head: Head, seen: Indices, n_classes: int) -> Head:
    """The head over all classes whose logits are those of `spread_logits`; (K, D), (K,) -> (C, D), (C,)."""
    if len(seen) == n_classes:
        return head
    weights = _spread((head.weights - head.weights.mean(axis=0)).T, seen, n_classes, 0.0).T
    return Head(np.ascontiguousarray(weights), _spread(head.bias - head.bias.mean(), seen, n_classes, UNSEEN_LOGIT))
