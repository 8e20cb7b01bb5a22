"""Checkpoints that cannot be used are said so in one sentence; and nothing global is touched by those that can."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import accelerate
import numpy as np
import pytest
import tiny_hf
import transformers
from transformers.utils import logging as hf_logging

from claros import models
from claros.errors import ClarosError, InputError, ModelError
from claros.models import HFModel
from claros.testing.pools import small_pool

POOL = small_pool("texts")
LABELS = np.array(POOL.labels)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders, most of them not what they should be."""
    folder = tmp_path_factory.mktemp("checkpoints")
    tiny_hf.bert(folder / "sound")
    tiny_hf.bert(folder / "weightless", weights=False)
    for name in ("empty", "broken", "foreign", "detector"):
        (folder / name).mkdir()
    (folder / "broken" / "config.json").write_text("{nothing")
    (folder / "foreign" / "config.json").write_text('{"model_type": "nonesuch"}')
    transformers.DetrConfig().save_pretrained(folder / "detector")
    for name, source in (
        ("pickled", "weightless"),
        ("damaged", "sound"),
        ("speechless", "sound"),
        ("talkative", "sound"),
    ):
        shutil.copytree(folder / source, folder / name)
    (folder / "pickled" / "pytorch_model.bin").write_bytes(b"never opened")
    weights = folder / "damaged" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:3000])
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / "speechless" / name).unlink()
    tiny_hf.tokenizer([f"word{number}" for number in range(500)]).save_pretrained(folder / "talkative")
    return folder


def fitted(name: str, **options: Any) -> Any:
    model = models.get(f"hf:{name}", **{**tiny_hf.QUICK, **options})
    model.fit(POOL, LABELS, rng=np.random.default_rng(0))
    return model


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", r"There is no folder .*nowhere; give a folder that save_pretrained wrote, or a model's name\."),
        ("empty", r"empty is not a folder of a model: it has no config\.json; give one that save_pretrained wrote"),
        ("broken", r"broken cannot be loaded as a model: .* is not a valid JSON file\."),
        ("foreign", r"foreign cannot be loaded as a model: .*`nonesuch`"),
        ("detector", r"hf:.*detector is a 'detr' network, which transformers cannot use to classify\."),
        ("weightless", r"weightless has no weights in model\.safetensors; .* by pretrained=False\."),
        ("pickled", r"pickled has only weights in a pickle, which is never opened; save it by save_pretrained"),
        ("damaged", r"damaged cannot be loaded as a model: Error while deserializing header"),
        ("speechless", r"The tokenizer of hf:.*speechless has no vocabulary; save it beside the model"),
        ("talkative", r"has \d+ tokens, but its network knows \d+; pass the processing_class that belongs to it"),
    ],
)
def test_a_folder_that_is_no_checkpoint_is_said_to_be_none(checkpoints: Path, name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words) as raised:
        fitted(str(checkpoints / name))
    assert "\n" not in str(raised.value)


def test_a_name_that_cannot_be_downloaded_says_what_to_do() -> None:
    with pytest.raises(ModelError, match="'claros/no-such-model' is not on this machine and could not be downloaded"):
        fitted("claros/no-such-model")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimizer": "sgd"}, "optimizer is called optim here, as in transformers.TrainingArguments"),
        ({"lr": 0.1, "learning_rate": 0.1}, "lr and learning_rate are the same; give one of them"),
        ({"learningrate": 0.1}, "There is no parameter named 'learningrate'"),
        ({"num_epochs": 3}, "Did you mean 'num_train_epochs'?"),
        ({"learning_rate": "high"}, "parameter learning_rate must be a finite number; got 'high'"),
        ({"per_device_train_batch_size": 0}, "per_device_train_batch_size must be at least 1; got 0"),
        ({"lr_scheduler_type": "straight"}, "TrainingArguments does not take these settings: straight is not a valid"),
        (
            {"output_dir": "here"},
            "output_dir of TrainingArguments cannot be set here: the trainer works in a",
        ),
        ({"seed": 3}, "seed of TrainingArguments cannot be set here: it comes from rng"),
        ({"eval_strategy": "steps"}, "evaluation needs items to evaluate on; pass validation=0.1"),
        ({"patience": 2}, "evaluation needs items to evaluate on"),
        ({"patience": 0, "validation": 0.1}, "patience must be a whole number, at least 1; got 0"),
        ({"validation": 1.0}, "validation must be a share from 0 to less than 1"),
        ({"class_weight": "even"}, "class_weight must be 'balanced' or one number a class; got 'even'"),
        ({"members": 0}, "members must be a whole number, at least 1"),
        ({"config": 3}, "config must map names of the configuration to values; got 3"),
        ({"data_collator": "nowhere:collate"}, "Python finds no module 'nowhere'"),
    ],
)
def test_settings_that_are_none_are_refused_at_once(checkpoints: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        models.get(f"hf:{checkpoints / 'sound'}", **options)


def test_names_of_our_other_networks_are_understood(checkpoints: Path) -> None:
    spec = models.get(f"hf:{checkpoints / 'sound'}", lr=0.1, epochs=2, batch_size=4).spec()["parameters"]
    assert spec["learning_rate"] == 0.1
    assert spec["num_train_epochs"] == 2.0
    assert spec["per_device_train_batch_size"] == 4
    assert not {"lr", "epochs", "batch_size"} & set(spec)


def test_what_the_network_is_not_made_for_is_said_before_training(checkpoints: Path) -> None:
    sound = str(checkpoints / "sound")
    for kind in ("images", "rows"):
        pool = small_pool(kind)
        for ask in (
            lambda pool=pool: HFModel(sound).provides_for(pool),
            lambda pool=pool: HFModel(sound).fit(pool, LABELS, rng=np.random.default_rng(0)),
        ):
            with pytest.raises(InputError, match=f"takes texts.*; these items are {kind}"):
                ask()
    with pytest.raises(InputError, match=r"no field of BertConfig named 'hidden_sise'\. Did you mean 'hidden_size'"):
        HFModel(sound, config={"hidden_sise": 8}).provides_for(POOL)
    with pytest.raises(InputError, match="needs at least one item"):
        HFModel(sound).provides_for(POOL.subset([]))


def test_more_classes_than_the_head_has_are_refused(checkpoints: Path) -> None:
    net = transformers.AutoModelForSequenceClassification.from_pretrained(checkpoints / "sound", num_labels=2)
    model = HFModel(model_init=lambda: net, processing_class=str(checkpoints / "sound"), **tiny_hf.QUICK)
    words = r"\(2, 3\) for 2 items and 3 classes; got \(2, 2\)\. Make it for 3 classes"
    with pytest.raises(ModelError, match=words):
        model.provides_for(POOL)
    with pytest.raises(ModelError, match=words):
        model.fit(POOL, LABELS, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "a name or folder of a checkpoint, or a model_init; one of the two"),
        ({"model": "a", "model_init": dict}, "one of the two"),
        ({"model_init": lambda: None}, "A model_init needs its processing_class"),
        ({"model_init": lambda: None, "processing_class": "a", "config": {"a": 1}}, "with model_init, change it there"),
    ],
)
def test_a_model_is_made_in_one_way(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        HFModel(**given)


def network(num_labels: int) -> Any:
    return transformers.BertForSequenceClassification(
        transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, num_labels=num_labels)
    )


