"""What people said of the items travels with them: by item, whatever was left out, split off or put in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from claros import data
from claros.data.loading import reopen
from claros.errors import DataError, InputError

CLASSES = ["ash", "birch", "cedar"]


def votes(n: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.int8]]:
    return np.random.default_rng(seed).integers(-1, 3, size=(n, 4)).astype(np.int8)


def by_id(pool: data.Pool) -> dict[str, list[int]]:
    assert pool.annotations is not None
    return dict(zip(pool.ids, pool.annotations.tolist(), strict=True))


def test_of_a_published_part_they_stay_with_their_rows_when_items_are_left_out(tmp_path: Path) -> None:
    x, said = np.arange(40.0).reshape(20, 2), votes(20)
    y = np.arange(20) % 3
    shared = [3, 11]  # also in the test set, so left out of the pool
    np.savez(
        tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[shared], y_test=y[shared], said_train=said, classes=CLASSES
    )
    train, test = data.load(tmp_path / "a.npz", annotations="said_train")
    assert len(train) == 18
    assert by_id(train) == {str(row): said[row].tolist() for row in range(20) if row not in shared}
    assert test is not None
    assert test.annotations is None


def test_of_a_whole_set_they_are_split_with_the_items(tmp_path: Path) -> None:
    said, ids = votes(12), list("abcdefghijkl")
    mark = np.arange(12) % 4 == 0
    np.savez(tmp_path / "a.npz", x=np.eye(12), y=np.arange(12) % 3, is_test=mark, ids=ids, said=said, classes=CLASSES)
    train = data.load(tmp_path / "a.npz", annotations=["said"]).train
    assert by_id(train) == {ids[row]: said[row].tolist() for row in range(12) if not mark[row]}
    part = train.subset([4, 0])
    assert by_id(part) == {item: by_id(train)[item] for item in part.ids}


def test_they_are_there_again_when_the_pool_is_reopened_and_are_no_part_of_what_it_is(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.eye(12), y=np.arange(12) % 3, said=votes(12), classes=CLASSES)
    with_them, without = data.load(tmp_path / "a.npz", annotations="said").train, data.load(tmp_path / "a.npz").train
    assert by_id(reopen(with_them.source)) == by_id(with_them)
    assert without.annotations is None
    assert with_them.manifest() == without.manifest()


def test_numbers_mean_what_they_mean_in_the_labels(tmp_path: Path) -> None:
    """Without a list of classes, 7 and 9 are names: the classes that occur, sorted, are 5, 7 and 9."""
    np.savez(tmp_path / "a.npz", x=np.eye(4), y=[9, 5, 7, 9], said=np.array([[7, 9], [5, -1], [9, 9], [5, 7]]))
    train = data.load(tmp_path / "a.npz", annotations="said", test_share=0).train
    assert train.classes == ("5", "7", "9")
    assert by_id(train) == {"0": [1, 2], "1": [0, -1], "2": [2, 2], "3": [0, 1]}


def test_they_follow_the_order_of_classes_that_is_asked_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.eye(4), y=["p", "q", "q", "p"], one=["p", "p", "", "q"], two=["q", "q", "q", "q"])
    train = data.load(tmp_path / "a.npz", annotations=["one", "two"], classes=["q", "p"], test_share=0).train
    assert by_id(train) == {"0": [1, 0], "1": [1, 0], "2": [-1, 0], "3": [0, 0]}


ROWS = [
    {"text": "one", "label": "neg", "ada": "neg", "bob": "pos"},
    {"text": "two", "label": "pos", "ada": "", "bob": "pos"},
    {"text": "three", "label": "pos", "ada": "pos", "bob": "neg"},
]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_columns_of_a_table_are_annotators(tmp_path: Path, suffix: str) -> None:
    if suffix == "csv":
        lines = [",".join(ROWS[0]), *(",".join(row.values()) for row in ROWS)]
    else:
        lines = [json.dumps(row) for row in ROWS]
    (tmp_path / f"a.{suffix}").write_text("\n".join(lines))
    train = data.load(tmp_path / f"a.{suffix}", annotations=["bob", "ada"], test_share=0).train
    assert train.classes == ("neg", "pos")
    assert by_id(train) == {"0": [1, 0], "1": [1, -1], "2": [0, 1]}


def test_codes_in_a_table_are_codes_where_the_labels_have_names(tmp_path: Path) -> None:
    rows = ["text,label,label_name,ada", "one,0,wren,1", "two,1,finch,1", "three,1,finch,0"]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    train = data.load(tmp_path / "a.csv", annotations=["ada"], test_share=0).train
    assert train.classes == ("wren", "finch")
    assert by_id(train) == {"0": [1], "1": [1], "2": [0]}


def test_texts_that_are_names_of_classes_are_names_also_if_they_look_like_codes(tmp_path: Path) -> None:
    rows = ["text,label,label_name,ada", "one,0,1,0", "two,1,0,1", "three,1,0,0"]  # the class called 1 has the code 0
    (tmp_path / "a.csv").write_text("\n".join(rows))
    train = data.load(tmp_path / "a.csv", annotations=["ada"], test_share=0).train
    assert train.classes == ("1", "0")
    assert by_id(train) == {"0": [1], "1": [0], "2": [1]}


@pytest.mark.parametrize(
    ("arrays", "names", "said"),
    [
        ({}, "said", "no array 'said' of annotations; its arrays are: x, y"),
        ({"said": np.zeros(3, int)}, "said", r"said in .* what each of A people said of 4 items, shape \(4, A\); got"),
        ({"said": np.full((4, 2), 9)}, "said", "said in .* unknown label '9'"),
    ],
)
def test_what_is_wrong_with_them_is_said(tmp_path: Path, arrays: dict[str, Any], names: str, said: str) -> None:
    np.savez(tmp_path / "a.npz", x=np.eye(4), y=[0, 1, 0, 1], **arrays)
    with pytest.raises(DataError, match=said):
        data.load(tmp_path / "a.npz", annotations=names)


def test_a_column_that_is_missing_and_a_source_that_has_none_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\none,a\n")
    with pytest.raises(DataError, match="no column 'ada'; its columns are: text, label"):
        data.load(tmp_path / "a.csv", annotations=["ada"])
    with pytest.raises(DataError, match="digits has no annotations, but ada should be read; they come from arrays of"):
        data.load("digits", annotations=["ada"])


def test_they_can_be_given_in_memory() -> None:
    pool = data.arrays(np.eye(3), ["a", "b", "a"], annotations=[["a", "b"], ["b", None], ["b", "b"]])
    assert by_id(pool) == {"0": [0, 1], "1": [1, -1], "2": [1, 1]}
    with pytest.raises(InputError, match=r"annotations must have shape \(N, A\) with N = 3; got \(2, 1\)"):
        data.arrays(np.eye(3), ["a", "b", "a"], annotations=[["a"], ["b"]])
