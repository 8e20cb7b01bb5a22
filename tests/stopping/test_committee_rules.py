"""Validation agreement and the intrinsic stopping criterion, which ask a committee."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from claros import stopping
from claros.errors import InputError
from claros.stopping import Decision, Rule, first_stop, replay

A, B, C = [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]
#: Of three members all agree, one dissents, each votes for itself.
ALL, ONE, NONE = [A, A, A], [A, A, B], [A, B, C]
#: Agreement where one of three dissents: 1 minus (2/3 log 3/2 + 1/3 log 3) / log 3.
DISSENT = 1 - (2 / 3 * math.log(1.5) + 1 / 3 * math.log(3)) / math.log(3)


def validation(**parameters: Any) -> Rule:
    return stopping.get("validation_agreement", **parameters)


def intrinsic(**parameters: Any) -> Rule:
    return stopping.get("intrinsic_stopping_criterion", **parameters)


def of_stop_sets(rule: Rule, rounds: Any) -> list[Decision]:
    return replay(rule, [rule.observe(stop_member_probs=probs) for probs in rounds])


def of_rounds(rule: Rule, rounds: Any) -> list[Decision]:
    """Rounds of a stop set and the batch that came before it."""
    return replay(rule, [rule.observe(stop_member_probs=stop, batch_member_probs=batch) for stop, batch in rounds])


def agreement_by_hand(member_probs: Any) -> float:
    """1 minus scipy's entropy of the shares of votes, over that of the evenest split of S votes over C classes."""
    _, members, classes = np.shape(member_probs)
    shares = [np.bincount(votes, minlength=classes) / members for votes in np.argmax(member_probs, axis=2)]
    return float(1 - np.mean([entropy(share) for share in shares]) / np.log(min(members, classes)))


def test_validation_agreement_worked_by_hand() -> None:
    other = [B, B, B]
    decision = of_stop_sets(validation(window=1, threshold=0.7), [[ALL, other, ONE, NONE]])[-1]
    assert decision.value == pytest.approx((1 + 1 + DISSENT + 0) / 4)
    assert not decision.stop
    assert of_stop_sets(validation(window=1, threshold=0.6), [[ALL, other, ONE, NONE]])[-1].stop


def test_validation_agreement_is_that_of_scipys_entropy() -> None:
    rng = np.random.default_rng(0)
    for members, classes in [(2, 2), (2, 5), (3, 2), (10, 3), (4, 10)]:
        probs = rng.dirichlet(np.full(classes, 0.3), (50, members))
        decision = of_stop_sets(validation(window=1), [probs])[-1]
        assert decision.value == pytest.approx(agreement_by_hand(probs), abs=1e-12)


def test_two_members_can_disagree_completely_about_ten_classes() -> None:
    # over log C, as others divide, two votes could not fall below 1 - log 2 / log 10 = 0.7
    torn = np.eye(10)[[[0, 1], [3, 2], [5, 9]]]
    assert of_stop_sets(validation(window=1), [torn])[-1].value == pytest.approx(0.0)


def test_agreement_must_be_both_high_and_flat() -> None:
    def rounds(*dissents: int) -> Any:
        return [[ONE] * dissent + [ALL] * (50 - dissent) + [[B, B, B]] * 50 for dissent in dissents]

    # each dissent lowers the mean by (1 - DISSENT) / 100 = 0.0058
    rule = validation(window=2, threshold=0.9, flat=0.02)
    decisions = of_stop_sets(rule, rounds(40, 40, 10, 10, 2, 1))
    # low and flat, rising, high and flat, high and rising, high and flat
    assert [decision.stop for decision in decisions] == [False, False, False, True, False, True]
    assert decisions[4].value == pytest.approx(1 - 10 * (1 - DISSENT) / 100)
    assert decisions[4].reason == (
        "In the last 2 rounds members agreed on the 100 items of the stop set to 0.9421 at least, not below 0.9, and "
        "this changed by 0.0464, more than 0.02."
    )


def test_validation_agreement_looks_at_the_stop_set_before_even_with_a_window_of_one() -> None:
    rule = validation(window=1)
    trace = [rule.observe(stop_member_probs=[ALL, ONE, ONE]), rule.observe(stop_member_probs=[ALL, ONE])]
    with pytest.raises(InputError, match="stop set"):
        rule.decide(trace)


