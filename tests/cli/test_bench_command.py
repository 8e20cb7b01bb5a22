"""`claros bench` as a person uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from claros.cli import main
from claros.experiment.bench import Store
from claros.experiment.bench.schema import ABOUT, VERSION

Capture = pytest.CaptureFixture[str]
GRID = ["--data", "iris", "--strategy", "margin", "--start", "6", "--batch", "5", "--rounds", "2"]
GRID += ["--no-upper-bound", "--seeds", "2"]


def test_options_right_after_bench_mean_run_and_the_same_command_has_nothing_left_to_do(
    tmp_path: Path, capsys: Capture
) -> None:
    command = ["bench", *GRID, "--out", str(tmp_path), "--json"]
    assert main(command) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["cells"] == {"done": 4}
    assert Path(first["report"]).is_file()
    before = (tmp_path / "results.csv").read_bytes()
    assert main(["bench", "run", *GRID, "--out", str(tmp_path), "--json"]) == 0
    assert (tmp_path / "results.csv").read_bytes() == before


def test_the_plan_lists_cells_and_time_and_leaves_nothing_behind(tmp_path: Path, capsys: Capture) -> None:
    os.chdir(tmp_path)
    assert main(["bench", "plan", *GRID, "--data", "wine", "--jobs", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cells"] == 8
    assert [(row["setting"], row["strategy"], row["seeds"], row["rounds"]) for row in found["arms"]] == [
        (data, name, 2, 3) for data in ("iris", "wine") for name in ("margin", "random")
    ]
    assert found["seconds"] == pytest.approx(sum(row["total"] for row in found["arms"]) / 2)
    assert 0.01 < found["seconds"] < 60
    assert not list(tmp_path.iterdir())


def test_the_estimate_is_of_the_size_of_the_truth(tmp_path: Path, capsys: Capture) -> None:
    grid = ["--data", "digits", "--model", "forest", "--start", "50", "--batch", "100", "--rounds", "4"]
    assert main(["bench", "plan", *grid, "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)["seconds"]
    assert main(["bench", *grid, "--out", str(tmp_path), "--no-report", "--json"]) == 0
    with Store(f"sqlite:///{tmp_path}/bench.sqlite") as store:
        truth = sum(cell["seconds"] for cell in store.cells())
    assert truth / 3 < planned < truth * 3


def test_status_says_what_waits_and_what_failed_and_why(tmp_path: Path, capsys: Capture) -> None:
    models = ["--model", "logistic", "--model", "bench_models:failing"]
    assert main(["bench", *GRID, *models, "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("claros: 4 of 8 cells failed: RuntimeError: out of coffee")
    assert main(["bench", "status", "--out", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cells"] == {"waiting": 0, "running": 0, "done": 4, "failed": 4}
    assert main(["bench", "status", "--out", str(tmp_path), "--failed"]) == 0
    page = capsys.readouterr().out
    assert "Failed: failing, margin, seed 0: RuntimeError: out of coffee" in page.replace("bench_models:", "")
    assert 'raise RuntimeError("out of coffee")' in page


def test_a_model_that_fails_everywhere_is_one_sentence(tmp_path: Path, capsys: Capture) -> None:
    assert main(["bench", *GRID, "--model", "bench_models:failing", "--out", str(tmp_path)]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines == ["claros: All 4 cells failed: RuntimeError: out of coffee. See claros bench status."]


def test_results_of_another_version_are_refused_in_one_sentence(tmp_path: Path, capsys: Capture) -> None:
    store = Store(f"sqlite:///{tmp_path}/bench.sqlite")
    with store._engine.begin() as connection:
        connection.execute(sa.update(ABOUT).values(value="99"))
    store.close()
    assert main(["bench", *GRID, "--out", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"has version 99, this Claros reads {VERSION}" in line


def test_nothing_unknown_runs(tmp_path: Path, capsys: Capture) -> None:
    assert main(["bench", *GRID, "--grid", "batch_size=5,10", "--out", str(tmp_path)]) == 2
    assert "'batch_size'" in capsys.readouterr().err
    assert main(["bench", "status", "--out", str(tmp_path / "nowhere")]) == 1
    assert "There is no results database" in capsys.readouterr().err
    assert main(["bench", *GRID]) == 2
    assert "--out DIR" in capsys.readouterr().err


def test_a_worker_helps_with_what_is_planned(tmp_path: Path, capsys: Capture) -> None:
    from claros.experiment.bench import plan, read_grid

    with Store(f"sqlite:///{tmp_path}/bench.sqlite") as store:
        plan(read_grid(flags={"data": "iris", "start": 6, "rounds": 1, "upper_bound": False}), store)
    assert main(["bench", "worker", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == "2 done"


def started(command: list[str], **options: object) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "claros", *command]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload,no-any-return]


def test_ctrl_c_prints_the_command_that_resumes_and_it_does(tmp_path: Path) -> None:
    many = [*GRID[:-1], "20", "--jobs", "2", "--out", str(tmp_path), "--no-report"]
    process = started(["bench", *many])
    database = tmp_path / "bench.sqlite"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:  # until a few cells are done
        if database.is_file():
            with Store(f"sqlite:///{database}") as store:
                if store.counts().get("done", 0) >= 2:
                    break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    resume = said.strip().splitlines()[-1].split("Resume with: ")[1].split()
    assert resume == ["claros", "bench", *many]
    with Store(f"sqlite:///{database}") as store:
        counts = store.counts()
    assert counts.get("running", 0) == 0  # nobody holds a lease
    assert 0 < counts["done"] < 40
    assert main(resume[1:]) == 0
    with Store(f"sqlite:///{database}") as store:
        assert store.counts() == {"done": 40}


def test_a_full_disk_is_one_sentence_and_finished_cells_stay(tmp_path: Path) -> None:
    command = ["bench", *GRID[:-1], "25", "--out", str(tmp_path), "--no-report"]
    limited = f"ulimit -f 250; exec {sys.executable} -m claros " + " ".join(command)  # files up to 250 KiB
    answer = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode == 1, answer.stderr
    (line,) = [line for line in answer.stderr.splitlines() if line.startswith("claros:")]
    assert "Could not write to the results database" in line
    assert "What was complete stays" in line
    with Store(f"sqlite:///{tmp_path}/bench.sqlite") as store:
        before = store.counts()["done"]
    assert 0 < before < 50
    assert main(command) == 0
    with Store(f"sqlite:///{tmp_path}/bench.sqlite") as store:
        assert store.counts() == {"done": 50}


def test_a_bench_that_is_not_finished_can_be_reported(tmp_path: Path, capsys: Capture) -> None:
    from claros.experiment.bench import plan, read_grid, work

    class Enough(Store):
        def save(self, *arguments: object, **named: object) -> None:
            super().save(*arguments, **named)  # type: ignore[arg-type]
            if self.counts().get("done") == 3:
                raise KeyboardInterrupt

    with Enough(f"sqlite:///{tmp_path}/bench.sqlite") as store:
        plan(read_grid(flags={"data": "iris", "start": 6, "rounds": 2, "seeds": 2, "upper_bound": False}), store)
        with pytest.raises(KeyboardInterrupt):
            work(store, "w")
    assert main(["report", str(tmp_path)]) == 0
    page = capsys.readouterr().out
    assert "Of 4 cells, 1 is not finished" in page
    assert (tmp_path / "report.html").is_file()
