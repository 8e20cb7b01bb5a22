"""Query strategies side by side with other packages, on the same arrays in the same run on one core."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import CASES, HERE, Case
from benchmarks.goals import judged
from benchmarks.report import case_table, goals_table
from benchmarks.sizes import write

ROOT = Path(__file__).parents[1]
ONE_CORE = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1"
)
#: Seconds after which no further lap is begun.
LAPS_UNTIL = 8.0
#: Claros is timed again after the others if its laps took no longer than this.
AGAIN = 20.0
#: How the lines begin that a routine's process prints for us; packages print, too.
BEGINNINGS = ('{"ready"', '{"seconds"')
#: Our own routines may take so many times as long as a peer before they are killed.
PATIENCE = 10


def prepare(case: Case, folder: Path, args: argparse.Namespace) -> None:
    """Write the arrays of a case, and its settings."""
    folder.mkdir()
    write(folder, case.arrays, case.size.quick() if args.quick else case.size, case.unit)
    settings = {**case.settings(args.quick), "laps": args.laps, "seconds": LAPS_UNTIL}
    (folder / "settings.json").write_text(json.dumps(settings), "utf-8")


def apart(row: str, case: Case, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Laps of one routine in its own process; what is done when time is up counts."""
    package = row.partition(":")[0]
    here = package in HERE
    routine = case.ours if row == "claros" else case.routine(row)
    python = sys.executable if here else args.peers
    memory = {} if here else {"BENCHMARK_MEMORY": str(args.memory)}
    limit = args.limit * case.limit * (PATIENCE if here else 1)
    failure = None
    try:
        done = subprocess.run(
            [python, "-m", "benchmarks.measure", package, routine, str(folder)],
            cwd=ROOT,
            env={**os.environ, **ONE_CORE, **memory},
            capture_output=True,
            text=True,
            timeout=limit,
        )
        output = done.stdout
        if done.returncode:
            signal = f"ended by signal {-done.returncode}" if done.returncode < 0 else ""
            last = signal or (done.stderr.strip().splitlines() or ["no message"])[-1]
            failure = "out of memory" if "MemoryError" in last or "bad_alloc" in last else last[:200]
    except subprocess.TimeoutExpired as expired:
        captured = expired.stdout or b""
        output = captured.decode() if isinstance(captured, bytes) else captured
        failure = f"killed after {limit:g} s"
    said = [json.loads(line) for line in output.splitlines() if line.startswith(BEGINNINGS) and line.endswith("}")]
    laps = [each for each in said if "seconds" in each]
    measured: dict[str, Any] = {"row": row, "laps": laps, "failure": failure if not laps else None}
    if not laps and "killed" in str(failure) and said:
        measured["at_least"] = limit - said[0]["ready"]
    return measured


Measure = Callable[[str, Case, Path, argparse.Namespace], dict[str, Any]]


