"""Each random purpose has a stream of its own: another seed for one changes what is drawn from it, and no more."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
import torch

from claros import Campaign, data
from claros.campaign.streams import PURPOSES, check_streams
from claros.errors import InputError
from claros.experiment import read_config, run
from claros.experiment.config import parse_config
from claros.rng import Streams, beside, fingerprint, stream

SMALL = {
    "data": "iris",
    "strategy": ["random_share(margin, share=0.5)"],
    "start": 10,
    "batch": 10,
    "rounds": 1,
    "control": False,
    "audit": 0.1,
    "oracle": {"kind": "uniform", "rate": 0.3},
    "model": {"name": "forest", "parameters": {"n_estimators": 5}},
}


@cache
def drawn(purpose: str = "", seed: int = 9) -> dict[str, Any]:
    """What a small run draws, with another seed for one purpose."""
    config = parse_config({**SMALL, "streams": {purpose: seed} if purpose else None})
    out = run(config, Path(mkdtemp(prefix="claros-")) / "out", listener=lambda moment: None)
    cell = next((out / "cells").iterdir())
    items = json.loads((cell / "items/1.json").read_text())
    with Campaign.open(cell, pool=pool_of(config)) as campaign:
        rounds = [[row.item for row in one.items if row.source != "audit"] for one in campaign.rounds]
        told = campaign.labels()
    return {
        "test": np.load(out / "test.npz")["labels"].size,
        "pool": json.loads((out / "run.json").read_text())["manifest"]["pool"],
        "samples": (items["stop"], items["audit"]),
        "start": rounds[0],
        "told": told,
        "first": np.load(cell / "rounds/0000/test_probs.npy"),
        "picks": rounds[1],
        "facts": json.loads((out / "run.json").read_text()),
    }


def pool_of(config: Any) -> Any:
    return data.load("iris", seed=config.seed_for("split", 0)).train


def test_another_strategy_stream_leaves_split_samples_start_labels_and_weights_as_they_were() -> None:
    plain, other = drawn(), drawn("strategy")
    for kept in ("pool", "samples", "start"):
        assert other[kept] == plain[kept], kept
    np.testing.assert_array_equal(other["first"], plain["first"])
    assert other["picks"] != plain["picks"]  # half of the batch is drawn at random
    both = set(other["told"]) & set(plain["told"])
    assert {item: other["told"][item] for item in both} == {item: plain["told"][item] for item in both}


def test_another_weights_stream_changes_the_model_and_not_what_it_was_trained_on() -> None:
    plain, other = drawn(), drawn("weights")
    assert other["start"] == plain["start"]
    assert {item: other["told"][item] for item in other["start"]} == {
        item: plain["told"][item] for item in plain["start"]
    }
    assert not np.array_equal(other["first"], plain["first"])


def test_another_init_stream_changes_the_start_alone() -> None:
    plain, other = drawn(), drawn("init")
    assert other["start"] != plain["start"]
    assert (other["pool"], other["samples"]) == (plain["pool"], plain["samples"])


def test_another_split_stream_makes_another_pool() -> None:
    assert drawn("split")["pool"] != drawn()["pool"]


def test_another_samples_stream_changes_stop_set_and_audit_set_in_the_same_pool() -> None:
    plain, other = drawn(), drawn("samples")
    assert other["pool"] == plain["pool"]
    assert set(other["samples"][1]) != set(plain["samples"][1])


def test_another_annotator_errs_elsewhere_on_the_same_questions() -> None:
    plain, other = drawn(), drawn("annotator")
    assert other["start"] == plain["start"]
    assert [other["told"][item] for item in other["start"]] != [plain["told"][item] for item in plain["start"]]


def test_the_seed_itself_for_every_purpose_changes_nothing() -> None:
    same = parse_config({**SMALL, "streams": dict.fromkeys(PURPOSES, 0)})
    out = run(same, Path(mkdtemp(prefix="claros-")) / "out", listener=lambda moment: None)
    np.testing.assert_array_equal(
        np.load(next((out / "cells").iterdir()) / "rounds/0000/test_probs.npy"), drawn()["first"]
    )


def test_streams_are_stored_with_the_run_and_with_each_campaign(tmp_path: Path) -> None:
    assert drawn("strategy")["facts"]["streams"] == {"split": 0, "strategy": 9}
    assert drawn("strategy")["facts"]["config"]["streams"] == {"strategy": 9}
    pool = data.load("iris").train
    with Campaign.create(tmp_path / "c.claros", pool=pool, seed=3, streams={"init": 5}) as campaign:
        config = campaign._journal.sync().config
    assert config["streams"] == {**dict.fromkeys(PURPOSES, 3), "init": 5}


def trained(seeds: dict[str, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The first layer of a network after no step and after some, trained in a campaign with these streams."""
    from claros.campaign.streams import resolved, training_stream
    from claros.models.torch import TorchModel

    items = data.load("iris").train
    weights = []
    for lr in (1e-30, 0.1):
        model = TorchModel(
            lambda in_features, n_classes: torch.nn.Linear(in_features, n_classes), epochs=1, min_steps=3, lr=lr
        )
        model.fit(items, np.asarray(items.labels), rng=training_stream({"streams": resolved(0, seeds)}, 0))
        weights.append(model.outputs(items, ["head_weights"])["head_weights"])
    return weights[0], weights[1]


def test_weights_and_order_of_a_network_are_two_streams() -> None:
    first, last = trained({})
    other_first, other_last = trained({"order": 5})
    np.testing.assert_array_equal(other_first, first)  # so small a rate leaves the first weights
    assert not np.array_equal(other_last, last)  # other batches
    np.testing.assert_array_equal(trained({"order": 0})[1], last)
    assert not np.array_equal(trained({"weights": 5})[0], first)


def test_other_weights_leave_the_order_as_it_was() -> None:
    from claros.campaign.streams import resolved, training_stream

    draws = [
        beside(training_stream({"streams": resolved(0, seeds)}, 2), "order").permutation(50)
        for seeds in ({}, {"weights": 5}, {"order": 5})
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_a_campaign_of_an_early_log_has_one_stream_for_weights_and_order() -> None:
    from claros.campaign.streams import seed_for, training_stream

    assert seed_for({"seed": 7}, "strategy") == 7
    rng = training_stream({"seed": 7}, 1)
    assert beside(rng, "order") is rng
    assert rng.random() == stream(7, "model", 1).random()


def test_two_trainings_are_the_same_only_if_their_orders_are_too() -> None:
    def both(order: int) -> Streams:
        return Streams(stream(0, "model").bit_generator, {"order": stream(order, "order")})

    assert fingerprint(both(0)) == fingerprint(both(0)) != fingerprint(both(1))
    assert fingerprint(stream(0, "model")) != fingerprint(both(0))


def test_settings_of_the_command_line_and_files_name_single_streams(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("data: iris\nstreams: {split: 7}\n")
    config = read_config(tmp_path / "run.yaml", ["streams.init=1"])
    assert config.streams == {"split": 7, "init": 1}
    assert [config.seed_for(purpose, 4) for purpose in ("split", "init", "weights")] == [7, 1, 4]
    assert "streams" not in read_config(flags={"data": "iris"}).computed()


@pytest.mark.parametrize(
    ("streams", "said"),
    [({"weight": 1}, "Did you mean 'weights'"), ({"init": -1}, "streams.init"), ({"init": 0.5}, "streams.init")],
)
def test_a_stream_that_is_none_is_one_sentence(streams: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_streams(streams)
    with pytest.raises(InputError, match="streams"):
        parse_config({**SMALL, "streams": streams})
