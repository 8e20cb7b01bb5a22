"""Pools of a ``datasets.Dataset``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import soundfile
from datasets import Audio, ClassLabel, Dataset, DatasetDict, Features, Image, Value
from PIL import Image as Pictures

from claros import data
from claros.errors import DataError, InputError

TEXTS = ["a finch", "an oak", "a wren", "a finch"]


def texts(**columns: Any) -> Any:
    birds = Features({"sentence": Value("string"), "label": ClassLabel(names=["tree", "bird"])})
    made = Dataset.from_dict({"sentence": TEXTS, "label": [1, 0, None, 1]}, features=birds)
    for name, values in columns.items():
        made = made.add_column(name, values)
    return made


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Pictures.fromarray(np.full((6, 6, 3), shade, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def wav(samples: np.ndarray, rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV")
    return buffer.getvalue()


def test_names_of_a_class_label_are_the_classes_in_the_order_of_their_codes() -> None:
    pool = data.hf_dataset(texts(), text_column="sentence")
    assert pool.classes == ("tree", "bird")
    assert pool.labels is not None
    assert pool.labels.tolist() == [1, 0, -1, 1]
    assert pool.take([2, 0]) == ["a wren", "a finch"]
    assert pool.groups.tolist() == [0, 1, 2, 0]


def test_given_classes_take_the_names_along() -> None:
    pool = data.hf_dataset(texts(), text_column="sentence", classes=["bird", "stone", "tree"])
    assert pool.labels is not None
    assert pool.labels.tolist() == [0, 2, -1, 0]


def test_labels_may_be_names_or_missing_and_ids_a_column() -> None:
    made = texts(kind=["b", "a", "b", "a"], key=["w", "x", "y", "z"])
    pool = data.hf_dataset(made, text_column="sentence", label_column="kind", id_column="key")
    assert (pool.classes, pool.labels.tolist(), pool.ids) == (("a", "b"), [1, 0, 1, 0], ("w", "x", "y", "z"))
    assert data.hf_dataset(made.remove_columns("label"), text_column="sentence").labels is None


def test_rows_are_those_of_a_data_set_that_was_shuffled_and_given_another_format() -> None:
    made = texts().select([3, 1]).with_format("numpy")
    pool = data.hf_dataset(made, text_column="sentence")
    assert pool.take([0, 1]) == ["a finch", "an oak"]
    assert made.format["type"] == "numpy", "the caller's own data set is as it was"


def test_equal_texts_make_the_pool_that_a_list_of_them_makes() -> None:
    pool, listed = data.hf_dataset(texts(), text_column="sentence"), data.arrays(TEXTS)
    assert pool.manifest() == listed.manifest()


def test_texts_are_read_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = data.hf_dataset(texts(), text_column="sentence")
    read: list[int] = []
    get = Dataset.__getitem__
    monkeypatch.setattr(Dataset, "__getitem__", lambda self, key: read.extend(key) or get(self, key))
    pool.subset([1, 3]).take([1])
    assert read == [3]


def test_images_are_decoded_to_squares() -> None:
    made = Dataset.from_dict({"picture": [{"bytes": png(shade), "path": None} for shade in (10, 200)], "label": [0, 1]})
    pool = data.hf_dataset(made.cast_column("picture", Image()), image_column="picture", image_size=4)
    assert pool.take([1, 0]).shape == (2, 4, 4, 3)
    assert pool.take([1, 0])[:, 0, 0, 0].tolist() == [200, 10]
    assert pool.reader.original(0) == (png(10), ".png")
    assert pool.thumbnail(0).startswith(b"\x89PNG")


def test_sounds_are_samples_and_a_rate_whether_in_the_data_set_or_beside_it(tmp_path: Path) -> None:
    tone = np.float32(0.5) * np.sin(np.arange(800) / 10).astype(np.float32)
    (tmp_path / "tone.wav").write_bytes(wav(tone, 8000))
    entries = [{"bytes": wav(tone, 16000), "path": None}, {"bytes": None, "path": str(tmp_path / "tone.wav")}]
    made = Dataset.from_dict({"audio": entries}).cast_column("audio", Audio(decode=False))
    by_path = Dataset.from_dict({"audio": [str(tmp_path / "tone.wav")]})
    pool = data.hf_dataset(made, audio_column="audio")
    (first, rate), (second, other) = pool.take([0, 1])
    assert (rate, other) == (16000, 8000)
    assert np.abs(first - tone).max() < 2**-14
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(data.hf_dataset(by_path, audio_column="audio").take([0])[0][0], second)
    assert pool.path(0) is None
    assert pool.path(1) == tmp_path / "tone.wav"


def test_what_cannot_be_read_is_named_or_left_out_on_request() -> None:
    entries = [{"bytes": content, "path": None} for content in (png(3), b"no image", png(4))]
    made = Dataset.from_dict({"picture": entries}).cast_column("picture", Image(decode=False))
    with pytest.raises(DataError, match=r"column 'picture'/row 1 cannot be read as an image"):
        data.hf_dataset(made, image_column="picture").take([0, 1])
    pool = data.hf_dataset(made, image_column="picture", skip_unreadable=True)
    assert (pool.ids, pool.skipped) == (("0", "2"), ("1",))


@pytest.mark.parametrize(
    ("make", "arguments", "error", "words"),
    [
        (lambda: DatasetDict(train=texts()), {"text_column": "sentence"}, InputError, "Pass one split .* it has train"),
        (lambda: texts().to_iterable_dataset(), {"text_column": "sentence"}, InputError, "got IterableDataset"),
        (lambda: TEXTS, {"text_column": "sentence"}, InputError, "takes a datasets.Dataset"),
        (texts, {}, InputError, "one of text_column, image_column.* audio_column; got"),
        (texts, {"text_column": "a", "image_column": "b"}, InputError, "one of text_column"),
        (texts, {"text_column": "text"}, DataError, "no column 'text'; its columns are: sentence, label"),
        (texts, {"text_column": "sentence", "label_column": "y"}, DataError, "no column 'y'"),
        (texts, {"text_column": "label"}, DataError, "Column 'label' must hold texts"),
        (texts, {"image_column": "label"}, DataError, "must be of type Image, or hold paths"),
        (lambda: texts(key=[1, 2, 2, 3]), {"text_column": "sentence", "id_column": "key"}, DataError, "distinct; '2'"),
        (
            lambda: texts(y=[[1], [2], [3], [4]]),
            {"text_column": "sentence", "label_column": "y"},
            DataError,
            "one label",
        ),
    ],
)
def test_what_is_no_such_data_set_is_said(make: Any, arguments: dict[str, Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        data.hf_dataset(make(), **arguments)


def test_a_row_without_a_text_is_named() -> None:
    made = Dataset.from_dict({"text": ["a", None]}, features=datasets.Features({"text": Value("string")}))
    with pytest.raises(DataError, match=r"Row 1 of column 'text' has no text; leave it out by dataset\.filter"):
        data.hf_dataset(made, text_column="text").take([0, 1])
