"""What two strategies picked alike, against sets, and against a case worked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from claros.report.load import read
from claros.report.overlap import find_overlap
from claros.report.sections.overlap import finding


def picks(rounds: dict[tuple[str, int], list[list[str]]]) -> dict[str, list[dict[str, Any]]]:
    """Tables of a run in which each arm and seed picked these items in rounds 0, 1, 2, ..."""
    tables: dict[str, list[dict[str, Any]]] = {"results": [], "picks": [], "per_class": [], "rules": []}
    for (strategy, seed), batches in rounds.items():
        for number, items in enumerate(batches):
            cell = {"strategy": strategy, "seed": seed, "round": number}
            tables["results"].append({**cell, "n_labeled": 10 * (number + 1), "accuracy": 0.5})
            tables["picks"] += [{**cell, "item": item, "class": "cat", "source": "strategy"} for item in items]
    return tables


def test_shares_are_of_what_either_picked_after_the_start(tmp_path: Path, folder: Any) -> None:
    """a picked 1 2 then 3 4, b picked 2 5 then 1 6: one of 1 2 5 after round 1, two of 1 2 3 4 5 6 after round 2."""
    rounds = {("a", 0): [["0"], ["1", "2"], ["3", "4"]], ("b", 0): [["0"], ["2", "5"], ["1", "6"]]}
    data = {"n_pool": 12, "duplicates": 1, "classes": ["cat"]}
    run = read(folder(tmp_path / "run", facts={"data": data}, tables=picks(rounds)))
    found = find_overlap(run)
    assert found is not None
    assert found.shares[0, 1] == pytest.approx([1 / 3, 2 / 6])
    assert found.chance == pytest.approx((16 / 10) / (8 - 16 / 10))  # 4 of the 10 that are left, twice
    assert finding(run, found) == "A and b share 33 % of what they picked by the end (by chance 25 %)."


def test_shares_are_those_of_sets(tmp_path: Path, folder: Any) -> None:
    rng = np.random.default_rng(0)
    names, rounds = ("a", "b", "random"), {}
    for strategy in names:
        for seed in range(3):
            order = [str(item) for item in rng.permutation(30)]
            n_rounds = 3 if (strategy, seed) == ("b", 1) else 4  # one that ended early
            rounds[strategy, seed] = [["s"], *(order[5 * i : 5 * i + 5] for i in range(n_rounds))]
    del rounds["a", 2]
    found = find_overlap(read(folder(tmp_path / "run", facts={}, tables=picks(rounds))))
    assert found is not None
    assert found.chance is None
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            for number in found.rounds if i != j else ():
                shares = []
                for seed in range(3):
                    if (a, seed) in rounds and (b, seed) in rounds:
                        first, second = rounds[a, seed][1:], rounds[b, seed][1:]
                        if number <= min(len(first), len(second)):
                            one, other = ({item for batch in own[:number] for item in batch} for own in (first, second))
                            shares.append(len(one & other) / len(one | other))
                assert found.shares[i, j, number - 1] == pytest.approx(np.mean(shares)), (a, b, number)


def test_neighbours_in_the_matrix_share_much(tmp_path: Path, folder: Any) -> None:
    """a and c pick the same, b and d do; so each stands beside its like."""
    same, other = ["1", "2", "3"], ["7", "8", "9"]
    rounds = {(name, 0): [["0"], same if name in "ac" else other] for name in "abcd"}
    found = find_overlap(read(folder(tmp_path / "run", facts={}, tables=picks(rounds))))
    assert found is not None
    order = [found.names[i] for i in found.order]
    assert abs(order.index("a") - order.index("c")) == abs(order.index("b") - order.index("d")) == 1
    assert [{found.names[i] for i in pair} for pair in found.pairs()[:2]] == [{"a", "c"}, {"b", "d"}]


def test_one_arm_or_only_a_start_has_no_overlap(tmp_path: Path, folder: Any) -> None:
    alone = {("a", 0): [["0"], ["1"]]}
    start = {("a", 0): [["0"]], ("b", 0): [["0"]]}
    for i, rounds in enumerate((alone, start)):
        assert find_overlap(read(folder(tmp_path / str(i), facts={}, tables=picks(rounds)))) is None
