"""The recorded run in a campaign's folder; nobody knows its accuracy on test data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from claros.campaign import Campaign
from claros.experiment.stopping.recorded import Key, Recorded

__all__ = ["from_campaign"]


def from_campaign(folder: Path) -> Iterator[Recorded]:
    """The campaign, opened to be read; its pool must still be where it was."""
    with Campaign.open(folder) as campaign:
        model = "no model" if campaign.model is None else str(campaign.model.spec()["name"])
        key = Key(folder.resolve().name.split(".")[0], model, campaign.strategy.name, campaign.seed)
        yield Recorded.of(key, campaign, None, f"The campaign at {folder}")
