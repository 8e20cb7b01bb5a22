"""Miss rates of the rules for finding all relevant items, on real reviews in many screening orders.

    python -m benchmarks.recall --data FILE          # writes the tables of docs/recall.md, and docs/recall.csv

The file has one JSON object a line, gzipped: ``review``, ``title``, ``abstract``, ``label``. Every review is screened
in ``--orders`` orders by each ranker, batch by batch, and every rule is asked after every batch; a run is missed where
a rule stopped with a recall below the target.

Rankers: *strong*, *weak* and *random* score an item by 3, 1 or 0 where it is relevant, plus a standard normal number
of its own. *text* is a logistic regression on TF-IDF features reduced to 50, trained on what is screened, and again
whenever that has grown by half; until a relevant item is found, items are random. It takes longer, so it has
``--text-orders`` orders. Rules that ask a model or a committee get, with the first three rankers, the best there can
be: exact probabilities of being relevant, and five members like the ranker with errors of their own, whose lists are
screened together.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import recall_stops as stops
from benchmarks.recall_stops import Screenings
from claros.arrays import Floats, Indices
from claros.estimate import share
from claros.rng import stream

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "tar_reviews.jsonl.gz"
SIGNALS = {"strong": 3.0, "weak": 1.0, "random": 0.0}
TARGETS = (0.95, 0.8)
MEMBERS, FEATURES = 5, 50
BEGIN, END = "<!-- tables: written by benchmarks/recall.py -->\n", "<!-- end of tables -->\n"


@dataclass(frozen=True)
class Review:
    """One review: its texts, and which were included."""

    name: str
    texts: list[str]
    relevant: np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Outcome:
    """Where each order of one review ended with one rule: items screened, recall there, and whether it stopped."""

    screened: Indices
    recall: Floats
    stopped: np.ndarray[Any, np.dtype[np.bool_]]


def reviews(path: Path) -> list[Review]:
    """All reviews of the file, by name."""
    rows: dict[str, list[Any]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            rows.setdefault(row["review"], []).append(row)
    return [
        Review(
            name,
            [f"{row['title'] or ''} {row['abstract'] or ''}" for row in those],
            np.array([row["label"] == 1 for row in those]),
        )
        for name, those in sorted(rows.items())
    ]


def ranks_of(scores: Floats) -> Indices:
    """The rank of every item, from 1, for each row of scores, best first."""
    order = np.argsort(-scores, axis=-1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, scores.shape[-1] + 1), axis=-1)
    return ranks


def finish(orders: Screenings, first: Indices) -> Outcome:
    """What was screened and found where each order stopped; all of it where none did."""
    screened = np.where(first > 0, first, orders.n)
    recall = np.count_nonzero(orders.ranks <= screened[:, None], axis=1) / orders.ranks.shape[1]
    return Outcome(screened, recall, screened < orders.n)


Made = Iterator[tuple[str, float, Outcome]]


def by_labels(orders: Screenings, samples: Indices) -> Made:
    """The rules that look at labels alone."""
    for target in TARGETS:
        relevant = orders.ranks.shape[1]
        enough = orders.ranks[:, int(np.ceil(target * relevant - 1e-9)) - 1]
        earliest = orders.looks[np.searchsorted(orders.looks, enough)]
        yield "(the first look at the target)", target, finish(orders, earliest)
        for name, rule in stops.rules(target):
            yield name, target, finish(orders, orders.first(rule(orders)))
        yield "qbcb", target, certified(orders, samples, target)


def certified(orders: Screenings, samples: Indices, target: float) -> Outcome:
    """The rule that looks at a random sample, which is screened, too; all that is relevant in it has been reached."""
    first, size = stops.qbcb(orders, samples, target)
    ends = finish(orders, first)
    beyond = (np.arange(orders.n) < size[:, None]) & (samples > ends.screened[:, None])
    return Outcome(ends.screened + np.count_nonzero(beyond, axis=1), ends.recall, ends.stopped)


def by_probabilities(orders: Screenings, sums: Floats) -> Made:
    """The rules that look at a model's probabilities; ``sums`` (4, K, M)."""
    for target in TARGETS:
        for name, z in (("quant", 0.0), ("quant_ci", 2.0)):
            yield name, target, finish(orders, orders.first(stops.quant(sums, target, z)))


