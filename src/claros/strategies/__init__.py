"""Query strategies by name; one file per family, loaded on first use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claros.errors import InputError
from claros.registry import Registry, read_spec
from claros.strategy import Strategy

__all__ = ["ALIASES", "REGISTRY", "from_spec", "get", "names"]

#: Other names that the field has for the same strategy.
ALIASES: Mapping[str, str] = {
    "activelab": "active_lab",
    "adversarial_sampling": "deepfool",
    "alfamix": "alfa_mix",
    "audi": "label_cardinality_inconsistency",
    "batchbald": "batch_bald",
    "bayesian_sampling": "bald",
    "breaking_ties": "margin",
    "ceal": "least_confidence",
    "contrastive": "cal",
    "core_log": "epig",
    "core_mse": "bemps",
    "core_set": "k_center",
    "core_set_selection": "k_center",
    "coreset": "k_center",
    "dal": "discriminative",
    "density_weighted": "information_density",
    "discriminative_al": "discriminative",
    "distance_to_boundary": "logit_margin",
    "diversity_sampling": "kmeans",
    "dpp": "k_dpp",
    "dropquery": "drop_query",
    "dynamic_coverage": "dcom",
    "eer": "expected_error_reduction",
    "expected_gradient_length": "egl",
    "expected_model_change": "egl",
    "flqmi": "similar",
    "gradmatch": "grad_match",
    "gsx": "greedy_features",
    "gsy": "greedy_values",
    "hierarchical_k_means": "hierarchical_kmeans",
    "igs": "greedy_both",
    "jensen_shannon": "bald",
    "k_means": "kmeans",
    "kcenter": "k_center",
    "kmeans_pp": "kmeans_plus_plus",
    "lci": "label_cardinality_inconsistency",
    "llal": "learning_loss",
    "maxherding": "max_herding",
    "mean_entropy": "consensus_entropy",
    "mean_kl": "bald",
    "mean_least_confidence": "consensus_least_confidence",
    "mean_margin": "consensus_margin",
    "mell": "epig",
    "pal": "mcpal",
    "powerbald": "power_bald",
    "predictive_entropy": "consensus_entropy",
    "probcover": "prob_cover",
    "qbc_variance": "value_variance",
    "query_by_committee": "vote_entropy",
    "random_sampling": "random",
    "reinforcement_learning_sampling": "tailor",
    "uncertainty_herding": "uherding",
    "uncertainty_sampling": "entropy",
    "voi": "value_of_information",
}

#: The table: one line a strategy. Third parties add theirs by an entry point in the group ``claros.strategies``.
REGISTRY: Registry[Strategy] = Registry(
    "strategy",
    {
        "random": "claros.strategies.baseline:random",
        "auto": "claros.strategies.auto:auto",
        "least_confidence": "claros.strategies.uncertainty:least_confidence",
        "margin": "claros.strategies.uncertainty:margin",
        "entropy": "claros.strategies.uncertainty:entropy",
        "ratio": "claros.strategies.uncertainty:ratio",
        "gini": "claros.strategies.uncertainty:gini",
        "logit_margin": "claros.strategies.uncertainty:logit_margin",
        "energy": "claros.strategies.uncertainty:energy",
        "expected_cost": "claros.strategies.uncertainty:expected_cost",
        "cost_margin": "claros.strategies.uncertainty:cost_margin",
        "multilabel_margin": "claros.strategies.multilabel:multilabel_margin",
        "mmc": "claros.strategies.multilabel:mmc",
        "label_cardinality_inconsistency": "claros.strategies.multilabel:label_cardinality_inconsistency",
        "adaptive_multilabel": "claros.strategies.multilabel:adaptive_multilabel",
        "cvirs": "claros.strategies.multilabel:cvirs",
        "bald": "claros.strategies.bayesian:bald",
        "power_bald": "claros.strategies.bayesian:power_bald",
        "batch_bald": "claros.strategies.bayesian:batch_bald",
        "epig": "claros.strategies.bayesian:epig",
        "bemps": "claros.strategies.bayesian:bemps",
        "mean_std": "claros.strategies.bayesian:mean_std",
        "vote_entropy": "claros.strategies.committee:vote_entropy",
        "variation_ratio": "claros.strategies.committee:variation_ratio",
        "consensus_entropy": "claros.strategies.committee:consensus_entropy",
        "consensus_margin": "claros.strategies.committee:consensus_margin",
        "consensus_least_confidence": "claros.strategies.committee:consensus_least_confidence",
        "max_kl": "claros.strategies.committee:max_kl",
        "max_herding": "claros.strategies.herding:max_herding",
        "uherding": "claros.strategies.herding:uherding",
        "facility_location": "claros.strategies.herding:facility_location",
        "kmeans": "claros.strategies.coverage:kmeans",
        "k_center": "claros.strategies.coverage:k_center",
        "robust_k_center": "claros.strategies.coverage:robust_k_center",
        "kmeans_plus_plus": "claros.strategies.coverage:kmeans_plus_plus",
        "lcmd": "claros.strategies.coverage:lcmd",
        "k_dpp": "claros.strategies.coverage:k_dpp",
        "typiclust": "claros.strategies.typical:typiclust",
        "prob_cover": "claros.strategies.neighbours:prob_cover",
        "cal": "claros.strategies.neighbours:cal",
        "cluster_margin": "claros.strategies.clustered:cluster_margin",
        "badge": "claros.strategies.hybrid:badge",
        "iwal": "claros.strategies.iwal:iwal",
        "bait": "claros.strategies.bait:bait",
        "alfa_mix": "claros.strategies.mixing:alfa_mix",
        "drop_query": "claros.strategies.mixing:drop_query",
        "falcun": "claros.strategies.mixing:falcun",
        "clue": "claros.strategies.weighted:clue",
        "egl": "claros.strategies.weighted:egl",
        "deepfool": "claros.strategies.adversarial:deepfool",
        "bim": "claros.strategies.adversarial:bim",
        "learning_loss": "claros.strategies.learned_loss:learning_loss",
        "egl_full": "claros.strategies.gradients:egl_full",
        "grand": "claros.strategies.gradients:grand",
        "tailor": "claros.strategies.bandits.tailor:tailor",
        "albl": "claros.strategies.bandits.albl:albl",
        "exp3": "claros.strategies.bandits.exp3:exp3",
        "lal_rl": "claros.learned.lal_rl:lal_rl",
        "lal": "claros.learned.lal:lal",
        "graph_cut": "claros.strategies.submodular:graph_cut",
        "saturated_coverage": "claros.strategies.submodular:saturated_coverage",
        "disparity": "claros.strategies.submodular:disparity",
        "information_density": "claros.strategies.density:information_density",
        "graph_density": "claros.strategies.density:graph_density",
        "lightweight_coreset": "claros.strategies.representative:lightweight_coreset",
        "hierarchical_kmeans": "claros.strategies.representative:hierarchical_kmeans",
        "discriminative": "claros.strategies.discriminative:discriminative",
        "dcom": "claros.strategies.competence:dcom",
        "galaxy": "claros.strategies.lines:galaxy",
        "direct": "claros.strategies.lines:direct",
        "similar": "claros.strategies.rare:similar",
        "conditional_gain": "claros.strategies.rare:conditional_gain",
        "base": "claros.strategies.rare:base",
        "quire": "claros.strategies.small_pools:quire",
        "mcpal": "claros.strategies.small_pools:mcpal",
        "emoc": "claros.strategies.small_pools:emoc",
        "greedy_features": "claros.strategies.regression:greedy_features",
        "greedy_values": "claros.strategies.regression:greedy_values",
        "greedy_both": "claros.strategies.regression:greedy_both",
        "emcm": "claros.strategies.regression:emcm",
        "value_variance": "claros.strategies.regression:value_variance",
        "mnlp": "claros.strategies.sequence:mnlp",
        "token_uncertainty": "claros.strategies.sequence:token_uncertainty",
        "active_lab": "claros.strategies.annotators:active_lab",
        "core_gcn": "claros.learned.graph_network:core_gcn",
        "uncertain_gcn": "claros.learned.graph_network:uncertain_gcn",
        "vaal": "claros.learned.adversaries:vaal",
        "waal": "claros.learned.adversaries:waal",
        "ranked_batch": "claros.strategies.ranked:ranked_batch",
        "fass": "claros.strategies.ranked:fass",
        "informative_diverse": "claros.strategies.ranked:informative_diverse",
        "noise_stability": "claros.strategies.ranked:noise_stability",
        "expected_error_reduction": "claros.strategies.expected_error:expected_error_reduction",
        "value_of_information": "claros.strategies.expected_error:value_of_information",
        "glister": "claros.strategies.matching:glister",
        "grad_match": "claros.strategies.matching:grad_match",
        "acs_fw": "claros.strategies.matching:acs_fw",
    },
    group="claros.strategies",
    aliases=ALIASES,
)


def get(name: str, /, **parameters: Any) -> Strategy:
    """The strategy of that name, with the given parameters over its defaults, or that of an expression.

    An expression wraps strategies and has their parameters inside; `claros.compose` has the wrappers.

    >>> get("badge", temperature=2.0).spec()["parameters"]["temperature"]
    2.0
    >>> get("prefilter(margin, badge(temperature=2.0), factor=5)").needs
    ('probs', 'embeddings')
    """
    if "(" in name:
        from claros.compose import parse

        return parse(name).configure(**parameters)
    if name not in REGISTRY:
        from claros.compose import WRAPPERS, usage

        if name in WRAPPERS:
            raise InputError(f"{name} wraps strategies: write {usage(name)}.")
    return REGISTRY.load(name).configure(**parameters)


def from_spec(spec: Mapping[str, Any]) -> Strategy:
    """The strategy that ``Strategy.spec()`` described."""
    name, parameters = read_spec(spec, "strategy")
    return get(name, **parameters)


def names() -> list[str]:
    """All strategies' names."""
    return REGISTRY.names()
