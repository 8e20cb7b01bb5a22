from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import claros
from claros import compose, strategies
from claros.errors import InputError, UnknownNameError
from claros.experiment import read_config
from claros.experiment.bench import read_grid
from claros.inputs import NEEDS
from claros.pick import Picked, top_k
from claros.strategy import scorer, strategy
from claros.testing import example_inputs
from claros.testing.examples import by_candidate
from memory import peak_bytes


def unsure(*gaps: float) -> np.ndarray:
    """Predictions of two classes whose two probabilities are so far apart: margin's score is 1 less that."""
    return np.array([[(1 + gap) / 2, (1 - gap) / 2] for gap in gaps])


@scorer(reference="here")
def loss(*, predicted_loss):
    """The predicted loss."""
    return predicted_loss


def often(expected: float, repeats: int) -> float:
    """Five standard deviations of a share that is counted so often."""
    return 5 * math.sqrt(expected * (1 - expected) / repeats)


# --- which candidates -------------------------------------------------------------------------------------------------


def test_the_second_strategy_of_a_prefilter_picks_from_what_the_first_left() -> None:
    # margin leaves the items at 0, 1 and 2; of these, 2 is farthest from the labeled item at 0. Of all, 12 would be.
    inputs = {
        "probs": unsure(0.1, 0.2, 0.0, 0.8, 0.9, 0.7),
        "embeddings": np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]),
        "labeled_embeddings": np.array([[0.0]]),
    }
    picked = claros.select("prefilter(margin, k_center, factor=3)", 1, **inputs)
    assert picked.indices.tolist() == [2]
    assert picked.scores.tolist() == [2.0]
    assert picked.note == "margin left 3 of 6 candidates."
    assert claros.select("k_center", 1, **inputs).indices.tolist() == [5]
    assert claros.select("prefilter(margin, k_center, factor=6)", 1, **inputs).indices.tolist() == [5]


def test_a_subsample_shows_the_strategy_only_what_was_drawn() -> None:
    probs = unsure(*np.linspace(0, 1, 10))
    counts = np.zeros(10)
    for seed in range(500):
        picked = claros.select("subsample(margin, size=2)", 1, probs=probs, seed=seed)
        counts[picked.indices] += 1
        assert picked.probabilities is None
    # of two drawn, the more unsure one: item i is picked with the chance that it is drawn and no item before it is
    expected = np.array([2 * (9 - place) / 90 for place in range(10)])
    assert np.all(np.abs(counts / 500 - expected) <= [often(share, 500) for share in expected])
    whole = claros.select("subsample(margin, share=1.0)", 3, probs=probs)
    assert whole.indices.tolist() == [0, 1, 2]
    assert len(claros.select("subsample(margin, size=2)", 7, probs=probs)) == 7
    assert claros.select("subsample(random, size=5)", 2, n=10).probabilities is None


def test_a_costly_strategy_on_a_subsample_of_a_large_pool_takes_little_memory() -> None:
    rng = np.random.default_rng(0)
    probs, embeddings = rng.dirichlet(np.ones(10), 50_000), rng.normal(size=(50_000, 64))

    def call(name: str) -> int:
        return peak_bytes(lambda: claros.select(name, 20, probs=probs, embeddings=embeddings))

    call("subsample(badge, size=1000)")  # imports are not counted
    assert call("subsample(badge, size=1000)") < call("badge") / 2
    assert call("subsample(badge, size=1000)") < 4 << 20


def test_partitions_are_equal_and_each_gives_its_share() -> None:
    seen: list[tuple[int, int]] = []

    @strategy(reference="here")
    def largest(k, *, predicted_loss, rng):
        seen.append((len(predicted_loss), k))
        return top_k(predicted_loss, k, rng)

    picked = claros.select(compose.partitioned(largest, parts=3), 5, predicted_loss=np.arange(11.0))
    assert seen == [(4, 2), (4, 2), (3, 1)]
    assert len(set(picked.indices.tolist())) == 5
    assert 10 in picked.indices[:3], "the largest of all is the largest of its part, and first picks come first"
    assert picked.note == "The pool was split at random into 3 parts."
    seen.clear()
    claros.select(compose.partitioned(largest, parts=10), 2, predicted_loss=np.arange(11.0))
    assert seen == [(6, 1), (5, 1)], "a part that gives no pick is not made"
    seen.clear()
    claros.select(compose.partitioned(largest, parts=4), 11, predicted_loss=np.arange(11.0))
    assert seen == [(3, 3), (3, 3), (3, 3), (2, 2)]


