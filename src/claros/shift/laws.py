"""Shifts by name: which class shares the warm start, the pool and the target have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from claros.arrays import Floats
from claros.checks import number, whole
from claros.errors import InputError

__all__ = ["SHIFTS", "Laws", "Priors"]

#: Class shares of the warm start, the pool and the target, (C,) each.
Priors = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class Laws:
    """Class shares to draw from: ``natural`` (C,) are those of the data; every call of `dirichlet` draws anew.

    ``alpha`` is the concentration, ``label`` the class that is tweaked or knocked out, ``rho`` its share, ``delta`` the
    part of it that is deleted, ``minorities`` and ``minority_share`` how many classes are rare and how rare each is,
    ``where`` which side is shifted.
    """

    natural: Floats
    rng: np.random.Generator
    alpha: float = 0.6
    label: int | None = None
    rho: float = 0.7
    delta: float = 0.9
    minorities: int = 1
    minority_share: float = 0.01
    where: str = "source"

    def checked(self) -> Laws:
        """Itself, if every value makes sense; none stands in for another."""
        number(self.alpha, 1e-6, np.inf, "alpha")
        number(self.rho, 0, 1, "rho")
        number(self.delta, 0, 1, "delta")
        whole(self.minorities, 0, "minorities")
        classes = len(self.natural)
        if self.minorities >= classes or self.minorities * self.minority_share > 1:
            raise InputError(
                f"{self.minorities} rare classes of {self.minority_share:g} each leave nothing for the others of "
                f"{classes} classes; take fewer, or a smaller minority_share."
            )
        number(self.minority_share, 0, 1, "minority_share")
        if self.label is not None and whole(self.label, 0, "label") >= classes:
            raise InputError(f"label must be one of the codes 0 to {classes - 1}; got {self.label}.")
        if self.where not in ("source", "target", "both"):
            raise InputError(f"where must be 'source', 'target' or 'both'; got {self.where!r}.")
        return self

    @property
    def chosen(self) -> int:
        """The class that is tweaked or knocked out: the given one, else 5, or the last where there are fewer."""
        return min(5, len(self.natural) - 1) if self.label is None else self.label

    def uniform(self) -> Floats:
        """Equal shares."""
        return np.full(len(self.natural), 1 / len(self.natural))

    def dirichlet(self, alpha: float | None = None) -> Floats:
        """A draw from the symmetric Dirichlet distribution; ``alpha`` in place of the own one."""
        return self._drawn(np.full(len(self.natural), self.alpha if alpha is None else alpha))

    def around_natural(self) -> Floats:
        """A draw from Dir(alpha · C · natural): symmetric in ratios to the natural shares, as RLSbench draws."""
        return self._drawn(self.alpha * len(self.natural) * self.natural)

    def _drawn(self, concentration: Floats) -> Floats:
        drawn = np.zeros(len(concentration))
        present = concentration > 0
        while drawn.sum() <= 0:  # with tiny concentrations all gamma draws can underflow at once
            drawn[present] = self.rng.dirichlet(concentration[present])
            drawn = np.nan_to_num(drawn)
        return np.asarray(drawn / drawn.sum())

    def tweaked(self) -> Floats:
        """The chosen class has ``rho``, the others share the rest equally."""
        shares = np.full(len(self.natural), (1 - self.rho) / (len(self.natural) - 1))
        shares[self.chosen] = self.rho
        return shares

    def knocked(self) -> Floats:
        """The natural shares, with a part ``delta`` of the chosen class deleted."""
        shares = self.natural.copy()
        shares[self.chosen] *= 1 - self.delta
        if shares.sum() <= 0:
            raise InputError("deleting that class leaves nothing; take a delta below 1 or another label.")
        return np.asarray(shares / shares.sum())

    def minority(self) -> Floats:
        """The first ``minorities`` classes have ``minority_share`` each, the others share the rest equally."""
        classes = len(self.natural)
        shares = np.full(classes, (1 - self.minorities * self.minority_share) / (classes - self.minorities))
        shares[: self.minorities] = self.minority_share
        return shares

    def sides(self, shifted: Callable[[], Floats], base: Floats) -> Priors:
        """Shift the side that is asked for; the pool follows the target. Both sides: two draws, where it is a draw."""
        source = shifted() if self.where in ("source", "both") else base
        target = shifted() if self.where in ("target", "both") else base
        return source, target, target


def _same(law: Callable[[Laws], Floats]) -> Callable[[Laws], Priors]:
    def shares(laws: Laws) -> Priors:
        drawn = law(laws)
        return drawn, drawn, drawn

    return shares


def _follows(warm: Callable[[Laws], Floats], pool: Callable[[Laws], Floats]) -> Callable[[Laws], Priors]:
    """The target follows the pool."""

    def shares(laws: Laws) -> Priors:
        first, second = warm(laws), pool(laws)
        return first, second, second

    return shares


def _returns(warm: Callable[[Laws], Floats], pool: Callable[[Laws], Floats]) -> Callable[[Laws], Priors]:
    """The target follows the warm start."""

    def shares(laws: Laws) -> Priors:
        first, second = warm(laws), pool(laws)
        return first, second, first

    return shares


def _apart(*three: Callable[[Laws], Floats]) -> Callable[[Laws], Priors]:
    def shares(laws: Laws) -> Priors:
        warm, pool, target = (law(laws) for law in three)
        return warm, pool, target

    return shares


def _of(alpha: float) -> Callable[[Laws], Floats]:
    return lambda laws: laws.dirichlet(alpha)


def _natural(laws: Laws) -> Floats:
    return laws.natural


_uniform, _drawn = Laws.uniform, Laws.dirichlet

#: Name -> the class shares of the warm start, the pool and the target.
SHIFTS: Mapping[str, Callable[[Laws], Priors]] = MappingProxyType(
    {
        "none": _same(_uniform),
        "trulynone": _apart(_natural, _natural, _uniform),
        "trulyregion": _follows(_natural, _drawn),
        "dirichlet": _apart(_drawn, _uniform, _uniform),
        "tweak": _apart(Laws.tweaked, _uniform, _uniform),
        "dirichlet_target": _follows(_uniform, _drawn),
        "dirichlet_online_target": _apart(_uniform, _uniform, _drawn),
        "dirichlet_identical": _same(_drawn),
        "dirichlet_mix": _follows(_drawn, _drawn),
        "dirichlet_online": _returns(_drawn, _drawn),
        "dirichlet_online_source": _apart(_uniform, _drawn, _uniform),
        "dirichlet_general": _apart(_of(3), _of(3), _of(0.1)),
        "dirichlet_general_eric": _apart(_of(3), _of(3), _of(0.7)),
        "dirichlet_general_eric2": _apart(_of(3), _of(3), _of(0.4)),
        "dirichlet_general_eric21": _apart(_of(2), _of(2), _of(0.4)),
        "dirichlet_general_eric22": _apart(_of(1), _of(1), _of(0.4)),
        "dirichlet_general_eric3": _apart(_of(3), _of(3), _of(1.5)),
        "dirichlet_general3": _returns(_drawn, _of(3)),
        "dirichlet_general4": _apart(_uniform, _drawn, _of(0.4)),
        "natural": _same(_natural),
        "knock_one": lambda laws: laws.sides(laws.knocked, laws.natural),
        "tweak_one": lambda laws: laws.sides(laws.tweaked, laws.uniform()),
        "minority_class": lambda laws: laws.sides(laws.minority, laws.uniform()),
        "dirichlet_natural": lambda laws: laws.sides(laws.around_natural, laws.natural),
    }
)
