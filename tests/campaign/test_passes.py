"""A long pass that was killed goes on where it was, to the very same arrays; a short one leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from slow_model import Slow

from claros import Campaign
from claros.campaign import passes
from claros.campaign.folder import Folder
from claros.models.torch import TorchModel
from claros.testing.pools import small_pool


class Net(torch.nn.Module):
    """One hidden layer with dropout."""

    def __init__(self, in_features: int, n_classes: int) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(in_features, 8), torch.nn.ReLU(), torch.nn.Dropout(0.3))
        self.head = torch.nn.Linear(8, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.body(x))
        return logits


HERE = Path(__file__).parent
NAP = 0.08


def start(data: Path, out: Path, log: Path, nap: float, mode: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, str(HERE / "slow_run.py"), str(data), str(out), str(nap), mode]
    paths = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(words, env={**os.environ, "SLOW_LOG": str(log), "PYTHONPATH": paths})


def lines(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def kill_after(process: subprocess.Popen[bytes], log: Path, n: int) -> None:
    """Kill it when the n-th part has been predicted."""
    deadline = time.monotonic() + 60
    while sum(line[0] == "outputs" for line in lines(log)) < n:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pool, test = small_pool("rows", 170, seed=1), small_pool("rows", 90, seed=2)
    path = tmp_path_factory.mktemp("data") / "easy.npz"
    rows = {name: one.take(np.arange(len(one))) for name, one in (("train", pool), ("test", test))}
    np.savez(path, x_train=rows["train"], y_train=pool.labels, x_test=rows["test"], y_test=test.labels)
    return path


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    assert start(data, out, out.parent / "log", 0.0, "restorable").wait() == 0
    return out


def same_files(one: Path, other: Path) -> None:
    arrays = sorted(path.relative_to(one) for path in (one / "cells").rglob("*.npy"))
    assert arrays
    assert arrays == sorted(path.relative_to(other) for path in (other / "cells").rglob("*.npy"))
    for path in arrays:
        assert (one / path).read_bytes() == (other / path).read_bytes(), path
    assert (one / "picks.csv").read_bytes() == (other / "picks.csv").read_bytes()


# 170 items of the pool are 9 parts of 20, the 90 items to test on 5: the pass over the pool ends with part 9, the
# evaluation of round 0 with part 14, the pass over the pool of round 1 with part 23.
@pytest.mark.parametrize(("mode", "killed_after"), [("restorable", 12), ("fitted again", 6)])
def test_a_killed_pass_goes_on_at_the_part_where_it_was(
    data: Path, whole: Path, tmp_path: Path, mode: str, killed_after: int
) -> None:
    out, first, second = tmp_path / "out", tmp_path / "first", tmp_path / "second"
    kill_after(start(data, out, first, NAP, mode), first, killed_after)
    assert list(out.rglob("rounds/0000/passes/*/*.npy"))
    assert start(data, out, second, NAP, mode).wait() == 0
    same_files(out, whole)
    assert not list(out.rglob("passes"))
    asked = [line for line in lines(second) if line[0] == "outputs"]
    # all 28 parts of both rounds once: at most the one that was at work when the process was killed is asked again
    done = sum(line[0] == "outputs" for line in lines(first))
    assert 28 <= done + len(asked) <= 29
    fits = sum(line[0] == "fit" for line in lines(second))
    assert fits == (1 if mode == "restorable" else 2)  # the training of round 0 is not repeated


def test_parts_together_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "LONG", 0.0)
    pool = small_pool("rows", 170)
    model = Slow()
    with Campaign.create(tmp_path / "c.claros", pool=pool, model=model, strategy="badge", audit=0.0) as campaign:
        campaign.tell_many({query.item: int(pool.labels[query.position]) for query in campaign.ask(20)})  # type: ignore[index]
        campaign.update()
        kept = sorted((tmp_path / "c.claros/rounds/0000/passes").rglob("*.npy"))
        assert {path.parent.name for path in kept} == {"pool"}
        probs = np.concatenate([np.load(path) for path in kept if ".probs." in path.name])
        np.testing.assert_array_equal(probs, model.outputs(pool, ["probs"])["probs"])
        campaign.ask(20)  # planned: what was kept for it is thrown away
        assert not (tmp_path / "c.claros/rounds/0000/passes").exists()


def test_a_networks_parts_are_whole_chunks_so_that_no_bit_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "LONG", 0.0)
    pool = small_pool("rows", 2300)
    net = TorchModel(lambda in_features, n_classes: Net(in_features, n_classes), epochs=1, min_steps=3, chunk=200)
    net.fit(pool.subset(range(60)), np.asarray(pool.labels)[:60], rng=np.random.default_rng(0))
    assert net.pass_items == 1000
    names = {"probs", "embeddings", "member_probs", "head_weights"}
    plain = net.outputs(pool, names)
    for _ in range(2):  # computed, and then read
        kept = passes.Passes(Folder.new(tmp_path / "c.claros", durable=False))
        kept.begin(0, 7, net)
        found = kept.outputs(net, pool, names, "pool")
        assert found.keys() == names
        for name in names:
            np.testing.assert_array_equal(found[name], plain[name])
            assert found[name].dtype == plain[name].dtype
    files = sorted(path.name for path in (tmp_path / "c.claros/rounds/0000/passes/pool").iterdir())
    assert files[0] == "000000000-000001000.embeddings.npy"
    assert len(files) == 3 * 3  # 2300 items are three parts of three outputs


def test_what_is_kept_is_not_used_for_other_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "LONG", 0.0)
    pool = small_pool("rows", 170)
    truth = np.asarray(pool.labels)
    with Campaign.create(tmp_path / "c.claros", pool=pool, model=Slow(), strategy="margin", audit=0.0) as campaign:
        queries = campaign.ask(20)
        campaign.tell_many({query.item: int(truth[query.position]) for query in queries})
        campaign.update()
        campaign.tell(queries[0].item, int(truth[queries[0].position] + 1) % 3)  # revised: another model
        seen = campaign.ask(5)
    with Campaign.create(None, pool=pool, model=Slow(), strategy="margin", audit=0.0) as plain:
        labels = {query.item: int(truth[query.position]) for query in plain.ask(20)}
        plain.tell_many(labels)
        plain.tell(queries[0].item, int(truth[queries[0].position] + 1) % 3)
        assert [query.item for query in plain.ask(5)] == [query.item for query in seen]


def test_a_short_pass_writes_nothing(tmp_path: Path) -> None:
    pool = small_pool("rows", 170)
    with Campaign.create(tmp_path / "c.claros", pool=pool, model=Slow(), strategy="margin", audit=0.0) as campaign:
        campaign.tell_many({query.item: int(pool.labels[query.position]) for query in campaign.ask(20)})  # type: ignore[index]
        campaign.update()
    assert not list(tmp_path.rglob("passes"))
