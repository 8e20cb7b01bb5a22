"""A report on a thousand cells stays within a minute, two gigabytes and ten megabytes, on one thread."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_bench import draw_bench

from claros.data import load

MEASURE = """
import resource, sys
from claros import report
page = report.write(sys.argv[1])
report.summary(sys.argv[1])
used = resource.getrusage(resource.RUSAGE_SELF)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # ru_maxrss is the parent's
print(used.ru_utime + used.ru_stime, int(peak.split()[1]) / 1e6, page.stat().st_size / 1e6)
"""

FOUR = ("margin", "badge", "bald", "random")
SHAPES: dict[str, dict[str, Any]] = {
    "25 settings": {"settings": 25, "arms": FOUR, "seeds": 10, "classes": 10},
    "25 settings whose items are shown": {"settings": 25, "arms": FOUR, "seeds": 10, "classes": 10, "items": "digits"},
    "one setting": {"settings": 1, "arms": (*(f"arm_{i}" for i in range(9)), "random"), "seeds": 100, "classes": 10},
    "a hundred settings": {"settings": 100, "arms": ("margin", "random"), "seeds": 5, "classes": 10},
    "a hundred classes": {"settings": 25, "arms": FOUR, "seeds": 10, "classes": 100},
    "a hundred classes as CSV": {"settings": 25, "arms": FOUR, "seeds": 10, "classes": 100, "parquet": False},
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_a_thousand_cells_are_reported_in_a_minute(shape: str, tmp_path: Path) -> None:
    given = dict(SHAPES[shape])
    if "items" in given:
        given = {**given, "items": load(given["items"]).train.ids, "config": {"data": given["items"]}}
    out = draw_bench(tmp_path / "bench", rounds=20, **given)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-c", MEASURE, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **threads})
    seconds, gigabytes, megabytes = map(float, done.stdout.split())
    assert seconds < 60, done.stdout
    assert gigabytes < 2, done.stdout
    assert megabytes < 10, done.stdout
    print(f"{shape}: {seconds:.1f} s, {gigabytes:.2f} GB, page {megabytes:.1f} MB")
