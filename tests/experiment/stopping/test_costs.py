"""What stopping costs, by numbers worked out by hand."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from made_runs import ACCURACY, LABELS, made, said

from claros import stopping
from claros.experiment.stopping.arms import BLIND, HINDSIGHT, PRICED, SLOPES, TRUE_SLOPE, Field, arms_of
from claros.experiment.stopping.costs import NEVER, costs, first_places, regrets
from claros.experiment.stopping.first_stops import first_stop_rows
from claros.experiment.stopping.gains import gain_rows, gained
from claros.experiment.stopping.regret import constant_rows, ranks_of, regret_rows
from claros.experiment.stopping.signals import limits_met, per_label, true_slope
from claros.experiment.stopping.watched import Advice

PRICES = (0.001, 0.01)
# errors .5 .3 .2 .15 .14 and 10 20 40 80 160 labels:
#   at .001 a label  .51 .32 .24 .23 .30, the best is place 3
#   at .01  a label  .6  .5  .6  .95 1.74, the best is place 1
COSTS = [[0.51, 0.32, 0.24, 0.23, 0.30], [0.6, 0.5, 0.6, 0.95, 1.74]]
NEVER_STOPPED = (log(0.30 / 0.23) + log(1.74 / 0.5)) / 2


def test_a_stop_costs_its_errors_and_its_labels() -> None:
    np.testing.assert_allclose(costs(LABELS, ACCURACY, PRICES), COSTS)


def test_regret_is_the_log_of_the_cost_over_the_best_of_the_run_and_who_never_stops_pays_to_the_end() -> None:
    found = regrets(np.array(COSTS), np.array([[2, 2], [3, 1], [NEVER, NEVER]]))
    np.testing.assert_allclose(found, [[log(24 / 23), log(1.2)], [0, 0], [log(30 / 23), log(3.48)]], atol=1e-12)


def test_a_rule_that_never_stopped_has_no_place() -> None:
    # the index of the largest of all-false is 0: a known way to count rules that never stop as the first ones
    assert first_places(np.array([[False, False], [False, True]])).tolist() == [NEVER, 1]


def test_regret_of_rules_is_that_of_their_first_stop() -> None:
    runs = [made({"early": said([0] * 5, [2, 4]), "never": said([0] * 5)})]
    rules = {"early": stopping.get("budget", labels=1), "never": stopping.get("budget", labels=1)}
    field = Field(runs, PRICES)
    rows = {(row["arm"], row["price"]): row for row in regret_rows(field, arms_of(field, rules))}
    assert rows["early", 0.001]["regret"] == pytest.approx(log(24 / 23))
    assert rows["early", 0.01]["regret"] == pytest.approx(log(1.2))
    assert rows["early", None]["regret"] == pytest.approx((log(24 / 23) + log(1.2)) / 2)
    assert rows["early", None]["never"] == 0
    assert rows["never", None]["regret"] == pytest.approx(NEVER_STOPPED)
    assert rows["never", None]["never"] == 1
    # place 1 has a mean of .17 over both prices, place 2 .11, place 3 .32: so 2 is the best single stop
    assert rows[HINDSIGHT, None]["regret"] == pytest.approx((log(24 / 23) + log(1.2)) / 2)


def test_a_set_counts_once_however_many_runs_it_has() -> None:
    one, other = said([0] * 5, [3]), said([0] * 5)
    runs = [made({"rule": one}, "a", seed=seed) for seed in range(3)] + [made({"rule": other}, "b")]
    field = Field(runs, (0.001,))
    arms = [arm for arm in arms_of(field, {"rule": stopping.get("budget", labels=1)}) if arm.name == "rule"]
    (row,) = (row for row in regret_rows(field, arms) if row["price"] is None)
    assert row["regret"] == pytest.approx(log(30 / 23) / 2)
    assert row["low"] == 0
    assert row["high"] == pytest.approx(log(30 / 23))
    assert (row["sets"], row["runs"]) == (2, 4)


def test_the_advisor_s_share_of_an_arm_s_regret_has_an_interval_over_the_same_sets() -> None:
    told = np.zeros((1, 5), dtype=bool)
    told[0, 2] = True
    both = {"advisor": said([0] * 5), "never": said([0] * 5)}
    runs = [made(both, data, told={"advisor": told}) for data in "abc"]
    field = Field(runs, (0.001,))
    arms = arms_of(field, {"advisor": stopping.get("advisor"), "never": stopping.get("budget", labels=1)})
    row = next(row for row in regret_rows(field, arms) if row["arm"] == "never" and row["price"] is None)
    assert row["ratio"] == pytest.approx(log(24 / 23) / log(30 / 23))  # the same in every set, so in every draw
    assert row["ratio_low"] == pytest.approx(row["ratio"])
    assert row["ratio_high"] == pytest.approx(row["ratio"])


def random_runs(sets: int = 4) -> list:
    """Runs of random curves, with the uncertainty that goes with them."""
    rng = np.random.default_rng(0)
    runs = []
    for place in range(2 * sets):
        n = np.cumsum(rng.integers(5, 30, size=12))
        accuracy = np.sort(rng.random(12)) * 0.4 + 0.5
        values = (1 - accuracy) * rng.uniform(0.5, 2, size=12)
        values[:2] = np.nan
        runs.append(made({"overall_uncertainty": said(values)}, "abcdefgh"[place // 2], n=n, accuracy=accuracy))
    return runs


def stopped(run: object, slope: float, form: str, price: float) -> int:
    """Where a slope of so much times the signal stops, round by round."""
    values, n = run.said["overall_uncertainty"].value, run.n_labeled
    pays = []
    for t in range(len(n)):
        seen = [v for v in values[max(0, t - 2) : t + 1] if not np.isnan(v)]
        now = values[t] if form == "plain" else np.mean(seen) if seen else np.nan
        pays.append(np.isnan(values[t]) or slope * now > price * n[t])
    needed = 1 if form == "plain" else 2
    ends = [t for t in range(needed - 1, len(n)) if not any(pays[t - needed + 1 : t + 1])]
    return ends[0] if ends else NEVER


def test_constants_are_the_best_on_all_other_sets_by_brute_force() -> None:
    runs, rules = random_runs(), {"overall_uncertainty": stopping.get("overall_uncertainty")}
    field = Field(runs, PRICES)
    arm = next(arm for arm in arms_of(field, rules) if arm.name == PRICED.format("overall_uncertainty"))
    for data in "abcd":
        totals = {}
        for form in ("plain", "smoothed"):
            for slope in SLOPES:
                by_set: dict[str, list[float]] = {}
                for run, cost in zip(runs, field.costs, strict=True):
                    places = np.array([stopped(run, slope, form, price) for price in PRICES])
                    by_set.setdefault(run.key.data, []).append(float(regrets(cost, places).mean()))
                others = [np.mean(values) for name, values in by_set.items() if name != data]
                totals[float(slope), form] = np.mean(others)
        chosen = arm.constants[data]
        assert totals[chosen.value, chosen.form] == pytest.approx(min(totals.values()))
        for run, places in zip(runs, arm.places, strict=True):
            if run.key.data == data:
                assert places.tolist() == [stopped(run, chosen.value, chosen.form, price) for price in PRICES]
    assert {row["data"] for row in constant_rows([arm])} == set("abcd")


def test_the_rule_that_looks_at_no_data_stops_where_price_times_labels_reaches_its_constant() -> None:
    field = Field(random_runs(), PRICES)
    arm = next(arm for arm in arms_of(field, {}) if arm.name == BLIND)
    for run, places in zip(field.runs, arm.places, strict=True):
        level = arm.constants[run.key.data].value
        for price, place in zip(PRICES, places, strict=True):
            reached = np.flatnonzero(run.n_labeled >= level / price)
            assert place == (reached[0] if reached.size else NEVER)


def test_with_one_data_set_nothing_that_needs_a_constant_is_compared() -> None:
    field = Field([made({"overall_uncertainty": said([0.5] * 5)})], PRICES)
    names = [arm.name for arm in arms_of(field, {"overall_uncertainty": stopping.get("overall_uncertainty")})]
    assert names == ["overall_uncertainty", HINDSIGHT]


def test_an_arm_that_some_runs_cannot_feed_is_not_compared_with_those_that_all_feed() -> None:
    runs = [made({"rule": said([0] * 5, why="It needs more.")}, "a"), made({"rule": said([0] * 5, [1])}, "b")]
    field = Field(runs, PRICES)
    assert "rule" not in {row["arm"] for row in regret_rows(field, arms_of(field, {"rule": stopping.get("half")}))}


def test_figures_stop_where_they_first_are_at_most_a_limit_also_when_they_rise_again() -> None:
    figures = np.array([np.inf, 3.0, 1.0, 2.0, 0.5])
    assert limits_met(figures, np.array([4.0, 3.0, 1.5, 0.7, 0.1])).tolist() == [1, 1, 2, 4, 5]
    smooth = per_label(np.array([np.nan, 3.0, 1.0, 2.0]), np.ones(4), "smoothed")
    # means of the last three that are known: 3, 2, 2; twice in a row takes the larger of a round and the one before
    assert smooth.tolist() == [np.inf, np.inf, 3.0, 2.0]


def test_the_true_slope_is_what_a_line_in_log_labels_has() -> None:
    n = np.array([10.0, 20.0, 40.0, 80.0, 160.0])
    slope = true_slope(n, 0.3 + 0.1 * np.log(n))
    # means of three neighbours lie on the line again, but at both ends
    np.testing.assert_allclose(slope[1:3], 0.1)
    assert np.isnan(slope[-1])


def test_a_first_stop_is_right_if_the_optimum_is_not_still_to_come_and_a_wrong_one_says_its_cost() -> None:
    told = np.zeros((2, 5), dtype=bool)
    told[0, 2] = told[1, 1] = True  # a round too early at .001: .24 for .23, with .80 for .85; on time at .01
    verdict = np.full((2, 5), "go on", dtype="<U16")
    verdict[0, 4] = "stop"
    nothing = np.full(5, np.nan)
    advice = Advice(verdict, nothing, nothing, nothing)
    run = made({"advisor": said([0] * 5)}, told={"advisor": told}, advice={"advisor": advice})
    field = Field([run], PRICES)
    rows = {row["arm"]: row for row in first_stop_rows(field, arms_of(field, {"advisor": stopping.get("advisor")}))}
    row = rows["advisor"]
    assert (row["right"], row["stops"], row["never"]) == (0.5, 2, 0)
    assert row["wrong_net_points"] == pytest.approx(1)
    assert row["wrong_accuracy_points"] == pytest.approx(5)
    clear = rows["advisor: clear stop"]
    assert (clear["right"], clear["stops"], clear["never"]) == (1.0, 1, 0.5)
    assert "wrong_net_points" not in clear


def test_intervals_of_the_gain_are_judged_by_what_twice_the_labels_brought() -> None:
    np.testing.assert_allclose(gained(LABELS.astype(float), ACCURACY), [0.2, 0.1, 0.05, 0.01, np.nan])
    gain = np.array([0.2, 0.2, 0.05, 0.5, 0.1])
    advice = Advice(np.full((1, 5), "go on"), gain, gain - 0.05, gain + 0.05)  # holds .2, .05, not .1, .01
    advice.gain[2] = np.nan  # not ready there, so not judged
    field = Field([made({}, data, advice={"advisor": advice}) for data in "ab"], PRICES)
    rows = {row["data"]: row for row in gain_rows(field)}
    assert rows["a"]["coverage"] == pytest.approx(1 / 3)
    assert rows["a"]["rounds"] == 3
    assert rows["all"]["width_points"] == pytest.approx(10)
    assert rows["all"]["bias_points"] == pytest.approx(100 * (0 + 0.1 + 0.49) / 3)


def test_arms_are_ranked_by_regret_in_each_set_and_those_beyond_reach_are_not() -> None:
    rules = {"good": stopping.get("budget", labels=1), "bad": stopping.get("budget", labels=1)}
    runs = [made({"good": said([0] * 5, [3]), "bad": said([0] * 5, [0])}, data) for data in "abcdefg"]
    field = Field(runs, (0.001,))
    arms = [arm for arm in arms_of(field, rules) if arm.name in (*rules, HINDSIGHT, TRUE_SLOPE)]
    ranks = ranks_of(field, arms)
    assert ranks is not None
    assert dict(zip(ranks.names, ranks.mean.tolist(), strict=True)) == {"good": 1.0, "bad": 2.0}
