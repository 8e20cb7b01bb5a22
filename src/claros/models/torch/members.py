"""What is made of a network once it is trained: samples of its last layer, a temperature; and what it then provides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from claros.arrays import Floats, Indices
from claros.models.torch.anatomy import Anatomy
from claros.models.torch.chunks import in_chunks
from claros.models.torch.inference import Fitted, run
from claros.models.torch.laplace import best_precision, last_layer
from claros.models.torch.options import Options

__all__ = ["member_logits", "offered", "sampled_heads", "shared_temperature"]

#: Where the prediction is the mean of networks, which no linear head gives.
AVERAGED = ("ensemble", "snapshots")
#: Temperatures are looked for between its inverse and this.
HOTTEST = 20.0


def offered(anatomy: Anatomy, members_from: str) -> frozenset[str]:
    """What a network provides, with members from dropout, from other networks or from its last layer's posterior."""
    names = set(anatomy.provides) - {"member_probs"}
    if members_from in AVERAGED:
        return frozenset(names - {"head_weights", "head_bias"} | {"member_probs"})
    works = {"dropout": bool(anatomy.dropouts), "laplace": anatomy.head is not None}[members_from]
    return frozenset(names | {"member_probs"}) if works else frozenset(names)


def sampled_heads(
    fitted: Fitted, feed: Callable[[Indices], torch.Tensor], places: Indices, weights: Floats, options: Options
) -> torch.Tensor | None:
    """Draws of the last layer from its posterior, the bias last; (members, K, D + 1), or None without a linear head.

    The features are those of the items at the places, as the network gives them when it predicts. With one class there
    is no doubt about the weights that could be seen, and all draws are the head itself.
    """
    if fitted.anatomy.head is None:
        return None
    linear = fitted.net.get_submodule(fitted.anatomy.head)
    seen = torch.from_numpy(fitted.seen)
    weight = linear.weight.detach().double().cpu()[seen].numpy()
    bias = None if linear.bias is None else linear.bias.detach().double().cpu()[seen].numpy()
    mean = weight if bias is None else np.hstack([weight, bias[:, None]])
    if len(mean) == 1:
        drawn = np.repeat(mean[None], options.members, axis=0)
    else:

        def features(start: int, stop: int) -> torch.Tensor:
            embeddings = run(fitted, feed(places[start:stop]), embeddings=True).embeddings
            return torch.empty(0) if embeddings is None else embeddings.double().cpu()

        parts = in_chunks(features, range(len(places)), options.chunk, fitted.reader.who)
        inputs = torch.cat(parts).numpy()
        inputs = inputs if bias is None else np.hstack([inputs, np.ones((len(inputs), 1))])
        posterior = last_layer(mean, inputs, weights, structure=options.laplace)
        precision = options.prior_precision or best_precision(mean, posterior.curvatures())
        drawn = posterior.sample(options.members, precision, np.random.default_rng(fitted.seed))
    drawn = drawn if bias is not None else np.concatenate([drawn, np.zeros((*drawn.shape[:2], 1))], axis=2)
    return torch.from_numpy(drawn.astype(np.float32)).to(fitted.reader.mean.device)


def member_logits(
    fitted: Fitted, feed: Callable[[Indices], torch.Tensor], places: Indices, options: Options
) -> torch.Tensor:
    """Logits whose softmax, averaged over the first axis, is the prediction; (S, n, K), S = 1 but for networks."""

    def logits(start: int, stop: int) -> torch.Tensor:
        inputs = feed(places[start:stop])
        return torch.stack([fitted.logits(inputs, net).double().cpu() for net in fitted.nets])

    return torch.cat(in_chunks(logits, range(len(places)), options.chunk, fitted.reader.who), dim=1)


def shared_temperature(logits: torch.Tensor, targets: Indices) -> float | None:
    """The T for which the members' mean of softmax(logits / T) makes the labels likeliest; (S, n, K), (n,).

    None where no T in [0.05, 20] does, as when all members predict every label right: ever colder were ever better.
    With one member it is that of Guo et al. 2017 (arXiv:1706.04599). O(S·n·K) for each of some 40 looks.
    """
    from scipy.optimize import minimize_scalar

    labels = torch.from_numpy(targets)
    if logits.shape[2] < 2 or bool((logits.argmax(dim=2) == labels).all()):
        return None
    rows = labels[None, :, None].expand(len(logits), -1, 1)

    def loss(log_temperature: float) -> float:
        log_probs = (logits / float(np.exp(log_temperature))).log_softmax(dim=2).gather(2, rows)[..., 0]
        return -float(log_probs.logsumexp(dim=0).sum())

    edge = float(np.log(HOTTEST))
    best = float(minimize_scalar(loss, bounds=(-edge, edge), method="bounded", options={"xatol": 1e-7}).x)
    return None if edge - abs(best) < 1e-3 else float(np.exp(best))
