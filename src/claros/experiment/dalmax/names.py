"""What DalMax calls strategies, and what they are called here.

Names are looked up when they are used, so that a strategy of somebody's own package can stand for one, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from claros import strategies
from claros.errors import UnknownNameError, suggest

__all__ = ["STRATEGIES", "TYPES", "Meant", "strategy_of_name", "strategy_of_type"]

#: The types of ``train_al.py --type``. They are other names of our strategies: see `claros.strategies.ALIASES`.
TYPES = (
    "uncertainty_sampling",
    "query_by_committee",
    "diversity_sampling",
    "core_set_selection",
    "adversarial_sampling",
    "reinforcement_learning_sampling",
    "expected_model_change",
    "bayesian_sampling",
    "random_sampling",
)


class Meant(NamedTuple):
    """A strategy of ours, and which fixed features it looks at instead of the model's embeddings, if any."""

    strategy: str
    features: str = ""


#: The names of ``demo.py --strategy_name``.
STRATEGIES: Mapping[str, Meant] = {
    "RandomSampling": Meant("random"),
    "LeastConfidence": Meant("least_confidence"),
    "MarginSampling": Meant("margin"),
    "EntropySampling": Meant("entropy"),
    "LeastConfidenceDropout": Meant("consensus_least_confidence"),
    "MarginSamplingDropout": Meant("consensus_margin"),
    "EntropySamplingDropout": Meant("consensus_entropy"),
    "KMeansSampling": Meant("kmeans"),
    "KCenterGreedy": Meant("k_center"),
    "BALDDropout": Meant("bald"),
    "AdversarialBIM": Meant("bim"),
    "AdversarialDeepFool": Meant("deepfool"),
    "SSRAEKmeansSampling": Meant("kmeans", "texture:ssrae"),
    "VCTexKmeansSampling": Meant("kmeans", "texture:vctex"),
    "SSRAEKmeansHCSampling": Meant("hierarchical_kmeans", "texture:ssrae"),
    "VCTexKmeansHCSampling": Meant("hierarchical_kmeans", "texture:vctex"),
}


def strategy_of_type(type: str) -> str:
    """The strategy that a type of ``train_al.py`` stands for; ours by their own names and expressions, too.

    >>> strategy_of_type("core_set_selection"), strategy_of_type("badge")
    ('k_center', 'badge')
    """
    if "(" not in type and type not in strategies.REGISTRY:
        raise UnknownNameError(suggest(type, [*TYPES, *strategies.names()], "type of active learning"))
    return strategies.get(type).name


def strategy_of_name(name: str) -> Meant:
    """What a ``--strategy_name`` of ``demo.py`` stands for; ours by their own names, too.

    >>> strategy_of_name("KCenterGreedy")
    Meant(strategy='k_center', features='')
    """
    meant = STRATEGIES.get(name, Meant(name))
    if "(" not in meant.strategy and meant.strategy not in strategies.REGISTRY:
        raise UnknownNameError(suggest(name, [*STRATEGIES, *strategies.names()], "strategy_name"))
    return meant
