"""Tables: what cells wrote becomes rows in order, with nothing lost between CSV and Parquet."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from claros.errors import CorruptLogError
from claros.experiment.tables import TABLES, Cell, csv_bytes, read_round, rounds_done, write_tables

METRICS = {
    "round": 0,
    "n_labeled": 4,
    "accuracy": 0.1 + 0.2,
    "macro_f1": 0.5,
    "nll": 1.25,
    "ece": 0.0,
    "per_class": [
        {"class": "a, b", "precision": None, "recall": 0.5, "f1": 0.25, "support": 3, "n_picked": 3},
        {"class": "c", "precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1, "n_picked": 1},
    ],
    "decisions": {
        "budget": {"stop": True, "ready": True, "value": 1.0, "threshold": 1.0, "reason": 'said "stop"\nand meant it'}
    },
    "seconds": {"train": 0.5, "predict": 0.25, "select": 0.125, "evaluate": 0.0625, "rest": 0.03125},
    "end": None,
}
BATCH = [
    {"item": "x,1", "class": "a, b", "source": "start", "score": None, "probability": 0.25},
    {"item": "été", "class": "c", "source": "start", "score": 1e-17, "probability": None},
]


def write_round(cell: Cell, number: int, **changes: object) -> None:
    folder = cell.round_folder(number)
    folder.mkdir(parents=True)
    (folder / "batch.csv").write_bytes(csv_bytes(tuple(BATCH[0]), BATCH))
    (folder / "metrics.json").write_text(json.dumps({**METRICS, "round": number, **changes}))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def cells(tmp_path: Path) -> list[Cell]:
    made = [Cell(name, seed, tmp_path / "cells" / f"{name}-{seed}") for name in ("margin", "random") for seed in (3, 4)]
    for cell in made:
        write_round(cell, 0)
        write_round(cell, 1, n_labeled=8)
    return made


def test_every_round_of_every_cell_is_a_row_in_order(tmp_path: Path, cells: list[Cell]) -> None:
    write_tables(tmp_path, cells)
    table = rows(tmp_path / "results.csv")
    assert [(row["strategy"], row["seed"], row["round"], row["n_labeled"]) for row in table] == [
        (name, str(seed), str(number), str(4 + 4 * number))
        for name in ("margin", "random")
        for seed in (3, 4)
        for number in (0, 1)
    ]


def test_numbers_keep_all_their_digits_and_texts_their_commas(tmp_path: Path, cells: list[Cell]) -> None:
    write_tables(tmp_path, cells)
    assert float(rows(tmp_path / "results.csv")[0]["accuracy"]) == 0.1 + 0.2
    first, second = rows(tmp_path / "picks.csv")[:2]
    assert (first["item"], first["class"], first["score"], first["probability"]) == ("x,1", "a, b", "", "0.25")
    assert (second["item"], float(second["score"]), second["probability"]) == ("été", 1e-17, "")
    rule = rows(tmp_path / "rules.csv")[0]
    assert (rule["stop"], rule["ready"], rule["reason"]) == ("true", "true", 'said "stop"\nand meant it')


def test_a_class_without_a_precision_has_an_empty_cell(tmp_path: Path, cells: list[Cell]) -> None:
    write_tables(tmp_path, cells)
    first = rows(tmp_path / "per_class.csv")[0]
    assert (first["class"], first["precision"], first["recall"], first["n_picked"]) == ("a, b", "", "0.5", "3")


def test_parquet_holds_what_csv_holds(tmp_path: Path, cells: list[Cell]) -> None:
    write_tables(tmp_path, cells)
    for name, columns in TABLES.items():
        table = parquet.read_table(tmp_path / f"{name}.parquet")
        assert tuple(table.column_names) == columns
        again = csv_bytes(columns, table.to_pylist())
        assert again == (tmp_path / f"{name}.csv").read_bytes()


def test_a_round_without_metrics_is_not_complete(cells: list[Cell]) -> None:
    (cells[0].round_folder(1) / "metrics.json").unlink()
    assert [rounds_done(cell) for cell in cells] == [1, 2, 2, 2]


def test_damaged_metrics_are_named(cells: list[Cell]) -> None:
    (cells[0].round_folder(1) / "metrics.json").write_text('{"round": 1, ')
    with pytest.raises(CorruptLogError, match=r"0001/metrics\.json"):
        read_round(cells[0], 1)
