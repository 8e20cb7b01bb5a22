"""What every model must do: a suite to inherit, for ours and for anyone's.

::

    class TestMyModel(ModelContract):
        def model(self):
            return MyModel(epochs=20)

Run it with pytest. The model is trained on a small pool of three classes that are easy to tell apart, of the kind that
``kind`` says; a model that needs another one overrides `pool`.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import warnings
from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from claros import models
from claros.arrays import Floats, Indices, to_numpy
from claros.data import Pool
from claros.errors import CannotFeedError, InputError, ModelError
from claros.inputs import NEEDS, ROWS, Inputs
from claros.models.model import Model
from claros.testing.pools import small_pool

__all__ = ["ModelContract"]

#: Of the outputs, those that belong to the model and not to items.
HEAD = ("head_weights", "head_bias")


class ModelContract(ABC):
    """The suite; a subclass says which model, over which kind of items, and what cannot be asked of it."""

    #: The kind of items: ``rows``, ``images`` or ``texts``.
    kind = "rows"
    #: False if training changes nothing, or too little to tell apart classes that are easy.
    learns = True
    #: False if training takes no weights: it must then say so.
    takes_weights = True
    #: False if the specification cannot make the model again, as it was made from an object in memory.
    reopens = True
    #: Names that take many passes an item: they are asked for about few items, and not in every test.
    dear: frozenset[str] = frozenset(("boundary_distance", "bim_distance", "gradient_norm"))
    #: How many items that is.
    few = 6

    @abstractmethod
    def model(self) -> Model:
        """A model that was not trained yet, the same every time, and quick to train."""

    def pool(self) -> Pool:
        """Labeled items of three classes; those of the first two thirds are trained on."""
        return small_pool(self.kind)

    def fitted(self, seed: int = 0, model: Model | None = None, **given: Any) -> Model:
        """A model trained on the first two thirds of the pool."""
        model, pool = model or self.model(), self.pool()
        some, labels = pool.subset(range(2 * len(pool) // 3)), _labels(pool)
        model.fit(some, labels[: len(some)], rng=np.random.default_rng(seed), **given)
        return model

    # ------------------------------------------------------------------------------------------------ what it offers

    def test_it_has_what_a_model_has(self) -> None:
        """All attributes and methods of the protocol, with names that are in the vocabulary."""
        model = self.model()
        assert isinstance(model, Model), f"{type(model).__name__} lacks an attribute or a method of claros.models.Model"
        assert "probs" in model.provides, "a model must provide probs"
        assert model.provides <= set(NEEDS), f"not in claros.inputs.NEEDS: {model.provides - set(NEEDS)}"
        assert isinstance(model.warm, bool)
        assert isinstance(model.restorable, bool)

    def test_what_it_promises_for_items_before_training_it_gives_after_it(self) -> None:
        """All names together, with axes that agree and values of their kind."""
        promised, pool = self.model().provides_for(self.pool()), self.pool()
        model, pool = self.fitted(), pool.subset(range(self.few))
        assert promised <= model.provides, f"promised and not provided: {promised - model.provides}"
        given = model.outputs(pool, model.provides)
        checked = Inputs(given, model.provides, who=type(model).__name__, n=len(pool))
        assert checked.sizes["C"] == 3

    def test_it_gives_exactly_what_is_asked_for(self) -> None:
        """Each name alone, all together, and nothing at all."""
        model, pool = self.fitted(), self.pool().subset(range(self.few))
        for names in [set(model.provides), set(), *({name} for name in model.provides)]:
            assert set(model.outputs(pool, names)) == names

    def test_what_it_does_not_provide_is_refused(self) -> None:
        """By name, and before anything is computed."""
        model = self.fitted()
        for name in {"class_weights", "stop_probs", *NEEDS} - set(model.provides):
            with _refusal(CannotFeedError, name):
                model.outputs(self.pool(), [name])

    def test_it_says_so_when_it_is_not_trained(self) -> None:
        """Unless there is nothing to train."""
        if self.learns:
            with _refusal(ModelError, "outputs before fit"):
                self.model().outputs(self.pool(), ["probs"])

    # ------------------------------------------------------------------------------------------------ what it gives

    def test_rows_are_in_the_order_of_the_items_whatever_comes_together(self) -> None:
        """A shuffled part of the pool, and single items, get the rows that they have in the whole."""
        model, pool = self.fitted(), self.pool()
        for names, items in ((self._asked(model), pool), (self.dear & model.provides, pool.subset(range(self.few)))):
            names = names & ROWS
            whole = self._outputs(model, items, names)
            order = np.random.default_rng(1).permutation(len(items))[: len(items) // 2]
            for positions in (order, order[:1], order[1:2], order[:0]):
                part = self._outputs(model, items.subset(positions), names)
                for name in names:
                    assert part[name].shape == whole[name][positions].shape, f"{name} of {len(positions)} items"
                    _close(part[name], whole[name][positions], name)

    def test_asking_changes_nothing(self) -> None:
        """The same question twice gets the same answer, to the last bit."""
        model, pool = self.fitted(), self.pool()
        names = self._asked(model)
        _equal(self._outputs(model, pool, names), self._outputs(model, pool, names))

    def test_probabilities_logits_and_head_agree(self) -> None:
        """Softmax of the logits, and of the head over the embeddings, are the probabilities."""
        model, pool = self.fitted(), self.pool()
        given = self._outputs(model, pool, self._asked(model))
        logits = {"logits": given.get("logits")}
        if {"embeddings", *HEAD} <= set(given):
            logits["head"] = given["embeddings"] @ given["head_weights"].T + given["head_bias"]
        for name, values in logits.items():
            if values is not None:
                _close(_softmax(values), given["probs"], f"softmax of the {name}")

    def test_it_learns_what_is_easy(self) -> None:
        """At least nine in ten of the items that it was not trained on, where three in ten are luck."""
        if self.learns:
            model, pool = self.fitted(), self.pool()
            rest = np.arange(2 * len(pool) // 3, len(pool))
            right = self._outputs(model, pool.subset(rest), {"probs"})["probs"].argmax(axis=1) == _labels(pool)[rest]
            assert right.mean() >= 0.9, f"{right.sum()} of {len(rest)} right"

    # ------------------------------------------------------------------------------------------------ labels, weights

    def test_classes_never_seen_have_columns_of_zeros(self) -> None:
        """With the labels of two classes of five, the other three have probability 0, and logits that say so."""
        if self.learns:
            pool = self.pool()
            labels = _labels(pool)
            some = np.flatnonzero(labels < 2)
            model = self.model()
            model.fit(pool.subset(some), 3 * labels[some], n_classes=5, rng=np.random.default_rng(0))
            given = self._outputs(model, pool, self._asked(model))
            Inputs(given, self._asked(model), who="model", n=len(pool))
            for name in {"probs", "member_probs"} & set(given):
                assert given[name].shape[-1] == 5, f"{name} has {given[name].shape[-1]} columns"
                assert not given[name][..., [1, 2, 4]].any(), f"{name} of unseen classes"
            for name in {"logits"} & set(given):
                _close(_softmax(given[name]), given["probs"], "softmax of the logits")
            if {"embeddings", *HEAD} <= set(given):
                logits = given["embeddings"] @ given["head_weights"].T + given["head_bias"]
                _close(_softmax(logits), given["probs"], "softmax of the head")

    def test_labels_of_one_class_train_a_constant(self) -> None:
        """Probability 1 for that class, everywhere, from everything that speaks of probabilities."""
        if self.learns:
            pool = self.pool()
            some = np.flatnonzero(_labels(pool) == 1)
            model = self.model()
            model.fit(pool.subset(some), _labels(pool)[some], n_classes=3, rng=np.random.default_rng(0))
            given = self._outputs(model, pool, self._asked(model))
            Inputs(given, self._asked(model), who="model", n=len(pool))
            for name in {"probs", "member_probs"} & set(given):
                assert (given[name] == np.array([0.0, 1.0, 0.0])).all(), name
            if {"embeddings", *HEAD} <= set(given):
                logits = given["embeddings"] @ given["head_weights"].T + given["head_bias"]
                _close(_softmax(logits), given["probs"], "softmax of the head")

    def test_weights_matter(self) -> None:
        """Of two copies of every item with different labels, the heavier one is believed."""
        if not self.learns:
            return
        pool = self.pool()
        labels = _labels(pool)
        wrong = (labels + 1) % 3
        doubled, codes = _Twice(pool), np.concatenate([labels, wrong])
        for heavy in (0, 1):
            weights = np.where(np.arange(2 * len(pool)) // len(pool) == heavy, 1.0, 0.05)
            model = self.model()
            if not self.takes_weights:
                with _refusal(InputError, "weights"):
                    model.fit(doubled, codes, n_classes=3, weights=weights, rng=np.random.default_rng(0))
                return
            model.fit(doubled, codes, n_classes=3, weights=weights, rng=np.random.default_rng(0))
            believed = self._outputs(model, pool, {"probs"})["probs"].argmax(axis=1)
            share = (believed == (wrong if heavy else labels)).mean()
            assert share > 0.8, f"{share:.0%} of the items believe the label with 20 times the weight"

    def test_an_item_of_weight_zero_counts_as_absent(self) -> None:
        """Trained with weight 0 on some items or without them: the same model."""
        if self.learns and self.takes_weights:
            pool = self.pool()
            labels, out = _labels(pool), np.arange(len(pool)) % 4 == 0
            kept = np.flatnonzero(~out)
            one, other = self.model(), self.model()
            wrong = np.where(out, (labels + 1) % 3, labels)
            one.fit(pool, wrong, weights=np.where(out, 0.0, 2.0), rng=np.random.default_rng(0))
            weights = np.ones(len(kept))
            other.fit(pool.subset(kept), labels[kept], weights=weights, rng=np.random.default_rng(0))
            names = self._asked(one)
            first, second = self._outputs(one, pool, names), self._outputs(other, pool, names)
            for name in names:
                _close(first[name], second[name], name)

    def test_labels_and_weights_that_are_wrong_are_refused(self) -> None:
        """Before anything is trained: wrong lengths, no items, codes that are no class, weights that are no weights."""
        pool = self.pool()
        labels, n = _labels(pool), len(pool)
        bad: list[tuple[Any, dict[str, Any]]] = [
            (labels[:-1], {}),
            (np.where(np.arange(n) == 3, -1, labels), {}),
            (np.where(np.arange(n) == 3, 7, labels), {"n_classes": 3}),
            (labels + 0.5, {}),
            (labels, {"weights": np.ones(n - 1)}),
            (labels, {"weights": np.where(np.arange(n) == 3, -1.0, 1.0)}),
            (labels, {"weights": np.where(np.arange(n) == 3, np.nan, 1.0)}),
            (labels, {"weights": np.zeros(n)}),
        ]
        for codes, given in bad:
            with _refusal(InputError, f"labels {codes[:5]}... and {sorted(given)}"):
                self.model().fit(pool, codes, rng=np.random.default_rng(0), **given)
        with _refusal(InputError, "no labeled items"):
            self.model().fit(pool.subset([]), labels[:0], rng=np.random.default_rng(0))

    # ------------------------------------------------------------------------------------------------ reproducible

    def test_the_same_stream_trains_the_same_model(self) -> None:
        """To the last bit, whatever the global generators say, and whatever the model was trained on before."""
        pool = self.pool()
        before = self.model()
        if not before.warm:
            before.fit(pool, (_labels(pool) + 1) % 3, n_classes=3, rng=np.random.default_rng(5))
        first, second = self.fitted(), self.fitted(model=before)
        _equal(self._outputs(first, pool, self._asked(first)), self._outputs(second, pool, self._asked(second)))

    def test_nothing_global_is_left_behind(self) -> None:
        """Random states of Python, NumPy and torch, gradients, warning filters, and the arguments."""
        pool = self.pool()
        labels = _labels(pool)
        weights = np.ones(len(pool)) if self.takes_weights else None
        for array in (labels, weights):
            if array is not None:
                array.flags.writeable = False
        model = self.model()
        _draw_globally()  # so that no state is by chance the one that seeding leaves
        before = _global_states()
        model.fit(pool, labels, n_classes=3, weights=weights, rng=np.random.default_rng(0))
        model.outputs(pool.subset(range(self.few)), model.provides)
        for what, value in _global_states().items():
            assert value == before.get(what, value), f"{what} is not as it was found"

    def test_the_history_is_json(self) -> None:
        """A list of small mappings."""
        history = self.fitted().history
        assert isinstance(history, list)
        assert all(isinstance(entry, dict) for entry in history)
        assert json.loads(json.dumps(history, allow_nan=False)) == history

    def test_its_specification_makes_it_again(self) -> None:
        """It survives JSON, and the model that it makes trains to the same outputs."""
        spec = self.model().spec()
        assert json.loads(json.dumps(spec, allow_nan=False)) == spec
        if not self.reopens:
            with _refusal(InputError, "a specification of an object in memory"):
                models.from_spec(spec)
            return
        again = models.from_spec(spec)
        assert again.spec() == spec
        pool, first, second = self.pool(), self.fitted(), self.fitted(model=again)
        _equal(self._outputs(first, pool, self._asked(first)), self._outputs(second, pool, self._asked(second)))

    def test_what_was_saved_is_what_is_loaded(self) -> None:
        """Equal outputs, no pickle on disk, and a clear refusal where it is trained again instead."""
        model, pool = self.fitted(), self.pool()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "model"
            model.save(folder)
            suffixes = {path.suffix for path in folder.rglob("*") if path.is_file()}
            assert suffixes <= {".json", ".safetensors", ".npy", ".npz"}, f"files on disk: {suffixes}"
            fresh = self.model()
            if not model.restorable:
                with _refusal(ModelError, "load of a model that is not restorable"):
                    fresh.load(folder)
                return
            fresh.load(folder)
            names = self._asked(model)
            _equal(self._outputs(model, pool, names), self._outputs(fresh, pool, names))
            assert fresh.history == model.history
            with _refusal(ModelError, "load of an empty folder"):
                fresh.load(Path(name))

    # ------------------------------------------------------------------------------------------------

    def _asked(self, model: Model) -> set[str]:
        """What most tests ask for."""
        return set(model.provides) - self.dear

    @staticmethod
    def _outputs(model: Model, pool: Any, names: Collection[str]) -> dict[str, Any]:
        return {name: to_numpy(array) for name, array in model.outputs(pool, names).items()}


class _Twice:
    """A pool followed by itself, under other ids."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.ids = (*pool.ids, *(f"{id} again" for id in pool.ids))
        self.kind, self.classes = pool.kind, pool.classes

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, positions: Any) -> Any:
        return self._pool.take(np.asarray(positions) % len(self._pool))


