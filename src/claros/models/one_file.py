"""A saved model as one safetensors file, to be passed on: the weights, with the document about them in the header."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from claros import models
from claros.errors import ModelError
from claros.files import write_atomically
from claros.models.model import Model
from claros.models.storage import DOCUMENT, write_model

__all__ = ["SUFFIX", "load", "pack"]

SUFFIX = ".safetensors"
#: Under this name the document stands in the header's metadata, as JSON.
_ENTRY = "claros"


def pack(folder: Path, path: Path, about: Mapping[str, Any] | None = None) -> bool:
    """Write the model that was saved in a folder as one file; False, and nothing written, where it has no weights.

    ``about`` is anything more to say of it, as JSON: `load` gives it back. The tensors are those of the folder, byte by
    byte, so that every reader of safetensors opens the file. A model without weights is one that is trained again from
    its labels.
    """
    if not (folder / DOCUMENT).is_file():  # a model of somebody's own may keep itself in another way
        return False
    document = _document(folder / DOCUMENT)
    weights = document.pop("weights", None)
    if weights is None:
        return False
    content = (folder / weights["file"]).read_bytes()
    text = json.dumps({"about": dict(about or {}), "model": document}, allow_nan=False)
    write_atomically(path, _with_metadata(content, text))
    return True


def load(path: str | Path) -> tuple[Model, dict[str, Any]]:
    """The trained model of a file that `pack` wrote, ready to predict, and what was said about it.

    ::

        model, about = claros.models.one_file.load("results/uncertainty_sampling_al_model.safetensors")
        probs = model.outputs(claros.data.image_folder("new"), ["probs"])["probs"]  # columns: about["classes"]

    Nothing is unpickled. A model that names a factory of your own imports that, so open no file that you do not trust.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        said = json.loads(_header(content)["__metadata__"][_ENTRY])
        document, about = said["model"], said["about"]
        spec = document["spec"]
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is no model that Claros wrote as one file; its header lacks {_ENTRY!r}.") from error
    model = models.from_spec(spec)
    folder = Path(tempfile.mkdtemp(prefix="claros-model-"))
    try:
        write_model(folder, document, content)
        model.load(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return model, about


def _document(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not a saved model that can be read ({error}).") from error
    return document


def _header(content: bytes) -> dict[str, Any]:
    """The JSON at the start of a safetensors file: its length in eight bytes, then itself."""
    size = int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(content[8 : 8 + size])
    return header


def _with_metadata(content: bytes, text: str) -> bytes:
    """The same tensors under a header that has the text, padded by spaces to eight bytes as the format wants."""
    size = int.from_bytes(content[:8], "little")
    header = {"__metadata__": {_ENTRY: text}, **{k: v for k, v in _header(content).items() if k != "__metadata__"}}
    written = json.dumps(header, separators=(",", ":")).encode()
    written += b" " * (-len(written) % 8)
    return len(written).to_bytes(8, "little") + written + content[8 + size :]
