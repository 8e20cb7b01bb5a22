"""Estimates with their intervals: how good the model is, and how sure that is."""

from __future__ import annotations

from claros.estimate.estimate import Estimate, share

__all__ = ["Estimate", "share"]
