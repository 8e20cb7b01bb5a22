"""Strategies that learn which of several strategies to follow, from the labels that come back."""
