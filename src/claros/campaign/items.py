"""The pool's items as a campaign knows them: positions by id, and the two samples drawn before any query."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Indices
from claros.campaign.folder import Folder
from claros.campaign.journal import Journal
from claros.campaign.state import State
from claros.campaign.streams import seed_for
from claros.data import place
from claros.data.pool import Pool
from claros.errors import DataError, InputError
from claros.files import npy_bytes
from claros.rng import stream

__all__ = ["Items", "audit_order", "check_same", "draw", "grow", "identity", "settle", "stop_set"]


def stop_set(representatives: Indices, seed: int) -> Indices:
    """A uniform sample of the pool on which stopping rules look; its items stay in the pool.

    A fifth of the pool, at most 2000 and at least 150 where the pool allows. Exact duplicates count once.
    """
    n = len(representatives)
    size = max(min(2000, n // 5), min(150, n))
    chosen: Indices = stream(seed, "stop-set").choice(representatives, size=size, replace=False)
    return chosen


def audit_order(representatives: Indices, share: float, seed: int, version: int = 0) -> Indices:
    """The first items of one random permutation, set aside from candidates and training, in the order audited.

    Reserved up front, so that what a strategy picks cannot bias it: the given share of the pool. ``version`` counts
    the times that items were added to the pool; each addition has a permutation of its own.
    """
    order = stream(seed, "audit", version).permutation(representatives)
    return order[: math.ceil(share * len(order))]


class Items:
    """Positions by id, the stop set and the audit set, for the pool as it is now."""

    def __init__(self, folder: Folder, version: int, pool: Pool) -> None:
        self.version = version
        self._positions = pool.positions
        kept = folder.read_json(_name(version))
        self.stop = self.positions(kept["stop"])
        self.audit = self.positions(kept["audit"])
        copies = self.positions(kept["copies"])
        alone = np.ones(len(pool), dtype=bool)
        alone[copies] = False
        self.representatives = np.flatnonzero(alone)
        self.size = len(pool)

    def position(self, item: str) -> int:
        """Where the item is in the pool; an unknown id is an `InputError`."""
        try:
            return self._positions[item]
        except (KeyError, TypeError):
            raise InputError(f"There is no item {item!r} in the pool of {len(self._positions)} items.") from None

    def positions(self, items: Sequence[str]) -> Indices:
        """Where the items are in the pool; an unknown id is an `InputError`."""
        try:
            return np.fromiter(map(self._positions.__getitem__, items), dtype=np.int64, count=len(items))
        except (KeyError, TypeError):
            return np.fromiter(map(self.position, items), dtype=np.int64, count=len(items))


def _name(version: int) -> str:
    return f"items/{version}.json"


def _ids_name(version: int) -> str:
    return f"items/{version}.ids.json"


def _ids(folder: Folder, version: int) -> list[str]:
    """The ids of the pool that a campaign on disk was last told of; early ones kept them beside the samples."""
    name = _ids_name(version)
    ids: list[str] = folder.read_json(name) if folder.has(name) else folder.read_json(_name(version))["ids"]
    return ids


def _keep(folder: Folder, version: int, pool: Pool, content: Mapping[str, Any]) -> None:
    """Write the samples, and the pool's ids if the campaign may be opened again; in memory the pool has them."""
    if folder.root is not None:
        folder.write_json(_ids_name(version), list(pool.ids))
        folder.write(_marks_name(version), npy_bytes(_marks(pool)))
    folder.write_json(_name(version), content)


def _representatives(pool: Pool) -> Indices:
    """One item of each group of exact duplicates."""
    return np.flatnonzero(pool.groups == np.arange(len(pool)))


def _copies(pool: Pool) -> list[str]:
    """The ids of all other items: exact duplicates of one that stands before them."""
    return [pool.ids[position] for position in np.flatnonzero(pool.groups != np.arange(len(pool)))]


def draw(folder: Folder, pool: Pool, seed: int, share: float) -> None:
    """Draw stop set and audit set of a new campaign, and keep them by id."""
    representatives = _representatives(pool)
    sets = {"stop": stop_set(representatives, seed), "audit": audit_order(representatives, share, seed)}
    named = {name: [pool.ids[position] for position in chosen.tolist()] for name, chosen in sets.items()}
    _keep(folder, 1, pool, {"copies": _copies(pool), **named})


