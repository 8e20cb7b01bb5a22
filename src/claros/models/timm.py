"""The image models of timm by name, ``timm:NAME``, pretrained unless told otherwise."""

from __future__ import annotations

from typing import Any, NamedTuple

from claros.errors import ModelError, UnknownNameError, require, suggest
from claros.models.torch import TorchModel

__all__ = ["Described", "described", "headless", "network", "pretrained"]


def _timm() -> Any:
    try:
        return require("timm", "vision", "a timm model")
    except RuntimeError as error:  # how torchvision fails beside a torch that it was not built for
        raise ModelError(
            f"timm cannot be imported ({error}); install torch and torchvision of one build, both for the processor or "
            "both for CUDA."
        ) from error


def pretrained(name: str, /, **parameters: Any) -> TorchModel:
    """The timm model of that name with a new head, as a `claros.models.torch.TorchModel`.

    Parameters are its options, ``pretrained`` (True), and any others of ``timm.create_model``. Pretrained weights are
    downloaded once and kept by timm; then images are normalised as those that it was pretrained on, and resized to the
    same size, unless ``normalise`` or ``image_size`` is given.
    """
    about = described(name)
    given = dict(parameters)
    arguments = {"model": name, "pretrained": True, **given.pop("arguments", {})}
    if given.get("pretrained", arguments["pretrained"]) and about.image_size is not None:
        given.setdefault("normalise", {"mean": list(about.mean), "std": list(about.std)})
        given.setdefault("image_size", about.image_size)
    return TorchModel.named(f"timm:{name}", "claros.models.timm:network", {**given, "arguments": arguments})


class Described(NamedTuple):
    """What a pretrained network of timm was trained on: its images' size, and mean and deviation per channel."""

    image_size: int | None
    """Pixels a side; None where timm does not say."""
    mean: tuple[float, ...]
    std: tuple[float, ...]


def described(name: str) -> Described:
    """What timm says of a model's images; an `UnknownNameError` with near names if it has no such model."""
    timm = _timm()
    if not timm.is_model(name):
        near = suggest(name, timm.list_models(f"*{name.partition('.')[0][:4]}*")[:20], "model of timm")
        raise UnknownNameError(near)
    known = timm.get_pretrained_cfg(name)
    if known is None:
        return Described(None, (0.0,) * 3, (1.0,) * 3)
    return Described(int(known.input_size[-1]), tuple(map(float, known.mean)), tuple(map(float, known.std)))


def headless(name: str, *, in_chans: int, pretrained: bool, image_size: int | None = None, **arguments: Any) -> Any:
    """A network of timm that gives features in place of logits; transformers are made for ``image_size`` if given."""
    given: dict[str, Any] = {"model": name, "num_classes": 0, "in_chans": in_chans, "pretrained": pretrained}
    given |= arguments
    if image_size is None:
        return network(**given)
    try:
        return network(**given, img_size=image_size)
    except TypeError:  # a convolutional network takes images of any size
        return network(**given)


def network(*, model: str, num_classes: int, in_chans: int, pretrained: bool = True, **arguments: Any) -> Any:
    """A network of timm with a head for so many classes; with ``pretrained`` its other weights are downloaded."""
    timm = _timm()
    try:
        return timm.create_model(model, pretrained=pretrained, num_classes=num_classes, in_chans=in_chans, **arguments)
    except OSError as error:
        raise ModelError(
            f"The pretrained weights of {model} are not on this machine and could not be downloaded ({error}); "
            "connect to a network, or pass pretrained=False."
        ) from error


network.kinds = ("images",)  # type: ignore[attr-defined]
