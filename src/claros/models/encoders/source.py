"""From the name of data and the name of an encoder to features on the disk: what `claros embed` does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from claros import data
from claros.errors import InputError
from claros.models.encoders import arrays, folder
from claros.models.encoders.encoder import Progress
from claros.yaml_text import read_yaml

__all__ = ["embed_source", "features_folder"]


def features_folder(source: str | Path) -> Path:
    """Where the features of a pool lie unless said otherwise: its name with ``.features`` added.

    >>> features_folder("birds/").as_posix()
    'birds.features'
    """
    path = Path(source)
    return path.with_name(path.name + ".features")


def embed_source(
    source: str | Path,
    model: str,
    out: str | Path | None = None,
    *,
    test: str | Path | None = None,
    reading: Mapping[str, Any] | None = None,
    settings: Iterable[str] = (),
    chunk: int = 64,
    progress: Progress | None = None,
    **choices: Any,
) -> dict[str, Any]:
    """Read the data, make the encoder, and write the features of all items; what was done.

    ``out`` is a folder, by default beside the source, or an ``.npz``. ``reading`` are options of `claros.data.load`,
    where None counts as not asked for, ``settings`` are ``name=value`` texts, ``choices`` those of
    `claros.models.encoders.encoder`.
    """
    from claros.models.encoders import encoder

    asked = {name: value for name, value in (reading or {}).items() if value is not None}
    if choices.get("image_size") is not None:
        asked["image_size"] = choices["image_size"]
    split = data.load(source, test=test, test_share=0.0, **asked)
    made = encoder(model, like=split.train, parameters=dict(map(_setting, settings)), **choices)
    place = features_folder(source) if out is None else Path(out)
    if place.suffix.lower() == ".npz":
        return arrays.write_arrays(split, made, place, chunk=chunk, progress=progress)
    return folder.embed(split, made, place, chunk=chunk, progress=progress)


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(f"--set takes name=value, as in --set width=32; got {text!r}.")
    try:
        return name.strip(), read_yaml(value)
    except yaml.YAMLError as error:
        raise InputError(f"--set {text}: the value is not valid YAML.") from error
