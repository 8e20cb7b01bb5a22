"""Annotators that err: as often and in the way that they are said to, and the same for every arm of a seed.

Counts are compared with binomial laws. Each comparison fails by chance with probability below 6e-7 (five standard
deviations, normal approximation), and seeds are fixed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from claros import data
from claros.campaign import Campaign
from claros.errors import DataError, InputError
from claros.experiment.config import parse_config
from claros.experiment.oracle import Oracle

N = 30_000
DEVIATIONS = 5.0


def pool(n: int = N, n_classes: int = 4, **given: Any) -> data.Pool:
    truth = np.random.default_rng(1).integers(0, n_classes, n)
    return data.arrays(np.arange(float(n))[:, None], truth, classes=list("abcdefghij")[:n_classes], **given)


def oracle(of: data.Pool, **settings: Any) -> Oracle:
    return Oracle(of, parse_config({"data": "digits", "oracle": settings}).oracle)


def told(by: Oracle, n: int = N, seed: int = 0) -> np.ndarray[Any, Any]:
    return by.codes(np.arange(n), seed)


def binomial(count: int, n: int, chance: float, what: str) -> None:
    slack = DEVIATIONS * np.sqrt(n * chance * (1 - chance))
    assert abs(count - n * chance) <= slack, f"{what}: {count} of {n}, expected {n * chance:.0f} ± {slack:.0f} (5 sd)"


def test_an_exact_oracle_tells_the_truth() -> None:
    items = pool()
    for by in (Oracle(items), oracle(items, kind="exact")):
        assert np.array_equal(told(by, seed=3), items.labels)


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.75])
def test_a_uniform_oracle_errs_at_its_rate_and_each_other_class_is_as_likely(rate: float) -> None:
    items = pool()
    said = told(oracle(items, kind="uniform", rate=rate))
    binomial(int((said != items.labels).sum()), N, rate, "errors")
    for true in range(4):
        of_class = said[items.labels == true]
        for other in {0, 1, 2, 3} - {true}:
            binomial(int((of_class == other).sum()), len(of_class), rate / 3, f"{true} told as {other}")


def test_rates_of_0_and_1_are_certain() -> None:
    items = pool()
    assert np.array_equal(told(oracle(items, kind="uniform", rate=0)), items.labels)
    assert not (told(oracle(items, kind="uniform", rate=1)) == items.labels).any()


def test_a_higher_rate_adds_errors_and_changes_none() -> None:
    items = pool()
    low, high = (told(oracle(items, kind="uniform", rate=rate)) for rate in (0.1, 0.3))
    wrong = low != items.labels
    assert np.array_equal(high[wrong], low[wrong])


MATRIX = [[0.7, 0.3, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 0.5, 0.5]]


def test_a_confusion_oracle_follows_the_row_of_the_true_class() -> None:
    items = pool()
    said = told(oracle(items, kind="confusion", matrix=MATRIX))
    for true, row in enumerate(MATRIX):
        of_class = said[items.labels == true]
        for other, chance in enumerate(row):
            binomial(int((of_class == other).sum()), len(of_class), chance, f"{true} told as {other}")


@pytest.mark.parametrize("suffix", [".npy", ".json", ".csv"])
def test_a_matrix_may_lie_in_a_file_and_is_kept_by_value(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"confusion{suffix}"
    if suffix == ".npy":
        np.save(path, np.array(MATRIX))
    elif suffix == ".json":
        path.write_text(json.dumps(MATRIX))
    else:
        np.savetxt(path, MATRIX, delimiter=",")
    config = parse_config({"data": "digits", "oracle": {"kind": "confusion", "matrix": str(path)}})
    path.unlink()
    kept = json.loads(json.dumps(config.computed()))
    assert kept["oracle"] == {"kind": "confusion", "matrix": MATRIX}
    assert parse_config(kept) == config


def test_rows_that_are_rounded_are_scaled_and_a_class_of_chance_0_is_never_told() -> None:
    items = pool(n_classes=3)
    said = told(oracle(items, kind="confusion", matrix=[[0.3333, 0.3333, 0.3333], [0, 1, 0], [1, 0, 0]]))
    of_first = said[items.labels == 0]
    for code in range(3):
        binomial(int((of_first == code).sum()), len(of_first), 1 / 3, f"told as {code}")
    assert set(said[items.labels == 1]) == {1}
    assert set(said[items.labels == 2]) == {0}


# recorded labels


def recorded(path: Path, n: int = 600, gaps: bool = False) -> tuple[Path, np.ndarray[Any, Any]]:
    """An npz with the labels of three people for its training part, of which every tenth item is in the test part."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(n, 3))
    y = rng.integers(0, 4, n)
    said = np.where(rng.random((n, 3)) < 0.3, rng.integers(0, 4, (n, 3)), y[:, None])
    if gaps:
        said[np.arange(n), rng.integers(0, 3, n)] = -1
    np.savez(path, x_train=x, y_train=y, x_test=x[::10], y_test=y[::10], said_train=said, classes=list("abcd"))
    return path, said


