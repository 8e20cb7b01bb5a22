"""batchbald_redux: the functions of the method's authors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from batchbald_redux import batchbald


def logs(arrays: dict[str, np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.log(np.maximum(arrays["member_probs"], 1e-30)))


def bald(arrays: dict[str, np.ndarray], settings: dict[str, Any]) -> Callable[[], Any]:
    log_probs = logs(arrays)
    return lambda: batchbald.get_bald_batch(log_probs, settings["k"]).indices


def batch_bald(arrays: dict[str, np.ndarray], settings: dict[str, Any]) -> Callable[[], Any]:
    log_probs, samples = logs(arrays).double(), settings["samples"]
    torch.manual_seed(0)
    return lambda: batchbald.get_batchbald_batch(log_probs, settings["k"], samples, dtype=torch.double).indices


ROUTINES = {"bald": bald, "batch_bald": batch_bald}
