"""Every sentence of the report against numbers worked out by hand, on a run small enough to do so.

Two strategies, two seeds, rounds with 10, 20 and 30 labels, classes cat and dog, four test items. Accuracies:

    margin  seed 0: 0.5 0.7 0.9    seed 1: 0.5 0.8 0.9     means 0.5 0.75 0.9    mean level (0.7 + 0.75) / 2 = 0.725
    random  seed 0: 0.5 0.6 0.7    seed 1: 0.5 0.6 0.9     means 0.5 0.6  0.8    mean level (0.6 + 0.65) / 2 = 0.625
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from claros import report
from claros.report import contents
from claros.report.compared import areas, compare_all, reach, target
from claros.report.items import Items
from claros.report.load import Run, read
from claros.report.look import styles
from claros.report.picks import count_picks
from claros.report.sections import (
    about,
    answer,
    calibration,
    confusion,
    criteria,
    curves,
    picked,
    stopping,
    table,
    time,
)
from claros.report.sections.section import View
from claros.report.stops import find_stops

ACCURACY = {
    ("margin", 0): (0.5, 0.7, 0.9),
    ("margin", 1): (0.5, 0.8, 0.9),
    ("random", 0): (0.5, 0.6, 0.7),
    ("random", 1): (0.5, 0.6, 0.9),
}
#: The round from which on stabilizing_predictions says stop; no entry: never.
STOPPED = {("margin", 0): 1, ("margin", 1): 2}
#: Classes picked in each round after the start.
PICKED = {"margin": ("cat", "cat", "cat", "dog"), "random": ("cat", "cat", "dog", "dog")}
#: Predicted codes of the last round; all with a confidence of 0.8. True are 0 0 0 1.
PREDICTED = {("margin", 0): (0, 1, 0, 1), ("margin", 1): (0, 1, 1, 1)}


@pytest.fixture
def tiny(tmp_path: Path, folder: Any) -> Path:
    tables: dict[str, list[dict[str, Any]]] = {"results": [], "per_class": [], "picks": [], "rules": []}
    for (strategy, seed), accuracies in ACCURACY.items():
        for number, accuracy in enumerate(accuracies):
            cell = {"strategy": strategy, "seed": seed, "round": number, "n_labeled": 10 * (number + 1)}
            seconds = {"train": 0.3, "predict": 0.1, "select": 0.05, "evaluate": 0.04, "rest": 0.01}
            ece = 0.05 if seed == 0 else 0.15
            tables["results"].append(
                {**cell, "accuracy": accuracy, "macro_f1": accuracy, "nll": 1.0, "ece": ece}
                | {f"seconds_{phase}": taken for phase, taken in seconds.items()}
            )
            for name in ("cat", "dog"):
                tables["per_class"].append({**cell, "class": name, "precision": 0.5, "recall": 0.25, "f1": 1 / 3})
            for place, name in enumerate(PICKED[strategy] if number else ("cat", "dog")):
                source = "strategy" if number else "start"
                tables["picks"].append({**cell, "item": f"{number}-{place}", "class": name, "source": source})
            stops = number >= STOPPED.get((strategy, seed), 9)
            for rule, stop, threshold in (
                ("stabilizing_predictions", stops, 0.99),
                ("overall_uncertainty", False, 0.1),
            ):
                ready = number > 0
                tables["rules"].append(
                    {**cell, "rule": rule, "ready": ready, "stop": stop, "threshold": threshold, "reason": "by hand"}
                    | ({"value": 0.9 + 0.05 * number} if ready else {})
                )
    probs = {
        (strategy, seed, 2): np.array([[0.8, 0.2] if code == 0 else [0.2, 0.8] for code in codes])
        for (strategy, seed), codes in PREDICTED.items()
    }
    data = {"name": "pets", "n_pool": 1348, "n_test": 4, "classes": ["cat", "dog"], "left_out": 1, "duplicates": 2}
    facts = {"config": {"stop": None}, "data": data, "claros": "9.9"}
    return folder(tmp_path / "run", facts=facts, tables=tables, test_labels=np.array([0, 0, 0, 1]), test_probs=probs)


@pytest.fixture
def run(tiny: Path) -> Run:
    return read(tiny)


def view(run: Run) -> View:
    return View(run, styles(run.strategies, run.control), Items(None, "gone"), tuple(compare_all(run)))


def test_learning_curves_say_where_each_strategy_ended(run: Run) -> None:
    assert curves.finding(run) == "With 30 labels, margin is at 90.0 % and random is at 80.0 %."


def test_a_bracket_in_a_name_is_no_interval(tmp_path: Path, drawn: Any) -> None:
    out = drawn(tmp_path / "run", strategies=("badge(temperature=0.5)", "random"), seeds=1, rounds=2)
    assert "in brackets" not in curves.finding(read(out))
    assert "in brackets" in curves.finding(read(drawn(tmp_path / "more", seeds=3, rounds=2)))


def test_arms_with_one_point_in_common_are_said_to_have_it(tmp_path: Path, drawn: Any) -> None:
    out = drawn(tmp_path / "run", strategies=("margin", "random"), seeds=1, rounds=0)
    assert compare_all(read(out))[0].sentence == (
        "Margin and random share one count of labels only (20): there are no curves to compare."
    )


def test_two_seeds_are_too_few_to_tell(run: Run) -> None:
    assert answer.finding(run, compare_all(run)) == "2 seeds are too few to tell margin from random."
    assert "too few seeds (2)" in compare_all(run)[0].sentence


def test_levels_target_and_labels_to_reach_it(run: Run) -> None:
    assert areas(run, "margin") == pytest.approx([0.7, 0.75])
    assert areas(run, "random") == pytest.approx([0.6, 0.65])
    goal = target(run)
    assert goal == pytest.approx(0.5 + 0.9 * (0.8 - 0.5))
    assert reach(run, "margin", 0.77) == pytest.approx(20 + 10 * (0.77 - 0.75) / (0.9 - 0.75))
    assert reach(run, "random", 0.95) is None


def test_the_table_says_mean_levels_best_first(run: Run) -> None:
    section = table.build(view(run))
    assert section.finding == "Averaged over the whole curve, margin is at 72.5 %, random at 62.5 %."
    assert section.body.index(">margin<") < section.body.index(">random<")
    for said in ("20 labels", "<b>75.0 %</b>", "60.0 %", "labels to 77.0 %", "<b>21</b>", "too few seeds"):
        assert said.replace(" labels", "\u00a0labels").replace(" %", "\u00a0%") in section.body, said


def test_stops_are_counted_and_priced(run: Run) -> None:
    stops = find_stops(run, "margin", "stabilizing_predictions")
    assert stops.labels.tolist() == [20, 30]
    assert stops.median == 25
    assert stops.saved == 5  # median of 10 and 0
    assert stops.against_end == pytest.approx(-0.1)  # mean of 0.7 - 0.9 and 0
    assert find_stops(run, "random", "stabilizing_predictions").median is None


def test_stop_advice_and_its_price_in_words(run: Run) -> None:
    assert stopping.advice(run) == (
        "Stop advice of stabilizing_predictions: margin at 25 labels (80.0 %, 5 labels before the end and 10.0 points "
        "below it); medians of 2 seeds."
    )
    assert stopping.finding(run) == (
        "stabilizing_predictions stopped in 2 of 2 runs of margin, 5 labels before the end and 10.0 points below it; "
        "overall_uncertainty never stopped."
    )


def test_a_rule_that_most_seeds_never_heed_gives_no_vertical_line(run: Run) -> None:
    rounds = run.rules["round"]
    run.rules["stop"][(run.rules["strategy"] == "margin") & (run.rules["seed"] == 1)] = False
    run.rules["stop"][(run.rules["seed"] == 0) & (rounds == 1) & (run.rules["rule"] == "overall_uncertainty")] = False
    stops = find_stops(run, "margin", "stabilizing_predictions")
    assert (stops.n_stopped, stops.n_never, stops.median) == (1, 1, None)
    assert stops.saved == 5  # median of 10 and, where it went on to the end, 0
    assert stops.against_end == pytest.approx(-0.1)  # mean of 0.7 - 0.9 and 0
    assert stopping.advice(run) == "Stop advice of stabilizing_predictions: margin in 1 of 2 seeds."
    assert stopping.finding(run).startswith("stabilizing_predictions stopped in 1 of 2 runs of margin; ")
    assert "not by the end" in stopping.build(view(run)).body
    said = "would have stopped no more than half of the seeds, so there is no vertical line: margin in 1 of 2 seeds."
    assert said in curves.build(view(run)).body.replace("\u00a0", " ")


def test_rules_that_never_stopped_are_named_beneath_the_table(run: Run) -> None:
    body = stopping.build(view(run)).body
    assert "Never stopped: stabilizing_predictions (random) and overall_uncertainty (any strategy)." in body
    assert "never</td>" not in body
    again = read(run.folder)
    again.rules["stop"][:] = False
    assert "<table" not in stopping.build(view(again)).body


def test_the_mark_of_a_stop_lies_on_its_learning_curve(run: Run) -> None:
    axes = curves._paint(run, styles(run.strategies, run.control), "accuracy", 800).axes[0]
    marks = [line for line in axes.lines if [*line.get_xdata()] == [25]]
    assert [line.get_ydata() for line in marks] == [[pytest.approx((0.75 + 0.9) / 2)]]


def test_two_arms_have_no_section_of_pairs(tmp_path: Path, drawn: Any) -> None:
    ids = [one.id for one in contents.build(read(drawn(tmp_path / "two", strategies=("margin", "random"), rounds=2)))]
    assert "pairs" not in ids
    assert "pairs" in [one.id for one in contents.build(read(drawn(tmp_path / "three", rounds=2)))]


def test_a_rule_that_stopped_only_random_is_not_said_to_have_never_stopped(run: Run) -> None:
    stops = (run.rules["rule"] == "overall_uncertainty") & (run.rules["round"] == 2)
    run.rules["stop"][stops & (run.rules["strategy"] == "random")] = True
    assert stopping.finding(run).endswith("; overall_uncertainty stopped random only.")


def test_picks_are_counted_by_round_and_class_and_compared(run: Run) -> None:
    picks = count_picks(run, "margin")
    assert picks.rounds == [0, 1, 2]
    assert picks.counts.tolist() == [[1, 1], [3, 1], [3, 1]]
    assert picks.chosen.tolist() == [6, 2]
    said = picked.finding(run, {})
    assert said == "Margin asked most beyond its share for cat (75.0 % of its picks, 50.0 % with random)."
    assert "75.0 % of its picks, 25.0 % in the pool" in picked.finding(run, {"cat": 1, "dog": 3})
    assert "share for dog (25.0 % of its picks, 10.0 % in the pool)" in picked.finding(run, {"cat": 9, "dog": 1})


def test_confusions_are_summed_over_seeds(run: Run) -> None:
    matrix = confusion.confusion_matrix(run, "margin")
    assert matrix is not None
    assert matrix.tolist() == [[3, 3], [0, 2]]
    assert confusion.confusion_matrix(run, "random") is None  # its predictions were not kept
    assert confusion.worst(matrix, 5) == [(0, 1, 3)]
    assert confusion.finding(run, {"margin": matrix}) == (
        "The last model of margin most often takes cat for dog: 3 of 6 test items of that class (50.0 %), "
        "all seeds together."
    )


def test_overconfidence_is_said_with_its_error(run: Run) -> None:
    bins = calibration.pooled(run, "margin")
    assert bins is not None
    assert bins.count.sum() == 8
    assert calibration.finding(run, {"margin": bins}) == (
        "The last model of margin is overconfident by 17.5 points (80.0 % sure, 62.5 % right; "
        "expected calibration error 10.0 %)."
    )


def test_time_is_said_in_shares_and_a_round(run: Run) -> None:
    assert time.finding(run) == "Training takes 60.0 % of the time; choosing takes 10.0 %, 50 ms a round at most."


def test_how_it_was_run_names_what_was_left_out(run: Run) -> None:
    assert about.finding(run).replace("\u202f", " ") == (
        "2 strategies with 2 seeds; 1 348 items in the pool; 4 items to test on; 2 exact duplicates, asked once; "
        "1 item left out because the test set has the same (Claros 9.9)."
    )


def test_summary_gives_the_verdict_the_advice_and_the_ends(tiny: Path) -> None:
    sentences = report.summary(tiny)
    assert sentences[0].startswith("Margin against random: too few seeds (2)")
    assert sentences[1].startswith("Stop advice of stabilizing_predictions: margin at 25 labels")
    assert "With 30 labels, margin is at 90.0 % and random is at 80.0 %." in sentences
    assert all(sentence.endswith(".") and "nan" not in sentence.lower() for sentence in sentences)


def test_equal_arms_are_not_distinguishable_from_random(tmp_path: Path, drawn: Any) -> None:
    out = drawn(tmp_path / "run", strategies=("margin", "random"), seeds=10, rounds=6, lift={"margin": 0.0})
    assert report.summary(out)[0] == "Margin is not distinguishable from random (10 seeds)."


def test_a_faster_arm_is_better_and_says_what_it_saves(tmp_path: Path, drawn: Any) -> None:
    out = drawn(tmp_path / "run", strategies=("margin", "random"), seeds=10, rounds=8, lift={"margin": 0.8})
    compared = compare_all(read(out))
    assert answer.finding(read(out), compared) == "Margin is better than random (10 seeds)."
    assert "saves" in compared[0].sentence


def test_a_rule_that_ends_the_run_is_the_one_that_advises(tmp_path: Path, drawn: Any) -> None:
    out = drawn(tmp_path / "run", seeds=2, config={"stop": {"name": "overall_uncertainty", "parameters": {}}})
    assert stopping.advice(read(out)).startswith("Stop advice of overall_uncertainty:")


@pytest.mark.parametrize("told", [{}, {"price": 0.2, "worth": 10}])
def test_of_the_advisor_the_page_draws_what_twice_the_labels_would_bring(
    tmp_path: Path, drawn: Any, told: dict[str, float]
) -> None:
    config = {"watch": [{"name": "advisor"}], **told}
    out = drawn(tmp_path / "run", strategies=("margin", "random"), seeds=1, rounds=6, rules=("advisor",), config=config)
    shown = view(read(out))
    if not told:
        shown.run.rules["threshold"][:] = np.nan
    assert ("the next label no longer pays" in stopping.build(shown).body) == bool(told)
    value = read(out).rule_curve("margin", "advisor", "value").ready
    slope = value.labels * value.values[0] * (told["price"] / told["worth"] if told else 1.0)  # in points
    figure = criteria.drawing(shown, ["advisor"])
    axes = figure.painted().axes[0]
    (line,) = (one for one in axes.lines if one.get_color() == shown.styles["margin"].colour)
    assert line.get_xdata() == pytest.approx(value.labels)
    assert line.get_ydata() == pytest.approx(math.log(2) * slope)
    assert len(axes.collections) == 1  # the control has no band
    behind = figure.behind()
    mine = [place for place, name in enumerate(behind["strategy"]) if name == "margin"]
    assert np.array(behind["gain"])[mine][-len(slope) :] == pytest.approx(math.log(2) * slope / 100)


def test_random_under_a_label_of_its_own_is_still_the_control(tmp_path: Path, drawn: Any) -> None:
    arms = [{"name": "margin"}, {"name": "random", "label": "by chance"}]
    out = drawn(tmp_path / "run", strategies=("margin", "by chance"), seeds=2, config={"strategy": arms})
    run = read(out)
    assert (run.control, run.queried) == ("by chance", ["margin"])
    assert styles(run.strategies, run.control)["by chance"].variable == "var(--control)"
