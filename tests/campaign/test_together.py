"""Several people at once, each in a process view of their own: nothing is asked of two, nothing is lost."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from trees import blobs

from claros.campaign import Campaign
from claros.errors import ConflictError


def test_four_annotators_label_the_whole_pool_and_no_item_twice(make: Callable[..., Campaign], tmp_path: Path) -> None:
    make(audit=0.0, start=20, batch=10, stop=None).close()
    said: dict[str, list[str]] = {}
    failures: list[BaseException] = []

    def label(annotator: str) -> None:
        try:
            said[annotator] = label_all(tmp_path / "trees.claros", annotator)
        except BaseException as error:  # noqa: BLE001  a thread's error must reach the test
            failures.append(error)

    threads = [threading.Thread(target=label, args=(name,)) for name in ("ada", "bob", "cleo", "dan")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    everything = [item for items in said.values() for item in items]
    assert len(everything) == len(set(everything)) == 118
    with Campaign.open(tmp_path / "trees.claros", pool=blobs()) as campaign:
        labels = campaign.labels()
        truth = campaign.pool.labels
        assert truth is not None
        assert all(campaign.classes[truth[campaign.pool.ids.index(item)]] == name for item, name in labels.items())
        assert len(labels) == 118
        planned = [row.item for round in campaign.rounds for row in round.items]
        assert len(planned) == len(set(planned)) == 118


def label_all(path: Path, annotator: str) -> list[str]:
    """Ask and tell until nothing is left, in steps of a few; the items told."""
    rng, told = random.Random(annotator), []
    with Campaign.open(path, pool=blobs()) as campaign:
        truth = campaign.pool.labels
        assert truth is not None
        while True:
            try:
                queries = campaign.ask(rng.randint(1, 4), annotator=annotator)
            except ConflictError:  # another one is planning
                time.sleep(0.01)
                continue
            if not queries:
                return told
            for query in queries:
                campaign.tell(query.item, int(truth[query.position]), annotator=annotator)
                told.append(query.item)
