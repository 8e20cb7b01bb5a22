"""The smallest step that changes a prediction, by DeepFool and by BIM, searched for many items at once.

Lengths are Euclidean and in what the network sees: images scaled, resized and normalised, rows standardised. Gradients
are taken by the inputs alone; the network's weights, their gradients and its modes stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from claros.arrays import Floats, Indices
from claros.errors import CannotFeedError, InputError, suggest
from claros.models.checks import check_kind
from claros.models.columns import Head
from claros.models.model import Items
from claros.models.torch.reading import Reader
from claros.models.torch.seeding import seeded

if TYPE_CHECKING:
    from claros.models.torch.adapter import TorchModel

__all__ = [
    "Adversarial",
    "Logits",
    "Moved",
    "Search",
    "adversarial_examples",
    "bim",
    "blocks",
    "deepfool",
    "farthest",
    "head_distance",
    "lengths",
]

#: From (B, ...) of what the network sees to the logits (B, K) of the classes seen in training.
Logits = Callable[[torch.Tensor], torch.Tensor]
#: From inputs (B, ...) to the nearest that an item can be.
Within = Callable[[torch.Tensor], torch.Tensor]
#: By how much more than the step is tried, so that it ends beyond the boundary and not on it, as the authors do.
OVERSHOOT = 0.02
#: A step shorter than this share of the item itself is lost in float32.
RESOLUTION = 1e-6
#: Items whose activations are held at once.
BLOCK = 64


class Moved(NamedTuple):
    """Steps (B, ...) to where predictions change, whether they do (B,), and the share by which to prolong them."""

    by: torch.Tensor
    changed: torch.Tensor
    beyond: float = 0.0


class Adversarial(NamedTuple):
    """Adversarial examples of k items, with what the network says of each before and after; NumPy arrays."""

    examples: npt.NDArray[np.float32]
    """Images (k, H, W) or (k, H, W, 3) with values in [0, 1], of the size that the network sees; rows (k, F)."""
    originals: npt.NDArray[np.float32]
    """The same items unchanged, in the same form."""
    before: Indices
    """(k,) codes of the predicted classes."""
    after: Indices
    """(k,) codes of the classes predicted for the examples just as they are given here."""
    distances: Floats
    """(k,) lengths of the steps, in what the network sees; `farthest` where none was found."""


def farthest(inputs: torch.Tensor) -> float:
    """What counts as never: ten deviations in every feature, 10·√D of inputs (B, ...) with D features."""
    return 10.0 * float(inputs[0].numel()) ** 0.5 if len(inputs) else 0.0


def lengths(inputs: torch.Tensor, moved: Moved) -> torch.Tensor:
    """Length of each step (B,), `farthest` at most; just that where the prediction never changed."""
    limit = farthest(inputs)
    found = moved.by.flatten(1).norm(dim=1).clamp(max=limit)
    return torch.where(moved.changed, found, limit)


def deepfool(
    logits: Logits, inputs: torch.Tensor, *, steps: int = 50, classes: int = 10, within: Within | None = None
) -> Moved:
    """The step to the nearest boundary of the network made linear where the item is, and again from there.

    It ends as soon as 1.02 times the whole step changes the prediction, or after so many ``steps``; ``classes`` are
    looked at, those most likely at the start. On a network that is linear over its inputs the first step is exact,
    min over k of (f_own - f_k) / |w_own - w_k|. ``within`` brings what was tried back to where items can be.

    Cost: a forward and ``classes`` - 1 backward passes a step, over the items whose prediction still holds.

    Reference: Moosavi-Dezfooli, Fawzi & Frossard 2016, arXiv:1511.04599.
    Departures: nothing is added to steps of length 0 (their code adds 0.0001); an item on the boundary, or so near that
    float32 cannot come nearer, is there.
    """
    moved = torch.zeros_like(inputs)
    with torch.no_grad():
        start = logits(inputs)
    ranked = start.topk(min(classes, start.shape[1]), dim=1).indices
    holds = _holds(start, ranked[:, 0])
    changed = ~holds
    going = holds.nonzero()[:, 0]
    for _ in range(steps):
        if not len(going):
            break
        here = inputs[going] + (1 + OVERSHOOT) * moved[going]
        step, length = _linear_step(logits, here, ranked[going])
        reachable = length.isfinite()
        moved[going] += torch.where(_beside(reachable, step), step, 0.0)
        tried = inputs[going] + (1 + OVERSHOOT) * moved[going]
        if within is not None:
            tried = within(tried)
            moved[going] = (tried - inputs[going]) / (1 + OVERSHOOT)
        with torch.no_grad():
            ahead = logits(tried)
        there = length <= RESOLUTION * here.flatten(1).norm(dim=1)
        crossed = ~_holds(ahead, ranked[going, 0]) | there
        changed[going] = crossed & reachable
        going = going[~crossed & reachable]
    return Moved(moved, changed, 2 * OVERSHOOT)  # with less, some are across by no more than float32 can tell


def _linear_step(logits: Logits, here: torch.Tensor, ranked: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The step to the nearest boundary of the linearised network (A, ...), and its length (A,), infinite if none."""
    with torch.enable_grad():
        here = here.detach().requires_grad_()
        values = logits(here).gather(1, ranked)
        gaps = values[:, :1] - values[:, 1:]  # (A, R): how far the predicted class is above each other
        totals = gaps.sum(dim=0).unbind()  # items do not see each other: the sum's gradient is each one's own
    best = torch.zeros_like(here, requires_grad=False)
    length = torch.full((len(here),), torch.inf, device=here.device)
    for place, total in enumerate(totals):
        (slope,) = torch.autograd.grad(total, here, retain_graph=place < len(totals) - 1)
        steepness = slope.flatten(1).norm(dim=1)
        gap = gaps[:, place].detach()
        candidate = torch.where(steepness > 0, gap.clamp(min=0) / steepness.clamp(min=1e-30), torch.inf)
        nearer = candidate < length
        scale = torch.where(nearer, candidate / steepness.clamp(min=1e-30), 0.0)
        best = torch.where(_beside(nearer, slope), -_beside(scale, slope) * slope, best)
        length = torch.where(nearer, candidate, length)
    return best, length


