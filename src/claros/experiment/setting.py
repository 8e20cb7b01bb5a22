"""What all cells of one setting share: the data, read once, the simulated annotator, the size in labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from claros import data, models, stopping
from claros.arrays import Indices
from claros.campaign import Campaign, Correction
from claros.campaign.streams import PURPOSES, training_stream
from claros.data.pool import Pool
from claros.errors import DataError
from claros.experiment.config import Arm, Plan, RunConfig
from claros.experiment.oracle import Oracle
from claros.experiment.shared import Starts
from claros.experiment.shifted import Shifted
from claros.experiment.start import first_strategy, later_strategy
from claros.models.model import Model
from claros.models.reads import seen_by

__all__ = ["DATA_SETTINGS", "Setting"]

#: Settings that say how the data are read; those of `claros.data.load` by the same names.
DATA_SETTINGS = (
    "text_column",
    "label_column",
    "id_column",
    "split_column",
    "label_pattern",
    "image_size",
    "skip_unreadable",
    "near_duplicates",
    "features",
)


@dataclass(frozen=True)
class Setting:
    """One data set, model, batch size, start and annotator, with everything that its cells read."""

    config: RunConfig
    plan: Plan
    pool: Pool
    test: Pool
    oracle: Oracle
    starts: Starts = field(default_factory=Starts)
    target: Pool | None = None
    """Unlabeled items from where the model will be used."""
    shifted: Shifted | None = None
    """A simulated label shift."""

    @classmethod
    def load(cls, config: RunConfig, beside: Setting | None = None) -> Setting:
        """Read the data, and say what is wrong with them for a simulation; those of ``beside`` if they are the same."""
        if beside is not None and _data_of(beside.config) == _data_of(config):
            pool, test, target, shifted = beside.pool, beside.test, beside.target, beside.shifted
        else:
            pool, test, target, shifted = _read(config)
        model = _model(config)
        pool, test = seen_by(model, pool), seen_by(model, test)
        plan = config.plan(_n_askable(pool), None if shifted is None else len(shifted.first))
        return cls(config, plan, pool, test, Oracle(pool, config.oracle), target=target, shifted=shifted)

    @cached_property
    def n_askable(self) -> int:
        """Items of the pool, duplicates counted once."""
        return _n_askable(self.pool)

    def model(self) -> Model:
        """A new model, which shares the training on the start batch with the other arms of its seed."""
        return self.starts.share(_model(self.config))

    def campaign(self, arm: Arm, seed: int, path: Path | None) -> Campaign:
        """A new campaign for one arm and seed; raises what cannot work before anything is trained."""
        config = self.config
        return Campaign.create(
            path,
            pool=self.pool,
            model=self.model(),
            strategy=later_strategy(arm),
            init=first_strategy(config.init),
            stop=stopping.from_spec(config.stop.model_dump()) if config.stop is not None else None,
            watch=[stopping.from_spec(rule.model_dump()) for rule in config.watch],
            seed=seed,
            streams=self.streams(seed),
            start=self.plan.start,
            batch=self.plan.batch,
            audit=config.audit,
            embeddings=config.embeddings,
            class_prior=self._shares() if config.class_prior == "pool" else config.class_prior,
            target=self.target,
            correction=self._correction(arm),
            pseudo_labels=config.pseudo_labels or False if arm.pseudo_labels is None else arm.pseudo_labels,
            importance=config.importance and "iwal" in arm.name,
            price=config.price,
            worth=config.worth,
            checkpoints=config.checkpoints,
            durable=False,
        )

    def _correction(self, arm: Arm) -> Correction:
        """How an arm corrects; a simulated shift tells it the true class shares, where it asks for them."""
        found = Correction.of(self.config.correction if arm.correction is None else arm.correction)
        if found.target_prior is True and self.shifted is not None:
            return replace(found, target_prior=self.shifted.target_prior.tolist())
        return found

    def _shares(self) -> list[float]:
        """The pool's true class shares."""
        counts = np.bincount(np.asarray(self.pool.labels), minlength=len(self.pool.classes))
        return [float(share) for share in counts / counts.sum()]

    def streams(self, seed: int) -> dict[str, int]:
        """The seed of every purpose, in cells of that seed."""
        return {purpose: self.config.seed_for(purpose, seed) for purpose in PURPOSES}

    def training_stream(self, seed: int, round: int) -> np.random.Generator:
        """What the model of a round is trained with, in cells of that seed."""
        return training_stream({"streams": self.streams(seed)}, round)

    def answers(self, items: Iterable[str], seed: int) -> dict[str, str]:
        """What the annotator of a seed tells of each item."""
        return self.oracle.answers(items, self.config.seed_for("annotator", seed))

    def stratified(self, n: int, seed: int, among: Indices) -> list[str]:
        """The stratified start of a seed, from the positions ``among``."""
        return self.oracle.stratified(n, self.config.seed_for("init", seed), among)

    def check(self) -> None:
        """Raise whatever cannot work in any arm, before anything is trained."""
        for arm in self.config.arms.values():
            self.campaign(arm, self.config.seed, None).close()

    def facts(self) -> Mapping[str, Any]:
        """What the data and the size are, as JSON: for ``run.json``, and to see that they are the same later."""
        pool, report = self.pool, self.pool.report()
        return {
            "data": {
                "name": Path(self.config.data).name,
                "kind": pool.shows,
                "reads": "features" if pool.kind != pool.shows else "items",
                "n_pool": len(pool),
                "n_test": len(self.test),
                "classes": list(pool.classes),
                "left_out": report["left_out"],
                "duplicates": report["duplicates"],
            },
            "manifest": {"pool": pool.manifest(), "test": self.test.manifest()},
            "plan": self.plan._asdict(),
            "streams": {"split": self.config.seed_for("split", 0), **(self.config.streams or {})},
        }


