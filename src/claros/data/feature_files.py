"""Files of features: a folder that `claros embed` writes, or a person's own npy or npz; memory-mapped, by item id."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from claros.arrays import row_blocks
from claros.data.array_files import read_npy, read_npz
from claros.errors import DataError

__all__ = ["DIGEST_BYTES", "DOCUMENT", "HEADER_BYTES", "VERSION", "Table", "open_features", "part_of_folder"]

#: The file of a features folder that says what computed them.
DOCUMENT = "features.json"
VERSION = 1
#: An npy file's header takes so many bytes for any number of rows, as NumPy leaves room for it to grow.
HEADER_BYTES = 128
#: So much of an item's SHA-256 is kept, to see that it is the same.
DIGEST_BYTES = 16
#: Features that a person brings are looked at in blocks of so many bytes.
BLOCK_BYTES = 1 << 24

#: What arrays of features and of their ids are called in an npz, by the part of the data.
NAMES = {"train": ("features_train", "x_train", "features", "embeddings", "x"), "test": ("features_test", "x_test")}
IDS = {"train": ("ids_train", "ids"), "test": ("ids_test",)}


@dataclass(frozen=True)
class Table:
    """Rows of features.

    Attributes:
        where: the file.
        array: (M, D), memory-mapped where it can be.
        rows: where the features of an id are; None for a file without ids, in the order of the data.
        digests: by row, the first bytes of the SHA-256 of the item that they are of, where it is known.
        file: whether it lies on the disk.
    """

    where: Path
    array: npt.NDArray[Any]
    rows: Mapping[str, int] | None
    digests: Sequence[bytes] | None = None
    file: bool = True

    @property
    def names_items(self) -> bool:
        """Whether its ids say which item is meant: row numbers alone could be those of another file."""
        return self.digests is not None or any(not name.isdecimal() for name in self.rows or ())


def open_features(path: str | Path) -> dict[str, Table]:
    """The features in a folder or file, by the part of the data: ``train``, and ``test`` if they are apart."""
    where = Path(path)
    if where.is_dir():
        return _folder(where)
    if not where.exists():
        raise DataError(f"there are no features at {where}; compute them: claros embed POOL --model NAME --out {where}")
    if where.suffix.lower() == ".npy":
        return {"train": Table(where, _checked(read_npy(where, mapped=True), str(where)), _ids_beside(where))}
    if where.suffix.lower() == ".npz":
        return _archive(where)
    raise DataError(f"{where} ends in {where.suffix or 'nothing'!r}; features come as a folder, .npy or .npz.")


def _folder(where: Path) -> dict[str, Table]:
    try:
        document = json.loads((where / DOCUMENT).read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{where} is no folder of features: its {DOCUMENT} cannot be read ({error}).") from error
    if document.get("version") != VERSION:
        raise DataError(f"{where} is of version {document.get('version')!r}, this Claros reads {VERSION}; update it.")
    return {part: part_of_folder(where / part) for part in ("train", "test") if (where / part).is_dir()}


def part_of_folder(where: Path) -> Table:
    """The rows of a part that are done; where an item was computed again, the last of its rows."""
    try:
        listed: list[tuple[str, str]] = json.loads((where / "items.json").read_bytes())
        done = np.fromfile(where / "done", np.uint8)[: len(listed)].astype(bool)
        if not done.any():
            raise DataError(f"nothing in {where} is computed yet; run the same claros embed again: it goes on.")
        with (where / "features.npy").open("rb") as file:
            width = np.lib.format.read_array_header_1_0(_after_magic(file))[0][1]
        array = np.memmap(where / "features.npy", np.float32, "r", HEADER_BYTES, (len(listed), width))
    except (OSError, ValueError) as error:
        raise DataError(f"the features in {where} are damaged ({error}); delete the folder and embed again.") from error
    rows = {name: row for row, (name, _) in enumerate(listed) if row < len(done) and done[row]}
    return Table(where / "features.npy", array, rows, [bytes.fromhex(digest) for _, digest in listed])


def _after_magic(file: Any) -> Any:
    np.lib.format.read_magic(file)
    return file


def _ids_beside(where: Path) -> Mapping[str, int] | None:
    """Ids of the rows of ``x.npy`` from ``x.ids.txt``, one a line, if it is there."""
    beside = where.with_suffix(".ids.txt")
    return _rows(beside.read_text("utf-8").splitlines(), str(beside)) if beside.exists() else None


def _archive(where: Path) -> dict[str, Table]:
    arrays = read_npz(where, {*sum(NAMES.values(), ()), *sum(IDS.values(), ())})
    found = {}
    for part, names in NAMES.items():
        name = next((name for name in names if name in arrays), None)
        if name is None:
            continue
        ids = next((arrays[ids] for ids in IDS[part] if ids in arrays), None)
        rows = None if ids is None else _rows([str(one) for one in ids.tolist()], f"the ids in {where}")
        found[part] = Table(where, _checked(arrays[name], f"{name} in {where}"), rows)
    if "train" not in found:
        raise DataError(f"{where} has no features: one of its arrays must be called {', '.join(NAMES['train'])}.")
    return found


def _rows(ids: Sequence[str], where: str) -> dict[str, int]:
    rows = {name: row for row, name in enumerate(ids)}
    if len(rows) < len(ids):
        raise DataError(f"{where} must be distinct: {len(ids)} lines name {len(rows)} items.")
    return rows


def _checked(array: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    """The array, if it is features: (N, D) finite floating-point numbers."""
    if array.ndim != 2 or array.dtype.kind != "f" or not array.shape[1]:
        raise DataError(
            f"{where} must be features, floating-point numbers (N, D); got {array.dtype} of shape {array.shape}."
        )
    for block in row_blocks(len(array), array.shape[1] * array.dtype.itemsize, BLOCK_BYTES):
        bad = np.flatnonzero(~np.isfinite(array[block]).all(axis=1))
        if bad.size:
            raise DataError(f"{where} has a row that is not finite, at index {block.start + bad[0]}; repair it.")
    return array
