"""Models by name, each behind one protocol; nothing is imported until it is asked for.

``get`` knows the names of the table, ``timm:NAME`` for the image models of timm, ``hf:NAME_OR_FOLDER`` for classifiers
of transformers, and ``package.module:factory`` for anything else: a class or function that gives a ``torch.nn.Module``,
a scikit-learn estimator, or a model of your own.
A file that names a factory runs its code, so never open one that you do not trust.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from claros.errors import InputError, UnknownNameError, suggest
from claros.models.model import Items, Model
from claros.registry import Registry, read_spec

if TYPE_CHECKING:
    from claros.models.hf import HFModel
    from claros.models.keras import KerasModel
    from claros.models.precomputed import Precomputed
    from claros.models.sklearn import SklearnModel, from_estimator
    from claros.models.torch import TorchModel

__all__ = [
    "REGISTRY",
    "SUMMARIES",
    "HFModel",
    "Items",
    "KerasModel",
    "Model",
    "Precomputed",
    "SklearnModel",
    "TorchModel",
    "from_estimator",
    "from_spec",
    "get",
    "names",
]

#: The table: one line a model, each a function of parameters. Third parties add theirs by an entry point in the group
#: ``claros.models``.
REGISTRY: Registry[Callable[..., Model]] = Registry(
    "model",
    {
        "logistic": "claros.models.sklearn:logistic",
        "forest": "claros.models.sklearn:forest",
        "mlp": "claros.models.sklearn:mlp",
        "svm": "claros.models.sklearn:svm",
        "cnn": "claros.models.torch:cnn",
        "linear": "claros.models.torch.heads:linear",
        "perceptron": "claros.models.torch.heads:perceptron",
        "resnet18": "claros.models.torch:resnet18",
        "precomputed": "claros.models.precomputed:from_file",
    },
    group="claros.models",
)

#: Name or pattern -> (the extra that it needs, what it is), for listings; loads nothing.
SUMMARIES: Mapping[str, tuple[str, str]] = {
    "logistic": ("sklearn", "Logistic regression over rows, images or texts."),
    "forest": ("sklearn", "A random forest over rows, images or texts; its trees are members."),
    "mlp": ("sklearn", "A network with one hidden layer over rows, images or texts."),
    "svm": ("sklearn", "A support vector machine over rows, images or texts, with its distances as probabilities."),
    "cnn": ("torch", "A small convolutional network with dropout over images of 16 pixels or more."),
    "resnet18": ("torch", "A ResNet-18 for small images, trained from scratch."),
    "precomputed": ("", "Outputs that were computed elsewhere, from an .npz file."),
    "linear": ("torch", "A linear layer over features or other rows; with dropout, it has members."),
    "perceptron": ("torch", "A network with one hidden layer and dropout over features or other rows."),
    "timm:NAME": ("vision", "An image model of timm, pretrained unless told otherwise."),
    "hf:NAME": ("hf", "A classifier of texts, images or sounds of Hugging Face, by name or folder."),
    "package.module:factory": ("", "A network, Keras model or estimator of your own; naming it runs its code."),
}

_LAZY = {
    "HFModel": "claros.models.hf",
    "KerasModel": "claros.models.keras",
    "Precomputed": "claros.models.precomputed",
    "SklearnModel": "claros.models.sklearn",
    "TorchModel": "claros.models.torch",
    "from_estimator": "claros.models.sklearn",
}


def get(name: str, /, **parameters: Any) -> Model:
    """The model of that name, untrained, with the given parameters over its defaults.

    ``frozen=True`` makes an encoder of ``timm:NAME``, ``hf:NAME`` or a factory: see `claros.models.frozen.FrozenModel`.

    >>> get("logistic", C=0.5).spec()
    {'name': 'logistic', 'parameters': {'max_iter': 300, 'C': 0.5}}
    """
    if parameters.pop("frozen", False):
        from claros.models.frozen import FrozenModel

        return FrozenModel(name, **parameters)
    if name.startswith("timm:"):
        from claros.models.timm import pretrained

        return pretrained(name.removeprefix("timm:"), **parameters)
    if name.startswith("hf:"):
        from claros.models.hf import named

        return named(name.removeprefix("hf:"), **parameters)
    if ":" in name:
        from claros.models.custom import from_path

        return from_path(name, parameters)
    if name not in REGISTRY:
        raise UnknownNameError(
            f"{suggest(name, REGISTRY, 'model')} Or give timm:NAME, hf:NAME or package.module:factory."
        )
    build = REGISTRY.load(name)
    known = inspect.signature(build).parameters
    if all(argument.kind is not argument.VAR_KEYWORD for argument in known.values()):
        for parameter in parameters:
            if parameter not in known:
                raise InputError(f"{name}: {suggest(parameter, known, 'parameter')}")
    return build(**parameters)


def from_spec(spec: Mapping[str, Any]) -> Model:
    """The model that ``Model.spec()`` described, untrained."""
    name, parameters = read_spec(spec, "model")
    if name in ("from_estimator", "from_factory"):
        described = next(iter(parameters.values()), "an object")
        raise InputError(f"This model was made from an object in memory ({described}): pass model=... once more.")
    return get(name, **parameters)


def names() -> list[str]:
    """The names of the table, third parties' included; `SUMMARIES` has the patterns as well."""
    return REGISTRY.names()


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'claros.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
