"""Whose advice leads where several stopping rules speak: the same rule while a run goes on and in its report."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["leading"]


def leading(with_threshold: Mapping[str, bool], chosen: str | None) -> str | None:
    """The rule that ends the run, else the first; those without a threshold, which never stop, come last.

    >>> leading({"advisor": False, "plateau": True, "overall_uncertainty": True}, None)
    'plateau'
    """
    order = sorted(with_threshold, key=lambda name: (not with_threshold[name], name != chosen))
    return order[0] if order else None
