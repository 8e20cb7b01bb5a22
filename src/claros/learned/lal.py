"""LAL: what to label next, as a regression learned it from made-up tasks: by how much a label lowers the error."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from claros.arrays import Array, Floats, to_numpy
from claros.files import write_atomically
from claros.learned.features import MANY, RANKED, action_features
from claros.learned.policy import read_weights
from claros.learned.weights import pack
from claros.measures import predictive
from claros.strategy import scorer

__all__ = ["FEATURES", "HIDDEN", "SHAPES", "Regressor", "features", "lal", "read_regressor"]

#: What is known of a candidate by itself, of its rank among the candidates, and of the state of the learning.
FEATURES = (
    "least_confidence",
    "margin",
    "entropy",
    *(f"rank_of_{name}" for name in RANKED),
    "mean_least_confidence",
    "mean_margin",
    "spread_of_predictions",
    "labels",
)
#: Units of the hidden layer.
HIDDEN = 12
#: The tensors: mean and deviation of the features in training, and the network over what is left of them.
SHAPES = {
    "centre": (len(FEATURES),),
    "scale": (len(FEATURES),),
    "hidden_weights": (len(FEATURES), HIDDEN),
    "hidden_bias": (HIDDEN,),
    "drop_weights": (HIDDEN,),
    "drop_bias": (),
}
#: Decimals of a score: where a product of matrices puts a row may change the last bits, and equal candidates are tied.
DECIMALS = 9
#: The regressor that comes with Claros.
SHIPPED = Path(__file__).parent / "lal.safetensors"


@dataclass(frozen=True)
class Regressor:
    """The weights by name, and a JSON of how they came about."""

    weights: dict[str, Floats]
    training: dict[str, Any]

    def drops(self, known: Floats) -> Floats:
        """By how much the error on new data is expected to fall with each candidate's label; (N, 14) -> (N,)."""
        w = self.weights
        scaled = (known - w["centre"]) / w["scale"]
        return np.asarray(np.tanh(scaled @ w["hidden_weights"] + w["hidden_bias"]) @ w["drop_weights"] + w["drop_bias"])

    def write(self, path: Path) -> None:
        """Write the regressor as a safetensors file, atomically."""
        about = {"kind": "claros lal regressor", "training": json.dumps(self.training, ensure_ascii=False)}
        write_atomically(path, pack(self.weights, about))


def read_regressor(path: str | Path = "") -> Regressor:
    """The regressor in a file, or the one that comes with Claros; a `DataError` says what is wrong with it."""
    return Regressor(*read_weights(path or SHIPPED, SHAPES, "regressor", "claros train-policy --kind lal"))


def features(probs: Array, embeddings: Array, labeled: Array, rng: np.random.Generator) -> Floats:
    """(N, 14) what the regressor sees of each candidate, in the order of `FEATURES`; all but the ranks in [0, 1].

    The three scores of doubt are over the largest that they can be for so many classes. The state, the same for all
    candidates: the mean of two of these, the entropy of the shares of predicted classes over its largest, and labels
    a class over 20, at most 1.
    """
    n, classes = int(probs.shape[0]), int(probs.shape[1])
    most = np.array([1.0 - 1.0 / classes, 1.0, np.log(classes)]) if classes > 1 else np.ones(3)
    scores = (predictive.least_confidence(probs), predictive.margin(probs), predictive.entropy(probs))
    doubt = np.stack([to_numpy(score).astype(np.float64) for score in scores], axis=1) / most
    shares = np.bincount(to_numpy(probs).argmax(axis=1), minlength=classes) / max(1, n)
    spread = float(predictive.entropy(shares[None, :])[0]) / most[2]
    state = [*doubt[:, :2].mean(axis=0), spread, min(1.0, int(labeled.shape[0]) / (MANY * classes))]
    return np.concatenate([doubt, action_features(probs, embeddings, labeled, rng), np.tile(state, (n, 1))], axis=1)


@scorer(reference="Konyushkova, Sznitman & Fua 2017, NeurIPS, arXiv:1703.03365")
def lal(
    *, probs: Array, embeddings: Array, labeled_embeddings: Array, rng: np.random.Generator, regressor: str = ""
) -> Array:
    """By how much the error on new data is expected to fall with the candidate's label, as a share; any sign.

    A regressor was trained on made-up tasks, clouds of two classes of which each is Gaussian: from how unsure the model
    was of a candidate, where the candidate lay among the others and the labeled ones, and how far the learning was, to
    the drop in test error that its label brought. It is used as it is on any data: distances are seen as ranks only,
    and doubt relative to the number of classes. ``regressor`` is a file that ``claros train-policy --kind lal`` wrote;
    without one, the regressor that comes with Claros (its file says how it was trained). No torch is needed.

    Departures: a network of 12 units in place of a random forest, logistic regression in place of forests as the model
    that was observed, and features that any model has, where the authors also use what only a forest knows; training on
    states that random labels led to, then on those that the regressor itself led to, which are the authors' two kinds.

    Cost: O(N·(C + (L + m)·D)) time, with m at most 1,000 candidates as possible neighbours; O(N) memory.

    Use it to compare with, on small tabular data and simple models, which it learned from; not for results: in new
    tasks of its own kind it was as good as margin and no better, and its batches may be of near copies.
    """
    if not int(probs.shape[0]):
        return np.empty(0)
    seen = features(probs, embeddings, labeled_embeddings, rng)
    return np.round(read_regressor(regressor).drops(seen), DECIMALS)
