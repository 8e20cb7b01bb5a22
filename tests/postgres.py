"""A real PostgreSQL server on loopback, for the tests that need one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def server() -> Iterator[str]:
    """Its address, ``127.0.0.1:port``; user postgres may do everything. Where it is not installed, see `missing`."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="claros-postgres-") as name:
        room, as_user = Path(name), {"user": "postgres"} if os.getuid() == 0 else {}
        if as_user:  # the server refuses to run as root
            shutil.chown(room, "postgres")
        _run([programs / "initdb", "-D", room / "data", "-U", "postgres", "-A", "trust", "--no-sync"], room, as_user)
        port = _free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={room} -c fsync=off"
        control = [programs / "pg_ctl", "-D", room / "data", "-w", "-l", room / "log"]
        _run([*control, "-o", options, "start"], room, as_user)
        try:
            yield f"127.0.0.1:{port}"
        finally:
            _run([*control, "-m", "immediate", "stop"], room, as_user)


def _programs() -> Path:
    found = shutil.which("pg_ctl")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "pg_ctl").exists()), None) or missing()


def missing() -> Path:
    """Skip with a reason; but where every part is required, as in continuous integration, fail."""
    reason = "PostgreSQL's server is not installed (Debian: apt-get install postgresql)"
    if os.environ.get("CLAROS_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)


def _run(words: list[str | Path], room: Path, as_user: dict[str, str]) -> None:
    answer = subprocess.run(list(map(str, words)), cwd=room, capture_output=True, text=True, **as_user)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
