"""``claros shift estimate``: class weights from files of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from claros.cli import options as common
from claros.cli.output import show_json, show_table

if TYPE_CHECKING:
    from claros.shift import ShiftEstimate

__all__ = ["estimate"]

Kind = Literal["none", "ts", "bcts", "nbvs", "vs"]
_FILES = ".npy, .npz (FILE.npz:NAME picks an array) or .csv"


def estimate(
    source_probs: Annotated[str, typer.Option(help=f"Predictions on labeled hold-out items: {_FILES}.")],
    source_labels: Annotated[str, typer.Option(help="Their classes, codes or names.")],
    target_probs: Annotated[str, typer.Option(help="Predictions on unlabeled items of the target.")],
    method: Annotated[str, typer.Option(help='A method, with parameters as in "bbse(soft=false)".')] = "auto",
    calibration: Annotated[Kind, typer.Option(help="Calibrate on the hold-out first.")] = "none",
    target_labels: Annotated[str | None, typer.Option(help="Classes of further target items, for em and auto.")] = None,
    classes: common.Classes = None,
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    replicates: Annotated[int, typer.Option(help="Bootstrap replicates; 0 for no intervals.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    json: common.Json = False,
) -> None:
    """Say how often each class is in the target, against the source, and whether to correct.

    The hold-out must not have trained the model. Methods: auto, em, bbse, rlls, mapls, acc, pacc, ratio.
    """
    from claros import shift
    from claros.shift.files import read_labels, read_probs

    source, named = read_probs(source_probs)
    names = tuple(name.strip() for name in classes.split(",")) if classes else named
    found = shift.estimate(
        method,
        source_probs=source,
        source_labels=read_labels(source_labels),
        target_probs=read_probs(target_probs)[0],
        classes=names,
        target_labels=None if target_labels is None else read_labels(target_labels),
        calibration=None if calibration == "none" else calibration,
        level=level,
        replicates=replicates,
        seed=seed,
    )
    if json:
        show_json(found.to_json())
        return
    _show(found)


def _show(found: ShiftEstimate) -> None:
    from claros.shift.report import diagnosed, tabulated

    heads, rows = tabulated(found)
    show_table(heads, rows)
    for line in diagnosed(found):
        print(line)
