"""How warmly each strategy is recommended, by published comparisons and our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

__all__ = ["Tier", "tier"]

#: What to try first; what is right and has its place; what is there so that nothing is missing.
Tier = Literal["recommended", "solid", "parity"]

_NAMED: Mapping[Tier, str] = {
    "recommended": """
        random auto margin badge bait max_herding uherding typiclust drop_query alfa_mix bald power_bald epig falcun
        cluster_margin galaxy direct similar tailor
    """,
    "parity": """
        graph_cut saturated_coverage disparity graph_density hierarchical_kmeans discriminative ranked_batch fass
        informative_diverse noise_stability value_of_information glister grad_match acs_fw quire mcpal emoc
        greedy_features greedy_values value_variance albl exp3 bim egl_full grand vaal waal core_gcn uncertain_gcn lal
        adaptive_multilabel cvirs
    """,
}
_TIERS: Mapping[str, Tier] = {name: tier for tier, names in _NAMED.items() for name in names.split()}


def tier(name: str) -> Tier:
    """``recommended``, ``solid`` or ``parity``; a strategy of a third party is solid.

    >>> tier("margin"), tier("entropy"), tier("disparity")
    ('recommended', 'solid', 'parity')
    """
    return _TIERS.get(name, "solid")
