"""Every command line on the page for people who come from DalMax."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from claros.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "from_dalmax.md"
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]


@pytest.mark.parametrize("line", LINES)
def test_every_option_on_the_page_is_one_of_the_command(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Help is printed once all options are known; an unknown one is an error before."""
    program, *words = shlex.split(line)
    assert program == "claros"
    assert main([*words, "--help"]) == 0
    assert "Usage: " in capsys.readouterr().out


def test_the_check_finds_an_option_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(LINES) >= 7
    assert main(["dalmax", "train", "--dir_trein", "x", "--help"]) == 2
    assert "--dir_trein" in capsys.readouterr().err
