"""Networks and their processors by a name of the Hub, from a folder, or from a function; errors that say what to do."""

from __future__ import annotations

import copy
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlparse

import torch
import transformers
from huggingface_hub import constants, try_to_load_from_cache
from safetensors import SafetensorError
from transformers.models.auto import modeling_auto

from claros.errors import InputError, ModelError, suggest
from claros.models.factory import Factory

__all__ = ["KINDS", "Checkpoint", "Made", "processor_for"]


class _Task(NamedTuple):
    networks: Mapping[str, str]
    """Types of configuration that have such a network."""
    network: Any
    processor: Any
    part: str
    """What a processor of several kinds calls the one for this kind."""


#: Kind of items -> what classifies them.
KINDS: Mapping[str, _Task] = {
    "texts": _Task(
        modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
        transformers.AutoModelForSequenceClassification,
        transformers.AutoTokenizer,
        "tokenizer",
    ),
    "images": _Task(
        modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
        transformers.AutoModelForImageClassification,
        transformers.AutoImageProcessor,
        "image_processor",
    ),
    "sounds": _Task(
        modeling_auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES,
        transformers.AutoModelForAudioClassification,
        transformers.AutoFeatureExtractor,
        "feature_extractor",
    ),
}

#: Arguments of a ``model_init`` that are filled in with the number of classes where its signature names them.
N_CLASSES = ("n_classes", "num_labels", "num_classes")

#: Seconds to wait for the Hub before it counts as out of reach.
PATIENCE = 3.0


class Made(NamedTuple):
    """A network on the host and the processor that prepares its items."""

    net: Any
    processor: Any


@dataclass(frozen=True)
class Checkpoint:
    """Where networks and processors come from: a name or folder, or a function, or both."""

    who: str
    where: str | None
    """A name of the Hub or an absolute folder."""
    init: Factory | None
    """Makes the network in place of the checkpoint."""
    processing: Any
    """A tokenizer or processor, or the name or folder to load one from; None for that of the checkpoint."""
    settings: Mapping[str, Any]
    """Fields of the configuration to change."""

    @classmethod
    def of(cls, who: str, where: str | None, init: Any, processing: Any, settings: Mapping[str, Any]) -> Checkpoint:
        """Check what can be checked without the Hub."""
        if bool(where) == (init is not None):
            raise InputError("An HFModel takes a name or folder of a checkpoint, or a model_init; one of the two.")
        if init is not None and processing is None:
            raise InputError(
                "A model_init needs its processing_class: a tokenizer, image processor or feature extractor, or the "
                "name or folder of one."
            )
        if init is not None and settings:
            raise InputError("config changes the configuration of a checkpoint; with model_init, change it there.")
        processing = _absolute(processing) if isinstance(processing, str) else processing
        return cls(who, _absolute(where) if where else None, init and Factory.of(init, {}), processing, settings)

    def kinds(self) -> list[str]:
        """The kinds of items that the network can classify."""
        if self.init is not None:
            return [kind for kind, task in KINDS.items() if _fits(self.processing, task, kind)]
        found = self._config().model_type
        kinds = [kind for kind, task in KINDS.items() if found in task.networks]
        if not kinds:
            raise ModelError(f"{self.who} is a {found!r} network, which transformers cannot use to classify.")
        return kinds

    def make(self, kind: str, n_classes: int | None, *, weights: bool) -> Made:
        """A network for so many classes, with the checkpoint's weights or with random ones, and its processor.

        Without a number of classes, the base network, which has no head.
        """
        processor = processor_for(self._processor(kind), kind)
        net = self._network(kind, n_classes, weights).float()
        if kind == "texts":
            _check_vocabulary(self.who, processor, net)
        return Made(net, processor)

    def _network(self, kind: str, n_classes: int | None, weights: bool) -> Any:
        if self.init is not None:
            return self._from_init(self.init, n_classes)
        task = transformers.AutoModel if n_classes is None else KINDS[kind].network
        config = self._config(**({} if n_classes is None else {"num_labels": n_classes}))
        with _explained(self.who, self.where):
            if not weights:
                return task.from_config(config)
            return task.from_pretrained(
                self.where,
                config=config,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # the head is made for other classes
                use_safetensors=True,  # the other format is a pickle
                local_files_only=_only_local(self.where),
            )

    def _from_init(self, init: Factory, n_classes: int | None) -> Any:
        filled = {name: n_classes for name in N_CLASSES if name in init.signature}
        try:
            net = init.build(**filled)
        except (TypeError, ValueError, RuntimeError, OSError, LookupError) as error:
            raise ModelError(f"{init.label} could not make a network for {n_classes} classes: {error}") from error
        if not isinstance(net, torch.nn.Module):
            raise ModelError(f"{init.label} must give a network, a torch.nn.Module; got {type(net).__name__}.")
        return net

    def _config(self, **settings: Any) -> Any:
        with _explained(self.who, self.where):
            config, unknown = transformers.AutoConfig.from_pretrained(
                self.where,
                **{**settings, **self.settings},
                return_unused_kwargs=True,
                local_files_only=_only_local(self.where),
            )
        for name in set(self.settings) & set(unknown):
            raise InputError(f"{self.who}: {suggest(name, config.to_dict(), f'field of {type(config).__name__}')}")
        return config

    def _processor(self, kind: str) -> Any:
        where = self.where if self.processing is None else self.processing
        if not isinstance(where, str):
            return copy.deepcopy(where)
        with _explained(self.who, where):
            if kind == "texts":
                return KINDS[kind].processor.from_pretrained(where, local_files_only=_only_local(where))
            try:
                return KINDS[kind].processor.from_pretrained(where, local_files_only=_only_local(where))
            except (OSError, ValueError):  # kept as one part of a processor of several
                return transformers.AutoProcessor.from_pretrained(where, local_files_only=_only_local(where))


