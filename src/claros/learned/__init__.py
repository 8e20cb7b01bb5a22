"""Strategies that are networks: trained on other data sets, or during the campaign; loaded on first use."""
