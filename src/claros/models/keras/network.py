"""What a Keras model is made of: the meaning of its output, its embeddings and head, itself with dropout at work."""

from __future__ import annotations

import inspect
import random
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from claros.arrays import Floats, Indices
from claros.errors import MissingExtraError, ModelError, require

__all__ = ["Parts", "filled", "gives_keras", "keras_module", "quiet", "take_apart"]

#: A nominal item, to look at a model before any data is known.
NOMINAL = {"rows": (16,), "images": (32, 32, 3)}
#: What a factory may raise that is given another shape than it can make a model for.
REFUSALS = (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, AttributeError)


def keras_module() -> Any:
    """Keras, or a sentence that says what is missing: itself, or the backend that it is to run on."""
    try:
        return require("keras", "keras", "a Keras model")
    except MissingExtraError as error:
        missing = getattr(error.__cause__, "name", None) or "keras"
        if missing.partition(".")[0] == "keras":
            raise
        raise MissingExtraError(
            f"Keras is to run on {missing.partition('.')[0]}, which is not installed; install it, or choose another "
            "backend in the environment before Python starts, as KERAS_BACKEND=torch."
        ) from error


@contextmanager
def quiet(seed: int) -> Iterator[None]:
    """Inside, whatever Keras draws seeds from starts at the seed; afterwards all generators are as they were.

    What Keras itself would be warned of is not shown.
    """
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 -- put back
    torch = sys.modules.get("torch")
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        # How Keras turns torch's tensors into arrays.
        warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning)
        if torch is not None:
            stack.enter_context(torch.random.fork_rng())
            torch.manual_seed(seed)
        try:
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002 -- put back
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002 -- as found


def filled(asks: Collection[str], shape: Sequence[int], n_classes: int) -> dict[str, Any]:
    """What a factory is told of the data, of what its signature asks for; images have their channels last."""
    facts: dict[str, Any] = {"n_classes": n_classes, "num_classes": n_classes}
    facts |= {"in_shape": tuple(shape), "input_shape": tuple(shape)}
    facts |= {"in_features": shape[0]} if len(shape) == 1 else {"in_channels": shape[-1], "in_chans": shape[-1]}
    return {name: value for name, value in facts.items() if name in asks}


def gives_keras(factory: Any, arguments: Mapping[str, Any]) -> bool:
    """Whether a factory is a class of Keras models, or gives one for made-up data of some shape.

    Nobody defines one without importing Keras, so that nothing is called, nor imported, where it was not.
    """
    model = getattr(sys.modules.get("keras"), "Model", None)
    if model is None or isinstance(factory, type):
        return model is not None and issubclass(factory, model)
    asks = inspect.signature(factory).parameters
    given = {name: value for name, value in arguments.items() if name in asks}
    if "pretrained" in asks:
        given["pretrained"] = False
    for shape in NOMINAL.values():
        with quiet(0):
            try:
                return isinstance(factory(**{**filled(asks, shape, 2), **given}), model)
            except REFUSALS:
                continue
    return False


class Parts(NamedTuple):
    """A model, and what was found in it."""

    model: Any
    gives_probs: bool
    """Whether its rows are probabilities; else they are logits."""
    inner: Any
    """The same model with two outputs, embeddings before its own; None where the last layer is not dense."""
    head: Any
    """The dense layer between the two."""
    sampled: Any
    """The same layers with dropout at work; None where there is none that can be switched on."""
    dropouts: tuple[Any, ...]

    @property
    def provides(self) -> frozenset[str]:
        """Names of `claros.inputs.NEEDS`."""
        names = {"probs", "logits"}
        if self.head is not None:
            names |= {"embeddings", "head_weights", "head_bias"}
        if self.sampled is not None:
            names.add("member_probs")
        return frozenset(names)

    def logits(self, inputs: Floats, seen: Indices) -> Floats:
        """Of the classes seen, without dropout; (B, ...) -> (B, K)."""
        if self.head is not None and len(inputs):
            return self.embeddings(inputs) @ self.head_weights[seen].T + self.head_bias[seen]
        return self._as_logits(self._run(self.model, inputs))[:, seen]

    def embeddings(self, inputs: Floats) -> Floats:
        """What goes into the head; (B, ...) -> (B, D)."""
        return np.asarray(self._run(self.inner, inputs)[0], dtype=np.float32)

    def member_logits(self, inputs: Floats, seen: Indices, seed: int, member: int) -> Floats:
        """One sample of dropout, the same units dropped for every item; (B, ...) -> (B, K)."""
        for place, layer in enumerate(self.dropouts):
            layer.mask_seed = int(np.random.SeedSequence([seed, member, place]).generate_state(1)[0] >> 1)
        output = self.sampled(keras_module().ops.convert_to_tensor(inputs), training=False)
        return self._as_logits(keras_module().ops.convert_to_numpy(output))[:, seen]

    @property
    def head_weights(self) -> Floats:
        """(C, D)."""
        kernel: Floats = keras_module().ops.convert_to_numpy(self.head.kernel)
        return np.ascontiguousarray(kernel.T)

    @property
    def head_bias(self) -> Floats:
        """(C,)."""
        if self.head.bias is None:
            return np.zeros(self.head.units, dtype=np.float32)
        bias: Floats = keras_module().ops.convert_to_numpy(self.head.bias)
        return bias

    def _run(self, model: Any, inputs: Floats) -> Any:
        return model.predict_on_batch(inputs)

    def _as_logits(self, output: Any) -> Floats:
        values = np.asarray(output, dtype=np.float32)
        return np.log(np.maximum(values, np.finfo(np.float32).tiny)) if self.gives_probs else values


