"""Problems of label shift that tests share: Gaussian classes, with posteriors that are exact, or a model's."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

CLASSES, WIDTH = 10, 8


class Problem(NamedTuple):
    """Predictions on hold-out and target, their classes, and the class shares of the target's population."""

    source: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    target: np.ndarray[Any, Any]
    truth: np.ndarray[Any, Any]
    target_prior: np.ndarray[Any, Any]

    @property
    def given(self) -> dict[str, Any]:
        """What `claros.shift.estimate` is given."""
        return {"source_probs": self.source, "source_labels": self.labels, "target_probs": self.target}

    @property
    def weights(self) -> np.ndarray[Any, Any]:
        """The true weights in these very samples."""
        k = self.source.shape[1]
        return (np.bincount(self.truth, minlength=k) / len(self.truth)) / (
            np.bincount(self.labels, minlength=k) / len(self.labels)
        )


def posterior(x: np.ndarray[Any, Any], means: np.ndarray[Any, Any], prior: np.ndarray[Any, Any]) -> Any:
    """Exact posteriors of Gaussian classes with unit covariance."""
    scores = x @ means.T - 0.5 * (means**2).sum(axis=1) + np.log(prior)
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    return chances / chances.sum(axis=1, keepdims=True)


def problem(
    seed: int, kind: float | str, *, spread: float = 0.6, n_train: int = 3000, n: int = 1000, model: bool = True
) -> Problem:
    """Uniform source, target Dirichlet(``kind``) or, for "tweak", nine tenths of class 3; draws in a fixed order.

    Predictions are those of a logistic regression on ``n_train`` items of the source, or the exact posteriors.
    """
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(CLASSES, WIDTH)) * spread
    prior = np.full(CLASSES, 1 / CLASSES)
    if kind == "tweak":
        shares = np.full(CLASSES, 0.1 / (CLASSES - 1))
        shares[3] = 0.9
    else:
        shares = rng.dirichlet(np.full(CLASSES, float(kind)))

    def draw(chances: Any, size: int) -> tuple[Any, Any]:
        y = rng.choice(CLASSES, size, p=chances)
        return means[y] + rng.normal(size=(size, WIDTH)), y

    (x_train, y_train), (x_source, y_source), (x_target, y_target) = (
        draw(prior, n_train),
        draw(prior, n),
        draw(shares, n),
    )
    if not model:
        found = [posterior(x, means, prior) for x in (x_source, x_target)]
    else:
        from sklearn.linear_model import LogisticRegression

        fitted = LogisticRegression(max_iter=1000).fit(x_train, y_train)
        found = [fitted.predict_proba(x) for x in (x_source, x_target)]
    return Problem(found[0], y_source, found[1], y_target, shares)


def violation(target: Any, prior: Any, q: Any) -> float:
    """How far q is from the likeliest target prior, by the optimality conditions, written out plainly."""
    ratios = target / prior
    g = (ratios / (ratios @ q)[:, None]).mean(axis=0)
    return float(max(np.abs(g[q > 0] - 1).max(), np.max(g - 1)))
