"""Strategies by networks that play against each other over what is labeled: VAAL and WAAL, on fixed features."""

from __future__ import annotations

from typing import Any

import numpy as np

from claros.arrays import Array, Floats, Indices, to_numpy
from claros.errors import require
from claros.pick import Picked, in_order
from claros.strategies.parameters import check_counts, check_positive
from claros.strategy import strategy

__all__ = ["vaal", "waal"]


@strategy(reference="Sinha, Ebrahimi & Darrell 2019, ICCV, arXiv:1904.00370", stochastic=True)
def vaal(
    k: int,
    *,
    features: Array,
    labeled_features: Array,
    rng: np.random.Generator,
    epochs: int = 20,
    most_steps: int = 200,
    latent: int = 32,
    hidden: int = 128,
    beta: float = 1.0,
    adversary: float = 1.0,
    rate: float = 1e-3,
    batch: int = 128,
) -> Picked:
    """What a discriminator is surest is not labeled, in the latent space of an autoencoder that tries to deceive it.

    A variational autoencoder of the features (one hidden layer, ``latent`` dimensions, ``beta`` times its divergence)
    learns to rebuild all items and to look labeled everywhere (``adversary`` times that); the discriminator learns to
    tell labeled, 1, from unlabeled, 0. Twice a batch the one, once the other, for ``epochs`` times through the
    pool or ``most_steps`` batches. A pick's score is 1 minus the
    discriminator's chance that it is labeled. Where nothing is labeled, picks are random with score 0. Needs torch.

    Departures: on fixed features, where the authors train on images beside the task's network.

    Cost: O(most_steps·batch·(D + latent)·hidden + N·D·hidden) time at most, O(N·D) memory.

    Use it for parity with published tables; not for results: it does poorly in all recent comparisons.
    """
    check_counts("vaal", epochs=epochs, most_steps=most_steps, latent=latent, hidden=hidden, batch=batch)
    check_positive("vaal", beta=beta, adversary=adversary, rate=rate)
    order = rng.permutation(int(features.shape[0]))
    if not labeled_features.shape[0]:
        return Picked(in_order(np.arange(len(order)), order)[:k], np.zeros(k))
    torch = require("torch", "torch", "vaal")
    rows, known = _tensors(torch, features, labeled_features)
    draw = _Draws(torch, rng, len(rows), len(known), batch)
    width = rows.shape[1]
    layer, nn = draw.layer, torch.nn.functional
    encode, spread, decode, rebuild = (
        layer(width, hidden),
        layer(hidden, 2 * latent),
        layer(latent, hidden),
        layer(hidden, width),
    )
    judge, verdict = layer(latent, hidden), layer(hidden, 1)
    maker = torch.optim.Adam([part for one in (encode, spread, decode, rebuild) for part in one], lr=rate)
    critic = torch.optim.Adam([*judge, *verdict], lr=rate)

    def seen(some: Any) -> tuple[Any, Any]:
        both = _apply(spread, torch.relu(_apply(encode, some)))
        return both[:, :latent], both[:, latent:].clamp(-10, 10)

    def chance(mean: Any) -> Any:
        return _apply(verdict, torch.relu(_apply(judge, mean)))[:, 0]

    with torch.enable_grad():
        for ours, theirs in draw.batches(epochs, most_steps):
            some, labeled = rows[theirs], known[ours]
            for _ in range(2):
                loss = torch.zeros(())
                for part in (labeled, some):
                    mean, spreads = seen(part)
                    drawn = mean + draw.noise(mean.shape) * torch.exp(0.5 * spreads)
                    again = _apply(rebuild, torch.relu(_apply(decode, drawn)))
                    divergence = -0.5 * (1 + spreads - mean**2 - spreads.exp()).sum(dim=1).mean()
                    wanted = torch.ones(len(part))
                    deceived = nn.binary_cross_entropy_with_logits(chance(mean), wanted)
                    loss = loss + ((again - part) ** 2).mean() + beta * divergence / width + adversary * deceived
                _step(maker, loss)
            with torch.no_grad():
                ours_seen, theirs_seen = seen(labeled)[0], seen(some)[0]
            told = nn.binary_cross_entropy_with_logits(chance(ours_seen), torch.ones(len(labeled)))
            told = told + nn.binary_cross_entropy_with_logits(chance(theirs_seen), torch.zeros(len(some)))
            _step(critic, told)
    with torch.no_grad():
        scores = (1.0 - torch.sigmoid(chance(seen(rows)[0]))).numpy().astype(np.float64)
    return _best(scores, k, order)


