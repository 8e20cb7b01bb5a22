"""What went wrong in other libraries and must not here: which tests would catch it, and those that are nowhere else.

Every row of `LESSONS` is a mistake that was found in a published program, told by what it did there, with the tests of
ours that fail where one of our methods makes it. Tests are named ``file::function`` under tests/, or
``Suite.method`` for those of the public suites, which every strategy and every model inherits.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import claros
from claros import compose, data, models, strategies
from claros.campaign import Campaign
from claros.measures.annotators import agreement_bounds
from claros.strategy import Strategy
from claros.testing import ModelContract, StrategyContract

TESTS = Path(__file__).parents[1]
SUITES = {"StrategyContract": StrategyContract, "ModelContract": ModelContract}
HERE = "strategies/test_lessons.py::"

#: (number, what a published program did, tests that fail where ours does it)
LESSONS: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (
        1,
        "The largest margin was picked, the most certain item; with one class, zeros came back in place of positions.",
        (
            "strategies/test_uncertainty.py::test_the_most_certain_item_comes_last",
            "StrategyContract.test_the_item_that_must_come_first_does",
            "StrategyContract.test_a_single_item_class_feature_or_member_is_enough",
        ),
    ),
    (
        2,
        "BADGE's error of the predicted class lacked its 1, so that confident items were longest; of two classes there "
        "was no gradient, and draws were not seeded.",
        (
            "strategies/test_hybrid.py::test_the_one_that_the_model_is_unsure_of_is_longest",
            "strategies/test_hybrid.py::test_sequential_picks_what_the_reference_picks_from_gradients_written_out",
            "strategies/test_hybrid.py::test_two_items_by_hand",
            "StrategyContract.test_the_same_seed_gives_the_same_picks",
        ),
    ),
    (
        3,
        "BatchBALD never returned its first pick, the best by BALD, and the others in reverse order.",
        ("strategies/test_batch_bald.py::test_the_first_pick_is_balds_and_the_order_is_greedy",),
    ),
    (
        4,
        "Batches drawn by the power of a score ignored its direction: margin drew from the confident half.",
        (
            "test_compose.py::test_a_stochastic_margin_draws_from_the_unsure_half",
            HERE + "test_doubt_is_drawn_sooner_than_certainty_by_every_law_of_drawing",
        ),
    ),
    (
        5,
        "BatchBALD broke ties twice by different draws: duplicates; and it overwrote the caller's probabilities.",
        (
            "strategies/test_batch_bald.py"
            "::test_no_item_is_picked_twice_from_a_pool_of_ties_and_nothing_is_overwritten",
            "StrategyContract.test_inputs_are_only_read",
        ),
    ),
    (
        6,
        "ProbCover used the distances of its first call for every later pool, held three arrays of all pairs, and took "
        "a radius meant for directions on vectors of any length.",
        (
            HERE + "test_a_second_pool_is_seen_as_it_is",
            "StrategyContract.test_the_order_of_the_candidates_does_not_matter",
            "strategies/test_neighbours.py"
            "::test_prob_cover_takes_no_table_of_pairs_also_where_every_ball_holds_everything",
            "strategies/test_neighbours.py::test_prob_cover_by_hand",
        ),
    ),
    (
        7,
        "k-center took roots of negative squares in float32: NaN, which won, so that copies of labeled items were "
        "picked; all pairs were held, arrays copied at every pick, and the order of the picks was lost.",
        (
            "strategies/test_coverage.py::test_near_copies_of_labeled_items_come_last",
            "strategies/test_coverage.py::test_k_center_holds_no_array_of_candidates_by_labeled_items",
            "StrategyContract.test_near_duplicates_far_from_the_origin_are_no_special_case",
            "StrategyContract.test_a_smaller_batch_is_the_beginning_of_a_larger_one",
        ),
    ),
    (
        8,
        "CEAL looked its strategy up in two lists that were out of step: by the name of BADGE another one ran.",
        (HERE + "test_a_name_runs_the_function_of_that_name",),
    ),
    (
        9,
        "A subsample of neighbours removed nothing, and its positions were read in another array.",
        ("strategies/test_neighbourhood_wrappers.py::test_only_the_neighbours_of_labeled_items_are_looked_at",),
    ),
    (
        10,
        "The expected gradient length was a sum of absolute values.",
        (
            "strategies/test_weighted.py::test_egl_by_hand_is_a_length_and_not_a_sum_of_absolute_values",
            "models/test_gradient_norms.py::test_a_length_is_euclidean_and_not_a_sum_of_amounts",
        ),
    ),
    (
        11,
        "Names that Python and NumPy had dropped made the import of strategies fail.",
        (HERE + "test_a_name_runs_the_function_of_that_name",),
    ),
    (
        12,
        "Loops over blocks left out the last, short one: its items could never be picked.",
        (
            "strategies/test_neighbours.py::test_the_tail_of_the_pool_can_be_picked_by_prob_cover",
            HERE + "test_the_last_rows_of_a_pool_can_be_picked_whatever_its_size",
            "measures/test_graph.py::test_the_last_rows_have_their_edges_whatever_the_size_of_blocks",
            "StrategyContract.test_the_size_of_blocks_does_not_matter",
        ),
    ),
    (
        13,
        "Greedy core-set mixed positions among the candidates with those in the whole pool.",
        ("strategies/test_coverage.py::test_positions_count_candidates_and_not_labeled_items",),
    ),
    (
        14,
        "VAAL picked what its discriminator took for labeled, and the discriminator had nothing to learn.",
        ("strategies/test_strategies_with_networks.py::test_what_is_unlike_the_labeled_items_is_asked",),
    ),
    (
        15,
        "k-means returned the numbers of its clusters as if they were items.",
        ("strategies/test_coverage.py::test_kmeans_finds_the_middle_of_each_of_three_heaps_the_largest_first",),
    ),
    (
        16,
        "Variation ratio was the confidence of the mean, and BALD a count of votes.",
        (
            "strategies/test_committee.py::test_variation_ratio_counts_votes_and_not_the_largest_mean_probability",
            "strategies/test_bayesian.py::test_it_does_not_count_votes_and_does_not_average_the_members_entropies",
        ),
    ),
    (
        17,
        "The entropy of dropout passes was summed along the passes: the doubt that no label removes.",
        ("strategies/test_committee.py::test_the_entropy_of_the_mean_is_not_the_entropy_of_the_members",),
    ),
    (
        18,
        "Embeddings came from a layer off the way to the classifier; a network without dropout gave members all alike; "
        "a batch had ten items whatever was asked; features of one seed's pool served another; 0 log 0 was NaN; the "
        "classes were counted in the pool; BIM never ended; and ± mixed rounds with seeds.",
        (
            "ModelContract.test_probabilities_logits_and_head_agree",
            "ModelContract.test_classes_never_seen_have_columns_of_zeros",
            "models/test_torch_inference.py::test_a_network_without_dropout_at_work_offers_no_members",
            "StrategyContract.test_picks_are_candidates_each_one_once",
            "data/test_attached.py::test_an_array_is_in_the_order_of_the_pool_or_named_by_ids",
            "StrategyContract.test_certain_predictions_are_no_special_case",
            "models/test_adversarial.py::test_what_never_changes_is_farther_than_everything_that_does",
            "report/test_figures.py::test_intervals_are_students_and_stay_shares",
        ),
    ),
    (
        19,
        "Dropout was left on by training mode, which moves batch normalisation too.",
        (
            "models/test_torch_inference.py"
            "::test_dropout_passes_leave_batch_normalisation_alone_and_differ_from_each_other",
            "models/test_hf_outputs.py::test_batch_normalisation_stays_as_trained_while_members_are_drawn",
        ),
    ),
    (
        20,
        "CAL took any neighbours, the item itself among them; ProbCover never discounted what was covered.",
        (
            "strategies/test_neighbours.py::test_cal_looks_at_labeled_neighbours_and_not_at_the_item_itself",
            "strategies/test_neighbours.py::test_prob_cover_picks_by_the_naive_rule",
            "strategies/test_neighbours.py::test_copies_of_one_item_are_covered_by_one_pick",
        ),
    ),
    (
        21,
        "Density weighting multiplied by a distance, which prefers outliers; the bounds of annotators counted the "
        "annotators in place of their labels.",
        (
            "strategies/test_density.py::test_information_density_prefers_the_typical_of_two_that_are_alike_unsure",
            HERE + "test_bounds_of_annotators_narrow_with_their_own_labels_and_not_with_their_number",
        ),
    ),
    (
        22,
        "BAIT weighed the batch K times over against what is labeled, and counted the classes in the pool's labels.",
        (
            "strategies/test_bait.py::test_picks_are_those_of_traces_written_out",
            "strategies/test_bait.py::test_all_classes_take_forms_of_classes_and_not_of_weights",
        ),
    ),
    (
        23,
        "ALBL was rewarded by the accuracy in training, and one arm by the whole batch.",
        (
            "strategies/test_albl.py::test_predictions_are_those_of_the_model_that_picked",
            "strategies/test_albl.py::test_two_rounds_are_those_worked_by_hand",
        ),
    ),
    (
        24,
        "ALFA-Mix filled its batch by draws with replacement and failed without a candidate; learned loss counted "
        "every pair twice.",
        (
            "strategies/test_mixing.py::test_alfa_mix_fills_up_without_drawing_an_item_twice",
            "models/test_loss_head.py::test_pairs_by_hand",
        ),
    ),
    (
        25,
        "UHerding's entropy did not run and its kernel held all pairs, as BADGE's gradients did; ties made core-set "
        "pick again; the expected loss reduction did not work; draws came from a global generator.",
        (
            "strategies/test_herding.py::test_nothing_large_is_ever_held",
            "strategies/test_herding.py::test_uherding_is_plain_greedy_with_closeness_for_weight",
            "strategies/test_hybrid.py::test_gradients_are_never_written_out",
            "strategies/test_epig.py::test_it_is_the_mean_information_over_pairs_of_labels",
            "StrategyContract.test_ties_are_broken_without_regard_to_position",
            "StrategyContract.test_global_random_states_are_left_alone",
        ),
    ),
    (
        26,
        "BADGE gave up on float32; GALAXY read the labels of the batch that it was choosing; picks had a chance to be "
        "drawn again; core-set needed a label; GLISTER held items by items by features.",
        (
            HERE + "test_the_labels_of_a_batch_do_not_decide_what_is_in_it",
            "test_pick.py::test_once_only_copies_are_left_draws_are_uniform_over_the_rest",
            "strategies/test_coverage.py::test_k_center_starts_in_the_middle_where_nothing_is_labeled",
            "StrategyContract.test_float32_picks_as_float64_does",
            "StrategyContract.test_no_array_grows_with_the_square_of_the_pool",
        ),
    ),
    (
        27,
        "A table of picks by candidates was kept; TypiClust had five neighbours, no limit of clusters and no least "
        "size, and its k-means was not seeded.",
        (
            "strategies/test_a_million.py::test_a_million_items_take_a_few_numbers_each",
            "test_pick.py::test_neither_sampler_holds_an_array_of_picks_by_candidates",
            "strategies/test_typical.py::test_typicality_is_that_of_its_definition_in_each_cluster",
            "strategies/test_typical.py::test_small_clusters_are_left_out_until_the_others_are_used_up",
            HERE + "test_typiclust_has_the_papers_limits_and_keeps_to_its_number_of_clusters",
        ),
    ),
    (
        28,
        "TypiClust came back to clusters and failed on an empty one; seeds were set for the whole process.",
        (
            "strategies/test_typical.py::test_no_item_is_picked_again_when_clusters_are_visited_again",
            "strategies/test_typical.py::test_a_cluster_in_which_all_is_labeled_is_passed_over",
            "StrategyContract.test_global_random_states_are_left_alone",
        ),
    ),
)


@cache
def functions(file: str) -> frozenset[str]:
    """The functions of a module of tests, read and not run: some of them load networks."""
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_lesson_has_its_number_once() -> None:
    assert [number for number, _, _ in LESSONS] == [*range(1, 29)]


@pytest.mark.parametrize("number", range(1, 29))
def test_the_tests_of_a_lesson_are_there(number: int) -> None:
    ids = LESSONS[number - 1][2]
    assert ids
    for one in ids:
        file, _, name = one.rpartition("::")
        suite, _, method = one.partition(".")
        assert name in functions(file) if file else callable(getattr(SUITES[suite], method, None)), one


def test_a_name_runs_the_function_of_that_name() -> None:
    # 8: two lists out of step. 11: an import that fails; every module of the table is imported here.
    for name in strategies.names():
        assert strategies.get(name).name == name
    for name in compose.WRAPPERS:
        assert getattr(compose, name).__name__ == name


@pytest.mark.parametrize("law", ["power", "softmax", "rank"])
@pytest.mark.parametrize("name", ["least_confidence", "margin", "entropy", "ratio", "gini"])
def test_doubt_is_drawn_sooner_than_certainty_by_every_law_of_drawing(name: str, law: str) -> None:
    # 4: of 20 doubtful and 20 certain items, a law that ignored the direction would draw mostly certain ones. By the
    # mildest law, softmax, odds are at least exp(.3 - .02), and a fair draw gives 20 of 40; 40 batches of 10 have a
    # standard deviation of about 10 of 400, so more than 220 of them doubtful is two of them above a fair draw.
    probs = np.concatenate([np.tile([0.55, 0.45], (20, 1)), np.tile([0.99, 0.01], (20, 1))])
    expression = f"stochastic({name}, kind={law})"
    drawn = np.concatenate([claros.select(expression, 10, probs=probs, seed=seed).indices for seed in range(40)])
    assert np.sum(drawn < 20) > 220


COVERING = ["dcom", "graph_density", "information_density", "max_herding", "uherding", "kmeans", "prob_cover"]


def offered(points: np.ndarray) -> dict[str, np.ndarray]:
    """What strategies that cover a pool may need, with nothing labeled yet and no idea of the classes."""
    none = np.empty((0, points.shape[1]))
    return {
        "features": points,
        "embeddings": points,
        "probs": np.full((len(points), 3), 1 / 3),
        "labeled_features": none,
        "labeled_embeddings": none,
        "labels": np.empty(0, dtype=np.int64),
    }


@pytest.mark.parametrize("name", COVERING)
def test_a_second_pool_is_seen_as_it_is(name: str) -> None:
    # 6: of two pools of one size, the heap is at the end of the first and at the beginning of the second; distances
    # kept from the first call would lead to the end again
    rng = np.random.default_rng(0)
    spread = rng.normal(size=(80, 16))
    heap = 2.0 * np.eye(16)[0] + 0.02 * rng.normal(size=(40, 16))
    strategy: Strategy = strategies.get(name)
    for order, first, last in (([spread, heap], 80, 120), ([heap, spread], 0, 40)):
        given = offered(np.concatenate(order))
        picked = claros.select(strategy, 1, **{need: given[need] for need in strategy.needs})
        assert first <= picked.indices[0] < last


@pytest.mark.parametrize("name", COVERING)
def test_the_last_rows_of_a_pool_can_be_picked_whatever_its_size(name: str) -> None:
    # 12: 1,234 = 2 · 500 + 234; the last 234 are the one heap that there is, the others are spread over the sphere
    rng = np.random.default_rng(0)
    spread = rng.normal(size=(1000, 16))
    heap = np.eye(16)[0] + 0.02 * rng.normal(size=(234, 16))
    points = np.concatenate([spread / np.linalg.norm(spread, axis=1, keepdims=True), heap])
    strategy: Strategy = strategies.get(name)
    given = offered(points)
    picked = claros.select(strategy, 5, **{need: given[need] for need in strategy.needs})
    assert (picked.indices >= 1000).any()


def test_bounds_of_annotators_narrow_with_their_own_labels_and_not_with_their_number() -> None:
    # 21: three annotators and five items; the third one's five labels agree with the majority in 1, 1, 1, 1 and 0:
    # mean .8, deviation √.2, standard error √(.2/5) = .2 by labels, and √(.2/3) by annotators; t with 4 degrees
    said = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1], [0, 0, 1]])
    bound = agreement_bounds(said, 2, alpha=0.1)[2]
    assert bound == pytest.approx(0.8 + stats.t.ppf(0.95, 4) * 0.2)


@pytest.mark.parametrize("name", ["galaxy", "direct"])
def test_the_labels_of_a_batch_do_not_decide_what_is_in_it(name: str) -> None:
    # 26: two pools that differ in the classes of what is not labeled yet; the batch after the same start is the same
    rng = np.random.default_rng(5)
    probs, truth = rng.dirichlet(np.ones(3), 60), rng.integers(0, 3, 60)
    asked = []
    for other in (truth, (truth + 1) % 3):
        pool = data.arrays(probs, other, classes=["a", "b", "c"])
        model = models.Precomputed({"probs": probs})
        with Campaign.create(None, pool=pool, model=model, strategy=name, start=12, audit=0.0, stop=None) as campaign:
            campaign.tell_many({query.item: int(truth[query.position]) for query in campaign.ask(12)})
            asked.append([query.position for query in campaign.ask(10)])
    assert len(set(asked[0])) == 10
    assert asked[0] == asked[1]


def test_typiclust_has_the_papers_limits_and_keeps_to_its_number_of_clusters() -> None:
    # 27: 20 neighbours, clusters of more than 5 items, 500 clusters. With one cluster at most, the picks come from the
    # denser of two heaps as long as they last; with two, the second pick is in the other heap.
    usual = strategies.get("typiclust").parameters
    assert (usual["neighbours"], usual["smallest"], usual["most_clusters"]) == (20, 6, 500)
    rng = np.random.default_rng(0)
    dense = np.array([1.0, 0.0, 0.0]) + 0.01 * rng.normal(size=(30, 3))
    sparse = np.array([0.0, 1.0, 0.0]) + 0.1 * rng.normal(size=(30, 3))
    features = np.concatenate([dense, sparse])
    one = claros.select("typiclust", 2, features=features, most_clusters=1)
    assert one.indices.max() < 30
    two = claros.select("typiclust", 2, features=features)
    assert two.indices.min() < 30 <= two.indices.max()
