"""One step of training: alone in this process, or together with others that `accelerate` has started beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import torch

from claros.arrays import Array, Indices
from claros.errors import InputError, require, suggest
from claros.models.torch.options import Options

__all__ = ["Alone", "Engine", "Team", "Together", "make_engine", "team"]


class Engine(Protocol):
    """Runs a network forward and steps its optimizer."""

    rank: int
    world: int

    def share(self, batch: Indices) -> Indices:
        """The part of a batch that is this process's."""

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the network says in training, in half precision where that is wanted; (B, ...) -> (B, C) float32."""

    def step(self, losses: torch.Tensor, n: int) -> None:
        """One step down the mean loss over a batch of ``n`` items, of which these losses are this process's."""

    def total(self, value: float) -> float:
        """The sum of a number over the processes."""

    def agree(self, net: torch.nn.Module) -> None:
        """Let all processes have the first one's state, where theirs can differ (running means)."""

    def state(self) -> dict[str, Any]:
        """What a resumed training needs beside the optimizer's own state, as JSON."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""

    def close(self) -> None:
        """Give the network back as it was before it was prepared."""


def half_precision(device: torch.device, precision: str) -> torch.dtype | None:
    """The type that training computes in, None for float32."""
    if precision == "bfloat16":
        return torch.bfloat16
    if precision == "full" or device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def make_engine(
    net: torch.nn.Module, optimizer: torch.optim.Optimizer, device: torch.device, options: Options
) -> Engine:
    """The engine that the options ask for."""
    half = half_precision(device, options.precision)
    backend = {"off": None, "auto": "inductor" if device.type == "cuda" else None}.get(options.compile, options.compile)
    forward: Callable[..., Any] = net if backend is None else compiled(net, backend)
    if options.accelerate:
        return Together(forward, optimizer, device, half)
    return Alone(forward, optimizer, device, half)


def compiled(net: torch.nn.Module, backend: str) -> Callable[..., Any]:
    """The network run through ``torch.compile``, whose first step takes long."""
    known = torch.compiler.list_backends(exclude_tags=())
    if backend not in known:
        raise InputError(suggest(backend, ["off", "auto", *known], "backend of torch.compile"))
    run: Callable[..., Any] = torch.compile(net, backend=backend)
    return run


class Alone:
    """One process. float16 has its gradients scaled."""

    rank, world = 0, 1

    def __init__(
        self, net: Callable[..., Any], optimizer: torch.optim.Optimizer, device: torch.device, half: torch.dtype | None
    ) -> None:
        self._net, self._optimizer, self._device, self._half = net, optimizer, device, half
        self._scaler = torch.amp.GradScaler(device.type, enabled=half is torch.float16)

    def share(self, batch: Indices) -> Indices:
        """All of it."""
        return batch

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """(B, ...) -> (B, C) float32."""
        with torch.autocast(self._device.type, dtype=self._half, enabled=self._half is not None):
            logits: torch.Tensor = self._net(inputs)
        return logits.float()

    def step(self, losses: torch.Tensor, n: int) -> None:
        """One step down the mean of the losses."""
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(losses.mean()).backward()
        self._scaler.step(self._optimizer)
        self._scaler.update()

    def total(self, value: float) -> float:
        """The number itself."""
        return value

    def agree(self, net: torch.nn.Module) -> None:
        """There is nobody else."""

    def state(self) -> dict[str, Any]:
        """That of the gradients' scale."""
        state: dict[str, Any] = self._scaler.state_dict()
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Scale gradients as they were scaled."""
        if state:
            self._scaler.load_state_dict(state)

    def close(self) -> None:
        """Nothing was changed."""


class Together:
    """As many processes as `accelerate launch` or torchrun has started, each with its part of every batch.

    The gradient is that of the whole batch. Batch normalisation sees its own part, as is usual. A batch too small for
    two items each is computed whole by everyone. Started alone, it is one process like any other.
    """

    def __init__(
        self, net: Callable[..., Any], optimizer: torch.optim.Optimizer, device: torch.device, half: torch.dtype | None
    ) -> None:
        names = {None: "no", torch.bfloat16: "bf16", torch.float16: "fp16"}
        state = require("accelerate.state", "hf", "accelerate=True")
        self._fresh = not state.PartialState._shared_state
        self._accelerator = accelerator(device, names[half])
        self.rank, self.world = self._accelerator.process_index, self._accelerator.num_processes
        self._net, self._optimizer = self._accelerator.prepare(net, optimizer)

    def share(self, batch: Indices) -> Indices:
        """Every ``world``-th item, or all of a small batch."""
        return batch if len(batch) < 2 * self.world else batch[self.rank :: self.world]

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """(B, ...) -> (B, C) float32."""
        with self._accelerator.autocast():
            logits: torch.Tensor = self._net(inputs)
        return logits.float()

    def step(self, losses: torch.Tensor, n: int) -> None:
        """One step down the batch's mean; gradients are averaged over processes, whose parts may differ by one item."""
        self._optimizer.zero_grad(set_to_none=True)
        whole = len(losses) == n
        self._accelerator.backward(losses.mean() if whole else losses.sum() * (self.world / n))
        self._optimizer.step()

    def total(self, value: float) -> float:
        """The sum over the processes."""
        if self.world == 1:
            return value
        ours = torch.tensor([value], dtype=torch.float64 if self._accelerator.device.type != "mps" else torch.float32)
        return float(self._accelerator.reduce(ours.to(self._accelerator.device), reduction="sum"))

    def agree(self, net: torch.nn.Module) -> None:
        """Everyone takes over the first process's buffers."""
        if self.world > 1:
            for buffer in net.buffers():
                torch.distributed.broadcast(buffer, src=0)

    def state(self) -> dict[str, Any]:
        """That of the gradients' scale, where they are scaled."""
        scaler = self._accelerator.scaler
        return {} if scaler is None else dict(scaler.state_dict())

    def restore(self, state: dict[str, Any]) -> None:
        """Scale gradients as they were scaled."""
        if state and self._accelerator.scaler is not None:
            self._accelerator.scaler.load_state_dict(state)

    def close(self) -> None:
        """Unwrap the network; a process that is alone forgets what accelerate has set up for it."""
        self._accelerator.unwrap_model(self._net, keep_fp32_wrapper=False)
        self._accelerator.free_memory()
        if self.world == 1 and self._fresh:
            from accelerate.state import AcceleratorState, GradientState

            AcceleratorState._reset_state(reset_partial_state=True)
            GradientState._reset_state()


