"""Is one strategy better than another, by how much, and how many labels does it save?

Everything is paired by seed: run number i of all arms had the same start and the same data. A learning curve is a
pair ``(n_labeled, metric)``, see `claros.experiment.curves`; arms are compared on the range of labels that all their
curves share. Nothing is called better or worse on fewer than `LEAST_SEEDS` seeds, or settings, and what is called in
one setting is corrected for its number of arms.
"""

from __future__ import annotations

from claros.experiment.compare.comparison import Comparison, compare, compare_all, correct, verdict
from claros.experiment.compare.correction import holm
from claros.experiment.compare.labels_saved import DRAWS, GAIN, Savings, savings
from claros.experiment.compare.overall import Overall, across_settings
from claros.experiment.compare.paired import LEAST_SEEDS, Difference, paired_bootstrap, paired_difference
from claros.experiment.compare.penalties import Pairwise, pairwise
from claros.experiment.compare.profile import Profiles, profiles
from claros.experiment.compare.ranking import Ranks, mean_ranks
from claros.experiment.compare.setting import Results, Table, label_table, level_table
from claros.experiment.curves import area, labels_to_reach, normalised_area

__all__ = [
    "DRAWS",
    "GAIN",
    "LEAST_SEEDS",
    "Comparison",
    "Difference",
    "Overall",
    "Pairwise",
    "Profiles",
    "Ranks",
    "Results",
    "Savings",
    "Table",
    "across_settings",
    "area",
    "compare",
    "compare_all",
    "correct",
    "holm",
    "label_table",
    "labels_to_reach",
    "level_table",
    "mean_ranks",
    "normalised_area",
    "paired_bootstrap",
    "paired_difference",
    "pairwise",
    "profiles",
    "savings",
    "verdict",
]
