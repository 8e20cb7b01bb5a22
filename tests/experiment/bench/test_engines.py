"""One worker, two workers, a Ray cluster: the same numbers; and workers that are lost."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench_grids import GRID

from claros.errors import InputError, UnknownNameError
from claros.experiment.bench import Store, bench, plan, read_grid

WIDE = {**GRID, "data": ["iris", "wine"], "model": ["logistic", "mlp"]}


def tables(out: Path) -> dict[str, Any]:
    """Every table but for the clock."""
    found = {}
    for file in sorted(out.glob("*.csv")):
        with file.open(newline="", encoding="utf-8") as sheet:
            rows = csv.DictReader(sheet)
            found[file.name] = [{k: v for k, v in row.items() if "seconds" not in k} for row in rows]
    return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The grid by one worker in this process."""
    out = tmp_path_factory.mktemp("alone")
    assert str(bench(read_grid(flags=WIDE), out, quiet=True)) == "All 24 cells are done."
    return out


@pytest.fixture(scope="module")
def ray_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for Ray's files, away from the user's."""
    home = tmp_path_factory.mktemp("ray")
    kept = {name: os.environ.get(name) for name in ("HOME", "RAY_AUTH_MODE", "RAY_USAGE_STATS_ENABLED")}
    os.environ.update(HOME=str(home), RAY_AUTH_MODE="disabled", RAY_USAGE_STATS_ENABLED="0")
    yield home
    for name, value in kept.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


def test_the_tables_have_every_round_of_every_cell(alone: Path) -> None:
    found = tables(alone)
    assert [len(found[f"{name}.csv"]) for name in ("cells", "results")] == [24, 24 * 4]
    assert {row["status"] for row in found["cells.csv"]} == {"done"}
    assert [row["setting"] for row in found["results.csv"][:: 6 * 4]] == [
        "iris, logistic",
        "iris, mlp",
        "wine, logistic",
        "wine, mlp",
    ]
    facts = json.loads((alone / "bench.json").read_text())
    assert facts["factors"] == ["data", "model"]
    assert [one["factors"]["data"] for one in facts["settings"]] == ["iris", "iris", "wine", "wine"]
    assert facts["settings"][0]["plan"] == {"start": 6, "batch": 5, "total": 21}


def test_confusion_and_reliability_add_up_to_all_test_items_of_all_seeds(alone: Path) -> None:
    found, facts = tables(alone), json.loads((alone / "bench.json").read_text())
    n_test = {one["name"]: one["data"]["n_test"] for one in facts["settings"]}
    last = [row for row in found["results.csv"] if row["round"] == "3"]
    for setting, n in n_test.items():
        for name in ("margin", "entropy", "random"):
            own = [row for row in found["confusion.csv"] if (row["setting"], row["strategy"]) == (setting, name)]
            right = sum(int(row["n"]) for row in own if row["true"] == row["predicted"])
            scores = [float(r["accuracy"]) for r in last if (r["setting"], r["strategy"]) == (setting, name)]
            assert sum(int(row["n"]) for row in own) == 2 * n
            assert right / (2 * n) == pytest.approx(sum(scores) / 2)
            bins = [row for row in found["reliability.csv"] if (row["setting"], row["strategy"]) == (setting, name)]
            assert sum(int(row["n"]) for row in bins) == 2 * n
            assert sum(int(row["n"]) * float(row["accuracy"]) for row in bins) == pytest.approx(right)


def test_a_bench_has_the_numbers_of_a_run(alone: Path, tmp_path: Path) -> None:
    from claros.experiment import read_config, run

    out = run(read_config(flags={**GRID, "model": "mlp"}), tmp_path / "run", listener=lambda moment: None)
    ours = [row for row in tables(alone)["results.csv"] if row.pop("setting") == "iris, mlp"]
    theirs = tables(out)["results.csv"]
    key = lambda row: (row["strategy"], int(row["seed"]), int(row["round"]))  # noqa: E731
    assert sorted(ours, key=key) == sorted(theirs, key=key)


def test_two_workers_have_the_numbers_of_one(alone: Path, tmp_path: Path) -> None:
    bench(read_grid(flags=WIDE), tmp_path, jobs=2, quiet=True)
    assert tables(tmp_path) == tables(alone)


@pytest.mark.slow
def test_a_ray_cluster_of_its_own_has_the_numbers_of_one(alone: Path, tmp_path: Path, ray_home: Path) -> None:
    bench(read_grid(flags=WIDE), tmp_path, jobs=2, engine="ray", quiet=True)
    assert tables(tmp_path) == tables(alone)


def test_a_ray_cluster_of_two_nodes_has_the_numbers_of_one(alone: Path, tmp_path: Path, ray_home: Path) -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        bench(read_grid(flags=WIDE), tmp_path, jobs=2, engine="ray", address=cluster.address, quiet=True)
    finally:
        cluster.shutdown()
    assert tables(tmp_path) == tables(alone)


def test_no_cluster_at_the_address_is_one_sentence(tmp_path: Path, ray_home: Path) -> None:
    with pytest.raises(InputError, match=r"There is no Ray cluster at 127\.0\.0\.1:1"):
        bench(read_grid(flags=GRID), tmp_path, engine="ray", address="127.0.0.1:1", quiet=True)


def test_an_unknown_engine_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="local"):
        bench(read_grid(flags=GRID), tmp_path, engine="spark", quiet=True)


def killing(url: str, kills: int) -> Callable[[], None]:
    """A thread's work: kill whoever works on a cell, so many times."""

    def kill() -> None:
        store, done = Store(url), 0
        while done < kills:
            workers = {cell["worker"] for cell in store.cells() if cell["status"] == "running"}
            for child in children():
                if workers and done < kills:
                    os.kill(child, signal.SIGKILL)
                    done += 1
            time.sleep(0.2)
        store.close()

    return kill


