"""Learning curves carried on: what more labels gain, by several families of curves, at once and in random draws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from claros.arrays import Array, Floats
from claros.errors import NoEstimateError
from claros.estimate.arguments import same_length, vector
from claros.estimate.families import FAMILIES, Best, Family, fit_family

__all__ = ["FEWEST", "Curves", "fit_curves"]

#: Fewer numbers of labels than this say nothing of a curve's shape.
FEWEST = 6
#: Accuracy falls with labels if Student's t of its slope is refused at this, one-sided.
FALLS = 0.01


@dataclass(frozen=True)
class _Fit:
    """One family on one curve, and how much it is believed."""

    family: Family
    best: Best
    belief: float

    @property
    def is_endless(self) -> bool:
        """Whether the curve falls from an edge of what is tried, where no end of the fall is in sight."""
        return bool(self.best.drop[0] > 0) and self.family.is_endless(self.best.shape[0])


@dataclass(frozen=True)
class Curves:
    """What all families say of one learning curve: the accuracy to gain, at once and in random draws.

    ``labels`` (K,) and ``errors`` (K,) are what was fitted, weighted by ``labels``.
    """

    labels: Floats
    errors: Floats
    fits: tuple[_Fit, ...]

    @property
    def now(self) -> float:
        """The last number of labels."""
        return float(self.labels[-1])

    @cached_property
    def _weights(self) -> Floats:
        return np.asarray(self.labels / self.labels.sum())

    def gain(self, at: Floats) -> Floats:
        """(H,) numbers of labels -> (H,) accuracy gained from now to each; the families' mean by belief."""
        return np.asarray(sum(one.belief * self._gains(one.family, one.best, at)[0] for one in self.fits))

    def draws(self, at: Floats, number: int, rng: np.random.Generator) -> Floats:
        """(H,) -> (about ``number``, H) gains that might be: a parametric bootstrap of every family by its belief.

        Each draw adds noise to a fitted curve, of the residuals' variance (divided by chi-squared over its degrees of
        freedom, so that few points leave it open) and falling with labels as the weights say, and fits it again.
        """
        x, points, drawn = self.labels / self.now, self.errors.size, []
        for one in self.fits:
            n, free = round(number * one.belief), points - one.family.parameters
            spread = np.sqrt(one.best.squares[0] / (rng.chisquare(free, (n, 1)) * self._weights))
            curve = one.best.rest[0] + one.best.drop[0] * one.family.f(one.best.shape[0], x)
            noisy = curve + rng.standard_normal((n, points)) * spread
            drawn.append(self._gains(one.family, fit_family(one.family, x, noisy, self._weights), at))
        return np.concatenate(drawn)

    def _gains(self, family: Family, best: Best, at: Floats) -> Floats:
        values = family.f(best.shape, np.concatenate([[1.0], at / self.now]))
        return np.asarray(best.drop[:, None] * (values[:, :1] - values[:, 1:]))


def fit_curves(label_counts: Array, accuracies: Array) -> Curves:
    """All families fitted to accuracies (K,) at numbers of labels (K,), in the order of rounds; O(K).

    Weights are the numbers of labels (Figueroa et al. 2012: later points say more). Families are believed by the square
    root of their Akaike weight with the correction for few points, so that one that fits a little worse keeps a say.
    Raises `NoEstimateError` with fewer than 6 different numbers of labels, where accuracy does not change or falls, and
    where the best shape lies on the edge of its grid, so that no end is in sight.
    """
    labels, accuracy = vector(label_counts, "label_counts", 1), vector(accuracies, "accuracies", 0, 1)
    same_length("round", label_counts=labels, accuracies=accuracy)
    _check_trend(labels, accuracy)
    errors, weights = 1.0 - accuracy, labels / labels.sum()
    fits, scores = [], []
    for family in FAMILIES.values():
        if errors.size >= family.parameters + 3:  # the correction divides by what is left of the points
            best = fit_family(family, labels / labels[-1], errors[None, :], weights)
            fits.append((family, best))
            scores.append(_akaike(float(best.squares[0]), errors.size, family.parameters))
    beliefs = np.exp((min(scores) - np.array(scores)) / 4)
    beliefs /= beliefs.sum()
    curves = Curves(labels, errors, tuple(_Fit(*fit, float(belief)) for fit, belief in zip(fits, beliefs, strict=True)))
    if sum(one.belief for one in curves.fits if one.is_endless) > 0.5:
        raise NoEstimateError(
            f"The accuracy of these {errors.size} rounds still rises so evenly that no end is in sight (the best "
            "curves lie on the edge of what is tried), so that it cannot be carried on."
        )
    return curves


def _akaike(squares: float, points: int, parameters: int) -> float:
    free = parameters + 1  # and the noise
    spread = points * np.log(max(squares, 1e-12))
    return float(spread + 2 * free + 2 * free * (free + 1) / (points - free - 1))


def _check_trend(labels: Floats, accuracy: Floats) -> None:
    different = np.unique(labels).size
    if different < FEWEST:
        raise NoEstimateError(f"A learning curve needs at least {FEWEST} different numbers of labels; got {different}.")
    if (accuracy == accuracy[0]).all():
        raise NoEstimateError(
            f"The accuracy is {accuracy[0]:g} in all {accuracy.size} rounds, which shows no trend: a model that is "
            "stuck looks the same as one that has learned all there is."
        )
    for part in (slice(None), slice(accuracy.size // 2, None)):
        fall = _fall(labels[part], accuracy[part])
        if fall is not None:
            raise NoEstimateError(
                f"The accuracy falls by {100 * fall:.2g} points for twice the labels over {accuracy[part].size} of "
                f"{accuracy.size} rounds, more than by chance, so that no learning curve fits."
            )


def _fall(labels: Floats, accuracy: Floats) -> float | None:
    """Accuracy lost for twice the labels if that is no chance (`FALLS`), else None."""
    from scipy.special import stdtrit

    x = np.log(labels)
    if x.size < 4 or np.ptp(x) == 0:
        return None
    weights = labels / labels.sum()
    x = x - weights @ x
    spread = weights @ x**2
    slope = weights @ (x * accuracy) / spread
    residual = accuracy - weights @ accuracy - slope * x
    error = np.sqrt(weights @ residual**2 / (x.size - 2) / spread)
    return float(-slope * np.log(2)) if slope < stdtrit(x.size - 2, FALLS) * error else None
