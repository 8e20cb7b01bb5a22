"""Label shift made from labeled data: which items are the warm start, the pool, the target sample and the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import Array, Floats, Indices, to_numpy
from claros.checks import whole
from claros.errors import InputError, NoEstimateError, UnknownNameError, suggest
from claros.rng import generator
from claros.shift.evidence import codes
from claros.shift.laws import SHIFTS, Laws

__all__ = ["Parts", "apportion", "simulate", "simulate_stream"]

#: The parts, and which of the three class shares each follows.
_FOLLOWS = {"warm": 0, "pool": 1, "target": 2, "test": 2}


@dataclass(frozen=True)
class Parts:
    """Positions of the items of each part (int64, in random order), and the class shares they were drawn by.

    ``target`` is the unlabeled sample that weights are estimated on, ``test`` what accuracy is measured on; both follow
    ``priors["target"]``. ``notes`` say where the data were too few for what was asked.
    """

    warm: Indices
    pool: Indices
    target: Indices
    test: Indices
    priors: Mapping[str, Floats]
    notes: tuple[str, ...]

    def weights(self) -> Floats:
        """(C,) true weights of the warm start: target share over its share; 0 over 0 is 1, a class it lacks infinite.

        For the uniform distribution as the target, divide 1/C by the shares, not 1.
        """
        source, target = self.priors["warm"], self.priors["target"]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where((source == 0) & (target == 0), 1.0, target / source))


def simulate(
    shift: str,
    labels: Array | Sequence[int],
    *,
    warm: int,
    pool: int,
    target: int = 0,
    test: int = 0,
    n_classes: int | None = None,
    is_test: Array | None = None,
    replace: bool = False,
    at_least: int = 1,
    seed: int | None = None,
    rng: np.random.Generator | None = None,
    **parameters: Any,
) -> Parts:
    """Draw a warm start, a pool, a target sample and a test set whose class shares differ as ``shift`` says.

    ``labels`` (N,) are the codes of all items; ``warm``, ``pool``, ``target`` and ``test`` are numbers of items. With
    ``is_test`` (N,), the test is drawn from items where it is true, and all else from the others.

    Every name of `claros.shift.SHIFTS`: ``none``, ``trulynone``, ``trulyregion``, ``dirichlet`` and its variants,
    ``tweak``, as the ALLS experiments have them (docs/label_shift.md has the table); ``natural``, ``knock_one``,
    ``tweak_one``, ``minority_class`` and ``dirichlet_natural``, with ``where="source" | "target" | "both"``.
    Parameters, each with a name of its own: ``alpha`` (0.6) of Dirichlet draws, ``label`` (5) and ``rho`` (0.7) of the
    tweaked class, ``delta`` (0.9) of the knocked one, ``minorities`` (1) and ``minority_share`` (0.01).

    No item is in two parts. Without ``replace`` none is drawn twice either, and where a class has too few items, all
    parts shrink by one factor, so that shares stay as they are; ``notes`` say so. With it, a part draws again and again
    from a share of the items that no other part sees. Each part has exactly the number asked for (then), apportioned by
    largest remainders, and at least ``at_least`` of every class that the data have, where that fits.

    The same ``seed`` or ``rng`` gives the same parts. O(N + C · parts).

    >>> parts = simulate("dirichlet_mix", np.arange(2000) % 4, warm=100, pool=400, test=200, alpha=1.0, seed=1)
    >>> len(parts.warm), len(parts.pool), len(parts.test), parts.notes
    (100, 400, 200, ())
    """
    if shift not in SHIFTS:
        raise UnknownNameError(suggest(shift, SHIFTS, "shift"))
    sizes = {"warm": warm, "pool": pool, "target": target, "test": test}
    sizes = {name: whole(size, 0, name) for name, size in sizes.items()}
    y, count = _codes(labels, n_classes)
    chance = generator(seed, rng, "simulate shift")
    unknown = next((name for name in parameters if name not in _PARAMETERS), None)
    if unknown is not None:
        raise InputError(f"simulate: {suggest(unknown, _PARAMETERS, 'parameter')}")
    counts = np.bincount(y, minlength=count)
    laws = Laws(counts / len(y), chance, **parameters).checked()
    groups = _groups(y, is_test)
    drawn, notes = SHIFTS[shift](laws), []
    absent = np.flatnonzero(counts == 0)
    if absent.size:
        notes.append(f"The data have no item of class {', '.join(map(str, absent))}; the others share its part.")
    shares = {name: _present(drawn[place], counts > 0) for name, place in _FOLLOWS.items()}
    quotas, shrunk = _quotas(sizes, shares, counts > 0, groups, whole(at_least, 0, "at_least"), replace)
    chosen = _draw(quotas, groups, replace, chance)
    if shrunk:
        notes.append(shrunk)
    priors = MappingProxyType({name: shares[name] for name in ("warm", "pool", "target")})
    return Parts(chosen["warm"], chosen["pool"], chosen["target"], chosen["test"], priors, tuple(notes))


_PARAMETERS = tuple(name for name in Laws.__dataclass_fields__ if name not in ("natural", "rng"))


def simulate_stream(
    labels: Array | Sequence[int],
    priors: Array,
    size: int,
    *,
    n_classes: int | None = None,
    replace: bool = False,
    seed: int | None = None,
    rng: np.random.Generator | None = None,
) -> list[Indices]:
    """Batches of ``size`` positions, one for each row of ``priors`` (T, C), with its class shares.

    Classes of a batch are drawn, not apportioned. Without ``replace`` no item comes twice, and the data must have
    enough of each class; an error says which is short. `claros.shift.drift` makes priors that change. O(N + T · size).
    """
    y, count = _codes(labels, n_classes)
    table = np.atleast_2d(np.asarray(to_numpy(priors), dtype=np.float64))
    if table.shape[1] != count or table.min() < 0 or not np.allclose(table.sum(axis=1), 1, atol=1e-6):
        raise InputError(f"priors must have {count} shares a row that sum to 1; got shape {table.shape}.")
    chance = generator(seed, rng, "simulate shift")
    wanted = chance.multinomial(whole(size, 1, "size"), table / table.sum(axis=1, keepdims=True))
    have, need = np.bincount(y, minlength=count), wanted.sum(axis=0)
    short = np.flatnonzero((need > have) & ((have == 0) | (not replace)))
    if short.size:
        raise NoEstimateError(
            f"class {short[0]} has {have[short[0]]} items, but the stream needs {need[short[0]]}; make batches smaller "
            "or fewer, or replace=True."
        )
    rows = [chance.permutation(np.flatnonzero(y == code)) for code in range(count)]
    taken = np.zeros(count, dtype=np.int64)
    batches = []
    for counts in wanted:
        parts = [
            rows[code][chance.integers(have[code], size=n)] if replace else rows[code][taken[code] : taken[code] + n]
            for code, n in enumerate(counts)
        ]
        taken += counts
        batches.append(chance.permutation(np.concatenate(parts)).astype(np.int64))
    return batches


def _codes(labels: Array | Sequence[int], n_classes: int | None) -> tuple[Indices, int]:
    found = to_numpy(labels)
    count = int(found.max(initial=0)) + 1 if n_classes is None else whole(n_classes, 2, "n_classes")
    return codes(found, tuple(map(str, range(max(count, 2)))), "labels"), max(count, 2)


def _present(shares: Floats, present: npt.NDArray[np.bool_]) -> Floats:
    kept = np.where(present, shares, 0.0)
    if kept.sum() <= 0:
        raise NoEstimateError("the shares drawn are all of classes that the data lack; use another seed or shift.")
    return np.asarray(kept / kept.sum())


def _groups(y: Indices, is_test: Array | None) -> dict[str, list[Indices]]:
    """Part -> for each class, the positions it may take; parts of one group share one list."""
    count = int(y.max()) + 1
    if is_test is None:
        rows = [np.flatnonzero(y == code) for code in range(count)]
        return dict.fromkeys(_FOLLOWS, rows)
    mask = to_numpy(is_test).astype(bool)
    if mask.shape != y.shape:
        raise InputError(f"is_test must have a value for each of {len(y)} items; got shape {mask.shape}.")
    rest, held = ([np.flatnonzero((y == code) & side) for code in range(count)] for side in (~mask, mask))
    return {name: held if name == "test" else rest for name in _FOLLOWS}


def apportion(size: int, shares: Floats, at_least: int = 0) -> Indices:
    """(C,) whole numbers that sum to ``size``, in proportion to the shares, by largest remainders.

    Classes with fewer than ``at_least`` are filled up from the largest, where that fits.

    >>> apportion(10, np.array([0.55, 0.44, 0.01]), at_least=1).tolist()
    [5, 4, 1]
    """
    exact = size * shares / shares.sum()
    counts = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(counts - exact, kind="stable")
    counts[order[: size - int(counts.sum())]] += 1
    short = np.flatnonzero(counts < at_least)
    if at_least * len(counts) <= size:
        for place in short:
            while counts[place] < at_least:
                counts[counts.argmax()] -= 1
                counts[place] += 1
    return np.asarray(counts, dtype=np.int64)


def _quotas(
    sizes: Mapping[str, int],
    shares: Mapping[str, Floats],
    present: npt.NDArray[np.bool_],
    groups: Mapping[str, list[Indices]],
    at_least: int,
    replace: bool,
) -> tuple[dict[str, Indices], str]:
    """Items of each class for each part; what was shrunk, in words, or nothing."""

    def at(factor: float) -> dict[str, Indices]:
        made = {}
        for name, size in sizes.items():
            kept = np.zeros(len(present), dtype=np.int64)
            kept[present] = apportion(int(size * factor + 1e-9), shares[name][present], at_least)
            made[name] = kept
        return made

    factor, quotas, first = 1.0, at(1.0), None
    while not replace and (short := _shortest(quotas, groups)) is not None:
        first = first or short
        code, have, need = short
        factor *= min(have / need, 1 - 1e-3)
        quotas = at(factor)
        if not any(quota.sum() for quota in quotas.values()):
            raise NoEstimateError(f"class {code} has {have} items, too few for any of these parts; take another shift.")
    if first is None:
        return quotas, ""
    sums = ", ".join(f"{name} {quota.sum()} of {sizes[name]}" for name, quota in quotas.items() if sizes[name])
    scarce = f"Class {first[0]} has {first[1]} items where {first[2]} were asked for"
    return quotas, f"{scarce}, so all parts shrink: {sums}."


def _shortest(quotas: Mapping[str, Indices], groups: Mapping[str, list[Indices]]) -> tuple[int, int, int] | None:
    """The class that is shortest of items by ratio: its code, how many there are, how many are needed."""
    worst = None
    for rows in {id(rows): rows for rows in groups.values()}.values():
        need = sum(quotas[name] for name in quotas if groups[name] is rows)
        for code, asked in enumerate(np.asarray(need)):
            have = len(rows[code]) if code < len(rows) else 0
            if asked > have and (worst is None or have * worst[2] < worst[1] * asked):
                worst = code, have, int(asked)
    return worst


def _draw(
    quotas: Mapping[str, Indices], groups: Mapping[str, list[Indices]], replace: bool, rng: np.random.Generator
) -> dict[str, Indices]:
    chosen: dict[str, list[Indices]] = {name: [] for name in quotas}
    for rows in {id(rows): rows for rows in groups.values()}.values():
        names = [name for name in quotas if groups[name] is rows]
        for code, places in enumerate(rows):
            wanted = np.array([quotas[name][code] for name in names])
            if not wanted.any():
                continue
            shuffled = rng.permutation(places)
            for name, n, own in zip(names, wanted, _shares_of(shuffled, wanted, replace, code), strict=True):
                chosen[name].append(own[rng.integers(len(own), size=n)] if replace and n else own)
    return {
        name: rng.permutation(np.concatenate([*parts, np.empty(0, dtype=np.int64)])).astype(np.int64)
        for name, parts in chosen.items()
    }


def _shares_of(places: Indices, wanted: Indices, replace: bool, code: int) -> list[Indices]:
    """Items of one class for each part, none for two: as many as wanted, or in proportion if they may come again."""
    counts = wanted
    if replace:
        users = np.count_nonzero(wanted)
        if len(places) < users:
            raise NoEstimateError(
                f"class {code} has {len(places)} items, too few for {users} parts that share none; take another shift."
            )
        counts = np.zeros_like(wanted)
        counts[wanted > 0] = apportion(len(places), wanted[wanted > 0] / wanted.sum(), at_least=1)
    return np.split(places, np.cumsum(counts))[:-1]
