"""An estimate of label shift as rows and lines for a person."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from claros.shift.result import ShiftEstimate

__all__ = ["diagnosed", "tabulated"]


def tabulated(found: ShiftEstimate) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads, and a row for each class: its share in the source and the target, its weight, with their limits."""
    limits = found.interval
    rows: list[tuple[str, ...]] = []
    for place, name in enumerate(found.classes):
        share, weight = f"{100 * found.target_prior[place]:.1f} %", f"{found.weights[place]:.2f}"
        if limits is not None:
            share += _between(100 * limits.prior_low[place], 100 * limits.prior_high[place], 1)
            weight += _between(limits.weights_low[place], limits.weights_high[place], 2)
        rows.append((name, f"source {100 * found.source_prior[place]:.1f} %", f"target {share}", f"weight {weight}"))
    return ("class", "share in source", "share in target", "weight"), rows


def _between(low: float, high: float, digits: int) -> str:
    return f" ({low:.{digits}f} to {high:.{digits}f})"


def diagnosed(found: ShiftEstimate) -> Iterator[str]:
    """Lines: the method, what is known of the evidence, the flags, the advice."""
    said = found.diagnostics
    condition = said["condition_number"]
    yield f"method: {found.method}; {said['n_source']} hold-out items, {said['n_target']} target items"
    yield (
        f"confusion matrix: smallest singular value {said['smallest_singular_value']:.3g}, condition number "
        + (f"{condition:.3g}" if np.isfinite(condition) else "infinite")
    )
    yield f"effective sample size of the weighted hold-out: {said['effective_sample_size']:.0f}"
    yield f"test for a shift: p = {said['shift_p_value']:.3g}"
    if said["calibration"] is not None:
        before, after = said["calibration"]["log_loss_before"], said["calibration"]["log_loss_after"]
        yield f"calibration {said['calibration']['kind']}: log loss {before:.4f} before, {after:.4f} after"
    if "kkt_violation" in said:
        yield f"optimality violated by {said['kkt_violation']:.1e}"
    for flag in said["flags"]:
        yield f"note: {flag.replace('_', ' ')}" + (f": {', '.join(said[flag])}" if said.get(flag) else "")
    yield found.advice
