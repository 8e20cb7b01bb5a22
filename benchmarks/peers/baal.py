"""baal: its heuristics. It imports torchvision, whose operators a CPU build of torch does not have: they are declared
first, so that the import goes through; no heuristic calls one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

OPERATORS = ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d")


def declare() -> None:
    """Declare torchvision's operators and their gradients, where its own library has not."""
    for name in [*OPERATORS, *(f"_{name}_backward" for name in OPERATORS)]:
        try:
            torch.library.define(f"torchvision::{name}", "(Tensor a) -> Tensor")
        except RuntimeError:  # a torchvision whose operators have registered
            return


declare()

from baal.active import heuristics  # noqa: E402


def ranked(make: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
    """The first ``k`` of a heuristic's ranks; members last, as it wants them."""

    def routine(arrays: dict[str, np.ndarray], settings: dict[str, Any]) -> Callable[[], Any]:
        if "member_probs" in arrays:
            table = np.ascontiguousarray(np.swapaxes(arrays["member_probs"], 1, 2))
        else:
            table = arrays["probs"]
        return lambda: make(settings)(table)[: settings["k"]]

    return routine


def batch_bald(settings: dict[str, Any]) -> Any:
    return heuristics.BatchBALD(num_samples=settings["k"], num_draw=settings["samples"])


ROUTINES = {
    "entropy": ranked(lambda _: heuristics.Entropy()),
    "margin": ranked(lambda _: heuristics.Margin()),
    "bald": ranked(lambda _: heuristics.BALD()),
    "batch_bald": ranked(batch_bald),
}