def test_predicted_classes_get_equal_numbers_of_picks_as_far_as_they_go() -> None:
    probs = np.array(
        [
            [0.9, 0.1, 0.0],
            [0.8, 0.2, 0.0],
            [0.7, 0.3, 0.0],
            [0.6, 0.4, 0.0],
            [0.1, 0.9, 0.0],
            [0.0, 0.2, 0.8],
            [0, 0.3, 0.7],
        ]
    )
    picked = claros.select("class_balanced(margin)", 5, probs=probs)
    assert set(picked.indices.tolist()) == {3, 2, 4, 6, 5}, "2 of class 0, the most unsure; all of classes 1 and 2"
    assert set(picked.indices[:3].tolist()) == {3, 4, 6}, "one of each class first"
    assert picked.note == "3 predicted classes have 1 to 2 picks each."
    # 2 labels of class 0, none of class 1, one of class 2: class 1 is due, then class 2
    labeled = claros.select("class_balanced(margin)", 2, probs=probs, labels=[0, 2, 0])
    assert labeled.indices.tolist() == [4, 6]
    assert len(claros.select("class_balanced(margin)", 3, probs=probs, labels=[7, 7])) == 3


def test_a_strategy_that_picks_by_itself_is_balanced_class_by_class() -> None:
    rng = np.random.default_rng(1)
    predicted = np.repeat([0, 1], [30, 10])
    inputs = {"probs": np.where(np.arange(2) == predicted[:, None], 0.6, 0.4), "embeddings": rng.normal(size=(40, 3))}
    picked = claros.select("class_balanced(k_center)", 8, **inputs)
    for code in (0, 1):
        rows = np.flatnonzero(predicted == code)
        alone = claros.select("k_center", 4, embeddings=inputs["embeddings"][rows])
        assert set(rows[alone.indices]) == set(picked.indices[predicted[picked.indices] == code])


def test_every_input_with_a_row_a_candidate_is_cut_down_and_no_other() -> None:
    needs = tuple(NEEDS)

    def size(value: Any) -> tuple[int, ...]:
        return (value.n,) if hasattr(value, "n") else np.shape(value)[:1]

    namespace: dict[str, Any] = {"Picked": Picked, "np": np, "size": size}
    exec(
        f"def whole(k, *, n, {', '.join(needs)}):\n"
        "    given = dict(locals())\n"
        "    sizes.update({name: size(given[name]) for name in given if name not in 'kn'})\n"
        "    return Picked(np.arange(k), np.zeros(k))\n",
        namespace,
    )
    sizes = namespace["sizes"] = {}
    every = strategy(reference="here")(namespace["whole"])
    inputs = example_inputs(needs)
    claros.select(compose.subsample(every, size=7), 3, **inputs)
    for name in needs:
        assert sizes[name] == ((7,) if by_candidate(name) else size(inputs[name])), name


# --- shares of a batch ------------------------------------------------------------------------------------------------


def test_a_mixture_interleaves_the_shares_of_its_strategies_without_repeats() -> None:
    # the most unsure are 5, 4, 3; the farthest from the labeled 0 is 5, which margin has, so k-center takes 4
    inputs = {
        "probs": unsure(0.9, 0.8, 0.7, 0.2, 0.1, 0.0),
        "embeddings": np.arange(6.0)[:, None],
        "labeled_embeddings": np.zeros((1, 1)),
    }
    picked = claros.select("mixture({margin: 2, k_center: 1})", 3, **inputs)
    assert picked.indices.tolist() == [5, 3, 4]
    assert picked.scores.tolist() == pytest.approx([1.0, 3.0, 0.9])
    assert picked.note == "margin picked 1, 3; k_center picked 2."
    assert picked.probabilities is None
    assert sorted(claros.select("mixture({margin: 2, k_center: 1})", 9, **inputs).indices) == [0, 1, 2, 3, 4, 5]


