"""From any source to a split, and back from what a campaign keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from claros import data
from claros.errors import DataError


def table(path: Path, texts: str, labels: str) -> Path:
    rows = [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_a_second_source_is_the_test_set(tmp_path: Path) -> None:
    pool = table(tmp_path / "a.jsonl", "abcdef", "xyxyxy")
    other = table(tmp_path / "b.jsonl", "cgh", "xzy")
    train, test = data.load(pool, test=other)
    assert test is not None
    assert train.take(range(5)) == list("abdef")
    assert test.take(range(3)) == list("cgh")
    assert train.classes == test.classes == ("x", "y", "z")
    assert test.labels is not None
    assert test.labels.tolist() == [0, 2, 1]
    assert train.report()["left_out"] == 1
    with pytest.raises(DataError, match="all 6 items of the pool are also in the test set"):
        data.load(pool, test=pool)


def test_of_a_second_source_with_parts_the_test_part_serves(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.eye(3), y=[0, 1, 0])
    np.savez(tmp_path / "b.npz", x_train=np.eye(3), y_train=[0, 1, 0], x_test=2 * np.eye(3)[:2], y_test=[1, 0])
    train, test = data.load(tmp_path / "a.npz", test=tmp_path / "b.npz")
    assert test is not None
    assert (len(train), len(test)) == (3, 2)
    np.savez(tmp_path / "c.npz", x=3 * np.eye(3), y=[0, 1, 0])
    train, test = data.load(tmp_path / "b.npz", test=tmp_path / "c.npz")
    assert test is not None
    assert (len(train), len(test), train.report()["set_aside"]) == (3, 3, 2)


def test_a_test_set_without_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text('{"text": "q"}')
    with pytest.raises(DataError, match=r"b\.jsonl has no labels"):
        data.load(table(tmp_path / "a.jsonl", "ab", "xy"), test=tmp_path / "b.jsonl")


def test_the_unlabeled_part_of_a_test_set_is_not_judged_by(tmp_path: Path) -> None:
    rows = [{"text": str(i), "label": label, "split": part} for i, (label, part) in enumerate(
        [("x", "train"), ("y", "train"), ("x", "test"), (None, "test")]
    )]  # fmt: skip
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    test = data.load(tmp_path / "a.jsonl").test
    assert test is not None
    assert test.ids == ("2",)


def test_a_test_part_without_any_label_is_set_aside(tmp_path: Path) -> None:
    rows = [
        {"text": str(i), "label": "xy"[i % 2] if i < 8 else None, "split": "train" if i < 8 else "test"}
        for i in range(10)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    train, test = data.load(tmp_path / "a.jsonl")
    assert test is not None
    assert (len(train), len(test), train.report()["set_aside"]) == (6, 2, 2)


def every_source(tmp_path: Path, birds: Path, zipped: Callable[..., Path]) -> dict[str, data.Pool]:
    np.savez(tmp_path / "a.npz", x=np.arange(40).reshape(20, 2), y=np.arange(20) % 2)
    np.save(tmp_path / "x.npy", np.arange(40.0).reshape(20, 2))
    np.save(tmp_path / "y.npy", np.arange(20) % 2)
    texts = table(tmp_path / "a.jsonl", "abcdefgh", "xyxyxyxy")
    test = table(tmp_path / "b.jsonl", "qr", "xy")
    iris, held = data.load("iris", seed=3, test_share=0.1)
    assert held is not None
    return {
        "name": iris,
        "test part": held,
        "npz": data.load(tmp_path / "a.npz", classes=["p", "q"]).train,
        "npy": data.load(tmp_path / "x.npy", labels=tmp_path / "y.npy").train,
        "folder": data.load(birds, image_size=7, test_share=0.4).train,
        "zip": data.load(zipped(birds, tmp_path / "b.zip"), label_pattern="/(00.)").train,
        "table": data.load(texts, test=test).train,
        "image_folder": data.image_folder(birds, image_size=7, classes=["wren", "finch"]),
        "text_table": data.text_table(texts, label_column=None),
    }


def test_a_pool_is_reopened_from_its_source(
    tmp_path: Path, birds: Path, zipped: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pools = every_source(Path(), Path("birds"), zipped)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")  # relative paths were kept as absolute ones
    for name, pool in pools.items():
        kept = json.loads(json.dumps(pool.source))
        again = data.reopen(kept)
        assert again.manifest() == pool.manifest(), name
        assert (again.ids, again.classes, again.report()) == (pool.ids, pool.classes, pool.report()), name
        assert (again.labels is None) == (pool.labels is None), name
        assert pool.labels is None or np.array_equal(again.labels, pool.labels), name
        assert np.array_equal(again.take([0, 1]), pool.take([0, 1])), name
        assert again.source == kept, name


def test_a_pool_in_memory_or_a_part_of_one_cannot_be_reopened() -> None:
    part = data.load("iris").train.subset([0, 1])
    for pool in (data.arrays(np.eye(2)), part):
        assert pool.source == {}
        with pytest.raises(DataError, match="pass pool="):
            data.reopen(pool.source)
    with pytest.raises(DataError, match="made by 'tea leaves'"):
        data.reopen({"by": "tea leaves"})


def test_a_source_that_is_gone_is_one_clear_error(tmp_path: Path) -> None:
    path = table(tmp_path / "a.jsonl", "abcdefgh", "xyxyxyxy")
    pool = data.load(path).train
    path.unlink()
    with pytest.raises(DataError, match=r"no file or folder .*a\.jsonl"):
        data.reopen(pool.source)


def test_a_name_that_is_unknown_lists_those_that_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"Did you mean 'digits'\? Known: breast_cancer, cifar10"):
        data.load("digit")


def test_a_folder_with_a_known_name_is_reached_by_a_path(
    tmp_path: Path, birds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    birds.rename(tmp_path / "digits")
    monkeypatch.chdir(tmp_path)
    assert len(data.load("digits").train) > 1000
    assert data.load("./digits", test_share=0.4).train.classes == ("finch", "wren")
    assert data.load(Path("digits"), test_share=0.4).train.classes == ("finch", "wren")


def test_an_ending_that_is_unknown_lists_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"")
    with pytest.raises(DataError, match=r"ends in '\.xlsx'; expected a folder or one of: \.npz, "):
        data.load(tmp_path / "a.xlsx")


def test_names_are_known() -> None:
    assert data.names() == ["digits", "iris", "wine", "breast_cancer", "mnist", "cifar10", "cifar100"]
