"""Campaigns that know inputs from where the model will be used correct for label shift, and only for that."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import claros
from claros.campaign import Campaign, Correction
from claros.campaign.streams import resolved, training_stream
from claros.data import arrays
from claros.data.pool import Pool
from claros.errors import DataError, InputError

CLASSES = ["no", "yes"]


def cloud(seed: int, n_no: int, n_yes: int) -> tuple[np.ndarray, np.ndarray]:
    """Two overlapping classes in a plane, the best border between them at 0 if they are equally frequent."""
    rng = np.random.default_rng(seed)
    codes = np.repeat([0, 1], [n_no, n_yes])
    rows = rng.normal(size=(len(codes), 2))
    rows[:, 0] += np.where(codes == 1, 1.5, -1.5)
    order = rng.permutation(len(codes))
    return rows[order], codes[order]


def world(first: tuple[int, int] = (60, 340)) -> tuple[Pool, Pool, Pool, int]:
    """A pool that begins with the first labels, a target sample, a test set; nine in ten of the last three are no."""
    warm, later, target, test = cloud(1, *first), cloud(2, 270, 30), cloud(3, 450, 50), cloud(4, 900, 100)
    pool = arrays(np.concatenate([warm[0], later[0]]), np.concatenate([warm[1], later[1]]), classes=CLASSES)
    return pool, arrays(target[0], classes=CLASSES), arrays(test[0], test[1], classes=CLASSES), sum(first)


def labeled(pool: Pool, n_first: int, rounds: int = 0, path: Path | None = None, **settings: object) -> Campaign:
    """A campaign that has its first labels and those of so many batches of 20."""
    usual = {"strategy": "margin", "stop": None, "audit": 0.0, "start": n_first, "batch": 20, "model": "logistic"}
    campaign = Campaign.create(path, pool=pool, **{**usual, **settings})  # type: ignore[arg-type]
    campaign.plan(pool.ids[:n_first], by="the field study")
    answer(campaign, n_first)
    for _ in range(rounds):
        answer(campaign, 20)
    campaign.update()
    return campaign


def answer(campaign: Campaign, n: int) -> list[str]:
    asked = campaign.ask(n)
    campaign.tell_many({query.item: CLASSES[campaign.pool.labels[query.position]] for query in asked})
    return [query.item for query in asked]


def accuracy(campaign: Campaign, test: Pool) -> float:
    return float((campaign.predict(test)["probs"].argmax(axis=1) == test.labels).mean())


def test_first_labels_from_elsewhere_are_weighted_by_the_targets_shares_over_theirs() -> None:
    # The first labels are 15 % no, the target is 90 %: weights of about .9/.15 = 6 and .1/.85 = .118.
    pool, target, test, n_first = world()
    campaign = labeled(pool, n_first, 2, target=target)
    found = campaign.shift()
    assert found is not None
    assert found.active
    np.testing.assert_allclose(found.target_prior, [0.9, 0.1], atol=0.08)
    np.testing.assert_allclose(found.first, np.array(found.target_prior) / [0.15, 0.85])
    assert found.queried == [1.0, 1.0]  # the pool is like the target
    assert "the pool is like the target" in found.why
    assert found.low[0] < found.weights[0] < found.high[0]
    before, after = (labeled(pool, n_first, 2, target=one) for one in (None, target))
    assert accuracy(after, test) > accuracy(before, test) + 0.03
    assert "Label shift: the first labels are weighted" in str(campaign.advice())
    assert " times as frequent in the target (95 % interval " in str(campaign.advice())
    assert json.loads(json.dumps(campaign.advice().to_json()))["shift"]


def test_without_a_shift_nothing_changes() -> None:
    pool, target, test, n_first = world(first=(360, 40))
    plain, corrected = (labeled(pool, n_first, 3, target=one) for one in (None, target))
    found = corrected.shift()
    assert found is not None
    assert not found.active
    assert "no shift beyond noise" in found.why
    assert plain.labels() == corrected.labels()
    assert np.array_equal(plain.predict(test)["probs"], corrected.predict(test)["probs"])


def test_a_pool_that_differs_from_the_target_weighs_what_is_queried_too() -> None:
    warm, later, target = cloud(1, 100, 100), cloud(2, 150, 150), cloud(3, 900, 100)
    rows, codes = (np.concatenate(parts) for parts in zip(warm, later, strict=True))
    pool = arrays(rows, codes, classes=CLASSES)
    found = labeled(pool, 200, 1, target=arrays(target[0], classes=CLASSES)).shift()
    assert found is not None
    # about 90 % over 50 %, for both
    np.testing.assert_allclose(found.queried, [1.8, 0.2], atol=0.15)
    np.testing.assert_allclose(found.first, [1.8, 0.2], atol=0.15)


def test_first_labels_like_the_target_keep_their_weight_where_only_the_pool_differs() -> None:
    # first labels and target are 90 % no, the pool 50 %: queried labels are weighted by .9/.5 and .1/.5
    warm, later, target = cloud(1, 360, 40), cloud(2, 300, 300), cloud(3, 900, 100)
    rows, codes = (np.concatenate(parts) for parts in zip(warm, later, strict=True))
    pool = arrays(rows, codes, classes=CLASSES)
    found = labeled(pool, 400, 1, target=arrays(target[0], classes=CLASSES)).shift()
    assert found is not None
    assert found.active
    assert found.first == [1.0, 1.0]
    np.testing.assert_allclose(found.queried, [1.8, 0.2], atol=0.2)
    assert "the first are like the target" in found.why


def test_known_shares_of_the_target_are_taken_as_they_are() -> None:
    pool, target, _, n_first = world()
    known = Correction.of({"mode": "prediction", "target_prior": [0.5, 0.5], "gate": 0})
    found = labeled(pool, n_first, target=target, correction=known).shift()
    assert found is not None
    assert found.target_prior == [0.5, 0.5]
    np.testing.assert_allclose(found.posterior, [0.5 / 0.15, 0.5 / 0.85])  # the first labels are 15 % no
    provenance = labeled(pool, n_first, target=target, correction="provenance(target_prior=[0.9, 0.1])").shift()
    assert provenance is not None
    np.testing.assert_allclose(provenance.first, [6.0, 0.1 / 0.85])


@pytest.mark.parametrize(("shares", "said"), [([0.5, 0.6], "sum to 1"), ([0.2, 0.3, 0.5], "2 classes"), (True, "true")])
def test_shares_that_are_none_of_the_classes_are_refused(shares: object, said: str) -> None:
    pool, target, _, n_first = world()
    with pytest.raises(InputError, match=said):
        labeled(pool, n_first, target=target, correction=Correction(mode="prediction", target_prior=shares))


def test_without_replicates_there_is_no_interval_and_the_rest_is_the_same() -> None:
    pool, target, test, n_first = world()
    whole, quick = (
        labeled(pool, n_first, 1, target=target, correction=f"prediction(replicates={n})") for n in (200, 0)
    )
    assert whole.shift().low is not None
    assert quick.shift().low is None
    assert quick.shift().posterior == whole.shift().posterior
    assert np.array_equal(whole.predict(test)["probs"], quick.predict(test)["probs"])
    assert " times as frequent" in str(quick.advice()) or "adjusted" in str(quick.advice())


def test_predictions_are_adjusted_by_the_targets_shares_over_those_of_what_is_labeled() -> None:
    pool, target, test, n_first = world()
    plain = labeled(pool, n_first)
    adjusted = labeled(pool, n_first, target=target, correction="prediction")
    found = adjusted.shift()
    assert found is not None
    assert found.posterior is not None
    by_hand = plain.predict(test)["probs"] * np.array(found.posterior)
    by_hand /= by_hand.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(adjusted.predict(test)["probs"], by_hand, atol=1e-6)
    assert found.gain > 0.01
    # the same items are asked: the strategy does not see it; with "both" it does
    both = labeled(pool, n_first, target=target, correction="both")
    asked = [answer(campaign, 20) for campaign in (plain, adjusted, both)]
    assert asked[0] == asked[1] != asked[2]


def test_what_would_change_little_is_left_alone_unless_the_gate_is_open() -> None:
    pool, target, _, n_first = world(first=(360, 40))
    shut = labeled(pool, n_first, target=target, correction="prediction").shift()
    assert shut is not None
    assert not shut.active
    assert "would change the target's predictions by" in shut.why
    open_ = labeled(pool, n_first, target=target, correction="prediction(gate=0)").shift()
    assert open_ is not None
    assert open_.target_prior is not None


@pytest.mark.parametrize("correction", ["auto", "weights", "both(method=rlls)", "prediction(once=true)"])
def test_a_campaign_that_is_closed_and_opened_goes_on_as_one_that_is_not(tmp_path: Path, correction: str) -> None:
    pool, target, test, n_first = world()
    whole = labeled(pool, n_first, 2, target=target, correction=correction)
    with labeled(pool, n_first, 1, tmp_path / "x.claros", target=target, correction=correction):
        pass
    with Campaign.open(tmp_path / "x.claros", pool=pool, target=target) as campaign:
        answer(campaign, 20)
        campaign.update()
        assert campaign.labels() == whole.labels()
        assert campaign.shift() == whole.shift()
        assert np.array_equal(campaign.predict(test)["probs"], whole.predict(test)["probs"])
        assert answer(campaign, 20) == answer(whole, 20)


def test_the_first_estimate_is_kept_where_it_is_to_be() -> None:
    pool, target, _, n_first = world()
    again, once = (
        [labeled(pool, n_first, rounds, target=target, correction=mode).shift().target_prior for rounds in (0, 2)]
        for mode in ("weights", "weights(once=true)")
    )
    assert again[0] != again[1]
    assert once[0] == once[1]


def test_first_labels_of_one_class_say_nothing_of_a_shift() -> None:
    pool, target, _, n_first = world(first=(0, 40))
    found = labeled(pool, n_first, target=target).shift()
    assert found is not None
    assert not found.active
    assert "of one class" in found.why


def test_another_target_a_tiny_one_or_one_of_another_kind_is_refused(tmp_path: Path) -> None:
    pool, target, test, n_first = world()
    with labeled(pool, n_first, path=tmp_path / "x.claros", target=target):
        pass
    with pytest.raises(DataError, match="not the one that the campaign was made with, of 500"):
        Campaign.open(tmp_path / "x.claros", pool=pool, target=test)
    with pytest.raises(InputError, match="at least 10 items to say anything; got 3"):
        labeled(pool, n_first, target=target.subset(np.arange(3)))
    with pytest.raises(InputError, match="one kind"):
        labeled(pool, n_first, target=arrays(["a text"] * 20, classes=CLASSES))
    with pytest.raises(InputError, match="choose a model"):
        labeled(pool, n_first, target=target, model=None, strategy="random")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("auto(gates=1)", "gate"),
        ("provenence", "provenance"),
        ("weights(against=all)", "against must be labeled or start"),
        ("weights(method=blse)", "bbse"),
        ("weights(limit=0.5)", "limit"),
    ],
)
def test_what_is_no_correction_is_said(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Correction.of(text)


def test_a_correction_is_the_same_after_json() -> None:
    one = Correction.of("weights(method='rlls(regularization=0.001)', once=true, against=start, limit=5)")
    assert Correction.of(json.loads(json.dumps(one.spec()))) == one
    assert one.limit == 5.0


def test_against_the_first_labels_only_these_are_weighted() -> None:
    pool, target, _, n_first = world()
    found = labeled(pool, n_first, 2, target=target, correction="weights(against=start)").shift()
    assert found is not None
    assert found.queried == [1.0, 1.0]
    np.testing.assert_allclose(found.first, np.array(found.target_prior) / [0.15, 0.85])


def test_weights_are_limited() -> None:
    pool, target, _, n_first = world()
    found = labeled(pool, n_first, target=target, correction="provenance(limit=2)").shift()
    assert found is not None
    assert max(found.first) == 2.0


def test_a_model_that_goes_on_from_its_weights_is_judged_by_one_that_does_not() -> None:
    # Trained on the side with other weights and in folds, and then once: it is as one that was trained once.
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 60)
    images = arrays((rng.random((60, 16, 16)) * 120 + 120 * codes[:, None, None]).astype(np.uint8), codes)
    model, twin = (claros.models.get("cnn", warm=True, width=4, epochs=1, min_steps=0, batch_size=64) for _ in range(2))
    campaign = Campaign.create(
        None,
        pool=images,
        model=model,
        strategy="margin",
        stop=None,
        audit=0.0,
        start=20,
        target=images,
        correction="weights(folds=2)",
    )
    asked = campaign.ask(20)
    campaign.tell_many({query.item: int(images.labels[query.position]) for query in asked})
    campaign.update()
    found = campaign.shift()
    assert found is not None
    assert found.active
    positions = campaign.labeled_positions()
    weights = np.array(found.first)[images.labels[positions]]
    stream = training_stream({"seed": 0, "streams": resolved(0, None)}, 0)
    twin.fit(images.subset(positions), images.labels[positions], n_classes=2, weights=weights, rng=stream)
    assert np.array_equal(campaign.predict(images)["probs"], twin.outputs(images, ["probs"])["probs"])