def bim(
    logits: Logits, inputs: torch.Tensor, *, steps: int = 50, epsilon: float = 0.05, within: Within | None = None
) -> Moved:
    """Steps of ``epsilon`` along the sign of the loss's gradient until the prediction changes, ``steps`` at most.

    ``within`` brings what was tried back to where items can be.

    Cost: a forward and a backward pass a step, over the items whose prediction still holds.

    Reference: Kurakin, Goodfellow & Bengio 2017, arXiv:1607.02533 (the basic iterative method).
    Departures: the gradient is that of the log odds of the predicted class, which points the same way as the
    cross-entropy's and does not vanish where the prediction is certain; steps are bounded in number; pixels are clipped
    to their range by ``within`` alone.
    """
    moved = torch.zeros_like(inputs)
    changed = torch.zeros(len(inputs), dtype=torch.bool, device=inputs.device)
    going = torch.arange(len(inputs), device=inputs.device)
    own = torch.empty(0, dtype=torch.int64, device=inputs.device)
    for number in range(steps + 1):
        with torch.enable_grad():
            here = (inputs[going] + moved[going]).detach().requires_grad_()
            values = logits(here)
            if not number:
                own = values.argmax(dim=1)
            if values.shape[1] == 1:
                break
            odds = _log_odds(values, own[going]).sum()
        holds = _holds(values.detach(), own[going])
        changed[going[~holds]] = True
        if number == steps or not bool(holds.any()):
            break
        (slope,) = torch.autograd.grad(odds, here)
        going = going[holds]
        moved[going] -= epsilon * slope[holds].sign()
        if within is not None:
            moved[going] = within(inputs[going] + moved[going]) - inputs[going]
    return Moved(moved, changed)


