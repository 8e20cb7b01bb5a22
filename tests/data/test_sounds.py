"""Sounds in folders and zips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from claros import data
from claros.errors import DataError

RATE = 8000
TONE = np.sin(np.arange(400) / 10)


def record(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE, subtype="PCM_16")


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    folder = tmp_path / "spoken"
    record(folder / "recordings" / "0_ada_0.wav", 0.5 * TONE)
    record(folder / "recordings" / "1_ada_0.wav", np.stack([TONE, -TONE], axis=1) * 0.5)
    record(folder / "recordings" / "1_bob_0.flac", 0.25 * TONE[:200])
    return folder


def test_sounds_are_samples_of_one_channel_and_a_rate(spoken: Path) -> None:
    pool = data.audio_folder(spoken)
    assert pool.kind == "sounds"
    (first, rate), (both, _), (short, _) = pool.take([0, 1, 2])
    assert (rate, first.dtype, first.shape) == (RATE, np.float32, (400,))
    assert np.abs(first - 0.5 * TONE).max() <= 2**-15  # sixteen bits
    assert np.abs(both).max() <= 2**-15  # two channels that cancel
    assert short.shape == (200,)
    assert pool.text(2) == "sound, 0.03 s at 8000 Hz"


def test_the_class_of_a_recording_is_in_its_name(spoken: Path, tmp_path: Path, zipped: Callable[..., Path]) -> None:
    for path in (spoken, zipped(spoken, tmp_path / "a.zip")):
        pool = data.load(path, label_pattern=r"(\d)_", test_share=0.4).train
        assert pool.kind == "sounds"
        assert pool.classes == ("0", "1")


def test_an_unreadable_sound_is_named_and_skipped_only_when_asked(spoken: Path) -> None:
    (spoken / "recordings" / "2_ada_0.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"2_ada_0\.wav cannot be read as a sound"):
        data.audio_folder(spoken).take(range(4))
    assert data.audio_folder(spoken, skip_unreadable=True).skipped == ("recordings/2_ada_0.wav",)


def test_a_sound_is_written_as_it_is(spoken: Path, tmp_path: Path) -> None:
    path = data.audio_folder(spoken).export(0, tmp_path)
    assert path.name == "0-recordings_0_ada_0.wav"
    assert path.read_bytes() == (spoken / "recordings" / "0_ada_0.wav").read_bytes()
