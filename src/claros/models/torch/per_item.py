"""What is computed of each item beside its prediction: distances to a boundary, a gradient's length, a loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch

from claros.models.torch.adversarial import Logits, Search, bim, blocks, deepfool, head_distance, lengths
from claros.models.torch.anatomy import Anatomy, evaluating
from claros.models.torch.gradients import expected_gradient_norm
from claros.models.torch.inference import Fitted, PerItem, linear_head, run
from claros.models.torch.loss_head import predict
from claros.models.torch.members import AVERAGED
from claros.models.torch.options import Options

__all__ = ["measured", "measures", "prediction", "searches"]


def measured(anatomy: Anatomy, options: Options) -> frozenset[str]:
    """The names of `claros.inputs.NEEDS` that are had of such a network, with these options."""
    names = {"bim_distance", "gradient_norm"} if anatomy.differentiable else set()
    head = anatomy.head is not None and options.members_from not in AVERAGED
    if head if options.boundary == "head" else anatomy.differentiable:
        names.add("boundary_distance")
    if options.learned_loss:
        names.add("predicted_loss")
    return frozenset(names)


def measures(fitted: Fitted, options: Options) -> dict[str, PerItem]:
    """Name -> function from what the network sees (B, ...) to one number an item (B,); to be called in evaluation."""
    ways, seen = searches(options), torch.from_numpy(fitted.seen)
    nearest = partial(_to_head, fitted) if options.boundary == "head" else partial(_to_end, fitted, ways["deepfool"])
    return {
        "boundary_distance": nearest,
        "bim_distance": partial(_to_end, fitted, ways["bim"]),
        "gradient_norm": lambda inputs: _mean(fitted, lambda net: expected_gradient_norm(net, inputs, seen)),
        "predicted_loss": partial(_loss, fitted),
    }


def searches(options: Options) -> dict[str, Search]:
    """Ways to look for the smallest step that changes a prediction, with the model's options."""
    return {
        "deepfool": partial(deepfool, steps=options.boundary_steps, classes=options.boundary_classes),
        "bim": partial(bim, steps=options.boundary_steps, epsilon=options.boundary_epsilon),
    }


@contextmanager
def prediction(fitted: Fitted) -> Iterator[Logits]:
    """A function from inputs (B, ...) to the logits (B, K) of the classes seen, whose networks are in evaluation mode.

    Where the prediction is the mean of several networks, so are these: their softmax is that mean, but for a factor.
    """

    def logits(inputs: torch.Tensor) -> torch.Tensor:
        if not fitted.others:
            return fitted.logits(inputs)
        said = [fitted.logits(inputs, net).log_softmax(dim=1) for net in fitted.nets]
        return torch.stack(said).logsumexp(dim=0)

    with ExitStack() as modes:
        for net in fitted.nets:
            modes.enter_context(evaluating(net))
        yield logits


def _to_end(fitted: Fitted, search: Search, inputs: torch.Tensor) -> torch.Tensor:
    with prediction(fitted) as logits:
        return torch.cat([lengths(inputs[rows], search(logits, inputs[rows])) for rows in blocks(len(inputs))])


def _to_head(fitted: Fitted, inputs: torch.Tensor) -> torch.Tensor:
    embeddings = run(fitted, inputs, embeddings=True).embeddings
    return head_distance(inputs.new_empty(0) if embeddings is None else embeddings, linear_head(fitted))


def _loss(fitted: Fitted, inputs: torch.Tensor) -> torch.Tensor:
    """0 where one class is known, and so nothing was learned of losses."""
    if len(fitted.seen) == 1:
        return torch.zeros(len(inputs))
    return _mean(fitted, lambda net: predict(net, inputs))


def _mean(fitted: Fitted, measure: Callable[[torch.nn.Module], torch.Tensor]) -> torch.Tensor:
    """Over the networks, where there are several."""
    return torch.stack([measure(net) for net in fitted.nets]).mean(dim=0)
