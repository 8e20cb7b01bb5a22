"""A campaign with a Hugging Face model: reopened at any point it asks the same, and restores what was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tiny_hf

import claros
from claros.testing.pools import small_pool

POOL = small_pool("texts")
CLASSES = dict(zip(POOL.ids, np.array(POOL.labels).tolist(), strict=True))


def asked(folder: Path, checkpoint: str, *, reopen: bool) -> list[list[str]]:
    model = claros.models.get(f"hf:{checkpoint}", **tiny_hf.QUICK)
    campaign = claros.Campaign.create(folder, pool=POOL, model=model, strategy="badge", start=9, batch=6, seed=3)
    rounds = []
    for _ in range(4):  # the start in two portions, and two batches by the model
        if reopen:
            campaign.close()
            campaign = claros.Campaign.open(folder, pool=POOL)
        queries = campaign.ask()
        for query in queries:
            campaign.tell(query.item, label=POOL.classes[CLASSES[query.item]], annotator="ada")
        rounds.append([query.item for query in queries])
    campaign.close()
    return rounds


def test_a_campaign_that_is_reopened_before_every_round_asks_the_same(tmp_path: Path) -> None:
    checkpoint = tiny_hf.bert(tmp_path / "bert")
    once, again = (asked(tmp_path / f"{reopen}.claros", checkpoint, reopen=reopen) for reopen in (False, True))
    assert once == again
    assert len({item for batch in once for item in batch}) == 21
    kept = {path.suffix for path in (tmp_path / "True.claros" / "models").rglob("*") if path.is_file()}
    assert kept == {".json", ".safetensors"}
