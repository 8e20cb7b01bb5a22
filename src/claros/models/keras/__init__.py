"""Keras 3 models on any backend behind the `claros.models.Model` protocol; Keras itself is loaded on first use."""

from claros.models.keras.adapter import KerasModel

__all__ = ["KerasModel"]
