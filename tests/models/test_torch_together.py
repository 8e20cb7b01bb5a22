"""Several processes train one model: the one that a process alone would, and each of them has all of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState, PartialState
from factories import Perceptron
from together import OPTIONS, work

from claros.errors import InputError
from claros.models import TorchModel
from claros.models.torch.engine import Alone, Team, Together, make_engine
from claros.models.torch.options import Options
from claros.testing.pools import small_pool

HERE = Path(__file__).parent
N = 101


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two processes, started as torchrun starts them, have put what each ends with."""
    out = tmp_path_factory.mktemp("two")
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    command = [sys.executable, str(HERE / "together.py"), str(out), str(N)]
    started = []
    for rank in ("0", "1"):
        environment = {**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank, "OMP_NUM_THREADS": "1"}
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE))
    try:
        said = [process.communicate(timeout=200)[1].decode() for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert [process.returncode for process in started] == [0, 0], said
    return out


def test_two_processes_train_and_predict_what_one_does(two: Path, tmp_path: Path) -> None:
    """A network without batch normalisation or dropout: the same up to the order in which gradients are added.

    Of 67 items to train on, 14 are held out: 6 batches of 8 or 9, so that parts differ by one.
    """
    work(tmp_path, "network", N)
    alone = dict(np.load(tmp_path / "network-0.npz"))
    one, other = (dict(np.load(two / f"network-{rank}.npz")) for rank in range(2))
    assert alone["probs"].shape == (N, 3)
    for name, expected in alone.items():
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
        np.testing.assert_allclose(one[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("factory", ["perceptron", "unused"])
def test_with_batch_normalisation_or_unused_weights_everyone_has_the_same_model(two: Path, factory: str) -> None:
    one, other = (dict(np.load(two / f"{factory}-{rank}.npz")) for rank in range(2))
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    assert one["losses"][-1, 0] < one["losses"][0, 0]


@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
def test_a_process_alone_trains_the_same_model_with_and_without(precision: str) -> None:
    pool = small_pool()
    given = []
    for accelerate in (True, False):
        model = TorchModel(Perceptron, accelerate=accelerate, **{**OPTIONS, "precision": precision})
        model.fit(pool, pool.labels, rng=np.random.default_rng(0))
        names = ("probs", "embeddings", "head_weights", "member_probs")
        given.append(model.outputs(pool, names))
        assert not PartialState._shared_state, "what accelerate sets up for the process is taken down again"
        assert not AcceleratorState._shared_state
    for name, array in given[0].items():
        np.testing.assert_array_equal(array, given[1][name])


def test_training_in_bfloat16_differs_and_its_predictions_are_float32_all_the_same() -> None:
    pool = small_pool()
    given = {}
    for precision in ("full", "bfloat16"):
        model = TorchModel(Perceptron, **{**OPTIONS, "precision": precision})
        model.fit(pool, pool.labels, rng=np.random.default_rng(0))
        given[precision] = model.outputs(pool, ["logits"])["logits"]
        assert all(value.dtype != torch.bfloat16 for value in model.trained().net.state_dict().values())
    assert np.abs(given["full"] - given["bfloat16"]).max() > 1e-6
    np.testing.assert_allclose(given["full"], given["bfloat16"], atol=0.2)
    # Had the pass been in bfloat16, with 8 bits, all of these would be whole multiples of its spacing.
    rounded = torch.from_numpy(given["bfloat16"]).to(torch.bfloat16).float().numpy()
    assert (rounded != given["bfloat16"]).mean() > 0.9


def test_a_compiled_network_trains_the_same_model() -> None:
    pool = small_pool()
    given = []
    for backend in ("off", "eager"):
        model = TorchModel(Perceptron, compile=backend, **{**OPTIONS, "epochs": 2})
        model.fit(pool, pool.labels, rng=np.random.default_rng(0))
        given.append(model.outputs(pool, ["logits"])["logits"])
    np.testing.assert_allclose(given[0], given[1], rtol=1e-4, atol=1e-5)


def test_a_backend_that_is_none_is_said() -> None:
    pool = small_pool()
    with pytest.raises(InputError, match=r"There is no backend .* named 'indutcor'\. Did you mean 'inductor'"):
        TorchModel(Perceptron, compile="indutcor", **OPTIONS).fit(pool, pool.labels, rng=np.random.default_rng(0))


def test_without_a_gpu_auto_compiles_nothing() -> None:
    net = torch.nn.Linear(2, 2)
    engine = make_engine(net, torch.optim.SGD(net.parameters()), torch.device("cpu"), Options(compile="auto"))
    assert isinstance(engine, Alone)
    assert engine._net is net


@pytest.mark.parametrize(("n", "chunk", "world"), [(10, 3, 2), (100, 7, 3), (2, 5, 4), (0, 5, 2), (12, 4, 3)])
def test_rows_are_dealt_in_whole_chunks_each_once(n: int, chunk: int, world: int) -> None:
    teams = [Team(rank, world, torch.device("cpu")) for rank in range(world)]
    runs = [team.rows(n, chunk, team.rank) for team in teams]
    assert [row for first, last in runs for row in range(first, last)] == list(range(n))
    assert all(first % chunk == 0 or first == n for first, _ in runs)


def test_a_batch_is_split_so_that_each_part_has_two_items_or_all() -> None:
    class Three(Together):
        def __init__(self, rank: int) -> None:
            self.rank, self.world = rank, 3

    for n in (2, 5, 6, 7, 20):
        batch = np.arange(n)
        parts = [Three(rank).share(batch) for rank in range(3)]
        if n < 6:
            assert all(part.tolist() == batch.tolist() for part in parts)
        else:
            assert sorted(np.concatenate(parts)) == batch.tolist()
            assert min(map(len, parts)) >= 2
