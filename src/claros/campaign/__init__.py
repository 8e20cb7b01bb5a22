"""A campaign: labels for real, over days, with several people, or simulated; everything is a fold of one log."""

from __future__ import annotations

from claros.campaign.advice import Advice, Fitted
from claros.campaign.campaign import Campaign
from claros.campaign.correction import Correction, Shift
from claros.campaign.export import Told, read_labels
from claros.campaign.pseudo import PseudoLabels
from claros.campaign.state import SKIP_REASONS, Query, Round

__all__ = [
    "SKIP_REASONS",
    "Advice",
    "Campaign",
    "Correction",
    "Fitted",
    "PseudoLabels",
    "Query",
    "Round",
    "Shift",
    "Told",
    "read_labels",
]
