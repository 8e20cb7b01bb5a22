"""Questions out and answers in: each item to one annotator at a time, a new round when there is nothing left."""

from __future__ import annotations

from collections.abc import Mapping

from claros.campaign.journal import ATTEMPTS, Draft, Journal
from claros.campaign.planner import Planner
from claros.campaign.state import State
from claros.errors import ConflictError

__all__ = ["hand_out", "take_in"]


def hand_out(
    journal: Journal, planner: Planner, n: int | None, annotator: str, until: float, overlap: int
) -> list[str]:
    """Up to ``n`` items (a batch, where that is None), leased ``until`` then; none where the pool is exhausted."""
    for _ in range(ATTEMPTS):
        chosen: list[str] = []

        def drafts(state: State, chosen: list[str] = chosen) -> list[Draft]:
            chosen[:] = state.available_to(annotator, overlap)[: n or state.config["batch"]]
            return [("asked", annotator, {"items": chosen, "until": until, "overlap": overlap})] if chosen else []

        journal.append(drafts)
        if chosen:
            return chosen
        if not planner.next(n, annotator, overlap):
            return []
    raise ConflictError("Others take every item as soon as it is planned; ask again.")


def take_in(journal: Journal, codes: Mapping[str, int], annotator: str) -> None:
    """Log what an annotator says of items, all or none; what was said before is no event."""

    def drafts(state: State) -> list[Draft]:
        said = {item: state.told.get(item, {}).get(annotator) for item in codes}
        changed = [item for item, before in said.items() if before is None or before.code != codes[item]]
        return [("told", annotator, {"label": codes[item], **state.provenance(item)}) for item in changed]

    journal.append(drafts)
