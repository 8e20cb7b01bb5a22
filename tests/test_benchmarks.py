"""The benchmarks run; what they say is for people to read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(tmp_path: Path, *arguments: str) -> dict[str, dict[str, dict[str, float]]]:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--laps", "1", "--json", str(tmp_path / "out.json")]
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out.json").read_text("utf-8"))
    return {case: {line["package"]: line for line in result["summary"]} for case, result in results.items()}


def test_every_case_runs(tmp_path: Path) -> None:
    cases = run(tmp_path, "--alone")
    assert set(cases) == {"margin", "k_center", "k_center_cold", "badge"}
    assert all(packages["claros"]["times"] == 1.0 for packages in cases.values())


def test_a_peer_is_timed_on_the_same_arrays_and_one_that_is_not_installed_is_named(tmp_path: Path) -> None:
    packages = run(tmp_path, "--cases", "k_center")["k_center"]
    assert packages["scikit-activeml"]["same"] == 1.0
    assert "No module named" in str(packages["small-text"].get("failure", "No module named"))
