"""LAL: what its regressor sees, that it asks what lowers the error, and that training is what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from scipy.stats import entropy, rankdata
from sklearn.neural_network import MLPRegressor

import claros
from claros.cli import main
from claros.errors import DataError
from claros.learned.features import RANKED, action_features
from claros.learned.lal import FEATURES, HIDDEN, SHAPES, SHIPPED, Regressor, features, read_regressor
from claros.learned.lal_training import fitted, train_regressor, two_gaussians
from claros.strategies.tiers import tier


def by_hand(name: str, sign: float) -> Regressor:
    """A regressor whose drop grows (or falls) with one feature alone."""
    weights = {one: np.zeros(shape) for one, shape in SHAPES.items()}
    weights["scale"] += 1.0
    weights["hidden_weights"][FEATURES.index(name), 0] = 1.0
    weights["drop_weights"][0] = sign
    return Regressor(weights, {"by": "hand"})


def test_it_asks_for_what_its_regressor_expects_most_of_and_the_other_way_round(tmp_path: Path) -> None:
    # The drop grows with the score of margin: the order is margin's; turned round, it is margin's backwards.
    by_hand("margin", 1.0).write(tmp_path / "doubt.safetensors")
    by_hand("margin", -1.0).write(tmp_path / "sure.safetensors")
    inputs = claros.testing.example_inputs(["probs", "embeddings", "labeled_embeddings"])
    margins = np.argsort(np.diff(np.sort(inputs["probs"], axis=1)[:, -2:], axis=1)[:, 0])
    doubt = claros.select("lal", 5, regressor=str(tmp_path / "doubt.safetensors"), **inputs)
    sure = claros.select("lal", 5, regressor=str(tmp_path / "sure.safetensors"), **inputs)
    assert doubt.indices.tolist() == margins[:5].tolist()
    assert sure.indices.tolist() == margins[::-1][:5].tolist()


def test_what_it_sees_is_what_it_is_called() -> None:
    rng = np.random.default_rng(0)
    probs, x, known = rng.dirichlet(np.ones(3), 40), rng.normal(size=(40, 4)), rng.normal(size=(7, 4))
    found = dict(zip(FEATURES, features(probs, x, known, rng).T, strict=True))
    ordered = np.sort(probs, axis=1)
    np.testing.assert_allclose(found["least_confidence"], (1 - ordered[:, -1]) / (2 / 3))
    np.testing.assert_allclose(found["margin"], 1 - (ordered[:, -1] - ordered[:, -2]))
    np.testing.assert_allclose(found["entropy"], entropy(probs, axis=1) / np.log(3))
    np.testing.assert_allclose(found["rank_of_margin"], (rankdata(found["margin"]) - 0.5) / 40)
    for place, name in enumerate(RANKED):
        np.testing.assert_array_equal(found[f"rank_of_{name}"], action_features(probs, x, known, rng)[:, place])
    np.testing.assert_allclose(found["mean_margin"], np.mean(found["margin"]))
    shares = np.bincount(probs.argmax(axis=1), minlength=3) / 40
    np.testing.assert_allclose(found["spread_of_predictions"], entropy(shares) / np.log(3))
    np.testing.assert_allclose(found["labels"], 7 / 60)
    one = features(np.ones((3, 1)), x[:3], known, rng)
    assert np.isfinite(one).all()


def test_the_network_is_that_of_scikit_learn() -> None:
    """With its weights in ours, scikit-learn's network of one tanh layer gives the same."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, len(FEATURES))), rng.normal(size=60)
    theirs = MLPRegressor(hidden_layer_sizes=(HIDDEN,), activation="tanh", solver="lbfgs", max_iter=5000)
    theirs.set_params(random_state=0).fit(x, y)
    weights = {
        "centre": np.zeros(len(FEATURES)),
        "scale": np.ones(len(FEATURES)),
        "hidden_weights": theirs.coefs_[0],
        "hidden_bias": theirs.intercepts_[0],
        "drop_weights": theirs.coefs_[1][:, 0],
        "drop_bias": theirs.intercepts_[1][0],
    }
    np.testing.assert_allclose(Regressor(weights, {}).drops(x), theirs.predict(x))


