"""A training that ended in the middle goes on there, and ends with the very same model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dying import Dying
from factories import Perceptron

from claros import Campaign, models
from claros.cli import main
from claros.errors import StorageError
from claros.models import TorchModel
from claros.models.model import Context
from claros.testing.pools import small_pool

HERE = Path(__file__).parent
EPOCHS = 6
OPTIONS: dict[str, Any] = {"epochs": EPOCHS, "min_steps": 0, "batch_size": 16, "device": "cpu", "save_every": 0.0}


class Killed(Exception):
    """What ends a training."""


def fit(model: Any, folder: Path | None, killed_at: int = 0, seed: int = 0, n: int = 48) -> tuple[list[int], Any]:
    """The epochs reported, and where the random stream stands afterwards."""
    seen: list[int] = []

    def listen(done: int, planned: int) -> None:
        seen.append(done)
        if done == killed_at:
            raise Killed

    kind = "images" if model.name == "cnn" else "rows"
    pool, rng = small_pool(kind), np.random.default_rng(seed)
    model.on_epoch, model.context = listen, Context(folder)
    model.fit(pool.subset(range(n)), pool.labels[:n], n_classes=3, rng=rng)
    return seen, rng.bit_generator.state


def states(model: Any) -> list[dict[str, torch.Tensor]]:
    return [net.state_dict() for net in model.trained().nets]


def assert_same(one: Any, other: Any) -> None:
    for state, expected in zip(states(one), states(other), strict=True):
        assert state.keys() == expected.keys()
        for name, value in state.items():
            assert torch.equal(value, expected[name]), name
    drop = [[{**entry, "seconds": 0} for entry in model.history] for model in (one, other)]
    assert drop[0] == drop[1]
    heads = [model.trained().heads for model in (one, other)]
    assert (heads[0] is None and heads[1] is None) or torch.equal(*heads)


@pytest.mark.parametrize(
    ("build", "killed_at"),
    [
        (lambda: models.get("cnn", width=4, augment={"flip": 0.5, "crop": 2, "rotate": 9}, **OPTIONS), 4),
        (lambda: TorchModel(Perceptron, validation=0.3, patience=2, temperature=2.0, **{**OPTIONS, "epochs": 30}), 3),
        (lambda: TorchModel(Perceptron, members_from="snapshots", members=3, **OPTIONS), 3),
        (lambda: TorchModel(Perceptron, members_from="laplace", members=3, **OPTIONS), EPOCHS),
        (lambda: TorchModel(Perceptron, optimizer="SGD", optimizer_arguments={"momentum": 0.9}, **OPTIONS), 1),
    ],
)
def test_a_training_that_was_interrupted_ends_as_if_it_had_not_been(build: Any, killed_at: int, tmp_path: Path) -> None:
    whole, resumed = build(), build()
    everything, end = fit(whole, None)
    with pytest.raises(Killed):
        fit(build(), tmp_path, killed_at)
    seen, resumed_end = fit(resumed, tmp_path)
    assert seen == everything[killed_at:]
    assert resumed_end == end
    assert_same(resumed, whole)


def test_it_may_be_interrupted_again_and_again(tmp_path: Path) -> None:
    whole, resumed = TorchModel(Perceptron, **OPTIONS), TorchModel(Perceptron, **OPTIONS)
    fit(whole, None)
    for epoch in range(1, EPOCHS):
        with pytest.raises(Killed):
            fit(TorchModel(Perceptron, **OPTIONS), tmp_path, epoch)
    assert fit(resumed, tmp_path)[0] == [EPOCHS]
    assert_same(resumed, whole)


@pytest.mark.parametrize("save_every", [0.0, 1000.0])
def test_the_networks_of_an_ensemble_that_are_done_are_not_trained_again(tmp_path: Path, save_every: float) -> None:
    options = {**OPTIONS, "members_from": "ensemble", "members": 3, "validation": 0.2, "save_every": save_every}
    whole, resumed = (TorchModel(Perceptron, **options) for _ in range(2))
    fit(whole, None)
    with pytest.raises(Killed):
        fit(TorchModel(Perceptron, **options), tmp_path, EPOCHS + 4)  # in the second network
    went_on_at = EPOCHS + 5 if save_every == 0 else EPOCHS + 1
    assert fit(resumed, tmp_path)[0] == list(range(went_on_at, 3 * EPOCHS + 1))
    assert_same(resumed, whole)


OPTIMIZERS = {key: value for key, value in vars(torch.optim).items() if isinstance(value, type)}
#: What needs a closure or sparse gradients is refused; Muon takes matrices alone.
UNFIT = ("Optimizer", "LBFGS", "SparseAdam", "Muon")


@pytest.mark.parametrize("name", sorted(OPTIMIZERS.keys() - UNFIT))
def test_every_optimizer_goes_on_as_it_was(name: str, tmp_path: Path) -> None:
    options = {**OPTIONS, "epochs": 4, "optimizer": name}
    whole, resumed = (TorchModel(Perceptron, **options) for _ in range(2))
    fit(whole, None)
    with pytest.raises(Killed):
        fit(TorchModel(Perceptron, **options), tmp_path, 2)
    assert fit(resumed, tmp_path)[0] == [3, 4]
    assert_same(resumed, whole)


def test_a_state_of_another_training_is_none(tmp_path: Path) -> None:
    """Other labels, other options, another stream, other weights to start from: all of them start anew."""
    whole = TorchModel(Perceptron, **OPTIONS)
    fit(whole, None)
    others: list[Any] = [
        (TorchModel(Perceptron, **OPTIONS), {"seed": 1}),
        (TorchModel(Perceptron, **OPTIONS), {"n": 40}),
        (TorchModel(Perceptron, **{**OPTIONS, "lr": 0.02}), {}),
        (TorchModel(Perceptron, {"width": 5}, **OPTIONS), {}),
    ]
    for other, given in others:
        with pytest.raises(Killed):
            fit(other, tmp_path, 3, **given)
        again = TorchModel(Perceptron, **OPTIONS)
        assert fit(again, tmp_path)[0] == [*range(1, EPOCHS + 1)]
        assert_same(again, whole)


def test_a_state_that_is_damaged_is_none(tmp_path: Path) -> None:
    whole = TorchModel(Perceptron, **OPTIONS)
    fit(whole, None)
    for folder, damage in ((tmp_path / "a", "weights-*.safetensors"), (tmp_path / "b", "model.json")):
        with pytest.raises(Killed):
            fit(TorchModel(Perceptron, **OPTIONS), folder, 3)
        path = next((folder / "0").glob(damage))
        path.write_bytes(path.read_bytes()[:-9])
        again = TorchModel(Perceptron, **OPTIONS)
        assert fit(again, folder)[0] == [*range(1, EPOCHS + 1)]
        assert_same(again, whole)


def test_a_state_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match=r"Could not write the state of the training to .*taken"):
        fit(TorchModel(Perceptron, **OPTIONS), tmp_path / "taken")


def test_a_warm_model_goes_on_inside_its_second_training(tmp_path: Path) -> None:
    whole, resumed = (TorchModel(Perceptron, warm=True, **OPTIONS) for _ in range(2))
    fit(whole, None, n=30)
    fit(whole, None)
    fit(resumed, None, n=30)
    with pytest.raises(Killed):
        fit(resumed, tmp_path, 2)
    assert fit(resumed, tmp_path)[0] == [3, 4, 5, 6]
    assert_same(resumed, whole)


def test_nothing_is_written_where_time_is_short_and_nothing_pickled_where_it_is_not(tmp_path: Path) -> None:
    fit(TorchModel(Perceptron, **{**OPTIONS, "save_every": 1000.0}), tmp_path / "short")
    assert not list(tmp_path.rglob("*"))
    fit(TorchModel(Perceptron, **OPTIONS), tmp_path)
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".json", ".safetensors"}


# ---------------------------------------------------------------------------------------------------- campaigns


def test_a_campaign_tells_its_model_where_and_deletes_the_state_when_the_training_is_over(tmp_path: Path) -> None:
    told: list[Context] = []

    class Listening(TorchModel):
        def fit(self, *given: Any, **more: Any) -> None:
            told.append(self.context)
            super().fit(*given, **more)

    model = Listening(Perceptron, **OPTIONS)
    pool = small_pool()
    assert pool.labels is not None
    options: dict[str, Any] = {"start": 6, "batch": 6, "strategy": "margin", "audit": 0.0}
    with Campaign.create(tmp_path / "a.claros", pool=pool, model=model, **options) as campaign:
        for _ in range(2):
            for query in campaign.ask():
                campaign.tell(query.item, int(pool.labels[query.position]))
        campaign.update()
    # 6 items at random, then 6 that the strategy has picked.
    at_random = [context.at_random.tolist() for context in told if context.at_random is not None]
    assert at_random == [[True] * 6, [True] * 6 + [False] * 6]
    rounds = tmp_path / "a.claros" / "rounds"
    assert [context.folder for context in told] == [rounds / "0000/training/model", rounds / "0001/training/model"]
    assert not list(rounds.glob("*/training"))


def test_a_run_that_is_killed_in_a_training_goes_on_there_with_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the third round's training: 2 rounds of 10 epochs of one or two steps, and some of the third."""
    pool, test = small_pool(n=90), small_pool(n=60, seed=1)
    rows = {name: one.take(np.arange(len(one))) for name, one in (("train", pool), ("test", test))}
    np.savez(tmp_path / "easy.npz", x_train=rows["train"], y_train=pool.labels, x_test=rows["test"], y_test=test.labels)

    def words(out: str) -> list[str]:
        options = {"epochs": 10, "min_steps": 0, "batch_size": 16, "save_every": 0, "device": "cpu"}
        return [
            *["run", "--data", str(tmp_path / "easy.npz"), "--model", "dying:Dying", "--strategy", "margin"],
            *["--no-control", "--no-report", "--start", "12", "--batch", "12", "--rounds", "3", "--out", out],
            *[word for name, value in options.items() for word in ("--set", f"model.parameters.{name}={value}")],
        ]

    monkeypatch.setenv("STEPS", str(tmp_path / "whole.steps"))
    assert main(words(str(tmp_path / "whole"))) == 0
    environment = {**os.environ, "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1", "DIE_AT": "44"}
    environment["STEPS"] = str(tmp_path / "killed.steps")
    command = [sys.executable, "-m", "claros", *words(str(tmp_path / "killed"))]
    process = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    kept = list((tmp_path / "killed").rglob("rounds/0002/training/model/0/model.json"))
    assert len(kept) == 1
    monkeypatch.setenv("STEPS", str(tmp_path / "resumed.steps"))
    monkeypatch.setattr(Dying, "steps", 1000)
    assert main(words(str(tmp_path / "killed"))) == 0
    steps = {name: len((tmp_path / f"{name}.steps").read_text().split()) for name in ("whole", "killed", "resumed")}
    assert steps["killed"] == 44
    # Of an epoch of three steps those are done again that the killed process had done.
    assert 0 < steps["killed"] + steps["resumed"] - steps["whole"] <= 3
    assert (tmp_path / "killed/picks.csv").read_bytes() == (tmp_path / "whole/picks.csv").read_bytes()
    arrays = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.npy"))
    assert len(arrays) > 10
    for path in arrays:
        assert (tmp_path / "killed" / path).read_bytes() == (tmp_path / "whole" / path).read_bytes(), path
    assert not list((tmp_path / "killed").rglob("training"))
