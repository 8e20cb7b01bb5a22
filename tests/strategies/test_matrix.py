"""Whatever another library or paper calls a strategy: it is here by a name, or a decision says why it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from claros import compose, strategies

LEFT_OUT = next((Path(__file__).parents[2] / "docs" / "decisions").glob("*-strategies-that-are-left-out.md"))

#: What MDALTH, ALLS, DalMax, scikit-activeml, small-text, baal, modAL, ALiPy, DeepAL+, badge, distil, dal-toolbox,
#: lightly, cleanlab and the papers' own repositories have, and what it is called here.
COUNTERPARTS = {
    "random": "random",
    "least confidence": "least_confidence",
    "CEAL": "ceal",
    "margin, breaking ties": "margin breaking_ties",
    "entropy": "entropy",
    "distance to boundary": "logit_margin distance_to_boundary",
    "cost-matrix uncertainty": "expected_cost cost_margin",
    "variation ratio": "variation_ratio",
    "mean-std": "mean_std",
    "temperature-calibrated uncertainty": "tempered",
    "MC dropout least confidence, margin, entropy": "consensus_least_confidence consensus_margin consensus_entropy",
    "BALD": "bald",
    "BatchBALD": "batch_bald",
    "power, softmax, rank batches": "stochastic power_bald",
    "EPIG": "epig",
    "BEMPS CoreMSE, CoreLog": "bemps core_mse core_log",
    "query by committee": "vote_entropy query_by_committee consensus_entropy mean_kl max_kl",
    "k-means nearest": "kmeans",
    "hierarchical k-means": "hierarchical_kmeans",
    "k-center, Core-Set": "k_center coreset",
    "robust k-center": "robust_k_center",
    "lightweight coreset": "lightweight_coreset",
    "TypiClust": "typiclust",
    "ProbCover": "prob_cover",
    "MaxHerding": "max_herding",
    "DCoM": "dcom",
    "DPP": "k_dpp",
    "submodular": "facility_location graph_cut disparity saturated_coverage",
    "information and graph density": "information_density graph_density",
    "discriminative": "discriminative dal",
    "GSx, GSy, iGS": "gsx gsy igs",
    "BADGE": "badge",
    "BAIT": "bait",
    "CAL": "cal",
    "ALFA-Mix": "alfa_mix",
    "FALCUN": "falcun",
    "CLUE": "clue",
    "DropQuery": "drop_query",
    "UHerding": "uherding",
    "Cluster-Margin": "cluster_margin",
    "ranked batch": "ranked_batch",
    "FASS": "fass",
    "density-weighted": "density_weighted",
    "EGL": "egl egl_full",
    "EMCM, EMOC": "emcm emoc",
    "expected error reduction, VOI": "expected_error_reduction value_of_information",
    "GLISTER, GradMatch": "glister grad_match",
    "QUIRE": "quire",
    "probabilistic AL": "mcpal",
    "DeepFool, BIM": "deepfool bim adversarial_sampling",
    "learning loss": "learning_loss",
    "LAL": "lal",
    "ALBL, EXP3, TAILOR, LAL-RL": "albl exp3 tailor lal_rl reinforcement_learning_sampling",
    "SIMILAR": "similar conditional_gain",
    "partition wrapper": "partitioned",
    "class balancer": "class_balanced",
    "SEALS, AnchorAL": "seals anchor_al",
    "multi-label": "multilabel_margin mmc adaptive_multilabel cvirs lci audi",
    "ActiveLab": "active_lab",
    "cost": "per_cost",
    "label shift weights": "prior_corrected",
    "GALAXY, DIRECT, BASE": "galaxy direct base",
    "LCMD, ACS-FW": "lcmd acs_fw",
    "informative-diverse, mixture": "informative_diverse mixture",
    "budget switch": "switch",
    "Refine": "refine",
    "noise stability": "noise_stability",
    "MELL": "mell",
    "MNLP, token entropy": "mnlp token_uncertainty",
    "committee of regressions": "qbc_variance",
    "GraNd": "grand",
}


@pytest.mark.parametrize("row", COUNTERPARTS)
def test_what_others_have_is_here_by_name(row: str) -> None:
    for name in COUNTERPARTS[row].split():
        known = name in strategies.REGISTRY or name in strategies.ALIASES or name in compose.WRAPPERS
        assert known, f"{row}: {name} is not there"


@pytest.mark.parametrize(
    "method",
    [
        "SPAL",
        "BMDR",
        "HintSVM",
        "variance reduction",
        "KL-max",
        "EMVR",
        "RT-AL",
        "AUDI",
        "Expected average precision",
        "epistemic and aleatoric",
        "stream",
        "feature acquisition",
        "xPAL",
        "ActiveFT",
        "AutoAL",
        "PAL",
        "MedSelect",
        "IALE",
        "CDAL",
        "TA-VAAL",
        "ALPS",
        "LDM",
        "SVP",
        "kernel BAIT",
        "ensemble of agents",
        "MaxDet",
    ],
)
def test_what_is_left_out_has_a_reason(method: str) -> None:
    assert f"**{method}**" in LEFT_OUT.read_text("utf-8")