def summary(measured: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Row -> best, median, ratios and how far the picks agree; the first row is Claros."""
    ours = [lap for each in measured if each["row"] == "claros" for lap in each["laps"]]
    best, picks = min(lap["seconds"] for lap in ours), ours[0]["picks"]
    lines = {}
    for row in dict.fromkeys(each["row"] for each in measured):
        laps = [lap for each in measured if each["row"] == row for lap in each["laps"]]
        if not laps:
            failed = next(each for each in measured if each["row"] == row)
            lines[row] = {key: failed[key] for key in ("failure", "at_least") if key in failed}
            continue
        fastest = min(laps, key=lambda lap: lap["seconds"])
        loads = [lap["busy"] for lap in laps if lap["busy"] is not None]
        lines[row] = {
            "laps": len(laps),
            "best": fastest["seconds"],
            "median": statistics.median(lap["seconds"] for lap in laps),
            "cpu": min(lap["cpu"] for lap in laps),
            "times": fastest["seconds"] / best,
            "added": laps[0]["added"] / 2**20,
            "anonymous": None if laps[0]["anonymous"] is None else laps[0]["anonymous"] / 2**20,
            "busy": statistics.median(loads) if loads else None,
            "picked": len(laps[0]["picks"]),
            **agreement(picks, laps[0]["picks"]),
        }
    return lines


def agreement(ours: list[float], theirs: list[float]) -> dict[str, float | None]:
    """Shares of our picks that another made too, and that it made at the same place."""
    if not ours or not theirs:
        return {"same": None, "in_order": None}
    places = sum(one == other for one, other in zip(ours, theirs, strict=False))
    return {"same": len({*ours} & {*theirs}) / len({*ours}), "in_order": places / len(ours)}


def run(case: Case, folder: Path, args: argparse.Namespace, measure: Measure = apart) -> dict[str, dict[str, Any]]:
    """All rows of a case."""
    prepare(case, folder, args)
    measured = [measure("claros", case, folder, args)]
    if not measured[0]["laps"]:
        return {"claros": {"failure": measured[0]["failure"]}}
    settings = json.loads((folder / "settings.json").read_text("utf-8"))
    settings["picks"] = measured[0]["laps"][0]["picks"]
    (folder / "settings.json").write_text(json.dumps(settings), "utf-8")
    others = [row for row in (*case.rows, *case.checks) if not args.alone or row.partition(":")[0] in HERE]
    measured += [measure(row, case, folder, args) for row in others]
    if sum(lap["seconds"] for lap in measured[0]["laps"]) < AGAIN:
        measured.append(measure("claros", case, folder, args))  # so that a machine that gets busier shows
    for file in folder.iterdir():
        file.unlink()
    return summary(measured)


def machine(args: argparse.Namespace) -> str:
    """What this was measured on."""
    model = next(
        (line.partition(":")[2].strip() for line in cpuinfo() if line.startswith("model name")), platform.machine()
    )
    cores, versions = os.cpu_count(), f"Python {platform.python_version()}, NumPy {np.__version__}"
    return f"{model}, {cores} cores, {platform.system()}, {versions}; one thread" + (", quick" if args.quick else "")


def cpuinfo() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text("utf-8").splitlines() if file.exists() else []


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="interpreter that has the peers")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    parser.add_argument("--laps", type=int, default=5, help="laps of each routine, at most")
    parser.add_argument("--limit", type=float, default=30.0, help="seconds that a peer may take, all laps together")
    parser.add_argument("--memory", type=float, default=10.0, help="GiB that a peer may ask for")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--alone", action="store_true", help="without the packages of others")
    parser.add_argument("--out", type=Path, help="folder in which to write results.md and results.json")
    parser.add_argument("--again", action="store_true", help="measure these cases again, into the results in --out")
    args = parser.parse_args(arguments)
    if args.again and not (args.out and (args.out / "results.json").is_file()):
        parser.error("--again wants --out, a folder with results.json of an earlier run.")
    return args


def main(arguments: list[str] | None = None) -> None:
    args = options(arguments)
    lines: dict[str, Mapping[str, Any]] = {}
    sizes = {name: str(case.size.quick() if args.quick else case.size) for name, case in CASES.items()}
    with tempfile.TemporaryDirectory() as scratch:
        for name in args.cases:
            lines[name] = run(CASES[name], Path(scratch) / name, args)
            print(case_table(f"{name}: {sizes[name]}", lines[name]), flush=True)
    before = json.loads((args.out / "results.json").read_text("utf-8")) if args.again else {}
    whole = {**before.get("cases", {}), **lines}
    goals = judged(whole, sizes)
    print("\n" + goals_table(goals))
    if args.out:
        tables = [case_table(f"{name}: {sizes[name]}", whole[name]) for name in CASES if name in whole]
        page = "\n".join([machine(args), "", goals_table(goals), *tables, ""])
        (args.out / "results.md").write_text(page, "utf-8")
        again = sorted({*before.get("again", ()), *(args.cases if args.again else ())})
        results = {"machine": machine(args), "again": again, "goals": goals, "cases": whole}
        (args.out / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    failed = [f"{name}: {each['claros']['failure']}" for name, each in lines.items() if "failure" in each["claros"]]
    if failed:
        raise SystemExit("Claros itself failed: " + "; ".join(failed))


if __name__ == "__main__":
    main()
