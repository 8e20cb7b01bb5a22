"""From what a model provides to what a strategy or a rule needs; and the check that it can, before any training.

Where no model has predicted anything, before the first one or in a campaign without, the items' `embeddings` are the
pool's fixed features: so strategies that only look at embeddings can choose the first batch. They are also later, if
the campaign was made so (``embeddings="features"``). What follows from fixed features alone is kept between rounds.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from claros.arrays import Array, Floats, Indices, take
from claros.data.pool import Pool
from claros.errors import CannotFeedError
from claros.measures.nearest import nearest_distance
from claros.rng import stream
from claros.strategies.clustered import feature_clusters
from claros.strategies.neighbours import cover_graph
from claros.strategy import Strategy

__all__ = ["DERIVED", "EMBEDDINGS", "Supply", "check_supply", "model_names", "supplied"]

#: What strategies are given as embeddings: what the model makes of the items, or the pool's fixed features.
EMBEDDINGS = ("model", "features")

#: Input -> what must be at hand over the pool for the campaign to cut it out.
DERIVED: Mapping[str, str] = {
    "labeled_features": "features",
    "labeled_embeddings": "embeddings",
    "labeled_probs": "probs",
}

#: Inputs over the pool's items that a model computes.
MODELED = frozenset(
    (
        *("probs", "logits", "decision_values", "member_probs", "embeddings"),
        *("boundary_distance", "bim_distance", "predicted_loss", "gradient_norm"),
    )
)
HEAD = frozenset(("head_weights", "head_bias"))
VECTORS = frozenset(("embeddings", "labeled_embeddings"))
FIXED = frozenset(("features",))

#: What to say of an input that a model could provide if it were told to.
HINTS: Mapping[str, str] = {"predicted_loss": "a torch model provides predicted_loss with learned_loss=True"}

#: Inputs that are made once of the fixed features of the whole pool: ``make(features, rng, **parameters)``.
KEPT: Mapping[str, Callable[..., Any]] = {"clusters": feature_clusters, "neighbour_graph": cover_graph}

#: Inputs that the campaign knows by its audited items, if it has any.
AUDITED = frozenset(("metric", "n_audited"))

#: Inputs that the campaign itself knows.
KNOWN = frozenset(("labels", "batch_labels", "n_labeled", "n_pool", "round", "spent", "elapsed"))


def supplied(
    provides: Collection[str], *, features: bool, embeddings: str = "model", trained: bool = True, audited: bool = False
) -> frozenset[str]:
    """The names of all inputs at hand, given what the model provides, and whether the pool has fixed features.

    Of a campaign in which items are ``audited``, also what they say of the model.
    """
    names = {name for name in provides if name in MODELED | HEAD}
    if embeddings == "features":
        names.discard("embeddings")
    if features:
        names |= {"features"} if provides and embeddings == "model" else {"features", "embeddings"}
    if trained:
        names |= {name for name, origin in DERIVED.items() if origin in names}
    if trained and audited and "probs" in names:
        names |= AUDITED
    return frozenset(names | (KNOWN if trained else {"n_pool"}))


def check_supply(
    who: str,
    needs: Iterable[str],
    at_hand: Collection[str],
    giver: str,
    advice: str = "choose another strategy or rule, or another model",
) -> None:
    """Raise `CannotFeedError` if something needed is not at hand; ``giver`` is what should have provided it."""
    missing = [name for name in needs if name not in at_hand]
    if missing:
        offers = ", ".join(sorted(name for name in at_hand if name in MODELED | HEAD | FIXED)) or "nothing"
        advice = "; ".join([advice, *(HINTS[name] for name in missing if name in HINTS)])
        raise CannotFeedError(
            f"{who} needs {', '.join(missing)}, which {giver} does not provide (it provides {offers}); {advice}."
        )


def model_names(wanted: Iterable[str], provides: Collection[str]) -> set[str]:
    """What to ask of the model in one pass, so that every wanted input that can be had is had."""
    origins = {DERIVED.get(name, name) for name in wanted}
    return {name for name in origins if name in provides}


class Supply:
    """The inputs of a campaign's strategies, round after round.

    ``given`` are inputs that somebody said once and for all, as `class_prior`.
    """

    def __init__(self, pool: Pool, embeddings: str, given: Mapping[str, Any], seed: int) -> None:
        self._pool = pool
        self._embeddings = embeddings
        self._given = {name: value for name, value in given.items() if value is not None}
        self._seed = seed
        self._kept: dict[str, Any] = {}
        self._labeled = np.empty(0, dtype=np.int64)
        self._nearest: Floats | None = None

    def over(self, pool: Pool) -> Supply:
        """The same for another pool."""
        return Supply(pool, self._embeddings, self._given, self._seed)

    def wanted(self, strategy: Strategy) -> set[str]:
        """What the model should compute for it."""
        return self._names(strategy) - (VECTORS if self._embeddings == "features" else set())

    def _names(self, strategy: Strategy) -> set[str]:
        """All its inputs; one that takes fixed features or else embeddings is not given both."""
        either = "features" in strategy.optional and self._pool.has_features
        return {*strategy.needs, *strategy.optional} - (VECTORS & set(strategy.optional) if either else set())

    def inputs(
        self,
        strategy: Strategy,
        outputs: Mapping[str, Array],
        *,
        candidates: Indices,
        labeled: Indices,
        labels: Indices,
        known: Mapping[str, Any] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Rows of the candidates and of what is labeled, cut out of one pass over the pool, and what is known.

        ``outputs`` are the model's, empty where none has predicted anything; ``known`` is what the campaign knows.
        """
        names = self._names(strategy)
        at_hand = {**known, **self._given}
        found = {name: at_hand[name] for name in names if name in at_hand}
        found |= {name: outputs[name] for name in names & HEAD if name in outputs}
        if "labels" in names:
            found["labels"] = labels
        for name in names:
            bare = name.removeprefix("labeled_")
            over_pool = self._over_pool(bare, outputs)
            if over_pool is not None:
                found[name] = take(over_pool, candidates if bare == name else labeled)
        if "nearest_labeled_distance" in names and len(labeled) and self._sees_features(names, outputs):
            found["nearest_labeled_distance"] = self._nearest_labeled(labeled)[candidates]
        for name in names & set(KEPT) if "features" in found else ():
            made = self._made(name, strategy.parameters)
            if made is not None:
                found[name] = take(made, candidates)
        return found

    def _over_pool(self, name: str, outputs: Mapping[str, Array]) -> Array | None:
        if name in MODELED and name in outputs:
            return outputs[name]
        fixed = name == "features" or (name == "embeddings" and (not outputs or self._embeddings == "features"))
        return self._pool.fixed_features if fixed else None

    def _sees_features(self, names: Collection[str], outputs: Mapping[str, Array]) -> bool:
        """Whether the vectors that the strategy looks at are the fixed ones."""
        if "features" in names:
            return self._pool.has_features
        return self._over_pool("embeddings", outputs) is self._pool.fixed_features

    def _nearest_labeled(self, labeled: Indices) -> Floats:
        """(N,) distances in the fixed features; only what is new is compared, unless a label was taken back."""
        known = self._nearest if np.isin(self._labeled, labeled).all() else None
        new = labeled if known is None else np.setdiff1d(labeled, self._labeled)
        if known is None or len(new):
            features = self._pool.fixed_features
            known = nearest_distance(features, take(features, new), known)
        self._labeled, self._nearest = labeled, known
        return known

    def _made(self, name: str, parameters: Mapping[str, Any]) -> Any:
        """What follows from the fixed features of the whole pool, made once with the strategy's own parameters."""
        if name not in self._kept:
            known = {"classes": len(self._pool.classes), **{key: value for key, value in parameters.items() if value}}
            own = {key: known[key] for key in inspect.signature(KEPT[name]).parameters if key in known}
            self._kept[name] = KEPT[name](self._pool.fixed_features, stream(self._seed, name), **own)
        return self._kept[name]
