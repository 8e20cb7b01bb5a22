"""Pseudo-labels, as in CEAL: each round's model is trained once more, also on what it is sure of by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from claros.arrays import Indices, to_numpy
from claros.campaign.folder import Folder, array_name
from claros.campaign.state import Label
from claros.campaign.streams import training_stream
from claros.checks import number
from claros.data.pool import Pool
from claros.errors import InputError, suggest
from claros.measures import predictive
from claros.models.model import Context, Model

if TYPE_CHECKING:
    from claros.campaign.campaign import Campaign

__all__ = ["PseudoLabels", "Training", "recorded", "taken", "tell"]

#: Where a round keeps what its model was trained on beside the labels, (n, 2): position in the pool, and class.
KEPT = "pseudo_labels"


@dataclass(frozen=True)
class PseudoLabels:
    """Below which entropy a prediction is taken for a label: ``threshold`` nats, ``decay`` less in every round.

    When a round's model is trained, it predicts what could still be asked (not what is labeled, planned, skipped or
    reserved for the audit), and is trained once more on the labels and on every candidate whose predicted class has an
    entropy below ``threshold - decay·round``, with that class. The next round begins without them. They are no labels:
    they are not counted, not paid for and not in the log's provenance, the audit never sees them, and the items stay
    candidates. Where nothing is below the threshold, the first training stands. The defaults are the paper's.

    Reference: Wang, Zhang, Li, Zhang & Lin 2017, arXiv:1701.03551 (CEAL).

    Departures: the threshold never falls below 0, and every item counts as much as a labeled one; a model that goes
    on from its last weights does so in the second training too, and trainers that hold out items hold out some of
    these as well.

    Use it where the model's confidence is to be trusted, after the first rounds, with few labels and many easy items;
    not with a badly calibrated or overconfident one, whose mistakes it would teach: a run says how many were right.

    >>> PseudoLabels(threshold=0.05, decay=0.01).at(3)
    0.02
    """

    threshold: float = 0.05
    decay: float = 0.0033

    @classmethod
    def of(cls, given: PseudoLabels | Mapping[str, float] | bool | None) -> PseudoLabels | None:
        """From a mapping of its settings, or True for the paper's; None and False are none."""
        if given is None or given is False:
            return None
        if isinstance(given, cls):
            values: dict[str, Any] = asdict(given)
        elif isinstance(given, Mapping):
            values = dict(given)
        elif given is True:
            values = {}
        else:
            raise InputError(f"pseudo_labels is true, or a threshold and its decay as a mapping; got {given!r}.")
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise InputError(f"pseudo_labels: {suggest(name, known, 'setting')}")
        found = cls(**values)
        if number(found.threshold, 0, math.inf, "pseudo_labels.threshold, an entropy in nats,") == 0:
            raise InputError("pseudo_labels.threshold must be above 0, or nothing is below it; got 0.")
        number(found.decay, 0, math.inf, "pseudo_labels.decay, nats a round,")
        return cls(float(found.threshold), float(found.decay))

    def spec(self) -> dict[str, float]:
        """The settings, as JSON."""
        return asdict(self)

    def at(self, round: int) -> float:
        """The threshold of a round's model, in nats."""
        left = self.threshold - self.decay * round
        return max(0.0, float(np.round(left, 12)))  # the numbers as they are meant, in tables too

    def confident(self, model: Model, pool: Pool, candidates: Indices, round: int) -> Indices:
        """(n, 2) the candidates that a trained model is sure of, as position and predicted class; one pass over them.

        In one pass by itself, which is not kept: it is of a model that is soon trained again.
        """
        if not len(candidates) or self.at(round) == 0.0:
            return np.empty((0, 2), dtype=np.int64)
        probs = to_numpy(model.outputs(pool.subset(candidates), ["probs"])["probs"])
        sure = to_numpy(predictive.entropy(probs)) < self.at(round)
        found: Indices = np.stack([candidates[sure], probs[sure].argmax(axis=1)], axis=1).astype(np.int64)
        return found


@dataclass(frozen=True)
class Training:
    """What a round's model is trained on, and by which streams: all that the second training needs of the first."""

    pool: Pool
    positions: Indices
    labels: Sequence[Label]
    n_classes: int
    config: Mapping[str, Any]
    round: int

    def again(self, model: Model, candidates: Indices, folder: Folder) -> dict[str, Any]:
        """Train once more with what the model is sure of; what the log says of it. The items lie beside the round."""
        settings = PseudoLabels(**self.config["pseudo_labels"])
        chosen = settings.confident(model, self.pool, candidates, self.round)
        folder.write_array(self.round, KEPT, chosen)
        self.fit(model, chosen, "model", folder)
        return recorded(self.config, self.round, folder)

    def twin(self, model: Model, candidates: Indices, folder: Folder) -> None:
        """The same for the model that differs from the round's by its seed alone; nothing is kept of it."""
        settings = PseudoLabels(**self.config["pseudo_labels"])
        self.fit(model, settings.confident(model, self.pool, candidates, self.round), "twin", folder)

    def fit(self, model: Model, chosen: Indices, which: str, folder: Folder | None) -> None:
        """The second training, on labels and chosen items; nothing where none is chosen."""
        if not len(chosen):
            return
        state = folder.training(self.round, f"{which}-pseudo") if folder is not None else None
        tell(model, self.labels, state, more=len(chosen))
        items = self.pool.subset(np.concatenate([self.positions, chosen[:, 0]]))
        codes = np.concatenate([np.array([label.code for label in self.labels], dtype=np.int64), chosen[:, 1]])
        rng = training_stream(self.config, self.round, f"{which} pseudo-labels")
        model.fit(items, codes, n_classes=self.n_classes, rng=rng)

    def repeat(self, model: Model, folder: Folder) -> dict[str, Any] | None:
        """The second training as it is recorded, after the first was done again; None without pseudo-labels."""
        if "pseudo_labels" not in self.config:
            return None
        self.fit(model, _kept(folder, self.round), "model", None)
        return recorded(self.config, self.round, folder)


def tell(model: Model, labels: Sequence[Label], where: Path | None, more: int = 0) -> None:
    """Say, to a model that listens, where a state of the training may be kept, and what was drawn at random.

    Of ``more`` items that follow the labels none was.
    """
    if hasattr(model, "context"):
        model.context = Context(where, np.array([*(label.random for label in labels), *[False] * more], dtype=bool))


def recorded(config: Mapping[str, Any], round: int, folder: Folder) -> dict[str, Any]:
    """What the log says of a second training that was done before, from what it left beside the round."""
    return {"threshold": PseudoLabels(**config["pseudo_labels"]).at(round), "n": len(_kept(folder, round))}


def taken(campaign: Campaign, round: int) -> Indices:
    """(n, 2) what the model of a round was trained on beside the labels: positions in the pool, and classes."""
    return _kept(campaign._folder, round)


def _kept(folder: Folder, round: int) -> Indices:
    if not folder.has(array_name(round, KEPT)):
        return np.empty((0, 2), dtype=np.int64)
    return np.asarray(folder.read_array(round, KEPT), dtype=np.int64)
