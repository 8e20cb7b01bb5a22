"""Recorded runs in the results database of a bench that kept what stopping rules saw (``evidence: true``)."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from claros.campaign.snapshot import restore
from claros.errors import DataError
from claros.experiment.bench.names import factors_of, varying
from claros.experiment.bench.run import database
from claros.experiment.bench.schema import CELLS, Claim, NewSetting
from claros.experiment.bench.store import Store
from claros.experiment.config import UPPER_BOUND, parse_config
from claros.experiment.setting import Setting
from claros.experiment.stopping.recorded import Key, Recorded

__all__ = ["check_bench", "from_bench", "is_bench"]


def is_bench(file: Path) -> bool:
    """Whether a file is the results database of a bench; it is only read, as another program may own it."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            query = "SELECT count(*) FROM sqlite_master WHERE name = ?"
            return bool(connection.execute(query, [CELLS.name]).fetchone()[0])
    except sqlite3.Error:
        return False


def check_bench(place: str) -> None:
    """Raise a `DataError` where a database, a file or a URL, holds no finished cell with evidence."""
    if "://" not in place and not is_bench(Path(place)):
        raise DataError(f"{place} is not a results database of claros bench.")
    with Store(database(None, place, existing=True)) as store:
        settings = store.settings()
        if not settings:
            raise DataError(f"The bench in {store.place} has no cells yet; claros bench run puts them there.")
        kept = {one.key for one in settings if one.config.get("evidence")}
        if not kept:
            raise DataError(
                f"The bench in {store.place} did not keep what stopping rules saw; run it by claros stop bench, or "
                "with --set evidence=true."
            )
        if not any(cell["setting"] in kept and _is_done(cell) for cell in store.states()):
            raise DataError(f"No cell of the bench in {store.place} is done; claros bench status says how far it is.")


def from_bench(place: str) -> Iterator[Recorded]:
    """Every cell that is done, setting by setting; settings that kept no evidence are passed over.

    ``place`` is the database's file or URL; see `check_bench` for what it must hold.
    """
    check_bench(place)
    with Store(database(None, place, existing=True)) as store, tempfile.TemporaryDirectory(prefix="claros-") as scratch:
        settings, cells = store.settings(), [cell for cell in store.cells() if _is_done(cell)]
        for one in settings:
            if one.config.get("evidence"):
                mine = [cell for cell in cells if cell["setting"] == one.key]
                yield from _cells(store, one, settings, mine, Path(scratch))


def _is_done(cell: Mapping[str, Any]) -> bool:
    return bool(cell["status"] == "done" and cell["strategy"] != UPPER_BOUND)


def _cells(
    store: Store,
    one: NewSetting,
    settings: Sequence[NewSetting],
    cells: Sequence[Mapping[str, Any]],
    scratch: Path,
) -> Iterator[Recorded]:
    if not cells:
        return
    setting = Setting.load(parse_config(one.config))
    if setting.facts()["manifest"] != one.facts["manifest"]:
        raise DataError(f"{setting.config.data} holds other data than when this bench was planned; restore them.")
    for cell in cells:
        arm = json.loads(cell["arm"])
        claim = Claim(cell["id"], cell["token"], "", one.key, cell["strategy"], arm, int(cell["seed"]), None)
        parts, files = store.parts(claim)
        if not parts:
            raise DataError(f"{store.place} lost what the rules saw of {cell['strategy']}, seed {cell['seed']}.")
        campaign, _ = restore(
            parts, files, pool=setting.pool, model=setting.model(), scratch=scratch, target=setting.target
        )
        accuracy = {int(row["round"]): float(row["accuracy"]) for row in store.past(claim)}
        yield Recorded.of(_key(one, settings, cell), campaign, accuracy, store.place)


def _key(one: NewSetting, settings: Sequence[NewSetting], cell: Mapping[str, Any]) -> Key:
    """Data and model by their names; what else varies stands beside the strategy."""
    factors = factors_of(one, settings)
    others = [f"{name} {factors[name]}" for name in varying(settings) if name not in ("data", "model")]
    return Key(factors["data"], factors["model"], ", ".join([cell["strategy"], *others]), int(cell["seed"]))
