"""A campaign packed round by round and made anew elsewhere goes on as if nothing had happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from claros import data, models
from claros.campaign import Campaign
from claros.campaign.snapshot import Recorder, restore
from claros.data import Pool
from claros.errors import CorruptLogError


def campaign(pool: Pool, model: str = "logistic") -> Campaign:
    settings: dict[str, Any] = {"strategy": "margin", "start": 6, "batch": 4, "audit": 0.1, "seed": 3}
    return Campaign.create(None, pool=pool, model=models.get(model), **settings)


def label(one: Campaign, pool: Pool) -> list[str]:
    """One round: ask, tell, train."""
    asked = [query.item for query in one.ask()]
    truth = {item: pool.classes[code] for item, code in zip(pool.ids, pool.labels, strict=True)}
    one.tell_many({item: truth[item] for item in asked})
    one.update()
    return asked


def test_it_asks_what_the_campaign_would_have_asked(tmp_path: Path) -> None:
    pool = data.load("iris").train
    first = campaign(pool)
    recorder, parts = Recorder(first, tmp_path / "a"), []
    for _ in range(3):
        label(first, pool)
        parts.append(recorder.part())
    second, again = restore(parts, None, pool=pool, model=models.get("logistic"), scratch=tmp_path / "b")
    assert second.labels() == first.labels()
    assert second.provenance() == first.provenance()
    for name in first.watched:
        assert second.decisions(name) == first.decisions(name)
    assert label(second, pool) == label(first, pool)
    parts.append(again.part())  # the copy packs only what is new, and that is enough for the next one
    third, _ = restore(parts, None, pool=pool, model=models.get("logistic"), scratch=tmp_path / "c")
    assert third.labels() == first.labels()
    assert third.accuracy() == first.accuracy()


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{}",
        b'{"events.json": 5}\n[]',
        b"[1]\n",
        b'{"events.json": 2}\n{}',
        b'{"events.json": 40}\n[["told","",7,[1.5,2.5],{"item":["a"]}]]',  # two labels, of which one lacks its item
    ],
)
def test_a_damaged_part_is_said_to_be_one(tmp_path: Path, damaged: bytes) -> None:
    pool = data.load("iris").train
    with pytest.raises(CorruptLogError, match="damaged"):
        restore([damaged], None, pool=pool, model=models.get("logistic"), scratch=tmp_path)