def load(path: Path, **settings: Any) -> tuple[data.Pool, Oracle]:
    config = parse_config({"data": str(path), "oracle": {"kind": "recorded", "labels": "said_train", **settings}})
    items = data.load(path, annotations=config.annotations).train
    return items, Oracle(items, config.oracle)


@pytest.mark.parametrize("annotator", [0, 2, "1"])
def test_one_annotator_says_what_the_file_has_in_the_items_own_row(tmp_path: Path, annotator: int | str) -> None:
    path, said = recorded(tmp_path / "a.npz")
    items, by = load(path, annotator=annotator)
    assert len(items) == 540
    expected = {str(row): "abcd"[said[row, int(annotator)]] for row in range(600) if row % 10}
    assert by.answers(items.ids, 0) == by.answers(items.ids, 9) == expected


def test_a_random_annotator_is_one_of_those_who_answered_drawn_anew_for_each_seed(tmp_path: Path) -> None:
    path, said = recorded(tmp_path / "a.npz", gaps=True)
    items, by = load(path)
    rows = np.array([int(item) for item in items.ids])
    drawn = np.array([told(by, len(items), seed) for seed in range(60)])  # (60, N)
    for item, row in enumerate(rows.tolist()):
        answers = said[row][said[row] >= 0]
        assert set(drawn[:, item]) <= set(answers)
        if answers[0] != answers[1]:
            binomial(int((drawn[:, item] == answers[0]).sum()), 60, 0.5, f"the first who answered for {row}")
    assert len({tuple(line) for line in drawn.tolist()}) == 60


def test_the_majority_counts_and_ties_are_settled_at_random() -> None:
    said = np.array([[0, 0, 1], [2, 1, 2], [0, 1, 2], [-1, 3, -1], [-1, 1, 3], [3, 3, 3]])
    items = pool(6, annotations=said)
    by = oracle(items, kind="recorded", labels="said", annotator="majority")
    drawn = np.array([told(by, 6, seed) for seed in range(3000)])
    for item, only in ((0, 0), (1, 2), (3, 3), (5, 3)):
        assert set(drawn[:, item]) == {only}
    for code in range(3):
        binomial(int((drawn[:, 2] == code).sum()), 3000, 1 / 3, f"of three votes, the one for {code}")
    for code in (1, 3):
        binomial(int((drawn[:, 4] == code).sum()), 3000, 1 / 2, f"of two votes, the one for {code}")


def test_columns_of_a_table_are_annotators(tmp_path: Path) -> None:
    rows = ["text,label,ada,bob"] + [f"note {i},{'yn'[i % 2]},{'yn'[i % 3 == 0]},y" for i in range(30)]
    (tmp_path / "notes.csv").write_text("\n".join(rows))
    config = parse_config(
        {"data": str(tmp_path / "notes.csv"), "oracle": {"kind": "recorded", "labels": ["bob", "ada"], "annotator": 1}}
    )
    items = data.load(config.data, annotations=config.annotations).train
    said = Oracle(items, config.oracle).answers(items.ids, 0)
    assert said == {item: "yn"[int(item) % 3 == 0] for item in items.ids}


# what every kind promises