def test_training_finds_a_relation_that_is_there() -> None:
    # A drop that grows with doubt and falls with the labels there are, noise of variance .0025: with 193 weights and
    # 4,000 observations, about .0025 · 193/4000 = .0001 of the truth's variance of .019 stays unexplained.
    rng = np.random.default_rng(2)
    x = rng.random((4500, len(FEATURES)))
    truth = 0.5 * np.tanh(3 * x[:, FEATURES.index("margin")]) * (1 - x[:, FEATURES.index("labels")])
    model = fitted(x[:4000], truth[:4000] + rng.normal(0, 0.05, 4000), rng)
    assert np.mean((model.drops(x[4000:]) - truth[4000:]) ** 2) < 0.05 * np.var(truth)


def test_a_task_is_two_clouds_of_which_a_model_can_tell_something() -> None:
    for seed in range(20):
        pool, labels, test, test_labels = two_gaussians(np.random.default_rng(seed))
        assert (len(pool), len(test)) == (100, 1000)
        assert set(labels) == {0, 1} == set(test_labels)
        np.testing.assert_allclose(pool.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(pool.std(axis=0), 1)


def test_the_shipped_regressor_lowers_the_error_faster_than_random_labels() -> None:
    training = read_regressor().training
    assert (training["tasks"], training["seed"]) == (1500, 0)
    saved = training["error_after_20_labels"]["random_minus_lal"]
    assert saved["mean"] > 2 * saved["standard_error"]
    assert SHIPPED.stat().st_size < 10_000
    assert tier("lal") == "parity"


def test_the_shipped_regressor_asks_between_two_clouds_before_their_middles() -> None:
    """Two clouds of which one item each is labeled: of sure items and one on the boundary, that one is asked."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(-3, 0.5, (20, 2)), rng.normal(3, 0.5, (20, 2)), [[0.1, 0.0]]])
    chance = 1 / (1 + np.exp(-1.5 * x.sum(axis=1)))
    probs = np.stack([1 - chance, chance], axis=1)
    known = np.array([[-3.0, -3.0], [3.0, 3.0]])
    assert claros.select("lal", 1, probs=probs, embeddings=x, labeled_embeddings=known).indices.tolist() == [40]


def test_training_gives_the_same_again_and_says_what_it_came_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = train_regressor(tmp_path / "a.safetensors", tasks=4, seed=3, measured=2)
    line = ["train-policy", "--kind", "lal", "--tasks", "4", "--seed", "3", "--measured", "2"]
    assert main([*line, "--out", str(tmp_path / "b.safetensors"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert said == {"regressor": str(tmp_path / "b.safetensors"), **first.training}
    assert said["observations"] == 4 * 3 * 8
    assert set(load_file(tmp_path / "a.safetensors")) == set(SHAPES)
    assert main([*line, "--out", str(tmp_path / "b.safetensors")]) == 0
    assert "error after 20 labels in 2 new tasks" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["--kind", "lal", "--data", "iris"], ["--kind", "lal", "--warm", "3"], ["--tasks", "9"]]
)
def test_options_of_the_other_kind_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(["train-policy", "--out", str(tmp_path / "x"), *words]) == 2
    assert "leave it out" in capsys.readouterr().err


def test_a_file_that_is_no_regressor_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no regressor"):
        read_regressor(tmp_path / "no.safetensors")
    (tmp_path / "text").write_text("not this")
    with pytest.raises(DataError, match="no safetensors file"):
        read_regressor(tmp_path / "text")
    from claros.learned.policy import SHIPPED as POLICY

    with pytest.raises(DataError, match="another network"):
        read_regressor(POLICY)
