"""Measures: arrays in, arrays out; no randomness and no decisions."""
