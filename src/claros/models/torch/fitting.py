"""From labeled items to a model: the networks that it is made of trained one by one, and what is made of them after."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from claros.models.checks import Labeled
from claros.models.factory import Factory
from claros.models.model import Context, Items
from claros.models.torch.anatomy import Anatomy, dissect
from claros.models.torch.inference import Fitted
from claros.models.torch.loss_head import equipped
from claros.models.torch.members import member_logits, sampled_heads, shared_temperature
from claros.models.torch.options import Options
from claros.models.torch.reading import Feed, Reader, item_shape, make_reader
from claros.models.torch.training import Trainer
from claros.models.torch.unfinished import Unfinished

__all__ = ["Job", "train"]

logger = logging.getLogger("claros")
#: A temperature is not fitted to fewer labels.
FEWEST = 10
Listener = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """What to train: networks of the factory on labeled items, as the options say."""

    who: str
    factory: Factory
    options: Options
    items: Items
    labeled: Labeled
    device: torch.device
    seed: int
    """Of the dropout masks and the samples of the last layer."""
    rng: np.random.Generator
    """For the order of the items, for augmentation, and for what is held out."""
    about: str
    """All else that the result depends on, to tell one training from another."""

    @property
    def n_networks(self) -> int:
        """How many are trained."""
        return self.options.members if self.options.members_from == "ensemble" else 1


def train(
    job: Job, last: Fitted | None, context: Context, on_epoch: Listener | None
) -> tuple[Fitted, list[dict[str, Any]]]:
    """The trained model, made anew or from a copy of the last one, and its history.

    To be called where torch's generators were seeded. Of an ensemble, the history has every network's epochs, with its
    number as ``member``.
    """
    last = last if _goes_on(job, last) else None
    reader = _reader(job, last)
    feed = Feed(reader, job.items, job.labeled.positions)
    unfinished = Unfinished(context.folder, job.options.save_every, ends=job.n_networks > 1)
    nets: list[torch.nn.Module] = []
    history: list[dict[str, Any]] = []
    trainer: Trainer | None = None
    for number in range(job.n_networks):
        net = copy.deepcopy(last.nets[number]) if last else _new(job, reader)
        nets.append(net.to(job.device))
        if number == 0:
            anatomy = _anatomy(job, nets[0], feed)  # also refuses a network of another shape before any training
        if len(job.labeled.seen) > 1:
            split = None if trainer is None else (trainer.places, trainer.held)
            trainer = Trainer(nets[-1], feed, job.labeled, job.options, job.rng, split)
            entries = trainer.run(_counted(on_epoch, number, job.n_networks), unfinished, str(number), job.about)
            history += [{**entry, "member": number} if job.n_networks > 1 else entry for entry in entries]
    others = (*nets[1:], *_snapshots(job, nets[0], trainer))
    labeled, source = job.labeled, job.options.members_from
    fitted = Fitted(nets[0], reader, anatomy, labeled.n_classes, labeled.seen, job.seed, source, others)
    for net in fitted.nets:
        net.eval()
    with torch.no_grad():
        return _finished(job, fitted, feed, trainer, context, history), history


def _new(job: Job, reader: Reader) -> torch.nn.Module:
    net = job.factory(reader.in_shape, job.labeled.n_classes)
    return equipped(net, reader.in_shape, job.options, job.who)


def _goes_on(job: Job, last: Fitted | None) -> bool:
    """Whether training goes on from the last networks, whose data and classes must still be the same."""
    if last is None or not job.options.warm:
        return False
    shape = item_shape(job.who, job.items)
    return last.n_classes == job.labeled.n_classes and last.reader.raw_shape == shape


def _reader(job: Job, last: Fitted | None) -> Reader:
    if last is not None:
        return last.reader
    return make_reader(job.who, job.items, job.labeled.positions, job.options, job.device)


def _anatomy(job: Job, net: torch.nn.Module, feed: Feed) -> Anatomy:
    some = feed(np.arange(min(2, len(job.labeled.positions))))
    return dissect(net, some, job.options.layer, job.labeled.n_classes, job.who)


def _counted(on_epoch: Listener | None, number: int, n_networks: int) -> Listener | None:
    """The listener told of the epochs of all networks."""
    if on_epoch is None:
        return None
    return lambda done, planned: on_epoch(number * planned + done, n_networks * planned)


def _snapshots(job: Job, net: torch.nn.Module, trainer: Trainer | None) -> list[torch.nn.Module]:
    """Networks with the weights of earlier cycles; where there was nothing to train, with the same weights."""
    if job.options.members_from != "snapshots":
        return []
    states = trainer.snapshots if trainer is not None else [net.state_dict()] * (job.options.members - 1)
    copies = [copy.deepcopy(net) for _ in states]
    for one, weights in zip(copies, states, strict=True):
        one.load_state_dict(weights)
    return copies


def _finished(
    job: Job, fitted: Fitted, feed: Feed, trainer: Trainer | None, context: Context, history: list[dict[str, Any]]
) -> Fitted:
    """With the samples of its last layer and its temperature, where they are wanted."""
    options, n = job.options, len(job.labeled.positions)
    if options.members_from == "laplace":
        places = np.arange(n) if trainer is None else trainer.places
        weights = np.ones(n) if trainer is None else trainer.item_weights[places]
        fitted = fitted._replace(heads=sampled_heads(fitted, feed, places, weights, options))
    if options.temperature is None:
        return fitted
    if options.temperature != "auto":
        return fitted._replace(temperature=float(options.temperature))
    temperature = 1.0 if trainer is None else _temperature(job, fitted, feed, trainer, context)
    if history:
        history[-1]["temperature"] = temperature
    return fitted._replace(temperature=temperature)


def _temperature(job: Job, fitted: Fitted, feed: Feed, trainer: Trainer, context: Context) -> float:
    """Fitted to the labels that were held out, of those whose source is known to the random ones; 1 if they are few."""
    held = trainer.held
    if context.at_random is not None:
        held = held[np.asarray(context.at_random)[job.labeled.positions[held]]]
    which = "held-out labels" if context.at_random is None else "held-out labels of items drawn at random"
    if len(held) < FEWEST:
        logger.warning(
            "%s: no temperature is fitted, as there are %d %s and %d are needed; probabilities stay as they are.",
            job.who,
            len(held),
            which,
            FEWEST,
        )
        return 1.0
    targets = np.searchsorted(job.labeled.seen, job.labeled.labels[held])
    found = shared_temperature(member_logits(fitted, feed, held, job.options), targets)
    if found is None:
        logger.warning("%s: no temperature fits its %d %s; probabilities stay as they are.", job.who, len(held), which)
    return 1.0 if found is None else found
