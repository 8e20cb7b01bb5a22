"""Text tables: the same four rows in every format, and what can be wrong with them."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from claros import data
from claros.errors import DataError

Row = dict[str, Any]
ROWS: list[Row] = [
    {"text": 'a, "quoted" one\nwith two lines', "label": "neg", "split": "train"},
    {"text": "the second", "label": "pos", "split": "train"},
    {"text": "", "label": None, "split": "train"},
    {"text": "ein viertes: Grüße", "label": "pos", "split": "test"},
]


def csv_file(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def tsv_file(path: Path, rows: list[Row]) -> None:
    lines = [list(rows[0]), *([str(value or "").replace("\n", " ") for value in row.values()] for row in rows)]
    path.write_text("\n".join("\t".join(line) for line in lines), encoding="utf-8")


def jsonl_file(path: Path, rows: list[Row]) -> None:
    path.write_text("\n\n".join(json.dumps(row) for row in rows), encoding="utf-8")


def parquet_file(path: Path, rows: list[Row]) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def gzipped(write: Callable[[Path, list[Row]], None]) -> Callable[[Path, list[Row]], None]:
    def then(path: Path, rows: list[Row]) -> None:
        write(path, rows)
        path.write_bytes(gzip.compress(path.read_bytes()))

    return then


FORMATS = {
    "csv": csv_file,
    "tsv": tsv_file,
    "jsonl": jsonl_file,
    "ndjson": jsonl_file,
    "parquet": parquet_file,
    "csv.gz": gzipped(csv_file),
    "jsonl.gz": gzipped(jsonl_file),
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_same_pool(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    FORMATS[suffix](path, ROWS)
    train, test = data.load(path)
    assert test is not None
    texts = [row["text"].replace("\n", " ") if suffix == "tsv" else row["text"] for row in ROWS]
    assert train.take(range(3)) == texts[:3]
    assert test.take([0]) == texts[3:]
    assert (train.ids, test.ids) == (("0", "1", "2"), ("3",))
    assert train.classes == ("neg", "pos")
    assert train.labels is not None
    assert train.labels.tolist() == [0, 1, -1]
    assert train.kind == "texts"


def table(path: Path, rows: list[Row]) -> Path:
    jsonl_file(path / "a.jsonl", rows)
    return path / "a.jsonl"


def test_names_of_labels_are_preferred_in_the_order_of_their_codes(tmp_path: Path) -> None:
    rows = [
        {"text": str(i), "label": code, "label_name": name}
        for i, (code, name) in enumerate([(2, "a"), (0, "z"), (1, "b")])
    ]
    pool = data.text_table(table(tmp_path, rows))
    assert pool.classes == ("z", "b", "a")
    assert pool.labels is not None
    assert pool.labels.tolist() == [2, 0, 1]
    rows.append({"text": "3", "label": 0, "label_name": "b"})  # no order any more: two names for one code
    assert data.text_table(table(tmp_path, rows)).classes == ("a", "b", "z")


def test_digits_are_classes_in_their_own_order_also_in_csv(tmp_path: Path) -> None:
    csv_file(tmp_path / "a.csv", [{"text": str(i), "label": label} for i, label in enumerate(["10", "9", "", "10"])])
    pool = data.text_table(tmp_path / "a.csv")
    assert pool.classes == ("9", "10")
    assert pool.labels is not None
    assert pool.labels.tolist() == [1, 0, -1, 1]


def test_other_columns_can_be_named(tmp_path: Path) -> None:
    path = table(tmp_path, [{"body": "x", "mood": "glad", "key": "k1"}, {"body": "y", "mood": "sad", "key": "k2"}])
    pool = data.text_table(path, text_column="body", label_column="mood", id_column="key")
    assert (pool.ids, pool.classes, pool.take([1])) == (("k1", "k2"), ("glad", "sad"), ["y"])


@pytest.mark.parametrize("option", ["text_column", "label_column", "id_column"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_missing_column_lists_those_there_are(tmp_path: Path, suffix: str, option: str) -> None:
    FORMATS[suffix](tmp_path / f"a.{suffix}", ROWS)
    with pytest.raises(DataError, match="has no column 'body'; its columns are: text, label, split"):
        data.load(tmp_path / f"a.{suffix}", **{option: "body"})  # type: ignore[arg-type]


def test_ids_are_used_if_they_all_differ_else_row_numbers(tmp_path: Path) -> None:
    rows = [{"id": 7, "text": "x"}, {"id": 5, "text": "y"}]
    assert data.text_table(table(tmp_path, rows)).ids == ("7", "5")
    rows[1]["id"] = 7
    assert data.text_table(table(tmp_path, rows)).ids == ("0", "1")
    with pytest.raises(DataError, match="must have an id in every row, all different"):
        data.text_table(table(tmp_path, rows), id_column="id")


def test_a_table_without_labels_is_a_pool_to_label(tmp_path: Path) -> None:
    train, test = data.load(table(tmp_path, [{"text": "x"}, {"text": "y"}]))
    assert (train.labels, train.classes, test) == (None, (), None)


def test_validation_rows_are_set_aside_and_other_parts_refused(tmp_path: Path) -> None:
    rows = [{"text": str(i), "label": i % 2, "split": part} for i, part in enumerate(["train", "dev", "test", "Train"])]
    train, test = data.load(table(tmp_path, rows))
    assert test is not None
    assert (train.ids, test.ids, train.report()["set_aside"]) == (("0", "3"), ("2",), 1)
    rows[1]["split"] = "fold-1"
    with pytest.raises(DataError, match=r"'split' of .* has the value 'fold-1'; expected one of all, dev"):
        data.load(table(tmp_path, rows))
    assert data.load(table(tmp_path, rows), split_column=None).test is not None


def test_validation_rows_serve_for_testing_if_no_others_do(tmp_path: Path) -> None:
    rows = [{"text": str(i), "label": 0, "split": part} for i, part in enumerate(["train", "validation", "train"])]
    train, test = data.load(table(tmp_path, rows))
    assert test is not None
    assert (train.ids, test.ids, train.report()["set_aside"]) == (("0", "2"), ("1",), 0)


def test_repeated_texts_are_found_and_those_of_the_test_part_left_out(tmp_path: Path) -> None:
    rows = [
        {"text": text, "label": label, "split": part}
        for text, label, part in [
            ("x", 0, "train"), ("y", 1, "train"), ("x", 1, "train"), ("z", 0, "train"), ("z", 0, "test")
        ]
    ]  # fmt: skip
    pool = data.load(table(tmp_path, rows)).train
    assert pool.ids == ("0", "1", "2")
    assert pool.groups.tolist() == [0, 1, 0]
    assert {name: pool.report()[name] for name in ("duplicates", "contradictory", "left_out")} == {
        "duplicates": 1,
        "contradictory": 1,
        "left_out": 1,
    }


@pytest.mark.parametrize(
    ("suffix", "lines", "where"),
    [
        ("jsonl", ['{"text": "x"}', '{"text": '], "line 2"),
        ("jsonl", ['{"text": "x"}', "", '{"text": null}'], "line 3"),
        ("jsonl", ['{"text": "x"}', '{"text": 3}'], "line 2"),
        ("jsonl", ['{"text": "x"}', '["text"]'], "line 2"),
        ("csv", ["text,label", "x,1", "y,1,2"], "line 3"),
        ("csv", ["text,label", '"x\ny",1', "y"], "line 4"),
    ],
)
def test_a_bad_row_is_named_and_skipped_only_when_asked(
    tmp_path: Path, suffix: str, lines: list[str], where: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=rf"a\.{suffix} cannot be read at {where}: .*skip_unreadable=True"):
        data.load(path)
    pool = data.load(path, skip_unreadable=True).train
    assert (pool.ids, pool.skipped) == (("0",), ("1",))
    again = data.reopen(pool.source)
    assert (again.manifest(), again.skipped) == (pool.manifest(), ("1",))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"text\n\xff\xfe\n"),
        ("a.csv", b'text\n"never closed\n'),
        ("a.jsonl.gz", b"not gzip"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "x"}\n' * 1000, mtime=0)[:40]),
        ("a.parquet", b"PAR1 not"),
    ],
)
def test_a_damaged_table_is_one_clear_error(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name} cannot be read as"):
        data.load(tmp_path / name)


@pytest.mark.parametrize(("name", "content"), [("a.csv", "text,label\n"), ("a.jsonl", "\n")])
def test_a_table_without_rows_is_an_error(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=r"has no rows|has no column"):
        data.load(tmp_path / name)


def test_a_cell_longer_than_usual_is_read_and_the_limit_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\n" + "x" * 300_000 + "\n")
    assert len(data.text_table(tmp_path / "a.csv").take([0])[0]) == 300_000
    assert csv.field_size_limit() == 131072


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\nx\n", encoding="utf-8-sig")
    assert data.text_table(tmp_path / "a.csv").take([0]) == ["x"]
