"""Experiment trackers as thin callbacks: TensorBoard, MLflow, Weights & Biases, Comet, Trackio.

One run of a tool per cell (one arm with one seed in one setting), with labels spent along the x axis. Our own tables
stay the source of truth: a tracker only copies them, nothing is imported until it is asked for, and one that fails is
left behind with a warning. What each of them writes, and where, is in ``docs/tracking.md``.
"""

from claros.track.tracker import Tracked, Tracker
from claros.track.trackers import REGISTRY, Trackers, get, names

__all__ = ["REGISTRY", "Tracked", "Tracker", "Trackers", "get", "names"]
