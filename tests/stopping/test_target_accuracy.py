from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import beta, binom

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay


def make(**parameters: Any) -> Rule:
    return stopping.get("target_accuracy", **parameters)


def decide(rule: Rule, counts: list[tuple[int, int]]) -> list[Decision]:
    return replay(rule, [rule.observe(n_audited=n, n_audited_correct=right) for n, right in counts])


def test_worked_by_hand() -> None:
    # all of 60 right: the bound is what α^(1/60) is. At look 1 α is 0.05/2: 0.9404; at look 2 it is 0.05/6: 0.9233
    first, second = decide(make(target=0.93), [(60, 60), (60, 60)])
    assert first.value == pytest.approx(0.025 ** (1 / 60))
    assert second.value == pytest.approx((0.05 / 6) ** (1 / 60))
    assert (first.stop, second.stop) == (True, False)
    assert second.reason == (
        "Of 60 audited labels 60 are predicted right, which proves an accuracy of 0.9233 at look 2 (chance of error "
        "0.0083), below the target of 0.93; at this look it takes 66 labels or more."
    )


def test_the_bound_is_the_one_at_which_so_many_right_are_that_improbable() -> None:
    for n, right, look in ((50, 40, 1), (200, 190, 3), (30, 30, 2), (10, 1, 5)):
        alpha = 0.05 / (look * (look + 1))
        bound = decide(make(), [(n, right)] * look)[-1].value
        assert bound is not None
        assert bound == pytest.approx(beta.ppf(alpha, right, n - right + 1))
        assert binom.sf(right - 1, n, bound) == pytest.approx(alpha)


def test_none_right_prove_nothing() -> None:
    decision = decide(make(target=0.1), [(20, 0)])[0]
    assert (decision.ready, decision.value, decision.stop) == (True, 0.0, False)


def test_known_looks_share_alpha_evenly_and_are_used_up() -> None:
    decisions = decide(make(target=0.93, looks=4), [(60, 60)] * 6)
    assert [decision.ready for decision in decisions] == [True] * 4 + [False] * 2
    assert [decision.value for decision in decisions[:4]] == pytest.approx([0.0125 ** (1 / 60)] * 4)
    assert decisions[-1].reason == "All 4 looks are used up, and with them alpha 0.05."


def test_what_the_looks_may_err_is_alpha_in_all() -> None:
    # 1/(t(t+1)) = 1/t - 1/(t+1), so the first n shares come to α(1 - 1/(n+1))
    rule = make(alpha=0.2)
    bounds = [decision.value for decision in decide(rule, [(1, 1)] * 500)]  # one of one right: the bound is the share
    assert math.fsum(value for value in bounds if value is not None) == pytest.approx(0.2 * (1 - 1 / 501))


def test_the_example_of_the_documentation() -> None:
    assert decide(make(target=0.9), [(100, 100)] * 30)[-1].stop
    assert not decide(make(target=0.9), [(100, 100)] * 50)[-1].stop
    assert [decision.stop for decision in decide(make(target=0.9), [(100, 97)] * 3)] == [True, True, False]


#: Runs of each simulation, rounds in each, and the target; the accuracy is below it in every round.
RUNS, LOOKS, TARGET, ALPHA = 1000, 40, 0.9, 0.2


def campaigns(kind: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many audited labels there are, and how many are predicted right: (LOOKS,), (RUNS, LOOKS)."""
    rng = np.random.default_rng(0)
    accuracy = TARGET - 1e-9
    if kind == "every model errs elsewhere":  # a fresh look each round, the hardest for a bound that is looked at often
        return np.full(LOOKS, 150), rng.binomial(150, accuracy, (RUNS, LOOKS))
    if kind == "one model, and an audit set that grows":
        right = rng.random((RUNS, 10 * LOOKS)) < accuracy
        return 10 * np.arange(1, LOOKS + 1), right.cumsum(axis=1)[:, 9::10]
    # a model that learns: hard items come last, who is right wavers, and the accuracy comes near the target from below
    levels = np.linspace(0.7, TARGET - 0.005, LOOKS)
    population = np.sort(rng.random(200_000) + 0.1 * rng.normal(size=200_000))
    hardness = rng.random((RUNS, 200, 1)) + 0.1 * rng.normal(size=(RUNS, 200, LOOKS))
    return np.full(LOOKS, 200), (hardness < population[(levels * 200_000).astype(int)]).sum(axis=1)


KINDS = ["every model errs elsewhere", "one model, and an audit set that grows", "a model that learns"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("looks", [None, LOOKS])
def test_false_stops_over_a_whole_campaign_are_as_rare_as_promised(kind: str, looks: int | None) -> None:
    n, right = campaigns(kind)
    rule = make(target=TARGET, alpha=ALPHA, looks=looks)
    stopped = 0
    for run in right:
        counts = [(int(count), int(hits)) for count, hits in zip(n, run, strict=True)]
        stopped += first_stop(decide(rule, counts)) is not None
    tolerance = 3 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)
    assert stopped / RUNS <= ALPHA + tolerance, f"seed 0, {RUNS} runs of {LOOKS} looks, 3 standard errors {tolerance}"


def test_a_bound_that_is_right_at_each_look_is_wrong_at_some_look() -> None:
    # the simulations can tell: without dividing alpha the promise is broken
    n, right = campaigns(KINDS[0])
    plain = beta.ppf(ALPHA, right, n - right + 1) >= TARGET
    assert plain.any(axis=1).mean() > 0.9


def test_a_model_well_above_the_target_is_let_go() -> None:
    rng = np.random.default_rng(1)
    rule = make(target=0.9)
    stops = [
        first_stop(decide(rule, [(20 * look, int(rng.binomial(20 * look, 0.97))) for look in range(1, 21)]))
        for _ in range(200)
    ]
    assert sum(stop is not None for stop in stops) >= 190


def test_no_labels_are_not_ready() -> None:
    decisions = decide(make(), [(0, 0)])
    assert not decisions[0].ready
    assert decisions[0].reason == "0 labels are audited."


def test_more_right_than_there_are_is_refused() -> None:
    with pytest.raises(InputError, match="n_audited_correct must be at most n_audited; got 6 of 5"):
        make().observe(n_audited=5, n_audited_correct=6)


@pytest.mark.parametrize(
    "parameters",
    [{"target": 1.0}, {"target": 0}, {"target": math.nan}, {"alpha": 0}, {"alpha": 1}, {"looks": 0}, {"looks": 2.5}],
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
