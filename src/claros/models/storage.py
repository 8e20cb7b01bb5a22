"""Models on disk: one JSON document and, where there are weights, one safetensors file; each written atomically."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from claros.errors import ModelError
from claros.files import replace_file

__all__ = ["read_document", "read_weights", "refuse_to_restore", "write_model"]

DOCUMENT = "model.json"
VERSION = 1


def write_model(folder: Path, document: Mapping[str, Any], weights: bytes | None = None) -> None:
    """Write the document, and the weights before it, into the folder.

    The weights' file is named after their content and the document, which names it, is put in place last: a process
    killed at any point leaves the model that was there before, or the new one, whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"version": VERSION, **document}
    if weights is not None:
        digest = hashlib.sha256(weights).hexdigest()
        content["weights"] = {"file": f"weights-{digest[:12]}.safetensors", "sha256": digest}
        replace_file(folder / content["weights"]["file"], weights)
    replace_file(folder / DOCUMENT, json.dumps(content, indent=1, allow_nan=False).encode())
    for path in folder.glob("weights-*.safetensors"):
        if path.name != content.get("weights", {}).get("file"):
            path.unlink()


def read_document(folder: Path, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The document of the model saved in the folder, if it was saved by a model of that very specification."""
    path = folder / DOCUMENT
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not a saved model that can be read ({error}); train the model anew.") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ModelError(f"{path} is not of version {VERSION}, which this Claros reads; train the model anew.")
    saved = document.get("spec")
    if saved != json.loads(json.dumps(spec)):
        raise ModelError(f"{folder} holds another model: expected {_words(spec)}, found {_words(saved)}.")
    return document


def read_weights(folder: Path, document: Mapping[str, Any], parse: Callable[[bytes], Any]) -> Any:
    """The weights that belong to the document, after a look at their checksum."""
    try:
        path = folder / str(document["weights"]["file"])
        content = path.read_bytes()
    except (KeyError, OSError) as error:
        raise ModelError(f"{folder} lacks the weights that {DOCUMENT} names; train the model anew.") from error
    if hashlib.sha256(content).hexdigest() != document["weights"]["sha256"]:
        raise ModelError(f"{path} is damaged: its checksum is not that in {DOCUMENT}; train the model anew.")
    return parse(content)


def refuse_to_restore(who: str) -> ModelError:
    """The error for models that are not restored but trained again."""
    return ModelError(
        f"{who} is not restored from disk, as that would take a pickle: fit it again on the same labels with the same "
        "random stream, which gives the same model (a campaign does so by itself)."
    )


def _words(spec: Any) -> str:
    return json.dumps(spec, sort_keys=True)
