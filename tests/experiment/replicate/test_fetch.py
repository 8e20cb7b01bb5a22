"""CSV files back from Comet, over a client that answers from memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from claros.cli import main
from claros.errors import ClarosError, InputError
from claros.experiment.replicate.fetch import KEY, fetch

TABLE = b"n_labeled,accuracy\n20,0.5\n"


class Experiment:
    """As much of Comet's as is asked for."""

    def __init__(self, name: str, key: str, files: dict[str, bytes | None]) -> None:
        self.id, self._name, self._files = key, name, files

    def get_name(self) -> str:
        return self._name

    def get_asset_list(self) -> list[dict[str, str]]:
        return [{"assetId": name, "fileName": name} for name in self._files]

    def get_asset(self, asset_id: str, return_type: str) -> bytes | None:
        assert return_type == "binary"
        return self._files[asset_id]


class Client:
    def __init__(self, experiments: list[Experiment]) -> None:
        self._experiments, self.asked = experiments, []

    def get_default_workspace(self) -> str:
        return "ada"

    def get_experiments(self, workspace: str, project_name: str) -> list[Experiment]:
        self.asked.append((workspace, project_name))
        return self._experiments


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(KEY, "secret")
    return "secret"


def test_tables_of_every_experiment_are_written_and_other_files_are_not(key: str, tmp_path: Path) -> None:
    files: dict[str, bytes | None] = {"results-20.csv": TABLE, "model.zip": b"PK", "../up.csv": b"a\n1\n"}
    client = Client([Experiment("margin, seed 0", "abcdefgh12", files), Experiment("random/1", "0123456789", {})])
    keys: list[str] = []

    def connect(given: str) -> Any:
        keys.append(given)
        return client

    paths = fetch("malls", tmp_path, connect=connect)
    assert keys == [key]
    assert client.asked == [("ada", "malls")]
    folder = tmp_path / "margin,_seed_0-abcdefgh"
    assert paths == [folder / "results-20.csv", folder / "up.csv"]  # a name is no way out of the folder
    assert paths[0].read_bytes() == TABLE
    fetch("malls", tmp_path, workspace="lab", connect=connect)
    assert client.asked[-1] == ("lab", "malls")


def test_without_a_key_one_sentence_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    monkeypatch.delenv(KEY, raising=False)
    with pytest.raises(InputError, match=f"set {KEY} in the environment"):
        fetch("malls", tmp_path)
    assert main(["replicate", "fetch", "--project", "malls", "--out", str(tmp_path)]) == 2
    assert KEY in capsys.readouterr().err
    assert main(["replicate", "fetch", "--out", str(tmp_path)]) == 2
    assert "--project" in capsys.readouterr().err


def test_a_project_without_experiments_and_a_file_that_does_not_come_are_said(key: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no experiments in ada/none"):
        fetch("none", tmp_path, connect=lambda _: Client([]))
    broken = Client([Experiment("one", "abcdefgh12", {"results.csv": None})])
    with pytest.raises(ClarosError, match=r"results\.csv"):
        fetch("malls", tmp_path, connect=lambda _: broken)
