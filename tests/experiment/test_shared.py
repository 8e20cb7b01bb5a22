"""The start batch's model is trained once for all arms of a seed, and nothing but the clock shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bench_models
from claros import data, models
from claros.experiment import run
from claros.experiment.config import parse_config
from claros.experiment.shared import Starts
from claros.rng import stream


def test_arms_of_a_seed_train_on_their_start_once(tmp_path: Path) -> None:
    bench_models.TRAININGS.clear()
    config = parse_config(
        {
            "data": "iris",
            "model": "bench_models:counting",
            "strategy": ["margin", "entropy"],
            "start": 6,
            "batch": 5,
            "rounds": 2,
            "seeds": 2,
        }
    )
    run(config, tmp_path / "out", listener=lambda moment: None)
    # 2 seeds: one start of 6 for three arms, then each arm's own 11 and 16
    assert sorted(bench_models.TRAININGS) == [6] * 2 + [11] * 6 + [16] * 6


@pytest.mark.parametrize("name", ["logistic", "mlp", "forest"])
def test_shared_or_not_the_predictions_are_the_same(name: str) -> None:
    pool = data.load("iris").train
    starts, labeled = Starts(), np.arange(0, 100, 7)
    wanted = ["probs", "embeddings"]
    expected = []
    for labels in (labeled, labeled[:9]):
        model = models.get(name)
        model.fit(pool.subset(labels), pool.labels[labels], n_classes=3, rng=stream(0, "model", 0))
        expected.append(model.outputs(pool, wanted))
    for _ in range(2):  # the second arm takes over what the first one trained, and then goes its own way
        model = starts.share(models.get(name))
        for labels, outputs in zip((labeled, labeled[:9]), expected, strict=True):
            model.fit(pool.subset(labels), pool.labels[labels], n_classes=3, rng=stream(0, "model", 0))
            found = model.outputs(pool, wanted)
            for key in wanted:
                np.testing.assert_array_equal(found[key], outputs[key])
            assert model.history[0]["n" if "n" in model.history[0] else "epoch"] is not None


def test_another_seed_or_another_start_is_trained_anew() -> None:
    pool, starts = data.load("iris").train, Starts()
    bench_models.TRAININGS.clear()
    for labels, seed in ((np.arange(0, 100, 7), 0), (np.arange(0, 100, 7), 1), (np.arange(1, 100, 7), 1)):
        model = starts.share(models.get("bench_models:counting"))
        model.fit(pool.subset(labels), pool.labels[labels], n_classes=3, rng=stream(seed, "model", 0))
    assert len(bench_models.TRAININGS) == 3
