"""Workers on a Ray cluster: they reach the results database through one actor beside whoever started the bench."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from claros.errors import ClarosError, InputError, require
from claros.experiment.bench.local import LOOK, Crew
from claros.experiment.bench.store import Store
from claros.experiment.bench.worker import Track, work

__all__ = ["on_ray"]

#: Seconds in which a cluster must answer.
PATIENCE = 10.0


class _Desk:
    """The actor: it holds the database, and does for workers elsewhere what they ask."""

    def __init__(self, url: str) -> None:
        self._store = Store(url)

    def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Call a method of the store."""
        return getattr(self._store, method)(*arguments, **named)


class _Remote:
    """A store as workers on the cluster see it."""

    def __init__(self, ray: Any, desk: Any, place: str) -> None:
        self._ray = ray
        self._desk = desk
        self.place = place

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            try:
                return self._ray.get(self._desk.call.remote(method, *arguments, **named))
            except self._ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, ClarosError):
                    raise error.cause from error
                raise

        return call


def on_ray(store: Store, crew: Crew, address: str | None) -> None:
    """Work on the cells with the processors of a cluster, one for each cell; without an address, on one made here.

    The data must be at the same paths on every machine. A worker that is lost is started again by Ray.
    """
    ray = require("ray", "ray", "The engine ray")
    with _cluster(ray, address, crew.jobs):
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            node_id=ray.get_runtime_context().get_node_id(), soft=False
        )
        desk = ray.remote(_Desk).options(num_cpus=0, max_concurrency=32, scheduling_strategy=here).remote(store.url)
        task = ray.remote(_work).options(num_cpus=1, max_retries=-1)
        waiting = [
            task.remote(desk, store.place, f"ray-{os.getpid()}-{n}", crew.lease, crew.track) for n in range(crew.jobs)
        ]
        while waiting:
            ready, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=LOOK)
            crew.look()
            for one in ready:
                _raise(ray, one)


def _raise(ray: Any, result: Any) -> None:
    try:
        ray.get(result)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ClarosError):
            raise error.cause from error
        raise


def _work(desk: Any, place: str, name: str, lease: float, track: Track | None) -> int:
    """A worker on some machine of the cluster."""
    import ray

    store: Any = _Remote(ray, desk, place)
    store.release(name, lost=True)  # what it had in an earlier life, if Ray starts it again
    return work(store, name, lease=lease, track=track)


@contextmanager
def _cluster(ray: Any, address: str | None, jobs: int) -> Iterator[None]:
    """Connect to the cluster at the address, or start one here; leave one that somebody else started."""
    if ray.is_initialized():
        yield
        return
    _check(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    wanted = {"address": address} if address else {"num_cpus": jobs, "include_dashboard": False}
    try:
        ray.init(
            **wanted, logging_level="ERROR", log_to_driver=False, runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}}
        )
    except (ConnectionError, ValueError) as error:
        raise InputError(f"There is no Ray cluster at {address}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _check(address: str | None) -> None:
    """See at once that somebody listens at ``host:port``, where Ray would try for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or not port.isdigit() or "//" in host:
        return  # another form of address, which Ray knows
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
    except OSError as error:
        raise InputError(f"There is no Ray cluster at {address}: {error.strerror or error}.") from error
