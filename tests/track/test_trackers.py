from __future__ import annotations

import importlib
import logging
import random
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from claros import track
from claros.errors import UnknownNameError
from claros.track import Tracked, Trackers

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
CELL = Tracked("bench", "digits", "margin, seed 0", "somewhere/0", {"seed": 0})


class Recorder:
    """A third party's tracker, which can be told where to fail."""

    fails: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard: list[object] = []
        made.append(self)

    def hear(self, what: str, *details: object) -> None:
        self.heard.append((what, *details))
        if what in self.fails:
            raise OSError(f"no\nroom in {what}")

    def start(self, run: Tracked) -> None:
        self.hear("start", run.key)

    def log(self, n_labeled: int, values: Mapping[str, float]) -> None:
        self.hear("log", n_labeled, dict(values))

    def finish(self, *, failed: bool = False) -> None:
        self.hear("finish", failed)


class Noisy(Recorder):
    """Does what tools do, and ours must not."""

    def hear(self, what: str, *details: object) -> None:
        print("a greeting")
        warnings.warn("an old option", DeprecationWarning, stacklevel=1)
        random.random()
        sys.excepthook = print


made: list[Recorder] = []


@pytest.fixture(autouse=True)
def _third_parties(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    added: dict[str, object] = {"noisy": Noisy}
    for name, fails in {"recorder": (), "startless": ("start",), "logless": ("log", "finish")}.items():
        added[name] = type(name, (Recorder,), {"fails": fails})
    monkeypatch.setattr(track.REGISTRY, "_added", added)
    yield
    made.clear()


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_finite_numbers_are_passed_on_with_the_labels_spent_among_them(tmp_path: Path) -> None:
    trackers = Trackers(["recorder"], tmp_path)
    trackers.start(CELL)
    trackers.log(
        20, {"accuracy": 0.5, "nll": float("nan"), "ece": None, "macro_f1": float("inf"), "round": 1, "x": "y"}
    )
    trackers.finish()
    (recorder,) = made
    assert recorder.folder == tmp_path / "recorder"
    assert recorder.heard == [
        ("start", CELL.key),
        ("log", 20, {"accuracy": 0.5, "round": 1.0, "n_labeled": 20}),
        ("finish", False),
    ]


def test_the_first_error_of_a_tool_is_one_warning_and_the_others_hear_everything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trackers = Trackers(["startless", "logless", "recorder"], tmp_path)
    for _ in range(2):
        trackers.start(CELL)
        trackers.log(20, {})
        trackers.log(40, {})
        trackers.finish(failed=True)
    assert warned(caplog) == [
        "Tracking with startless failed, and the run goes on without it: OSError: no room in start",
        "Tracking with logless failed, and the run goes on without it: OSError: no room in log",
    ]
    heard = [[what for what, *_ in recorder.heard] for recorder in made]
    assert heard == [["start", "finish"], ["start", "log", "finish"], ["start", "log", "log", "finish"] * 2]


def test_an_interruption_is_no_error_of_a_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Recorder, *heard: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "hear", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Trackers(["recorder"], tmp_path).start(CELL)


def test_what_a_tool_prints_warns_of_draws_and_hooks_into_does_not_reach_the_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    trackers = Trackers(["noisy"], tmp_path)
    state, hook = random.getstate(), sys.excepthook
    with caplog.at_level(logging.DEBUG, "claros"):
        trackers.start(CELL)
        trackers.finish()
    assert capfd.readouterr().out == ""
    assert caplog.messages == ["a greeting", "a greeting"]
    assert random.getstate() == state
    assert sys.excepthook is hook


def test_a_real_tool_that_cannot_write_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "tensorboard").write_text("no folder")
    trackers = Trackers(["tensorboard"], tmp_path)
    trackers.start(CELL)
    trackers.log(20, {"accuracy": 0.5})
    trackers.finish()
    (warning,) = warned(caplog)
    assert warning.startswith("Tracking with tensorboard failed, and the run goes on without it: ")
    assert str(tmp_path / "tensorboard") in warning


def test_an_unknown_tracker_is_an_error_that_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        UnknownNameError, match=r"no tracker named 'tensorbord'. Did you mean 'tensorboard'\? Known: comet"
    ):
        Trackers(["tensorbord"], tmp_path)


def test_every_tracker_has_an_extra_and_says_so_where_its_package_is_missing(tmp_path: Path) -> None:
    packages = {
        "tensorboard": "tensorboard",
        "mlflow": "mlflow",
        "wandb": "wandb",
        "comet": "comet_ml",
        "trackio": "trackio",
    }
    assert [name for name in track.names() if name in packages] == list(packages)
    program = (
        "import sys\n"
        "from claros import errors, track\n"
        f"for name, package in {packages}.items():\n"
        "    sys.modules[package] = None\n"
        "    try:\n"
        "        track.get(name, '.')\n"
        "    except errors.MissingExtraError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    for line, (name, package) in zip(done.stdout.splitlines(), packages.items(), strict=True):
        assert f"needs {package}, which is not installed: pip install 'claros[track-{name}]'" in line
        assert f"track-{name}" in EXTRAS
    assert list(tmp_path.iterdir()) == []


def test_no_tool_is_imported_before_it_is_asked_for() -> None:
    program = (
        "import sys, claros.track; claros.track.Trackers([], '.'); "
        "print(*{'tensorboard', 'mlflow', 'wandb', 'comet_ml', 'trackio', 'google.protobuf'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb", "comet", "trackio"])
def test_every_name_resolves_without_its_tool(name: str) -> None:
    made_by = track.REGISTRY.load(name)
    assert importlib.import_module(f"claros.track.{name}").__all__ == [made_by.__name__]  # type: ignore[attr-defined]


def test_the_key_is_of_the_id_alone_and_the_parameters_lie_flat() -> None:
    other = Tracked("another", "group", "name", CELL.id)
    assert CELL.key == other.key != Tracked("bench", "digits", "margin, seed 0", "somewhere/1").key
    assert len(CELL.key) == 32
    assert int(CELL.key, 16) > 0
    config = {"a": {"b": {"c": True}, "d": None}, "matrix": [[0.5] * 200] * 3, "rate": 0.1}
    parameters = Tracked("p", "g", "n", "i", config).parameters
    assert {name: parameters[name] for name in ("a.b.c", "rate")} == {"a.b.c": True, "rate": 0.1}
    assert set(parameters) == {"a.b.c", "rate", "matrix"}
    assert str(parameters["matrix"]).startswith("[[0.5, 0.5")
    assert len(str(parameters["matrix"])) == 500


def test_cells_whose_names_hold_what_file_systems_refuse_get_folders_of_their_own(tmp_path: Path) -> None:
    trackers = Trackers(["tensorboard"], tmp_path)
    for number, name in enumerate(["a/b", "a:b", "a%2Fb", "..", "a b, c(d=1)"]):
        trackers.start(Tracked("bench", "x/y", name, str(number)))
        trackers.log(20, {"accuracy": 0.5})
        trackers.finish()
    folders = [path.name for path in (tmp_path / "tensorboard" / "x%2Fy").iterdir()]
    assert sorted(folders) == sorted(["a%2Fb", "a%3Ab", "a%252Fb", "%2E.", "a b, c(d=1)"])
