"""Code of your own before and after each round of a campaign or a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claros.campaign.folder import Folder
from claros.campaign.learner import Learner
from claros.campaign.state import State
from claros.errors import HookError, InputError
from claros.models.model import Model
from claros.models.paths import resolve

if TYPE_CHECKING:
    from claros.campaign.campaign import Campaign

__all__ = ["POINTS", "AtRound", "Hooks", "after_round", "at_round"]

#: When a hook is called: the names of its methods.
POINTS = ("before_round", "after_training", "after_round")


@dataclass(frozen=True)
class AtRound:
    """What a hook is told.

    ``before_round``: nothing of the round is planned yet; the model is that of the round before, None before the first.
    ``after_training``: the model of the round is trained, and has predicted nothing. ``after_round``: all is kept.
    """

    round: int
    n_labeled: int
    """Items with a label, audited ones included."""
    items: tuple[str, ...]
    """Ids of the round's items, in the order planned; empty before it is planned."""
    labels: Mapping[str, str]
    """Id -> class, of everything that is labeled."""
    model: Model | None
    folder: Path | None
    """The campaign's folder; None in memory."""
    seed: int
    strategy: str
    """The strategy's name, or of a run the arm's label."""
    metrics: Mapping[str, Any] | None = None
    """After a round of a run: what ``metrics.json`` holds."""


class Hooks:
    """Hooks in the order given: objects with one method or more of `POINTS`, each called with an `AtRound`.

    A text is ``package.module:factory``, which is imported and called without arguments: it runs that code. What a
    hook raises becomes a `HookError` that names it. Called at ``points`` alone; ``arm`` is told as the strategy's name.
    """

    def __init__(self, hooks: Iterable[Any] = (), *, points: Iterable[str] = POINTS, arm: str | None = None) -> None:
        self._hooks = [_made(hook) for hook in hooks]
        self._points = frozenset(points)
        self._arm = arm

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def limited(self, *points: str, arm: str) -> Hooks:
        """The same hooks, called at these points alone, for an arm of a run."""
        return Hooks(self._hooks, points=points, arm=arm)

    def call(self, point: str, at: AtRound) -> None:
        """Call every hook that has a method for this point."""
        at = at if self._arm is None else replace(at, strategy=self._arm)
        for hook in self._hooks if point in self._points else ():
            method = getattr(hook, point, None)
            if method is not None:
                _call(hook, method, point, at)


def _call(hook: Any, method: Any, point: str, at: AtRound) -> None:
    try:
        method(at)
    except Exception as error:
        raise HookError(
            f"The hook {_name(hook)} failed in {point} of round {at.round} ({type(error).__name__}: {error}); what was "
            "done before it is kept, so mend the hook or leave it out, and go on with the same call."
        ) from error


def _made(hook: Any) -> Any:
    if isinstance(hook, str):
        if ":" not in hook:
            raise InputError(f"A hook by name is package.module:factory; got {hook!r}.")
        factory = resolve(hook)
        if not callable(factory):
            raise InputError(f"{hook} must be a function or class that makes a hook; it is {factory!r}.")
        hook = factory()
    if not any(callable(getattr(hook, point, None)) for point in POINTS):
        raise InputError(f"A hook has one method or more of {', '.join(POINTS)}; {_name(hook)} has none.")
    return hook


def _name(hook: Any) -> str:
    return str(getattr(hook, "__name__", type(hook).__qualname__))


def at_round(number: int, state: State, learner: Learner | None, folder: Folder) -> AtRound:
    """What hooks are told of a round."""
    items = state.rounds[number].items if number < len(state.rounds) else ()
    return AtRound(
        number,
        len(state.told),
        tuple(row.item for row in items),
        state.labels(),
        learner.model if learner is not None and (state.fitted or items) else None,
        folder.root,
        state.config["seed"],
        str(state.config["strategy"]["name"]),
    )


def after_round(campaign: Campaign, metrics: Mapping[str, Any]) -> AtRound:
    """What hooks are told after a round of a run, with its metrics."""
    at = at_round(int(metrics["round"]), campaign._journal.state, campaign._learner, campaign._folder)
    return replace(at, metrics=metrics)
