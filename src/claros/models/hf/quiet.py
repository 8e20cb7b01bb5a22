"""Everything global that transformers, accelerate and their trainer touch, put back as it was found."""

from __future__ import annotations

import logging
import os
import random
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import accelerate.state
import numpy as np
import torch
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
from transformers.utils import logging as hf_logging

from claros.models.torch.seeding import seeded

__all__ = ["undisturbed"]

#: Loggers of libraries that report progress of their own.
LOGGERS = ("transformers", "accelerate", "huggingface_hub", "datasets", "torch.distributed")

STATES = (accelerate.state.PartialState, accelerate.state.AcceleratorState, accelerate.state.GradientState)


@contextmanager
def undisturbed(seed: int) -> Iterator[None]:
    """Inside, every random generator starts at the seed and nothing is printed but errors; afterwards all is as before.

    That is: random states of Python, NumPy and torch on all devices, whether gradients are computed, deterministic
    algorithms and matrix precision, warning filters, environment variables, levels of loggers, progress bars, and the
    process's state of accelerate.
    """
    with ExitStack() as after:
        _keep_randomness(after)
        _keep_torch(after)
        after.enter_context(warnings.catch_warnings())
        _keep_environment(after)
        _keep_logging(after)
        _keep_accelerate(after)
        device = torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
        after.enter_context(torch.random.fork_rng(devices=list(range(torch.cuda.device_count()))))
        after.enter_context(seeded(seed, device))
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002 -- masks of audio networks are drawn from it
        yield


def _keep_randomness(after: ExitStack) -> None:
    after.callback(random.setstate, random.getstate())
    after.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002 -- put back


def _keep_torch(after: ExitStack) -> None:
    backends = torch.backends
    after.callback(torch.set_grad_enabled, torch.is_grad_enabled())
    after.callback(torch.set_default_dtype, torch.get_default_dtype())
    after.callback(
        torch.use_deterministic_algorithms,
        torch.are_deterministic_algorithms_enabled(),
        warn_only=torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    after.callback(setattr, backends.cuda.matmul, "allow_tf32", backends.cuda.matmul.allow_tf32)
    after.callback(setattr, backends.cudnn, "allow_tf32", backends.cudnn.allow_tf32)


def _keep_environment(after: ExitStack) -> None:
    before = dict(os.environ)

    def restore() -> None:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value

    after.callback(restore)


def _keep_logging(after: ExitStack) -> None:
    for name in LOGGERS:
        logger = logging.getLogger(name)
        after.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.ERROR)
    bars, downloads = hf_logging.is_progress_bar_enabled(), not are_progress_bars_disabled()
    hf_logging.disable_progress_bar()
    after.callback(enable_progress_bars if downloads else disable_progress_bars)
    if bars:  # called first, as it shows downloads as well
        after.callback(hf_logging.enable_progress_bar)


def _keep_accelerate(after: ExitStack) -> None:
    """The trainer makes the process's one state of accelerate anew: a caller may have one of his own."""
    for state in STATES:
        after.callback(_put_back, state._shared_state, dict(state._shared_state))


def _put_back(shared: dict[str, object], before: dict[str, object]) -> None:
    shared.clear()
    shared.update(before)
