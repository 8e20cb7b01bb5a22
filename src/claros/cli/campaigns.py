"""The campaign that a command works on, with the options that `ask` and `label` share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from claros.cli.output import note

if TYPE_CHECKING:
    from claros.campaign import Campaign

__all__ = ["opened"]


def opened(
    where: str,
    *,
    classes: str | None,
    add_class: Sequence[str] | None,
    text_column: str | None,
    label_column: str | None,
    skip_unreadable: bool,
    near_duplicates: float | None,
    features: str | None,
    **settings: Any,
) -> Campaign:
    """The campaign at a folder or beside a pool, made if there is none; what changes by that goes to standard error.

    ``settings`` are those of `claros.labeling.open_campaign`, None where an option was not given.
    """
    from claros.labeling import class_list, open_campaign

    reading = {
        "text_column": text_column,
        "label_column": label_column,
        "near_duplicates": near_duplicates,
        "features": features,
        "skip_unreadable": skip_unreadable or None,
    }
    return open_campaign(
        where, classes=class_list(classes), add_classes=add_class or (), reading=reading, say=note, **settings
    )
