"""Which correction for label shift is the default: what each gains where there is a shift, and loses without one.

    python -m benchmarks.label_shift_default DATA_FOLDER --out FOLDER [--draws 10] [--jobs 2] [--cases adult phoneme]

Binary, imbalanced sets without a shift and with a shifted warm start, with 100 and 600 warm labels and more that are
queried; and a set of ten classes under two shifts. Every arm is margin with logistic regression; figures are accuracy
points over no correction, mean over rounds and at the end, with paired 95 % intervals over draws. The folder is that of
a bench: the same command goes on where it ended, and more draws are added.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import Floats
from claros.experiment.bench import bench
from claros.experiment.compare.paired import paired_difference
from claros.experiment.config import RunConfig, parse_config
from claros.experiment.replicate.blocks import BASE, Block, read_blocks
from claros.experiment.replicate.malls import arms_of, prepared

#: Arm -> strategy and correction.
ARMS = {
    BASE: ("margin", "none(folds=0, replicates=0)"),
    "auto": ("margin", "auto(replicates=0)"),
    "provenance": ("margin", "provenance(replicates=0)"),
    "prediction": ("margin", "prediction(folds=0, replicates=0)"),
    "weights": ("margin", "weights(folds=0, replicates=0)"),
}


class Case(NamedTuple):
    """Data, what shifts, how many labels are there at the start, and rounds of so many bought ones."""

    data: str
    shift: dict[str, Any]
    warm: int
    rounds: int
    batch: int

    @property
    def name(self) -> str:
        """In words."""
        law, alpha = self.shift["law"], self.shift.get("alpha")
        kind = {"natural": "no shift", "dirichlet_natural": f"warm start shifted, {alpha}"}.get(law, f"{law} {alpha}")
        return f"{self.data}, {kind}, {self.warm} warm"


def cases() -> list[Case]:
    """Those of the comparison."""
    warm = {"law": "dirichlet_natural", "alpha": 0.4, "where": "source"}
    binary = [
        Case(data, shift, n, 6, batch)
        for data in ("adult", "phoneme")
        for shift in ({"law": "natural"}, warm)
        for n, batch in ((100, 40), (600, 120))
    ]
    ten = [{"law": law, "alpha": 0.4} for law in ("dirichlet_mix", "dirichlet_online", "dirichlet_identical")]
    return [*binary, *(Case("mnist", shift, 600, 6, 50) for shift in ten)]


def settings(folder: Path, out: Path, chosen: Iterable[Case], draws: int, arms: Sequence[str] = ()) -> list[RunConfig]:
    """A setting for each case and draw; images are reduced to 40 principal components in a file of ``out``."""
    found = []
    kept = arms_of({arm: ARMS[arm] for arm in ARMS if not arms or arm in (BASE, *arms)})
    for case in chosen:
        given = folder / f"{case.data}.npz"
        file = prepared(str(given), out, {"grey": 40, "colour": 80}) if case.data == "mnist" else given
        sizes = {"warm": case.warm, "pool": 2000, "target": 600, "test": 1000}
        for draw in range(draws):
            shift = {**case.shift, **sizes, "draw": draw}
            run = {"data": str(file.absolute()), "model": "logistic", "strategy": kept, "shift": shift, "seed": draw}
            quiet = {"watch": [], "control": False, "upper_bound": False, "checkpoints": "last"}
            found.append(parse_config({**quiet, **run, "batch": case.batch, "rounds": case.rounds}))
    return found


def gains(block: Block, arm: str) -> tuple[Floats, Floats]:
    """Points over no correction by draw: mean over rounds, and at the end."""
    between = 100 * (block.accuracy[arm] - block.accuracy[BASE])
    return between.mean(axis=1), between[:, -1]


def table(blocks: Sequence[Block], chosen: Sequence[Case]) -> str:
    """A row for each case, as Markdown: mean [interval] / at the end."""
    names = {(case.data, case.shift["law"], float(case.shift.get("alpha", 0)), case.warm): case.name for case in chosen}
    arms = blocks[0].arms
    lines = [f"| case | draws | {' | '.join(arms)} |", "|---|---|" + "---|" * len(arms)]
    for block in blocks:
        cells = [_cell(*gains(block, arm)) for arm in arms]
        name = names[(block.data, block.law, block.alpha, block.warm)]
        lines.append(f"| {name} | {block.draws} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(mean: Floats, end: Floats) -> str:
    limits = ""
    if len(mean) > 1:
        difference = paired_difference(mean, np.zeros(len(mean)))
        limits = f" [{difference.low:+.1f}, {difference.high:+.1f}]"
    return f"{mean.mean():+.1f}{limits} / {end.mean():+.1f}"


def main() -> None:
    """Run what is not done, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with adult.npz, phoneme.npz and mnist.npz")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cases", nargs="+", default=["adult", "phoneme", "mnist"], help="data sets")
    given = parser.parse_args()
    chosen = [case for case in cases() if case.data in given.cases]
    plan = settings(given.folder, given.out, chosen, given.draws)
    print(bench(plan, given.out, jobs=given.jobs))
    print(table(read_blocks(given.out, plan), chosen))


if __name__ == "__main__":
    main()