def accelerator(device: torch.device, mixed_precision: str) -> Any:
    """accelerate's door to the processes that were started together; one alone where none were.

    Weights that take no part in a network's output are allowed for.
    """
    made = require("accelerate", "hf", "accelerate=True")
    beside = made.DistributedDataParallelKwargs(find_unused_parameters=True)
    return made.Accelerator(cpu=device.type == "cpu", mixed_precision=mixed_precision, kwargs_handlers=[beside])


class Team(NamedTuple):
    """The processes that predict together: each has its run of whole chunks, and everyone gets all rows."""

    rank: int
    world: int
    device: torch.device

    def rows(self, n: int, chunk: int, rank: int) -> tuple[int, int]:
        """First and last of ``n`` rows that are that process's."""
        chunks = -(-n // chunk)
        first, last = (min(n, chunk * (chunks * place // self.world)) for place in (rank, rank + 1))
        return first, last

    def complete(self, found: Mapping[str, Array], n: int, chunk: int) -> None:
        """Fill in the rows that the others have computed."""
        for array in found.values():
            for rank in range(self.world):
                first, last = self.rows(n, chunk, rank)
                for start in range(first, last, chunk):  # so that one chunk is held beside the outputs
                    rows = slice(start, min(last, start + chunk))
                    part = torch.from_numpy(array[rows]).to(self.device)
                    torch.distributed.broadcast(part, src=rank)
                    if rank != self.rank:
                        array[rows] = part.cpu().numpy()


def team(device: torch.device) -> Team | None:
    """The processes that were started together, once accelerate has brought them together; None for one alone."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return None
    return Team(torch.distributed.get_rank(), torch.distributed.get_world_size(), device)
