"""Stopping rules by name; one file per rule, loaded on first use.

::

    rule = claros.stopping.get("stabilizing_predictions", window=3, threshold=0.99)
    trace.append(rule.observe(stop_predictions=predictions))     # once a round; what it returns survives JSON
    rule.decide(trace)                                           # Decision(stop, ready, value, threshold, reason)

``first & second`` stops when both do, ``first | second`` when either does, ``rule.patience(3)`` when the rule said
stop three times in a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from claros.errors import InputError, suggest
from claros.registry import Registry, read_spec
from claros.stopping.advisor import Advisor, Outlook
from claros.stopping.combine import All, AnyOf, Patience
from claros.stopping.rule import Decision, Observation, Rule, first_stop, replay

__all__ = [
    "ALIASES",
    "REGISTRY",
    "Advisor",
    "All",
    "AnyOf",
    "Decision",
    "Observation",
    "Outlook",
    "Patience",
    "Rule",
    "first_stop",
    "from_spec",
    "get",
    "names",
    "replay",
]

#: Other names that the field has for a rule, each with the parameters that it stands for.
ALIASES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "buscar": ("cmh", {}),
    "evm": ("variance_model_selected", {}),
    "ipp": ("inhomogeneous_poisson", {}),
    "low_average_uncertainty": ("overall_uncertainty", {"threshold": 0.01, "measure": "least_confidence"}),
    "maximum_uncertainty": ("max_confidence", {}),
    "mes": ("overall_uncertainty", {"threshold": 0.01, "measure": "least_confidence"}),
    "min_error": ("selected_accuracy", {}),
    "minimum_expected_error": ("overall_uncertainty", {"threshold": 0.01, "measure": "least_confidence"}),
    "static_confidence": ("confidence_drop", {"strict": False}),
    "vm": ("variance_model", {}),
}

#: The table: one line a rule. Third parties add theirs by an entry point in the group ``claros.stopping``.
REGISTRY: Registry[type[Rule]] = Registry(
    "stopping rule",
    {
        "advisor": "claros.stopping.advisor:Advisor",
        "budget": "claros.stopping.budget:Budget",
        "stabilizing_predictions": "claros.stopping.stabilizing_predictions:StabilizingPredictions",
        "classification_change": "claros.stopping.classification_change:ClassificationChange",
        "predicted_change_of_f": "claros.stopping.predicted_change_of_f:PredictedChangeOfF",
        "stabilizing_predictions_bound": "claros.stopping.stabilizing_predictions_bound:StabilizingPredictionsBound",
        "stabilizing_label_sets": "claros.stopping.stabilizing_label_sets:StabilizingLabelSets",
        "retraining_noise_floor": "claros.stopping.retraining_noise_floor:RetrainingNoiseFloor",
        "validation_agreement": "claros.stopping.validation_agreement:ValidationAgreement",
        "intrinsic_stopping_criterion": "claros.stopping.intrinsic_stopping_criterion:IntrinsicStoppingCriterion",
        "overall_uncertainty": "claros.stopping.overall_uncertainty:OverallUncertainty",
        "max_confidence": "claros.stopping.max_confidence:MaxConfidence",
        "entropy_mcs": "claros.stopping.entropy_mcs:EntropyMcs",
        "selected_accuracy": "claros.stopping.selected_accuracy:SelectedAccuracy",
        "threshold_update": "claros.stopping.threshold_update:ThresholdUpdate",
        "confidence_drop": "claros.stopping.confidence_drop:ConfidenceDrop",
        "contradictory_information": "claros.stopping.contradictory_information:ContradictoryInformation",
        "performance_convergence": "claros.stopping.convergence:PerformanceConvergence",
        "uncertainty_convergence": "claros.stopping.convergence:UncertaintyConvergence",
        "variance_model": "claros.stopping.variance_model:VarianceModel",
        "variance_model_selected": "claros.stopping.variance_model:VarianceModelSelected",
        "margin_exhaustion": "claros.stopping.margin_exhaustion:MarginExhaustion",
        "saturating_support_vectors": "claros.stopping.saturating_support_vectors:SaturatingSupportVectors",
        "low_density_cut": "claros.stopping.low_density_cut:LowDensityCut",
        "gradient_stability": "claros.stopping.gradient_stability:GradientStability",
        "model_stability": "claros.stopping.model_stability:ModelStability",
        "error_stability": "claros.stopping.error_stability:ErrorStability",
        "information_left": "claros.stopping.information_left:InformationLeft",
        "plateau": "claros.stopping.plateau:Plateau",
        "target_accuracy": "claros.stopping.target_accuracy:TargetAccuracy",
        "cmh": "claros.stopping.recall.cmh:CMH",
        "qbcb": "claros.stopping.recall.qbcb:QBCB",
        "consecutive_irrelevant": "claros.stopping.recall.consecutive_irrelevant:ConsecutiveIrrelevant",
        "batch_precision": "claros.stopping.recall.batch_precision:BatchPrecision",
        "rule_2399": "claros.stopping.recall.rule_2399:Rule2399",
        "half": "claros.stopping.recall.half:Half",
        "knee": "claros.stopping.recall.knee:KneeRule",
        "knee_budget": "claros.stopping.recall.knee_budget:KneeBudget",
        "quant": "claros.stopping.recall.quant:Quant",
        "quant_ci": "claros.stopping.recall.quant:QuantCI",
        "inhomogeneous_poisson": "claros.stopping.recall.inhomogeneous_poisson:InhomogeneousPoisson",
        "curve_fit": "claros.stopping.recall.curve_fit:CurveFit",
        "chao": "claros.stopping.recall.chao:ChaoRule",
        "cost_optimal": "claros.stopping.cost_optimal:CostOptimal",
    },
    group="claros.stopping",
    aliases={name: rule for name, (rule, _) in ALIASES.items()},
)

_SEVERAL: Mapping[str, type[All | AnyOf]] = {"all": All, "any": AnyOf}
_COMBINATIONS: Mapping[str, type[Rule]] = {**_SEVERAL, "patience": Patience}


def get(name: str, /, **parameters: Any) -> Rule:
    """The rule of that name, with the given parameters over its defaults; names in `ALIASES` bring some of their own.

    Or the rule that a text describes, as ``"budget(labels=500) | stabilizing_predictions.patience(2)"``; nothing in it
    is run.

    >>> get("stabilizing_predictions", threshold=0.98).spec()["parameters"]["threshold"]
    0.98
    >>> get("minimum_expected_error").spec()
    {'name': 'overall_uncertainty', 'parameters': {'threshold': 0.01, 'measure': 'least_confidence'}}
    >>> get("budget(labels=9) & advisor").name
    'all'
    """
    if any(sign in name for sign in "(&|"):
        from claros.stopping.expression import parse

        if parameters:
            raise InputError(f"{name} has its parameters inside; got {next(iter(parameters))} beside it.")
        return parse(name)
    rule = REGISTRY.load(name)
    parameters = {**ALIASES.get(name, (name, {}))[1], **parameters}
    _check_parameters(name, parameters, rule)
    return rule(**parameters)


def from_spec(spec: Mapping[str, Any]) -> Rule:
    """The rule that ``Rule.spec()`` described, combinations included.

    >>> rule = get("budget", labels=500) | get("overall_uncertainty").patience(2)
    >>> from_spec(rule.spec()) == rule
    True
    """
    name, parameters = read_spec(spec, "stopping rule")
    if name not in _COMBINATIONS:
        return get(name, **parameters)
    _check_parameters(name, parameters, _COMBINATIONS[name])
    try:
        if name == "patience":
            return Patience(from_spec(parameters["rule"]), parameters.get("calls", 2))
        members = parameters["rules"]
    except KeyError as missing:
        raise InputError(f"{name}: the specification lacks {missing.args[0]!r}; got {dict(spec)!r}.") from missing
    if not isinstance(members, (list, tuple)):
        raise InputError(f"{name}: rules must be a list of specifications; got {members!r:.80}.")
    return _SEVERAL[name](tuple(from_spec(member) for member in members))


def _check_parameters(name: str, parameters: Mapping[str, Any], rule: type[Rule]) -> None:
    known = [field.name for field in fields(rule)]
    unknown = next((parameter for parameter in parameters if parameter not in known), None)
    if unknown is not None:
        raise InputError(f"{name}: {suggest(unknown, known, 'parameter')}")


def names() -> list[str]:
    """All rules' names."""
    return REGISTRY.names()
