"""A whole bench of stopping rules, small."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from claros.experiment import stopping as lab
from claros.experiment.stopping.figures import write_figures

Benched = tuple[Path, lab.Benched]


@pytest.fixture
def found(benched: Benched) -> lab.Evaluation:
    """What the tiny bench found."""
    evaluation = benched[1].evaluation
    assert evaluation is not None
    return evaluation


def test_every_table_is_written_with_its_columns(benched: Benched) -> None:
    import pyarrow.parquet

    for name, columns in lab.TABLES.items():
        with (benched[0] / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert tuple(rows[0]) == columns
        assert pyarrow.parquet.read_table(benched[0] / f"{name}.parquet").num_rows == len(rows)


def test_every_arm_stops_in_a_round_of_the_run_and_costs_no_less_than_the_best(found: lab.Evaluation) -> None:
    assert {arm.kind for arm in found.arms} == {
        "as published",
        "told the price",
        "signal, told the price",
        "no data, told the price",
        "beyond reach",
    }
    for arm in found.arms:
        assert (arm.places < 7).all()
        assert (found.field.regrets(arm) >= 0).all()
    every = [row for row in found.rows["regret"] if row["model"] == row["strategy"] == "all" and row["price"] is None]
    assert len(every) == len(found.arms)
    least = min(row["regret"] for row in every if row["kind"] == "as published")
    assert next(row["regret"] for row in every if row["arm"] == "one stop in hindsight") <= least


def test_the_tables_have_a_row_for_each_strategy_too(found: lab.Evaluation) -> None:
    assert {row["strategy"] for row in found.rows["regret"]} == {"all", "margin", "random"}
    assert {row["model"] for row in found.rows["regret"]} == {"all"}
    assert len(found.rows["stops"]) == 8 * 5


def test_the_findings_are_sentences(found: lab.Evaluation) -> None:
    sentences = lab.verdicts(found)
    assert sentences[0].startswith("8 runs (56 rounds) of 2 data sets, 1 model and 2 strategies, at 6 prices")
    assert all(sentence.endswith(".") and "nan" not in sentence for sentence in sentences)
    regrets = [float(row[1].split()[1].rstrip(",")) for row in lab.table(found)]
    assert regrets == sorted(regrets)


def test_an_evaluation_of_recorded_runs_finds_the_same(benched: Benched, found: lab.Evaluation) -> None:
    again = lab.weigh([benched[0] / "bench.sqlite"], (), None, rules=list(found.runs[0].said)).evaluation
    assert again is not None
    assert again.rows == found.rows


def test_figures_are_drawn_with_their_data_beside_them(found: lab.Evaluation, tmp_path: Path) -> None:
    for page in write_figures(found, tmp_path):
        assert page.stat().st_size > 5000
        assert page.with_suffix(".pdf").is_file()
        assert page.with_suffix(".parquet").is_file()