def grow(folder: Folder, state: State, before: Pool, pool: Pool) -> None:
    """Keep the sets for a pool that has more items: the stop set stays, the audit set gets its share of the new."""
    version, seed, share = state.pools, seed_for(state.config, "samples"), state.config["audit"]
    kept = folder.read_json(_name(version))
    missing, new = _differences(before.ids if folder.root is None else _ids(folder, version), pool.ids)
    if missing or not new:
        problem = f"{len(missing)} item(s) of before are missing ({missing[0]!r})" if missing else "it has no new item"
        raise DataError(f"A pool to go on with must have all items of before and more; {problem}.")
    fresh = set(new)
    representatives = _representatives(pool)
    added = np.array([p for p in representatives if pool.ids[p] in fresh], dtype=np.int64)
    audit = [pool.ids[position] for position in audit_order(added, share, seed, version)]
    content = {"stop": kept["stop"], "copies": _copies(pool), "audit": [*kept["audit"], *audit]}
    _keep(folder, version + 1, pool, content)


def settle(folder: Folder, journal: Journal, pool: Pool, adopt: bool) -> None:
    """`check_same`; or, to ``adopt`` a pool, first note in the log that it has more items, or lies elsewhere now."""
    if adopt:
        _adopt(folder, journal, pool)
    check_same(folder, journal.state.pools, journal.state.config, pool)


def _adopt(folder: Folder, journal: Journal, pool: Pool) -> None:
    version, config = journal.state.pools, journal.state.config
    ids = _ids(folder, version)
    missing, new = _differences(ids, pool.ids)
    if new and not missing and _part(pool, ids).manifest()["content"] == config["manifest"]["content"]:
        with folder.planning():  # of two processes that find new items, one writes
            if journal.sync().pools == version:
                grow(folder, journal.state, pool, pool)
                journal.append(lambda state: [("pool-changed", "claros", identity(pool))])
        return
    before = place(config["pool"])
    gone = not config["pool"] or (before is not None and not before.exists())
    if gone and pool.source and ids == list(pool.ids) and pool.manifest() == config["manifest"]:
        here = {"pool": dict(pool.source), "stamp": pool.stamp()}
        journal.append(lambda state: [("pool-changed", "claros", here)] if state.config["pool"] != here["pool"] else [])


def _part(pool: Pool, ids: Sequence[str]) -> Pool:
    return pool.subset([pool.positions[item] for item in ids])


def check_same(folder: Folder, version: int, config: Mapping[str, Any], pool: Pool) -> None:
    """Raise a `DataError` that says what differs if this is not the pool that the campaign was made for.

    Files that are where they were, as long and as old, are not read again.
    """
    ids = _ids(folder, version)
    missing, new = _differences(ids, pool.ids)
    stamp = pool.stamp()
    if ids == list(pool.ids) and (
        (stamp is not None and stamp == config["stamp"]) or pool.manifest() == config["manifest"]
    ):
        return
    differences = [
        f"{len(items)} item(s) {what}, the first {items[0]!r}"
        for items, what in ((missing, "are missing"), (new, "are new"))
        if items
    ]
    differences += _changed(folder, version, ids, pool)
    what_to_do = "Give the pool that it was made for"
    if new and len(differences) == 1:
        what_to_do += ", or go on with this one: claros ask POOL, or Campaign.open(..., pool=pool, adopt=True)"
    raise DataError(
        f"This is not the pool of the campaign: {'; '.join(differences) or 'the ids agree, but the contents differ'}. "
        f"{what_to_do}."
    )


def _changed(folder: Folder, version: int, ids: Sequence[str], pool: Pool) -> list[str]:
    """Which items that are still there have other contents, in words; nothing where none has, or none is known."""
    if not folder.has(_marks_name(version)):
        return []
    before = dict(zip(ids, folder.read_npy(_marks_name(version)).tolist(), strict=True))
    there = [item for item in ids if item in pool.positions]
    found = [
        item for item, mark in zip(there, _marks(_part(pool, there)).tolist(), strict=True) if before[item] != mark
    ]
    if found:
        return [f"{len(found)} item(s) have other contents, the first {found[0]!r}"]
    ids_now = list(pool.ids)
    return ["the items are the same, but in another order"] if ids != ids_now and sorted(ids) == sorted(ids_now) else []


def _marks_name(version: int) -> str:
    return f"items/{version}.marks.npy"


def _marks(pool: Pool) -> npt.NDArray[np.uint64]:
    """(N,) 64-bit numbers, equal where contents are, and elsewhere but by chance not."""
    return pool.reader.marks[pool.rows]


def identity(pool: Pool) -> dict[str, Any]:
    """What the log keeps of a pool: how to read it again, and how to tell that it is the same."""
    return {"pool": dict(pool.source), "manifest": pool.manifest(), "stamp": pool.stamp()}


def _differences(before: Sequence[str], now: Sequence[str]) -> tuple[list[str], list[str]]:
    known, present = set(before), set(now)
    return [item for item in before if item not in present], [item for item in now if item not in known]