def children() -> list[int]:
    """Worker processes of this one."""
    own = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    names = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in own}
    return [child for child, line in names.items() if b"spawn_main" in line]


def test_workers_that_are_killed_are_replaced_and_their_cells_go_on(alone: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bench.sqlite"
    with Store(url) as store:
        plan(read_grid(flags=WIDE), store)
    killer = threading.Thread(target=killing(url, 3))
    killer.start()
    outcome = bench(read_grid(flags=WIDE), tmp_path, jobs=2, quiet=True)
    killer.join(timeout=30)
    assert outcome.counts == {"done": 24}
    assert tables(tmp_path) == tables(alone)


def test_what_a_killed_bench_left_is_free_at_once(tmp_path: Path) -> None:
    command = ["bench", "--data", "digits", "--model", "mlp", "--rounds", "5", "--jobs", "2", "--out", str(tmp_path)]
    process = subprocess.Popen([sys.executable, "-m", "claros", *command], stderr=subprocess.DEVNULL)
    url = f"sqlite:///{tmp_path}/bench.sqlite"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not ((tmp_path / "bench.sqlite").exists() and running(url) == 2):
        time.sleep(0.1)
    assert running(url) == 2
    process.kill()
    process.wait()
    started = time.monotonic()
    grid = {"data": "digits", "model": "mlp", "rounds": 5}
    assert bench(read_grid(flags=grid), tmp_path, quiet=True).counts == {"done": 2}
    assert time.monotonic() - started < 50, "it waited for leases of the dead"


def running(url: str) -> int:
    """How many cells are worked on."""
    with Store(url) as store:
        return store.counts().get("running", 0)


def test_workers_that_cannot_start_are_said_not_to(tmp_path: Path) -> None:
    program = (
        "import sys; from claros.experiment.bench import bench, read_grid\n"
        "settings = read_grid(flags={'data': 'iris', 'rounds': 1, 'upper_bound': False})\n"
        "bench(settings, sys.argv[1], jobs=2, quiet=True)\n"
    )
    script = subprocess.run(
        [sys.executable, "-", str(tmp_path)], input=program, capture_output=True, text=True, check=False, timeout=120
    )  # processes that are spawned cannot import a script from standard input
    assert script.returncode == 1
    assert "The worker processes ended again and again (exit code 1)" in script.stderr
