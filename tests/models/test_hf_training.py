"""What the trainer of transformers is made to do: the loss by hand, epochs, early stopping, callbacks, warm starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tiny_hf
import torch
import transformers
from torch.nn import functional as F

from claros import models
from claros.data import Pool, arrays
from claros.errors import DataError, InputError, ModelError
from claros.models import HFModel
from claros.models.torch.training import hold_out
from claros.testing.pools import small_pool


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return tiny_hf.bert(tmp_path_factory.mktemp("hf") / "bert", num_labels=3, **still)


POOL = small_pool("texts")
LABELS = np.array(POOL.labels)


def quick(checkpoint: str, **options: Any) -> HFModel:
    model = models.get(f"hf:{checkpoint}", **{**tiny_hf.QUICK, **options})
    assert isinstance(model, HFModel)
    return model


def fitted(model: HFModel, pool: Pool = POOL, labels: Any = LABELS, seed: int = 0, **given: Any) -> HFModel:
    model.fit(pool, labels, rng=np.random.default_rng(seed), **given)
    return model


def alone(checkpoint: str) -> tuple[Any, Any]:
    """The network and tokenizer of a checkpoint by the means of transformers."""
    net = transformers.AutoModelForSequenceClassification.from_pretrained(checkpoint, num_labels=3)
    return net.eval(), transformers.AutoTokenizer.from_pretrained(checkpoint)


@pytest.mark.parametrize("seen", [(0, 1, 2), (0, 2)])
def test_one_step_is_that_of_the_weighted_loss_over_the_classes_seen(bert: str, seen: tuple[int, ...]) -> None:
    chosen = np.flatnonzero(np.isin(LABELS, seen))
    codes, weights = LABELS[chosen], np.random.default_rng(1).uniform(0.2, 3.0, len(chosen))
    per_class = np.array([1.0, 5.0, 2.0])
    step = {"optim": "sgd", "learning_rate": 0.5, "max_grad_norm": 0.0, "max_steps": 1, "weight_decay": 0.0}
    model = quick(bert, **step, per_device_train_batch_size=64, class_weight=per_class.tolist())
    fitted(model, POOL.subset(chosen), codes, n_classes=3, weights=weights)

    net, tokens = alone(bert)
    counts = weights * per_class[codes]
    logits = net(**tokens(POOL.take(chosen), padding=True, return_tensors="pt")).logits[:, list(seen)]
    losses = F.cross_entropy(logits, torch.tensor(np.searchsorted(seen, codes)), reduction="none")
    loss = (losses * torch.tensor(counts / counts.mean())).mean()
    loss.backward()
    head = (net.classifier.weight - 0.5 * net.classifier.weight.grad).detach().numpy()
    given = model.outputs(POOL, ["head_weights"])["head_weights"]
    if len(seen) == 3:
        np.testing.assert_allclose(given, head, atol=1e-5)
    else:  # of the classes seen, up to their mean, which no softmax sees
        np.testing.assert_allclose(given[[0, 2]], head[[0, 2]] - head[[0, 2]].mean(axis=0), atol=1e-5)
    assert model.history[0]["loss"] == pytest.approx(loss.item(), rel=1e-5)


def test_training_starts_from_the_weights_of_the_checkpoint_and_keeps_a_head_of_as_many_classes(bert: str) -> None:
    model = fitted(quick(bert, learning_rate=0.0))
    net, tokens = alone(bert)
    with torch.no_grad():
        expected = net(**tokens(POOL.take(range(len(POOL))), padding=True, return_tensors="pt")).logits.softmax(dim=1)
    np.testing.assert_allclose(model.outputs(POOL, ["probs"])["probs"], expected, atol=1e-5)
    scratch = fitted(quick(bert, learning_rate=0.0, pretrained=False))
    assert np.abs(scratch.outputs(POOL, ["probs"])["probs"] - expected.numpy()).max() > 0.01


@pytest.mark.parametrize("n_classes", [2, 7])
def test_the_head_has_as_many_classes_as_are_asked_for(bert: str, n_classes: int) -> None:
    model = fitted(quick(bert, num_train_epochs=1), labels=LABELS % 2, n_classes=n_classes)
    given = model.outputs(POOL, ["probs", "head_weights"])
    assert given["probs"].shape == (48, n_classes)
    assert given["head_weights"].shape == (n_classes, 32)


def test_one_class_in_all_is_certain(bert: str) -> None:
    model = fitted(quick(bert), labels=0 * LABELS, n_classes=1)
    assert (model.outputs(POOL, ["probs"])["probs"] == 1.0).all()
    assert model.history == []


def test_epochs_are_added_until_there_are_enough_steps_and_a_listener_is_told(bert: str) -> None:
    told: list[tuple[int, int]] = []
    model = quick(bert, num_train_epochs=2, min_steps=7)
    model.on_epoch = lambda done, planned: told.append((done, planned))
    fitted(model, POOL.subset(range(20)), LABELS[:20])
    # 20 items in batches of 16 are 2 steps an epoch; 7 steps take 4 epochs
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [entry["epoch"] for entry in model.history if "loss" in entry] == [1.0, 2.0, 3.0, 4.0]


def test_the_loss_falls_and_its_log_is_kept(bert: str) -> None:
    model = fitted(quick(bert, num_train_epochs=10))
    losses = [entry["loss"] for entry in model.history if "loss" in entry]
    assert len(losses) == 10
    assert losses[-1] < losses[0] / 2
    assert "train_runtime" in model.history[-1]


@pytest.mark.parametrize("how", [{"patience": 2}, {"callbacks": [transformers.EarlyStoppingCallback(2)]}])
def test_early_stopping_restores_the_best_weights_seen(bert: str, how: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(48) < 0.6, rng.integers(0, 3, 48), LABELS)
    model = fitted(quick(bert, validation=0.4, num_train_epochs=30, learning_rate=0.01, **how), labels=noisy)
    losses = [entry["eval_loss"] for entry in model.history if "eval_loss" in entry]
    assert len(losses) < 30, "labels that are mostly noise cannot be learned for long"
    assert len(losses) == int(np.argmin(losses)) + 3, "two evaluations after the best"
    again = np.random.default_rng(0)
    again.integers(2**31 - 1), again.integers(2**31 - 1)  # the seeds of training and of the members
    _, held = hold_out(noisy, 0.4, again)
    probs = model.outputs(POOL.subset(held), ["probs"])["probs"]
    loss = -np.log(probs[np.arange(len(held)), noisy[held]]).mean()
    assert loss == pytest.approx(min(losses), rel=1e-4)


def test_with_too_few_items_to_hold_any_out_nothing_is_evaluated(bert: str) -> None:
    model = quick(bert, validation=0.1, patience=1, callbacks=[transformers.EarlyStoppingCallback(1)])
    fitted(model, POOL.subset(range(5)), LABELS[:5])
    assert not any("eval_loss" in entry for entry in model.history)


def accuracy(prediction: Any) -> dict[str, float]:
    assert prediction.predictions.shape[1] == 3
    return {"accuracy": float((prediction.predictions.argmax(axis=1) == prediction.label_ids).mean())}


def test_metrics_of_the_caller_are_in_the_history(bert: str) -> None:
    model = fitted(quick(bert, validation=0.3, compute_metrics=accuracy, num_train_epochs=8))
    assert [entry["eval_accuracy"] for entry in model.history if "eval_accuracy" in entry][-1] >= 0.75


class Counting(transformers.TrainerCallback):
    steps: ClassVar[list[int]] = []

    def __init__(self) -> None:
        self.n = 0

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self.n += 1
        Counting.steps.append(self.n)


@pytest.mark.parametrize("as_object", [True, False])
def test_every_training_has_callbacks_of_its_own(bert: str, as_object: bool) -> None:
    Counting.steps.clear()
    callback = Counting() if as_object else Counting
    model = quick(bert, callbacks=[callback], num_train_epochs=1)
    fitted(fitted(model))
    assert Counting.steps == [1, 2, 3, 1, 2, 3]  # 48 items in batches of 16, twice
    assert not as_object or callback.n == 0


def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
    longest = max(len(one["input_ids"]) for one in features)
    ids = [one["input_ids"] + [0] * (longest - len(one["input_ids"])) for one in features]
    return {
        "input_ids": torch.tensor(ids),
        "attention_mask": (torch.tensor(ids) != 0).long(),
        "labels": torch.tensor([one["labels"] for one in features]),
    }


def test_a_collator_of_the_caller_s_that_pads_as_ours_trains_the_same(bert: str) -> None:
    ours, theirs = fitted(quick(bert)), fitted(quick(bert, data_collator=collate))
    np.testing.assert_array_equal(*(model.outputs(POOL, ["probs"])["probs"] for model in (ours, theirs)))


def test_what_is_named_by_its_path_comes_back_from_the_specification(bert: str) -> None:
    model = quick(
        bert,
        callbacks=["test_hf_training:Counting"],
        compute_metrics="test_hf_training:accuracy",
        data_collator=collate,
        processing_class=bert,
    )
    spec = model.spec()
    assert spec["parameters"]["callbacks"] == ["test_hf_training:Counting"]
    assert spec["parameters"]["data_collator"] == "test_hf_training:collate"
    assert {"learning_rate", "num_train_epochs", "optim", "warmup_steps", "members"} <= set(spec["parameters"])
    assert models.from_spec(spec).spec() == spec


@pytest.mark.parametrize("given", [{"callbacks": [Counting()]}, {"compute_metrics": lambda prediction: {}}])
def test_what_cannot_be_named_has_to_be_passed_again(bert: str, given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"pass model=\.\.\. once more"):
        models.from_spec(quick(bert, **given).spec())


def test_a_warm_model_goes_on_and_a_fresh_one_starts_anew(bert: str) -> None:
    def first_losses(warm: bool) -> list[float]:
        model = quick(bert, warm=warm)
        return [fitted(model, seed=seed).history[0]["loss"] for seed in (0, 1)]

    cold, warm = first_losses(False), first_losses(True)
    assert warm[0] == cold[0]
    assert cold[1] > 0.8 * cold[0]
    assert warm[1] < 0.5 * warm[0]


def test_a_warm_model_starts_anew_for_another_number_of_classes(bert: str) -> None:
    model = fitted(fitted(quick(bert, warm=True)), n_classes=4)
    fresh = fitted(quick(bert), n_classes=4)
    np.testing.assert_array_equal(*(one.outputs(POOL, ["probs"])["probs"] for one in (model, fresh)))


def test_a_batch_of_one_item_is_avoided_where_batches_are_normalised(tmp_path: Path) -> None:
    pool = small_pool("images").subset(range(17))
    checkpoint = tiny_hf.resnet(tmp_path / "resnet", size=4)  # its last maps are single pixels
    fitted(quick(checkpoint, num_train_epochs=1), pool, LABELS[:17] * 0 + np.arange(17) % 3)


def test_a_training_that_fails_leaves_the_model_as_it_was(bert: str) -> None:
    model = fitted(quick(bert))
    before, history = model.outputs(POOL, ["probs"])["probs"], model.history
    wild = {**model.options.arguments, "learning_rate": 1e30, "max_grad_norm": 0}
    model.options = replace(model.options, arguments=wild)
    with pytest.raises(ModelError, match="diverged; lower learning_rate"):
        fitted(model)
    np.testing.assert_array_equal(model.outputs(POOL, ["probs"])["probs"], before)
    assert model.history is history


def test_what_a_pool_cannot_read_is_said_as_the_pool_says_it(bert: str, tmp_path: Path) -> None:
    folder = tmp_path / "tones"
    tiny_hf.tones(folder, 12)
    (folder / "low" / "02.wav").write_bytes(b"RIFF of no use")
    from claros.data import audio_folder

    pool, checkpoint = audio_folder(folder), tiny_hf.ast(tmp_path / "ast")
    model = quick(checkpoint, num_train_epochs=1)
    with pytest.raises(DataError, match=r"02\.wav cannot be read as a sound .*; repair or remove it"):
        fitted(model, pool, pool.labels)
    readable = [place for place, name in enumerate(pool.ids) if "02.wav" not in name]
    fitted(model, pool.subset(readable), np.array(pool.labels)[readable])
    with pytest.raises(DataError, match=r"02\.wav cannot be read as a sound"):
        model.outputs(pool, ["probs"])


def test_texts_of_any_length_are_cut_to_what_the_network_reads(bert: str) -> None:
    long = arrays(["finch " * 300, "", "oak"], [0, 1, 2], classes=["a", "b", "c"])
    model = fitted(quick(bert, num_train_epochs=1), long, np.arange(3))
    probs = model.outputs(long, ["probs"])["probs"]
    cut = arrays(["finch " * 62, "", "oak"])  # 64 positions less [CLS] and [SEP]
    np.testing.assert_allclose(model.outputs(cut, ["probs"])["probs"], probs, atol=1e-6)
    short = fitted(quick(bert, num_train_epochs=1, max_length=5), long, np.arange(3))
    np.testing.assert_allclose(
        short.outputs(arrays(["finch finch finch"]), ["probs"])["probs"],
        short.outputs(long, ["probs"])["probs"][:1],
        atol=1e-6,
    )
