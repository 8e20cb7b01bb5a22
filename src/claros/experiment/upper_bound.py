"""Two bounds that look at what nobody has when labeling: a greedy oracle on the test data, and all labels of the pool.

The greedy one-step oracle buys its batch label by label. For each it tries some random candidates: it adds one with the
label that would be told, trains anew, and keeps the one whose model is best on the test data. It follows the oracle of
Werner et al. 2024 (arXiv:2408.00426), with two departures. Where no candidate improves the model, the best of them is
taken all the same, not one by margin. And every training of a round starts from one random stream, that of the round's
own model, so that candidates differ by what they are and not by luck; the last one's model is the round's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from claros import models
from claros.arrays import Floats, Indices, blas_threads, to_numpy
from claros.campaign import Campaign
from claros.errors import ModelError
from claros.experiment import metrics
from claros.experiment.config import CANDIDATES
from claros.experiment.setting import Setting
from claros.rng import stream

__all__ = ["batch", "ceiling", "pick"]


def pick(
    k: int,
    *,
    candidates: Indices,
    tries: int,
    score: Callable[[Indices], tuple[float, ...]],
    rng: np.random.Generator,
) -> Indices:
    """Greedily ``min(k, N)`` of N candidates, (k,): each the best of ``tries`` random ones that are left.

    ``score`` says how good some candidates are together, higher is better; it is asked for those picked so far with one
    more. Equal scores are settled at random. At most ``k · tries`` calls.
    """
    left, picks = np.array(candidates, dtype=np.int64), np.empty(0, dtype=np.int64)
    for _ in range(min(k, len(left))):
        tried = rng.permutation(left)[:tries]
        best = max(tried, key=lambda one: score(np.append(picks, one)))  # of equals the first, and the order is random
        picks, left = np.append(picks, best), left[left != best]
    return picks


def batch(setting: Setting, campaign: Campaign, seed: int, n: int, candidates: int = CANDIDATES) -> list[str]:
    """Ids of the ``n`` items that the greedy oracle buys next: by accuracy on the test data, then by its likelihood.

    At most ``n · candidates`` trainings. The same labels and seed give the same items.
    """
    if campaign.model is None:
        raise ModelError("The upper bound needs a model to train; this campaign has none.")
    pool, round, spec = setting.pool, len(campaign.rounds), campaign.model.spec()
    labeled, told = campaign.labeled_positions(), campaign.labels()
    codes = {name: code for code, name in enumerate(campaign.classes)}
    known = np.array([codes[told[pool.ids[position]]] for position in labeled], dtype=np.int64)
    config = setting.config
    answers = setting.oracle.codes(np.arange(len(pool)), config.seed_for("annotator", seed))

    def score(extra: Indices) -> tuple[float, float]:
        positions = np.concatenate([labeled, extra])
        labels = np.concatenate([known, answers[extra]])
        probs = _predicted(setting, spec, positions, labels, setting.training_stream(seed, round))
        return metrics.accuracy(setting.test.labels, probs), -metrics.nll(setting.test.labels, probs)

    rng = stream(config.seed_for("strategy", seed), "upper bound", round)
    picks = pick(n, candidates=campaign.candidates(), tries=candidates, score=score, rng=rng)
    return [pool.ids[position] for position in picks]


def ceiling(setting: Setting, seeds: Iterable[int]) -> dict[str, float]:
    """Mean accuracy and macro-F1 on the test data of models trained on all that can be bought, one for each seed.

    That is every different item of the pool, with the label that is told of it.
    """
    pool = setting.pool
    positions = np.flatnonzero(pool.groups == np.arange(len(pool)))
    spec = setting.model().spec()
    scores = []
    for seed in seeds:
        with blas_threads(1):
            labels = setting.oracle.codes(positions, setting.config.seed_for("annotator", seed))
            rng = stream(setting.config.seed_for("weights", seed), "all labels")
            probs = _predicted(setting, spec, positions, labels, rng)
        scores.append((metrics.accuracy(setting.test.labels, probs), metrics.macro_f1(setting.test.labels, probs)))
    accuracy, macro_f1 = np.mean(scores, axis=0).tolist()
    return {"accuracy": accuracy, "macro_f1": macro_f1, "seeds": len(scores)}


def _predicted(
    setting: Setting, spec: dict[str, object], positions: Indices, labels: Indices, rng: np.random.Generator
) -> Floats:
    """(n_test, C) of a new model trained on these items and labels."""
    model = models.from_spec(spec)
    model.fit(setting.pool.subset(positions), labels, n_classes=len(setting.pool.classes), rng=rng)
    probs: Floats = to_numpy(model.outputs(setting.test, ["probs"])["probs"]).astype(np.float64)
    return probs
