"""What Hugging Face models give: rows that transformers alone gives, one item at a time, whatever comes together."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import tiny_hf
import torch
import transformers
from torch import nn
from transformers.modeling_outputs import ImageClassifierOutput

from claros import models
from claros.data import Pool, arrays
from claros.errors import ModelError
from claros.models import HFModel
from claros.models.hf.inference import assemble
from claros.testing.pools import small_pool

TEXTS, IMAGES = small_pool("texts"), small_pool("images")
PIXELS = transformers.ViTImageProcessor(size={"height": 16, "width": 16})


def trained(model: Any, pool: Pool, labels: Any = None) -> Any:
    model.fit(pool, np.array(pool.labels if labels is None else labels), rng=np.random.default_rng(0))
    return model


def quick(checkpoint: str, **options: Any) -> Any:
    return models.get(f"hf:{checkpoint}", **{**tiny_hf.QUICK, "num_train_epochs": 1, **options})


def weights_in(model: Any, folder: Path, net: Any) -> Any:
    """The network of transformers with the weights that the model wrote."""
    model.save(folder)
    (file,) = folder.glob("*.safetensors")
    net.load_state_dict(safetensors.torch.load_file(file))
    return net.eval()


def test_texts_padded_together_have_the_rows_that_each_has_alone(tmp_path: Path) -> None:
    checkpoint = tiny_hf.bert(tmp_path / "bert")
    pool = arrays(["oak " * n + "finch" for n in (1, 30, 3, 12, 0, 7)], [0, 1, 2, 0, 1, 2])
    model = trained(quick(checkpoint, chunk=4), pool)
    given = model.outputs(pool, model.provides)
    config = transformers.AutoConfig.from_pretrained(checkpoint, num_labels=3)
    net = weights_in(model, tmp_path / "saved", transformers.BertForSequenceClassification(config))
    tokens = transformers.AutoTokenizer.from_pretrained(checkpoint)
    for row, text in enumerate(pool.take(range(len(pool)))):
        with torch.no_grad():
            state = net.bert(**tokens(text, return_tensors="pt")).pooler_output
        np.testing.assert_allclose(given["embeddings"][row], state[0], atol=1e-5)
        np.testing.assert_allclose(given["logits"][row], net.classifier(state)[0].detach(), atol=1e-5)
    np.testing.assert_array_equal(given["head_weights"], net.classifier.weight.detach())
    np.testing.assert_array_equal(given["head_bias"], net.classifier.bias.detach())


def test_a_network_that_reads_on_has_the_state_of_its_last_token_as_embedding(tmp_path: Path) -> None:
    checkpoint = tiny_hf.gpt2(tmp_path / "gpt2")
    pool = arrays(["oak " * n + "finch" for n in (1, 30, 3, 12, 0, 7)], [0, 1, 2, 0, 1, 2])
    model = trained(quick(checkpoint, chunk=4), pool)
    given = model.outputs(pool, model.provides)
    config = transformers.AutoConfig.from_pretrained(checkpoint, num_labels=3)
    net = weights_in(model, tmp_path / "saved", transformers.GPT2ForSequenceClassification(config))
    tokens = transformers.AutoTokenizer.from_pretrained(checkpoint)
    assert tokens.pad_token is None, "nothing was written into the checkpoint"
    for row, text in enumerate(pool.take(range(len(pool)))):
        with torch.no_grad():
            state = net.transformer(**tokens(text, return_tensors="pt")).last_hidden_state[0, -1]
        np.testing.assert_allclose(given["embeddings"][row], state, atol=1e-5)
        np.testing.assert_allclose(given["logits"][row], net.score(state).detach(), atol=1e-5)


class TwoHeads(nn.Module):
    """The mean of two linear heads as logits, so that there is no one head."""

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        small = {"image_size": 16, "patch_size": 4, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
        config = transformers.ViTConfig(**small)
        self.config, self.body = config, transformers.ViTModel(config)
        self.heads = nn.ModuleList([nn.Linear(8, num_labels), nn.Linear(8, num_labels)])

    def forward(self, pixel_values: torch.Tensor, output_hidden_states: bool = False) -> Any:
        found = self.body(pixel_values=pixel_values, output_hidden_states=output_hidden_states)
        logits = (self.heads[0](found.pooler_output) + self.heads[1](found.pooler_output)) / 2
        return ImageClassifierOutput(logits=logits, hidden_states=found.hidden_states)


def test_without_a_linear_head_embeddings_are_the_mean_of_the_last_hidden_state(tmp_path: Path) -> None:
    model = HFModel(model_init=TwoHeads, processing_class=PIXELS, **{**tiny_hf.QUICK, "num_train_epochs": 1})
    trained(model, IMAGES)
    assert model.provides == {"probs", "logits", "embeddings"}
    net = weights_in(model, tmp_path, TwoHeads(3))
    pixels = PIXELS([np.repeat(image[..., None], 3, axis=2) for image in IMAGES.take(range(8))], return_tensors="pt")
    with torch.no_grad():
        state = net.body(**pixels, output_hidden_states=True).hidden_states[-1].mean(dim=1)
    np.testing.assert_allclose(model.outputs(IMAGES, ["embeddings"])["embeddings"][:8], state, atol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_sounds_of_any_length_have_the_same_rows_alone_and_together(tmp_path: Path, masked: bool) -> None:
    checkpoint, pool = tiny_hf.wav2vec2(tmp_path / "net", masked=masked), tiny_hf.tones(tmp_path / "tones", 12)
    names = ["probs", "embeddings", "member_probs"]
    together, alone = (trained(quick(checkpoint, chunk=chunk), pool).outputs(pool, names) for chunk in (12, 1))
    for name in names:
        np.testing.assert_allclose(together[name], alone[name], atol=1e-5)
    if masked:  # as told what is padding, so as transformers alone without any
        config = transformers.AutoConfig.from_pretrained(checkpoint, num_labels=3)
        model = trained(quick(checkpoint), pool)
        net = weights_in(model, tmp_path / "saved", transformers.Wav2Vec2ForSequenceClassification(config))
        ears = transformers.AutoFeatureExtractor.from_pretrained(checkpoint)
        for row in np.flatnonzero([rate == 8000 for _, rate in pool.take(range(12))])[:3]:
            heard = ears(pool.take([row])[0][0], sampling_rate=8000, return_tensors="pt")
            with torch.no_grad():
                logits = net(**heard).logits
            np.testing.assert_allclose(model.outputs(pool, ["logits"])["logits"][row], logits[0], atol=1e-4)


class _Sounds:
    kind, classes = "sounds", ()

    def __init__(self, contents: list[Any]) -> None:
        self.contents, self.ids = contents, tuple(map(str, range(len(contents))))

    def __len__(self) -> int:
        return len(self.contents)

    def take(self, positions: Any) -> list[Any]:
        return [self.contents[position] for position in positions]


def test_a_tone_is_recognised_at_any_sampling_rate(tmp_path: Path) -> None:
    checkpoint, pool = tiny_hf.ast(tmp_path / "net"), tiny_hf.tones(tmp_path / "tones", 36)
    model = trained(quick(checkpoint, num_train_epochs=8), pool)
    noise = np.random.default_rng(0)

    def tone(rate: int, pitch: float) -> Any:
        time = np.arange(rate // 4) / rate
        return (0.5 * np.sin(2 * np.pi * pitch * time) + noise.normal(0, 0.02, len(time))).astype(np.float32), rate

    # Were the rate not looked at, a middle tone at 48 kHz would be taken for a low one, three times as long.
    for pitch, name in ((200.0, "low"), (700.0, "middle"), (2000.0, "high")):
        items = _Sounds([tone(rate, pitch) for rate in (16000, 8000, 11025, 22050, 44100, 48000)])
        heard = model.outputs(items, ["probs"])["probs"].argmax(axis=1)
        assert [pool.classes[code] for code in heard] == [name] * 6
    short = _Sounds([(np.zeros(3, np.float32), 8000), (np.zeros(1_000_000, np.float32), 8000)])
    assert np.isfinite(model.outputs(short, ["probs"])["probs"]).all()


def test_the_part_for_sounds_of_a_processor_of_several_is_found(tmp_path: Path) -> None:
    checkpoint, letters = tiny_hf.wav2vec2(tmp_path / "net"), tmp_path / "vocab.json"
    letters.write_text(json.dumps({letter: code for code, letter in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|"])}))
    ears = transformers.AutoFeatureExtractor.from_pretrained(checkpoint)
    both = transformers.Wav2Vec2Processor(ears, transformers.Wav2Vec2CTCTokenizer(str(letters)))
    pool, apart = tiny_hf.tones(tmp_path / "tones", 6), quick(checkpoint)
    expected = trained(apart, pool).outputs(pool, ["probs"])["probs"]
    for file in Path(checkpoint).glob("*processor*"):
        file.unlink()
    both.save_pretrained(checkpoint)
    for given in ({}, {"processing_class": both}):
        model = HFModel(checkpoint, **given, **{**tiny_hf.QUICK, "num_train_epochs": 1})
        np.testing.assert_array_equal(trained(model, pool).outputs(pool, ["probs"])["probs"], expected)


def test_long_sounds_are_cut(tmp_path: Path) -> None:
    model = quick(tiny_hf.wav2vec2(tmp_path / "net"), max_seconds=0.5)
    trained(model, tiny_hf.tones(tmp_path / "tones", 12))
    rng = np.random.default_rng(0)
    sound = rng.normal(size=8000).astype(np.float32)
    probs = model.outputs(_Sounds([(sound, 8000), (sound[:4000], 8000)]), ["probs"])["probs"]
    np.testing.assert_allclose(probs[0], probs[1], atol=1e-6)


@pytest.mark.parametrize(("channels", "grey"), [(3, True), (3, False), (1, True), (1, False)])
def test_grey_and_colour_images_fit_networks_of_one_and_three_channels(
    tmp_path: Path, channels: int, grey: bool
) -> None:
    checkpoint = tiny_hf.vit(tmp_path / "vit", num_channels=channels)
    pixels = transformers.ViTImageProcessor(
        size={"height": 16, "width": 16}, image_mean=[0.5] * channels, image_std=[0.5] * channels
    )
    images = np.asarray(IMAGES.take(range(6)))
    pool = arrays(images if grey else np.repeat(images[..., None], 3, axis=3), np.arange(6) % 3)
    model = HFModel(checkpoint, processing_class=pixels, **{**tiny_hf.QUICK, "num_train_epochs": 1})
    assert trained(model, pool).outputs(pool, ["probs"])["probs"].shape == (6, 3)


def test_a_member_is_one_mask_over_the_units_that_is_the_same_for_all_texts(tmp_path: Path) -> None:
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0.5}
    checkpoint = tiny_hf.bert(tmp_path / "bert", hidden_size=8, **still)
    given = trained(quick(checkpoint, members=4), TEXTS).outputs(
        TEXTS, ["embeddings", "head_weights", "head_bias", "member_probs"]
    )
    masks = np.array(list(itertools.product([0.0, 2.0], repeat=8)))  # dropped, or doubled: 1 / (1 - 0.5)
    logits = (given["embeddings"] * masks[:, None]) @ given["head_weights"].T + given["head_bias"]  # (256, N, C)
    expected = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    found = [
        np.flatnonzero(np.abs(expected - given["member_probs"][:, member]).max(axis=(1, 2)) < 1e-5)
        for member in range(4)
    ]
    assert all(len(mask) == 1 for mask in found)
    assert len({int(mask[0]) for mask in found}) >= 3, "of 256 masks, four draws are rarely alike"


class Normalised(nn.Module):
    """Batch normalisation and dropout before the head."""

    def __init__(self, num_labels: int, most: int = 10**6) -> None:
        super().__init__()
        self.norm, self.dropout, self.head = nn.BatchNorm1d(768), nn.Dropout(0.3), nn.Linear(768, num_labels)
        self.most = most

    def forward(self, pixel_values: torch.Tensor) -> Any:
        if len(pixel_values) > self.most and not self.training:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return (self.head(self.dropout(self.norm(pixel_values.flatten(1)))),)


def test_batch_normalisation_stays_as_trained_while_members_are_drawn() -> None:
    made: list[Normalised] = []

    def build(num_labels: int) -> Normalised:
        made.append(Normalised(num_labels))
        return made[-1]

    model = HFModel(model_init=build, processing_class=PIXELS, **tiny_hf.QUICK)
    trained(model, IMAGES)
    before = made[-1].norm.running_mean.clone()
    members = model.outputs(IMAGES, ["member_probs"])["member_probs"]
    assert torch.equal(made[-1].norm.running_mean, before)
    alone = model.outputs(IMAGES.subset([5]), ["member_probs"])["member_probs"]
    np.testing.assert_allclose(alone[0], members[5], atol=1e-5)


def test_a_chunk_that_does_not_fit_is_tried_in_quarters_and_then_given_up() -> None:
    outputs, given = [], {"processing_class": PIXELS, **tiny_hf.QUICK, "num_train_epochs": 1}
    for most in (100, 5, 4):
        model = HFModel(model_init=lambda num_labels, most=most: Normalised(num_labels, most), **given)
        trained(model, IMAGES)
        if most < 5:
            with pytest.raises(ModelError, match="ran out of memory on 20 items at once, and on 5 too; lower chunk"):
                model.outputs(IMAGES, ["probs"])
        else:
            outputs.append(model.outputs(IMAGES, ["probs"])["probs"])
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-6)


class _Watched:
    """A pool that notes how many items are read at once."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.most = pool, 0
        self.ids, self.kind, self.classes = pool.ids, pool.kind, pool.classes

    def __len__(self) -> int:
        return len(self.pool)

    def take(self, positions: Any) -> Any:
        self.most = max(self.most, len(positions))
        return self.pool.take(positions)


