"""The command as a person and as a script meet it: a real terminal, and a pipe."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from claros.campaign import Campaign
from claros.cli import main


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    table = tmp_path / "films.csv"
    rows = [f'film-{row:02},"{"good" if row % 2 else "bad"} film number {row}"' for row in range(40)]
    table.write_text("\n".join(["id,text", *rows]) + "\n", encoding="utf-8")
    return table


def label(pool: Path, typed: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "claros", "label", str(pool), *words],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def labels(pool: Path) -> dict[str, str]:
    with Campaign.open(f"{pool}.claros") as campaign:
        return campaign.labels()


def test_a_script_labels_through_a_pipe_and_comes_back_to_where_it_was(pool: Path) -> None:
    first = label(pool, "1\n2\n", "--classes", "bad,good", "--annotator", "ada", "--batch", "4")
    assert first.returncode == 0, first.stderr
    assert first.stderr == ""
    assert first.stdout.splitlines()[-1] == "2 labeled now, 2 in all. The same command goes on from here."
    assert "\x1b[" not in first.stdout
    second = label(pool, "g\nq\n", "--annotator", "ada", "--batch", "4")
    assert second.stdout.splitlines()[-1] == "1 labeled now, 3 in all. The same command goes on from here."
    assert sorted(labels(pool).values()) == ["bad", "good", "good"]
    shown = [line.split(" · ")[1] for line in (first.stdout + second.stdout).splitlines() if line.startswith("[")]
    assert shown[:2] == list(labels(pool))[:2]
    assert shown[2] == shown[3]  # shown, not answered, and shown again


def test_a_pool_without_classes_needs_them(pool: Path) -> None:
    answer = label(pool, "")
    assert answer.returncode == 2
    assert answer.stderr.startswith("claros: The classes are not known")
    assert len(answer.stderr.splitlines()) == 1
    assert not Path(f"{pool}.claros").exists()


def test_a_campaign_keeps_what_it_was_made_with_and_takes_new_classes(pool: Path) -> None:
    label(pool, "1\n", "--classes", "bad,good")
    other = label(pool, "", "--strategy", "random")
    assert other.returncode == 2
    assert "was made with strategy 'auto'" in other.stderr
    label(pool, "other\n", "--classes", "bad,good,other")
    assert sorted(labels(pool).values()) == ["bad", "other"]


class Terminal:
    """A process on a real pseudo-terminal: what it prints is read, what is typed goes through the line discipline."""

    def __init__(self, *words: str) -> None:
        parent, child = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color"}
        environment.pop("NO_COLOR", None)
        command = [sys.executable, "-m", "claros", *words]
        self.process = subprocess.Popen(
            command, stdin=child, stdout=child, stderr=child, env=environment, start_new_session=True
        )
        os.close(child)
        self._parent = parent
        self._place = 0
        self.shown = ""

    def until(self, text: str) -> str:
        """Read on until this is shown; what was shown since the last time."""
        deadline = time.monotonic() + 90
        while (found := self.shown.find(text, self._place)) < 0:
            assert time.monotonic() < deadline, f"waited for {text!r}, got {self.shown[self._place :]!r}"
            if select.select([self._parent], [], [], 0.1)[0]:
                assert self._read(), f"ended before {text!r}: {self.shown!r}"
        start, self._place = self._place, found + len(text)
        return self.shown[start : self._place]

    def _read(self) -> bool:
        try:
            chunk = os.read(self._parent, 65536)
        except OSError:  # the other end was closed
            return False
        self.shown += chunk.decode()
        return bool(chunk)

    def type(self, text: str) -> None:
        os.write(self._parent, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C until it is heard: Python misses one that comes between its showing a prompt and its waiting there."""
        for _ in range(30):
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=2)
                return
        self.process.kill()

    def end(self) -> int:
        """Read what is left, and the exit code."""
        while self._read():
            continue
        os.close(self._parent)
        return self.process.wait(timeout=90)


def test_a_person_labels_undoes_skips_gets_advice_and_quits_on_a_real_terminal(pool: Path) -> None:
    terminal = Terminal("label", str(pool), "--classes", "bad,good", "--annotator", "ada", "--batch", "3")
    first = terminal.until("> ")
    assert "\x1b[" in first
    assert "film number" in first
    terminal.type("1\n")
    terminal.until("[2/")
    terminal.until("> ")
    terminal.type("u\n")
    assert "Took back 'bad'" in terminal.until("[1/")
    terminal.until("> ")
    terminal.type("good\n")
    terminal.until("> ")
    terminal.type("s\n")
    assert "4 later" in terminal.until("reason")
    terminal.type("1\n")
    terminal.until("[3/")
    terminal.until("> ")
    terminal.type("2\n")
    assert "too early to say" in terminal.until("[1/").lower()
    terminal.until("> ")
    terminal.type("q\n")
    assert terminal.end() == 0
    assert "2 labeled now, 2 in all" in terminal.shown
    assert list(labels(pool).values()) == ["good", "good"]


def test_ctrl_c_on_a_terminal_keeps_every_answer_and_prints_how_to_go_on(pool: Path) -> None:
    terminal = Terminal("label", str(pool), "--classes", "bad,good", "--annotator", "ada")
    terminal.until("> ")
    terminal.type("1\n")
    terminal.until("[2/")
    terminal.until("> ")
    terminal.interrupt()
    assert terminal.end() == 130
    assert f"Resume with: claros label {pool} --classes bad,good --annotator ada" in terminal.shown
    assert list(labels(pool).values()) == ["bad"]


def test_ctrl_d_quits(pool: Path) -> None:
    terminal = Terminal("label", str(pool), "--classes", "bad,good")
    terminal.until("> ")
    terminal.type("\x04")
    assert terminal.end() == 0
    assert "0 labeled now" in terminal.shown


def test_ask_and_tell_work_on_the_campaign_that_label_made(pool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    label(pool, "1\n", "--classes", "bad,good", "--annotator", "ada")
    assert main(["ask", str(pool), "-n", "2", "--annotator", "ada", "--json"]) == 0
    queries = json.loads(capsys.readouterr().out)["queries"]
    assert main(["tell", str(pool), queries[0]["item"], "good", "--annotator", "ada"]) == 0
    assert sorted(labels(pool).values()) == ["bad", "good"]
