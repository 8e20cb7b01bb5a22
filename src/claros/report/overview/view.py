"""What a section of a bench is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from claros.experiment.compare import Overall
from claros.report.across import Arms, Blocks, blocks, curves_of, overall
from claros.report.bench import Bench
from claros.report.format import count
from claros.report.look import Style
from claros.report.sections.section import View

__all__ = ["BenchView"]


@dataclass(frozen=True)
class BenchView:
    """A bench, how its arms look, and its settings, each as it is given to the sections of a run.

    Files of figures are written into the folder ``figures`` if there is one.
    """

    bench: Bench
    styles: Mapping[str, Style]
    views: tuple[View, ...]
    figures: Path | None = None

    @cached_property
    def results(self) -> Mapping[str, Arms]:
        """Learning curves by setting, arm and seed, of the settings in which they can be compared."""
        curves = {view.run.name: curves_of(view.run) for view in self.views}
        return {name: arms for name, arms in curves.items() if arms is not None}

    @cached_property
    def overall(self) -> list[Overall]:
        """Every arm against the control over all settings."""
        return overall(self.results, self.bench.control)

    @cached_property
    def blocks(self) -> Blocks | None:
        """The settings with the same arms in each."""
        return blocks(self.results, self.bench.strategies)

    @cached_property
    def seeds(self) -> str:
        """How many seeds the settings have, in words."""
        numbers = {len(view.run.seeds) for view in self.views}
        low, high = min(numbers), max(numbers)
        said = count(low) if low == high else f"{count(low)} to {count(high)}"
        each = " in each setting" if len(self.views) > 1 else ""
        return f"{said} {'seed' if said == '1' else 'seeds'}{each}"
