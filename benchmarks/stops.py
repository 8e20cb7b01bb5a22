"""How many recorded rounds a second each stopping rule replays.

    python -m benchmarks.stops                       # a made-up run of 2,000 rounds, every rule that it can feed
    python -m benchmarks.stops --run FOLDER          # a recorded run, bench or campaign: observing is timed, too
    python -m benchmarks.stops --items 2000          # a larger stop set
    python -m benchmarks.stops --rule 'stabilizing_predictions(window=5)' --rule advisor

*deciding* is the replay of a trace: predictions that were packed once are unpacked and compared. *observing* is what
comes before, once for each rule and recorded round: reading what was kept, checking it, and packing it.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from claros.errors import ClarosError
from claros.experiment import stopping as lab
from claros.rng import stream
from claros.stopping.rule import Observation, Rule, replay

#: Rounds a second that a replay should reach.
GOAL = 10_000
#: Seconds for which a rule is replayed at least.
LEAST = 0.2


def made_up(rule: Rule, rounds: int, items: int) -> list[Observation]:
    """The trace of a rule over rounds in which a model of five classes slowly settles."""
    rng = stream(0, "benchmark of stops")
    classes, batch = 5, 10
    logits = rng.normal(size=(items, classes))
    codes = rng.integers(0, classes, size=batch * rounds)
    trace: list[Observation] = []
    for number in range(rounds):
        logits += rng.normal(size=logits.shape) * 0.3 / (1 + number)
        probs = np.exp((1 + number / rounds) * logits)
        probs /= probs.sum(axis=1, keepdims=True)
        inputs: dict[str, Any] = {
            "stop_probs": probs,
            "stop_predictions": probs.argmax(axis=1),
            "stop_twin_predictions": probs.argmax(axis=1),
            "stop_labeled": np.zeros(items, dtype=np.int64),
            "batch_probs": probs[:batch],
            "batch_labels": probs[:batch].argmax(axis=1),
            "n_labeled": batch * (number + 1),
            "n_pool": 2 * batch * rounds,
            "round": number,
            "spent": 0.0,
            "elapsed": float(number),
            "metric": float(probs.max(axis=1).mean()),
            "n_audited": 100,
            "n_audited_correct": 80,
        }
        if {"labels", "labeled_at_random"} & set(rule.needs):
            inputs |= {"labels": codes[: batch * (number + 1)]}
            inputs |= {"labeled_at_random": np.zeros(batch * (number + 1), dtype=np.int64)}
        trace.append(rule.observe(**{name: inputs[name] for name in rule.needs}))
    return trace


def from_runs(places: Sequence[str], rules: Mapping[str, Rule]) -> None:
    """Time the rules on what is recorded, and print a line for each."""
    seconds = {name: np.zeros(2) for name in rules}
    rounds = dict.fromkeys(rules, 0)
    for run in lab.recorded(places):
        for name, rule in rules.items():
            try:
                started = time.process_time()
                trace = [*run.trace(rule).values()]
                observed = time.process_time()
                replay(rule, trace)
            except ClarosError:
                continue
            if trace:
                seconds[name] += observed - started, time.process_time() - observed
                rounds[name] += len(trace)
    for name, (observing, deciding) in seconds.items():
        if rounds[name]:
            say(name, rounds[name], deciding, observing)


def from_nothing(rules: Mapping[str, Rule], rounds: int, items: int) -> None:
    """Time the rules on a made-up run, and print a line for each."""
    for name, rule in rules.items():
        try:
            trace = made_up(rule, rounds, items)
        except (ClarosError, KeyError):  # it asks for what is not made up here
            continue
        started, decided = time.process_time(), 0
        while time.process_time() - started < LEAST:
            decided += len(replay(rule, trace))
        say(name, decided, time.process_time() - started)


def say(name: str, rounds: int, deciding: float, observing: float | None = None) -> None:
    """A line of figures."""
    rate = rounds / max(deciding, 1e-9)
    both = "" if observing is None else f"  with observing {rounds / (deciding + observing):>9,.0f}"
    print(f"{name:<34} {rate:>12,.0f} rounds a second{both}{'' if rate >= GOAL else '   below the goal'}")


def main() -> None:
    """Read the command line, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="append", help="a recorded run, bench or campaign, or a folder of such")
    parser.add_argument("--rule", action="append", default=[], help="a rule; again for more")
    parser.add_argument("--rounds", type=int, default=2000, help="rounds of the made-up run")
    parser.add_argument("--items", type=int, default=300, help="items of its stop set")
    given = parser.parse_args()
    rules = lab.chosen(given.rule)
    if given.run:
        from_runs(given.run, rules)
    else:
        from_nothing(rules, given.rounds, given.items)


if __name__ == "__main__":
    main()
