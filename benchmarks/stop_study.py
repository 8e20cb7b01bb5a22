"""The study of stopping rules: plan and run its cells, and write its tables for the docs.

    python -m benchmarks.study.sets FILES... --out sets                      # the data sets, each as one small npz
    python -m benchmarks.stop_study run logistic --sets sets --db logistic.sqlite --seeds 6
    python -m benchmarks.stop_study run forest --sets sets --db forest.sqlite --seeds 2
    claros stop bench logistic.sqlite forest.sqlite --out tables
    python -m benchmarks.stop_study tables tables > docs/stopping_evidence.md

Every cell starts at 20 labels (two a class where there are more than ten classes) and takes up to 40 batches of 20,
never more than half of the pool; margin sampling and random sampling; the same command goes on where it was stopped.
Other settings go beside, each into a database and a folder of tables of its own:

    python -m benchmarks.stop_study run logistic --strategies badge k_center --seeds 2 --sets sets --db batches.sqlite
    python -m benchmarks.study.sets FILES... --out large --items 10000
    python -m benchmarks.study.sets FILES... --out images --raw
    python -m benchmarks.stop_study run cnn --names mnist --batch 40 --rounds 20 --seeds 2 --sets images --db cnn.sqlite
    python -m benchmarks.study.pretrain FILES... --out bert
    python -m benchmarks.study.sets FILES... --out texts --raw
    python -m benchmarks.stop_study run hf:bert --names trec6 sst2 cr --seeds 2 --sets texts --db tuned.sqlite \\
        --set model.parameters.learning_rate=5e-4 model.parameters.min_steps=150 model.parameters.max_length=40
    python -m benchmarks.stop_study tables tables --beside "a small CNN=cnn_tables" ...
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from claros import data
from claros.experiment.bench import Store, assist, plan, read_grid

#: Sets that are large enough for forty batches of twenty, of every kind.
SETS = (
    "usps", "mnist", "optdigits", "letter", "adult", "phoneme", "spambase", "nursery", "covtype_6k", "waveform5000",
    "segment", "pneumoniamnist", "trec6", "ag_news_test7600", "imdb9k", "digits", "coin_flip", "cifar10_8k",
    "20newsgroups",
)  # fmt: skip
#: Those that models which take longer to train are run on.
FEWER = (
    "usps", "mnist", "optdigits", "letter", "adult", "phoneme", "spambase", "nursery", "covtype_6k", "waveform5000",
    "segment", "trec6", "ag_news_test7600", "coin_flip",
)  # fmt: skip
BATCH, ROUNDS = 20, 40

#: Arms whose rows the docs show even where others are better.
SHOWN = 14

NOTICE = "<!-- Written by benchmarks/stop_study.py from the tables of claros stop bench; run it again, do not edit. -->"

INTRO = """# What the stopping rules are worth