def test_agreements_that_differ_by_the_limit_are_flat_though_the_difference_is_rounded() -> None:
    # of two members who disagree on 4 and on 5 of 100 items: .96 and .95, and .96 - .95 is a little above .01
    two = [[A, A], [B, B], [A, B]]
    rounds = [[two[0]] * 50 + [two[1]] * (50 - n) + [two[2]] * n for n in (4, 5)]
    rule = validation(window=2, threshold=0.95, flat=0.01)
    assert of_stop_sets(rule, rounds)[-1].stop
    assert not of_stop_sets(validation(window=2, threshold=0.95, flat=0.0099), rounds)[-1].stop


def test_validation_agreement_can_stop_from_the_last_of_the_window_on() -> None:
    settled = [[ALL] * 5 + [[B, B, B]] * 5] * 8
    for window in (1, 3, 5):
        assert first_stop(of_stop_sets(validation(window=window, threshold=1.0, flat=0), settled)) == window - 1
    assert of_stop_sets(validation(), settled)[0].reason == (
        "1 of 3 rounds are seen; the first that can stop is round 2, counted from 0."
    )


def test_members_that_all_name_one_class_wait() -> None:
    # they have not learned the second class yet, and agree completely
    rounds = [[ALL] * 10] * 4 + [[ALL] * 9 + [[B, B, B]]] * 4
    decisions = of_stop_sets(validation(), rounds)
    assert [decision.ready for decision in decisions] == [False] * 6 + [True] * 2
    assert "In 3 of 3 rounds all members gave all 10 items of the stop set one class" in decisions[3].reason
    assert not of_stop_sets(validation(window=1), [np.ones((5, 3, 1))])[-1].ready


def test_the_intrinsic_criterion_worked_by_hand() -> None:
    stop = [ALL, [B, B, B], ONE, ONE]  # (2 + 2 DISSENT) / 4
    expected = (1 + DISSENT) / 2
    decisions = of_rounds(intrinsic(window=1), [(stop, [NONE, NONE]), (stop, [NONE, ONE]), (stop, [ALL, ONE])])
    assert [decision.value for decision in decisions[1:]] == pytest.approx([DISSENT / 2, (1 + DISSENT) / 2])
    assert [decision.threshold for decision in decisions[1:]] == pytest.approx([expected, expected])
    assert [decision.stop for decision in decisions] == [False, False, True]


def test_a_batch_is_compared_with_the_stop_set_of_the_committee_that_picked_it() -> None:
    # the committee after the batch agrees on everything; the one that picked it did not
    before, after = [ONE, ONE, [B, B, B]], [ALL, ALL, [B, B, B]]
    decision = of_rounds(intrinsic(window=1), [(before, [NONE]), (after, [ONE])])[-1]
    assert decision.threshold == pytest.approx((2 * DISSENT + 1) / 3)
    assert decision.value == pytest.approx(DISSENT)
    # and with it, an agreement between the two stops
    middle = of_rounds(intrinsic(window=1), [(before, [NONE]), (after, [ALL])])[-1]
    assert middle.stop


def test_batches_are_pooled_over_the_window_item_by_item() -> None:
    stop = [ALL, [B, B, B], ONE]
    batches = [[NONE], [ONE] * 3, [ALL], [NONE] * 2]
    decisions = of_rounds(intrinsic(window=2), [(stop, batch) for batch in batches])
    assert [decision.ready for decision in decisions] == [False, False, True, True]
    assert decisions[2].value == pytest.approx((3 * DISSENT + 1) / 4)
    assert decisions[3].value == pytest.approx((1 + 0) / 3)
    # batches of one item: alone each is 0 or more, together they are smooth
    ones = of_rounds(intrinsic(window=3), [(stop, [picked]) for picked in (ALL, NONE, ALL, ONE)])
    assert ones[-1].value == pytest.approx((0 + 1 + DISSENT) / 3)


def test_an_empty_batch_counts_for_nothing() -> None:
    stop, empty = [ALL, [B, B, B]], np.zeros((0, 3, 3))
    decisions = of_rounds(intrinsic(window=2), [(stop, empty), (stop, empty), (stop, empty), (stop, [ONE])])
    assert decisions[2].reason == "The last 2 batches have 0 items, so there is nothing to compare."
    assert decisions[3].value == pytest.approx(DISSENT)


def test_equal_agreements_stop_exactly() -> None:
    # sums of ones stay ones, for any sizes
    settled = [ALL] * 3 + [[B, B, B]] * 4
    for window in (1, 3, 7):
        rounds = [(settled, [ALL] * (number % 5 + 1)) for number in range(12)]
        assert first_stop(of_rounds(intrinsic(window=window), rounds)) == window


