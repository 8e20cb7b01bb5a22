"""A process that has everything imported and runs command lines in forks of itself, for tests that kill.

A script beside the tests warms up and calls `serve`; a test makes a `Warm` of that script.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from claros.cli import main


class Warm:
    """The test's side: start a command line, kill it by its id, ask how it ended."""

    def __init__(self, script: Path) -> None:
        path = os.pathsep.join([str(script.parent), str(Path(__file__).parent), os.environ["PYTHONPATH"]])
        self.server = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path},  # forks and thread pools do not go together
        )

    def start(self, arguments: list[str]) -> int:
        """Start a command line; the id of its process."""
        return self._answer(json.dumps(arguments))

    def finish(self) -> int:
        """Wait for what was started; its exit code, or minus the signal that ended it."""
        return os.waitstatus_to_exitcode(self._answer("finish"))

    def _answer(self, line: str) -> int:
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(line + "\n")
        self.server.stdin.flush()
        return int(self.server.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.close()
        self.server.wait()
        self.server.stdout.close()


def serve(warm_up: Callable[[], None]) -> None:
    """The script's side: load everything, then run what comes in until nothing comes any more.

    Reads a JSON list of arguments and answers with the id of the process; reads any line and answers with how it ended.
    In between a process that is done stays a zombie, so that its id is nobody else's when it is killed late.
    """
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    warm_up()
    while line := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            os._exit(main(json.loads(line)))
        os.write(answers, f"{child}\n".encode())
        sys.stdin.readline()
        os.write(answers, f"{os.waitpid(child, 0)[1]}\n".encode())
