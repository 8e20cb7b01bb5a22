"""scikit-learn behind the protocol, with scikit-learn itself as the oracle."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

import claros
from claros import models
from claros.data import arrays
from claros.errors import CannotFeedError, DataError, InputError, ModelError
from claros.models import Model, from_estimator
from claros.models.sklearn import adapter
from claros.testing.pools import small_pool

IRIS = load_iris()
WINE = load_wine()


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def fitted(model: Model, pool: Any, labels: Any = None, **given: Any) -> Model:
    model.fit(pool, pool.labels if labels is None else labels, rng=rng(), **given)
    return model


def outputs(model: Model, pool: Any, *names: str) -> Any:
    given = model.outputs(pool, names)
    return given[names[0]] if len(names) == 1 else [given[name] for name in names]


def test_logistic_is_scikit_learn_s_over_standardised_rows() -> None:
    pool = arrays(WINE.data, WINE.target)
    truth = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(WINE.data, WINE.target)
    given = outputs(fitted(models.get("logistic"), pool), pool, "probs")
    np.testing.assert_allclose(given, truth.predict_proba(WINE.data), rtol=1e-12)


def test_images_are_flattened_and_scaled_to_one() -> None:
    pool = small_pool("images")
    flat = pool.take(range(len(pool))).reshape(len(pool), -1) / 255.0
    truth = LogisticRegression(max_iter=300).fit(flat, pool.labels)
    model = fitted(models.get("logistic"), pool)
    np.testing.assert_allclose(outputs(model, pool, "probs"), truth.predict_proba(flat), rtol=1e-9)
    np.testing.assert_allclose(outputs(model, pool, "embeddings"), flat, rtol=1e-6)


def test_texts_go_through_tf_idf() -> None:
    pool = small_pool("texts")
    texts = pool.take(range(len(pool)))
    vectors = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    truth = make_pipeline(vectors, LogisticRegression(C=10.0, max_iter=300)).fit(texts, pool.labels)
    given = outputs(fitted(models.get("logistic"), pool), pool, "probs")
    np.testing.assert_allclose(given, truth.predict_proba(texts), rtol=1e-9)


def test_weights_go_to_the_last_step_and_only_their_ratios_matter() -> None:
    pool, weights = arrays(IRIS.data, IRIS.target), rng(1).uniform(0.1, 3.0, 150)
    scaled = StandardScaler().fit_transform(IRIS.data)
    truth = LogisticRegression(max_iter=300).fit(scaled, IRIS.target, weights / weights.mean())
    for factor in (1.0, 1000.0):
        given = outputs(fitted(models.get("logistic"), pool, weights=factor * weights), pool, "probs")
        np.testing.assert_allclose(given, truth.predict_proba(scaled), rtol=1e-4)


def test_weights_for_an_estimator_that_takes_none_are_refused() -> None:
    pool = arrays(IRIS.data, IRIS.target)
    with pytest.raises(InputError, match="KNeighborsClassifier cannot be trained with weights"):
        fitted(from_estimator(KNeighborsClassifier()), pool, weights=np.ones(150))


def test_the_stream_seeds_every_component_and_nothing_else_does() -> None:
    pool = arrays(IRIS.data, IRIS.target)
    seed = int(rng().integers(2**31 - 1))
    truth = RandomForestClassifier(n_estimators=20, random_state=seed).fit(IRIS.data, IRIS.target)
    mine = RandomForestClassifier(n_estimators=20, random_state=99)
    given = outputs(fitted(from_estimator(mine), pool), pool, "probs")
    np.testing.assert_array_equal(given, truth.predict_proba(IRIS.data))
    assert mine.random_state == 99
    assert not hasattr(mine, "estimators_")


def test_components_inside_a_component_are_seeded_too() -> None:
    class Recorder(ClassifierMixin, BaseEstimator):
        seeds: list[int] = []  # noqa: RUF012 -- shared on purpose

        def __init__(self, random_state: int | None = None, inner: Any = None) -> None:
            self.random_state, self.inner = random_state, inner

        def fit(self, x: Any, y: Any) -> Recorder:
            self.classes_ = np.unique(y)
            self.seeds.extend([self.random_state, self.inner.random_state])
            return self

        def predict_proba(self, x: Any) -> Any:
            return np.full((len(x), len(self.classes_)), 1 / len(self.classes_))

    fitted(from_estimator(make_pipeline(StandardScaler(), Recorder(inner=Recorder()))), arrays(IRIS.data, IRIS.target))
    assert all(isinstance(seed, int) for seed in Recorder.seeds)
    assert len(set(Recorder.seeds)) == 2


def test_trees_are_the_members_of_a_small_forest_and_groups_of_a_large_one() -> None:
    pool = arrays(IRIS.data, IRIS.target)
    seed = int(rng().integers(2**31 - 1))
    for n_trees, n_members in ((7, 7), (100, 50)):
        truth = RandomForestClassifier(n_trees, random_state=seed, max_depth=2).fit(IRIS.data, IRIS.target)
        members, probs = outputs(
            fitted(models.get("forest", n_estimators=n_trees, max_depth=2), pool), pool, "member_probs", "probs"
        )
        assert members.shape == (150, n_members, 3)
        trees = np.stack([tree.predict_proba(IRIS.data) for tree in truth.estimators_], axis=1)
        grouped = trees.reshape(150, n_members, -1, 3).mean(axis=2)
        np.testing.assert_allclose(members, grouped, rtol=1e-6)
        np.testing.assert_allclose(members.mean(axis=1), probs, rtol=1e-5, atol=1e-7)


def test_a_binary_head_has_two_rows_that_mirror_each_other() -> None:
    two = IRIS.target < 2
    pool = arrays(IRIS.data[two], IRIS.target[two])
    truth = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(IRIS.data[two], IRIS.target[two])
    weights, bias, embeddings, logits, probs = outputs(
        fitted(models.get("logistic"), pool), pool, "head_weights", "head_bias", "embeddings", "logits", "probs"
    )
    np.testing.assert_allclose(weights, [-truth[-1].coef_[0] / 2, truth[-1].coef_[0] / 2])
    np.testing.assert_allclose(bias, [-truth[-1].intercept_[0] / 2, truth[-1].intercept_[0] / 2])
    np.testing.assert_allclose(softmax(embeddings @ weights.T + bias, axis=1), probs, rtol=1e-5)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], truth.decision_function(IRIS.data[two]), rtol=1e-9)


@pytest.mark.parametrize("classes", [[0, 1], [0, 1, 2]])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_an_mlp_s_embeddings_and_head_give_scikit_learn_s_probabilities(activation: str, classes: list[int]) -> None:
    some = np.isin(IRIS.target, classes)
    pool = arrays(IRIS.data[some], IRIS.target[some])
    model = models.get("mlp", hidden_layer_sizes=[6, 4], activation=activation, max_iter=40)
    weights, bias, embeddings, probs = outputs(
        fitted(model, pool), pool, "head_weights", "head_bias", "embeddings", "probs"
    )
    assert embeddings.shape == (some.sum(), 4)
    np.testing.assert_allclose(softmax(embeddings @ weights.T + bias, axis=1), probs, rtol=1e-4, atol=1e-6)


def vocabulary_pool(n: int = 60, n_words: int = 900) -> Any:
    draw = rng(2)
    texts = [" ".join(f"w{word}" for word in draw.integers(0, n_words, 40)) for _ in range(n)]
    return arrays(texts, np.arange(n) % 3)


def test_a_large_vocabulary_is_projected_to_512_columns_that_keep_distances() -> None:
    pool = vocabulary_pool()
    model = fitted(models.get("logistic"), pool)
    embeddings = outputs(model, pool, "embeddings").astype(np.float64)
    assert embeddings.shape == (60, 512)
    np.testing.assert_array_equal(outputs(fitted(models.get("logistic"), pool), pool, "embeddings"), embeddings)
    texts = pool.take(range(60))
    exact = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b").fit_transform(texts).toarray()
    assert exact.shape[1] > 512
    near, far = (((x[:, None] - x[None]) ** 2).sum(axis=2)[np.triu_indices(60, 1)] for x in (embeddings, exact))
    # A squared distance has a relative error of sqrt(2/512) = 6 %; the mean over pairs has less.
    assert abs((near / far).mean() - 1) < 0.05
    assert (near / far).std() < 0.12


def test_the_head_of_a_projected_model_is_not_provided_and_never_was_promised() -> None:
    pool = vocabulary_pool()
    model = models.get("logistic")
    assert model.provides_for(pool) == {"probs", "logits", "decision_values", "embeddings"}
    assert "head_weights" in model.provides_for(small_pool("rows"))
    fitted(model, pool)
    with pytest.raises(CannotFeedError, match="does not provide head_weights"):
        model.outputs(pool, ["head_weights"])


def test_sparse_features_of_a_pipeline_of_one_s_own_become_dense_embeddings() -> None:
    codes = rng(3).integers(0, 4, (40, 2)).astype(float)
    pool = arrays(codes, np.arange(40) % 2)
    model = fitted(from_estimator(make_pipeline(OneHotEncoder(), LogisticRegression())), pool)
    np.testing.assert_array_equal(outputs(model, pool, "embeddings"), OneHotEncoder().fit_transform(codes).toarray())


def test_a_fit_that_does_not_converge_is_noted_and_not_shown() -> None:
    pool = arrays(WINE.data, WINE.target)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fitted(models.get("logistic", max_iter=2), pool)
    (entry,) = model.history
    assert "failed to converge" in entry["warnings"][0]
    assert entry["iterations"] == 2
    assert entry["n"] == len(WINE.target)
    assert fitted(models.get("logistic"), pool).history[0]["warnings"] == []


def test_other_warnings_are_shown() -> None:
    class Warner(GaussianNB):
        def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Warner:
            warnings.warn("look at this", UserWarning, stacklevel=2)
            return super().fit(x, y, sample_weight)

    with pytest.warns(UserWarning, match="look at this"):
        fitted(from_estimator(Warner()), arrays(IRIS.data, IRIS.target))


def test_wrappers_such_as_calibration_are_classifiers_like_any_other() -> None:
    pool = arrays(IRIS.data, IRIS.target)
    model = fitted(from_estimator(CalibratedClassifierCV(LinearSVC(), cv=3)), pool)
    assert (outputs(model, pool, "probs").argmax(axis=1) == IRIS.target).mean() > 0.9
    assert model.provides == {"probs", "embeddings"}


def test_what_scikit_learn_refuses_is_a_model_error_and_the_old_model_stays() -> None:
    pool = arrays(IRIS.data, IRIS.target)
    model = fitted(from_estimator(CalibratedClassifierCV(LinearSVC(), cv=3)), pool)
    before = outputs(model, pool, "probs")
    with pytest.raises(ModelError, match="on 4 items failed"):
        fitted(model, pool.subset([0, 1, 60, 61]))
    np.testing.assert_array_equal(outputs(model, pool, "probs"), before)


def test_class_weights_survive_json() -> None:
    pool = arrays(IRIS.data[50:], IRIS.target[50:] - 1)
    heavy = models.from_spec(models.get("logistic", class_weight={"0": 50.0, "1": 1.0}).spec())
    plain = fitted(models.get("logistic"), pool)
    assert outputs(fitted(heavy, pool), pool, "probs")[:, 0].mean() > outputs(plain, pool, "probs")[:, 0].mean() + 0.1


def test_small_chunks_give_the_same_and_bound_what_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Watched:
        def __init__(self, pool: Any) -> None:
            self.pool, self.most = pool, 0
            self.ids, self.kind, self.classes = pool.ids, pool.kind, pool.classes

        def __len__(self) -> int:
            return len(self.ids)

        def take(self, positions: Any) -> Any:
            self.most = max(self.most, len(positions))
            return self.pool.take(positions)

    pool = arrays(WINE.data, WINE.target)
    names = ("probs", "embeddings", "member_probs")
    model = fitted(models.get("forest", n_estimators=5), pool)
    whole = outputs(model, pool, *names)
    monkeypatch.setattr(adapter, "CHUNK_BYTES", 10 * 13 * 8)
    watched = Watched(pool)
    for one, other in zip(outputs(model, watched, *names), whole, strict=True):
        np.testing.assert_array_equal(one, other)
    assert watched.most == 10


def test_sounds_are_refused_with_the_kinds_that_are_not() -> None:
    class Sounds:
        ids, kind, classes = ("a",), "sounds", ("x", "y")

        def __len__(self) -> int:
            return 1

        def take(self, positions: Any) -> Any:
            return [(np.zeros(10, np.float32), 8000)]

    with pytest.raises(InputError, match="logistic takes rows or images or texts; these items are sounds"):
        models.get("logistic").provides_for(Sounds())


@pytest.mark.parametrize("classes", [[0, 1], [0, 1, 2]])
def test_decision_values_are_scikit_learn_s_one_column_a_class(classes: list[int]) -> None:
    some = np.isin(IRIS.target, classes)
    pool = arrays(IRIS.data[some], IRIS.target[some])
    one = fitted(from_estimator(LogisticRegression(max_iter=2000)), pool)
    values = one.outputs(pool, ["decision_values"])["decision_values"]
    theirs = (
        LogisticRegression(max_iter=2000).fit(IRIS.data[some], IRIS.target[some]).decision_function(IRIS.data[some])
    )
    expected = np.stack([-theirs, theirs], axis=1) if len(classes) == 2 else theirs
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_a_calibrated_machine_gives_its_own_distances_and_support_vectors() -> None:
    pool = arrays(IRIS.data, IRIS.target)
    one = fitted(from_estimator(CalibratedClassifierCV(SVC(), ensemble=False)), pool)
    given = one.outputs(pool, ["decision_values", "n_support_vectors"])
    theirs = SVC().fit(IRIS.data, IRIS.target)
    np.testing.assert_allclose(given["decision_values"], theirs.decision_function(IRIS.data), atol=1e-9)
    assert given["n_support_vectors"] == theirs.n_support_.sum()


def test_pairwise_distances_are_no_column_a_class_and_a_pipeline_s_machine_is_its_last_step() -> None:
    pairwise = SVC(decision_function_shape="ovo")
    assert "decision_values" not in from_estimator(CalibratedClassifierCV(pairwise, ensemble=False)).provides
    pool = arrays(IRIS.data, IRIS.target)
    within = from_estimator(CalibratedClassifierCV(make_pipeline(StandardScaler(), SVC()), ensemble=False))
    theirs = SVC().fit(StandardScaler().fit_transform(IRIS.data), IRIS.target)
    assert outputs(fitted(within, pool), pool, "n_support_vectors") == theirs.n_support_.sum()


def test_machines_that_are_calibrated_apart_have_no_support_vectors_of_their_own() -> None:
    apart = from_estimator(CalibratedClassifierCV(SVC(), cv=3))
    assert not {"decision_values", "n_support_vectors"} & apart.provides


def test_of_two_classes_margin_asks_for_what_is_closest_to_the_machine_s_boundary() -> None:
    some = IRIS.target > 0
    pool = arrays(IRIS.data[some], IRIS.target[some])
    probs, values = outputs(fitted(models.get("svm"), pool), pool, "probs", "decision_values")
    theirs = SVC().fit(StandardScaler().fit_transform(IRIS.data[some]), IRIS.target[some])
    distance = theirs.decision_function(StandardScaler().fit_transform(IRIS.data[some]))
    np.testing.assert_allclose(values, np.stack([-distance, distance], axis=1), atol=1e-9)
    assert np.array_equal(claros.select("margin", 10, probs=probs).indices, np.argsort(abs(distance))[:10])


def test_of_more_classes_each_has_a_machine_against_the_rest_and_they_predict_together() -> None:
    pool = arrays(IRIS.data, IRIS.target)
    given = outputs(fitted(models.get("svm", C=2.0), pool), pool, "probs", "decision_values", "n_support_vectors")
    rows = StandardScaler().fit_transform(IRIS.data)
    theirs = [SVC(C=2.0).fit(rows, IRIS.target == code) for code in range(3)]
    distances = np.column_stack([machine.decision_function(rows) for machine in theirs])
    np.testing.assert_allclose(given[1], distances, atol=1e-9)
    np.testing.assert_allclose(given[0], softmax(distances, axis=1), atol=1e-9)
    assert given[2] == len(set(np.concatenate([machine.support_ for machine in theirs]).tolist()))


def test_a_heavier_class_moves_the_machine_s_boundary_as_in_scikit_learn() -> None:
    some = IRIS.target > 0
    pool = arrays(IRIS.data[some], IRIS.target[some] - 1)
    values = outputs(fitted(models.get("svm", class_weight={0: 3.0, 1: 1.0}), pool), pool, "decision_values")
    rows = StandardScaler().fit_transform(IRIS.data[some])
    theirs = SVC(class_weight={0: 3.0, 1: 1.0}).fit(rows, IRIS.target[some] - 1)
    np.testing.assert_allclose(values[:, 1], theirs.decision_function(rows), atol=1e-9)


def test_a_machine_needs_one_label_a_class_and_takes_no_parameter_that_changes_its_distances() -> None:
    pool = arrays(IRIS.data, IRIS.target)
    one = fitted(models.get("svm"), pool.subset([0, 60, 120]))
    assert outputs(one, pool, "n_support_vectors") == 3
    with pytest.raises(InputError, match="decision_function_shape"):
        models.get("svm", decision_function_shape="ovo")


def test_a_machine_of_one_class_has_no_support_vectors() -> None:
    pool = arrays(IRIS.data, IRIS.target)
    machine = from_estimator(CalibratedClassifierCV(SVC(), ensemble=False))
    one = fitted(machine, pool.subset(np.arange(10)), IRIS.target[:10], n_classes=3)
    assert one.outputs(pool, ["n_support_vectors"])["n_support_vectors"] == 0


def test_a_model_of_one_class_has_no_boundary_and_all_decision_values_alike() -> None:
    pool = arrays(IRIS.data, IRIS.target)
    one = fitted(from_estimator(LogisticRegression()), pool.subset(np.arange(10)), IRIS.target[:10], n_classes=3)
    values = one.outputs(pool, ["decision_values"])["decision_values"]
    assert (values == values[0]).all()


def test_what_has_no_decision_function_does_not_provide_its_values() -> None:
    assert "decision_values" not in from_estimator(GaussianNB()).provides


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_missing_value_is_named_with_its_item_and_column(value: float) -> None:
    rows = IRIS.data.copy()
    rows[120, 2] = value
    pool = arrays(rows, IRIS.target)
    said = rf"logistic takes no missing values, and item 120 has {value} in column 2; fill them in"
    with pytest.raises(DataError, match=said):
        fitted(models.get("logistic"), pool)
    model = fitted(models.get("logistic"), pool.subset(np.arange(100)))
    with pytest.raises(DataError, match=said):
        outputs(model, pool, "probs")
    with pytest.raises(DataError, match="item 120"):
        fitted(models.get("logistic"), pool.subset(np.arange(90, 130)))


def test_a_model_that_takes_missing_values_is_given_them() -> None:
    rows = IRIS.data.copy()
    rows[::7, 2] = np.nan
    pool = arrays(rows, IRIS.target)
    model = from_estimator(make_pipeline(SimpleImputer(), LogisticRegression(max_iter=500)))
    assert (outputs(fitted(model, pool), pool, "probs").argmax(axis=1) == IRIS.target).mean() > 0.9
