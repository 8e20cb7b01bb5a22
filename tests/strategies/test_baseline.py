"""Random: every ordered pair is as likely as any other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

import claros


def test_every_ordered_pair_is_as_likely_as_any_other() -> None:
    """12 pairs, 6,000 draws from fixed seeds; a sound generator fails with probability 1e-4."""
    counts = np.zeros((4, 4))
    for seed in range(6000):
        first, second = claros.select("random", 2, n=4, seed=seed).indices
        counts[first, second] += 1
    assert not counts.diagonal().any()
    p = chisquare(counts[~np.eye(4, dtype=bool)]).pvalue
    assert p > 1e-4, f"p = {p:.2g}"


def test_its_probabilities_are_those_of_drawing_without_replacement() -> None:
    picked = claros.select("random", 3, n=5)
    assert picked.probabilities == pytest.approx([1 / 5, 1 / 4, 1 / 3])
    assert picked.all_scores is None
    assert "drawn with probability 0.2" in picked.reasons[0]


def test_it_needs_the_number_of_candidates_and_nothing_else() -> None:
    with pytest.raises(claros.errors.InputError, match="number of candidates is not known; pass n="):
        claros.select("random", 3)
    assert len(claros.select("random", 3, probs=[[1.0], [1.0], [1.0], [1.0]])) == 3
