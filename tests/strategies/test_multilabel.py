"""Multi-label strategies: by hand, against the rules written out, and the check of their inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

import claros
from claros.errors import InputError
from claros.measures import labelwise

#: Three items, three labels.
LABELS = np.array([[0.5, 0.9, 0.1], [0.6, 0.6, 0.6], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("reduce", "scores", "first"),
    [("mean", [(1 + 0.2 + 0.2) / 3, 0.8, 0.0], 1), ("max", [1.0, 0.8, 0.0], 0), ("min", [0.2, 0.8, 0.0], 1)],
)
def test_margin_by_hand(reduce: str, scores, first: int) -> None:
    # 1 - |2p - 1|: 1 for 0.5, 0.2 for 0.9 and for 0.1, 0.8 for 0.6, 0 for certainty
    picked = claros.select("multilabel_margin", 3, label_probs=LABELS, reduce=reduce)
    assert picked.all_scores == pytest.approx(scores)
    assert picked.indices[0] == first
    assert picked.indices[-1] == 2


def test_mmc_by_hand() -> None:
    # sums 1.5, 1.8, 1: two, two and one label predicted. Wrong: (0.1 + 0.5) + 0.1, (0.4 + 0.4) + 0.6, 0.
    picked = claros.select("mmc", 3, label_probs=LABELS)
    assert picked.all_scores == pytest.approx([0.7, 1.4, 0.0])
    assert picked.indices.tolist() == [1, 0, 2]


def test_mmc_is_the_expected_number_of_wrong_labels() -> None:
    label_probs = np.random.default_rng(0).random((200, 9))
    scores = claros.select("mmc", 1, label_probs=label_probs).all_scores
    for p, score in zip(label_probs, scores, strict=True):
        predicted = np.zeros(9, dtype=bool)
        predicted[np.argsort(-p)[: int(np.floor(p.sum() + 0.5))]] = True
        assert score == pytest.approx(np.where(predicted, 1 - p, p).sum())


def test_cardinality_by_hand() -> None:
    # labels above one half: 1, 3, 1; 1.5 is usual
    given = {"label_probs": LABELS, "label_cardinality": 1.5}
    picked = claros.select("label_cardinality_inconsistency", 3, **given)
    assert picked.all_scores == pytest.approx([0.5, 1.5, 0.5])
    assert picked.indices[0] == 1
    assert claros.select("lci", 3, threshold=0.95, **given).all_scores == pytest.approx([1.5, 1.5, 0.5])
    with pytest.raises(InputError, match=r"threshold must be in \[0, 1\); got 1.0"):
        claros.select("label_cardinality_inconsistency", 3, threshold=1.0, **given)


def test_adaptive_by_hand() -> None:
    # least sure of the predicted and of the others: 0.8 + 0, 0.2 + 1 (there is none), 1 + 1; one over it
    near, gap = np.array([1 / 0.8, 1 / 1.2, 0.5]), np.array([0.5, 1.5, 0.5])
    given = {"label_probs": LABELS, "label_cardinality": 1.5}
    for weight, scores in ((0.5, np.sqrt(near * gap)), (1.0, near), (0.0, gap)):
        picked = claros.select("adaptive_multilabel", 3, weight=weight, **given)
        assert picked.all_scores == pytest.approx(scores)
        assert picked.indices[0] == scores.argmax()
    with pytest.raises(InputError, match=r"weight must be in \[0, 1\]; got 1.5"):
        claros.select("adaptive_multilabel", 3, weight=1.5, **given)


def test_cvirs_by_hand() -> None:
    # surer than the item, label by label: 2 + 1 + 1, 1 + 2 + 2, 0 of 3 x 2 others. Predicted: 010, 111, 100.
    # 010 has with 110 and with 001 a joint entropy of log2 3 and twice that of (1/3, 2/3); 111 tells nothing of either.
    third = np.log2(3) - 2 / 3
    apart = (2 * np.log2(3) - 2 * third) / np.log2(3)
    picked = claros.select("cvirs", 3, label_probs=LABELS, label_sets=[[1, 1, 0], [0, 0, 1]])
    assert picked.all_scores == pytest.approx([4 / 6 * apart, 5 / 6, 0.0])
    assert picked.indices.tolist() == [1, 0, 2]
    alone = claros.select("cvirs", 3, label_probs=LABELS, label_sets=np.empty((0, 3), dtype=int))
    assert alone.all_scores == pytest.approx([4 / 6, 5 / 6, 0.0])


def test_the_distance_of_label_sets_is_the_normalised_variation_of_information() -> None:
    rng = np.random.default_rng(2)
    predicted, held = rng.random((60, 7)), rng.integers(0, 2, (25, 7))
    held[0], held[1] = 0, 1  # sets that tell nothing
    predicted[0], predicted[1] = held[5], 1 - held[6]
    found = labelwise.set_distance(predicted, held)
    for row, value in zip(predicted, found, strict=True):
        distances = []
        for known in held:
            said = (row > 0.5).astype(int)
            joint = entropy(np.bincount(2 * said + known, minlength=4))
            shared = mutual_info_score(said, known)
            opposite = np.array_equal(said, 1 - known)
            distances.append(1.0 if opposite else 0.0 if joint == 0 else 1 - shared / joint)
        assert value == pytest.approx(np.mean(distances), abs=1e-12)


def test_label_sets_are_of_ones_and_zeros() -> None:
    with pytest.raises(InputError, match=r"label_sets has 1 value\(s\) other than 0 and 1, the first at index 1"):
        claros.select("cvirs", 3, label_probs=LABELS, label_sets=[[1, 1, 0], [0, 2, 1]])


def test_the_order_of_the_labels_does_not_matter() -> None:
    label_probs = np.random.default_rng(1).random((50, 6)).astype(np.float32)
    for name in ("multilabel_margin", "mmc"):
        expected = claros.select(name, 50, label_probs=label_probs).all_scores
        assert claros.select(name, 50, label_probs=label_probs[:, ::-1]).all_scores == pytest.approx(expected)
        assert claros.select(name, 50, label_probs=torch.tensor(label_probs)).all_scores == pytest.approx(expected)


def test_label_probabilities_need_not_sum_to_one_and_must_lie_between_zero_and_one() -> None:
    assert len(claros.select("multilabel_margin", 2, label_probs=[[1, 1, 1], [0, 0, 0]])) == 2
    for wrong, message in (
        (1.5, "label_probs has 1 row.s. outside .0, 1., the first at index 1; pass the output of a sigmoid"),
        (-0.1, "label_probs has 1 row.s. outside .0, 1., the first at index 1"),
        (np.nan, "label_probs has 1 non-finite row.s., the first at index 1"),
        (np.inf, "label_probs has 1 non-finite row.s., the first at index 1"),
    ):
        damaged = LABELS.copy()
        damaged[1, 2] = wrong
        with pytest.raises(InputError, match=message):
            claros.select("multilabel_margin", 1, label_probs=damaged)
    with pytest.raises(InputError, match="at least one of axis K"):
        claros.select("multilabel_margin", 1, label_probs=np.empty((3, 0)))
