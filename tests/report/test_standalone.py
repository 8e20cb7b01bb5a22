"""Figures that stand alone: what is written above them, and what is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from claros.report.figures import Figure
from claros.report.paired import write_pairs
from claros.report.standalone import lines
from claros.report.svg import drawing_settings


def paint(drawn: list[tuple[str, list[float], list[float]]], sentence: str = "It is so.") -> Figure:
    with drawing_settings():
        figure = lines(drawn, sentence=sentence, note="A note.", across="epoch", form=lambda value: f"{value:g}")
        figure.canvas.draw()
    return figure


def written(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.texts)


def test_the_finding_is_above_every_line_however_long_it_is() -> None:
    sentence = "A sentence of many words that does not fit on one line of the figure, whatever its width may be."
    figure = paint([("start", [1, 2, 3], [0.5, 0.6, 0.7])], sentence)
    assert written(figure) == f"{sentence} A note."
    top = figure.axes[0].get_position().y1
    assert min(text.get_position()[1] for text in figure.texts) > top


def test_lines_have_their_values_their_names_and_axes_that_start_with_the_data() -> None:
    drawn = [("start", [1.0, 2.0, 3.0], [0.5, 0.6, 0.7]), ("iteration 1", [1.0, 2.0], [0.4, 0.9])]
    axes = paint(drawn).axes[0]
    curves = [line for line in axes.lines if line.get_linestyle() != "None"]
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in curves] == [(x, y) for _, x, y in drawn]
    assert {text.get_text() for text in axes.texts} == {"start", "iteration 1"}
    assert axes.get_xlim() == (1.0, 3.0)
    low, high = axes.get_ylim()
    assert 0.35 < low < 0.4
    assert 0.9 < high < 0.95
    assert axes.get_xticks().tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("values", [([4.0], [0.25]), ([1.0, 2.0], [0.5, 0.5])])
def test_one_point_and_a_flat_line_can_be_drawn(values: tuple[list[float], list[float]]) -> None:
    axes = paint([("alone", *values)]).axes[0]
    low, high = axes.get_ylim()
    assert low < values[1][0] < high


def test_of_many_lines_some_have_names_the_last_among_them() -> None:
    drawn = [(f"iteration {n}", [1.0, 2.0], [0.1 * n, 0.1 * n + 0.05]) for n in range(40)]
    named = {text.get_text() for text in paint(drawn).axes[0].texts}
    assert len(named) == 10
    assert {"iteration 0", "iteration 39"} <= named


def test_the_same_pairs_are_the_same_file(tmp_path: Path) -> None:
    values = [[0.5, 0.6, 0.55], [0.6, 0.7, 0.72]]
    for name in ("a.pdf", "b.pdf"):
        write_pairs(tmp_path / name, ["random", "active"], values, "Active is better.")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    write_pairs(tmp_path / "c.pdf", ["random", "active"], np.array([[0.5], [0.6]]), "One seed.")
    assert (tmp_path / "c.pdf").read_bytes().startswith(b"%PDF")
