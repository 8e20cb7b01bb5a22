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
from pathlib import Path
from typing import Any

import numpy as np

ROUTINES = Path(__file__).with_name("routines.py")
ONE_CORE = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1"
)
PEERS = {
    "margin": ("scikit-activeml", "small-text", "modAL"),
    "k_center": ("scikit-activeml", "small-text"),
    "k_center_cold": ("scikit-activeml", "small-text"),
    "badge": ("scikit-activeml", "small-text"),
}


def embeddings(n: int, features: int, rng: np.random.Generator) -> np.ndarray:
    """200 heaps in a space of 32 dimensions, and noise in all others; float32."""
    heaps = 2.0 * rng.normal(size=(200, 32))[rng.integers(0, 200, n)] + rng.normal(size=(n, 32))
    return (heaps @ rng.normal(size=(32, features)) / 6 + 0.3 * rng.normal(size=(n, features))).astype(np.float32)


def probabilities(points: np.ndarray, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Softmax of a linear head; float32."""
    logits = 0.1 * points @ rng.normal(size=(points.shape[1], classes))
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)


def prepare(case: str, folder: Path, quick: bool) -> None:
    """Write the arrays of a case, and what to pick."""
    rng = np.random.default_rng(0)
    n, k, features = (2_000, 20, 32) if quick else (50_000, 100, 512)
    if case == "margin":
        n, k = (5_000, 50) if quick else (1_000_000, 1_000)
        arrays = {"probs": rng.dirichlet(np.ones(10), n).astype(np.float32)}
    elif case == "badge":
        points = embeddings(n, features, rng)
        arrays = {"embeddings": points, "probs": probabilities(points, 10, rng)}
    else:
        labeled = 1 if case == "k_center_cold" else n // 50
        points = embeddings(n + labeled, features, rng)
        arrays = {"embeddings": points[labeled:], "labeled": points[:labeled]}
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "settings.json").write_text(json.dumps({"k": k}), "utf-8")


def measure(python: str, package: str, case: str, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Laps of one routine in its own process; what is done when time is up counts."""
    memory = {} if package == "claros" else {"BENCHMARK_MEMORY": str(args.memory)}
    command = [python, str(ROUTINES), package, case, str(folder), str(args.laps)]
    failure = None
    try:
        done = subprocess.run(
            command, env={**os.environ, **ONE_CORE, **memory}, capture_output=True, text=True, timeout=args.limit
        )
        output = done.stdout
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            failure = "out of memory" if "MemoryError" in last else last
    except subprocess.TimeoutExpired as expired:
        captured = expired.stdout or b""
        output = captured.decode() if isinstance(captured, bytes) else captured
        failure = f"killed after {args.limit:g} s"
    laps = [json.loads(line) for line in output.splitlines() if line.endswith("}")]
    return {"package": package, "laps": laps, "failure": failure if not laps else None}


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Best, median and ratios of a case's measurements; the first row is Claros."""
    ours = [lap for row in rows if row["package"] == "claros" for lap in row["laps"]]
    best, picks = min(lap["seconds"] for lap in ours), set(ours[0]["picks"])
    lines = []
    for package in dict.fromkeys(row["package"] for row in rows):
        laps = [lap for row in rows if row["package"] == package for lap in row["laps"]]
        line: dict[str, Any] = {"package": package}
        if laps:
            fastest = min(laps, key=lambda lap: lap["seconds"])
            loads = [lap["busy"] for lap in laps if lap["busy"] is not None]
            line |= {
                "laps": len(laps),
                "best": fastest["seconds"],
                "median": statistics.median(lap["seconds"] for lap in laps),
                "cpu": min(lap["cpu"] for lap in laps),
                "times": fastest["seconds"] / best,
                "added": laps[0]["added"] / 2**20,
                "same": len(picks & set(laps[0]["picks"])) / len(picks),
                "busy": statistics.median(loads) if loads else None,
            }
        else:
            line["failure"] = next(row["failure"] for row in rows if row["package"] == package)
        lines.append(line)
    return lines


def table(case: str, lines: list[dict[str, Any]]) -> str:
    """The summary as a Markdown table."""
    text = [
        f"\n**{case}**\n",
        "| package | best s | median s | CPU s | times claros | added MiB | same | busy | laps |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for line in lines:
        if "failure" in line:
            text.append(f"| {line['package']} | {line['failure']} | | | | | | | |")
            continue
        seconds = " | ".join(f"{line[key]:.4g}" for key in ("best", "median", "cpu"))
        load = "" if line["busy"] is None else f"{line['busy']:.1f}"
        rest = f"{line['times']:.1f} | {line['added']:.0f} | {line['same']:.2f} | {load} | {line['laps']}"
        text.append(f"| {line['package']} | {seconds} | {rest} |")
    return "\n".join(text)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="interpreter that has the peers")
    parser.add_argument("--cases", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--laps", type=int, default=5, help="laps of each routine")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds that a routine may take, all laps together")
    parser.add_argument("--memory", type=float, default=10.0, help="GiB that a peer may ask for")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--alone", action="store_true", help="time Claros only")
    parser.add_argument("--json", type=Path, help="where to write all laps")
    args = parser.parse_args(arguments)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(f"{machine}, Python {platform.python_version()}, NumPy {np.__version__}")
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        for case in args.cases:
            folder = Path(scratch) / case
            prepare(case, folder, args.quick)
            peers = () if args.alone else PEERS[case]
            # Claros before and after the others, so that a machine that gets busier shows
            order = [(sys.executable, "claros"), *((args.peers, peer) for peer in peers), (sys.executable, "claros")]
            rows = [measure(python, package, case, folder, args) for python, package in order]
            if not rows[0]["laps"]:
                raise SystemExit(f"claros: {case}: {rows[0]['failure']}")
            results[case] = {"summary": summary(rows), "rows": rows}
            print(table(case, results[case]["summary"]), flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1), "utf-8")


if __name__ == "__main__":
    main()
