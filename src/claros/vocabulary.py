"""What strategies, stopping rules and estimators may ask for: names, axes, kinds and meanings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["AXES", "NEEDS", "ROWS", "Need"]

#: One letter an axis, the same everywhere.
AXES: Mapping[str, str] = {
    "N": "candidates",
    "L": "labeled items",
    "M": "target sample",
    "T": "stop set",
    "B": "last batch",
    "C": "classes",
    "S": "samples or members",
    "D": "features",
    "F": "fixed features",
    "K": "labels of a multi-label task",
    "Q": "examples of what is looked for",
    "P": "examples of what is not asked for",
    "A": "annotators",
    "W": "tokens",
}


@dataclass(frozen=True)
class Need:
    """One input: its name, its axes (none for a scalar), the kind of value, and what it means."""

    name: str
    axes: tuple[str, ...]
    kind: str
    meaning: str


def _table(*rows: tuple[str, str, str, str]) -> dict[str, Need]:
    return {name: Need(name, tuple(axes), kind, meaning) for name, axes, kind, meaning in rows}


#: The whole vocabulary. Names are public API.
NEEDS: Mapping[str, Need] = _table(
    ("probs", "NC", "probabilities", "predicted class probabilities"),
    ("logits", "NC", "real", "scores before the softmax"),
    (
        "decision_values",
        "NC",
        "real",
        "signed distances from each class's boundary to the rest, as of a support vector machine",
    ),
    ("member_probs", "NSC", "probabilities", "probabilities of S members: dropout passes, an ensemble, a committee"),
    ("label_probs", "NK", "unit", "probability of each label of a multi-label task, independently of the others"),
    ("embeddings", "ND", "real", "feature vectors of the candidates under the current model"),
    ("features", "NF", "real", "fixed feature vectors of the candidates, which no training changes"),
    ("clusters", "N", "codes", "cluster of each candidate, made once from the fixed features"),
    ("labeled_features", "LF", "real", "fixed feature vectors of what is labeled"),
    ("query_features", "QF", "real", "fixed feature vectors of examples of what is looked for"),
    ("private_features", "PF", "real", "fixed feature vectors of what must not be asked for, or not again"),
    ("labeled_embeddings", "LD", "real", "feature vectors of what is labeled, under the current model"),
    ("labeled_probs", "LC", "probabilities", "predicted class probabilities of what is labeled"),
    ("labels", "L", "codes", "classes of what is labeled, as codes, in the order in which they were told"),
    ("labeled_at_random", "L", "codes", "1 where drawn at random, 0 where chosen (2: of the sample, chosen later)"),
    ("captures", "LS", "codes", "1 where a member of a committee had chosen the labeled item, too, else 0"),
    ("target_probs", "MC", "probabilities", "predictions on a sample of the inputs that the model is for"),
    ("target_member_probs", "MSC", "probabilities", "members' predictions on that sample"),
    ("previous_probs", "NC", "probabilities", "predictions of the previous round's model"),
    ("head_weights", "CD", "real", "weights of the linear last layer over the embeddings"),
    ("head_bias", "C", "real", "bias of the linear last layer"),
    ("boundary_distance", "N", "nonnegative", "length of the smallest adversarial step that changes the prediction"),
    ("bim_distance", "N", "nonnegative", "how far steps along the gradient's sign lead before the prediction changes"),
    ("predicted_loss", "N", "real", "loss predicted by a learned module"),
    ("gradient_norm", "N", "nonnegative", "length of the loss's gradient in all weights, expected over the labels"),
    ("cost_matrix", "CC", "nonnegative", "cost of predicting the second class where the first is true"),
    ("class_weights", "C", "nonnegative", "importance of each class under label shift"),
    ("costs", "N", "positive", "price of labeling each item"),
    ("annotations", "NA", "votes", "the class that each annotator gave each item, -1 where none"),
    ("token_probs", "NWC", "tokens", "predicted tag probabilities of each token, rows of zeros after the last one"),
    ("predicted_values", "N", "real", "predictions of a regression"),
    ("member_values", "NS", "real", "predictions of S members of a regression"),
    ("labeled_values", "L", "real", "values of what is labeled, in a regression"),
    ("stop_predictions", "T", "codes", "predicted classes on a fixed random stop set"),
    ("stop_probs", "TC", "probabilities", "predicted class probabilities on the stop set"),
    ("stop_member_probs", "TSC", "probabilities", "members' predictions on the stop set"),
    ("stop_embeddings", "TD", "real", "feature vectors of the stop set under the current model"),
    ("stop_decision_values", "TC", "real", "signed distances of the stop set from each class's boundary to the rest"),
    ("stop_label_predictions", "TK", "codes", "predicted labels of a multi-label task on the stop set, 1 or 0"),
    ("stop_twin_predictions", "T", "codes", "predicted classes of a second model of the same labels, another seed"),
    ("stop_labeled", "T", "codes", "1 where an item of the stop set has been labeled, else 0"),
    ("batch_probs", "BC", "probabilities", "what the model that chose the last batch predicted for it"),
    ("batch_member_probs", "BSC", "probabilities", "what the members of that model predicted for it"),
    ("batch_labels", "B", "codes", "the labels that came back for the last batch"),
    ("class_prior", "C", "probabilities", "the classes' shares in the pool, when known"),
    ("nearest_labeled_distance", "N", "nonnegative", "distance to the nearest labeled item, kept between rounds"),
    ("neighbour_graph", "N", "graph", "who is near whom by fixed features, kept between rounds (a RadiusGraph)"),
    ("n_labeled", "", "count", "labels so far"),
    ("n_pool", "", "count", "size of the pool"),
    ("n_audited", "", "count", "labels so far of the audit set, which was drawn at random and trains nothing"),
    ("n_audited_correct", "", "count", "how many of them the current model predicts right"),
    ("n_support_vectors", "", "count", "support vectors of the current model"),
    ("label_sets", "LK", "flags", "labels of what is labeled in a multi-label task, 1 or 0"),
    ("label_cardinality", "", "amount", "labels that a labeled item of a multi-label task has on average"),
    ("round", "", "count", "rounds of training so far"),
    ("spent", "", "amount", "money spent so far"),
    ("elapsed", "", "amount", "seconds since the start"),
    ("metric", "", "number", "a metric on labeled validation items"),
)

#: Those with a row for each candidate.
ROWS = frozenset(name for name, need in NEEDS.items() if need.axes[:1] == ("N",))
