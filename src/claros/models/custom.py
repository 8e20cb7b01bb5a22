"""Models from a factory of your own, named ``package.module:factory``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any

from claros.errors import InputError, suggest
from claros.models.factory import FILLED
from claros.models.model import Model
from claros.models.paths import resolve

__all__ = ["from_path"]


def from_path(path: str, parameters: Mapping[str, Any]) -> Model:
    """The model that the factory at ``package.module:factory`` gives. Runs the code of that module.

    A class of networks (``torch.nn.Module``), or a function that asks for the number of classes or the shape of an
    item, becomes a `claros.models.torch.TorchModel`; the parameters are its options and the factory's arguments. Any
    other class or function is called with the parameters, and what it gives says what it is: a network, a scikit-learn
    estimator, or a model. A class of Keras models, or a function that gives one, becomes a
    `claros.models.keras.KerasModel` in the same way.
    """
    factory = resolve(path)
    if not callable(factory) or _is_network(factory):
        raise InputError(
            f"{path} must be a class or function that makes a model anew for every training; it is {factory!r}."
        )
    try:
        asks = inspect.signature(factory).parameters
    except ValueError as error:  # some built-in classes have none
        raise InputError(f"{path} does not say which arguments it takes; wrap it in a function that does.") from error
    if "keras" in sys.modules and _gives_keras(factory, parameters):
        return _keras_model(path, parameters)
    if _is_network_class(factory) or (not isinstance(factory, type) and FILLED.keys() & asks.keys()):
        return _torch_model(path, parameters)
    product = _made(factory, {name: value for name, value in parameters.items() if name in asks or _takes_any(asks)})
    if _is_network(product):
        return _torch_model(path, parameters)
    for name in parameters:
        if name not in asks and not _takes_any(asks):
            raise InputError(f"{path}: {suggest(name, asks, 'parameter')}")
    if isinstance(product, Model):
        return product
    from claros.models.sklearn import from_estimator

    return from_estimator(product, spec={"name": path, "parameters": dict(parameters)})


def _gives_keras(factory: Any, parameters: Mapping[str, Any]) -> bool:
    from claros.models.keras.network import gives_keras

    return gives_keras(factory, parameters)


def _keras_model(path: str, parameters: Mapping[str, Any]) -> Model:
    from claros.models.keras import KerasModel

    return KerasModel.named(path, path, parameters)


def _torch_model(path: str, parameters: Mapping[str, Any]) -> Model:
    from claros.models.torch import TorchModel

    return TorchModel.named(path, path, parameters)


def _made(factory: Any, parameters: Mapping[str, Any]) -> Any:
    """Call the factory; a network's first weights are drawn from torch's global generator, which is put back."""
    if "torch" not in sys.modules:
        return factory(**parameters)
    import torch

    with torch.random.fork_rng(devices=[]):
        return factory(**parameters)


def _takes_any(asks: Mapping[str, inspect.Parameter]) -> bool:
    return any(argument.kind is argument.VAR_KEYWORD for argument in asks.values())


def _is_network_class(value: Any) -> bool:
    torch = sys.modules.get("torch")  # whoever defines a network has imported it
    return torch is not None and isinstance(value, type) and issubclass(value, torch.nn.Module)


def _is_network(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)
