"""A run or a bench in one page: figures, tables and sentences, self-contained; files of every figure beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from claros.files import write_atomically
from claros.report.bench import Bench, open_folder
from claros.report.contents import bench_view, build
from claros.report.found import NUMBERS_NEED, numbers
from claros.report.load import Run
from claros.report.overview import answer as answer_bench
from claros.report.page import render
from claros.report.sections import answer, curves, time

if TYPE_CHECKING:
    from claros.data import Split

__all__ = ["numbers", "summary", "write"]


def write(out: Path, *, data: Split | None = None) -> Path:
    """Write ``report.html`` into the folder of a run or a bench; under ``figures/`` every figure as PDF and PNG.

    The data behind a figure lie beside it as Parquet, or CSV where pyarrow is not installed.

    ``data`` is what the run was on; without it, the data that its settings name are opened again to show what was
    picked, and left out with a sentence where they are gone. The same folder gives the same page, byte by byte.
    Costs a few seconds and one read of every table and of the last rounds' test predictions.
    """
    out = Path(out)
    source = open_folder(out)
    sections = build(source, data, figures=out / "figures")
    page = out / "report.html"
    write_atomically(page, render(source, sections).encode())
    return page


def summary(out: Path) -> list[str]:
    """What the report finds, in sentences: every strategy against random, the stop advice, where the labels went."""
    source = open_folder(Path(out), NUMBERS_NEED)
    if isinstance(source, Bench) and len(source.settings) > 1:
        return answer_bench.sentences(bench_view(source, items=False))
    run = source if isinstance(source, Run) else source.settings[0]
    absent, missing = (source.absent, answer_bench.unfinished(source)) if isinstance(source, Bench) else ("", "")
    sentences = [absent, *answer.sentences(run), curves.finding(run), time.finding(run), missing]
    return [sentence for sentence in sentences if sentence]
