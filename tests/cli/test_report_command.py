"""``claros report``: the page again, also of a run that is not finished."""

from __future__ import annotations

import json
import shutil
import webbrowser
from pathlib import Path

import pytest

from claros.cli import main


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    words = ["run", "--data", "iris", "--start", "6", "--batch", "5", "--rounds", "2", "--no-report"]
    assert main([*words, "--out", str(out)]) == 0
    return out


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "out")


def test_the_report_is_written_and_shown(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert main(["report", str(out), "--open"]) == 0
    assert opened == [(out / "report.html").as_uri()]
    assert "Report: " in capsys.readouterr().out


def test_of_an_unfinished_run_the_complete_rounds_are_reported(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for table in [*out.glob("*.csv"), *out.glob("*.parquet")]:
        table.unlink()
    (out / "cells" / "auto-0" / "rounds" / "0002" / "metrics.json").unlink()
    assert main(["report", str(out), "--json"]) == 0
    arms = json.loads(capsys.readouterr().out)["arms"]
    assert (arms["auto"]["n_labeled"], arms["random"]["n_labeled"]) == ([11], [16])


def test_tables_alone_are_enough(out: Path) -> None:
    shutil.rmtree(out / "cells")
    before = (out / "results.csv").read_bytes()
    assert main(["report", str(out)]) == 0
    assert (out / "results.csv").read_bytes() == before


@pytest.mark.parametrize(("content", "said"), [(None, "run.json"), ("{", "damaged"), ('{"version": 99}', "99")])
def test_what_is_no_run_is_said_to_be_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    assert main(["report", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