def take_apart(model: Any, shape: Sequence[int], n_classes: int, who: str) -> Parts:
    """Run a model on a few items of that shape to see what its output means, and look for its parts."""
    some = np.random.default_rng(0).normal(size=(4, *shape)).astype(np.float32)
    output = model.predict_on_batch(some)
    came = tuple(np.shape(output))
    if came != (4, n_classes):
        raise ModelError(
            f"The network of {who} must give rows of {n_classes} classes, (4, {n_classes}) for 4 items; got {came}. "
            "Let its factory take n_classes, or pass its own arguments."
        )
    gives_probs = bool((output >= 0).all() and np.allclose(np.sum(output, axis=1), 1.0, atol=1e-3))
    inner, head = _split(model)
    sampled, dropouts = _with_dropout(model)
    return Parts(model, gives_probs, inner, head, sampled, dropouts)


def _split(model: Any) -> tuple[Any, Any]:
    """The model cut before its last dense layer, which a softmax may follow; nothing where its graph is not known."""
    keras = keras_module()
    if len(getattr(model, "inputs", None) or ()) != 1 or len(model.outputs) != 1:
        return None, None
    layer, before = _made_by(model.outputs[0])
    softmax = isinstance(layer, keras.layers.Softmax) or _activation(layer) == "softmax"
    if softmax and not isinstance(layer, keras.layers.Dense):
        layer, before = _made_by(before)
    plain = _activation(layer) in ("linear", "softmax")
    if not isinstance(layer, keras.layers.Dense) or not plain or len(before.shape) != 2:
        return None, None
    return keras.Model(model.inputs[0], [before, model.outputs[0]]), layer


def _made_by(tensor: Any) -> tuple[Any, Any]:
    """The layer that gave a symbolic tensor, and what went into it."""
    history = tensor._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    return history.operation, (node.input_tensors or [tensor])[0]


def _activation(layer: Any) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")


def _with_dropout(model: Any) -> tuple[Any, tuple[Any, ...]]:
    """The same layers in a graph of their own, in which dropout is always at work."""
    keras = keras_module()
    if not getattr(model, "inputs", None):
        return None, ()
    found: list[Any] = []

    def kept(layer: Any) -> Any:
        if not isinstance(layer, keras.layers.Dropout) or layer.rate == 0:
            return layer
        found.append(_kept_dropout()(layer.rate, spatial="Spatial" in type(layer).__name__))
        return found[-1]

    sampled = keras.models.clone_model(model, clone_function=kept, recursive=True)
    return (sampled, tuple(found)) if found else (None, ())


@cache
def _kept_dropout() -> Any:
    """The class of a dropout layer whose mask is the same for every item and follows from ``mask_seed`` alone."""
    keras = keras_module()

    layer: Any = keras.layers.Layer

    class KeptDropout(layer):  # type: ignore[misc]
        """Dropout in prediction, one mask for all items; of whole maps where ``spatial``, channels last."""

        def __init__(self, rate: float, spatial: bool) -> None:
            super().__init__()
            self.rate, self.spatial, self.mask_seed = rate, spatial, 0

        def call(self, x: Any) -> Any:
            """The same shape."""
            noise = (1, *[1] * (len(x.shape) - 2), x.shape[-1]) if self.spatial else (1, *x.shape[1:])
            return keras.random.dropout(x, self.rate, noise_shape=noise, seed=self.mask_seed)

        def compute_output_shape(self, shape: Any) -> Any:
            """The same."""
            return shape

    return KeptDropout
