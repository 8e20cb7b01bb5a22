"""What a decision costs when mistakes cost differently: (N, C) and (C, C) -> (N,), higher = less settled.

As in `claros.measures.predictive`, equal rows get equal scores, bit for bit, wherever they stand.
"""

from __future__ import annotations

from claros.arrays import Array, map_rows, namespace
from claros.measures.predictive import FEW_CLASSES, columns

__all__ = ["cost_gap", "expected_cost"]

#: What BLAS sums in an order that depends on the row's place is rounded to so many parts of the largest cost.
PARTS = 2.0**36


def expected_cost(probs: Array, costs: Array) -> Array:
    """Expected cost of the cheapest prediction, in the unit of the costs; (N, C), (C, C) -> (N,), at least 0.

    ``costs[i, j]`` is the cost of predicting class j where i is true. O(N·C²) time, O(N) memory.
    """
    return map_rows(lambda block: namespace(block).min(_decisions(block, costs), axis=0), probs, _row_bytes(probs))


def cost_gap(probs: Array, costs: Array) -> Array:
    """Minus how much dearer the second cheapest prediction is; (N, C), (C, C) -> (N,), at most 0; 0 if C = 1.

    O(N·C²) time, O(N) memory.
    """

    def score(block: Array) -> Array:
        decisions = _decisions(block, costs)
        if decisions.shape[0] == 1:
            return decisions[0] * 0.0
        ordered = namespace(block).sort(decisions, axis=0)
        return ordered[0] - ordered[1]

    return map_rows(score, probs, _row_bytes(probs))


def _decisions(block: Array, costs: Array) -> Array:
    """Expected cost of each prediction in float64: (rows, C) -> (C, rows)."""
    xp = namespace(block)
    block, costs = xp.astype(block, xp.float64), xp.astype(costs, xp.float64)
    if block.shape[1] > FEW_CLASSES:
        unit = float(xp.max(costs)) / PARTS or 1.0
        return xp.round(xp.matrix_transpose(block @ costs) / unit) * unit
    of_class = columns(block)
    totals = []
    for decision in range(int(costs.shape[1])):
        total = of_class[0] * costs[0, decision]
        for true in range(1, int(costs.shape[0])):
            total = total + of_class[true] * costs[true, decision]
        totals.append(total)
    return xp.stack(totals)


def _row_bytes(probs: Array) -> int:
    return 16 * int(probs.shape[1])
