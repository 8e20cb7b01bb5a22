"""Models of Hugging Face transformers: texts, images and sounds, trained by their own ``Trainer``."""

from typing import Any

from claros.errors import MissingExtraError, require

for _module in ("torch", "safetensors", "accelerate", "transformers"):
    require(_module, "hf", "a Hugging Face model")

try:
    from transformers import Trainer as _Trainer  # noqa: F401 -- loads torchvision, where there is one
except (ImportError, RuntimeError) as _error:  # how a torchvision fails that was not built for this torch
    _first: BaseException = _error
    while _first.__cause__ is not None:
        _first = _first.__cause__
    raise MissingExtraError(
        f"transformers cannot be imported ({_first}); an installed torchvision must be of the build of torch, or be "
        "removed: it is not needed. Else reinstall: pip install 'claros[hf]'"
    ) from _error

from claros.models.hf.adapter import HFModel  # noqa: E402

__all__ = ["HFModel", "named"]


def named(name: str, /, **parameters: Any) -> HFModel:
    """The model ``hf:NAME``: a name of the Hub, a folder, or ``package.module:function`` as a ``model_init``.

    Parameters are those of `HFModel`.
    """
    if ":" in name:
        return HFModel(model_init=name, **parameters)
    return HFModel(name, **parameters)
