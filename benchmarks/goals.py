"""What every routine is to reach, and whether it did: ratios of one run on one thread.

Where a goal was set in seconds of another machine, it stands here as a ratio to what was measured beside it there;
README.md says how each came about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.cases import CASES, shown
from benchmarks.report import number

__all__ = ["GOALS", "Goal", "judged"]

Lines = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Goal:
    """A row of the table. What is not set is not asked for; a goal that asks for nothing is there for its seconds."""

    case: str
    routine: str
    faster: float | None = None
    """At least so many times faster than the fastest peer, or than ``than``."""
    than: str = ""
    floors: Mapping[str, float] = field(default_factory=dict)
    """At most so many times a floor."""
    added: float | None = None
    """At most so many MiB at the peak, beside the arrays."""
    anonymous: float | None = None
    """The same of anonymous memory, for arrays that are files."""
    picks: str = ""
    """The row that must pick the same."""
    ordered: bool = True
    seconds: float | None = None
    """At most so many seconds on this machine, whatever it is; the issue's words for what no peer does."""
    a_pick: float | None = None
    """The same for each pick."""


PASS, SWEEPS = "floor:labeled_and_picked", "floor:sweeps"

GOALS = (
    *(
        Goal(f"k_center_1m_{d}", "k-center", floors={PASS: 1.5, SWEEPS: 0.2}, added=160, picks="reference")
        for d in (128, 512)
    ),
    *(
        Goal(case, "k-center", faster=10, picks="reference")
        for case in ("k_center_50k", "k_center_200k", "k_center_1m")
    ),
    Goal(
        "second_round", "k-center, distances kept", faster=1 / 0.6, than="claros:first_round", picks="claros:not_kept"
    ),
    Goal("badge_sequential", "BADGE, sequential", faster=2, than="reference", floors={SWEEPS: 1.7}, picks="reference"),
    Goal("badge", "BADGE, lazy", faster=8, than="reference", floors={SWEEPS: 0.45}, added=128),
    Goal("badge_1m", "BADGE, lazy", floors={"floor:picked": 4, SWEEPS: 0.2}),
    Goal("badge_1000_classes", "BADGE, lazy", faster=2.44 / 0.6, than="reference", added=307),
    Goal("entropy", "entropy, kernel", faster=5, added=32, picks="idioms:entropy_torch", ordered=False),
    Goal("margin", "margin, kernel", faster=1.5, picks="modal", ordered=False),
    Goal("door", "check of `probs`", faster=1, than="claros:kernel"),
    Goal("entropy_mapped", "entropy, file", faster=5, anonymous=16, picks="idioms:entropy_numpy", ordered=False),
    Goal("bald", "BALD", faster=1.6, picks="idioms:bald_torch", ordered=False),
    Goal("batch_bald", "BatchBALD", faster=12, floors={"floor:batch_bald": 2.5}, added=128),
    Goal("bait", "BAIT", faster=20, than="reference", picks="reference"),
    Goal("bait_50k", "BAIT", floors={"floor:bait": 9}),
    Goal("bait_binary", "BAIT, binary", a_pick=0.025),
    Goal("prob_cover", "ProbCover", faster=4, floors={"floor:pairs": 2}, picks="reference", ordered=False),
    Goal("typiclust", "TypiClust", faster=2),
    Goal("kmeans", "k-means", faster=1 / 1.1, than="faiss"),
    Goal("clue", "CLUE", faster=1 / 1.1, than="faiss:kmeans"),
    Goal("clue_prefiltered", "CLUE, prefiltered", faster=0.1164 / 0.15, than="scikit_learn:prefiltered"),
    Goal("facility_location", "facility location", faster=1.5, than="apricot", added=98, picks="apricot"),
    Goal("cal", "CAL", faster=2.5, floors={"floor:labeled": 2}, picks="scikit_activeml", ordered=False),
    Goal("egl", "EGL", faster=1000, than="idioms:egl_loop", floors={"floor:read": 15}),
    Goal("kappa", "kappa", faster=25, picks="scikit_learn"),
    Goal("auto", "auto", seconds=2),
    Goal("max_herding", "MaxHerding", seconds=2),
    Goal("uherding", "UHerding", seconds=2),
    Goal("cluster_margin", "Cluster-Margin"),
    Goal("falcun", "FALCUN"),
)


def took(line: Mapping[str, Any]) -> float | None:
    """Seconds of the best lap; of a peer that was killed in its first lap, those that it had had by then."""
    return line.get("best", line.get("at_least"))


def fastest(lines: Lines, checks: tuple[str, ...]) -> str:
    """The peer that took least."""
    peers = [row for row in lines if row != "claros" and not row.startswith("floor:") and row not in checks]
    seconds = {row: took(lines[row]) for row in peers}
    known = {row: value for row, value in seconds.items() if value is not None}
    return min(known, key=known.__getitem__, default="")


