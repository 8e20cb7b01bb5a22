"""Embedding against the pure forward pass over the same tensors, already in memory: images, texts and sounds.

    python -m benchmarks.embed [--images N] [--texts N] [--sounds N] [--device auto] [--threads 1]

The encoders are small and untrained, made of configurations: they cost what pretrained ones do. Images are JPEGs of a
folder, decoded and resized on the way; texts are tokenised, sounds read from wav files. Each ratio is that of the time
of the forward passes alone to that of `claros.models.encoders.embed` into a folder on the disk, best of some repeats in
turns; everything that embedding does besides, reading, decoding, writing, should hide behind the network.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from PIL import Image

from claros import data
from claros.data.pool import Pool, Split
from claros.models.encoders import Encoder, embed, encoder, sized
from claros.models.encoders.encoder import in_order

CHUNK = 32


def image_pool(folder: Path, n: int) -> Pool:
    """JPEGs of 320 x 240 pixels."""
    rng = np.random.default_rng(0)
    for place in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3)).astype(np.uint8))
        path = folder / "images" / f"{place:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse.resize((320, 240), Image.Resampling.BICUBIC).save(path, quality=90)
    return data.image_folder(folder / "images")


def text_pool(n: int) -> Pool:
    """Texts of 5 to 60 words."""
    rng = np.random.default_rng(0)
    words = np.array(["finch", "wren", "robin", "oak", "elm", "birch", "slate", "chalk", "the", "of", "and", "in"])
    return data.arrays([" ".join(rng.choice(words, rng.integers(5, 60))) for _ in range(n)])


def sound_pool(folder: Path, n: int) -> Pool:
    """Tones of half a second at 16 kHz."""
    rng = np.random.default_rng(0)
    (folder / "sounds").mkdir(parents=True)
    for place in range(n):
        tone = np.sin(2 * np.pi * rng.uniform(100, 2000) * np.arange(8000) / 16000)
        soundfile.write(folder / "sounds" / f"{place:05}.wav", 0.5 * tone, 16000)
    return data.audio_folder(folder / "sounds")


def checkpoints(folder: Path) -> tuple[str, str]:
    """Folders of a BERT and of a wav2vec 2.0, each of 4 layers and 256 units."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]"]
    made.train_from_iterator(text_pool(200).take(range(200)), trainers.WordPieceTrainer(special_tokens=special))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]")
    bert = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024
    )
    small = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
    ears = transformers.Wav2Vec2Config(**small, conv_dim=[128] * 7)
    listener = transformers.Wav2Vec2FeatureExtractor(sampling_rate=16000, return_attention_mask=False)
    for name, config, processor in (("bert", bert, tokenizer), ("ears", ears, listener)):
        config.save_pretrained(folder / name)
        processor.save_pretrained(folder / name)
    return str(folder / "bert"), str(folder / "ears")


def measure(pool: Pool, made: Encoder, folder: Path, repeats: int) -> dict[str, Any]:
    """Seconds of both, the best of so many, and their ratio, also of the time that processors were busy."""
    items = sized(pool, made)
    order = in_order(items)
    chunks = [order[start : start + CHUNK] for start in range(0, len(order), CHUNK)]
    batches = [made.prepare(items, chunk) for chunk in chunks]

    def forward() -> None:
        with made.session():
            for batch in batches:
                made.forward(batch)

    places = iter(range(repeats))

    def whole() -> None:
        fresh = sized(data.reopen(pool.source), made) if pool.source else pool  # no image is decoded yet
        embed(Split(fresh, None), made, folder / f"{made.kind}-{next(places)}", chunk=CHUNK)

    forward()
    alone, all_of_it = zip(*[(_seconds(forward), _seconds(whole)) for _ in range(repeats)], strict=True)
    forward_alone, whole_way = ([min(column) for column in zip(*pairs, strict=True)] for pairs in (alone, all_of_it))
    return {
        "kind": made.kind,
        "model": made.name if made.name.startswith("timm:") else "hf:" + Path(made.name).name,
        "items": len(pool),
        "forward_seconds": round(forward_alone[0], 3),
        "embed_seconds": round(whole_way[0], 3),
        "ratio": round(forward_alone[0] / whole_way[0], 3),
        "processor_ratio": round(forward_alone[1] / whole_way[1], 3),
    }


def _seconds(function: Callable[[], None]) -> tuple[float, float]:
    """By the clock, and of the processors."""
    started, before = time.perf_counter(), time.process_time()
    function()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started, time.process_time() - before


def main() -> None:
    """Measure, and print a line of JSON for each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("images", 256), ("texts", 2048), ("sounds", 256), ("repeats", 3), ("threads", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--timm", default="resnet18")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bert, ears = checkpoints(folder)
        images, texts, sounds = (
            image_pool(folder, given.images),
            text_pool(given.texts),
            sound_pool(folder, given.sounds),
        )
        for pool, model in ((images, f"timm:{given.timm}"), (texts, f"hf:{bert}"), (sounds, f"hf:{ears}")):
            made = encoder(model, like=pool, pretrained=False, device=given.device)
            print(json.dumps(measure(pool, made, folder / "out", given.repeats)), flush=True)


if __name__ == "__main__":
    main()
