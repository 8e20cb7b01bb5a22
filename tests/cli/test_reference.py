from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_the_command_line_is_not_stale() -> None:
    program = "import sys; sys.path.insert(0, 'docs'); import generate_cli; sys.stdout.write(generate_cli.page())"
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert (ROOT / "docs/reference/cli.md").read_text("utf-8") == answer.stdout, "run `make docs`"
