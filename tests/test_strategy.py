"""Strategies as functions whose signature says what they need, and the one call that runs them."""

from __future__ import annotations

import json
from typing import Literal

import numpy as np
import pytest

import claros
from claros.errors import ClarosError, InputError, UnknownNameError
from claros.pick import Picked
from claros.strategy import Strategy, scorer, strategy

PROBS = np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4]])


@scorer(reference="here", optional=("costs",))
def least_sure_per_price(
    *, probs, costs=None, power: float = 1.0, rounds: int = 2, floor=None, mode: Literal["max", "mean"] = "max", on=True
):
    """Uncertainty per price; (N,).

    More than one line.
    """
    scores = 1 - probs.max(axis=1)
    return scores if costs is None else scores / costs**power


def test_the_signature_says_what_is_needed_and_what_may_be_set() -> None:
    made = least_sure_per_price
    assert isinstance(made, Strategy)
    assert made.name == "least_sure_per_price"
    assert made.needs == ("probs",)
    assert made.optional == ("costs",)
    assert dict(made.parameters) == {"power": 1.0, "rounds": 2, "floor": None, "mode": "max", "on": True}
    assert made.choices == {"mode": ("max", "mean")}
    assert made.scores_items
    assert made.summary == "Uncertainty per price; (N,)."
    assert made.documentation.endswith("More than one line.")


def test_a_need_that_is_not_in_the_vocabulary_is_an_error_at_import() -> None:
    with pytest.raises(
        ClarosError, match=r"wrong: There is no input named 'prob'. Did you mean 'probs'.*needs a default"
    ):

        @scorer(reference="here")
        def wrong(*, prob): ...

    with pytest.raises(ClarosError, match="argument 'probs' must be keyword-only"):

        @scorer(reference="here")
        def positional(probs): ...

    with pytest.raises(ClarosError, match="must take no k"):

        @scorer(reference="here")
        def picks(k, *, probs): ...

    with pytest.raises(ClarosError, match="must take k, the number of picks, first"):

        @strategy(reference="here")
        def scores(*, probs): ...


def test_configuring_makes_another_strategy_and_leaves_the_first_as_it_was() -> None:
    sharper = least_sure_per_price.configure(power=2)
    assert sharper.parameters["power"] == 2.0
    assert least_sure_per_price.parameters["power"] == 1.0
    assert sharper != least_sure_per_price
    assert sharper.configure(power=1.0) == least_sure_per_price
    with pytest.raises(TypeError):
        sharper.parameters["power"] = 3.0


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"powr": 1}, "There is no parameter named 'powr'. Did you mean 'power'"),
        ({"power": "two"}, "parameter power must be a finite number; got 'two'"),
        ({"power": np.inf}, "parameter power must be a finite number; got inf"),
        ({"power": True}, "parameter power must be a finite number; got True"),
        ({"rounds": 2.5}, "parameter rounds must be a whole number; got 2.5"),
        ({"mode": "min"}, "parameter mode must be 'max' or 'mean'; got 'min'"),
        ({"mode": 3}, "parameter mode must be 'max' or 'mean'; got 3"),
        ({"on": 1}, "parameter on must be true or false; got 1"),
    ],
)
def test_parameters_of_the_wrong_kind_are_refused(parameters, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        least_sure_per_price.configure(**parameters)


def test_numpys_numbers_become_plain_ones_so_that_the_specification_is_json() -> None:
    made = least_sure_per_price.configure(power=np.float32(0.5), rounds=np.int64(3), on=np.bool_(False), floor=None)
    assert json.loads(json.dumps(made.spec())) == {
        "name": "least_sure_per_price",
        "parameters": {"power": 0.5, "rounds": 3, "floor": None, "mode": "max", "on": False},
    }


def test_optional_inputs_are_passed_when_they_are_given() -> None:
    costs = [1.0, 10.0, 1.0]
    assert claros.select(least_sure_per_price, 1, probs=PROBS).indices.tolist() == [1]
    assert claros.select(least_sure_per_price, 1, probs=PROBS, costs=costs).indices.tolist() == [2]
    assert claros.select(least_sure_per_price, 1, probs=PROBS, costs=costs, power=0.0).indices.tolist() == [1]


def test_a_strategy_can_be_called_on_arrays_that_are_known_to_be_good() -> None:
    assert claros.strategies.get("margin")(probs=PROBS) == pytest.approx([0.2, 1.0, 0.8])
    picked = claros.strategies.get("badge")(2, probs=PROBS, embeddings=np.ones((3, 2)), rng=np.random.default_rng(0))
    assert isinstance(picked, Picked)


def test_a_selection_says_why_each_item_was_picked() -> None:
    picked = claros.select("margin", 2, probs=PROBS)
    assert picked.reasons == (
        "margin: pick 1 of 2, score 1, rank 1 of 3",
        "margin: pick 2 of 2, score 0.8, rank 2 of 3",
    )
    assert picked.all_scores == pytest.approx([0.2, 1.0, 0.8])
    assert picked.n_candidates == 3
    assert len(picked) == 2


@pytest.mark.parametrize("k", [0, -1, 2.0, True, "3", None])
def test_the_number_of_picks_is_a_positive_whole_number(k) -> None:
    with pytest.raises(InputError, match="k, the number of items to pick, must be a whole number of at least 1; got"):
        claros.select("margin", k, probs=PROBS)


@pytest.mark.parametrize("n", [-2, 2.5, True])
def test_the_number_of_candidates_is_a_whole_number(n) -> None:
    with pytest.raises(InputError, match="n, the number of candidates, must be a whole number of at least 0; got"):
        claros.select("random", 1, n=n)


def test_a_seed_and_a_generator_are_two_ways_to_say_one_thing() -> None:
    with pytest.raises(InputError, match="seed= or rng=, not both"):
        claros.select("margin", 1, probs=PROBS, seed=0, rng=np.random.default_rng(0))
    default = claros.select("random", 5, n=100)
    assert np.array_equal(default.indices, claros.select("random", 5, n=100, seed=0).indices)
    given = claros.select("random", 5, n=100, rng=np.random.default_rng(1))
    assert np.array_equal(given.indices, claros.select("random", 5, n=100, rng=np.random.default_rng(1)).indices)


@pytest.mark.parametrize("wrong", [{"rng": 0}, {"seed": "a"}, {"seed": 1.5}, {"seed": True}, {"seed": -1}])
def test_what_is_no_seed_or_generator_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"rng must be a numpy\.random\.Generator|seed and round must be non-negative"):
        claros.select("random", 1, n=3, **wrong)


