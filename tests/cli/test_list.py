from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

import claros
from claros.cli import main
from claros.inputs import NEEDS

KINDS = ["strategies", "wrappers", "stopping", "estimates", "models", "inputs"]


@pytest.mark.parametrize("kind", KINDS)
def test_json_and_plain_lines_name_the_same_entries(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", kind, "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert main(["list", kind]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [entry["name"] for entry in entries]
    assert max(map(len, lines)) < 100
    assert all(entry["summary"] for entry in entries)


def test_everything_that_a_registry_knows_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    known = {
        "strategies": claros.strategies.names(),
        "wrappers": list(claros.compose.WRAPPERS),
        "stopping": claros.stopping.names(),
        "estimates": claros.estimate.names(),
        "models": claros.models.names(),
        "inputs": list(NEEDS),
    }
    for kind in KINDS:
        main(["list", kind, "--json"])
        assert set(known[kind]) <= {entry["name"] for entry in json.loads(capsys.readouterr().out)}


def test_a_strategy_is_listed_with_what_its_signature_says(capsys: pytest.CaptureFixture[str]) -> None:
    main(["list", "strategies", "--json"])
    badge = next(entry for entry in json.loads(capsys.readouterr().out) if entry["name"] == "badge")
    assert badge["needs"] == ["probs", "embeddings"]
    assert badge["parameters"]["temperature"] == 1.0
    assert "arXiv:1906.03671" in badge["reference"]
    assert badge["stochastic"] is True
    assert badge["tier"] == "recommended"
    assert badge["cost"].startswith("O(")


def on_a_terminal(*words: str, columns: int = 90, **environment: str) -> str:
    """What a command prints when its output is a terminal of so many columns."""
    parent, child = pty.openpty()
    setting = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color", **environment}
    setting.pop("NO_COLOR", None) if "NO_COLOR" not in environment else None
    process = subprocess.Popen([sys.executable, "-m", "claros", *words], stdout=child, stdin=child, env=setting)
    os.close(child)
    shown = b""
    while True:
        try:
            chunk = os.read(parent, 65536)
        except OSError:  # the other end was closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(parent)
    assert process.wait(timeout=90) == 0
    return shown.decode()


def test_a_terminal_gets_a_table_within_its_width_and_no_color_gets_plain_lines() -> None:
    table = on_a_terminal("list", "stopping")
    assert "\x1b[" in table
    plain = on_a_terminal("list", "stopping", NO_COLOR="1")
    assert "\x1b[" not in plain
    assert plain.splitlines()[0] == claros.stopping.names()[0]