def by_captures(member_ranks: Indices, relevant: Any, batch: int) -> Made:
    """The rules that look at what members of a committee propose; ``member_ranks`` (M, S, N)."""
    best = member_ranks.min(axis=1)  # (M, N): at what depth of the lists each item is proposed
    depths = stops.batches(best.shape[1], max(1, batch // MEMBERS))
    orders = Screenings(best.shape[1], np.sort(best[:, relevant], axis=1), depths)
    rest = best.shape[1] - np.stack([np.searchsorted(np.sort(row), depths, side="right") for row in best], axis=-1)
    captured = stops.captures(member_ranks[:, :, relevant], depths)
    for target in TARGETS:
        for name, z in (("chao", 1.96), ("chao(z=0)", 0.0)):
            first = orders.first(stops.chao(captured, rest, target, z))
            depth = np.where(first > 0, first, orders.n)[:, None]
            screened = np.count_nonzero(best <= depth, axis=1)
            yield name, target, Outcome(screened, finish(orders, first).recall, screened < orders.n)


def synthetic(review: Review, signal: float, args: argparse.Namespace) -> Made:
    """All rules on orders by a score that knows the labels more or less."""
    rng = stream(args.seed, f"recall/{review.name}/{signal:g}", 0)
    y, looks = review.relevant, stops.batches(review.relevant.size, args.batch)
    scores = signal * y + rng.standard_normal((args.orders, y.size))
    ranks = ranks_of(scores)
    orders = Screenings(y.size, np.sort(ranks[:, y], axis=1), looks)
    yield from by_labels(orders, np.take_along_axis(ranks, permutations(args.orders, y.size, rng), axis=1))

    # the score of a relevant item is normal around the signal, that of another around 0
    logits = signal * scores - signal**2 / 2 + np.log(y.mean() / (1 - y.mean()))
    p = 1 / (1 + np.exp(np.sort(-logits, axis=1)))
    until = np.stack([np.cumsum(part, axis=1).T for part in (p, p * (1 - p))])
    yield from by_probabilities(orders, np.concatenate([until[:, looks - 1], until[:, -1:] - until[:, looks - 1]]))
    members = signal * y + rng.standard_normal((args.orders, MEMBERS, y.size))
    yield from by_captures(ranks_of(members), y, args.batch)


def permutations(m: int, n: int, rng: np.random.Generator) -> Indices:
    """``m`` random orders of ``n`` items."""
    return rng.permuted(np.tile(np.arange(n), (m, 1)), axis=1)


def text(review: Review, args: argparse.Namespace) -> Made:
    """The rules on orders by a model of the texts."""
    x, y, looks = features(review.texts), review.relevant, stops.batches(review.relevant.size, args.batch)
    ranks, sums = np.empty((args.text_orders, y.size), np.int64), np.empty((4, looks.size, args.text_orders))
    for run in range(args.text_orders):
        ranks[run], sums[..., run] = screen(x, y, looks, stream(args.seed, f"recall/{review.name}/text", run))
    rng = stream(args.seed, f"recall/{review.name}/samples", 0)
    orders = Screenings(y.size, np.sort(ranks[:, y], axis=1), looks)
    yield from by_labels(orders, np.take_along_axis(ranks, permutations(len(ranks), y.size, rng), axis=1))
    yield from by_probabilities(orders, sums)


def features(texts: list[str]) -> Floats:
    """TF-IDF of words and pairs, reduced, scaled to unit variance on average."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, stop_words="english").fit_transform(texts)
    x = TruncatedSVD(min(FEATURES, words.shape[1] - 1), random_state=0).fit_transform(words)
    return x / x.std()


def screen(x: Floats, y: Any, looks: Indices, rng: np.random.Generator) -> tuple[Indices, Floats]:
    """One screening by relevance feedback: ranks (N,), and at every look the sums that `stops.quant` asks for."""
    from sklearn.linear_model import LogisticRegression

    n = y.size
    order = rng.permutation(n)
    sums = np.zeros((4, looks.size))
    p, trained = np.full(n, 0.5), 0
    for place, at in enumerate(looks):
        seen = order[:at]
        if 0 < y[seen].sum() < at and (at >= 1.5 * trained or at == n):
            p = LogisticRegression(tol=1e-3, max_iter=200).fit(x[seen], y[seen]).predict_proba(x)[:, 1]
            trained = at
            rest = order[at:]
            order[at:] = rest[np.argsort(-p[rest], kind="stable")]
        rest = order[at:]
        sums[:, place] = [value for part in (seen, rest) for value in (p[part].sum(), (p[part] * (1 - p[part])).sum())]
    ranks = np.empty(n, np.int64)
    ranks[order] = np.arange(1, n + 1)
    return ranks, sums


Rows = list[dict[str, Any]]


def row(ranker: str, rule: str, target: float, outcomes: dict[str, tuple[Review, Outcome]]) -> dict[str, Any]:
    """One line of the table: over all orders of all reviews alike."""
    missed = {name: out.stopped & (out.recall < target - 1e-9) for name, (_, out) in outcomes.items()}
    runs = sum(flags.size for flags in missed.values())
    miss = share(int(sum(flags.sum() for flags in missed.values())), runs)
    never = share(int(sum((~out.stopped).sum() for _, out in outcomes.values())), runs)
    worst = max(missed, key=lambda name: missed[name].mean())
    return {
        "ranker": ranker,
        "rule": rule,
        "target": target,
        "reviews": " ".join(outcomes) if len(outcomes) == 1 else f"all {len(outcomes)}",
        "runs": runs,
        "miss_rate": miss.value,
        "miss_low": miss.low,
        "miss_high": miss.high,
        "worst_review": worst,
        "worst_miss_rate": float(missed[worst].mean()),
        "recall": float(np.mean([out.recall.mean() for _, out in outcomes.values()])),
        "screened": float(np.mean([out.screened.mean() / r.relevant.size for r, out in outcomes.values()])),
        "never_rate": never.value,
        "never_low": never.low,
        "never_high": never.high,
    }


def measure(args: argparse.Namespace) -> Rows:
    """All lines: for each ranker, rule and target one over all reviews, then one for each review."""
    outcomes: dict[tuple[str, str, float], dict[str, tuple[Review, Outcome]]] = {}
    for review in reviews(args.data):
        for ranker in (*SIGNALS, "text"):
            begin = time.perf_counter()
            made = text(review, args) if ranker == "text" else synthetic(review, SIGNALS[ranker], args)
            for rule, target, outcome in made:
                outcomes.setdefault((ranker, rule, target), {})[review.name] = (review, outcome)
            print(f"{review.name:25} {ranker:7} {time.perf_counter() - begin:6.1f} s", flush=True)
    together = [row(*key, those) for key, those in outcomes.items()]
    return together + [row(*key, {name: one}) for key, those in outcomes.items() for name, one in those.items()]


def percent(value: float) -> str:
    """A share, in percent."""
    return f"{100 * value:.1f}"


#: The order of the table: what promises something first.
ORDER = ("(the first look at the target)", "cmh", "qbcb")


def table(rows: Rows, ranker: str, target: float) -> str:
    """Markdown: over all reviews, a rule a line."""
    those = [
        line
        for line in rows
        if line["ranker"] == ranker and line["target"] == target and line["reviews"].startswith("all")
    ]
    those.sort(key=lambda line: ORDER.index(line["rule"]) if line["rule"] in ORDER else len(ORDER))
    lines = [
        "| rule | missed | interval | worst review | recall | screened | never stopped | interval |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for line in those:
        rule = line["rule"].replace("(the first look at the target)", "*the first look at the target*")
        cells = [
            rule if rule.startswith("*") else f"`{rule}`",
            percent(line["miss_rate"]),
            f"{percent(line['miss_low'])} to {percent(line['miss_high'])}",
            percent(line["worst_miss_rate"]),
            percent(line["recall"]),
            percent(line["screened"]),
            percent(line["never_rate"]),
            f"{percent(line['never_low'])} to {percent(line['never_high'])}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(rows: Rows, args: argparse.Namespace) -> str:
    """The generated part of docs/recall.md."""
    parts = [
        f"All in %: runs **missed**, which a rule stopped below the target, with the 95 % interval of Clopper and "
        f"Pearson, and in the review where they are most; means of the recall at the stop and of the share screened; "
        f"runs that no rule stopped before the end. {args.orders} orders of each review with the made rankers, "
        f"{args.text_orders} with *text*; a look after every {args.batch} items.\n"
    ]
    for target in TARGETS:
        for ranker in dict.fromkeys(line["ranker"] for line in rows):
            parts.append(f"### Target {target:g}, {ranker} ranker\n\n{table(rows, ranker, target)}\n")
    return "\n".join(parts)


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--text-orders", type=int, default=200)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    args = parser.parse_args()
    rows = measure(args)
    with (args.out / "recall.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in line.items()} for line in rows)
    target = args.out / "recall.md"
    text = target.read_text("utf-8") if target.exists() else BEGIN + END
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    target.write_text(f"{before}\n{page(rows, args)}\n{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
