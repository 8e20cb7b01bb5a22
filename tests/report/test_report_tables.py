"""Tables: rows found by their keys, the same from CSV and from Parquet, and clear errors."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from claros.errors import DataError
from claros.report.reading import read_table
from claros.report.tables import FLAG, NUMBER, TEXT, Table

KINDS = {"word": TEXT, "number": NUMBER, "flag": FLAG}


def drawn(n: int, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    words = np.array(["b", "a", "", "a b"], dtype=object)[rng.integers(4, size=n)]
    return Table({"word": words, "number": rng.integers(3, size=n).astype(float), "row": np.arange(n)})


@pytest.mark.parametrize("n", [0, 1, 200])
def test_rows_are_those_that_equal_the_values(n: int) -> None:
    table = drawn(n)
    for word in ("a", "b", "", "a b", "never"):
        for number in (0, 1, 2, 3):
            expected = [
                row
                for row, (w, x) in enumerate(zip(table["word"], table["number"], strict=True))
                if w == word and x == number
            ]
            assert table.where(word=word, number=number)["row"].tolist() == expected
            assert table.where(number=number, word=word)["row"].tolist() == expected


def test_groups_come_in_order_of_first_appearance_and_keep_the_order_of_rows() -> None:
    table = drawn(200)
    groups = table.by("word", "number")
    keys = [*zip(table["word"].tolist(), table["number"].tolist(), strict=True)]
    assert [*groups] == [*dict.fromkeys(keys)]
    assert {key: own["row"].tolist() for key, own in groups.items()} == {
        key: [row for row, own in enumerate(keys) if own == key] for key in groups
    }


def test_last_rounds_are_those_of_each_cell() -> None:
    table = Table({
        "strategy": np.array(["a", "a", "b", "a", "b"], dtype=object),
        "seed": np.array([0.0, 0.0, 0.0, 1.0, 0.0]),
        "round": np.array([0.0, 1.0, 2.0, 0.0, 1.0]),
    })  # fmt: skip
    assert table.last_rounds()["round"].tolist() == [1.0, 2.0, 0.0]


def write_both(folder: Path) -> Path:
    """A table as CSV, and newer as Parquet; empty where there is no value."""
    path = folder / "table.csv"
    path.write_text("word,number,flag,more\nx,1.5,true,1\n,,false,2\n", encoding="utf-8")
    columns = {"word": ["x", None], "number": [1.5, None], "flag": [True, False], "more": [1, 2]}
    pyarrow.parquet.write_table(pyarrow.table(columns), path.with_suffix(".parquet"))
    os.utime(path, (1, 1))
    return path


def test_parquet_and_csv_give_the_same_table(tmp_path: Path) -> None:
    path = write_both(tmp_path)
    fast = read_table(path, KINDS)
    path.with_suffix(".parquet").unlink()
    slow = read_table(path, KINDS)
    for table in (fast, slow):
        assert table["word"].tolist() == ["x", ""]
        assert np.array_equal(table["number"], [1.5, np.nan], equal_nan=True)
        assert table["flag"].tolist() == [True, False]
        assert [*table.columns] == [*KINDS]


def test_parquet_that_is_older_than_the_table_is_not_read(tmp_path: Path) -> None:
    path = write_both(tmp_path)
    path.write_text("word,number,flag\nnew,2,true\n", encoding="utf-8")
    assert read_table(path, KINDS)["word"].tolist() == ["new"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PAR1 and nothing else", "cannot be read as a table"),
        ({"word": ["x"], "flag": [True]}, "a column number"),
        ({"word": ["x"], "number": ["one"], "flag": [True]}, "cannot be read as a table"),
    ],
)
def test_damaged_parquet_is_one_clear_error(
    content: bytes | dict[str, list[object]], said: str, tmp_path: Path
) -> None:
    path = write_both(tmp_path)
    if isinstance(content, bytes):
        path.with_suffix(".parquet").write_bytes(content)
    else:
        pyarrow.parquet.write_table(pyarrow.table(content), path.with_suffix(".parquet"))
    with pytest.raises(DataError, match=said):
        read_table(path, KINDS)
