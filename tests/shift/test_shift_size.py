"""What an estimate costs: memory, and passes over the target."""

from __future__ import annotations

import numpy as np
from benchmarks.shift import arrays, violation

import claros
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
