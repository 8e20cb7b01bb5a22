"""What correction for label shift is worth on real data: studies of minutes, on data beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from benchmarks.label_shift_default import cases, gains, settings

from claros.experiment.bench import bench
from claros.experiment.replicate.blocks import BASE, read_blocks
from claros.experiment.replicate.malls import ARMS, Grid
from claros.experiment.replicate.preset import Request

#: Folder with mnist.npz, adult.npz and phoneme.npz: CLAROS_STUDY_DATA, or shared/data beside the repository.
DATA = Path(os.environ.get("CLAROS_STUDY_DATA", Path(__file__).parents[4] / "shared" / "data"))
DRAWS = 10


@pytest.mark.slow
def test_correction_helps_where_there_is_a_shift_and_does_no_harm_where_there_is_none(tmp_path: Path) -> None:
    arms = ("prediction", "quotas", "MALLS by the book", BASE)
    shifts = (("dirichlet_mix", 0.4), ("dirichlet_mix", 5.0), ("dirichlet_identical", 0.4))
    grid = Grid(shifts=shifts, arms={arm: ARMS[arm] for arm in ARMS if arm in (*arms, "default")})
    request = Request(tmp_path, DRAWS, None, (str(DATA / "mnist.npz"),))
    bench(grid.settings(request), tmp_path, jobs=2, quiet=True)
    strong, mild, none = read_blocks(tmp_path, grid.settings(request))
    gain = {arm: 100 * (strong.accuracy[arm] - strong.accuracy[BASE]) for arm in strong.arms}
    # over ten draws, means of 4 and more were found with standard errors of about 1
    assert gain["prediction"][:, 0].mean() >= 4, "without a label bought"
    assert gain["prediction"].mean() - gain["quotas"].mean() > 2, "quotas alone are not what helps"
    errors = strong.prior_error
    assert errors[BASE][:, 0].mean() < errors["MALLS by the book"][:, 0].mean(), "EM is nearer than RLLS"
    for arm in ("prediction", "default"):
        assert abs(100 * (mild.accuracy[arm] - mild.accuracy[BASE]).mean()) < 2
        assert abs(100 * (none.accuracy[arm] - none.accuracy[BASE]).mean()) < 0.5
    assert gain["default"].mean() > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adult", "phoneme"])
def test_without_a_shift_the_default_is_within_half_a_point_of_no_correction(name: str, tmp_path: Path) -> None:
    chosen = [case for case in cases() if case.data == name and case.shift["law"] == "natural"]
    assert {case.warm for case in chosen} == {100, 600}
    plan = settings(DATA, tmp_path, chosen, DRAWS, ("auto",))
    bench(plan, tmp_path, jobs=2, quiet=True)
    for block in read_blocks(tmp_path, plan):
        mean, _ = gains(block, "auto")
        assert abs(float(np.mean(mean))) < 0.5, f"{block.name}, {block.warm} warm: {mean.mean():+.2f} points"