def test_a_parameter_cannot_have_the_name_of_an_input() -> None:
    with pytest.raises(ClarosError, match="'clusters' is an input's name"):

        @scorer(reference="here")
        def mine(*, probs, clusters=3):
            """Nothing."""


def test_an_unknown_strategy_is_answered_with_the_nearest_known_one() -> None:
    with pytest.raises(UnknownNameError, match=r"no strategy named 'bagde'\. Did you mean 'badge'"):
        claros.select("bagde", 1, probs=PROBS)


def test_an_unknown_argument_is_answered_with_the_nearest_input_or_parameter() -> None:
    with pytest.raises(InputError, match=r"margin: There is no input or parameter named 'prbs'\. Did you mean 'probs'"):
        claros.select("margin", 1, prbs=PROBS)
    with pytest.raises(
        InputError, match=r"badge: There is no input or parameter named 'methd'\. Did you mean 'method'"
    ):
        claros.select("badge", 1, probs=PROBS, embeddings=PROBS, methd="lazy")


def test_what_a_strategy_lacks_is_said_before_anything_is_computed() -> None:
    with pytest.raises(
        InputError, match=r"^badge needs embeddings; got probs\. Pass embeddings=\.\.\., or use a model"
    ):
        claros.select("badge", 1, probs=np.full((3, 2), np.nan))


def test_scores_that_are_not_finite_never_win_in_silence() -> None:
    @scorer(reference="here")
    def broken(*, probs):
        return np.where(probs[:, 0] > 0.8, np.nan, 1.0)

    with pytest.raises(
        InputError, match=r"broken gave 1 non-finite score\(s\), the first at index 0; look at that row"
    ):
        claros.select(broken, 1, probs=PROBS)

    @scorer(reference="here")
    def short(*, probs):
        return probs[:2, 0]

    with pytest.raises(ClarosError, match=r"short must score each of 3 candidates; it returned shape \(2,\)"):
        claros.select(short, 1, probs=PROBS)


def test_no_candidates_give_an_empty_selection() -> None:
    picked = claros.select("margin", 5, probs=np.empty((0, 2)))
    assert len(picked) == 0
    assert picked.indices.dtype == np.int64
    assert picked.all_scores is not None
    assert claros.select("random", 5, n=0).all_scores is None


def test_annotations_for_type_checkers_only_do_not_get_in_the_way() -> None:
    def typed(*, probs: NoSuchType, power: float = 1.0):  # noqa: F821
        return probs[:, 0]

    assert scorer(reference="here")(typed).choices == {}


@pytest.mark.parametrize("wrong", [None, 5, np.ones(3)])
def test_what_is_no_strategy_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match=r"must be a name, as 'margin', or a claros\.Strategy"):
        claros.select(wrong, 1, n=3)
