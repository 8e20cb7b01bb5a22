"""``claros run`` as a person and as a script meet it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from claros.cli import main

TINY = ["run", "--data", "iris", "--start", "6", "--batch", "5", "--rounds", "2"]


def run(*words: str) -> int:
    return main([*TINY, *words])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_it_says_what_it_found_and_where_the_report_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run("--strategy", "margin", "--strategy", "entropy", "--out", str(out)) == 0
    said = capsys.readouterr()
    assert "too few seeds (1)" in said.out
    assert f"Report: {out / 'report.html'}" in said.out
    assert max(map(len, said.out.splitlines())) < 100
    assert (out / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert {row["strategy"] for row in rows(out / "results.csv")} == {"margin", "entropy", "random"}
    assert len(said.err.splitlines()) == 3  # one line for each finished cell, as no terminal looks on


def test_one_rule_leads_while_it_runs_and_at_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--seeds", "2", "--no-report", "--out"]
    assert run("--rounds", "4", *words, str(tmp_path / "free")) == 0
    said = capsys.readouterr()
    assert all(", advice: go on (stabilizing_predictions); " in line for line in said.err.splitlines())
    assert "Stop advice of stabilizing_predictions: go on; it would" in said.out.replace("\n", " ")
    assert run("--rounds", "4", "--price", "1", "--worth", "20", *words, str(tmp_path / "priced")) == 0
    said = capsys.readouterr()
    assert all(", advice: " in line and "(advisor)" in line for line in said.err.splitlines())
    assert "Stop advice of advisor: " in said.out
    assert run("--rounds", "0", *words, str(tmp_path / "early")) == 0
    said = capsys.readouterr()
    assert all(", advice: too early to say (stabilizing_predictions)" in line for line in said.err.splitlines())
    assert "Stop advice of stabilizing_predictions: too early to say." in said.out


def test_a_pool_that_is_used_up_is_said_to_be_and_nobody_is_told_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--batch", "1000", "--no-report", "--out", str(tmp_path / "out")) == 0
    said = capsys.readouterr()
    assert "The pool is used up: all 111 items are labeled, after 1 of 2 rounds." in said.out
    assert "would bring" not in said.out
    assert "go on" not in said.out + said.err
    assert all("the pool is used up" in line for line in said.err.splitlines())


def test_json_is_all_that_goes_to_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--out", str(tmp_path / "out"), "--json", "--no-report", "--seeds", "2") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["report"] is None
    assert answer["arms"]["auto"]["n_labeled"] == [16, 16]
    last = [row for row in rows(tmp_path / "out" / "results.csv") if (row["strategy"], row["round"]) == ("auto", "2")]
    assert answer["arms"]["auto"]["accuracy"] == [float(row["accuracy"]) for row in last]
    assert answer["comparisons"][0]["strategy"] == "auto"
    assert all(isinstance(sentence, str) for sentence in answer["summary"])
    assert not (tmp_path / "out" / "report.html").exists()


def test_a_yaml_file_settings_and_flags_make_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.yaml").write_text(
        f"data: iris\nstrategy: [margin]\nstart: 4\nbatch: 3\nrounds: 1\nreport: false\nout: {tmp_path / 'out'}\n"
    )
    words = ["run", "--config", str(tmp_path / "run.yaml"), "--set", "model.parameters.C=0.1", "--batch", "5"]
    assert main([*words, "--no-control", "--watch", "overall_uncertainty"]) == 0
    facts = json.loads((tmp_path / "out" / "run.json").read_text())["config"]
    assert (facts["start"], facts["batch"], facts["control"]) == (4, 5, False)
    assert facts["model"] == {"name": "logistic", "parameters": {"C": 0.1}}
    assert [rule["name"] for rule in facts["watch"]] == ["overall_uncertainty"]
    assert "Tables:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--strategy", "margni"], 2, "Did you mean 'margin'"),
        (["--model", "logistik"], 2, "Did you mean 'logistic'"),
        (["--stop", "budgets"], 2, "Did you mean 'budget'"),
        (["--strategy", "bald"], 2, "member_probs"),
        (["--start", "5000"], 2, "5000"),
        (["--start", "some"], 2, "'some'"),
        (["--set", "modl.name=cnn"], 2, "Did you mean 'model'"),
        (["--jobs", "0"], 2, "jobs"),
        (["--price", "0"], 2, "price"),
        (["--budget", "60"], 2, "rounds or budget"),
        (["--data", "no/such/file.csv"], 1, "no/such/file.csv"),
        (["--test", "no/such/file.csv"], 1, "no/such/file.csv"),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert run("--out", str(tmp_path / "out"), *words) == code
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("claros: ")
    assert len(output.err.splitlines()) == 1
    assert said in output.err
    assert not (tmp_path / "out").exists()


def test_a_run_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    assert "--out" in capsys.readouterr().err


def test_labels_that_the_data_lack_are_missed_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "text,topic\n" + "".join(f"text number {n},{'ab'[n % 2]}\n" for n in range(40))
    (tmp_path / "t.csv").write_text(table)
    words = ["run", "--data", str(tmp_path / "t.csv"), "--rounds", "1", "--out", str(tmp_path / "out")]
    assert main([*words, "--label-column", "topics"]) == 1
    assert "topics" in capsys.readouterr().err
    assert main([*words, "--label-column", "topic", "--start", "6", "--batch", "6", "--no-report"]) == 0


def test_without_the_report_extra_the_install_line_is_printed(tmp_path: Path) -> None:
    program = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"matplotlib", "statsmodels", "pyarrow"}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
from claros.cli import main
sys.exit(main(sys.argv[1:]))
"""
    words = [*TINY, "--out", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    assert "pip install 'claros[report]'" in done.stderr
    assert "Tables: " in done.stdout
    assert (tmp_path / "out" / "results.csv").exists()
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_ctrl_c_prints_the_command_that_resumes_and_it_does(tmp_path: Path) -> None:
    words = ["run", "--data", "digits", "--rounds", "30", "--no-report", "--out", str(tmp_path / "my run")]
    command = [sys.executable, "-m", "claros", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "my run" / "cells" / "random-0" / "rounds" / "0001").exists():
            assert process.poll() is None, "the run ended before it could be interrupted"
        process.send_signal(signal.SIGINT)
        said, error = process.communicate()
    assert process.returncode == 130
    assert said == ""
    assert "Traceback" not in error
    assert f"claros run --data digits --rounds 30 --no-report --out '{tmp_path / 'my run'}'" in error
    assert main(words) == 0
    assert len(rows(tmp_path / "my run" / "results.csv")) == 2 * 31


def test_a_full_disk_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.symlink("/dev/full", tmp_path / "out")
    assert run("--out", str(tmp_path / "out" / "deeper")) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
