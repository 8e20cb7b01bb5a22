"""The tables of the study from its results, databases or the CSV that keep them, as Markdown for the docs.

python -m benchmarks.study.tables RESULTS [SCREENING ...] > docs/evidence.md
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.study.results import load
from claros.experiment.compare import across_settings, area, mean_ranks

#: setting -> arm -> seed -> curve
Found = dict[str, dict[str, dict[int, tuple[np.ndarray, np.ndarray]]]]


def read(file: Path) -> tuple[dict[str, Found], dict[str, dict[str, int]]]:
    """Curves of complete cells, by model and kind of start, and what was planned on each set."""
    found: dict[str, Found] = {}
    sizes: dict[str, dict[str, int]] = {}
    for cell in load(file):
        arm = f"{cell.arm}, own start" if cell.own_start else cell.arm
        where = found.setdefault(cell.model, {}).setdefault(cell.set, {})
        where.setdefault(arm, {})[cell.seed] = (np.array(cell.labels), np.array(cell.accuracy))
        sizes[cell.set] = {"items": cell.items, "classes": cell.classes}
    return found, sizes


def paired(found: Found, arms: list[str], control: str) -> dict[str, dict[str, list]]:
    """``results[set][arm]`` by seed, for the sets that have the control; None where an arm has no such seed."""
    results = {}
    for data, there in found.items():
        seeds = sorted(there.get(control, {}))
        if len(seeds) >= 2:
            known = [arm for arm in dict.fromkeys([*arms, control]) if arm in there]
            results[data] = {arm: [there[arm].get(seed) for seed in seeds] for arm in known}
    return results


def points(value: float | None) -> str:
    return "" if value is None else f"{100 * value:+.2f}"


def table(found: Found, control: str) -> str:
    """Every arm against the control over all sets, the best first."""
    arms = list(dict.fromkeys(arm for there in found.values() for arm in there))
    results = paired(found, arms, control)
    rows = sorted(across_settings(results, control), key=lambda one: -one.mean)
    lines = [
        f"| strategy | gain over {control} | 95 % interval | sets | better | worse | not told apart |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in rows:
        interval = "" if one.low is None else f"{points(one.low)} to {points(one.high)}"
        told = f"{one.better} | {one.worse} | {one.same}" if one.too_few < one.settings else " | | "
        lines.append(f"| `{one.name}` | {points(one.mean)} | {interval} | {one.settings} | {told} |")
    return "\n".join(lines)


def by_set(found: Found, sizes: dict[str, dict[str, int]], most: int = 16) -> str:
    """Mean gain over random in points of the whole curve, set by set, of the arms with the highest mean."""
    levels = {
        data: {arm: float(np.mean([area(*curve) for curve in curves.values()])) for arm, curves in there.items()}
        for data, there in sorted(found.items())
    }
    arms = {arm for level in levels.values() for arm in level} - {"random"}
    gains = {arm: np.mean([level[arm] - level["random"] for level in levels.values() if arm in level]) for arm in arms}
    shown = sorted(arms, key=lambda arm: (-gains[arm], arm))[:most]
    lines = [
        f"| set | items | classes | random | {' | '.join(f'`{arm}`' for arm in shown)} |",
        "|---|---|---|---|" + "---|" * len(shown),
    ]
    for data, level in levels.items():
        cells = " | ".join(points(level[arm] - level["random"]) if arm in level else "" for arm in shown)
        items, classes = sizes[data]["items"], sizes[data]["classes"]
        lines.append(f"| {data} | {items} | {classes} | {100 * level['random']:.1f} | {cells} |")
    return "\n".join(lines)


def ranks(found: Found) -> str:
    """Mean ranks over the sets that have all arms."""
    everywhere = [there for there in found.values() if len(there) == max(map(len, found.values()))]
    names = list(everywhere[0])
    scores = np.array(
        [[np.mean([area(*curve) for curve in there[arm].values()]) for arm in names] for there in everywhere]
    )
    said = mean_ranks(scores, names)
    order = np.argsort(said.mean)
    return ", ".join(f"{names[place]} {said.mean[place]:.1f}" for place in order) + f" ({len(everywhere)} sets)"


INTRO = """<!-- Written by benchmarks/study/tables.py from the results of the study; run it again, do not edit. -->
# What the strategies are worth

Each strategy on many data sets, with the same protocol and paired seeds: [how](../benchmarks/study/README.md). A gain
is the difference in mean accuracy over the whole learning curve, in points, averaged over sets; the interval is
Student's over sets. *Better*, *worse* and *not told apart* count sets, where there are at least six seeds to tell.
These are small models on fixed features with up to 22 labels a class: no evidence for networks trained from scratch."""


def harmed(found: Found, arm: str) -> str:
    """On how many sets an arm is more than a point below random, in words."""
    gains = {
        data: np.mean([area(*curve) for curve in there[arm].values()])
        - np.mean([area(*curve) for curve in there["random"].values()])
        for data, there in found.items()
        if arm in there
    }
    worse = sorted(data for data, gain in gains.items() if gain < -0.01)
    return f"`{arm}` is more than a point below random on {len(worse)} of {len(gains)} sets{_named(worse)}."


def _named(names: list[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


def main() -> None:
    found, sizes = read(Path(sys.argv[1]))
    titles = {
        "logistic": "Logistic regression, batches of one label a class",
        "mlp": "A small network, batches of five labels a class",
        "forest": "A forest as a committee, batches of two labels a class",
    }
    print(INTRO)
    for model, sets in found.items():
        shared = {data: {arm: c for arm, c in there.items() if "own" not in arm} for data, there in sets.items()}
        seeds = {len(curves) for there in shared.values() for curves in there.values()}
        print(f"\n## {titles[model]}\n\n{len(shared)} sets, {min(seeds)} to {max(seeds)} paired seeds.\n")
        print(table(shared, "random"))
        for rival in ("margin", "auto"):
            if any(rival in there for there in shared.values()):
                print(f"\nAgainst `{rival}`:\n\n{table(shared, rival)}")
        if any("auto" in there for there in shared.values()):
            print(f"\n{harmed(shared, 'auto')}")
        if all(len(there) > 1 for there in shared.values()):
            print(f"\nMean ranks: {ranks(shared)}.")
        print(f"\n{by_set(shared, sizes)}")
        if any("own" in arm for there in sets.values() for arm in there):
            print(f"\n### Each with the first batch it chooses\n\n{table(sets, 'random')}")
    if len(sys.argv) > 2:
        print("\n## Every strategy\n\nThe screening: a few seeds, to see what is worth more of them.")
    for file in map(Path, sys.argv[2:]):
        for model, sets in read(file)[0].items():
            seeds = max(len(curves) for there in sets.values() for curves in there.values())
            print(f"\n{titles[model].split(',')[0]}, {len(sets)} sets, {seeds} seeds:\n\n{table(sets, 'random')}")


if __name__ == "__main__":
    main()
