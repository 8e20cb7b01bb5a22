"""The pairwise protocol of the BADGE paper (Ash et al. 2020) on tabular sets; published is a claim, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from claros.experiment.config import RunConfig
from claros.experiment.replicate.preset import Preset, Request, mean_level, settings

__all__ = ["pairwise"]

#: Sets that scikit-learn brings along; more come by ``--data``.
BUNDLED = ("digits", "wine", "breast_cancer")

#: Labels a round, and rounds: so that the doublings start + batch, + 2 batches, + 4, ... are covered.
BATCHES = {5: 16, 20: 8}

ARMS = ("badge", "k_center", "least_confidence", "margin", "entropy")


def _settings(request: Request) -> list[RunConfig]:
    model = {"name": "mlp", "parameters": {"hidden_layer_sizes": [256]}}
    made = []
    for file in (*BUNDLED, *request.data):
        for batch, rounds in BATCHES.items():

            def of(_: Path | str, batch: int = batch) -> dict[str, Any]:
                return {"strategy": list(ARMS), "model": model, "start": 20, "batch": batch}

            made += settings(request, [file], rounds, of)
    return made


pairwise = Preset(
    name="badge-pairwise",
    title="Who beats whom: the pairwise protocol of the BADGE paper on tabular sets",
    source="Ash, Zhang, Krishnamurthy, Langford, Agarwal 2020, Deep Batch Active Learning by Diverse, Uncertain "
    "Gradient Lower Bounds (ICLR), arXiv:1906.03671, section 4; github.com/JordanAsh/badge, scripts/agg_results.py at "
    "7532c8f",
    measure=mean_level,
    figures=("column mean of the penalties",),
    published={},
    settings=_settings,
    notes=(
        "Lower is better: how often an arm is significantly worse than another one, by paired t tests at budgets that "
        "double, until random is at 99 % of its last level; at most the number of settings.",
        "The published matrices are pictures, over seven data sets, three networks and batches of 100 to 10,000, so "
        "only the claim is compared. The arm ALBL is not run.",
        "Departures: small sets, batches of 5 and 20 from 20 labels on, a network of one hidden layer of 256 units as "
        "in the source's code, trained by scikit-learn for 300 epochs at most; at least six seeds where the paper has "
        "five.",
        "Give more sets with --data, each with labels; without a test part a quarter is held out.",
    ),
    seeds=10,
    extra="sklearn",
    claim="BADGE has the lowest column mean of all arms",
)
