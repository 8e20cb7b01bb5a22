"""What is shown of an item: words in the terminal, and the file that the system's viewer opens."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

from claros.data.pool import Pool
from claros.errors import InputError

__all__ = ["Viewer", "words"]

#: Images that are no file of their own are written to be seen: within this many pixels a side, small ones enlarged.
SIDE = 1024


def words(pool: Pool, position: int) -> str:
    """The item in words: a text itself, a row's values, what kind of image or sound.

    Control characters are shown, never sent: what is in a pool cannot steer the terminal.
    """
    return "".join(_visible(character) for character in pool.text(position, None))


def _visible(character: str) -> str:
    if unicodedata.category(character) == "Cc" and character not in "\n\t":
        return character.encode("unicode_escape").decode("ascii")
    return character


class Viewer:
    """Opens items in another program: the system's own for the file type, or a command that is given.

    Items that are no file of their own (in an archive or an array) are written to a temporary folder first, which is
    removed by `close`. ``command=""`` opens nothing; the path is still there to be printed.
    """

    def __init__(self, command: str | None = None) -> None:
        self.command = _system_viewer() if command is None else shlex.split(command)
        if command and shutil.which(self.command[0]) is None:
            raise InputError(f"The viewer {self.command[0]!r} is not found; give a program that is installed.")
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._running: subprocess.Popen[bytes] | None = None

    def file(self, pool: Pool, position: int) -> Path | None:
        """The file to look at, or None for what is shown in words."""
        if pool.shows not in ("images", "sounds"):
            return None
        own = pool.path(position)
        return own if own is not None else self._write(pool, position)

    def open(self, path: Path) -> None:
        """Show the file; the window of a given command that is still open closes first."""
        self._end()
        if sys.platform == "win32" and not self.command:
            os.startfile(path)
        elif self.command:
            quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
            self._running = subprocess.Popen([*self.command, str(path)], start_new_session=True, **quiet)

    def close(self) -> None:
        """Close what is open and remove what was written."""
        self._end()
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def _end(self) -> None:
        if self._running is not None and self._running.poll() is None:
            self._running.terminate()
            self._running.wait()
        self._running = None

    def _write(self, pool: Pool, position: int) -> Path:
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="claros-")
        if pool.shows == "sounds":
            return pool.export(position, self._scratch.name)
        path = Path(self._scratch.name) / f"item-{position}.png"
        path.write_bytes(pool.thumbnail(position, SIDE))
        return path


def _system_viewer() -> list[str]:
    if sys.platform == "darwin":
        return ["open"]
    return ["xdg-open"] if shutil.which("xdg-open") else []