def test_no_more_than_a_chunk_is_read_at_once(tmp_path: Path) -> None:
    model = trained(quick(tiny_hf.bert(tmp_path / "bert"), chunk=7), TEXTS)
    watched = _Watched(TEXTS)
    model.outputs(watched, model.provides)
    assert watched.most == 7


def test_parts_of_whole_chunks_have_the_bits_of_the_pool(tmp_path: Path) -> None:
    pool = arrays(["oak " * (n % 11) + "finch" for n in range(24)], np.arange(24) % 3)
    model = trained(quick(tiny_hf.bert(tmp_path / "bert"), chunk=4), pool)
    whole, size = model.outputs(pool, model.provides), 8
    assert model.pass_items == 1024
    for start in range(0, 24, size):
        part = model.outputs(pool.subset(range(start, start + size)), model.provides)
        for name in ("probs", "logits", "embeddings", "member_probs"):
            np.testing.assert_array_equal(part[name], whole[name][start : start + size])


def test_rows_of_several_processes_are_put_in_place_by_id_however_they_come() -> None:
    rng = np.random.default_rng(0)
    ids = [f"item {number}" for number in range(10)]
    truth = {"probs": rng.random((10, 3)), "embeddings": rng.random((10, 4))}

    def piece(rows: list[int]) -> Any:
        return [ids[row] for row in rows], {name: array[rows] for name, array in truth.items()}

    found = {name: np.full_like(array, np.nan) for name, array in truth.items()}
    padding = (["no such item"], {name: array[:1] + 9.0 for name, array in truth.items()})
    assemble(found, ids, [piece([7, 2, 2]), padding, piece([9, 0, 4, 1]), piece([1, 0]), piece([8, 3, 6, 5, 7])])
    for name, array in truth.items():
        np.testing.assert_array_equal(found[name], array)
    with pytest.raises(ModelError, match="No process predicted 2 of 10 items, 'item 3' among them"):
        assemble(found, ids, [piece([0, 1, 2, 4, 6, 7, 8, 9])])
