"""A warm process for tests that kill: command lines come in, each runs in a fork that has everything imported already.

Reads a JSON list of arguments and answers with the id of the process; reads any line and answers with how it ended.
In between a process that is done stays a zombie, so that its id is nobody else's when it is killed late.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

from claros.cli import main


def warm_up() -> None:
    """Run once, so that everything that is loaded on first use is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        main(["run", "--data", "iris", "--rounds", "1", "--no-report", "--out", f"{folder}/out"])


def serve(answers: int) -> None:
    """Run what comes in, until nothing comes any more; answers go to a file descriptor of their own."""
    while line := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            os._exit(main(json.loads(line)))
        os.write(answers, f"{child}\n".encode())
        sys.stdin.readline()
        os.write(answers, f"{os.waitpid(child, 0)[1]}\n".encode())


if __name__ == "__main__":
    kept = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    warm_up()
    serve(kept)
