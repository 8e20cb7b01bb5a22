"""The study of recall rules judges many orders at once; it must say what the rules say, and add up right."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import recall as study
from benchmarks import recall_stops as stops

from claros import stopping
from claros.stopping import first_stop, replay
from claros.stopping.recall import RecallRule

N, R, M, BATCH = 260, 45, 6, 10


def relevant() -> np.ndarray:
    return np.arange(N) < R


def made(signal: float) -> tuple[np.ndarray, stops.Screenings]:
    """Ranks (M, N) of all items in each order, and the screenings."""
    scores = signal * relevant() + np.random.default_rng(3).normal(size=(M, N))
    ranks = study.ranks_of(scores)
    return ranks, stops.Screenings(N, np.sort(ranks[:, :R], axis=1), stops.batches(N, BATCH))


def replayed(rule: stopping.Rule, rounds: list[dict], looks: np.ndarray) -> int:
    stop = first_stop(replay(rule, [rule.observe(**inputs) for inputs in rounds]))
    return 0 if stop is None else int(looks[stop])


def labels_of(ranks: np.ndarray) -> np.ndarray:
    labels = np.zeros(N, dtype=int)
    labels[ranks[:R] - 1] = 1
    return labels


@pytest.mark.parametrize("signal", [4.0, 1.0, 0.0])
@pytest.mark.parametrize("recall", [0.95, 0.8])
def test_orders_stop_in_the_study_where_the_rules_stop_them(signal: float, recall: float) -> None:
    ranks, orders = made(signal)
    for name, judge in stops.rules(recall):
        plain = name.partition("(")[0]
        given = {"recall": recall} if plain in ("cmh", "inhomogeneous_poisson", "curve_fit") else {}
        rule = stopping.get(plain, **given, **({"over": "all"} if "over" in name else {}))
        expected = [
            replayed(rule, [{"labels": labels_of(row)[:n], "n_pool": N} for n in orders.looks], orders.looks)
            for row in ranks
        ]
        assert orders.first(judge(orders)).tolist() == expected, name


@pytest.mark.parametrize("signal", [4.0, 0.0])
def test_samples_certify_in_the_study_where_the_rule_stops(signal: float) -> None:
    ranks, orders = made(signal)
    drawn = study.permutations(M, N, np.random.default_rng(4))
    first, size = stops.qbcb(orders, np.take_along_axis(ranks, drawn, axis=1), 0.8)
    rule = stopping.get("qbcb", recall=0.8)
    for run in range(M):
        sample = drawn[run][: size[run]]
        assert relevant()[sample].sum() == 14
        order = np.argsort(ranks[run])
        rounds = [
            {
                "labels": np.concatenate([relevant()[sample], relevant()[order[:n]]]).astype(int),
                "labeled_at_random": np.concatenate([np.ones(sample.size), 2 * np.isin(order[:n], sample)]).astype(int),
            }
            for n in orders.looks
        ]
        assert replayed(rule, rounds, orders.looks) == first[run]


@pytest.mark.parametrize("z", [0.0, 2.0])
def test_probabilities_stop_in_the_study_where_the_rule_stops(z: float) -> None:
    _, orders = made(3.0)
    p = np.sort(np.random.default_rng(5).beta(0.1, 0.5, size=(M, N)), axis=1)[:, ::-1]
    sums = np.array(
        [[[v for part in (row[:n], row[n:]) for v in (part.sum(), (part * (1 - part)).sum())] for row in p]
         for n in orders.looks]
    ).transpose(2, 0, 1)  # fmt: skip
    rule = stopping.get("quant", recall=0.8, z=z)
    table = np.stack([1 - p, p], axis=-1)
    expected = [
        replayed(rule, [{"labeled_probs": row[:n], "probs": row[n:]} for n in orders.looks], orders.looks)
        for row in table
    ]
    assert orders.first(stops.quant(sums, 0.8, z)).tolist() == expected


@pytest.mark.parametrize("z", [0.0, 1.96])
def test_committees_stop_in_the_study_where_the_rule_stops(z: float) -> None:
    members = study.ranks_of(1.5 * relevant() + np.random.default_rng(6).normal(size=(M, 4, N)))
    depths = stops.batches(N, 3)
    captured = stops.captures(members[:, :, relevant()], depths)
    best = members.min(axis=1)
    rest = np.stack([np.count_nonzero(best > depth, axis=1) for depth in depths])
    orders = stops.Screenings(N, np.sort(best[:, relevant()], axis=1), depths)
    rule = stopping.get("chao", recall=0.9, z=z)
    expected = []
    for run in range(M):
        rounds = []
        for depth in depths:
            seen = np.flatnonzero(best[run] <= depth)
            captures = (members[run][:, seen] <= depth).T.astype(int)
            rounds.append({"labels": relevant()[seen].astype(int), "captures": captures, "n_pool": N})
        expected.append(replayed(rule, rounds, depths))
    assert orders.first(stops.chao(captured, rest, 0.9, z)).tolist() == expected


def test_a_run_that_reached_the_target_or_was_never_stopped_is_not_missed() -> None:
    review = study.Review("made", [], np.array([True, True] + [False] * 8))
    outcome = study.Outcome(np.array([5, 5, 10]), np.array([0.5, 1.0, 1.0]), np.array([True, True, False]))
    line = study.row("strong", "half", 0.8, {"made": (review, outcome)})
    assert (line["runs"], line["miss_rate"], line["never_rate"]) == (3, pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert (line["recall"], line["screened"]) == (pytest.approx(2.5 / 3), pytest.approx(20 / 30))
    # the lower limit of 1 in 3 is the p at which 1 or more in 3 has probability 0.025: 1 - (1 - p)³
    assert line["miss_low"] == pytest.approx(1 - 0.975 ** (1 / 3))


def test_what_a_sample_costs_is_counted() -> None:
    # 4 items, relevant at ranks 1 and 2; at 0.2 and 0.05 the sample needs 2 relevant items (0.2² = 0.04), and both
    # must be reached; it drew ranks 4, 2 and 1 until it had them
    orders = stops.Screenings(4, np.array([[1, 2]]), np.array([1, 2, 3, 4]))
    samples = np.array([[4, 2, 1, 3]])
    assert [part.tolist() for part in stops.qbcb(orders, samples, 0.2)] == [[2], [3]]
    outcome = study.certified(orders, samples, 0.2)
    # stopped after rank 2; rank 4 was labeled in the sample, so 3 are screened
    assert (outcome.screened.tolist(), outcome.recall.tolist(), outcome.stopped.tolist()) == ([3], [1.0], [True])


def test_the_whole_study_runs_on_a_small_file(tmp_path: Path) -> None:
    import gzip
    import json

    words = ["trial", "cohort", "drug", "placebo", "review", "mouse", "child"]
    rng = np.random.default_rng(0)
    with gzip.open(tmp_path / "tar.jsonl.gz", "wt") as file:
        for place in range(120):
            those = [*rng.choice(words, 6), *(["statin"] * (place < 24))]
            row = {"review": "made", "title": " ".join(those), "abstract": None, "label": int(place < 24)}
            file.write(json.dumps(row) + "\n")
    args = Namespace(data=tmp_path / "tar.jsonl.gz", orders=5, text_orders=2, batch=10, seed=0)
    rows = study.measure(args)
    text = study.page(rows, args)
    assert text.count("### Target") == 8
    assert {line["rule"] for line in rows} >= {"cmh", "qbcb", "quant_ci", "chao", "knee"}
    assert all(0 <= line["miss_low"] <= line["miss_rate"] <= line["miss_high"] <= 1 for line in rows)


def test_the_examples_of_the_page_run_and_stop(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[1] / "docs" / "recall.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        names: dict[str, Any] = {"__name__": "example"}
        exec(compile(block, "docs/recall.md", "exec"), names)
        assert names["decision"].stop
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("70 relevant items are found among ")
    assert "of the 20 relevant items of the random sample of" in said[1]


def test_the_page_names_every_rule_for_recall() -> None:
    page = (Path(__file__).parents[1] / "docs" / "recall.md").read_text("utf-8")
    ours = [name for name in stopping.names() if isinstance(stopping.get(name), RecallRule)]
    assert len(ours) == 13
    assert all(f"`{name}`" in page for name in ours)
