"""Any ``torch.nn.Module`` factory as a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from claros.arrays import Array, Floats, Indices
from claros.errors import InputError, ModelError
from claros.models.checks import Labeled, check_kind, check_names, labeled_items
from claros.models.factory import Factory
from claros.models.model import Context, Items
from claros.models.storage import read_document, read_weights, write_model
from claros.models.torch.anatomy import DROPOUTS, Anatomy, dissect
from claros.models.torch.engine import team
from claros.models.torch.fitting import Job, train
from claros.models.torch.inference import Fitted, infer
from claros.models.torch.loss_head import equipped
from claros.models.torch.members import offered
from claros.models.torch.options import Options
from claros.models.torch.per_item import measured, measures
from claros.models.torch.reading import Reader, item_shape, seen_shape
from claros.models.torch.seeding import choose_device, seeded
from claros.models.torch.unfinished import joined, parted
from claros.rng import beside, fingerprint

__all__ = ["TorchModel"]

#: A nominal item, to look at a network before any data is known.
NOMINAL_IMAGE, NOMINAL_ROW = (3, 32, 32), (16,)
#: Before the names of what is saved beside the first network; no layer's name begins so.
BESIDE = "claros beside: "
EVERYTHING = frozenset(("probs", "logits", "embeddings", "head_weights", "head_bias", "member_probs"))


class TorchModel:
    """A network behind the `claros.models.Model` protocol, trained anew for every fit unless ``warm``.

    ``factory`` is a class or function that makes the network, or where it is, ``"package.module:factory"``, so that the
    specification is JSON. It is called with ``arguments`` and, where its signature names them, with ``n_classes`` (or
    ``num_classes``) and ``in_shape`` (or ``in_channels``, ``in_chans``, ``in_features``). The network maps float images
    (B, channels, H, W) or rows (B, F) to logits (B, C). ``options`` are those of `claros.models.torch.options.Options`.

    Outputs are float32 NumPy arrays: ``probs`` and ``logits`` without dropout; ``embeddings``, the input of the last
    linear layer or the output of ``layer``; ``head_weights`` and ``head_bias`` when a linear layer maps them to the
    logits; ``boundary_distance``, ``bim_distance`` and ``gradient_norm`` where gradients reach the input, each computed
    only where it is asked for, as it costs many passes; ``predicted_loss`` with ``learned_loss=True``;
    ``member_probs`` by Monte Carlo dropout when the network has dropout modules at work, or from what ``members_from``
    says: with ``ensemble`` and ``snapshots``, ``probs`` is the mean of the members, and there is no head. Inference is
    float32 even where training is not: in bfloat16, with 8 bits, most of the small differences that a strategy ranks by
    are ties. Everything random is drawn from ``rng``; global random states are left as found.

    A campaign tells it, in ``context``, where a training keeps its state, from which it goes on if it is killed.
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
        self.context = Context()

    @classmethod
    def named(cls, name: str, factory: str | Callable[..., Any], parameters: Mapping[str, Any]) -> TorchModel:
        """A model from one flat mapping: names of options are options, all others are arguments of the factory."""
        arguments, options = Factory.split(name, factory, parameters, Options.names())
        return cls(factory, arguments, name=name, **options)

    @property
    def warm(self) -> bool:
        """Whether training goes on from the last weights."""
        return self.options.warm

    @property
    def pass_items(self) -> int:
        """How many items a long pass is kept by: about a thousand, in whole chunks, so that no row changes."""
        return self.options.chunk * max(1, 1024 // self.options.chunk)

    @property
    def provides(self) -> frozenset[str]:
        """What the trained network provides; before, what one made for nominal data seems to."""
        if self._fitted is None:
            return self._nominal
        return self._offered(self._fitted.anatomy)

    def _offered(self, anatomy: Anatomy) -> frozenset[str]:
        return offered(anatomy, self.options.members_from) | measured(anatomy, self.options)

    @cached_property
    def _nominal(self) -> frozenset[str]:
        try:
            with seeded(0, torch.device("cpu")):
                shape = NOMINAL_ROW if self._factory.wants_rows else NOMINAL_IMAGE
                modules = list(self._factory.without_download()(shape, 2).modules())
        except ModelError:  # a network for other shapes: only its data can tell
            return EVERYTHING | measured(Anatomy("last", True, 0, "last", ()), self.options)
        linear = any(isinstance(module, torch.nn.Linear) for module in modules)
        dropouts = tuple(type(module).__name__ for module in modules if isinstance(module, DROPOUTS) and module.p > 0)
        where = self.options.layer or ("last" if linear else None)
        head = "last" if linear and self.options.layer is None else None
        return self._offered(Anatomy(where, self.options.layer is None, 0, head, dropouts))

    def provides_for(self, items: Items) -> frozenset[str]:
        """What a network made for such items provides, found by running an untrained one on zeros."""
        check_kind(self.name, items, self._factory.kinds)
        n_classes = max(2, len(items.classes))
        in_shape = seen_shape(items.kind, item_shape(self.name, items), self.options.image_size)
        with seeded(0, torch.device("cpu")):
            return self._offered(self._made(in_shape, n_classes)[1])

    def _made(self, in_shape: tuple[int, ...], n_classes: int) -> tuple[torch.nn.Module, Anatomy]:
        """An untrained network on the host, without its pretrained weights, and what it is made of."""
        net = self._factory.without_download()(in_shape, n_classes)
        anatomy = dissect(net, torch.zeros(2, *in_shape), self.options.layer, n_classes, self.name)
        return equipped(net, in_shape, self.options, self.name), anatomy

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
        about = self._about(items, labeled, rng)
        seed, mask_seed = int(rng.integers(2**63 - 1)), int(rng.integers(2**63 - 1))
        context, self.context = self._told(len(items)), Context()
        job = Job(
            who=self.name,
            factory=self._factory,
            options=self.options,
            items=items,
            labeled=labeled,
            device=device,
            seed=mask_seed,
            rng=beside(rng, "order"),
            about=about,
        )
        with seeded(seed, device), torch.enable_grad():
            try:
                self._fitted, self.history = train(job, self._fitted, context, self.on_epoch)
            except torch.cuda.OutOfMemoryError as error:
                raise ModelError(
                    f"{self.name} ran out of memory on {device} while training on batches of "
                    f"{self.options.batch_size} items; lower batch_size, or choose a smaller network."
                ) from error

    def _told(self, n: int) -> Context:
        """What was said of this training, if it can have been this one."""
        if self.context.at_random is not None and len(self.context.at_random) != n:
            raise InputError(
                f"{self.name}: context.at_random must say of each of {n} items whether it was drawn at random; "
                f"got {len(self.context.at_random)} values."
            )
        return self.context

    def _about(self, items: Items, labeled: Labeled, rng: np.random.Generator) -> str:
        """All that a training depends on beside the network's first weights, as one text."""
        weights = None if labeled.weights is None else labeled.weights.tolist()
        ids = [items.ids[position] for position in labeled.positions]
        facts = [self.options.to_json(), self.spec(), ids, labeled.labels.tolist(), weights, labeled.n_classes]
        return json.dumps([*facts, fingerprint(rng)], sort_keys=True, default=str)

    def outputs(self, items: Items, names: Collection[str]) -> dict[str, Array]:
        """One pass over the items, ``chunk`` at a time, beside one more for each member."""
        check_names(self.name, names, self.provides, fitted=self._fitted is not None)
        fitted = self._fitted
        if fitted is None:
            return {}
        check_kind(self.name, items, (fitted.reader.kind,))
        with seeded(0, fitted.reader.mean.device):
            per_item = measures(fitted, self.options)
            options = self.options
            return infer(
                fitted,
                items,
                names,
                members=options.members,
                chunk=options.chunk,
                per_item=per_item,
                together=team(fitted.reader.mean.device) if options.accelerate else None,
            )

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
        state = _joined_state(fitted)
        strange = [key for key, value in state.items() if not isinstance(value, torch.Tensor)]
        if strange:
            raise ModelError(f"{self.name} keeps {strange[0]!r}, which is no tensor, in its state; it cannot be saved.")
        document = {
            "spec": self.spec(),
            "history": self.history,
            "n_classes": fitted.n_classes,
            "seen": fitted.seen.tolist(),
            "seed": fitted.seed,
            "temperature": fitted.temperature,
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
        others = {name.removeprefix(BESIDE): weights.pop(name) for name in [*weights] if name.startswith(BESIDE)}
        states = {"net0": weights, **parted(others)}
        heads = states.pop("heads", {}).get("sampled")
        with seeded(0, device):
            made = [self._made(reader.in_shape, saved["n_classes"]) for _ in states]
        try:
            for place, (net, _) in enumerate(made):
                net.load_state_dict(states[f"net{place}"])
                net.to(device).eval()
        except (KeyError, RuntimeError) as error:
            raise ModelError(f"The weights in {folder} do not fit the network of {self.name}: {error}") from error
        first, anatomy = made[0]
        self._fitted = Fitted(
            first,
            reader,
            anatomy,
            saved["n_classes"],
            np.array(saved["seen"], dtype=np.int64),
            saved["seed"],
            self.options.members_from,
            tuple(net for net, _ in made[1:]),
            None if heads is None else heads.to(device),
            saved["temperature"],
        )
        self.history = saved["history"]


def _joined_state(fitted: Fitted) -> dict[str, Any]:
    """The first network's state under its own names, as anyone can load it, and what members need beside it."""
    parts: dict[str, Any] = {f"net{place}": net.state_dict() for place, net in enumerate(fitted.others, 1)}
    if fitted.heads is not None:
        parts["heads"] = {"sampled": fitted.heads}
    return {**fitted.net.state_dict(), **{f"{BESIDE}{name}": value for name, value in joined(parts).items()}}
