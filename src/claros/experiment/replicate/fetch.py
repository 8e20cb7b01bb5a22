"""CSV files of tracked experiments, brought back from Comet."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from claros.errors import ClarosError, InputError, require
from claros.files import write_atomically

__all__ = ["fetch"]

#: Where the user's key is.
KEY = "COMET_API_KEY"


def fetch(
    project: str, out: str | Path, *, workspace: str | None = None, connect: Callable[[str], Any] | None = None
) -> list[Path]:
    """Bring the CSV files that `claros.track.Comet` attached to a project's experiments into ``out``; their paths.

    Each experiment has a folder by its name and key; a file that is there is written anew. The key is read from
    ``COMET_API_KEY``; ``workspace`` is the user's default unless given. ``connect`` makes the client of a key, by
    default Comet's own. Without a key, or where the project has no experiment, an `InputError` says so.
    """
    key = os.environ.get(KEY)
    if not key:
        raise InputError(f"Fetching from Comet needs your key: set {KEY} in the environment (comet.com, API keys).")
    client = (connect or _client)(key)
    where = workspace or client.get_default_workspace()
    experiments = client.get_experiments(where, project_name=project) or []
    if not experiments:
        raise InputError(f"Comet has no experiments in {where}/{project}; see that project and workspace are right.")
    return [path for one in experiments for path in _files(one, Path(out))]


def _files(experiment: Any, out: Path) -> list[Path]:
    """The CSV files of one experiment, written."""
    name = re.sub(r"[^\w(),.=+-]+", "_", experiment.get_name() or "")[:80]
    folder = out / f"{name}-{experiment.id[:8]}".lstrip("-.")
    found = []
    for asset in experiment.get_asset_list():
        file = Path(str(asset["fileName"])).name
        if not file.endswith(".csv"):
            continue
        content = experiment.get_asset(asset["assetId"], return_type="binary")
        if content is None:
            raise ClarosError(f"Comet did not give {file} of {experiment.get_name()}; try again.")
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / file, bytes(content))
        found.append(folder / file)
    return found


def _client(key: str) -> Any:
    return require("comet_ml.api", "track-comet", "Fetching from Comet").API(api_key=key)