class _refusal:
    """A ``with`` whose block must raise that error, with a sentence."""

    def __init__(self, expected: type[Exception], what: str) -> None:
        self.expected, self.what = expected, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, at: Any) -> bool:
        assert error is not None, f"{self.what}: {self.expected.__name__} was expected, and nothing was raised"
        if not isinstance(error, self.expected):
            return False
        assert len(str(error)) > 20, f"{self.what}: say what was expected, what came, and what to do; got {error}"
        return True


def _labels(pool: Pool) -> Indices:
    assert pool.labels is not None, "the pool of the contract needs labels"
    return np.array(pool.labels)


def _softmax(logits: Any) -> Floats:
    shifted: Floats = np.exp(np.float64(logits) - np.max(logits, axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def _close(one: Any, other: Any, name: str) -> None:
    """Equal up to what float32 loses, as when rows come in other chunks."""
    assert one.shape == other.shape, f"{name}: shapes {one.shape} and {other.shape}"
    off = np.abs(one - other) - 1e-5 - 1e-4 * np.abs(other)
    assert off.max(initial=-1.0) <= 0, f"{name} differs, by up to {np.abs(one - other).max()}"


def _equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert np.array_equal(one[name], other[name]), f"{name} is not the same to the last bit"


def _draw_globally() -> None:
    random.random()
    np.random.random()  # noqa: NPY002 -- on purpose
    if "torch" in sys.modules:
        import torch

        torch.rand(1)


def _global_states() -> dict[str, Any]:
    states: dict[str, Any] = {
        "Python's random state": random.getstate(),
        "NumPy's random state": str(np.random.get_state()),  # noqa: NPY002 -- looked at
        "the warning filters": list(warnings.filters),
    }
    if "torch" in sys.modules:
        import torch

        states["torch's random state"] = torch.get_rng_state().tolist()
        states["whether gradients are computed"] = torch.is_grad_enabled()
        states["torch's default type"] = torch.get_default_dtype()
        states["torch's number of threads"] = torch.get_num_threads()
        if torch.cuda.is_available():
            states["CUDA's random state"] = torch.cuda.get_rng_state().tolist()
    return states