def _log_odds(values: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Logit of the own class less the log of the sum over the others, (A, K) -> (A,)."""
    mine = values.gather(1, own[:, None])[:, 0]
    others = values.scatter(1, own[:, None], -torch.inf)
    return mine - others.logsumexp(dim=1)


def _holds(values: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Whether the own class is above every other, (A, K) -> (A,); a tie is a boundary that was reached."""
    mine = values.gather(1, own[:, None])[:, 0]
    others = values.scatter(1, own[:, None], -torch.inf)
    return mine > others.amax(dim=1)


def _beside(values: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """(A,) shaped to be broadcast against (A, ...)."""
    return values.reshape(-1, *[1] * (items.ndim - 1))


def head_distance(embeddings: torch.Tensor, head: Head) -> torch.Tensor:
    """Distance of embeddings (B, D) to the nearest boundary of a linear head of K classes, in closed form; (B,).

    min over k of (z_own - z_k) / |w_own - w_k|; `farthest` where no other class can be reached.
    """
    weights = torch.as_tensor(head.weights, device=embeddings.device)
    logits = embeddings @ weights.T + torch.as_tensor(head.bias, device=embeddings.device)
    own = logits.argmax(dim=1)
    gaps = logits.gather(1, own[:, None]) - logits
    apart = torch.cdist(weights, weights, compute_mode="donot_use_mm_for_euclid_dist")[own]
    found = torch.where(apart > 0, gaps / apart.clamp(min=1e-30), torch.inf)
    return found.amin(dim=1).clamp(max=farthest(embeddings))


#: `deepfool` or `bim` with their parameters filled in; ``within`` may be given.
Search = Callable[..., Moved]


def adversarial_examples(
    model: TorchModel,
    items: Items,
    positions: Sequence[int] | Indices,
    *,
    method: Literal["deepfool", "bim"] = "deepfool",
) -> Adversarial:
    """The items at the positions, moved to where the model's predictions change; what it says of them, and how far.

    ``method`` has the model's own options (``boundary_steps``, ``boundary_classes``, ``boundary_epsilon``). Images come
    as numbers in [0, 1], of the size that the network sees, and their search keeps to that range at every step, unlike
    that for ``boundary_distance``; rows come in their own units. Where no step was found ``after`` is ``before``.
    Rounded to whole bytes many of DeepFool's steps vanish: write them as numbers, and pictures of them for people.
    Raises `ModelError` before the first fit.

    Cost: that of the method for these items, all of which are held at once.
    """
    from claros.models.torch.per_item import prediction, searches

    ways, fitted = searches(model.options), model.trained()
    if method not in ways:
        raise InputError(f"{model.name}: {suggest(method, ways, 'method')}")
    if "bim_distance" not in model.provides:
        raise CannotFeedError(f"The network of {model.name} passes no gradient on to its input; choose another model.")
    check_kind(model.name, items, (fitted.reader.kind,))
    with seeded(0, fitted.reader.mean.device), prediction(fitted) as logits:
        inputs = fitted.reader.prepared(fitted.reader.raw(items, np.asarray(positions, dtype=np.int64)))
        return _examples(fitted.reader, logits, fitted.seen, inputs, ways[method])


def _examples(reader: Reader, logits: Logits, seen: Indices, inputs: torch.Tensor, search: Search) -> Adversarial:
    ends, steps, before, after = [], [], [], []
    for rows in blocks(len(inputs)):
        moved = search(logits, inputs[rows], within=partial(_in_range, reader))
        end = _in_range(reader, inputs[rows] + (1 + moved.beyond) * moved.by)
        ends.append(end)
        steps.append(lengths(inputs[rows], moved))
        with torch.no_grad():
            before.append(logits(inputs[rows]).argmax(dim=1))
            after.append(logits(end).argmax(dim=1))
    codes = [seen[torch.cat(parts).cpu().numpy()] for parts in (before, after)]
    found, distances = _restored(reader, torch.cat(ends)), torch.cat(steps).cpu().numpy()
    return Adversarial(found, _restored(reader, inputs), codes[0], codes[1], distances)


def blocks(n: int) -> list[slice]:
    """Rows of n items, a few at a time, as a search holds the activations of all layers; one empty block of none."""
    return [slice(start, min(n, start + BLOCK)) for start in range(0, n, BLOCK)] or [slice(0, 0)]


def _scaled(reader: Reader, inputs: torch.Tensor) -> torch.Tensor:
    """Inputs as they were before they were normalised."""
    mean, std = (reader.mean, reader.std) if reader.kind == "rows" else (_map(reader.mean), _map(reader.std))
    return inputs * std + mean


def _map(values: torch.Tensor) -> torch.Tensor:
    return values[:, None, None]


def _in_range(reader: Reader, inputs: torch.Tensor) -> torch.Tensor:
    """The inputs with what is darker than black or brighter than white brought back; rows as they are."""
    if reader.kind == "rows":
        return inputs
    clipped = _scaled(reader, inputs).clamp(0.0, 1.0)
    return (clipped - _map(reader.mean)) / _map(reader.std)


def _restored(reader: Reader, inputs: torch.Tensor) -> npt.NDArray[np.float32]:
    values = _scaled(reader, inputs)
    if reader.kind == "rows":
        return values.cpu().numpy()  # type: ignore[no-any-return]
    images = values.clamp(0.0, 1.0).permute(0, 2, 3, 1).cpu().numpy()
    return images[..., 0] if images.shape[-1] == 1 else images  # type: ignore[no-any-return]