def broken(num_labels: int) -> Any:
    raise ValueError("no such thing")


def test_a_function_that_makes_networks_is_found_by_its_path(checkpoints: Path) -> None:
    sound = str(checkpoints / "sound")
    model = models.get("hf:test_hf_loading:network", processing_class=sound, **tiny_hf.QUICK)
    assert models.from_spec(model.spec()).spec() == model.spec()
    model.fit(POOL, LABELS, rng=np.random.default_rng(0))
    assert model.outputs(POOL, ["embeddings"])["embeddings"].shape == (48, 8)
    with pytest.raises(ModelError, match="could not make a network for 3 classes: no such thing"):
        models.get("hf:test_hf_loading:broken", processing_class=sound).provides_for(POOL)
    with pytest.raises(ModelError, match=r"must give a network, a torch\.nn\.Module; got int"):
        HFModel(model_init=lambda: 7, processing_class=sound).provides_for(POOL)


def test_a_folder_named_from_here_is_found_from_elsewhere(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkpoints)
    spec = models.get("hf:./sound", **tiny_hf.QUICK).spec()
    monkeypatch.chdir(tmp_path)
    assert "member_probs" in models.from_spec(spec).provides_for(POOL)


def test_nothing_is_printed_written_or_changed_outside(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "scratch").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    hf_logging.set_verbosity_info()
    before = (
        dict(os.environ),
        logging.getLogger("transformers").level,
        hf_logging.is_progress_bar_enabled(),
        dict(accelerate.PartialState._shared_state),
        {path: path.stat().st_mtime_ns for path in checkpoints.rglob("*")},
    )
    try:
        model = fitted(str(checkpoints / "sound"), validation=0.3, patience=1, num_train_epochs=2)
        model.outputs(POOL, model.provides)
        model.save(tmp_path / "saved")
    finally:
        hf_logging.set_verbosity_warning()
    assert before == (
        dict(os.environ),
        logging.INFO,
        hf_logging.is_progress_bar_enabled(),
        dict(accelerate.PartialState._shared_state),
        {path: path.stat().st_mtime_ns for path in checkpoints.rglob("*")},
    )
    assert capfd.readouterr() == ("", "")
    written = {path.relative_to(tmp_path).as_posix().split("-")[0] for path in tmp_path.rglob("*")}
    assert written == {"here", "scratch", "saved", "saved/model.json", "saved/weights"}
    model.load(tmp_path / "saved")


WITHOUT = """
import sys
import numpy as np
from importlib.machinery import PathFinder

class Hidden(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] == "torchvision" else PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [Hidden if finder is PathFinder else finder for finder in sys.meta_path]
from claros import models
from claros.testing.pools import small_pool

pool = small_pool("images")
model = models.get("hf:" + sys.argv[1], num_train_epochs=3, learning_rate=0.003, use_cpu=True, min_steps=0)
model.fit(pool, np.array(pool.labels), rng=np.random.default_rng(0))
right = model.outputs(pool, ["probs"])["probs"].argmax(axis=1) == pool.labels
print(bool(right.mean() > 0.8), "torchvision" in sys.modules)
"""


def test_images_need_no_torchvision(tmp_path: Path) -> None:
    checkpoint = tiny_hf.vit(tmp_path / "vit")
    run = subprocess.run([sys.executable, "-c", WITHOUT, checkpoint], capture_output=True, text=True)
    assert run.stdout.strip() == "True False", run.stderr


def test_every_error_is_ours() -> None:
    with pytest.raises(ClarosError):
        models.get("hf:")
