"""What torch models cost beside their networks: pool scoring, training, and whole rounds, as ratios of one run.

Images of CIFAR-10's size, made at random, on CUDA where there is one. Three things are timed against loops written by
hand in plain torch, lap by lap in turn, and the best lap of each counts:

* ``outputs`` for probabilities; for probabilities and embeddings; and for dropout members, against forward passes of
  the same network over the same images, normalised alike (one pass, and one for each member): at most 1.1 is wanted;
* ``fit`` against the same number of steps of the same optimizer;
* a round of a campaign (ask, tell, train, predict, plan, and all files written) against ``fit`` and ``outputs`` of the
  same model alone: at most 1.05 is wanted.

On the processor one thread is used, and its seconds are counted rather than the clock's, so that neighbours disturb
little.

    python benchmarks/models.py [--model cnn] [--width 16] [--items 10000] [--members 10] [--labels 500] [--laps 3]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

import claros
from claros import data, models
from claros.arrays import Floats

N_CLASSES = 10


def images(n: int) -> data.Pool:
    """Coloured noise with a bright patch that says the class."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, N_CLASSES, n)
    contents = rng.integers(0, 160, (n, 32, 32, 3)).astype(np.uint8)
    for place, label in enumerate(labels):
        contents[place, 3 * label : 3 * label + 3, :, label % 3] += 90
    return data.arrays(contents, labels, classes=[str(code) for code in range(N_CLASSES)])


class ByHand:
    """Loops in plain torch over the same images, with the network of a trained model."""

    def __init__(self, model: Any, pool: data.Pool, chunk: int) -> None:
        self.model, self.fitted = model, model.trained()
        self.raw = torch.from_numpy(np.asarray(pool.take(np.arange(len(pool))))).permute(0, 3, 1, 2)
        self.chunk = chunk

    def seen(self, raw: torch.Tensor) -> torch.Tensor:
        """Floats on the device, normalised as the model does."""
        reader = self.fitted.reader
        floats = raw.to(reader.mean.device).float() / 255
        return (floats - reader.mean[:, None, None]) / reader.std[:, None, None]

    def forward(self, members: int) -> Floats:
        """Probabilities (N, C), or those of members (N, S, C), copied to NumPy."""
        net, n = self.fitted.net.eval(), len(self.raw)
        found = np.empty((n, max(1, members), N_CLASSES), np.float32)
        dropouts = [net.get_submodule(name) for name in self.fitted.anatomy.dropouts]
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            for start in range(0, n, self.chunk):
                x = self.seen(self.raw[start : start + self.chunk])
                found[start : start + self.chunk, 0] = net(x).softmax(dim=1).cpu().numpy()
                for module in dropouts:
                    module.train()
                for member in range(members):
                    found[start : start + self.chunk, member] = net(x).softmax(dim=1).cpu().numpy()
                net.eval()
        return found

    def train(self, labels: Floats, steps: int, size: int) -> None:
        """So many steps of AdamW on batches of that size, from the weights that there are."""
        net = self.fitted.net
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-6)
        targets, n = torch.from_numpy(np.array(labels)).to(self.fitted.reader.mean.device), len(labels)
        net.train()
        rng = np.random.default_rng(0)
        for _ in range(steps):
            batch = rng.choice(n, size, replace=False)
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(net(self.seen(self.raw[torch.from_numpy(batch)])), targets[batch]).backward()
            optimizer.step()
        net.eval()


def best(calls: dict[str, Callable[[], Any]], laps: int, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds of each call's best lap; they take turns."""
    seconds = dict.fromkeys(calls, np.inf)
    for _ in range(laps):
        for name, call in calls.items():
            started = clock()
            call()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            seconds[name] = min(seconds[name], clock() - started)
    return seconds


def rounds(options: dict[str, Any], name: str, pool: data.Pool, given: argparse.Namespace) -> tuple[float, float]:
    """Seconds of a round of a campaign on disk, and of the same training and pass alone; the best of the laps."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    seconds: dict[str, list[float]] = {"round": [], "alone": []}
    labels = np.asarray(pool.labels)
    alone: Any = models.get(name, **options)
    with tempfile.TemporaryDirectory() as folder:
        campaign = claros.Campaign.create(
            Path(folder) / "x.claros",
            pool=pool,
            model=models.get(name, **options),
            start=given.labels,
            batch=50,
            strategy="margin",
            audit=0.0,
        )
        with campaign:
            queries = campaign.ask(given.labels)
            known: list[int] = []
            for _ in range(given.laps):
                known += [query.position for query in queries]
                started = clock()
                campaign.tell_many({query.item: int(labels[query.position]) for query in queries})
                queries = campaign.ask(50)  # trains, predicts the pool, plans
                seconds["round"].append(clock() - started)
                started = clock()
                alone.fit(pool.subset(known), labels[known], n_classes=N_CLASSES, rng=np.random.default_rng(0))
                alone.outputs(pool, ["probs"])
                seconds["alone"].append(clock() - started)
    ratios = [one / other for one, other in zip(seconds["round"], seconds["alone"], strict=True)]
    place = int(np.argsort(ratios)[len(ratios) // 2])
    return seconds["round"][place], seconds["alone"][place]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="cnn")
    for name, value in (("width", 16), ("items", 10_000), ("members", 10), ("labels", 500), ("laps", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--epochs", type=int, default=10)
    given = parser.parse_args()
    torch.set_num_threads(1)
    pool = images(given.items)
    chunk, size = 256, 50
    options = {"width": given.width, "dropout": 0.3, "epochs": given.epochs, "min_steps": 0, "batch_size": size}
    options |= {"members": given.members, "chunk": chunk}
    model: Any = models.get(given.model, **options)
    some, labels = pool.subset(range(given.labels)), np.asarray(pool.labels)[: given.labels]

    def fit() -> None:
        model.fit(some, labels, n_classes=N_CLASSES, rng=np.random.default_rng(0))

    fit()
    hand = ByHand(model, pool, chunk)
    steps = given.epochs * -(-given.labels // size)
    calls: dict[str, Callable[[], Any]] = {
        "forward by hand": lambda: hand.forward(0),
        "probs": lambda: model.outputs(pool, ["probs"]),
        "probs, embeddings": lambda: model.outputs(pool, ["probs", "embeddings"]),
        "members by hand": lambda: hand.forward(given.members),
        "probs, members": lambda: model.outputs(pool, ["probs", "member_probs"]),
        "steps by hand": lambda: hand.train(labels, steps, size),
        "fit": fit,
    }
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    seconds = best(calls, given.laps, clock)
    seconds["round of a campaign"], seconds["fit, probs"] = rounds(options, given.model, pool, given)
    print(f"{given.model} of width {given.width}, {given.items} images, {given.labels} labels, {steps} steps, "
          f"{given.members} members, on {hand.fitted.reader.mean.device}")  # fmt: skip
    pairs = {
        "probs": "forward by hand",
        "probs, embeddings": "forward by hand",
        "probs, members": "members by hand",
        "fit": "steps by hand",
        "round of a campaign": "fit, probs",
    }
    for name, beside in pairs.items():
        ratio = seconds[name] / seconds[beside]
        print(f"{name:20} {seconds[name]:8.2f} s   {beside:16} {seconds[beside]:8.2f} s   ratio {ratio:5.3f}")


if __name__ == "__main__":
    main()