def judged(lines: Mapping[str, Lines], sizes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every goal with what was measured; ``lines`` of every case that was run."""
    return [_judge(goal, lines.get(goal.case, {}), sizes.get(goal.case, str(CASES[goal.case].size))) for goal in GOALS]


def _judge(goal: Goal, lines: Lines, size: str) -> dict[str, Any]:
    ours = lines.get("claros", {})
    peer = goal.than or fastest(lines, CASES[goal.case].checks)
    says = (_faster, _floors, _memory, _picks, _seconds)
    parts = [part for say in says for part in say(goal, lines, ours, peer)]
    met = [part["met"] for part in parts]
    verdict = False if False in met else None if None in met or "best" not in ours else True
    row = {"routine": goal.routine, "size": size, "case": goal.case, "parts": parts, "met": verdict}
    return row | _measured(goal, lines, ours, peer) if "best" in ours else row


def _measured(goal: Goal, lines: Lines, ours: Mapping[str, Any], peer: str) -> dict[str, Any]:
    """What there is to say, asked for or not."""
    floors = [row for row in CASES[goal.case].rows if row.startswith("floor:") and "best" in lines.get(row, {})]
    faster = _faster(replace(goal, faster=0.0), lines, ours, peer) if peer else []
    return {
        "best": ours["best"],
        "busy": ours["busy"],
        "memory": ours["added"] if ours.get("anonymous") is None else ours["anonymous"],
        "faster": faster[0]["measured"] if faster else "",
        "floors": "; ".join(f"{figure(ours['best'] / lines[row]['best'])} x {plain(row)}" for row in floors),
        "picks": "".join(part["measured"] for part in _picks(goal, lines, ours, peer)),
    }


def figure(value: float) -> str:
    """Three digits."""
    return number(value, ".3g")


def plain(row: str) -> str:
    """A floor without the word."""
    return shown(row).removeprefix("floor: ")


def _part(goal: str, value: float | None, text: str, limit: float, *, least: bool = False) -> dict[str, Any]:
    """One thing that is asked for; ``missed_by`` is the share of the limit by which it was missed."""
    if value is None:
        return {"goal": goal, "measured": "not measured", "met": None, "missed_by": None}
    met = value >= limit if least else value <= limit
    by = limit / max(value, 1e-12) - 1 if least else value / limit - 1
    return {"goal": goal, "measured": text, "met": met, "missed_by": None if met else by}


def _faster(goal: Goal, lines: Lines, ours: Mapping[str, Any], peer: str) -> list[dict[str, Any]]:
    if goal.faster is None:
        return []
    seconds = took(lines.get(peer, {}))
    value = seconds / ours["best"] if seconds is not None and "best" in ours else None
    killed = "best" not in lines.get(peer, {})
    if killed and value is not None and value < goal.faster:
        value = None  # it may be so fast, or slower
    said = f"{'> ' if killed else ''}{figure(value or 0)} x {shown(peer)}{' (killed)' if killed else ''}"
    named = shown(goal.than) if goal.than else "the fastest peer"
    return [_part(f">= {figure(goal.faster)} x {named}", value, said, goal.faster, least=True)]


def _floors(goal: Goal, lines: Lines, ours: Mapping[str, Any], peer: str) -> list[dict[str, Any]]:
    parts = []
    for row, limit in goal.floors.items():
        value = ours["best"] / lines[row]["best"] if "best" in ours and "best" in lines.get(row, {}) else None
        parts.append(_part(f"<= {figure(limit)} x {plain(row)}", value, figure(value or 0), limit))
    return parts


def _memory(goal: Goal, lines: Lines, ours: Mapping[str, Any], peer: str) -> list[dict[str, Any]]:
    parts = []
    for limit, key, said in ((goal.added, "added", "MiB added"), (goal.anonymous, "anonymous", "MiB anonymous")):
        if limit is not None:
            value = ours.get(key)
            parts.append(_part(f"<= {limit:.0f} {said}", value, f"{value or 0:.0f} {said}", limit))
    return parts


def _picks(goal: Goal, lines: Lines, ours: Mapping[str, Any], peer: str) -> list[dict[str, Any]]:
    if not goal.picks:
        return []
    other = lines.get(goal.picks, {})
    share = other.get("in_order" if goal.ordered else "same") if "best" in ours else None
    what = "same picks in order" if goal.ordered else "same picks"
    return [_part(f"{what} as {shown(goal.picks)}", share, f"{100 * (share or 0):.4g} %", 1.0, least=True)]


def _seconds(goal: Goal, lines: Lines, ours: Mapping[str, Any], peer: str) -> list[dict[str, Any]]:
    parts = []
    if goal.seconds is not None:
        value = ours.get("best")
        parts.append(_part(f"<= {goal.seconds:g} s", value, f"{value or 0:.3g} s", goal.seconds))
    if goal.a_pick is not None:
        value = ours["best"] / ours["picked"] if "best" in ours else None
        parts.append(_part(f"<= {1000 * goal.a_pick:g} ms a pick", value, f"{1000 * (value or 0):.3g} ms", goal.a_pick))
    return parts