def test_shares_hold_on_average_for_batches_of_one() -> None:
    probs = np.array([[0.5, 0.5, 0.0], [0.4, 0.3, 0.3], [1.0, 0.0, 0.0]])  # margin takes 0, entropy 1
    mixed = compose.mixture({"margin": 0.3, "entropy": 0.7})
    first = [claros.select(mixed, 1, probs=probs, seed=seed).indices[0] for seed in range(600)]
    assert set(first) == {0, 1}
    assert abs(np.mean(np.equal(first, 0)) - 0.3) <= often(0.3, 600)


def test_the_random_share_is_a_fair_sample_of_the_whole_pool_and_says_so() -> None:
    probs = unsure(*np.linspace(0, 0.9, 10))
    drawn, repeats = np.zeros(10), 1000
    for seed in range(repeats):
        picked = claros.select("random_share(margin, share=0.5)", 4, probs=probs, seed=seed)
        assert picked.probabilities is not None
        assert picked.probabilities.tolist() == [1 / 10, 1, 1 / 9, 1]
        assert picked.note == "random picked 1, 3; margin picked 2, 4."
        drawn[picked.indices[[0, 2]]] += 1
        rest = [item for item in range(10) if item not in picked.indices[[0, 2]]]
        assert picked.indices[[1, 3]].tolist() == rest[:2], "the strategy has the best of the others"
    assert np.max(np.abs(drawn / repeats - 0.2)) <= often(0.2, repeats), "also the ones that margin wants"
    assert claros.select("random_share(margin, share=0)", 3, probs=probs).indices.tolist() == [0, 1, 2]
    assert set(claros.select("random_share(margin, share=1)", 3, n=10, probs=probs).probabilities) == {
        1 / 10, 1 / 9, 1 / 8,
    }  # fmt: skip


# --- scores and predictions -------------------------------------------------------------------------------------------


def test_a_stochastic_batch_is_drawn_in_proportion_to_powers_of_the_scores() -> None:
    for kind, beta, weights in (
        ("power", 1.0, [1, 2, 3]),
        ("power", 2.0, [1, 4, 9]),
        ("softmax", 1.0, [math.e, math.e**2, math.e**3]),
        ("rank", 1.0, [1 / 3, 1 / 2, 1]),
    ):
        drawn = np.zeros(3)
        for seed in range(1000):
            made = compose.stochastic(loss, kind=kind, beta=beta)
            drawn[claros.select(made, 1, predicted_loss=[1.0, 2.0, 3.0], seed=seed).indices] += 1
        expected = np.array(weights) / sum(weights)
        assert np.all(np.abs(drawn / 1000 - expected) <= [often(share, 1000) for share in expected]), kind


def test_a_stochastic_margin_draws_from_the_unsure_half() -> None:
    # a peer's power sampling ignores that a small margin is what is wanted, and draws 19 of 20 from the sure half
    probs = unsure(*np.repeat([0.02, 0.95], 50))
    picked = claros.select("stochastic(margin, beta=4)", 20, probs=probs)
    assert np.sum(picked.indices < 50) == 20


def test_scores_are_divided_by_the_price() -> None:
    picked = claros.select("per_cost(margin)", 3, probs=unsure(0.1, 0.4, 0.7), costs=[3.0, 1.0, 1.0])
    assert picked.all_scores == pytest.approx([0.3, 0.6, 0.3])
    assert picked.indices[0] == 1
    # of two with the same negative score the cheap one comes first, and a better score at the same price too
    negative = claros.select(compose.per_cost(loss), 3, predicted_loss=[-1.0, -1.0, -0.5], costs=[2.0, 1.0, 1.0])
    assert negative.indices.tolist() == [2, 1, 0]


