"""Encoders: what is not trained here and gives features of images, texts, sounds or rows, once for a pool."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from claros.errors import InputError, require
from claros.models.encoders.arrays import write_arrays
from claros.models.encoders.encoder import Encoder
from claros.models.encoders.folder import embed, sized
from claros.models.encoders.source import embed_source, features_folder
from claros.models.model import Items

__all__ = ["Encoder", "embed", "embed_source", "encoder", "features_folder", "sized", "write_arrays"]


def encoder(
    model: str,
    *,
    like: Items,
    image_size: int | None = None,
    pretrained: bool = True,
    pooling: str = "mean",
    max_length: int | None = None,
    device: str = "auto",
    parameters: Mapping[str, Any] | None = None,
) -> Encoder:
    """What gives features of items like these: ``timm:``, ``hf:`` or ``texture:`` NAME, or ``package.module:factory``.

    Arguments:
        model: a network of timm, a name of the Hugging Face Hub or a folder after ``hf:``, ``texture:ssrae`` or
            ``texture:vctex`` (`claros.models.encoders.texture`, without torch), or a factory of your own, whose code is
            run; see `claros.models.encoders.network.from_factory`.
        like: items of the kind, and images with as many channels.
        image_size: pixels a side that images are read at; by default what the network was pretrained on.
        pretrained: with its pretrained weights, which are downloaded once; else with random ones of a fixed seed.
        pooling: of ``hf:``, the ``mean`` of the hidden states over what is no padding, or the first of them, ``cls``.
        max_length: of ``hf:``, the most tokens of a text; by default as many as the network reads.
        device: ``auto``, or a name that torch knows.
        parameters: further arguments of timm's or your factory, or fields of the configuration.
    """
    given = dict(parameters or {})
    if model.startswith("timm:"):
        require("torch", "torch", "a timm encoder")
        from claros.models.encoders.network import from_timm

        name = model.removeprefix("timm:")
        return from_timm(name, like, image_size=image_size, pretrained=pretrained, device=device, parameters=given)
    if model.startswith("hf:"):
        importlib.import_module("claros.models.hf")  # says which extra is missing
        from claros.models.encoders.hf import from_hf

        return from_hf(
            model.removeprefix("hf:"),
            like,
            image_size=image_size,
            pretrained=pretrained,
            device=device,
            pooling=pooling,
            max_length=max_length,
            parameters=given,
        )
    if model.startswith("texture:"):
        from claros.models.encoders.texture import from_texture

        return from_texture(model.removeprefix("texture:"), like, image_size=image_size, parameters=given)
    if ":" not in model:
        raise InputError(
            "Features are computed by timm:NAME (as timm:resnet18), hf:NAME, texture:NAME (ssrae or vctex) or "
            f"package.module:factory; got {model!r}."
        )
    require("torch", "torch", "an encoder of your own")
    from claros.models.encoders.network import from_factory

    return from_factory(model, like, image_size=image_size, device=device, parameters=given)
