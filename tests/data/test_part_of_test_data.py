"""A share of a test set that is there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from claros import data
from claros.errors import InputError
from claros.experiment.config import parse_config
from claros.experiment.setting import Setting


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """20 texts to label; 30 to test on, of which 20 are of class a; one of them is also in the pool."""
    lines = [f"train text {n},{'ab'[n % 2]},train" for n in range(20)]
    lines += [f"test text {n},{'a' if n < 20 else 'b'},test" for n in range(30)]
    lines += ["test text 0,a,train"]
    path = tmp_path / "t.csv"
    path.write_text("text,label,split\n" + "\n".join(lines) + "\n")
    return path


def test_a_share_of_each_class_is_used_and_the_rest_is_in_no_pool(table: Path) -> None:
    whole = data.load(table)
    part = data.load(table, test_part=0.5)
    labels = np.array(part.test.labels)
    assert Counter(labels.tolist()) == {0: 10, 1: 5}
    assert set(part.test.ids) < set(whole.test.ids)
    assert part.train.ids == whole.train.ids  # the text that is also a test text stays out, used or not
    assert part.train.report()["left_out"] == 1
    assert part.test.report()["set_aside"] == 15
    assert data.load(table, test_part=0.5).test.ids == part.test.ids
    assert data.load(table, test_part=0.5, seed=1).test.ids != part.test.ids
    assert data.reopen(part.test.source).ids == part.test.ids


def test_a_test_set_that_is_given_is_cut_down_too_and_never_to_nothing(table: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("text,label\n" + "".join(f"other {n},{'ab'[n % 2]}\n" for n in range(10)))
    assert len(data.load(table, test=other, test_part=0.4).test) == 4
    assert len(data.load(table, test=other, test_part=0.001).test) == 1
    for share in (0.0, 1.5, -1.0):
        with pytest.raises(InputError, match="test_part"):
            data.load(table, test=other, test_part=share)


def test_a_runs_test_share_is_of_the_test_data_or_else_what_is_held_out(table: Path) -> None:
    def setting(**more: object) -> Setting:
        return Setting.load(parse_config({"start": 4, "batch": 2, "rounds": 1, **more}))

    assert len(setting(data=str(table), test_share=0.5).test) == 15
    assert len(setting(data=str(table)).test) == 30
    assert len(setting(data="iris", test_share=0.5).test) == 75  # half of 150 flowers
    assert len(setting(data="iris").test) == 38
    with pytest.raises(InputError, match="test_share"):
        parse_config({"data": "iris", "test_share": 0})