def processor_for(processing: Any, kind: str) -> Any:
    """The part of a processor that prepares such items; a tokenizer that cannot pad is told how."""
    part = getattr(processing, KINDS[kind].part, processing)
    if kind == "texts" and part.pad_token is None:
        part.pad_token = part.eos_token or part.unk_token
    return part


def _check_vocabulary(who: str, tokenizer: Any, net: Any) -> None:
    """Raise for a tokenizer that knows no words, as one from a folder without its files, or more than the network."""
    n = len(tokenizer)
    if n <= len(tokenizer.all_special_ids):
        raise ModelError(
            f"The tokenizer of {who} has no vocabulary; save it beside the model by tokenizer.save_pretrained, or pass "
            "processing_class."
        )
    known = net.get_input_embeddings() if hasattr(net, "get_input_embeddings") else None
    if isinstance(known, torch.nn.Embedding) and n > known.num_embeddings:
        raise ModelError(
            f"The tokenizer of {who} has {n} tokens, but its network knows {known.num_embeddings}; pass the "
            "processing_class that belongs to it."
        )


def _fits(processing: Any, task: _Task, kind: str) -> bool:
    """Whether a processor prepares items of that kind; of one that is a name it is not known yet."""
    if isinstance(processing, str):
        return True
    bases = {
        "texts": transformers.PreTrainedTokenizerBase,
        "images": transformers.ImageProcessingMixin,
        "sounds": transformers.FeatureExtractionMixin,
    }
    image = isinstance(processing, transformers.ImageProcessingMixin)
    return hasattr(processing, task.part) or (isinstance(processing, bases[kind]) and (kind == "images") == image)


def _absolute(where: str) -> str:
    """A folder by its whole path, so that it is found again from elsewhere; a name of the Hub as it is."""
    path = Path(where).expanduser()
    if not path.is_dir():
        if where.startswith((".", "/", "~")) or where.count("/") > 1 or path.exists():
            raise ModelError(f"There is no folder {path}; give a folder that save_pretrained wrote, or a model's name.")
        return where
    known = ("config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json")
    if not any((path / name).is_file() for name in known):
        raise ModelError(
            f"{path} is not a folder of a model: it has no config.json; give one that save_pretrained wrote."
        )
    return str(path.resolve())


def _only_local(where: str | None) -> bool:
    """Whether to look on this machine alone: a folder; or the Hub is out of reach, which takes it half a minute to say.

    Behind a proxy nobody can tell, and it is asked.
    """
    if constants.HF_HUB_OFFLINE or Path(where or "").is_dir():
        return True
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return False
    url = urlparse(constants.ENDPOINT)
    try:
        socket.create_connection((url.hostname or "", url.port or 443), timeout=PATIENCE).close()
    except OSError:
        return True
    return False


#: What transformers raises on checkpoints that are not what they seem.
_RAISED = (AttributeError, ImportError, LookupError, OSError, RuntimeError, SafetensorError, TypeError, ValueError)


@contextmanager
def _explained(who: str, where: str | None) -> Iterator[None]:
    """What transformers raises about a checkpoint that cannot be loaded, as one sentence that says what to do."""
    try:
        yield
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        ImportError,
        RuntimeError,
        AttributeError,
        SafetensorError,
    ) as error:
        if isinstance(error, InputError | ModelError):
            raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ModelError(_advice(where or "", who, reason)) from error


def _advice(where: str, who: str, reason: str) -> str:
    folder = Path(where)
    if folder.is_dir():
        if "no file named" not in reason:
            return f"{folder} cannot be loaded as a model: {reason}."
        pickles = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        lacks = "only weights in a pickle, which is never opened" if pickles else "no weights in model.safetensors"
        return f"{folder} has {lacks}; save it by save_pretrained, or start from random weights by pretrained=False."
    if isinstance(try_to_load_from_cache(where, "config.json"), str):
        return f"{who} is on this machine, but cannot be loaded: {reason}."
    return (
        f"The model {where!r} is not on this machine and could not be downloaded ({reason}); check its name, go online "
        "once (private models need `hf auth login`), or give a folder that save_pretrained wrote."
    )