def test_temperature_sharpens_what_the_strategy_sees() -> None:
    sharp = claros.select("tempered(least_confidence, temperature=0.5)", 1, probs=[[0.8, 0.2]])
    assert sharp.all_scores == pytest.approx([0.04 / 0.68])  # 0.8² and 0.2², over their sum
    rng = np.random.default_rng(0)
    inputs = {"probs": rng.dirichlet(np.ones(5), 50), "embeddings": rng.normal(size=(50, 4))}
    same = claros.select("tempered(badge, temperature=1)", 10, **inputs)
    assert same.indices.tolist() == claros.select("badge", 10, **inputs).indices.tolist()
    cold = claros.select("tempered(badge, temperature=0.5)", 10, **inputs)
    assert cold.indices.tolist() == claros.select("badge", 10, temperature=0.5, **inputs).indices.tolist()

    @scorer(reference="here")
    def largest(*, logits):
        return logits.max(axis=1)

    halved = claros.select(compose.tempered(largest, temperature=2.0), 1, logits=[[1.0, 3.0], [-1.0, -2.0]])
    assert halved.all_scores == pytest.approx([1.5, -0.5])
    members = np.array([[[0.8, 0.2], [0.5, 0.5]]])
    both = claros.select("tempered(bald, temperature=0.5)", 1, member_probs=members)
    squared = np.array([[[0.64 / 0.68, 0.04 / 0.68], [0.5, 0.5]]])
    assert both.all_scores == pytest.approx(claros.select("bald", 1, member_probs=squared).all_scores)


def test_class_weights_correct_what_the_strategy_sees() -> None:
    probs = [[0.5, 0.5], [0.25, 0.75], [0.0, 1.0]]
    corrected = claros.select("prior_corrected(least_confidence)", 1, probs=probs, class_weights=[3.0, 1.0])
    assert corrected.all_scores == pytest.approx([0.25, 0.5, 0.0])  # (.75, .25), (.5, .5), (0, 1)
    assert corrected.indices.tolist() == [1]
    # nothing of the third row is left when its class has no weight: it stays as it is
    gone = claros.select("prior_corrected(least_confidence)", 1, probs=probs, class_weights=[1.0, 0.0])
    assert gone.all_scores == pytest.approx([0.0, 0.0, 0.0])
    nothing = claros.select("prior_corrected(margin)", 2, probs=probs, class_weights=[0.0, 0.0])
    assert nothing.indices.tolist() == [0, 1]

    @scorer(reference="here")
    def gap(*, logits):
        return logits[:, 0] - logits[:, 1]

    made = compose.prior_corrected(gap)
    weighted = claros.select(made, 1, logits=[[0.0, 0.0], [1.0, 2.0]], class_weights=[4.0, 2.0])
    assert weighted.all_scores == pytest.approx([math.log(2), math.log(2) - 1])


# --- streams and edges ------------------------------------------------------------------------------------------------


def test_what_one_part_draws_does_not_change_what_another_picks() -> None:
    @scorer(reference="here")
    def drawing(*, predicted_loss, rng):
        rng.random(100)
        return predicted_loss

    rng = np.random.default_rng(0)
    inputs = {
        "predicted_loss": rng.random(100),
        "probs": rng.dirichlet(np.ones(3), 100),
        "embeddings": rng.normal(size=(100, 4)),
    }
    quiet, loud = (claros.select(compose.prefilter(one, "badge", factor=4), 10, **inputs) for one in (loss, drawing))
    assert quiet.indices.tolist() == loud.indices.tolist()


def test_candidates_of_another_class_do_not_change_what_is_picked_of_this_one() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(60, 4))
    predicted = np.repeat([0, 1], [20, 40])
    probs = np.where(np.arange(2) == predicted[:, None], 0.6, 0.4)
    few, many = (
        claros.select("class_balanced(badge)", 10, probs=probs[:n], embeddings=embeddings[:n]).indices for n in (40, 60)
    )
    assert few[few < 20].tolist() == many[many < 20].tolist()


@pytest.mark.parametrize(
    "expression",
    [
        "class_balanced(margin)",
        "partitioned(margin)",
        "prefilter(margin, entropy)",
        "mixture({margin: 1, entropy: 1})",
        "random_share(margin)",
        "stochastic(margin)",
        "subsample(margin)",
        "tempered(margin, temperature=2)",
    ],
)
def test_a_thousand_classes_and_ties_are_no_special_case(expression: str) -> None:
    probs = np.full((30, 1000), 1e-3)
    for k in (1, 29, 30, 31):
        assert sorted(set(claros.select(expression, k, probs=probs).indices)) == sorted(
            claros.select(expression, k, probs=probs).indices
        )
    assert len(claros.select(expression, 5, probs=np.empty((0, 4)))) == 0
    assert claros.select(expression, 5, probs=[[1.0]]).indices.tolist() == [0]


