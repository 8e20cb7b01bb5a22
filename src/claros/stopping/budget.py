"""The plainest rule: stop when something is used up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

from claros.checks import number, whole
from claros.errors import InputError
from claros.inputs import Inputs
from claros.stopping.rule import Decision, Observation, Rule, recorded

__all__ = ["Budget"]


class _Use(NamedTuple):
    """How much of one limit is used."""

    used: float
    limit: float
    unit: str

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit else 1.0

    def __str__(self) -> str:
        return f"{self.used:.10g} of {self.limit:.10g} {self.unit}"


@dataclass(frozen=True)
class Budget(Rule):
    """Stops when labels, a share of the pool, rounds, money, seconds or the pool itself are used up.

    Limits that are None are not looked at; the first limit that is reached stops. Asked after a round of training,
    stop means: buy no more. So ``labels=200`` stops at the first round with at least 200 labels (batches are not cut),
    and ``rounds=10`` at the first whose number is at least 10: campaigns number the model of the start labels 0, so
    10 batches are bought after the start. ``share`` is of the pool, ``spent`` in the currency of the prices,
    ``seconds`` since the start. With ``pool_exhausted``, nothing left to label stops too, whatever the limits.

    The value is the largest share of any limit that is used, the threshold 1. Needs ``n_labeled`` for labels,
    ``n_labeled`` and ``n_pool`` for a share and for the pool, ``round``, ``spent`` and ``elapsed`` for the others.
    O(1).

    >>> rule = Budget(labels=200, pool_exhausted=False)
    >>> print(rule.decide([rule.observe(n_labeled=180)]))
    180 of 200 labels are used.
    """

    labels: int | None = None
    share: float | None = None
    rounds: int | None = None
    spent: float | None = None
    seconds: float | None = None
    pool_exhausted: bool = True

    name = "budget"
    assumes = "The limit was chosen for reasons outside the data; the rule does not look at the model."
    reference = "a plain limit, no publication"

    def __post_init__(self) -> None:
        limits = {
            "labels": None if self.labels is None else whole(self.labels, 0, "budget: labels"),
            "share": None if self.share is None else number(self.share, 0, 1, "budget: share"),
            "rounds": None if self.rounds is None else whole(self.rounds, 0, "budget: rounds"),
            "spent": None if self.spent is None else number(self.spent, 0, inf, "budget: spent"),
            "seconds": None if self.seconds is None else number(self.seconds, 0, inf, "budget: seconds"),
        }
        if not isinstance(self.pool_exhausted, bool):
            raise InputError(f"budget: pool_exhausted must be true or false; got {self.pool_exhausted!r}.")
        if not self.pool_exhausted and all(limit is None for limit in limits.values()):
            raise InputError("budget has no limit; set labels, share, rounds, spent, seconds or pool_exhausted.")
        for name, limit in limits.items():
            object.__setattr__(self, name, limit)

    @property
    def needs(self) -> tuple[str, ...]:
        """What the limits that are set are compared with."""
        of_pool = self.share is not None or self.pool_exhausted
        wanted = {
            "n_labeled": self.labels is not None or of_pool,
            "n_pool": of_pool,
            "round": self.rounds is not None,
            "spent": self.spent is not None,
            "elapsed": self.seconds is not None,
        }
        return tuple(name for name, is_wanted in wanted.items() if is_wanted)

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """The counts themselves."""
        return dict(inputs)

    def judge(self, trace: Sequence[Observation]) -> Decision:
        """Stop when the fullest of the limits is full."""
        fullest = max(self._uses(trace[-1]), key=lambda use: use.share)
        reason = f"{fullest} are used{' up' if fullest.share >= 1 else ''}."
        return Decision(fullest.share >= 1, True, float(fullest.share), 1.0, reason)

    def _uses(self, last: Observation) -> list[_Use]:
        def now(name: str) -> Any:
            return recorded(last, name, self.name)

        uses = []
        if self.labels is not None:
            uses.append(_Use(now("n_labeled"), self.labels, "labels"))
        if self.rounds is not None:
            uses.append(_Use(now("round"), self.rounds, "rounds"))
        if self.spent is not None:
            uses.append(_Use(now("spent"), self.spent, "units of money"))
        if self.seconds is not None:
            uses.append(_Use(now("elapsed"), self.seconds, "seconds"))
        if self.share is not None:
            # rounded, because 0.1 of 300 is a little more than 30 in binary
            limit = round(self.share * now("n_pool"), 6)
            uses.append(_Use(now("n_labeled"), limit, f"labels ({100 * self.share:g} % of the pool)"))
        if self.pool_exhausted:
            uses.append(_Use(now("n_labeled"), now("n_pool"), "items of the pool"))
        return uses
