"""Features as one file of arrays: data for every command, labels and classes with them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from claros.data.pool import Split
from claros.files import write_atomically
from claros.models.encoders.encoder import Encoder, Progress
from claros.models.encoders.folder import sized

__all__ = ["write_arrays"]


def write_arrays(
    data: Split, encoder: Encoder, out: str | Path, *, chunk: int = 64, progress: Progress | None = None
) -> dict[str, Any]:
    """Write the features of a pool and its test part to an .npz that every command takes as data; what is in it.

    It holds ``x_train``, ``y_train``, ``ids_train``, the same for the test part, and ``classes``; labels only where
    every item of a part has one. Written whole or not at all; a folder, by `embed`, goes on after a crash.
    """
    train = data.train
    arrays: dict[str, Any] = {"classes": np.array(train.classes), "encoder": np.array(encoder.name)}
    for part, pool in (("train", data.train), ("test", data.test)):
        if pool is None:
            continue
        arrays[f"x_{part}"] = encoder.features(sized(pool, encoder), chunk=chunk, progress=progress)
        arrays[f"ids_{part}"] = np.array(pool.ids)
        if pool.labels is not None and (pool.labels >= 0).all():
            arrays[f"y_{part}"] = np.asarray(pool.labels)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomically(Path(out), buffer.getvalue())
    return {
        "out": str(out),
        "model": encoder.name,
        "features": int(arrays["x_train"].shape[1]),
        "train": len(train),
        "test": 0 if data.test is None else len(data.test),
        "computed": len(train) + (0 if data.test is None else len(data.test)),
        "classes": len(train.classes),
        "labeled": "y_train" in arrays,
    }