def test_scores_that_are_not_finite_do_not_win_inside_a_wrapper() -> None:
    @scorer(reference="here")
    def broken(*, probs):
        return np.where(probs[:, 0] > 0.8, np.nan, 1.0)

    for made in (compose.class_balanced(broken), compose.subsample(broken, size=2), compose.stochastic(broken)):
        with pytest.raises(InputError, match=r"broken must give each of [23] candidates a finite score"):
            claros.select(made, 2, probs=unsure(0.9, 0.9, 0.9))


def test_bad_parameters_are_refused_when_the_strategy_is_made() -> None:
    for call, message in (
        (
            lambda: compose.prefilter("margin", "badge", factor=0),
            "prefilter: factor must be a whole number of at least 1",
        ),
        (lambda: compose.prefilter("margin", "badge", factor=2.5), "prefilter: factor must be a whole number"),
        (lambda: compose.subsample("margin", size=5, share=0.5), "subsample takes size or share, not both"),
        (lambda: compose.subsample("margin", share=0.0), "share must be above 0"),
        (lambda: compose.subsample("margin", size=0), "size must be a whole number of at least 1"),
        (lambda: compose.partitioned("badge", parts=0), "partitioned: parts must be a whole number of at least 1"),
        (
            lambda: compose.stochastic("badge"),
            "stochastic takes a strategy that scores every candidate.*badge picks by its",
        ),
        (lambda: compose.per_cost("k_center"), "per_cost takes a strategy that scores every candidate"),
        (lambda: compose.stochastic("margin", kind="powr"), "kind must be 'power' or 'softmax' or 'rank'; got 'powr'"),
        (lambda: compose.stochastic("margin", beta=0), "stochastic: beta must be above 0; got 0"),
        (lambda: compose.mixture({}), "mixture takes at least one strategy"),
        (lambda: compose.mixture({"margin": -1}), "the share of margin must be a number of at least 0; got -1"),
        (lambda: compose.mixture({"margin": 0}), "the share of margin must be above 0"),
        (lambda: compose.random_share("margin", share=1.5), r"random_share: share must be a number in \[0, 1\]"),
        (lambda: compose.tempered("margin", temperature=0), "tempered: temperature must be above 0"),
        (
            lambda: compose.tempered("k_center", temperature=2),
            "tempered changes predictions, and k_center looks at none",
        ),
        (lambda: compose.prior_corrected("random"), "prior_corrected changes predictions, and random looks at none"),
    ):
        with pytest.raises(InputError, match=message):
            call()


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("prefilter(margin,badge)", "prefilter(margin, badge)"),
        ("prefilter( margin, badge(temperature=1.0) , factor=10)", "prefilter(margin, badge)"),
        ("prefilter(first=margin, then=badge(bias=true))", "prefilter(margin, badge(bias=True))"),
        ("prefilter('margin', \"core_set\", factor=5)", "prefilter(margin, k_center, factor=5)"),
        ("badge()", "badge"),
        ("stochastic(bald, beta=8.0, kind='power')", "stochastic(bald, beta=8)"),
        ("stochastic(bald, kind=softmax)", "stochastic(bald, kind=softmax)"),
        ("mixture({margin: 0.50, badge(temperature=0.5): 1})", "mixture({margin: 0.5, badge(temperature=0.5): 1})"),
        ("subsample(breaking_ties, share=none)", "subsample(margin)"),
        ("tempered(tempered(margin, temperature=2), temperature=0.25)",) * 2,
    ],
)
def test_an_expression_has_one_canonical_form(text: str, name: str) -> None:
    made = strategies.get(text)
    assert made.name == name
    assert strategies.get(name) == made


