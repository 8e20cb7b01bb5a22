"""Tiny checkpoints of transformers, made of a configuration and a tokenizer that is trained on the spot.

Each function writes a folder as ``save_pretrained`` does, with weights unless ``weights=False``, and gives its path, to
be named as ``hf:FOLDER``.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from claros.data import audio_folder
from claros.models.hf.quiet import undisturbed

# The trainer collects garbage whenever it starts: to walk all that is loaded by now takes longer than a tiny training.
gc.freeze()

#: Options under which tiny networks learn easy classes in a second.
QUICK: dict[str, Any] = {
    "learning_rate": 5e-3,
    "min_steps": 0,
    "num_train_epochs": 5,
    "per_device_train_batch_size": 16,
    "lr_scheduler_type": "constant",
    "warmup_steps": 0,
    "use_cpu": True,
    "members": 3,
    "chunk": 20,
}

#: Weights that are large from the start, so that a few steps are enough.
LOUD = {"initializer_range": 0.1}

WORDS = ("finch wren robin thrush", "oak elm birch ash", "granite slate chalk flint", "the of and in a with some more")


def tokenizer(texts: Iterable[str] = WORDS, *, size: int = 2000, framed: bool = True, **special: Any) -> Any:
    """A tokenizer of whole words and their pieces, trained on the texts; ``framed`` between [CLS] and [SEP]."""
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=size, special_tokens=marks, show_progress=False)
    )
    if framed:
        ends = [(mark, made.token_to_id(mark)) for mark in ("[CLS]", "[SEP]")]
        made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    given = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", **special}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, **given)


def bert(folder: Path, texts: Iterable[str] = WORDS, *, weights: bool = True, **config: Any) -> str:
    """A BERT of one layer over texts; its head is linear over a pooled state, and dropout is at work."""
    words = tokenizer(texts)
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64, **LOUD}
    made = transformers.BertConfig(
        **{
            "vocab_size": len(words),
            "pad_token_id": words.pad_token_id,
            "max_position_embeddings": 64,
            **small,
            **config,
        }
    )
    return _written(folder, made, words, transformers.AutoModelForSequenceClassification, weights)


def gpt2(folder: Path, texts: Iterable[str] = WORDS, *, weights: bool = True, **config: Any) -> str:
    """A GPT-2 of one layer over texts, without a token for padding; its head gives logits at every position."""
    words = tokenizer(texts, framed=False, pad_token=None, eos_token="[SEP]")
    small = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 64}
    known = {"vocab_size": len(words), "bos_token_id": None, "eos_token_id": words.eos_token_id}
    made = transformers.GPT2Config(**{**known, **small, **config})
    return _written(folder, made, words, transformers.AutoModelForSequenceClassification, weights)


def vit(folder: Path, *, size: int = 16, weights: bool = True, **config: Any) -> str:
    """A ViT of one layer over colour images, without dropout unless the configuration says so."""
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64, **LOUD}
    made = transformers.ViTConfig(**{"image_size": size, "patch_size": 4, **small, **config})
    pixels = transformers.ViTImageProcessor(size={"height": size, "width": size})
    return _written(folder, made, pixels, transformers.AutoModelForImageClassification, weights)


def resnet(folder: Path, *, size: int = 16, weights: bool = True, **config: Any) -> str:
    """A residual network with batch normalisation over colour images."""
    small = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
    made = transformers.ResNetConfig(**{**small, **config})
    pixels = transformers.ViTImageProcessor(size={"height": size, "width": size})
    return _written(folder, made, pixels, transformers.AutoModelForImageClassification, weights)


def wav2vec2(folder: Path, *, masked: bool = False, weights: bool = True, **config: Any) -> str:
    """A wav2vec 2.0 of one layer over sounds at 8 kHz; ``masked``, it is told which samples are padding."""
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64, **LOUD}
    ears = {"conv_dim": [16, 16, 16], "conv_stride": [5, 4, 4], "conv_kernel": [10, 8, 4], "num_feat_extract_layers": 3}
    rest = {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "classifier_proj_size": 16}
    norm = {"feat_extract_norm": "layer" if masked else "group", "do_stable_layer_norm": masked}
    made = transformers.Wav2Vec2Config(**{**small, **ears, **rest, **norm, "mask_time_prob": 0.0, **config})
    samples = transformers.Wav2Vec2FeatureExtractor(sampling_rate=8000, return_attention_mask=masked)
    return _written(folder, made, samples, transformers.AutoModelForAudioClassification, weights)


def ast(folder: Path, *, weights: bool = True, **config: Any) -> str:
    """An audio spectrogram transformer of one layer over sounds at 16 kHz, all of them cut or padded to 0.64 s."""
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64, **LOUD}
    made = transformers.ASTConfig(**{"max_length": 64, "num_mel_bins": 32, "patch_size": 8, **small, **config})
    bins = transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=64)
    return _written(folder, made, bins, transformers.AutoModelForAudioClassification, weights)


def _written(folder: Path, config: Any, processor: Any, network: Any, weights: bool) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    processor.save_pretrained(folder)
    if not weights:
        config.save_pretrained(folder)
        return str(folder)
    with undisturbed(0):  # it shows a bar for every file
        network.from_config(config).save_pretrained(folder)
    return str(folder)


def tones(folder: Path, n: int = 48, *, rates: tuple[int, ...] = (8000, 11025, 16000)) -> Any:
    """A pool of wav files: low, middle and high tones of 0.15 to 0.35 seconds in noise, at the rates in turn."""
    rng = np.random.default_rng(0)
    for number in range(n):
        rate, kind = rates[number % len(rates)], ("high", "low", "middle")[number // 2 % 3]
        time = np.arange(int(rate * rng.uniform(0.15, 0.35))) / rate
        pitch = {"low": 200.0, "middle": 700.0, "high": 2000.0}[kind] * rng.uniform(0.95, 1.05)
        samples = 0.5 * np.sin(2 * np.pi * pitch * time + rng.uniform(0, 6)) + rng.normal(0, 0.02, len(time))
        (folder / kind).mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / kind / f"{number:02d}.wav", samples, rate)
    pool = audio_folder(folder)
    return pool.subset(np.random.default_rng(1).permutation(len(pool)))
