"""Labeling by a person: the campaign beside a pool, what is shown of an item, and the session in the terminal."""

from __future__ import annotations

from claros.labeling.answers import pairs, read_answers
from claros.labeling.beside import advised, campaign_folder, class_list, open_campaign
from claros.labeling.keys import Keys
from claros.labeling.terminal import Session
from claros.labeling.viewer import Viewer

__all__ = [
    "Keys",
    "Session",
    "Viewer",
    "advised",
    "campaign_folder",
    "class_list",
    "open_campaign",
    "pairs",
    "read_answers",
]