@strategy(reference="Shui, Zhou, Gagné & Wang 2020, AISTATS, arXiv:1911.09162", stochastic=True)
def waal(
    k: int,
    *,
    probs: Array,
    features: Array,
    labeled_features: Array,
    rng: np.random.Generator,
    epochs: int = 20,
    most_steps: int = 200,
    hidden: int = 128,
    weight: float = 10.0,
    penalty: float = 10.0,
    rate: float = 1e-3,
    batch: int = 128,
) -> Picked:
    """Doubt and unlikeness to what is labeled at once: a critic's estimate of the Wasserstein distance, and -log p.

    A critic of one hidden layer learns to be high on unlabeled and low on labeled features, with slopes near 1
    (``penalty`` times the square of what they differ from it by). A pick's score is ``weight`` times the critic's
    value, brought to [0, 1] over the candidates, less half the Euclidean length and half the sum of -log p over the
    classes, divided by their number: small where the prediction is even. Where nothing is labeled, doubt alone counts.
    Needs torch.

    Departures: on fixed features, where the authors train critic and task together; the critic's values are scaled, so
    that ``weight`` means the same in every round.

    Cost: O((most_steps·batch + N)·D·hidden) time at most, O(N·(C + D)) memory.

    Use it where the labeled items are unlike the pool; not late, when the critic tells nothing apart any more.
    """
    check_counts("waal", epochs=epochs, most_steps=most_steps, hidden=hidden, batch=batch)
    check_positive("waal", weight=weight, penalty=penalty, rate=rate)
    order = rng.permutation(int(features.shape[0]))
    logs = -np.log(np.maximum(to_numpy(probs).astype(np.float64), 1e-7))
    doubt = -0.5 * (np.linalg.norm(logs, axis=1) + logs.sum(axis=1)) / logs.shape[1]
    if not labeled_features.shape[0]:
        return _best(doubt, k, order)
    torch = require("torch", "torch", "waal")
    rows, known = _tensors(torch, features, labeled_features)
    draw = _Draws(torch, rng, len(rows), len(known), batch)
    first, second = draw.layer(rows.shape[1], hidden), draw.layer(hidden, 1)
    optimiser = torch.optim.Adam([*first, *second], lr=rate, betas=(0.5, 0.9))

    def value(some: Any) -> Any:
        return _apply(second, torch.relu(_apply(first, some)))[:, 0]

    with torch.enable_grad():
        for ours, theirs in draw.batches(epochs, most_steps):
            labeled, some = known[ours], rows[theirs]
            size = min(len(labeled), len(some))
            share = draw.uniform((size, 1))
            between = (share * labeled[:size] + (1 - share) * some[:size]).requires_grad_()
            slopes = torch.autograd.grad(value(between).sum(), between, create_graph=True)[0]
            rough = ((slopes.norm(dim=1) - 1.0) ** 2).mean()
            _step(optimiser, value(labeled).mean() - value(some).mean() + penalty * rough)
    with torch.no_grad():
        found = value(rows).numpy().astype(np.float64)
    width = float(found.max() - found.min())
    unlike = (found - found.min()) / width if width > 0 else np.zeros(len(found))
    return _best(weight * unlike + doubt, k, order)


class _Draws:
    """First weights, batches and noise, all from one generator, on the host."""

    def __init__(self, torch: Any, rng: np.random.Generator, n: int, labeled: int, batch: int) -> None:
        self.torch, self.rng, self.n, self.labeled, self.batch = torch, rng, n, labeled, batch

    def layer(self, width: int, out: int) -> tuple[Any, Any]:
        """Weights (out, width) and bias (out,), as torch draws those of a linear layer."""
        limit = 1.0 / np.sqrt(width)
        parts = self.rng.uniform(-limit, limit, (out, width)), self.rng.uniform(-limit, limit, out)
        return tuple(self.torch.tensor(part, dtype=self.torch.float32).requires_grad_() for part in parts)

    def noise(self, shape: Any) -> Any:
        """Standard normal numbers."""
        return self.torch.tensor(self.rng.normal(size=tuple(shape)), dtype=self.torch.float32)

    def uniform(self, shape: tuple[int, ...]) -> Any:
        """Numbers in [0, 1)."""
        return self.torch.tensor(self.rng.random(shape), dtype=self.torch.float32)

    def batches(self, epochs: int, most: int) -> Any:
        """Positions of labeled and of unlabeled items, as many of each; an epoch is once through the unlabeled."""
        each = -(-self.n // self.batch)
        for step in range(min(most, epochs * each)):
            if step % each == 0:
                order = self.rng.permutation(self.n)
            theirs = order[step % each * self.batch :][: self.batch]
            ours = self.rng.integers(self.labeled, size=len(theirs))
            yield self.torch.from_numpy(ours), self.torch.from_numpy(theirs)


def _tensors(torch: Any, features: Array, labeled: Array) -> tuple[Any, Any]:
    """Float32 rows of both, moved to mean 0 and scaled to mean square 1 together."""
    rows, known = (to_numpy(part).astype(np.float64) for part in (features, labeled))
    both = np.concatenate([rows, known])
    centre = both.mean(axis=0)
    size = float(np.sqrt(np.mean((both - centre) ** 2))) or 1.0
    return tuple(torch.tensor((part - centre) / size, dtype=torch.float32) for part in (rows, known))


def _apply(layer: tuple[Any, Any], some: Any) -> Any:
    return some @ layer[0].T + layer[1]


def _step(optimiser: Any, loss: Any) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def _best(scores: Floats, k: int, order: Indices) -> Picked:
    picks = np.lexsort((order, -scores.round(9)))[:k].astype(np.int64)
    return Picked(picks, scores[picks])
