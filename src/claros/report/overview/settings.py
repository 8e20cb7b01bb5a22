"""Each setting by itself, behind a click: the sections of a run in short."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from claros.report.format import join, many
from claros.report.markup import Html, details, element, paragraph
from claros.report.overview.view import BenchView
from claros.report.sections import (
    answer,
    calibration,
    confusion,
    curves,
    followed,
    overlap,
    picked,
    plane,
    shift,
    stopping,
    table,
)
from claros.report.sections.section import Section, View

__all__ = ["build"]

_SECTIONS = (answer, curves, table, followed, shift, stopping, picked, overlap, plane, confusion, calibration)
#: Those that are nothing without their figure.
_ONLY_DRAWN = {"curves": curves, "picked": picked, "overlap": overlap, "map": plane}


def build(view: BenchView) -> Section:
    """A block for each setting."""
    left_out = [module for name, module in _ONLY_DRAWN.items() if not view.views[0].draws(name)]
    wanted = [module for module in _SECTIONS if module not in left_out]
    parts = [(one, [module.build(one) for module in _of(one, wanted)]) for one in view.views]
    blocks = [_block(one, sections) for one, sections in parts]
    said = f"{many(len(parts), 'setting')}, each with its answer, numbers and stops: click one."
    note = paragraph("So many settings have no figures of their own for all of this; their data are in the tables.")
    body = Html("\n".join([*([note] if left_out else []), *blocks]))
    return Section("settings", "Each setting", said, body)


def _of(view: View, modules: Sequence[ModuleType]) -> Sequence[ModuleType]:
    """Without bandits and label shift where there are none."""
    return [module for module in modules if module.__name__.rpartition(".")[2] not in view.run.lacks]


def _block(view: View, sections: Sequence[Section]) -> Html:
    body = [Html(_part(section)) for section in sections]
    return details(Html(element("b", view.run.name) + element("span", f" – {_verdict(view)}")), *body)


def _part(section: Section) -> str:
    return element("h3", section.title) + element("p", section.finding, class_="said") + section.body


def _verdict(view: View) -> str:
    """What the test of each arm says, in a few words."""
    groups: dict[str, list[str]] = {}
    for one in view.compared:
        groups.setdefault(one.comparison.finding if one.comparison else "not comparable", []).append(one.name)
    return "; ".join(f"{join(names)} {kind}" for kind, names in groups.items()) or "nothing to compare"
