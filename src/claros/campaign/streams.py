"""The named random streams of a campaign, each with a seed of its own where one is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from claros.checks import whole
from claros.errors import InputError, suggest
from claros.rng import Streams, stream

__all__ = ["PURPOSES", "check_streams", "resolved", "seed_for", "training_stream"]

#: Purpose of a stream -> what is drawn from it.
PURPOSES: Mapping[str, str] = {
    "split": "which labeled items are set aside for testing, where the data have no test part",
    "samples": "the stop set and the audit set",
    "init": "the first batch",
    "weights": "a model's first weights, and what else its training draws (dropout, the trees of a forest)",
    "order": "the order of the training data, what is held out of them and how they are augmented",
    "strategy": "draws and ties of the strategy after the first batch",
    "annotator": "what a simulated annotator says",
}


def check_streams(given: Mapping[str, int] | None) -> dict[str, int]:
    """Seeds by purpose, for those that shall not have the campaign's; an `InputError` for an unknown purpose."""
    for purpose, seed in (given or {}).items():
        if purpose not in PURPOSES:
            raise InputError(suggest(purpose, PURPOSES, "random stream"))
        whole(seed, 0, f"streams.{purpose}, a seed,")
    return {purpose: int(seed) for purpose, seed in (given or {}).items()}


def resolved(seed: int, given: Mapping[str, int] | None) -> dict[str, int]:
    """The seed of every purpose, which the log keeps."""
    return {**dict.fromkeys(PURPOSES, seed), **check_streams(given)}


def seed_for(config: Mapping[str, Any], purpose: str) -> int:
    """The seed that a campaign's configuration has for a purpose; early logs have one for all."""
    return int(config["streams"][purpose] if "streams" in config else config["seed"])


def training_stream(config: Mapping[str, Any], round: int, name: str = "model") -> np.random.Generator:
    """What a round's model is trained with: the stream of its weights, that of its data's order beside it.

    Models that can tell the two apart draw the order from `claros.rng.beside`; early logs have one stream for both.
    """
    weights = stream(seed_for(config, "weights"), name, round)
    if "streams" not in config:
        return weights
    return Streams(weights.bit_generator, {"order": stream(seed_for(config, "order"), f"{name} order", round)})
