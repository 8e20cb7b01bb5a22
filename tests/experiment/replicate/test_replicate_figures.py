"""The arithmetic of a replication, on curves and figures that can be worked out by hand or by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from claros.experiment.curves import Curve
from claros.experiment.replicate.figures import by_pairs, gaps_of, rows_of, sentences
from claros.experiment.replicate.preset import Published, mean_level, thirds, without_start

LEVEL = 0.95


def curve(*levels: float) -> Curve:
    return Curve(np.arange(len(levels)) + 10.0, np.array(levels))


def test_the_figures_of_a_curve_by_hand() -> None:
    assert mean_level(curve(0.2, 0.4, 0.9)) == (pytest.approx(0.5),)
    assert thirds(curve(*range(21))) == (3.0, 10.0, 17.0)
    # after the start 0.4, 0.6, 0.8: trapezoids 0.5 + 0.7 over 3 labels bought
    assert without_start(curve(0.1, 0.4, 0.6, 0.8)) == (pytest.approx(1.2 / 3),)


def test_a_row_has_students_interval_and_welchs_difference() -> None:
    ours = np.random.default_rng(0).normal(0.8, 0.02, 12)
    published = Published(0.82, 0.01, 50)
    (row,) = rows_of({"margin": ours[:, None]}, {"margin": (published,)}, ["area"], LEVEL)
    interval = stats.t.interval(LEVEL, 11, ours.mean(), stats.sem(ours))
    assert (row.low, row.high) == pytest.approx(interval)
    assert row.difference == pytest.approx(ours.mean() - 0.82)
    test = stats.ttest_ind_from_stats(ours.mean(), ours.std(ddof=1), 12, published.value, 0.01, 50, equal_var=False)
    freedom = (ours.var(ddof=1) / 12 + 0.01**2 / 50) ** 2 / (
        (ours.var(ddof=1) / 12) ** 2 / 11 + (0.01**2 / 50) ** 2 / 49
    )
    half = stats.t.ppf(0.975, freedom) * abs(row.difference / test.statistic)
    assert (row.difference_low, row.difference_high) == pytest.approx((row.difference - half, row.difference + half))


def test_without_a_published_spread_the_difference_has_our_interval_alone() -> None:
    ours = np.array([0.7, 0.8, 0.9])
    (row,) = rows_of({"margin": ours[:, None]}, {"margin": (Published(0.75),)}, ["area"], LEVEL)
    assert row.low is not None
    assert row.difference_low == pytest.approx(row.low - 0.75)


def test_rows_are_in_the_order_of_what_was_published_and_both_sides_may_be_missing() -> None:
    ours = {"badge": np.array([[0.5]]), "random": np.array([[0.4]])}
    rows = rows_of(ours, {"random": (Published(0.45),), "oracle": (Published(0.9),)}, ["area"], LEVEL)
    assert [(row.arm, row.published, row.ours) for row in rows] == [
        ("random", 0.45, 0.4), ("oracle", 0.9, None), ("badge", None, 0.5),
    ]  # fmt: skip
    assert rows[0].low is None
    assert rows[0].difference == pytest.approx(-0.05)


def test_an_order_holds_where_ours_is_sure_and_points_the_same_way() -> None:
    base = np.linspace(0.5, 0.6, 10)
    wobble = 0.001 * np.resize([1, -1], 10)
    ours = {
        "random": base[:, None],
        "up": (base + 0.05 + wobble)[:, None],
        "down": (base - 0.05 + wobble)[:, None],
        "same": (base + wobble)[:, None],
    }
    published = {"random": 0.5, "up": 0.6, "down": 0.6, "same": 0.6}
    gaps = gaps_of(ours, {arm: (Published(value),) for arm, value in published.items()}, ["area"], LEVEL)
    assert [(gap.arm, gap.finding, gap.holds) for gap in gaps] == [
        ("up", "better", True), ("down", "worse", False), ("same", "not distinguishable", None),
    ]  # fmt: skip
    assert gaps[0].ours == pytest.approx(0.05)
    assert gaps[0].published == pytest.approx(0.1)
    said = sentences(gaps, LEVEL)
    assert said[0].startswith("Up beats random here: +0.050 (95 % interval +0.049 to +0.051, 10 seeds).")
    assert said[0].endswith("Published: +0.100. The published order holds.")
    assert said[1].startswith("Down loses to random here: -0.050")
    assert said[1].endswith("The published order does not hold here.")
    assert "cannot tell whether the published order holds" in said[2]


def test_a_gap_is_called_by_the_p_value_that_holms_method_leaves() -> None:
    """One arm alone at p = 0.03 is called; the same arm beside four of noise is not."""
    rng = np.random.default_rng(5)
    base = rng.normal(size=20)
    shift = rng.normal(size=20)
    shift += stats.t.ppf(1 - 0.015, 19) * shift.std(ddof=1) / np.sqrt(20) - shift.mean()
    assert stats.ttest_1samp(shift, 0).pvalue == pytest.approx(0.03)
    ours = {"random": base[:, None], "arm": (base + shift)[:, None]}
    assert gaps_of(ours, {}, ["area"], LEVEL)[0].finding == "better"
    noise = {f"noise {n}": (base + rng.normal(size=20) * 5)[:, None] for n in range(4)}
    assert gaps_of({**ours, **noise}, {}, ["area"], LEVEL)[0].finding == "not distinguishable"


def test_the_published_gap_has_an_interval_where_both_spreads_are_known() -> None:
    ours = {"random": np.linspace(0, 1, 8)[:, None], "margin": np.linspace(0, 1, 8)[:, None]}
    published = {"random": (Published(0.721, 0.036, 50),), "margin": (Published(0.704, 0.074, 50),)}
    (gap,) = gaps_of(ours, published, ["area"], LEVEL)
    assert gap.published_half_width == pytest.approx(stats.t.ppf(0.975, 98) * np.sqrt((0.036**2 + 0.074**2) / 50))
    assert "Published: -0.017 ± 0.023." in sentences([gap], LEVEL)[0]


def test_nothing_is_called_on_fewer_than_six_seeds() -> None:
    ours = {"random": np.zeros((5, 1)), "margin": np.ones((5, 1))}
    (gap,) = gaps_of(ours, {}, ["area"], LEVEL)
    assert (gap.finding, gap.holds) == ("too few seeds", None)
    assert sentences([gap], LEVEL) == [
        "Margin: too few seeds (5) to call its gap to random of +1.000; at least 6 are needed."
    ]


@pytest.mark.parametrize(("sign", "verb"), [(-1, "loses to"), (1, "beats")])
def test_that_uncertainty_loses_or_wins_is_said_where_all_of_it_does(sign: int, verb: str) -> None:
    base = np.linspace(0.5, 0.6, 8)
    ours = {
        "random": base[:, None],
        "margin": (base + sign * 0.02 + 1e-4 * np.arange(8))[:, None],
        "least_confidence": (base + sign * 0.03 + 1e-4 * np.arange(8))[:, None],
        "badge": (base - sign * 0.03 + 1e-4 * np.arange(8))[:, None],
    }
    last = sentences(gaps_of(ours, {}, ["area"], LEVEL), LEVEL)[-1]
    by = f"margin by {abs(sign * 0.02 + 3.5e-4):.3f}, least confidence by {abs(sign * 0.03 + 3.5e-4):.3f}"
    assert last == f"Uncertainty {verb} random on these data: {by}."
    mixed = gaps_of({**ours, "entropy": base[:, None]}, {}, ["area"], LEVEL)
    assert not any(sentence.startswith("Uncertainty") for sentence in sentences(mixed, LEVEL))


def two_settings(seeds: int, lift: dict[str, float]) -> dict[tuple[str, int], dict[str, Curve]]:
    """Curves from 20 labels in steps of 5 to 40, each arm above random by what it is lifted and a little noise."""
    rng = np.random.default_rng(0)
    labels, rise = np.arange(20, 41, 5), np.linspace(0.5, 0.7, 5)
    return {
        (setting, seed): {
            arm: Curve(labels, rise + up + rng.normal(0, 1e-3, 5)) for arm, up in {"random": 0.0, **lift}.items()
        }
        for setting in ("a", "b")
        for seed in range(seeds)
    }


def test_the_claim_of_pairs_is_looked_up_in_the_column_means() -> None:
    """At every budget badge beats both and margin beats random: columns sum to 0, 2 and 4 over two settings."""
    curves = two_settings(8, {"badge": 0.1, "margin": 0.05})
    rows, (said,) = by_pairs("BADGE is best", "column mean", curves, LEVEL)
    assert [(row.arm, row.ours, row.seeds) for row in rows] == [
        ("badge", 0.0, 8), ("margin", pytest.approx(2 / 3), 8), ("random", pytest.approx(4 / 3), 8),
    ]  # fmt: skip
    assert said.startswith("Published: BADGE is best. This holds here (")
    assert "2 settings, 8 seeds): badge 0.000, margin 0.667, random 1.333." in said
    other = by_pairs("BADGE is best", "column mean", two_settings(8, {"badge": 0.05, "margin": 0.1}), LEVEL)
    assert "This does not hold here" in other[1][0]
    shared = by_pairs("BADGE is best", "column mean", two_settings(8, {"badge": 0.1, "margin": 0.1}), LEVEL)
    assert "Here it shares the lowest with margin" in shared[1][0]
    few, (sentence,) = by_pairs("BADGE is best", "column mean", two_settings(4, {"badge": 0.1}), LEVEL)
    assert sentence == "Too few seeds (4) for any test; at least 6 are needed."
    assert all(row.ours is None for row in few)
