"""A warm process that runs experiments."""

from __future__ import annotations

import tempfile

from claros.cli import main
from warm_process import serve


def warm_up() -> None:
    """Run once, so that everything that is loaded on first use is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        main(["run", "--data", "iris", "--rounds", "1", "--no-report", "--out", f"{folder}/out"])


if __name__ == "__main__":
    serve(warm_up)
