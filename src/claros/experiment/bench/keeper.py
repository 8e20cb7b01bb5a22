"""A cell in the results database: an in-memory campaign, whose rounds go there one transaction each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from claros.campaign import Campaign
from claros.campaign.snapshot import Recorder, restore
from claros.experiment.bench.schema import Claim
from claros.experiment.bench.store import Store
from claros.experiment.cell import Evaluated, Task
from claros.experiment.setting import Setting

__all__ = ["InDatabase"]

#: Metrics that are large or said elsewhere, and not needed to go on.
_ELSEWHERE = ("precision", "recall", "f1", "support", "per_class", "arms", "shift", "pseudo_labels")


class InDatabase:
    """Keeps the rounds of a claimed cell; ``scratch`` is a folder for checkpoints, made if there are any."""

    def __init__(self, store: Store, claim: Claim, scratch: Path) -> None:
        self._store = store
        self._claim = claim
        self._scratch = scratch
        self._recorder: Recorder | None = None
        self.ended = False
        """Whether the last round that was written said that it is the last."""

    @property
    def place(self) -> str:
        """The database and the cell in it."""
        return f"{self._store.place}, {self._claim.strategy} with seed {self._claim.seed},"

    def last(self) -> Mapping[str, Any] | None:
        """The metrics of the last complete round; None before there is one."""
        return self._claim.last

    def past(self) -> Iterator[Mapping[str, Any]]:
        """The numbers of every complete round."""
        return iter(self._store.past(self._claim))

    def open(self, setting: Setting, task: Task) -> Campaign:
        """The cell's campaign in memory, new or as it was after the last complete round."""
        if self._claim.last is None:
            campaign = setting.campaign(task.arm, task.seed, None)
            self._recorder = Recorder(campaign, self._scratch, setting.config.evidence)
            return campaign
        parts, model = self._store.parts(self._claim)
        campaign, self._recorder = restore(
            parts,
            model,
            pool=setting.pool,
            model=setting.model(),
            scratch=self._scratch,
            evidence=setting.config.evidence,
            target=setting.target,
        )
        return campaign

    def write(self, campaign: Campaign, evaluated: Evaluated) -> None:
        """Keep a round: its metrics, its details, and what the campaign needs to go on from there."""
        if self._recorder is None:
            raise RuntimeError("a cell is opened before it is written to")
        metrics = {name: value for name, value in evaluated.metrics.items() if name not in _ELSEWHERE}
        details = {
            "per_class": evaluated.metrics["per_class"],
            "decisions": evaluated.metrics["decisions"],
            "batch": list(evaluated.batch),
            "arms": evaluated.metrics["arms"],
            **{name: evaluated.metrics[name] for name in ("shift", "pseudo_labels") if name in evaluated.metrics},
            "history": campaign.model.history if campaign.model is not None else [],
        }
        part, model = self._recorder.part(), self._recorder.model()
        self._store.save(self._claim, metrics, details, part, model, evidence=self._recorder.evidence)
        self.ended = metrics["end"] is not None
