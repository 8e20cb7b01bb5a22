"""What a campaign asks of a model: names it can provide, train, predict in one pass, save and load."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from claros.arrays import Array, Floats, Indices

__all__ = ["Context", "Items", "Model"]


@runtime_checkable
class Items(Protocol):
    """What a model reads of a pool: ids, the kind of content, classes if known, and content by position.

    Every `claros.data.Pool` is one, and so is a subset of one.
    """

    @property
    def ids(self) -> tuple[str, ...]:
        """One stable id an item."""

    @property
    def kind(self) -> str:
        """``rows``, ``images``, ``texts`` or ``sounds``: what `take` returns."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names in the order of their codes; empty when they are not known."""

    def __len__(self) -> int: ...

    def take(self, positions: npt.NDArray[np.int64] | Sequence[int]) -> Any:
        """Contents: rows (B, F); images uint8 (B, H, W) or (B, H, W, 3); texts, a list; sounds, (samples, rate)."""


class Context(NamedTuple):
    """What a campaign tells of the training that comes next, to models that have an attribute ``context``."""

    folder: Path | None = None
    """Where a training may keep its state while it goes on; the campaign deletes it when the round is complete."""
    at_random: npt.NDArray[np.bool_] | None = None
    """(L,) whether each labeled item was drawn at random; None where nobody says. Calibrate on no others."""


@runtime_checkable
class Model(Protocol):
    """A classifier that can be retrained and asked about a whole pool.

    Any object with these attributes and methods is a model; nothing needs to be inherited. The same items, labels,
    weights and ``rng`` give the same model, per machine and thread count, and global random states are left as found.
    Test an adapter of your own with `claros.testing.models.ModelContract`.

    A model whose `outputs` may take minutes says in an attribute ``pass_items`` how many items, and multiples of them,
    can be asked about at once without changing a bit of anybody's row: then a pass over a pool that was killed goes on
    where it was (`claros.campaign.passes`). A model that draws the order of its data apart from its weights takes
    `claros.rng.beside` ``(rng, "order")`` for it.
    """

    @property
    def provides(self) -> frozenset[str]:
        """Names from `claros.inputs.NEEDS` that it can compute: ``probs``, ``logits``, ``member_probs``, ...

        Before the first fit, what its kind of model can provide; after it, what this very model does.
        """

    @property
    def warm(self) -> bool:
        """Whether `fit` continues from the last weights instead of starting anew."""

    @property
    def restorable(self) -> bool:
        """Whether `load` brings back the trained model; if not, a resumed campaign fits it again from its labels."""

    @property
    def history(self) -> list[dict[str, Any]]:
        """The trainer's log of the last fit, as JSON; one entry an epoch, where there are epochs."""

    on_epoch: Callable[[int, int], None] | None
    """Called with (epochs done, epochs planned) while training, if the model trains in epochs; for progress bars."""

    def provides_for(self, items: Items) -> frozenset[str]:
        """What it will provide for such items, said before any training; an `InputError` if it cannot read them."""

    def fit(
        self,
        items: Items,
        labels: Indices,
        *,
        n_classes: int | None = None,
        weights: Floats | None = None,
        rng: np.random.Generator,
    ) -> None:
        """Train on items and their class codes (L,), with optional weights (L,), relative to each other.

        ``n_classes`` counts those not seen yet, and is that of the items or of the labels unless given. Labels of one
        class train a constant model. An item of weight 0 counts as absent.
        """

    def outputs(self, items: Items, names: Collection[str]) -> dict[str, Array]:
        """What the names ask for, in one pass over the items in chunks, with rows in the items' order.

        All ``n_classes`` columns always: 0 in ``probs`` for classes never seen in training. ``head_weights`` (C, D)
        and ``head_bias`` (C,) satisfy ``softmax(embeddings @ head_weights.T + head_bias) == probs``;
        ``n_support_vectors`` is one number. Raises `CannotFeedError` for a name that is not provided, `ModelError`
        before the first fit.
        """

    def spec(self) -> dict[str, Any]:
        """``{"name", "parameters"}`` as JSON, with every default written out; ``claros.models.from_spec`` reads it."""

    def save(self, folder: Path) -> None:
        """Write the model into a folder as JSON and safetensors, each file atomically; never a pickle."""

    def load(self, folder: Path) -> None:
        """Become the model that was saved there, or raise a `ModelError` that says why not."""
