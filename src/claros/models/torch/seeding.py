"""torch's global generators, seeded inside a ``with`` and put back after it; and the choice of a device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from claros.errors import InputError

__all__ = ["choose_device", "reseed", "seeded"]


def choose_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is CUDA where there is one, else Apple's, else the processor."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was compiled with CUDA
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"The device {name!r} cannot be used here: {reason} Choose 'auto' or 'cpu'.") from error
    return device


def reseed(seed: int, device: torch.device) -> None:
    """Start the processor's generator and the device's at the seed; to be called inside `seeded`."""
    torch.default_generator.manual_seed(seed)  # not torch.manual_seed, which seeds every other device too
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, the generators that networks draw from start at the seed; afterwards they are as they were.

    They are torch's for the processor and for the device. cuDNN keeps to its deterministic algorithms meanwhile.
    """
    mps = torch.mps.get_rng_state() if device.type == "mps" else None
    cudnn = torch.backends.cudnn
    deterministic, benchmark = cudnn.deterministic, cudnn.benchmark
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            cudnn.deterministic, cudnn.benchmark = True, False
            reseed(seed, device)
            yield
    finally:
        cudnn.deterministic, cudnn.benchmark = deterministic, benchmark
        if mps is not None:
            torch.mps.set_rng_state(mps)
