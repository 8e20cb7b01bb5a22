"""Light heads, and a frozen encoder with one: the contract, one pass over a pool for all rounds, and what is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from claros import Campaign, data, models
from claros.data.pool import Pool
from claros.errors import InputError, ModelError
from claros.models import Model
from claros.models.reads import seen_by
from claros.testing.models import ModelContract
from claros.testing.pools import small_pool

QUICK = {"epochs": 40, "lr": 0.1, "min_steps": 0, "batch_size": 16, "members": 3, "device": "cpu", "chunk": 20}


class TestLinear(ModelContract):
    def model(self) -> Model:
        return models.get("linear", **QUICK)


class TestFrozenEncoderOfImages(ModelContract):
    kind = "images"

    def model(self) -> Model:
        return models.get("encoders:pixels", frozen=True, device="cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLAROS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def digits() -> Pool:
    x, y = load_digits(return_X_y=True)
    return data.arrays(np.rint(x * 255 / 16).astype(np.uint8).reshape(-1, 8, 8)[:600], y[:600])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear", "perceptron"])
def test_light_heads_are_about_as_good_as_scikit_learn_on_few_labels(name: str) -> None:
    """Digits, means over three drawings of 40 labels: at most 5 points below logistic regression."""
    x, y = load_digits(return_X_y=True)
    for n in (40,):
        ours, theirs = [], []
        for seed in range(3):
            order = np.random.default_rng(seed).permutation(len(y))
            known, others = order[:n], order[600:]
            pool, head, judge = data.arrays(x, y), models.get(name, device="cpu"), StandardScaler()
            head.fit(pool.subset(known), y[known], rng=np.random.default_rng(0))
            found = np.asarray(head.outputs(pool.subset(others), ["probs"])["probs"]).argmax(axis=1)
            ours.append(np.mean(found == y[others]))
            logistic = LogisticRegression(max_iter=300).fit(judge.fit_transform(x[known]), y[known])
            theirs.append(logistic.score(judge.transform(x[others]), y[others]))
        assert np.mean(ours) > np.mean(theirs) - 0.05


def test_a_perceptron_has_members_and_a_linear_layer_has_with_dropout() -> None:
    assert "member_probs" in models.get("perceptron").provides
    assert "member_probs" not in models.get("linear").provides
    assert "member_probs" in models.get("linear", dropout=0.3).provides


def test_a_pool_is_encoded_once_for_all_rounds_all_runs_and_both_strategies(tmp_path: Path, cache: Path) -> None:
    log, pool = tmp_path / "log", digits()
    chosen = {"frozen": True, "parameters": {"log": str(log)}, "device": "cpu"}
    settings = {"start": 20, "batch": 10, "stop": None}
    for strategy in ("margin", "typiclust"):
        model = models.get("encoders:pixels", **chosen)
        with Campaign.create(None, pool=pool, model=model, strategy=strategy, **settings) as campaign:
            for _ in range(3):
                asked = campaign.ask()
                campaign.tell_many({query.item: int(pool.labels[query.position]) for query in asked})
            campaign.update()
    assert len(log.read_text().splitlines()) == 600
    (folder,) = (cache / "embeddings").iterdir()
    np.testing.assert_allclose(np.load(folder / "train/features.npy"), pool.take(range(600)).reshape(600, 64) / 255.0)


def test_the_head_sees_just_what_a_campaign_on_the_features_sees() -> None:
    """Logistic regression on pixels from 0 to 1 is what ``logistic`` does with images, but for the standardisation."""
    pool = digits()
    model = models.get("encoders:pixels", frozen=True, device="cpu")
    seen = seen_by(model, pool)
    assert (seen.kind, seen.shows) == ("rows", "images")
    assert seen.manifest() == pool.manifest(), "features that follow from the items are no part of what the pool is"
    labels = np.asarray(pool.labels)[:50]
    model.fit(seen.subset(range(50)), labels, rng=np.random.default_rng(0))
    rows = data.arrays(pool.take(range(600)).reshape(600, 64) / np.float32(255))
    alone = models.get("logistic")
    alone.fit(rows.subset(range(50)), labels, rng=np.random.default_rng(0))
    np.testing.assert_allclose(model.outputs(seen, ["probs"])["probs"], alone.outputs(rows, ["probs"])["probs"])
    assert seen_by(model, seen) is seen


def test_a_campaign_is_opened_again_with_its_frozen_model(tmp_path: Path) -> None:
    np.savez(tmp_path / "digits.npz", x=digits().take(range(600)), y=np.asarray(digits().labels))
    pool = data.load(tmp_path / "digits.npz").train
    name = "encoders:pixels"
    model = models.get(name, frozen=True, head="linear", head_parameters=QUICK, device="cpu")
    with Campaign.create(tmp_path / "c.claros", pool=pool, model=model, stop=None, start=20) as campaign:
        campaign.tell_many({query.item: int(pool.labels[query.position]) for query in campaign.ask()})
        first = [query.item for query in campaign.ask()]
    with Campaign.open(tmp_path / "c.claros") as campaign:
        assert campaign.model is not None
        assert campaign.model.spec()["name"] == name
        assert campaign.model.spec()["parameters"]["frozen"]
        assert [query.item for query in campaign.ask()] == first
        assert campaign.pool.shows == "images"


def test_a_head_of_torch_is_saved_and_loaded_with_equal_outputs(tmp_path: Path) -> None:
    pool = small_pool("images")
    chosen = {"frozen": True, "head": "perceptron", "head_parameters": QUICK, "device": "cpu"}
    model, again = (models.get("encoders:pixels", **chosen) for _ in range(2))
    assert model.restorable
    model.fit(pool, np.asarray(pool.labels), rng=np.random.default_rng(0))
    model.save(tmp_path)
    again.load(tmp_path)
    names = ["probs", "embeddings", "member_probs"]
    one, other = model.outputs(pool, names), again.outputs(pool, names)
    for name in names:
        assert np.array_equal(one[name], other[name])
    assert (one["probs"].argmax(axis=1) == np.asarray(pool.labels)).all()


def test_what_cannot_be_frozen_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"encoders:pixels with frozen=True: .*'epochs'"):
        models.get("encoders:pixels", frozen=True, epochs=3)
    with pytest.raises(InputError, match="timm:NAME"):
        seen_by(models.get("resnet18", frozen=True), digits())
    pool = data.with_features(digits(), np.ones((600, 2)))
    with pytest.raises(InputError, match="frozen and computes features of its own; leave out features"):
        seen_by(models.get("encoders:pixels", frozen=True), pool)
    model = models.get("encoders:pixels", frozen=True, head="linear", head_parameters=QUICK, device="cpu")
    model.fit(small_pool("images"), np.asarray(small_pool("images").labels), rng=np.random.default_rng(0))
    model.save(tmp_path)
    with pytest.raises(ModelError, match="holds another model"):
        models.get("encoders:pixels", frozen=True, head="linear", device="cpu").load(tmp_path)


def test_networks_over_images_read_the_items_and_models_over_rows_the_features() -> None:
    pool = data.with_features(
        small_pool("images"), np.random.default_rng(0).normal(size=(len(small_pool("images")), 4))
    )
    for name in ("logistic", "forest", "mlp", "linear", "perceptron"):
        assert seen_by(models.get(name), pool).kind == "rows"
    for name in ("cnn", "resnet18"):
        assert seen_by(models.get(name), pool).kind == "images"
    assert seen_by(None, pool).kind == "images"
