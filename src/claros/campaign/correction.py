"""Correcting for label shift: what a campaign does with a sample of the inputs that the model is for.

Labels that a strategy chose by looking at inputs leave p(y|x) as it is, whatever their class shares; only where the
inputs themselves come from elsewhere do labels need weights. So the default weighs by provenance: the first labels by
the target's shares over theirs, labels queried from the pool by the target's over the pool's (1 if the pool follows the
target). Weights by the class shares of all labels, and posteriors adjusted by them, are there to be compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from claros import data, models, shift
from claros.arrays import Array, Floats, Indices, to_numpy
from claros.checks import number, whole
from claros.data.pool import Pool
from claros.errors import DataError, InputError, NoEstimateError, suggest
from claros.models.model import Model
from claros.models.reads import seen_by
from claros.shift.adjust import ratios
from claros.shift.expression import read_call

__all__ = ["Correction", "Labeled", "Mode", "Shift", "corrects", "weights_of"]

#: What is corrected: the weights of the training items by where they come from, or by the class shares of all; or
#: predictions, when a strategy looks at them, when the model is used, or both.
Mode = Literal["auto", "provenance", "weights", "acquisition", "prediction", "both", "none"]

#: A shift is beyond noise, and a pool is not like the target, below this p-value.
SIGNIFICANT = 0.01
#: Rows of the pool that are compared with the target.
COMPARED = 4000


@dataclass(frozen=True)
class Labeled:
    """Labeled items (L,), their codes, and which of them are the first ones, which nobody chose from the pool."""

    items: Pool
    codes: Indices
    first: npt.NDArray[np.bool_]
    n_classes: int
    importance: Floats | None = None
    """Weights (L,) by the chance with which each was asked."""

    def weighted(self, weights: Floats | None) -> Floats | None:
        """Weights (L,) of training items, times their importance, mean 1; None where all are 1."""
        if self.importance is None:
            return weights
        found = self.importance if weights is None else self.importance * weights
        return np.asarray(found / found.mean())


@dataclass(frozen=True)
class Shift:
    """What was found of a round, and what is done about it; it survives JSON.

    ``first`` and ``queried`` (C,) weigh training items, ``posterior`` (C,) multiplies predictions; None where nothing
    is done.
    """

    active: bool
    why: str
    target_prior: list[float] | None = None
    weights: list[float] | None = None
    low: list[float] | None = None
    high: list[float] | None = None
    p_value: float | None = None
    gain: float | None = None
    first: list[float] | None = None
    queried: list[float] | None = None
    posterior: list[float] | None = None

    @classmethod
    def last(cls, fitted: Mapping[int, Mapping[str, Any]]) -> Shift | None:
        """That of the last training that is logged; None where nothing was corrected for."""
        logged = fitted[max(fitted)].get("shift") if fitted else None
        return None if logged is None else cls(**logged)

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)

    def of_items(self, labeled: Labeled) -> Floats | None:
        """Weights (L,) of training items; None where all are 1."""
        if self.first is None or self.queried is None:
            return None
        table = np.where(labeled.first[:, None], np.array(self.first)[None, :], np.array(self.queried)[None, :])
        found: Floats = table[np.arange(len(labeled.codes)), labeled.codes]
        return found if (found > 0).any() else None

    def adjusted(self, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """Predictions under the target's shares, where they are adjusted."""
        if self.posterior is None:
            return dict(outputs)
        weights = np.array(self.posterior)
        found = dict(outputs)
        if "probs" in found:
            found["probs"] = shift.adjust(found["probs"], weights)
        if "member_probs" in found:
            several = to_numpy(found["member_probs"])
            flat = shift.adjust(several.reshape(-1, several.shape[-1]), weights)
            found["member_probs"] = np.asarray(flat).reshape(several.shape)
        return found


