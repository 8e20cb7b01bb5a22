"""Trackers beside a run and a bench: one run of the tool for each cell, whole also when the cell was interrupted."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from bench_grids import GRID

from claros.errors import UnknownNameError
from claros.experiment import read_config, run
from claros.experiment.bench import Store, bench, plan, read_grid, work


def followed(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """(labels, accuracy) of every TensorBoard run in a folder, by its name."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for place in sorted({file.parent for file in folder.rglob("events.out.tfevents*")}):
        events = EventAccumulator(str(place))
        events.Reload()
        if "accuracy" in events.Tags()["scalars"]:
            found[str(place.relative_to(folder))] = [(e.step, e.value) for e in events.Scalars("accuracy")]
    return found


def table(out: Path) -> list[list[tuple[int, float]]]:
    """The same of the results, cell by cell."""
    with (out / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    cells: dict[tuple[str, ...], list[tuple[int, float]]] = {}
    for row in rows:
        key = (row.get("setting", ""), row["strategy"], row["seed"])
        cells.setdefault(key, []).append((int(row["n_labeled"]), float(row["accuracy"])))
    return list(cells.values())


def same(found: dict[str, list[tuple[int, float]]], expected: list[list[tuple[int, float]]]) -> None:
    """Whether the tool has each cell once, with every round once."""
    assert len(found) == len(expected)
    rounded = sorted([(n, round(value, 6)) for n, value in cell] for cell in expected)
    assert sorted([(n, round(value, 6)) for n, value in cell] for cell in found.values()) == rounded


def test_a_run_is_followed_cell_by_cell(tmp_path: Path) -> None:
    out = run(read_config(flags=GRID), tmp_path / "out", listener=lambda moment: None, track=["tensorboard"])
    same(followed(out / "track"), table(out))


def test_a_bench_is_followed_cell_by_cell_also_from_several_processes(tmp_path: Path) -> None:
    bench(read_grid(grid=["data=iris,wine"], flags=GRID), tmp_path, jobs=2, track=["tensorboard"], quiet=True)
    same(followed(tmp_path / "track"), table(tmp_path))


class Stopping(Store):
    """A database whose user presses Ctrl-C after two rounds."""

    saved = 0

    def save(self, *arguments: object, **named: object) -> None:
        super().save(*arguments, **named)  # type: ignore[arg-type]
        self.saved += 1
        if self.saved == 2:
            raise KeyboardInterrupt


def test_a_cell_that_goes_on_has_all_its_rounds_in_the_tool(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bench.sqlite"
    with Stopping(url) as store:
        plan(read_grid(flags={**GRID, "seeds": 1, "strategy": "margin"}), store)
        with pytest.raises(KeyboardInterrupt):
            work(store, "w", track=(["tensorboard"], tmp_path))
    bench(read_grid(flags={**GRID, "seeds": 1, "strategy": "margin"}), tmp_path, track=["tensorboard"], quiet=True)
    same(followed(tmp_path / "track"), table(tmp_path))


def test_an_unknown_tracker_is_named_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="tensorboard"):
        bench(read_grid(flags=GRID), tmp_path, track=["tensorbored"], quiet=True)
    with pytest.raises(UnknownNameError, match="tensorboard"):
        run(read_config(flags=GRID), tmp_path / "run", track=["tensorbored"])
