"""The rounds of a cell lie beside its metrics in Comet's archive, as a table."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import zipfile
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from claros.track.comet import Comet
from claros.track.tracker import Tracked
tracker = Comet(Path(sys.argv[1]))
tracker.start(Tracked("malls", "digits", "margin, seed 0", "cell", {"seed": 0}))
tracker.log(20, {"accuracy": 0.5})
tracker.log(40, {"accuracy": 0.75, "ece": 0.1})
tracker.finish()
"""


def test_the_archive_has_the_rounds_as_a_table(tmp_path: Path) -> None:
    """In a process of its own, as Comet's threads and settings stay."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMET_")}
    env = {**kept, "HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "out")], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "out").glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        tables = [archive.read(name).decode() for name in archive.namelist()]
        (table,) = [text for text in tables if text.startswith("n_labeled,")]
        assert "results-20.csv" in archive.read("messages.json").decode()
    rows = list(csv.DictReader(table.splitlines()))
    assert [row["n_labeled"] for row in rows] == ["20", "40"]
    assert [(row["accuracy"], row["ece"]) for row in rows] == [("0.5", ""), ("0.75", "0.1")]