@dataclass(frozen=True)
class Correction:
    """How a campaign corrects for label shift, given inputs from where the model will be used.

    ``mode``: "provenance" weighs training items by where they come from; "auto" does so where the first labels' model
    sees a shift beyond noise; "weights" weighs all by the target's class shares over their own; "acquisition",
    "prediction" and "both" multiply predictions by that ratio instead; "none" only says what it finds. ``method`` is
    one of `claros.shift` with its parameters. ``once`` keeps the first estimate. ``against`` "start" compares with the
    first labels alone. Predictions are adjusted where that changes the target's mean probability of what is predicted
    by more than ``gate``. ``folds`` models predict labeled items that they have not seen (0: the model that has seen
    them). Weights are at most ``limit``. ``target_prior`` are the target's class shares, where they are known: then
    only the rest is estimated. Intervals are of ``replicates`` bootstrap draws; 0 for none, which saves time.

    >>> Correction.of("weights(method=rlls, once=true)").once
    True
    """

    mode: Mode = "auto"
    method: str = "em(prior_strength=0.05)"
    once: bool = False
    against: Literal["labeled", "start"] = "labeled"
    gate: float = 0.01
    folds: int = 5
    limit: float = 20.0
    target_prior: Any = None
    replicates: int = 200

    @classmethod
    def of(cls, given: Correction | str | Mapping[str, Any]) -> Correction:
        """From a mode's name with parameters, ``prediction(gate=0)``, or what `spec` gave."""
        if isinstance(given, Correction):
            return given
        mode: Any
        mode, parameters = read_call(given) if isinstance(given, str) else (given["mode"], dict(given))
        parameters.pop("mode", None)
        known = [name for name in cls.__dataclass_fields__ if name != "mode"]
        for name in parameters:
            if name not in known:
                raise InputError(f"correction: {suggest(name, known, 'parameter')}")
        return cls(mode, **parameters)

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise InputError(f"correction: {suggest(str(self.mode), get_args(Mode), 'mode')}")
        if self.against not in ("labeled", "start"):
            raise InputError(f"correction: against must be labeled or start; got {self.against!r}.")
        if not isinstance(self.once, bool):
            raise InputError(f"correction: once must be true or false; got {self.once!r}.")
        shift.get(self.method)
        object.__setattr__(self, "gate", number(self.gate, 0, 1, "correction: gate"))
        object.__setattr__(self, "folds", whole(self.folds, 0, "correction: folds"))
        object.__setattr__(self, "limit", number(self.limit, 1, np.inf, "correction: limit"))
        object.__setattr__(self, "replicates", whole(self.replicates, 0, "correction: replicates"))
        if self.target_prior is not None and self.target_prior is not True:
            shares = [number(share, 0, 1, "correction: a share in target_prior") for share in self.target_prior]
            if abs(sum(shares) - 1) > 1e-6:
                raise InputError(f"correction: target_prior must sum to 1; got {sum(shares):.6g}.")
            object.__setattr__(self, "target_prior", shares)

    def spec(self) -> dict[str, Any]:
        """All fields, as JSON."""
        return asdict(self)

    @property
    def weighs(self) -> bool:
        """Whether training items get weights."""
        return self.mode in ("auto", "provenance", "weights")

    @property
    def asks_by(self) -> bool:
        """Whether strategies see adjusted predictions."""
        return self.mode in ("acquisition", "both")

    @property
    def predicts_by(self) -> bool:
        """Whether predictions for use are adjusted."""
        return self.mode in ("prediction", "both")

    def train(
        self,
        model: Model,
        labeled: Labeled,
        rest: Pool,
        target: Pool,
        streams: Callable[[str], np.random.Generator],
        fit: Callable[[Floats | None], None],
        before: Shift | None,
    ) -> Shift:
        """Find the shift, train the model by ``fit``, which is given weights or none, and say what was done.

        ``before`` is what was found first; ``rest`` the pool without the first labels; ``streams`` gives a random
        stream by its name. On the side, a model of the same kind is trained.
        """
        if before is not None and (self.once or self.mode in ("auto", "provenance")):
            return self.again(before, labeled, fit)
        try:
            if not self.weighs:
                return self._after(model, labeled, target, streams, fit)
            found = self._weights_of(_scratch(model), labeled, rest, target, streams)
        except NoEstimateError as error:
            found = Shift(False, f"not corrected: {error}")
        return self.again(found, labeled, fit)

    def again(self, found: Shift, labeled: Labeled, fit: Callable[[Floats | None], None]) -> Shift:
        """Train by what was found before."""
        fit(found.of_items(labeled) if found.active and self.weighs else None)
        return found

    def _weights_of(
        self, scratch: Model, labeled: Labeled, rest: Pool, target: Pool, streams: Callable[[str], np.random.Generator]
    ) -> Shift:
        """Weights by provenance, or by the class shares of what is labeled."""
        by_all = self.mode == "weights" and self.against == "labeled"
        rows = np.arange(len(labeled.codes)) if by_all else np.flatnonzero(labeled.first)
        codes = labeled.codes[rows]
        if len(np.unique(codes)) < 2:
            return Shift(False, f"not corrected: {'all' if by_all else 'the first'} labels are of one class")
        source = self._out_of_fold(scratch, labeled, rows, streams)
        scratch.fit(labeled.items.subset(rows), codes, n_classes=labeled.n_classes, rng=streams("unweighted"))
        there = _probs(scratch, target)
        source = _probs(scratch, labeled.items.subset(rows)) if source is None else source
        found = self._estimated(source, codes, there, labeled)
        goal = self._goal(found)
        said = {**_said(found), "target_prior": goal.tolist()}
        first = self._ratio(goal, np.bincount(codes, minlength=labeled.n_classes) / len(rows))
        if self.mode == "weights":
            queried = first if by_all else np.ones_like(first)
            why = "training items are weighted by the target's class shares over their own"
            return Shift(True, why, first=first.tolist(), queried=queried.tolist(), **said)
        some = streams("pool sample").permutation(len(rest))[:COMPARED]
        here = _probs(scratch, rest.subset(np.sort(some)))
        like = not len(here) or shift.shift_test(here, there, rng=streams("pool test")).p_value > SIGNIFICANT
        if self.mode == "auto" and said["p_value"] > SIGNIFICANT:
            if like:
                return Shift(False, f"not corrected: no shift beyond noise (p = {said['p_value']:.2g})", **said)
            goal, first = np.bincount(codes, minlength=labeled.n_classes) / len(rows), np.ones_like(first)
        of_pool = goal if like else self._estimated(source, codes, here, labeled).target_prior
        why = _why(first_too=not np.all(first == 1), like=like)
        return Shift(True, why, first=first.tolist(), queried=self._ratio(goal, of_pool).tolist(), **said)

    def _after(
        self,
        model: Model,
        labeled: Labeled,
        target: Pool,
        streams: Callable[[str], np.random.Generator],
        fit: Callable[[Floats | None], None],
    ) -> Shift:
        """Train, and say how the model's predictions are to be adjusted, if they are."""
        rows = np.flatnonzero(labeled.first) if self.against == "start" else np.arange(len(labeled.codes))
        codes = labeled.codes[rows]
        known = len(np.unique(codes)) > 1
        source = self._out_of_fold(_scratch(model), labeled, rows, streams) if known else None
        fit(None)
        if not known:
            return Shift(False, "not corrected: what is labeled is of one class")
        there = _probs(model, target)
        source = _probs(model, labeled.items.subset(rows)) if source is None else source
        found = self._estimated(source, codes, there, labeled)
        goal = self._goal(found)
        said = {**_said(found), "target_prior": goal.tolist()}
        if self.mode == "none":
            return Shift(False, "not corrected, as asked", **said)
        ratio = self._ratio(goal, np.bincount(codes, minlength=labeled.n_classes) / len(rows))
        after = shift.adjust(there, ratio)
        gain = float(np.mean(after.max(axis=1) - after[np.arange(len(after)), there.argmax(axis=1)]))
        if gain <= self.gate:
            why = f"not corrected: it would change the target's predictions by {100 * gain:.1f} points at most"
            return Shift(False, why, gain=gain, **said)
        why = f"predictions are adjusted to the target's class shares, for about {100 * gain:.1f} points"
        return Shift(True, why, gain=gain, posterior=ratio.tolist(), **said)

    def _out_of_fold(
        self, scratch: Model, labeled: Labeled, rows: Indices, streams: Callable[[str], np.random.Generator]
    ) -> Floats | None:
        """Predictions of labeled items by models that have not seen them; None where those that have will do."""
        if self.folds < 2:
            return None
        items, codes = labeled.items.subset(rows), labeled.codes[rows]
        return shift.cross_fitted(scratch, items, codes, self.folds, streams("folds"), n_classes=labeled.n_classes)

    def _estimated(self, source: Floats, codes: Indices, there: Floats, labeled: Labeled) -> shift.ShiftEstimate:
        return shift.estimate(
            self.method,
            source_probs=source,
            source_labels=codes,
            target_probs=there,
            classes=labeled.n_classes,
            replicates=self.replicates,
            seed=0,
        )

    def _goal(self, found: shift.ShiftEstimate) -> Floats:
        """The target's class shares: those that are known, else those that were found."""
        if self.target_prior is None:
            return found.target_prior
        if self.target_prior is True or len(self.target_prior) != len(found.target_prior):
            raise InputError(
                f"correction: target_prior must be a share for each of {len(found.target_prior)} classes; got "
                f"{self.target_prior!r} (true stands for the true ones in a simulated shift only)."
            )
        return np.array(self.target_prior)

    def _ratio(self, goal: Floats, shares: Floats) -> Floats:
        """Weights (C,) of at most ``limit``; 1 for a class of which there is nothing."""
        return np.minimum(ratios(goal, shares), self.limit)


