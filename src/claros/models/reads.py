"""What a model reads of a pool: the features beside the items where it can, else the items."""

from __future__ import annotations

from claros.data.attached import over_features, plain
from claros.data.pool import Pool
from claros.errors import CannotFeedError, InputError, ModelError
from claros.models.model import Model

__all__ = ["seen_by"]


def seen_by(model: Model | None, pool: Pool) -> Pool:
    """The pool as the model reads it.

    Where features are beside the items (`claros.data.with_features`), a model that reads rows reads them; a network
    over images, texts or sounds reads the items, and strategies have the features. A model with a method ``view`` says
    itself what it reads, as one with a frozen encoder does. The pool shows people the items, whatever is read.
    """
    if model is None:
        return pool
    view = getattr(model, "view", None)
    if view is not None:
        seen: Pool = view(pool)
        return seen
    items = plain(pool)
    if not items.reader.has_features:
        return items
    rows = over_features(items)
    try:
        model.provides_for(rows)
    except CannotFeedError:
        return rows
    except (InputError, ModelError):  # it reads no rows, or not so many columns
        return items
    return rows