Recorded runs of margin and random sampling on many data sets, each to its end, and every rule asked afterwards when it
would have stopped: [how](stopping.md#which-rule-is-worth-following), and
[with which runs](../benchmarks/stop_study.py). Regret is the log of the cost at the stop over the best cost of the same
run; prices are absolute, from 0.00001 to 0.003 of all accuracy a label; constants are found on other data sets than
those they are judged on. The advisor's own form and constants, its interval and the price that it assumes were chosen
with most of these runs in sight, so look at `advisor + price`, its signal with a constant found elsewhere, and at data
of your own. These are small models with up to 820 labels, but for those under "Elsewhere".

**Where the advisor is not good:** a small BERT that is fine-tuned anew each round changes its mind with the seed of its
training, far more than with the labels. There the advisor foresees too much, goes on for too long, and is worse than
the rule that looks at no data."""


def run(args: argparse.Namespace) -> None:
    """Plan what is not there, and run what is not done."""
    names = args.names or (SETS if args.model == "logistic" else FEWER)
    with Store(f"sqlite:///{args.db.absolute()}") as store:
        for name in names:
            file = next(args.sets.glob(f"{name}.*"), None)
            if file is None:
                raise SystemExit(f"{args.sets} has no {name}; benchmarks.study.sets makes it.")
            pool, _ = data.load(file)
            start = max(20, 2 * len(pool.classes))
            rounds = min(args.rounds, (len(pool) // 2 - start) // args.batch)
            size = {"start": start, "batch": args.batch, "rounds": rounds, "seed": args.first, "seeds": args.seeds}
            common = {"model": args.model, "strategy": args.strategies, "watch": [], "upper_bound": False}
            plan(read_grid(settings=args.set, flags={**common, **size, "data": str(file), "evidence": True}), store)
        assist(store, jobs=args.jobs)


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(text: str, digits: int = 3, sign: str = "") -> str:
    return f"{float(text):{sign}.{digits}f}" if text else ""


def percent(text: str) -> str:
    return f"{100 * float(text):.0f} %" if text else ""


def interval(row: Mapping[str, str], low: str = "low", high: str = "high", digits: int = 3) -> str:
    return f"{number(row[low], digits)} to {number(row[high], digits)}" if row[low] else ""


def regret(found: list[dict[str, str]]) -> str:
    """Mean regret over all prices, of all models and of each."""
    over_prices = [row for row in found if not row["price"] and row["strategy"] == "all"]
    models = [name for name in dict.fromkeys(row["model"] for row in over_prices) if name != "all"]
    by_model = {(row["model"], row["arm"]): row for row in over_prices}
    total = sorted((row for row in over_prices if row["model"] == "all"), key=lambda row: float(row["regret"]))
    parts = []
    for kind, about in KINDS.items():
        body = [
            [
                f"`{row['arm']}`",
                number(row["regret"]),
                interval(row),
                number(row["ratio"], 2),
                interval(row, "ratio_low", "ratio_high", 2),
                percent(row["never"]),
                *(number(by_model.get((model, row["arm"]), {}).get("regret", "")) for model in models),
            ]
            for row in total
            if row["kind"] == kind
        ][:SHOWN]
        header = ["rule", "regret", "95 % interval", "advisor's regret over it", "interval", "never stopped", *models]
        if body:
            parts += [f"### {about}", table(header, body)]
    sets, runs = total[0]["sets"], total[0]["runs"]
    return "\n\n".join([f"## What stopping by a rule costs\n\n{sets} data sets, {runs} runs.", *parts])


#: Kinds of arms in the order of the page, and their headings.
KINDS = {
    "told the price": "Told the price",
    "signal, told the price": "A published signal, told the price, with the constant that is best elsewhere",
    "no data, told the price": "Told the price, and looking at no data",
    "as published": "As published, not told the price",
    "beyond reach": "Beyond reach",
}


def correlations(found: list[dict[str, str]]) -> str:
    """Absolute correlation of what rules watch with the true accuracy, beside the published figures."""
    models = list(dict.fromkeys(row["model"] for row in found if row["model"] != "all"))
    margin = {(row["rule"], row["model"]): row for row in found if row["strategy"] == "margin"}
    published = {"logistic": "svm", "forest": "rf", "mlp": "nn"}
    rules = list(dict.fromkeys(row["rule"] for row in found))
    rules.sort(key=lambda rule: -max(float(margin[rule, m]["correlation"] or 0) for m in models if (rule, m) in margin))
    body = []
    for rule in rules:
        cells = [f"`{rule}`"]
        for model in models:
            row = margin.get((rule, model))
            theirs = "" if row is None else number(row.get(published.get(model, ""), "") or "", 2)
            cells += ["" if row is None else f"{number(row['correlation'], 2)} ± {number(row['sem'], 2)}", theirs]
        body.append(cells)
    header = ["rule", *(part for model in models for part in (model, "published"))]
    about = (
        "## What moves with the accuracy\n\nMean over data sets, with its standard error, of the absolute correlation "
        "between what a rule watches and the test accuracy, under margin sampling; beside it what Pullar-Strecker et "
        "al. (2022) published for a support vector machine, a forest and a network."
    )
    return f"{about}\n\n{table(header, body)}"


def first_stops(found: list[dict[str, str]]) -> str:
    """How often the first stop of a run was right."""
    chosen = [row for row in found if row["model"] == row["strategy"] == "all" and row["kind"] == "told the price"]
    body = [
        [f"`{row['arm']}`", row["stops"], percent(row["right"]), f"{percent(row['low'])} to {percent(row['high'])}",
         number(row["wrong_net_points"], 1), number(row["wrong_accuracy_points"], 1)]
        for row in chosen
    ]  # fmt: skip
    header = ["rule", "stops", "right", "95 % interval", "a wrong one costs, points", "in accuracy alone"]
    return (
        "## How often the first stop is right\n\nRight: the cheapest round of the run was not still to come.\n\n"
        + table(header, body)
    )


def gains(found: list[dict[str, str]]) -> str:
    """Coverage of the advisor's interval, over sets and on each."""
    chosen = [row for row in found if row["model"] == row["strategy"] == "all"]
    chosen.sort(key=lambda row: row["data"] == "all")
    body = [
        [row["data"], percent(row["coverage"]), number(row["width_points"], 1), number(row["bias_points"], 1, "+"),
         row["rounds"]]
        for row in chosen
    ]  # fmt: skip
    header = ["data", "covered", "width, points", "bias, points", "rounds"]
    return (
        "## Does twice the labels bring what the advisor says?\n\nHow often its 80 % interval held what twice the "
        "labels brought in test accuracy. The test part of pneumoniamnist has other class shares than its pool.\n\n"
        + table(header, body)
    )


def beside(name: str, folder: Path) -> list[str]:
    """What holds in another setting: a row."""
    found = [row for row in rows(folder, "regret") if row["model"] == row["strategy"] == "all" and not row["price"]]
    by_arm = {row["arm"]: row for row in found}
    signals = [row for row in found if row["kind"] == "signal, told the price"]
    best = min(signals, key=lambda row: float(row["regret"]), default=None)
    clear = next((row for row in rows(folder, "first_stops") if row["arm"] == "advisor: clear stop"), {})
    gain = next((row for row in rows(folder, "gains") if row["data"] == "all"), None) or rows(folder, "gains")[0]
    advisor, blind = by_arm["advisor"], by_arm.get("price x labels", {})
    return [
        name, advisor["sets"], advisor["runs"], f"{number(advisor['regret'])} ({interval(advisor)})",
        number(blind.get("regret", "")), "" if best is None else f"{number(best['regret'])} ({best['arm']})",
        percent(clear.get("right", "")), percent(gain["coverage"]), number(gain["bias_points"], 1, "+"),
    ]  # fmt: skip


def others(named: Sequence[str]) -> str:
    """A row for each other setting, ``NAME=FOLDER``."""
    header = ["setting", "sets", "runs", "advisor's regret", "no data", "best published signal",
              "first clear stop right", "80 % interval covers", "bias, points"]  # fmt: skip
    body = [beside(name, Path(folder)) for name, _, folder in (one.partition("=") for one in named)]
    about = (
        "Other settings, each by itself, with constants found within it. The networks had two seeds and up "
        "to 620 labels in batches of 40: the convolutional one on mnist, usps and pneumoniamnist, the other on trec6, "
        "sst2, cr, ag_news_test7600 and banking77 (from a checkpoint of `benchmarks/study/pretrain.py`), of which it "
        "hardly learned the last."
    )
    return f"## Elsewhere\n\n{about}\n\n{table(header, body)}"


def page(folder: Path, named: Sequence[str]) -> str:
    """The whole page."""
    verdicts = table(
        ["verdict", "rounds", "cheapest round past"],
        [
            [row["verdict"] or "too early to say", row["rounds"], percent(row["past"])]
            for row in rows(folder, "verdicts")
        ],
    )
    parts = [NOTICE, INTRO, regret(rows(folder, "regret")), first_stops(rows(folder, "first_stops")),
             f"## What the verdicts are worth\n\n{verdicts}", gains(rows(folder, "gains")),
             *([others(named)] if named else []), correlations(rows(folder, "correlations"))]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run")
    one.add_argument("model", help="logistic, forest, mlp, cnn, or any other model")
    one.add_argument("--sets", type=Path, required=True, help="folder that benchmarks.study.sets wrote")
    one.add_argument("--db", type=Path, required=True, help="results database")
    one.add_argument("--seeds", type=int, default=6)
    one.add_argument("--first", type=int, default=0, help="the first seed, where earlier ones are in another database")
    one.add_argument("--jobs", type=int, default=2)
    one.add_argument("--names", nargs="+", help="these sets instead of those that the model is known for")
    one.add_argument("--strategies", nargs="+", default=["margin"], help="beside random")
    one.add_argument("--batch", type=int, default=BATCH)
    one.add_argument("--rounds", type=int, default=ROUNDS)
    one.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="as of claros bench run")
    two = commands.add_parser("tables")
    two.add_argument("folder", type=Path, help="what claros stop bench wrote")
    two.add_argument("--beside", nargs="+", default=[], metavar="NAME=FOLDER", help="the same of other settings")
    args = parser.parse_args()
    if args.command == "run":
        run(args)
    else:
        print(page(args.folder, args.beside), end="")


if __name__ == "__main__":
    main()
