"""The tables of the study from its results database, as Markdown for the docs.

python -m benchmarks.study.tables study.sqlite [SCREENING.sqlite ...] > docs/evidence.md
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from claros.experiment.bench import Store
from claros.experiment.compare import across_settings, area, mean_ranks

#: setting -> arm -> seed -> curve
Found = dict[str, dict[str, dict[int, tuple[np.ndarray, np.ndarray]]]]


def read(db: Path) -> tuple[dict[str, Found], dict[str, dict[str, int]]]:
    """Curves of complete cells, by model and kind of start, and what was planned on each set."""
    found: dict[str, Found] = {}
    sizes: dict[str, dict[str, int]] = {}
    with Store(f"sqlite:///{db.absolute()}") as store:
        settings = {setting.key: setting for setting in store.settings()}
        cells = {cell["id"]: cell for cell in store.cells() if cell["status"] == "done"}
        points: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for row in store.rounds():
            if row["cell"] in cells:
                points[row["cell"]].append((row["n_labeled"], row["accuracy"]))
    for name, cell in cells.items():
        config, facts = settings[cell["setting"]].config, settings[cell["setting"]].facts
        data = Path(config["data"]).stem
        own = config["init"]["name"] != "random"
        arm = cell["strategy"] if not own else f"{cell['strategy']}, own start"
        curve = np.array(points[name])
        where = found.setdefault(config["model"]["name"], {}).setdefault(data, {})
        where.setdefault(arm, {})[cell["seed"]] = (curve[:, 0], curve[:, 1])
        sizes[data] = {"items": facts["data"]["n_pool"], "classes": len(facts["data"]["classes"])}
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


def by_set(found: Found, sizes: dict[str, dict[str, int]], arms: list[str]) -> str:
    """Mean gain over random in points of the whole curve, set by set."""
    shown = [arm for arm in arms if any(arm in there for there in found.values())]
    lines = [
        f"| set | items | classes | random | {' | '.join(f'`{arm}`' for arm in shown)} |",
        "|---|---|---|---|" + "---|" * len(shown),
    ]
    for data, there in sorted(found.items()):
        level = {arm: np.mean([area(*curve) for curve in curves.values()]) for arm, curves in there.items()}
        cells = [points(level[arm] - level["random"]) if arm in level else "" for arm in shown]
        size = sizes[data]
        lines.append(
            f"| {data} | {size['items']} | {size['classes']} | {100 * level['random']:.1f} | {' | '.join(cells)} |"
        )
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
        print(f"\n{by_set(shared, sizes, list(dict.fromkeys(arm for there in shared.values() for arm in there))[:16])}")
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
