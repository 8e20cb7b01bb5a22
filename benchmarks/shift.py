"""Label shift: EM to its maximum beside abstention's and QuaPy's, agreement with references, and the order of methods.

    python -m benchmarks.shift speed [--rows 100000] [--classes 100] [--peers abstention quapy] [--million]
    python -m benchmarks.shift reference FOLDER        # reference.json and its arrays
    python -m benchmarks.shift order [LOGITS.npz]      # which method is nearest, on simulated or on real logits

``speed`` lets every package work on the same arrays until the conditions of the maximum are violated by less than
1e-6. The others iterate; how many iterations they need for that is found first, without a clock, by an EM of our own,
and what they return is checked. Ours is timed with everything: checks, diagnostics, interval, advice, and without
the interval. ``order`` prints the medians over ``--trials`` draws of the mean squared error of the weights.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from claros import shift
from claros.arrays import Floats, Indices, row_blocks

GOAL = 1e-6


def arrays(n: int, classes: int, seed: int = 0, spread: float = 0.8) -> tuple[Floats, Indices, Floats]:
    """Exact posteriors of Gaussian classes in 20 dimensions: uniform hold-out (n / 10), Dirichlet(1) target (n)."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(classes, 20)) * spread

    def draw(prior: Floats, size: int) -> tuple[Floats, Indices]:
        y = rng.choice(classes, size, p=prior)
        probs = np.empty((size, classes))
        for rows in row_blocks(size, 8 * classes):
            x = means[y[rows]] + rng.normal(size=(len(y[rows]), 20))
            scores = x @ means.T - 0.5 * (means**2).sum(axis=1)
            probs[rows] = np.exp(scores - scores.max(axis=1, keepdims=True))
            probs[rows] /= probs[rows].sum(axis=1, keepdims=True)
        return probs, y

    source, labels = draw(np.full(classes, 1 / classes), n // 10)
    return source, labels, draw(rng.dirichlet(np.ones(classes)), n)[0]


def slopes(target: Floats, weights: Floats) -> Floats:
    """(C,) mean of f / (f·w)."""
    total = np.zeros(len(weights))
    for rows in row_blocks(len(target), 8 * len(weights)):
        total += (1 / (target[rows] @ weights)) @ target[rows]
    return total / len(target)


def violation(target: Floats, prior: Floats, q: Floats) -> float:
    """How far q is from the maximum; a share under the goal counts as none."""
    g = slopes(target, q / prior) / prior
    return float(max(np.abs(g[q > GOAL] - 1).max(), (g - 1).max()))


def iterations_needed(target: Floats, prior: Floats, limit: int) -> int:
    """How many plain iterations of EM bring the violation under the goal."""
    q = prior.copy()
    for done in range(limit):
        g = slopes(target, q / prior) / prior
        if max(np.abs(g[q > GOAL] - 1).max(), (g - 1).max()) < GOAL:
            return done
        q = q * g
        q /= q.sum()
    return limit


def by_abstention(source: Floats, target: Floats, iterations: int) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from abstention.label_shift import EMImbalanceAdapter

        adapter = EMImbalanceAdapter(tolerance=0.0, max_iterations=iterations)
        found = adapter(tofit_initial_posterior_probs=target, valid_posterior_probs=source)
    return np.asarray(found.multipliers) * source.mean(axis=0)


def by_quapy(source: Floats, target: Floats, iterations: int) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from quapy.method.aggregative import EMQ

        EMQ.MAX_ITER = iterations
        return np.asarray(EMQ.EM(source.mean(axis=0), target, epsilon=0.0)[0])


PEERS: dict[str, Callable[[Floats, Floats, int], Floats]] = {"abstention": by_abstention, "quapy": by_quapy}


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the processor (everything runs in one thread), and what came back."""
    begin = time.process_time()
    found = call()
    return time.process_time() - begin, found


def speed(rows: int, classes: int, peers: list[str], million: bool, limit: int) -> None:
    """Print seconds, violations, memory and ratios."""
    source, labels, target = arrays(rows, classes)
    prior = source.mean(axis=0)
    given = {"source_probs": source, "source_labels": labels, "target_probs": target}
    best = {}
    for name, replicates in (("ours", 200), ("ours, no interval", 0)):
        best[name], found = min(
            (timed(lambda n=replicates: shift.estimate("em", **given, replicates=n)) for _ in range(3)),
            key=lambda pair: pair[0],
        )
    tracemalloc.start()
    shift.estimate("em", **given)
    peak = tracemalloc.get_traced_memory()[1] / (source.nbytes + target.nbytes)
    tracemalloc.stop()
    ours = violation(target, prior, found.target_prior)
    print(f"{rows} rows, {classes} classes: {best['ours']:.2f} s, {best['ours, no interval']:.2f} s without interval,")
    print(f"violation {ours:.1e}, memory {peak:.2f} of the input", flush=True)
    needed = iterations_needed(target, prior, limit)
    print(f"plain EM needs {needed} iterations for {GOAL:g}", flush=True)
    for peer in peers:
        seconds, q = timed(lambda peer=peer: PEERS[peer](source, target, needed))
        ratio = seconds / best["ours"]
        print(
            f"{peer}: {seconds:.1f} s, violation {violation(target, prior, q):.1e}, {ratio:.0f} times ours", flush=True
        )
    if million:
        source, labels, target = arrays(1_000_000, classes)
        seconds, found = timed(
            lambda: shift.estimate("em", source_probs=source, source_labels=labels, target_probs=target)
        )
        print(f"1000000 rows, {classes} classes: {seconds:.1f} s, violation {found.diagnostics['kkt_violation']:.1e}")


#: Our call -> the name of the same in the reference's tables, and the tolerance that its readme gives.
CALLS: dict[str, tuple[str, float]] = {
    "bbse(soft=false, solver=solve)": ("own.BBSE.hard.unclipped", 1e-12),
    "bbse(soft=false)": ("own.BBSE.hard.nnls", 1e-9),
    "bbse(soft=false, solver=ridge)": ("own.BBSE.hard.ridge(1/min(n,m))", 1e-12),
    "bbse(solver=solve)": ("own.BBSE.soft.unclipped", 1e-12),
    "bbse": ("own.BBSE.soft.nnls", 1e-9),
    "bbse(solver=ridge)": ("own.BBSE.soft.ridge(1/min(n,m))", 1e-12),
    "rlls(soft=false)": ("own.cvxpy-clarabel.RLLS.hard(reg=theory*0.01)", 5e-5),
    "rlls": ("own.cvxpy-clarabel.RLLS.soft(reg=theory*0.01)", 5e-5),
    "rlls(regularization=1e-3)": ("own.cvxpy-clarabel.RLLS.soft(reg=1e-3)", 5e-5),
    "em": ("own.EM(tight,soft-prior)", 1e-9),
    "em(source_prior=labels)": ("own.EM(tight,label-prior)", 1e-9),
}


def reference(folder: Path) -> None:
    """Print how far each method is from values of independent solvers."""
    said = json.loads((folder / "reference.json").read_text(encoding="utf-8"))
    for name, values in said["problems"].items():
        file = folder / f"labelshift_ref_{name.split('__')[0]}.npz"
        if not file.exists():
            continue
        with np.load(file) as held:
            kind = ("bayes_val", "bayes_test") if "bayes" in name else ("val_probs", "test_probs")
            given = dict(zip(("source_probs", "target_probs"), (held[one] for one in kind), strict=True))
            labels = held["val_labels"]
        for call, (key, tolerance) in CALLS.items():
            found = shift.estimate(call, source_labels=labels, replicates=0, **given).weights
            error = float(np.abs(found - values["weights"][key]).max())
            print(f"{name:45} {call:32} {error:.1e} {'ok' if error <= tolerance else 'OVER ' + str(tolerance)}")


#: Methods whose order is looked at.
ORDERED: dict[str, tuple[str, dict[str, Any]]] = {
    "EM": ("em", {}),
    "EM+TS": ("em", {"calibration": "ts"}),
    "EM+BCTS": ("em", {"calibration": "bcts"}),
    "EM+VS": ("em", {"calibration": "vs"}),
    "BBSE-hard": ("bbse(soft=false)", {}),
    "BBSE-soft+BCTS": ("bbse", {"calibration": "bcts"}),
    "RLLS-soft+BCTS": ("rlls", {"calibration": "bcts"}),
    "auto": ("auto", {}),
}


def draws(
    probs: list[Floats], labels: Indices, kind: float | str, trials: int, size: int
) -> Iterator[tuple[Floats, Indices, Floats, Indices]]:
    """Hold-out and target of each trial: without items in common, the target shifted and drawn with replacement."""
    classes = probs[0].shape[1]
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        table, order = probs[trial % len(probs)], rng.permutation(len(labels))
        half = len(labels) // 2
        held, rest = order[: min(half, size)], order[half:]
        if kind == "tweak":
            prior = np.full(classes, 0.1 / (classes - 1))
            prior[rng.integers(classes)] = 0.9
        else:
            prior = rng.dirichlet(np.full(classes, float(kind)))
        wanted = rng.multinomial(min(len(rest), size), prior)
        rows = [rng.choice(rest[labels[rest] == code], n) for code, n in enumerate(wanted)]
        taken = np.concatenate(rows)
        yield table[held], labels[held], table[taken], labels[taken]


def biased_logits(n: int = 10_000, classes: int = 10, seed: int = 0) -> tuple[list[Floats], Indices]:
    """Predictions of a model that is too sure of itself and favours some classes, as networks are."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(classes, 8)) * 1.1
    y = rng.integers(classes, size=n)
    scores = (means[y] + rng.normal(size=(n, 8))) @ means.T - 0.5 * (means**2).sum(axis=1)
    found = 2.0 * scores + rng.normal(size=classes)
    chances = np.exp(found - found.max(axis=1, keepdims=True))
    return [chances / chances.sum(axis=1, keepdims=True)], y


def order(probs: list[Floats], labels: Indices, trials: int, size: int) -> dict[str, dict[str, float]]:
    """Shift -> method -> median over trials of the mean squared error of the weights."""
    medians: dict[str, dict[str, float]] = {}
    for kind in (0.1, 1.0, 10.0, "tweak"):
        errors: dict[str, list[float]] = {name: [] for name in ORDERED}
        for source, y, target, truth in draws(probs, labels, kind, trials, size):
            classes = source.shape[1]
            true = np.bincount(truth, minlength=classes) / len(truth) / (np.bincount(y, minlength=classes) / len(y))
            for name, (call, more) in ORDERED.items():
                found = shift.estimate(
                    call, source_probs=source, source_labels=y, target_probs=target, replicates=0, **more
                )
                errors[name].append(float(((found.weights - true) ** 2).mean()))
        medians[str(kind)] = {name: float(np.median(values)) for name, values in errors.items()}
    return medians


def read_logits(file: Path) -> tuple[list[Floats], Indices]:
    """Softmax of every model's logits (M, N, C) in an npz with ``logits`` and ``y``."""
    with np.load(file) as held:
        logits, labels = held["logits"].astype(np.float64), held["y"].astype(np.int64)
    chances = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return [*(chances / chances.sum(axis=-1, keepdims=True))], labels


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    fast = commands.add_parser("speed")
    fast.add_argument("--rows", type=int, default=100_000)
    fast.add_argument("--classes", type=int, default=100)
    fast.add_argument("--peers", nargs="*", default=list(PEERS))
    fast.add_argument("--million", action="store_true")
    fast.add_argument("--limit", type=int, default=100_000)
    agree = commands.add_parser("reference")
    agree.add_argument("folder", type=Path)
    nearest = commands.add_parser("order")
    nearest.add_argument("logits", type=Path, nargs="?")
    nearest.add_argument("--trials", type=int, default=40)
    nearest.add_argument("--size", type=int, default=5000)
    given = parser.parse_args()
    if given.command == "speed":
        speed(given.rows, given.classes, given.peers, given.million, given.limit)
    elif given.command == "reference":
        reference(given.folder)
    else:
        probs, labels = biased_logits() if given.logits is None else read_logits(given.logits)
        medians = order(probs, labels, given.trials, given.size)
        print(f"{'':16}" + "".join(f"{kind:>12}" for kind in medians))
        for name in ORDERED:
            print(f"{name:16}" + "".join(f"{row[name]:12.5f}" for row in medians.values()))


if __name__ == "__main__":
    main()
