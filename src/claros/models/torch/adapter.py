"""Any ``torch.nn.Module`` factory as a model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from claros.arrays import Array, Floats, Indices
from claros.errors import InputError, ModelError, suggest
from claros.models.checks import Labeled, check_kind, check_names, labeled_items
from claros.models.factory import Factory
from claros.models.model import Items
from claros.models.storage import read_document, read_weights, write_model
from claros.models.torch.anatomy import DROPOUTS, Anatomy, dissect
from claros.models.torch.inference import Fitted, infer
from claros.models.torch.options import Options
from claros.models.torch.reading import Feed, Reader, item_shape, make_reader, seen_shape
from claros.models.torch.seeding import choose_device, seeded
from claros.models.torch.training import Trainer
from claros.rng import beside

__all__ = ["TorchModel"]

#: A nominal item, to look at a network before any data is known.
NOMINAL_IMAGE, NOMINAL_ROW = (3, 32, 32), (16,)
EVERYTHING = frozenset(("probs", "logits", "embeddings", "head_weights", "head_bias", "member_probs"))


class TorchModel:
    """A network behind the `claros.models.Model` protocol, trained anew for every fit unless ``warm``.

    ``factory`` is a class or function that makes the network, or where it is, ``"package.module:factory"``, so that the
    specification is JSON. It is called with ``arguments`` and, where its signature names them, with ``n_classes`` (or
    ``num_classes``) and ``in_shape`` (or ``in_channels``, ``in_chans``, ``in_features``). The network maps float images
    (B, channels, H, W) or rows (B, F) to logits (B, C). ``options`` are those of `claros.models.torch.options.Options`.

    Outputs are float32 NumPy arrays: ``probs`` and ``logits`` without dropout; ``embeddings``, the input of the last
    linear layer or the output of ``layer``; ``head_weights`` and ``head_bias`` when a linear layer maps them to the
    logits; ``member_probs`` by Monte Carlo dropout when the network has dropout modules at work. Inference is float32
    even where training is not: in bfloat16, with 8 bits, most of the small differences that a strategy ranks by are
    ties. Everything random is drawn from ``rng``; global random states are left as found.
    """

    restorable = True

    def __init__(
        self,
        factory: str | Callable[..., Any],
        arguments: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        **options: Any,
    ) -> None:
        self._factory = Factory.of(factory, arguments or {})
        self.name = name or self._factory.label
        self.options = Options.of(self.name, options)
        self._fitted: Fitted | None = None
        self.history: list[dict[str, Any]] = []
        self.on_epoch: Callable[[int, int], None] | None = None

    @classmethod
    def named(cls, name: str, factory: str, parameters: Mapping[str, Any]) -> TorchModel:
        """A model from one flat mapping: names of options are options, all others are arguments of the factory."""
        given = dict(parameters)
        arguments = dict(given.pop("arguments", {}))
        options = {key: given.pop(key) for key in Options.names() if key in given}
        known = Factory.of(factory, {})
        for key in given:
            if not known.accepts(key):
                raise InputError(f"{name}: {suggest(key, [*Options.names(), *known.signature], 'parameter')}")
        return cls(factory, {**arguments, **given}, name=name, **options)

    @property
    def warm(self) -> bool:
        """Whether training goes on from the last weights."""
        return self.options.warm

    @property
    def provides(self) -> frozenset[str]:
        """What the trained network provides; before, what one made for nominal data seems to."""
        return self._nominal if self._fitted is None else self._fitted.anatomy.provides

    @cached_property
    def _nominal(self) -> frozenset[str]:
        try:
            with seeded(0, torch.device("cpu")):
                shape = NOMINAL_ROW if self._factory.wants_rows else NOMINAL_IMAGE
                modules = list(self._factory.without_download()(shape, 2).modules())
        except ModelError:  # a network for other shapes: only its data can tell
            return EVERYTHING
        linear = any(isinstance(module, torch.nn.Linear) for module in modules)
        dropouts = tuple(type(module).__name__ for module in modules if isinstance(module, DROPOUTS) and module.p > 0)
        where = self.options.layer or ("last" if linear else None)
        head = "last" if linear and self.options.layer is None else None
        return Anatomy(where, self.options.layer is None, 0, head, dropouts).provides

    def provides_for(self, items: Items) -> frozenset[str]:
        """What a network made for such items provides, found by running an untrained one on zeros."""
        check_kind(self.name, items, self._factory.kinds)
        n_classes = max(2, len(items.classes))
        in_shape = seen_shape(items.kind, item_shape(self.name, items), self.options.image_size)
        with seeded(0, torch.device("cpu")):
            return self._made(in_shape, n_classes)[1].provides

    def _made(self, in_shape: tuple[int, ...], n_classes: int) -> tuple[torch.nn.Module, Anatomy]:
        """An untrained network on the host, without its pretrained weights, and what it is made of."""
        net = self._factory.without_download()(in_shape, n_classes)
        return net, dissect(net, torch.zeros(2, *in_shape), self.options.layer, n_classes, self.name)

    def fit(
        self,
        items: Items,
        labels: Indices,
        *,
        n_classes: int | None = None,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> None:
        """Train; a fit that fails leaves the model as it was."""
        check_kind(self.name, items, self._factory.kinds)
        labeled = labeled_items(items, labels, n_classes, weights)
        device = choose_device(self.options.device)
        seed, mask_seed = int(rng.integers(2**63 - 1)), int(rng.integers(2**63 - 1))
        with seeded(seed, device), torch.enable_grad():
            try:
                self._fitted, self.history = self._train(items, labeled, device, mask_seed, beside(rng, "order"))
            except torch.cuda.OutOfMemoryError as error:
                raise ModelError(
                    f"{self.name} ran out of memory on {device} while training on batches of "
                    f"{self.options.batch_size} items; lower batch_size, or choose a smaller network."
                ) from error

    def _train(
        self, items: Items, labeled: Labeled, device: torch.device, mask_seed: int, rng: np.random.Generator
    ) -> tuple[Fitted, list[dict[str, Any]]]:
        before = self._continued(item_shape(self.name, items), labeled.n_classes, device)
        if before is None:
            reader = make_reader(self.name, items, labeled.positions, self.options, device)
            net = self._factory(reader.in_shape, labeled.n_classes)
        else:
            reader, net = before
        net = net.to(device)
        feed = Feed(reader, items, labeled.positions)
        some = feed(np.arange(min(2, len(labeled.positions))))
        anatomy = dissect(net, some, self.options.layer, labeled.n_classes, self.name)
        # One class alone: its probability is 1 whatever the weights, and there is nothing to train.
        history = Trainer(net, feed, labeled, self.options, rng).run(self.on_epoch) if len(labeled.seen) > 1 else []
        return Fitted(net.eval(), reader, anatomy, labeled.n_classes, labeled.seen, mask_seed), history

    def _continued(
        self, raw_shape: tuple[int, ...], n_classes: int, device: torch.device
    ) -> tuple[Reader, torch.nn.Module] | None:
        """A copy of the last network and its reader, if training goes on from it and its data still fit."""
        last = self._fitted
        if not self.options.warm or last is None or last.n_classes != n_classes or last.reader.raw_shape != raw_shape:
            return None
        return last.reader, copy.deepcopy(last.net)

    def outputs(self, items: Items, names: Collection[str]) -> dict[str, Array]:
        """One pass over the items, ``chunk`` at a time, beside one more for each member."""
        check_names(self.name, names, self.provides, fitted=self._fitted is not None)
        fitted = self._fitted
        if fitted is None:
            return {}
        check_kind(self.name, items, (fitted.reader.kind,))
        with seeded(0, fitted.reader.mean.device):
            return infer(fitted, items, names, members=self.options.members, chunk=self.options.chunk)

    def trained(self) -> Fitted:
        """The trained network with all that its predictions depend on."""
        if self._fitted is None:
            raise ModelError(f"{self.name} has not been trained yet; call fit with labeled items, or load, first.")
        return self._fitted

    def spec(self) -> dict[str, Any]:
        """The name and all options and arguments; a factory that cannot be found by name must be passed again."""
        arguments = self._factory.described()
        if self._factory.path is None or arguments is None:
            return {"name": "from_factory", "parameters": {"factory": self._factory.label}}
        return {"name": self.name, "parameters": {**self.options.to_json(), "arguments": arguments}}

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors and all else as JSON."""
        fitted = self._fitted
        if fitted is None:
            raise ModelError(f"{self.name} has not been trained yet; there is nothing to save.")
        state = fitted.net.state_dict()
        strange = [key for key, value in state.items() if not isinstance(value, torch.Tensor)]
        if strange:
            raise ModelError(f"{self.name} keeps {strange[0]!r}, which is no tensor, in its state; it cannot be saved.")
        document = {
            "spec": self.spec(),
            "history": self.history,
            "n_classes": fitted.n_classes,
            "seen": fitted.seen.tolist(),
            "seed": fitted.seed,
            "kind": fitted.reader.kind,
            "raw_shape": list(fitted.reader.raw_shape),
            "mean": fitted.reader.mean.tolist(),
            "std": fitted.reader.std.tolist(),
        }
        # Copies: tied weights share memory, which safetensors refuses.
        tensors = {key: value.detach().cpu().contiguous().clone() for key, value in state.items()}
        write_model(folder, document, safetensors.torch.save(tensors))

    def load(self, folder: Path) -> None:
        """Become the model that was saved there by one of the same specification."""
        saved = read_document(folder, self.spec())
        weights = read_weights(folder, saved, safetensors.torch.load)
        device = choose_device(self.options.device)
        mean, std = (torch.tensor(saved[key], dtype=torch.float32, device=device) for key in ("mean", "std"))
        reader = Reader(self.name, saved["kind"], tuple(saved["raw_shape"]), self.options.image_size, mean, std)
        with seeded(0, device):
            net, anatomy = self._made(reader.in_shape, saved["n_classes"])
        try:
            net.load_state_dict(weights)
        except RuntimeError as error:
            raise ModelError(f"The weights in {folder} do not fit the network of {self.name}: {error}") from error
        seen = np.array(saved["seen"], dtype=np.int64)
        self._fitted = Fitted(net.to(device).eval(), reader, anatomy, saved["n_classes"], seen, saved["seed"])
        self.history = saved["history"]
