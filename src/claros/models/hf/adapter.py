"""Networks of transformers behind the `claros.models.Model` protocol."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from claros.arrays import Array, Floats, Indices
from claros.errors import InputError, ModelError
from claros.models.checks import Labeled, check_kind, check_names, labeled_items
from claros.models.factory import Factory
from claros.models.hf.anatomy import Anatomy, dissect
from claros.models.hf.inference import Fitted, infer
from claros.models.hf.loading import KINDS, Checkpoint, Made
from claros.models.hf.options import Options
from claros.models.hf.quiet import undisturbed
from claros.models.hf.reading import Reader, make_reader
from claros.models.hf.training import Hooks, train, training_arguments
from claros.models.model import Items
from claros.models.paths import path_of, resolve
from claros.models.storage import read_document, read_weights, write_model
from claros.rng import beside

__all__ = ["HFModel"]

EVERYTHING = frozenset(("probs", "logits", "embeddings", "head_weights", "head_bias", "member_probs"))


class HFModel:
    """A classifier of transformers over texts, images or sounds; fine-tuned anew for every fit unless ``warm``.

    Arguments:
        model: a name of the Hub (downloaded once and kept by transformers) or a folder that ``save_pretrained`` wrote.
        model_init: in place of ``model``, a function that makes the network, or where it is,
            ``"package.module:function"``; called with the number of classes where its signature names ``num_labels``,
            ``num_classes`` or ``n_classes``.
        processing_class: the tokenizer, image processor or feature extractor, or the name or folder of one; that of
            ``model`` by default.
        data_collator: makes a batch of training items of their features and ``labels``, in place of padding them.
        callbacks: ``TrainerCallback`` objects or classes; every fit has its own copies. With an
            ``EarlyStoppingCallback`` and ``validation``, the best weights are restored.
        compute_metrics: called with an ``EvalPrediction`` of logits (B, C) and codes (B,); its values are in `history`.
        options: those of `claros.models.hf.options.Options`, and any field of ``transformers.TrainingArguments``.

    Training is the ``Trainer``'s, with cross-entropy weighted by item and class over the classes that have labels. It
    works in a temporary folder, reports to nobody and prints nothing; its ``log_history`` is `history`. Outputs are
    float32 NumPy arrays without dropout: ``embeddings`` are what goes into the linear head, else the mean of the last
    hidden state; ``member_probs`` come by Monte Carlo dropout if the network has dropout modules at work. Weights are
    read from safetensors alone, and code that comes with a checkpoint is never run. Of several processes, started by
    ``torchrun`` or ``accelerate launch``, each makes the same calls: they share the work, and all get all rows.

    Departures: dropout of attention weights is at work in training, not in ``member_probs``; see
    `claros.models.hf.members`.
    """

    restorable = True

    def __init__(
        self,
        model: str | None = None,
        *,
        model_init: str | Callable[..., Any] | None = None,
        processing_class: Any = None,
        data_collator: str | Callable[[list[Any]], Any] | None = None,
        callbacks: Sequence[Any] = (),
        compute_metrics: str | Callable[[Any], dict[str, float]] | None = None,
        **options: Any,
    ) -> None:
        label = model if model_init is None else Factory.of(model_init, {}).label
        self.name = f"hf:{label}"
        self.options = Options.of(self.name, options)
        self._checkpoint = Checkpoint.of(self.name, model, model_init, processing_class, self.options.config)
        if self._checkpoint.where is not None:
            self.name = f"hf:{self._checkpoint.where}"
        self._hooks = Hooks(_found(data_collator), [_found(one) for one in callbacks], _found(compute_metrics))
        self._fitted: Fitted | None = None
        self.history: list[dict[str, Any]] = []
        self.on_epoch: Callable[[int, int], None] | None = None
        with undisturbed(0):  # an error now is better than one after the first labels
            training_arguments(self.name, self.options, self._hooks, "unused")

    @property
    def warm(self) -> bool:
        """Whether training goes on from the last weights."""
        return self.options.warm

    @property
    def provides(self) -> frozenset[str]:
        """What the trained network provides; before, all that one may."""
        return EVERYTHING if self._fitted is None else self._fitted.anatomy.provides

    @property
    def pass_items(self) -> int:
        """How many items a long pass is kept by: about a thousand, in whole chunks, each of which is padded alone."""
        return self.options.chunk * max(1, 1024 // self.options.chunk)

    def provides_for(self, items: Items) -> frozenset[str]:
        """What the network provides for such items, found by running an untrained one on two of them."""
        with undisturbed(0):
            self._check(items)
            made = self._checkpoint.make(items.kind, max(2, len(items.classes)), weights=False)
            return self._anatomy(made.net, self._reader(items.kind, made), items, max(2, len(items.classes))).provides

    def _check(self, items: Items) -> None:
        """Raise an `InputError` for items that the network cannot read."""
        if items.kind not in KINDS:
            check_kind(self.name, items, tuple(KINDS))
        check_kind(self.name, items, self._checkpoint.kinds())

    def _reader(self, kind: str, made: Made) -> Reader:
        config = getattr(made.net, "config", None)
        if kind == "texts" and config is not None and getattr(config, "pad_token_id", None) is None:
            config.pad_token_id = made.processor.pad_token_id
        return make_reader(kind, made.processor, made.net, self.options.max_length, self.options.max_seconds)

    def _anatomy(self, net: torch.nn.Module, reader: Reader, items: Items, n_classes: int) -> Anatomy:
        if not len(items):
            raise InputError(f"{self.name} needs at least one item to know what its network will see; got none.")
        features = reader.features(items, np.arange(min(2, len(items))))
        _, batch = next(reader.groups(features))
        device = next(net.parameters()).device
        inputs = {name: value.to(device) for name, value in batch.items()}
        return dissect(net, inputs, n_classes, self.name, sequences=reader.kind != "images")

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
        labeled = labeled_items(items, labels, n_classes, weights)
        seed, mask_seed = int(rng.integers(2**31 - 1)), int(rng.integers(2**31 - 1))
        with undisturbed(seed), torch.enable_grad():
            self._check(items)
            self._fitted, self.history = self._train(items, labeled, mask_seed, beside(rng, "order"))

    def _train(
        self, items: Items, labeled: Labeled, mask_seed: int, rng: np.random.Generator
    ) -> tuple[Fitted, list[dict[str, Any]]]:
        last = self._fitted
        if self.warm and last is not None and (last.n_classes, last.reader.kind) == (labeled.n_classes, items.kind):
            net, reader = copy.deepcopy(last.net), last.reader
        else:
            made = self._checkpoint.make(items.kind, labeled.n_classes, weights=self.options.pretrained)
            net, reader = made.net, self._reader(items.kind, made)
        anatomy = self._anatomy(net, reader, items, labeled.n_classes)
        history: list[dict[str, Any]] = []
        if len(labeled.seen) > 1:  # of one class alone the probability is 1 whatever the weights
            net, history = train(
                net, reader, items, labeled, self.options, self._hooks, rng, who=self.name, on_epoch=self.on_epoch
            )
        return Fitted(self.name, net.eval(), reader, anatomy, labeled.n_classes, labeled.seen, mask_seed), history

    def outputs(self, items: Items, names: Collection[str]) -> dict[str, Array]:
        """One pass over the items, ``chunk`` at a time, beside one more for each member."""
        check_names(self.name, names, self.provides, fitted=self._fitted is not None)
        fitted = self._fitted
        if fitted is None:
            return {}
        check_kind(self.name, items, (fitted.reader.kind,))
        with undisturbed(0):
            return infer(fitted, items, names, members=self.options.members, chunk=self.options.chunk)

    def spec(self) -> dict[str, Any]:
        """The name and all settings; what cannot be found by name must be passed again."""
        parts = self._parts()
        if parts is None:
            return {"name": "from_factory", "parameters": {"factory": self.name}}
        init, where = self._checkpoint.init, self._checkpoint.where
        name = where if init is None else init.path
        return {"name": f"hf:{name}", "parameters": {**self.options.to_json(), **parts}}

    def _parts(self) -> dict[str, Any] | None:
        """What is given beside the options, by names; None if something has none."""
        hooks, init = self._hooks, self._checkpoint.init
        processing = self._checkpoint.processing
        if (init is not None and init.path is None) or not isinstance(processing, str | None):
            return None
        parts: dict[str, Any] = {} if processing is None else {"processing_class": processing}
        for name, value in (("data_collator", hooks.data_collator), ("compute_metrics", hooks.compute_metrics)):
            if value is not None:
                parts[name] = path_of(value)
        if hooks.callbacks:
            parts["callbacks"] = [path_of(one) for one in hooks.callbacks]
        return None if any(part is None or part == [] or _has_none(part) for part in parts.values()) else parts

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors and all else as JSON; nothing of the trainer's."""
        fitted = self._fitted
        if fitted is None:
            raise ModelError(f"{self.name} has not been trained yet; there is nothing to save.")
        document = {
            "spec": self.spec(),
            "history": self.history,
            "n_classes": fitted.n_classes,
            "seen": fitted.seen.tolist(),
            "seed": fitted.seed,
            "kind": fitted.reader.kind,
            "anatomy": fitted.anatomy._asdict(),
        }
        # Copies: tied weights share memory, which safetensors refuses.
        state = fitted.net.state_dict()
        tensors = {key: value.detach().cpu().contiguous().clone() for key, value in state.items()}
        write_model(folder, document, safetensors.torch.save(tensors))

    def load(self, folder: Path) -> None:
        """Become the model that was saved there by one of the same specification; reads its processor anew."""
        saved = read_document(folder, self.spec())
        weights = read_weights(folder, saved, safetensors.torch.load)
        with undisturbed(0):
            made = self._checkpoint.make(saved["kind"], saved["n_classes"], weights=False)
            device = training_arguments(self.name, self.options, self._hooks, "unused").device
        try:
            made.net.load_state_dict(weights)
        except RuntimeError as error:
            raise ModelError(f"The weights in {folder} do not fit the network of {self.name}: {error}") from error
        reader, known = self._reader(saved["kind"], made), saved["anatomy"]
        anatomy = Anatomy(known["head"], known["width"], tuple(known["dropouts"]))
        seen = np.array(saved["seen"], dtype=np.int64)
        self._fitted = Fitted(
            self.name, made.net.to(device).eval(), reader, anatomy, saved["n_classes"], seen, saved["seed"]
        )
        self.history = saved["history"]


def _found(value: Any) -> Any:
    """The object at ``package.module:object``, or what is given as an object."""
    return resolve(value) if isinstance(value, str) else value


def _has_none(part: Any) -> bool:
    return isinstance(part, list) and None in part