def corrects(config: Mapping[str, Any], model: Model | None, target: Pool | None) -> tuple[Correction, Pool] | None:
    """How a campaign corrects, and for what; None where it has no target or no model.

    The target is read again from where it was, unless given; another one is a `DataError`.
    """
    if config.get("target") is None or model is None:
        return None
    found = target if target is not None else data.reopen(config["target"]["pool"])
    if found.manifest() != config["target"]["manifest"]:
        raise DataError(
            f"The target has {len(found)} items, and is not the one that the campaign was made with, of "
            f"{config['target']['n']}; open it with the same one."
        )
    return Correction.of(config["correction"]), seen_by(model, found)


def weights_of(fitted: Mapping[str, Any], labeled: Labeled) -> Floats | None:
    """The weights that a logged training had; None where it had none."""
    logged = fitted.get("shift")
    return Shift(**logged).of_items(labeled) if logged else None


def _scratch(model: Model) -> Model:
    """A model of the same kind to train on the side; the model itself, where it forgets what it was trained on."""
    if not model.warm:
        return model
    return models.from_spec(model.spec())


def _probs(model: Model, items: Pool) -> Floats:
    found = to_numpy(model.outputs(items, ["probs"])["probs"]).astype(np.float64)
    return np.asarray(found / np.maximum(found.sum(axis=1, keepdims=True), 1e-12))


def _why(*, first_too: bool, like: bool) -> str:
    """What is weighted, of labels from elsewhere and of labels that were queried."""
    if not first_too:
        return "queried labels are weighted by the target's class shares over the pool's; the first are like the target"
    pool_said = "the pool is like the target" if like else "the pool differs from the target, too"
    return f"the first labels are weighted by the target's class shares over theirs; {pool_said}"


def _said(found: shift.ShiftEstimate) -> dict[str, Any]:
    limits = found.interval
    return {
        "target_prior": found.target_prior.tolist(),
        "weights": found.weights.tolist(),
        "low": None if limits is None else limits.weights_low.tolist(),
        "high": None if limits is None else limits.weights_high.tolist(),
        "p_value": float(found.diagnostics["shift_p_value"]),
    }
