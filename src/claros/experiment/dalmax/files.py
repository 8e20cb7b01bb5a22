"""The result files of DalMax, for any strategy and model: which there are, and how they come into a folder."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from claros.errors import InputError, StorageError, require
from claros.experiment.dalmax import plots, tables
from claros.experiment.dalmax.adversarial import FOLDER, write_adversarial
from claros.experiment.dalmax.images import write_selected
from claros.experiment.dalmax.record import Record, read_cell
from claros.experiment.dalmax.scores import averages
from claros.experiment.setting import Setting
from claros.experiment.tables import Cell
from claros.models import one_file

__all__ = ["check_folder", "read_results", "write_active", "write_demo", "write_run", "write_trained"]

RESULTS = "results.json"
#: Files by which results are known, and folders that are replaced as a whole, so that nothing of before stays in them.
_FILES = frozenset(
    [
        RESULTS,
        "predictions.csv",
        "confusion_matrix.pdf",
        "final_accuracy.txt",
        "infos.txt",
        "training_accuracy_plot.pdf",
        "training_loss_plot.pdf",
    ]
)
_FOLDERS = frozenset(
    [FOLDER, *(f"{what}_{kind}" for what in ("selected", "start") for kind in ("images", "texts", "sounds", "rows"))]
)

#: What is written stands here until it is whole.
_PARTIAL = ".partial-"

Writer = Callable[[Record, Path], None]


def _model(record: Record, path: Path) -> None:
    about = {
        "classes": list(record.classes),
        "strategy": record.strategy,
        "n_labeled": record.bought,
        "test_accuracy": record.last.metrics["accuracy"],
        **record.about,
    }
    if record.last.model is not None:
        one_file.pack(record.last.model, path, about)


def _scores(record: Record, folder: Path) -> None:
    scores = [averages(one.confusion) for one in record.iterations]
    for name, what in (("accuracy", "Accuracy"), ("precision", "Precision"), ("recall", "Recall"), ("f1_score", "F1")):
        plots.write_over_labels(record, what, [one[name] for one in scores], folder / f"{name}.pdf")


def _texts(names: Mapping[str, Callable[[Record], str]]) -> Writer:
    def write(record: Record, folder: Path) -> None:
        for name, make in names.items():
            (folder / name).write_text(make(record), encoding="utf-8")

    return write


#: What is known of the predictions, in both layouts.
_COMMON: tuple[Writer, ...] = (
    _texts({RESULTS: tables.results, "predictions.csv": tables.predictions}),
    lambda record, folder: plots.write_confusion(record, folder / "confusion_matrix.pdf"),
)
#: What the README of ``train.py`` lists, and ...
_TRAINED: tuple[Writer, ...] = (
    *_COMMON,
    _texts({"final_accuracy.txt": tables.final_accuracy, "infos.txt": tables.infos}),
    lambda record, folder: plots.write_training(record, "accuracy", folder / "training_accuracy_plot.pdf"),
    lambda record, folder: plots.write_training(record, "loss", folder / "training_loss_plot.pdf"),
    lambda record, folder: _model(record, folder / f"{_file_name(record.name)}_al_model{one_file.SUFFIX}"),
)
#: ... that of ``train_al.py``.
_ACTIVE: tuple[Writer, ...] = (*_TRAINED, write_selected, write_adversarial)
#: What ``demo.py`` writes.
_DEMO: tuple[Writer, ...] = (
    *_COMMON,
    _scores,
    _texts({"log-dalmax.log": tables.log}),
    lambda record, folder: _model(record, folder / f"saved_model{one_file.SUFFIX}"),
    write_adversarial,
)


def write_run(setting: Setting, cells: Sequence[Cell], out: Path) -> None:
    """The files of every cell of a run, each in a folder of its own below ``out``, named after arm and seed."""
    for cell in cells:
        write_active(read_cell(setting, cell), out / cell.folder.name)


def write_active(record: Record, folder: Path) -> list[str]:
    """Write what the README of ``train_al.py`` lists into the folder; the names of what is there now, sorted."""
    return _write(record, folder, _ACTIVE)


def write_trained(record: Record, folder: Path) -> list[str]:
    """Write the same without selected images, for a training by itself."""
    return _write(record, folder, _TRAINED)


def write_demo(record: Record, folder: Path) -> list[str]:
    """Write what ``demo.py`` writes."""
    return _write(record, folder, _DEMO)


def check_folder(folder: Path) -> None:
    """Refuse a folder with results that are not ours, before anything is trained; needs matplotlib."""
    require("matplotlib", "report", "The files of DalMax")
    if folder.is_dir() and not _ours(folder):
        strange = sorted(path.name for path in folder.iterdir() if path.name in _FOLDERS | _FILES)
        if strange:
            raise InputError(
                f"{folder} has {strange[0]}, which Claros has not written and would replace; give another folder."
            )


def read_results(folder: Path) -> dict[str, Any] | None:
    """The ``results.json`` that Claros wrote into a folder; None if there is none."""
    try:
        content = json.loads((folder / RESULTS).read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and "claros" in content else None


def _ours(folder: Path) -> bool:
    return read_results(folder) is not None


def _write(record: Record, folder: Path, writers: Sequence[Writer]) -> list[str]:
    """Write everything beside the folder first, then put it in place, so that no half of it is ever there."""
    check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{_PARTIAL}*"):  # by a command that was killed
            shutil.rmtree(left, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=folder))
        try:
            for write in writers:
                write(record, partial)
            names = sorted(path.name for path in partial.iterdir())
            _put_in_place(partial, names, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise StorageError(f"Could not write into {folder}: {error.strerror or error}.") from error
    return names


def _put_in_place(partial: Path, names: Sequence[str], folder: Path) -> None:
    """Move everything into the folder, first what says that the results are ours."""
    for name in _FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in sorted(names, key=lambda name: name != RESULTS):
        (partial / name).replace(folder / name)


def _file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_-.,=+() " else "_" for letter in name)
