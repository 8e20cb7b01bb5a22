"""What is screened, as observations hold it."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest

from claros import stopping
from claros.errors import InputError
from claros.stopping import replay
from claros.stopping.recall.screening import least_total_missed, pack, unpack


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 1000, 12345])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_what_is_packed_comes_back(n: int, share: float) -> None:
    relevant = np.random.default_rng(n).random(n) < share
    screened = unpack(json.loads(json.dumps(pack(np.where(relevant, 3, 0), 3))), "cmh")
    assert np.array_equal(screened.relevant, relevant)
    assert (screened.n, screened.found) == (n, relevant.sum())
    assert screened.ranks.tolist() == [place + 1 for place in range(n) if relevant[place]]


@pytest.mark.parametrize(
    "damage",
    [
        {"screened": 41},
        {"screened": 9},
        {"screened": -3},
        {"screened": "40"},
        {"bits": "%"},
        {"bits": "AAAA"},
        {"bits": 5},
    ],
)
def test_damaged_observations_are_refused(damage: dict[str, Any]) -> None:
    rule = stopping.get("knee")
    with pytest.raises(InputError, match="an observation's screened items are damaged"):
        rule.decide([{**rule.observe(labels=[0, 1] * 20), **damage}])


def test_a_review_of_a_hundred_thousand_at_a_hundred_looks_stays_small_and_fast() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(100_000) < 0.3 * np.exp(-np.arange(100_000) / 3000)).astype(np.int64)
    for name in ("cmh", "knee", "knee_budget", "batch_precision", "inhomogeneous_poisson", "curve_fit"):
        rule = stopping.get(name)
        begin = time.process_time()
        trace = [rule.observe(labels=labels[:n], n_pool=100_000) for n in range(1000, 100_001, 1000)]
        replay(rule, trace)
        assert time.process_time() - begin < 2.0, name
        assert len(json.dumps(trace)) < 300_000, name


def test_totals_that_miss_a_target_are_exact() -> None:
    # found / total < a / b in whole numbers
    for percent in (50, 70, 80, 90, 95, 99, 100):
        for found in range(400):
            total = least_total_missed(found, percent / 100)
            assert 100 * found < percent * total
            assert total == 1 or 100 * found >= percent * (total - 1)