KINDS: list[dict[str, Any]] = [
    {"kind": "uniform", "rate": 0.4},
    {"kind": "confusion", "matrix": MATRIX},
    {"kind": "recorded", "labels": "said"},
    {"kind": "recorded", "labels": "said", "annotator": "majority"},
]


@pytest.mark.parametrize("settings", KINDS, ids=lambda settings: f"{settings['kind']}-{settings.get('annotator', '')}")
def test_an_answer_depends_on_the_seed_and_the_item_alone(settings: dict[str, Any]) -> None:
    said = np.random.default_rng(2).integers(0, 4, (200, 3))
    items = pool(200, annotations=said)
    all_at_once = oracle(items, **settings).answers(items.ids, 4)
    by = oracle(items, **settings)  # as after a resume
    order = np.random.default_rng(3).permutation(200)
    one_by_one = {item: by.answers([item], 4)[item] for item in (items.ids[p] for p in order)}
    assert one_by_one == all_at_once == by.answers(iter(items.ids), 4)
    assert by.answers(items.ids, 5) != all_at_once


@pytest.mark.parametrize("settings", KINDS[:2], ids=lambda settings: settings["kind"])
def test_arms_of_a_seed_hear_the_same_of_the_same_item(settings: dict[str, Any]) -> None:
    items = data.load("iris").train
    settings = {**settings, **({"matrix": [[0.6, 0.2, 0.2]] * 3} if "matrix" in settings else {})}
    heard: list[dict[str, str]] = []
    for strategy in ("margin", "random"):
        by = oracle(items, **settings)
        with Campaign.create(None, pool=items, strategy=strategy, start=20, batch=20, audit=0.0, seed=6) as campaign:
            for _ in range(4):
                campaign.tell_many(by.answers((query.item for query in campaign.ask()), 6))
            heard.append(campaign.labels())
    both = heard[0].keys() & heard[1].keys()
    assert len(both) > 40
    assert all(heard[0][item] == heard[1][item] for item in both)
    truth = {item: items.classes[code] for item, code in zip(items.ids, items.labels, strict=True)}
    assert any(truth[item] != heard[0][item] for item in both)


def test_a_stratified_start_goes_by_the_true_classes() -> None:
    items = pool(100)
    noisy, exact = oracle(items, kind="uniform", rate=1), Oracle(items)
    assert noisy.stratified(20, 3) == exact.stratified(20, 3)


def test_a_stratified_start_keeps_to_the_items_that_can_be_planned() -> None:
    items = pool(100)
    among = np.arange(0, 100, 2)
    drawn = Oracle(items).stratified(20, 3, among)
    assert {int(item) % 2 for item in drawn} == {0}
    with pytest.raises(InputError, match="more than the pool's 50 different items"):
        Oracle(items).stratified(51, 3, among)


@pytest.mark.parametrize(
    ("settings", "given", "error", "said"),
    [
        ({"kind": "uniform", "rate": 0.1}, {"n_classes": 1}, InputError, "needs two classes or more"),
        (
            {"kind": "confusion", "matrix": [[1, 0], [0, 1]]},
            {},
            InputError,
            "is for 2 classes, but the data have 4: a, b",
        ),
        ({"kind": "recorded", "labels": "said"}, {}, DataError, "said, but the pool was loaded without annotations"),
        (
            {"kind": "recorded", "labels": "said", "annotator": 2},
            {"annotations": np.zeros((9, 2), int)},
            InputError,
            "is annotator 2, but said is by 2, counted from 0",
        ),
        (
            {"kind": "recorded", "labels": "said"},
            {"annotations": np.where(np.arange(9)[:, None] > 6, -1, np.zeros((9, 2), int))},
            DataError,
            "says nothing of 2 of 9 items, the first is '7'",
        ),
        (
            {"kind": "recorded", "labels": "said", "annotator": 1},
            {"annotations": np.array([[0, -1 if row == 4 else 0] for row in range(9)])},
            DataError,
            "says nothing of 1 of 9 items, the first is '4'",
        ),
    ],
)
def test_what_cannot_work_with_a_pool_is_said_before_anything_runs(
    settings: dict[str, Any], given: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        oracle(pool(9, **given), **settings)
