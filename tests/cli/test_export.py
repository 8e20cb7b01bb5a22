from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from claros import data
from claros.campaign import Campaign, read_labels
from claros.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A campaign whose pool is gone: one item that two of three call a wren, one told without being asked."""
    pool = tmp_path / "birds"
    pool.mkdir()
    (pool / "birds.csv").write_text("id,text\n" + "".join(f"b{n},bird {n}\n" for n in range(30)))
    made = {"pool": data.load(pool / "birds.csv").train, "classes": ["finch", "wren"], "start": 3, "audit": 0.0}
    with Campaign.create(tmp_path / "birds.claros", **made, model=None, stop=None, strategy="random") as campaign:
        asked = [query.item for query in campaign.ask()]
        own = next(item for item in campaign.pool.ids if item not in asked)
        for annotator, label in (("ada", "finch"), ("bob", "wren"), ("cleo", "wren")):
            campaign.tell(asked[0], label, annotator=annotator)
        campaign.tell(own, "finch")
        campaign.tell(asked[1], "finch")
        campaign.retract(asked[1])
    shutil.rmtree(pool)
    return tmp_path / "birds.claros"


def test_the_labels_come_out_as_csv_although_the_pool_is_gone(folder: Path, capsys: Capture) -> None:
    assert main(["export", str(folder)]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["label"] for row in rows] == ["wren", "finch"]
    assert json.loads(rows[0]["annotators"]) == {"ada": "finch", "bob": "wren", "cleo": "wren"}
    assert [(row["round"], row["source"], row["random"]) for row in rows] == [
        ("0", "start", "true"),
        ("", "own choice", "false"),
    ]


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl"])
def test_a_file_of_labels_can_be_told_to_another_campaign(folder: Path, name: str, capsys: Capture) -> None:
    out = folder.with_name(name)
    assert main(["export", str(folder.with_suffix("")), "--out", str(out)]) == 0  # by the name of the pool that is gone
    assert capsys.readouterr().out == f"Wrote the labels of 2 items to {out}.\n"
    again = folder.with_name("again.csv")
    again.write_text("id,text\n" + "".join(f"b{n},bird {n}\n" for n in range(30)))
    assert main(["ask", str(again), "--classes", "finch,wren", "-n", "1"]) == 0
    assert main(["tell", str(again), "--from", str(out)]) == 0
    labels = {row.item: row.label for row in read_labels(folder)}
    assert {row.item: row.label for row in read_labels(f"{again}.claros")} == labels


def test_json_has_what_the_log_says_of_each_item(folder: Path, capsys: Capture) -> None:
    assert main(["export", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 2
    assert found["labels"][1] == {
        "item": found["labels"][1]["item"],
        "label": "finch",
        "annotators": {"": "finch"},
        "round": None,
        "source": "own choice",
        "random": False,
    }


def test_another_suffix_and_a_campaign_that_is_not_there_are_one_sentence(folder: Path, capsys: Capture) -> None:
    assert main(["export", str(folder), "--out", "labels.xlsx"]) == 2
    assert "ends in .csv or .jsonl; got labels.xlsx" in capsys.readouterr().err
    assert main(["export", "nowhere"]) != 0
    assert "no campaign at" in capsys.readouterr().err
