"""Write docs/reference/cli.md from the commands' own help; `make docs` runs it, and a test says if it is stale."""

from __future__ import annotations

import contextlib
import io
import os
import textwrap
from pathlib import Path

from claros.cli import COMMANDS, EPILOG, load, main

PAGE = Path(__file__).parent / "reference" / "cli.md"
NOTICE = "<!-- Written by docs/generate_cli.py; change the docstrings, not this page. -->\n"


def help_of(*words: str) -> str:
    """What ``claros WORDS --help`` prints on a terminal of 80 columns."""
    page = io.StringIO()
    with contextlib.redirect_stdout(page):
        main([*words, "--help"])
    return f"```text\n{page.getvalue().rstrip()}\n```"


def page() -> str:
    """The whole page."""
    os.environ["COLUMNS"] = "100"
    sections = [f"## `claros {name}`\n\n{entry.summary}\n\n{help_of(name)}" for name, entry in COMMANDS.items()]
    groups = [(name, load(name).commands) for name in COMMANDS if hasattr(load(name), "commands")]
    sections += [f"### `claros {name} {word}`\n\n{help_of(name, word)}" for name, words in groups for word in words]
    return "\n\n".join([NOTICE + "# Command line", textwrap.fill(EPILOG, 100), *sections]) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
