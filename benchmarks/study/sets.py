"""The data sets of the study, each brought to one small file: at most 4,000 items unless told, 2,000 for the test."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from claros import data
from claros.data.pool import Pool

POOL, TEST, TOPICS, COMPONENTS = 4000, 2000, 100, 50

#: Sets that come with scikit-learn, by the names that Claros gives them.
BUNDLED = ("digits", "iris", "wine", "breast_cancer")


def features(pool: Pool, test: Pool) -> tuple[np.ndarray, np.ndarray]:
    """What a frozen encoder would give: columns standardised, 50 components of images, 100 topics of texts."""
    train, held = (part.take(np.arange(len(part))) for part in (pool, test))
    if pool.kind == "texts":
        words = TfidfVectorizer(sublinear_tf=True, min_df=2)
        counts = words.fit_transform(train)
        topics = TruncatedSVD(min(TOPICS, counts.shape[1] - 1), random_state=0).fit(counts)
        return normalize(topics.transform(counts)), normalize(topics.transform(words.transform(held)))
    if pool.kind == "images":
        flat = [part.reshape(len(part), -1) / 255.0 for part in (train, held)]
        components = PCA(min(COMPONENTS, *flat[0].shape), random_state=0).fit(flat[0])
        return components.transform(flat[0]), components.transform(flat[1])
    mean, spread = np.nanmean(train, axis=0), np.nanstd(train, axis=0)
    scaled = [np.nan_to_num((part - mean) / np.where(spread > 0, spread, 1.0)) for part in (train, held)]
    return scaled[0], scaled[1]


def part(pool: Pool, n: int, rng: np.random.Generator) -> Pool:
    return pool.subset(np.sort(rng.permutation(len(pool))[:n]))


def prepare(name: str, source: str, folder: Path, items: int, raw: bool) -> Path:
    """Write NAME.npz with features made of the items, or the items as they are (texts to NAME.jsonl)."""
    rng = np.random.default_rng(0)
    pool, test = data.load(source)
    if test is None or test.labels is None or pool.labels is None:
        raise SystemExit(f"{source} has no labels.")
    pool, test = part(pool, items, rng), part(test, TEST, rng)
    seen = np.unique(pool.labels)  # a class of which the sample has nothing is left out
    test = test.subset(np.flatnonzero(np.isin(test.labels, seen)))
    labels = {"train": np.searchsorted(seen, pool.labels), "test": np.searchsorted(seen, test.labels)}
    if raw:
        x = {"train": pool.take(np.arange(len(pool))), "test": test.take(np.arange(len(test)))}
        return (
            write_texts(folder / f"{name}.jsonl", x, labels) if pool.kind == "texts" else write(folder, name, x, labels)
        )
    made = dict(zip(labels, (array.astype(np.float32) for array in features(pool, test)), strict=True))
    return write(folder, name, made, labels, features_train=made["train"])


def write(
    folder: Path, name: str, x: Mapping[str, np.ndarray], y: Mapping[str, np.ndarray], **more: np.ndarray
) -> Path:
    arrays = {f"{what}_{split}": array[split] for what, array in (("x", x), ("y", y)) for split in y}
    np.savez(folder / f"{name}.npz", **arrays, **more)
    return folder / f"{name}.npz"


def write_texts(file: Path, texts: Mapping[str, Sequence[str]], labels: Mapping[str, np.ndarray]) -> Path:
    with file.open("w", encoding="utf-8") as lines:
        for split, those in labels.items():
            for text, label in zip(texts[split], those.tolist(), strict=True):
                lines.write(json.dumps({"text": text, "label": label, "split": split}) + "\n")
    return file


def clusters(folder: Path) -> None:
    """Three sets that are made: where uncertainty helps, where it does not, and where most of the pool is copies."""
    rng = np.random.default_rng(0)
    for name in ("three_clusters", "coin_flip", "copies"):
        y = rng.integers(4, size=5000)
        x = rng.normal(size=(4, 10))[y] * 2.0 + rng.normal(size=(5000, 10))
        if name == "three_clusters":
            y = (x[:, 0] > 0).astype(int)
            x += 6.0 * rng.normal(size=(3, 10))[rng.integers(3, size=5000)]
        if name == "coin_flip":
            noisy = x[:, 1] > 1.0
            y[noisy] = rng.integers(4, size=noisy.sum())
        if name == "copies":
            most = rng.permutation(3000)[:2400]
            x[most], y[most] = x[most % 60] + 0.01 * rng.normal(size=(2400, 10)), y[most % 60]
        x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
        arrays = {"x_train": x[:3000], "features_train": x[:3000], "y_train": y[:3000]}
        np.savez(folder / f"{name}.npz", **arrays, x_test=x[3000:], y_test=y[3000:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="*", type=Path, help="files as `claros run --data` takes them")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--items", type=int, default=POOL, help="at most so many to choose from")
    parser.add_argument("--raw", action="store_true", help="the files' images, rows or texts as they are")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.raw:
        clusters(args.out)
    for source in [*([] if args.raw else map(Path, BUNDLED)), *args.sources]:
        name = source.name.partition(".")[0]
        file = next(args.out.glob(f"{name}.*"), None) or prepare(name, str(source), args.out, args.items, args.raw)
        pool, _ = data.load(file)
        print(f"{name}: {len(pool)} {pool.kind}, {len(pool.classes)} classes", flush=True)


if __name__ == "__main__":
    main()
