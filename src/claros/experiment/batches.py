"""The next questions of a cell: what its strategy asks, or what the oracle chose by what only an experiment knows."""

from __future__ import annotations

from claros.campaign import Campaign, Query
from claros.experiment import upper_bound
from claros.experiment.config import STRATIFIED, UPPER_BOUND, Arm
from claros.experiment.setting import Setting
from claros.experiment.shifted import WARM_START

__all__ = ["ask", "chosen"]


def ask(setting: Setting, campaign: Campaign, arm: Arm, seed: int, n: int) -> list[Query]:
    """The next ``n`` questions; those left open by a kill come first, and none means that the pool is exhausted."""
    if not campaign.open_items():
        by, items = chosen(setting, campaign, arm, seed, n)
        if items:
            campaign.plan(items, by=by)
    return campaign.ask(n)


def chosen(setting: Setting, campaign: Campaign, arm: Arm, seed: int, n: int) -> tuple[str, list[str]]:
    """Who chooses the next batch and what it is; nothing where the campaign's strategies choose."""
    if not campaign.rounds and setting.shifted is not None:
        return WARM_START, list(setting.shifted.first)
    if not campaign.rounds:
        stratified = setting.config.init.name == STRATIFIED
        return STRATIFIED, setting.stratified(n, seed, campaign.candidates()) if stratified else []
    if arm.name == UPPER_BOUND:
        return UPPER_BOUND, upper_bound.batch(setting, campaign, seed, n, **arm.parameters)
    return arm.name, []
