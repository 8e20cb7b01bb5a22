"""Write docs/performance.md from benchmarks/results.json; `make bench` runs it, and a test says if it is stale."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.report import goals_table  # noqa: E402

RESULTS, PAGE = ROOT / "benchmarks" / "results.json", ROOT / "docs" / "performance.md"
NOTICE = "<!-- Written by docs/generate_performance.py from benchmarks/results.json; do not change it here. -->\n"
INTRO = """# Performance

What every routine is to reach and what it did reach, in one run of `make bench`{again}.

Measured on: {machine}.

All ratios are of best laps; every routine ran in a process of its own, on the same arrays. *Times faster* than the peer
that is named: the fastest, or the one that the goal names. *Of the floor*: times what the routine, in its usual
formulation, cannot do without. *MiB* is the peak of memory over what the arrays take, *busy* the number of cores that
other processes used meanwhile: where it is large, seconds are upper bounds. That no routine builds an array of N x N,
b x N or N x C·D is for the tests to say.

[The benchmarks' page](../benchmarks/README.md) says what is timed, who the peers are, and where the goals come from;
[results.md](../benchmarks/results.md) has every peer's seconds.

{met} of {asked} goals are met; {unmeasured}
"""


def page() -> str:
    """The page, or what it says before the first run."""
    if not RESULTS.exists():
        return NOTICE + "# Performance\n\nNothing has been measured yet: `make bench` does.\n"
    results = json.loads(RESULTS.read_text("utf-8"))
    asked = [row for row in results["goals"] if row["parts"]]
    met = sum(row["met"] is True for row in asked)
    unmeasured = sum(row["met"] is None for row in asked)
    left = f"{unmeasured} were not measured." if unmeasured else "all were measured."
    again = results.get("again", [])
    later = f", but for {', '.join(again)}, measured again after a change" if again else ""
    intro = INTRO.format(again=later, machine=results["machine"], met=met, asked=len(asked), unmeasured=left)
    return f"{NOTICE}{intro}\n{goals_table(results['goals'])}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
