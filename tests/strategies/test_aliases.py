"""Other names of the same strategies."""

from __future__ import annotations

from claros import strategies


def test_every_other_name_is_that_of_a_strategy_and_listed_nowhere() -> None:
    assert set(strategies.ALIASES.values()) <= set(strategies.names())
    assert not set(strategies.ALIASES) & set(strategies.names())
    for name, meant in strategies.ALIASES.items():
        assert strategies.get(name) == strategies.get(meant)
    assert strategies.get("coreset").name == "k_center"
    assert strategies.get("prefilter(breaking_ties, coreset)").name == "prefilter(margin, k_center)"