def test_random_batches_stop_it_at_once_and_the_reason_warns() -> None:
    rng = np.random.default_rng(1)
    rounds = []
    for _ in range(30):
        members = rng.dirichlet([0.3] * 3, (400, 4))
        rounds.append((members, members[rng.integers(0, 400, 20)]))
    decisions = of_rounds(intrinsic(), rounds)
    stopped = first_stop(decisions)
    assert stopped is not None
    assert stopped < 15
    assert decisions[stopped].reason.endswith("; this counts only if they were picked by disagreement.")
    assert "random it stops at once" in intrinsic().assumes


def test_batches_picked_by_disagreement_stop_it_when_there_is_no_more_of_it() -> None:
    # 400 items of which fewer and fewer divide the members; the most divided are picked
    rng = np.random.default_rng(2)
    rounds, picked = [], np.eye(3)[rng.integers(0, 3, (20, 4))]
    classes = rng.integers(0, 3, 400)
    for number in range(12):
        votes = np.repeat(classes[:, None], 4, axis=1)
        divided = rng.random(400) < max(0, 0.5 - 0.07 * number)
        votes[divided] = rng.integers(0, 3, (divided.sum(), 4))
        members = np.eye(3)[votes]
        rounds.append((members, picked))
        order = np.argsort([-entropy(np.bincount(row, minlength=3)) for row in votes], kind="stable")
        picked = members[order[:20]]
    # from round 8 on (0.5 / 0.07 = 7.1) nobody is divided; batches of rounds 9, 10, 11 were picked then
    assert first_stop(of_rounds(intrinsic(), rounds)) == 11


def test_a_committee_that_names_one_class_waits() -> None:
    rounds = [([ALL] * 5, [ALL])] * 6
    decisions = of_rounds(intrinsic(), rounds)
    assert not any(decision.ready for decision in decisions)
    assert "In 4 of 4 rounds all members gave all 5 items of the stop set one class" in decisions[-1].reason


def test_one_member_cannot_disagree_and_is_refused() -> None:
    with pytest.raises(InputError, match="stop_member_probs must have at least 2 members"):
        validation().observe(stop_member_probs=[[A], [B]])
    with pytest.raises(InputError, match="batch_member_probs must have at least 2 members"):
        intrinsic().observe(stop_member_probs=[[A], [B]], batch_member_probs=[[A]])


def test_stop_sets_and_classes_that_change_are_said() -> None:
    def two(probs: Any) -> Any:
        return np.asarray(probs)[..., :2] / np.asarray(probs)[..., :2].sum(axis=-1, keepdims=True)

    stop = np.array([ALL, [B, B, B]])
    for rule in (validation(window=2), intrinsic(window=1)):

        def observe(rule: Rule, probs: Any) -> Any:
            return rule.observe(stop_member_probs=probs, batch_member_probs=probs)

        with pytest.raises(InputError, match="had 2 items and has 1 in round 1"):
            rule.decide([observe(rule, stop), observe(rule, stop[:1])])
        with pytest.raises(InputError, match="had 3 classes and has 2 in round 1; pass all columns"):
            rule.decide([observe(rule, stop), observe(rule, two(stop))])
        grown = rule.decide([observe(rule, two(stop)), observe(rule, stop)])
        assert not grown.ready
        assert "The classes grew from 2 to 3 in round 1" in grown.reason
        assert rule.decide([observe(rule, two(stop)), observe(rule, stop), observe(rule, stop)]).ready


def test_torch_and_float32_give_the_same_observation() -> None:
    members = np.random.default_rng(3).dirichlet([0.3] * 4, (30, 5))
    for rule in (validation(), intrinsic()):
        expected = rule.observe(stop_member_probs=members, batch_member_probs=members[:7])
        for same in (torch.tensor(members), members.astype(np.float32)):
            assert rule.observe(stop_member_probs=same, batch_member_probs=same[:7]) == pytest.approx(
                expected, abs=1e-12
            )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.full((2, 3, 3), 0.5), "do not sum to 1"),
        (np.full((2, 3, 3), math.nan), "non-finite"),
        (np.full((2, 3), 1 / 3), "must have 3 axes"),
        (np.zeros((0, 3, 3)), "the stop set is empty"),
        (None, "needs stop_member_probs"),
    ],
)
def test_what_are_no_members_probabilities_is_refused(wrong: Any, message: str) -> None:
    for rule in (validation(), intrinsic()):
        with pytest.raises(InputError, match=message):
            rule.observe(stop_member_probs=wrong, batch_member_probs=np.full((1, 3, 3), 1 / 3))


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (validation, {"window": 0}),
        (validation, {"threshold": 2}),
        (validation, {"flat": -0.1}),
        (intrinsic, {"window": 1.5}),
        (intrinsic, {"threshold": 0.9}),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(make: Any, parameters: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(parameters))):
        make(**parameters)
