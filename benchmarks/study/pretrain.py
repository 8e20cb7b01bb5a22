"""A small BERT pre-trained by masked words: something to fine-tune where no checkpoint can be downloaded.

    python -m benchmarks.study.pretrain FILES... --out bert --epochs 2

Reads the texts of the files, as `claros run --data` takes them, but for their test parts; labels are not looked at.
Writes a folder that ``--model hf:FOLDER`` takes: a tokenizer of word pieces learned from the same texts, and the
weights. Two layers of 128 units: minutes on two cores, and far from what a real checkpoint knows.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from tokenizers import BertWordPieceTokenizer

from claros import data

PIECES, LENGTH, SEED = 8000, 40, 0


def texts_of(source: Path) -> list[str]:
    """What the file offers to label, without its test part."""
    pool, _ = data.load(str(source))
    if pool.kind != "texts":
        raise SystemExit(f"{source} has {pool.kind}, not texts.")
    return list(pool.take(np.arange(len(pool))))


def tokenizer_of(texts: list[str]) -> transformers.PreTrainedTokenizerFast:
    """Lower-cased word pieces, as BERT has them, learned from the texts."""
    pieces = BertWordPieceTokenizer(lowercase=True)
    pieces.train_from_iterator(texts, vocab_size=PIECES, show_progress=False)
    with tempfile.TemporaryDirectory() as folder:
        pieces.save_model(folder)
        return transformers.BertTokenizerFast(vocab=f"{folder}/vocab.txt")


def cut(texts: list[str], tokenizer: transformers.PreTrainedTokenizerFast) -> list[dict[str, list[int]]]:
    """Every text in parts of `LENGTH` pieces."""
    coded = tokenizer(
        texts, truncation=True, max_length=LENGTH, return_overflowing_tokens=True, return_special_tokens_mask=True
    )
    keys = ("input_ids", "attention_mask", "special_tokens_mask")
    return [{key: coded[key][place] for key in keys} for place in range(len(coded["input_ids"]))]


def pretrain(texts: list[str], folder: Path, epochs: float) -> None:
    """Learn to fill in masked words, and keep what was learned."""
    transformers.set_seed(SEED)
    tokenizer = tokenizer_of(texts)
    parts = cut(texts, tokenizer)
    size = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 512}
    network = transformers.BertForMaskedLM(transformers.BertConfig(vocab_size=len(tokenizer), **size))
    with tempfile.TemporaryDirectory() as scratch:
        trainer = transformers.Trainer(
            network,
            transformers.TrainingArguments(
                scratch,
                num_train_epochs=epochs,
                learning_rate=1e-3,
                warmup_steps=200,
                per_device_train_batch_size=64,
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                logging_steps=200,
                use_cpu=not torch.cuda.is_available(),
                seed=SEED,
            ),
            data_collator=transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
            train_dataset=parts,
        )
        trainer.train()
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    print(f"{len(texts)} texts, {len(parts)} parts, loss {trainer.state.log_history[-1]['train_loss']:.2f}: {folder}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path, help="files of texts")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--epochs", type=float, default=2.0)
    args = parser.parse_args()
    pretrain([text for source in args.sources for text in texts_of(source)], args.out, args.epochs)


if __name__ == "__main__":
    main()
