"""What a person sees: lines where no terminal looks on, bars where one does."""

from __future__ import annotations

import io

import pytest

from claros.experiment import progress
from claros.experiment.progress import Display, Moment


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def moment(strategy: str, round: int, accuracy: float | None, done: bool = False, **more: object) -> Moment:
    return Moment(strategy, 0, round, 2, 20 + 20 * round, accuracy, "advice: go on", done, **more)


MOMENTS = [
    moment("random", 0, None),
    moment("random", 0, 0.5),
    moment("random", 1, 0.625, done=True),
    moment("margin", 0, 0.5),
    moment("margin", 1, None, epoch=(1, 4)),
    moment("margin", 1, 0.75, done=True),
]


@pytest.fixture
def colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def show(stream: io.StringIO, moments: list[Moment] = MOMENTS) -> str:
    with Display(2, stream) as display:
        for one in moments:
            display(one)
    return stream.getvalue()


def test_without_a_terminal_each_finished_cell_is_one_plain_line() -> None:
    lines = show(io.StringIO()).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("random, seed 0, round 1 of 2: 40 labels, 62.5 %, advice: go on; 1 of 2")
    assert "left" in lines[0]
    assert lines[1] == ("margin, seed 0, round 1 of 2: 40 labels, 75.0 %, +12.5 vs random, advice: go on; 2 of 2 done")


def test_a_long_silence_is_broken_by_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    assert len(show(io.StringIO()).splitlines()) == 4  # one for each round that is complete


def test_no_color_gives_plain_lines_on_a_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in show(Terminal())


@pytest.mark.usefixtures("colour")
def test_a_terminal_shows_bars_for_the_run_its_cell_and_its_training() -> None:
    stream = Terminal()
    with Display(2, stream) as display:
        for one in MOMENTS[:5]:
            display(one)
        display._view.bars.refresh()  # type: ignore[union-attr]
        shown = stream.getvalue()
    for words in ("run", "1 of 2 done", "margin, seed 0", "20 labels, 50.0 %, +0.0 vs random", "epochs"):
        assert words in shown
    assert "random, seed 0" not in shown.rpartition("\x1b[2K")[2]  # finished cells leave the screen


@pytest.mark.usefixtures("colour")
def test_bars_are_gone_when_the_run_is() -> None:
    stream = Terminal()
    show(stream)
    assert stream.getvalue().endswith("\x1b[2K") or stream.getvalue().rstrip().endswith("\x1b[?25h")