def test_names_and_objects_make_the_same_strategy() -> None:
    badge = strategies.get("badge", temperature=0.5)
    made = compose.prefilter("margin", badge, factor=5)
    assert made == strategies.get("prefilter(margin, badge(temperature=0.5), factor=5)")
    assert made != compose.prefilter("margin", "badge", factor=5)
    assert made != compose.prefilter("entropy", badge, factor=5)
    assert compose.mixture([(badge, 1), ("margin", 2)]) == compose.mixture({"badge(temperature=0.5)": 1, "margin": 2})
    assert compose.class_balanced("prefilter(margin, badge)") == strategies.get(
        "class_balanced(prefilter(margin, badge))"
    )
    assert made.needs == ("probs", "embeddings")
    assert compose.class_balanced("k_center").needs == ("embeddings", "probs")
    assert compose.class_balanced("k_center").optional == ("labeled_embeddings", "nearest_labeled_distance", "labels")
    assert compose.prefilter("margin", loss).needs == ("probs", "predicted_loss"), "a strategy that no table knows"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prefilter(margin, bagde)", "no strategy named 'bagde'. Did you mean 'badge'"),
        ("prefiltr(margin, badge)", "no strategy or wrapper named 'prefiltr'. Did you mean 'prefilter'"),
        ("prefilter(margin, badge, facto=5)", "prefilter: There is no parameter named 'facto'. Did you mean 'factor'"),
        ("prefilter(margin, badge(temprature=5))", "badge: There is no parameter named 'temprature'"),
        (
            "prefilter(margin, badge(temperature=hot))",
            "badge: parameter temperature must be a finite number; got 'hot'",
        ),
        ("prefilter(margin)", r"written as prefilter\(first, then, factor=10\); got prefilter\(margin\)"),
        ("prefilter(margin, badge, 5)", r"written as prefilter\(first, then, factor=10\)"),
        ("prefilter(margin, badge, first=margin)", "written as prefilter"),
        ("tempered(margin)", r"written as tempered\(strategy, temperature=\.\.\.\)"),
        ("class_balanced(prefilter)", r"prefilter wraps strategies: write prefilter\(first, then, factor=10\)"),
        ("badge(0.5)", "badge takes its parameters by name"),
        ("mixture(margin, badge)", r"written as mixture\(\{margin: 0.7, badge: 0.3\}\)"),
        ("mixture(margin)", "strategies with their shares, as in {margin: 0.7, badge: 0.3}, was expected"),
        ("mixture({**margin})", "strategies with their shares"),
        ("prefilter(*margin)", r"no \* and no \*\*"),
        ("class_balanced(**margin)", r"no \* and no \*\*"),
        ("class_balanced(1)", "a strategy was expected, as in .*; got 1"),
        ("class_balanced(margin + badge)", "a strategy was expected"),
        ("class_balanced(lambda: margin)", "a strategy was expected"),
        ("__import__('os').system('echo')", "a strategy was expected"),
        (
            "badge(temperature=__import__('os').getpid())",
            "a number, a word, a text in quotes or a list of them was expected",
        ),
        ("badge(temperature=[x for x in ()])", "a number, a word"),
        ("prefilter(margin, badge", "cannot be read as a strategy; write it as in prefilter"),
        ("prefilter(margin, badge) or 1; 2", "cannot be read"),
        ("()", "a strategy was expected"),
        ("(" * 500, "cannot be read"),
        ("class_balanced(" * 300 + "margin" + ")" * 300, "at most 2000 characters"),
    ],
)
def test_what_is_no_expression_is_refused_in_a_sentence(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        strategies.get(text)
    assert "\n" not in str(caught.value)


def test_an_expression_takes_its_parameters_inside() -> None:
    with pytest.raises(InputError, match="There is no parameter named 'factor'"):
        strategies.get("prefilter(margin, badge)", factor=5)
    with pytest.raises(UnknownNameError, match="'bagde'"):
        claros.select("class_balanced(bagde)", 1, probs=[[1.0]])


def test_every_wrapper_is_documented_as_strategies_are() -> None:
    assert set(compose.WRAPPERS) <= set(compose.__all__)
    for name, wrapper in compose.WRAPPERS.items():
        examples = {"mixture": "mixture({margin: 1, badge: 2})"}
        examples |= {two: f"{two}(margin, badge)" for two in ("prefilter", "switch", "refine")}
        made = strategies.get(
            examples.get(name, f"{name}(margin, temperature=2)" if name == "tempered" else f"{name}(margin)")
        )
        assert made.documentation.startswith(made.summary)
        for what in (made.cost, made.advice, made.reference):
            assert what, name
        assert wrapper.__doc__ == made.function.__doc__


# --- in runs ----------------------------------------------------------------------------------------------------------


def test_runs_call_an_expression_by_its_canonical_form_in_folders_too() -> None:
    texts = ["prefilter(margin,badge, factor=5)", "mixture({margin: 0.5, 'badge(bias=true)': 0.5})", "margin"]
    config = read_config(flags={"data": "iris", "strategy": texts})
    assert list(config.arms) == [
        "prefilter(margin, badge, factor=5)",
        "mixture(margin=0.5, badge(bias=True)=0.5)",
        "margin",
        "random",
    ]
    long = "class_balanced(" * 20 + "margin" + ")" * 20
    (label, _) = read_config(flags={"data": "iris", "strategy": [long]}).arms
    assert len(label) <= 100
    assert (
        read_config(flags={"data": "iris", "init": "subsample(random,size=9)"}).init.name == "subsample(random, size=9)"
    )
    with pytest.raises(InputError, match=r"^The setting strategy\.0: There is no strategy named 'bagde'.*'badge'"):
        read_config(flags={"data": "iris", "strategy": ["class_balanced(bagde)"]})
    with pytest.raises(InputError, match=r"^The setting init: .*'bagde'"):
        read_config(flags={"data": "iris", "init": "subsample(bagde)"})


def test_settings_and_grids_keep_the_commas_of_an_expression() -> None:
    text = "mixture({margin: 0.5, badge: 0.5})"
    assert [arm.name for arm in read_config(settings=[f"strategy={text}"], flags={"data": "iris"}).strategy] == [text]
    (one,) = read_grid(grid=["data=iris", f"strategy=margin, prefilter(margin,badge(temperature=0.5)),{text}"])
    assert [arm.name for arm in one.strategy] == ["margin", "prefilter(margin, badge(temperature=0.5))", text]
    assert [one.batch for one in read_grid(grid=["data=iris", "batch=5,10"])] == [5, 10]


def test_a_campaign_keeps_its_expression(tmp_path: Path) -> None:
    text = "class_balanced(prefilter(margin, badge, factor=3))"
    pool = claros.data.load("iris").train
    with claros.Campaign.create(tmp_path / "x.claros", pool=pool, strategy=text, start=10, batch=6) as campaign:
        while len(campaign.rounds) < 2:
            for query in campaign.ask():
                campaign.tell(query.item, int(pool.labels[pool.ids.index(query.item)]))
        assert campaign.rounds[1].strategy == text
    with claros.Campaign.open(tmp_path / "x.claros", pool=pool) as again:
        assert again.strategy == strategies.get(text)
        assert again.strategy.name == text


def test_a_specification_says_every_parameter_and_reads_back_as_the_same_strategy() -> None:
    made = claros.strategies.get("mixture({prefilter(margin, badge): 2, stochastic(bald): 1})")
    spec = made.spec()
    assert spec["parameters"] == {}
    assert spec["name"] == (
        "mixture({prefilter(margin, badge(method=lazy, temperature=1, bias=False), factor=10): 2, "
        "stochastic(bald, kind=power, beta=1): 1})"
    )
    again = claros.strategies.from_spec(spec)
    assert again == made
    assert again.name == made.name


def test_a_switch_hands_over_at_so_many_labels_a_class_and_says_so() -> None:
    # two classes: at two labels a class, so from four labels on
    made = strategies.get("switch(k_center, margin, at=2)")
    inputs = {
        "probs": unsure(0.5, 0.1, 0.9),
        "embeddings": np.array([[9.0], [1.0], [2.0]]),
        "labeled_embeddings": np.zeros((3, 1)),
    }
    early = claros.select(made, 1, **inputs, labels=[0, 1, 0])
    assert early.indices.tolist() == [0]  # the farthest
    assert early.note.startswith("k_center, since 3 labels are fewer than 2 for each of 2 classes.")
    late = claros.select(made, 1, **{**inputs, "labeled_embeddings": np.zeros((4, 1))}, labels=[0, 1, 0, 1])
    assert late.indices.tolist() == [1]  # the most unsure
    assert late.note.startswith("margin, since 4 labels are at least 2 for each of 2 classes.")


def test_a_wrapper_without_its_strategies_says_how_it_is_written() -> None:
    for text in ("prefilter", "class_balanced(prefilter)"):
        with pytest.raises(InputError, match=r"prefilter wraps strategies: write prefilter\(first, then, factor=10\)"):
            strategies.get(text)