def _n_askable(pool: Pool) -> int:
    return len(np.unique(pool.groups))


def _model(config: RunConfig) -> Model:
    early = {} if config.validation is None else {"validation": config.validation}
    return models.get(config.model.name, **{**early, **config.model.parameters})


def _data_of(config: RunConfig) -> dict[str, Any]:
    names = ("data", "test", "annotations", "test_share", "target", "shift", *DATA_SETTINGS)
    return {**{name: getattr(config, name) for name in names}, "seed": config.seed_for("split", config.seed)}


def _read(config: RunConfig) -> tuple[Pool, Pool, Pool | None, Shifted | None]:
    known = _data_of(config)
    target, spec = known.pop("target"), known.pop("shift")
    share = known.pop("test_share")
    shares = {} if share is None else {"test_part": share, "test_share": share}
    pool, test = data.load(known.pop("data"), **known, **shares)
    if len(pool) and (pool.labels is None or (pool.labels < 0).all()):
        raise DataError(
            f"{config.data} has no labels, and a simulation needs the true ones; name their column by --label-column, "
            "or label the items with claros label."
        )
    if test is None or len(test) == 0 or test.labels is None or (test.labels < 0).any():
        raise DataError(f"{config.test or config.data} has no test data of which every item is labeled; pass --test.")
    if spec is not None:
        drawn = Shifted.draw(spec, pool, test, known["seed"])
        return drawn.pool, drawn.test, drawn.target, drawn
    return pool, test, None if target is None else _sample(target, config, pool), None


def _sample(path: str, config: RunConfig, pool: Pool) -> Pool:
    """The target's items, read as the data were; their labels, if there are any, are not looked at."""
    known = {name: getattr(config, name) for name in DATA_SETTINGS if name != "near_duplicates"}
    sample, _ = data.load(path, **{**known, "split_column": None, "features": None})
    if sample.shows != pool.shows:
        raise DataError(f"{path} has {sample.shows}, and {config.data} {pool.shows}; they must be of one kind.")
    return sample
