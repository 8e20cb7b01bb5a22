"""What an estimate costs: memory, and passes over the target."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.shift import arrays, violation

import claros
from claros.shift.likelihood import MANY, maximise
from memory import peak_bytes


def test_no_copy_of_the_predictions_is_made_and_few_passes_are_needed() -> None:
    source, labels, target = arrays(30_000, 40)
    given = {"source_probs": source, "source_labels": labels, "target_probs": target}
    peak = peak_bytes(lambda: claros.shift.estimate("em", **given))
    assert peak < source.nbytes + target.nbytes, f"{peak / (source.nbytes + target.nbytes):.2f} of the input"
    found = claros.shift.estimate("em", **given)
    assert violation(target, source.mean(axis=0), found.target_prior) < 1e-9
    assert found.diagnostics["passes"] < 40  # plain iterations need hundreds


def test_float32_is_not_widened_as_a_whole() -> None:
    source, labels, target = arrays(30_000, 40)
    tables = {"source_probs": source.astype(np.float32), "target_probs": target.astype(np.float32)}
    peak = peak_bytes(lambda: claros.shift.estimate("em", source_labels=labels, **tables))
    assert peak < 2 * sum(table.nbytes for table in tables.values())


@pytest.mark.parametrize("impossible", [False, True])
def test_what_many_rows_are_spared_does_not_move_the_maximum(impossible: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    probs, prior = rng.dirichlet(np.full(5, 0.3), MANY), np.array([0.3, 0.3, 0.2, 0.2, 0.0])
    if impossible:  # a row on the class that has no prior: 1e25 times what the others have there
        probs[17] = [1e-25, 0.0, 0.0, 0.0, 1.0]
    quick = maximise(probs, prior, np.zeros(5))
    monkeypatch.setattr("claros.shift.likelihood.MANY", MANY + 1)
    monkeypatch.setattr("claros.shift.likelihood.SETTLED", 0.0)
    plain = maximise(probs, prior, np.zeros(5))
    assert quick.violation < 1e-9
    assert quick.weights == pytest.approx(plain.weights, abs=1e-8)
    assert quick.curvature == pytest.approx(plain.curvature, rel=1e-6)
