"""The drift that subsampling by predicted classes leaves, by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from claros import shift
from claros.errors import InputError, NoEstimateError


def test_the_drift_is_nothing_where_the_subsample_is_as_it_should_be() -> None:
    # half and half as wanted: the weights 1.6 and .4 have the mean 1
    found = shift.subsampling_drift([0, 1] * 20, [0.8, 0.2], [0.5, 0.5])
    assert found.value == pytest.approx(0.0)
    assert found.low < 0 < found.high
    assert found.shares.tolist() == [0.5, 0.5]
    assert found.n == 40


def test_the_drift_of_a_model_that_errs_is_that_of_its_confusion() -> None:
    """A model right in 80 % of both classes, quotas half and half on what it predicts of a pool that is 90 % no.

    Predicted no: .9 * .8 / (.9 * .8 + .1 * .2) = .973 no; predicted yes: .9 * .2 / (.9 * .2 + .1 * .8) = .692 no. So
    the subsample is (.973 + .692) / 2 = .8326 no; for a target of 30 % no the mean weight is .8326 * .6 + .1674 * 1.4.
    """
    no = (0.72 / 0.74 + 0.18 / 0.26) / 2
    expected = 1 - (no * 0.6 + (1 - no) * 1.4)
    rng = np.random.default_rng(0)
    values, inside = [], 0
    for _ in range(400):
        found = shift.subsampling_drift((rng.random(100) > no).astype(int), [0.3, 0.7], [0.5, 0.5])
        values.append(found.value)
        inside += found.low <= expected <= found.high
    assert np.mean(values) == pytest.approx(expected, abs=0.005)  # a standard error is .0015
    assert 0.91 < inside / 400 < 0.98


@pytest.mark.parametrize(
    ("labels", "target", "medial", "said"),
    [
        ([0, 2], [0.5, 0.5], [0.5, 0.5], "codes from 0 to 1"),
        ([0, 1], [0.5, 0.5], [1.0, 0.0], "medial share is 0"),
        ([0, 1], [0.5, 0.6], [0.5, 0.5], "sum to 1"),
        ([0, 1], [0.5, 0.5], [0.2, 0.3, 0.5], "2 classes"),
    ],
)
def test_what_makes_no_sense_is_said(labels, target, medial, said: str) -> None:
    with pytest.raises(InputError, match=said):
        shift.subsampling_drift(labels, target, medial)


def test_one_label_is_no_estimate() -> None:
    with pytest.raises(NoEstimateError, match="two labels"):
        shift.subsampling_drift([0], [0.5, 0.5], [0.5, 0.5])
