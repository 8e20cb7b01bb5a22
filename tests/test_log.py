"""The log: durable, append-only, honest about damage."""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from claros.errors import ConflictError, CorruptLogError, NewerLogError
from claros.log import VERSION, Log, MemoryLog


def noted(n: int) -> tuple[str, str, dict[str, int]]:
    return ("noted", "ada", {"n": n})


def test_what_was_appended_is_read_back_by_another_process_in_order(tmp_path: Path) -> None:
    log = Log.at(tmp_path / "log.sqlite")
    log.append([noted(1), noted(2)], expected=0)
    log.append([noted(3)], expected=2)
    code = (
        "import sys, json; from pathlib import Path; from claros.log import Log;"
        "print(json.dumps([[e.seq, e.payload['n']] for e in Log.at(Path(sys.argv[1])).read()]))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "log.sqlite")], capture_output=True, text=True, check=True
    )
    assert json.loads(out.stdout) == [[1, 1], [2, 2], [3, 3]]
    assert [event.payload["n"] for event in log.read(after=2)] == [3]


def test_an_append_that_does_not_follow_the_last_event_is_a_conflict_and_writes_nothing(tmp_path: Path) -> None:
    first, second = Log.at(tmp_path / "log.sqlite"), Log.at(tmp_path / "log.sqlite")
    first.append([noted(1)], expected=0)
    with pytest.raises(ConflictError, match="wrote to the log"):
        second.append([noted(2), noted(3)], expected=0)
    assert len(second.read()) == 1


def test_events_of_two_campaigns_in_one_database_do_not_mix(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'both.sqlite'}"
    ours, theirs = Log(url, "ours"), Log(url, "theirs")
    ours.append([noted(1)], expected=0)
    theirs.append([noted(2)], expected=0)
    assert [event.payload["n"] for event in ours.read()] == [1]


def test_eight_writers_at_once_lose_nothing_and_leave_no_gap(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    Log.at(path)

    def write(writer: int) -> None:
        log, done = Log.at(path), 0
        while done < 20:
            try:
                log.append([noted(100 * writer + done)], expected=len(log.read()))
                done += 1
            except ConflictError:
                continue

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = Log.at(path).read()
    assert [event.seq for event in events] == list(range(1, 161))
    assert {event.payload["n"] for event in events} == {100 * w + i for w in range(8) for i in range(20)}


def test_a_file_that_is_no_database_is_a_corrupt_log(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    path.write_bytes(b"these are not the labels you are looking for" * 200)
    with pytest.raises(CorruptLogError, match="damaged"):
        Log.at(path)
    assert path.read_bytes().startswith(b"these are not")


def test_overwritten_pages_are_a_corrupt_log(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    log = Log.at(path)
    log.append([noted(n) for n in range(2000)], expected=0)
    log.close()
    content = bytearray(path.read_bytes())
    content[4096:40960] = b"\xff" * 36864
    path.write_bytes(bytes(content))
    with pytest.raises(CorruptLogError, match="damaged"):
        Log.at(path).read()


@pytest.mark.parametrize(
    ("statement", "expected", "said"),
    [
        ("DELETE FROM claros_events WHERE seq = 2", CorruptLogError, "event 2 is missing"),
        ("UPDATE claros_events SET payload = '{\"n\": 1' WHERE seq = 2", CorruptLogError, "event 2 is not JSON"),
        ("UPDATE claros_events SET kind = 'dreamt' WHERE seq = 2", CorruptLogError, "event 2 is of no known kind"),
        (f"UPDATE claros_events SET version = {VERSION + 1} WHERE seq = 2", NewerLogError, "update Claros"),
    ],
)
def test_a_damaged_or_newer_row_is_named(tmp_path: Path, statement: str, expected: type[Exception], said: str) -> None:
    path = tmp_path / "log.sqlite"
    log = Log.at(path)
    log.append([noted(1), noted(2), noted(3)], expected=0)
    log.close()
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()
    with pytest.raises(expected, match=said):
        Log.at(path).read()


def test_a_full_disk_is_one_sentence_and_no_half_written_event(tmp_path: Path) -> None:
    """The operating system refuses to let any file grow beyond 200 kB, as a full disk would."""
    code = """
import resource, sys
from pathlib import Path
from claros.errors import StorageError
from claros.log import Log
log, seq = Log.at(Path(sys.argv[1])), 0
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    while True:
        seq = log.append([("noted", "ada", {"n": seq, "pad": "x" * 5000})] * 3, expected=seq)[-1].seq
except StorageError as error:
    print(seq)
    print(error)
"""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    path = tmp_path / "log.sqlite"
    out = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    acknowledged, sentence = out.stdout.splitlines()
    assert sentence.endswith("Nothing was recorded.")
    assert int(acknowledged) > 0
    assert len(Log.at(path).read()) == int(acknowledged)


def test_a_log_in_memory_behaves_like_one_on_disk() -> None:
    log = MemoryLog()
    log.append([noted(1)], expected=0)
    with pytest.raises(ConflictError):
        log.append([noted(2)], expected=0)
    assert [event.payload for event in log.read()] == [{"n": 1}]
