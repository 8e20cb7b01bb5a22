"""When each rule first stopped a run, what was reached by then, and what it saved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from claros.arrays import Floats
from claros.experiment.stopping.watched import Said, Watched

__all__ = ["COLUMNS", "stop_rows", "summed_up"]

#: Columns of the table of stops, in order.
COLUMNS = (
    "data",
    "model",
    "strategy",
    "seed",
    "rule",
    "stopped",
    "round",
    "n_labeled",
    "accuracy",
    "kept_of_end",
    "kept_of_best",
    "labels_saved",
    "end_labels",
    "end_accuracy",
    "best_accuracy",
    "reason",
    "why",
)


def stop_rows(run: Watched) -> list[dict[str, Any]]:
    """A row a rule: its first stop, and what that kept and saved; empty where it never stopped or was not fed.

    Accuracy kept is the accuracy at the stop over that at the end of the run, and over the best of the run; labels
    saved are the share of the run's labels that were not bought any more. A rule that never stopped saved nothing.
    """
    return [{**run.key._asdict(), "rule": name, **_row(run, said)} for name, said in run.said.items()]


def _row(run: Watched, said: Said) -> dict[str, Any]:
    end_labels = int(run.n_labeled[-1])
    row: dict[str, Any] = {"end_labels": end_labels}
    if run.accuracy is not None:
        row |= {"end_accuracy": float(run.accuracy[-1]), "best_accuracy": float(run.accuracy.max())}
    if said.why:
        return {**row, "why": said.why}
    first = said.first
    if first is None:
        return {**row, "stopped": False, "labels_saved": 0.0, "reason": said.reason}
    row |= {"stopped": True, "round": int(run.rounds[first]), "n_labeled": int(run.n_labeled[first])}
    row |= {"labels_saved": 1 - int(run.n_labeled[first]) / end_labels, "reason": said.reason}
    if run.accuracy is not None:
        row |= _kept(run.accuracy, first)
    return row


def _kept(accuracy: Floats, first: int) -> dict[str, Any]:
    at, end, best = float(accuracy[first]), float(accuracy[-1]), float(accuracy.max())
    return {
        "accuracy": at,
        "kept_of_end": at / end if end > 0 else None,
        "kept_of_best": at / best if best > 0 else None,
    }


def summed_up(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a rule over all runs that fed it: how many it stopped, the median labels, mean shares kept and saved.

    Means and median are over the runs in which it stopped; ``why`` is there where no run fed it.
    """
    by_rule: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_rule[row["rule"]].append(row)
    return [_summed_up(rule, of_rule) for rule, of_rule in by_rule.items()]


def _summed_up(rule: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    fed = [row for row in rows if not row.get("why")]
    stopped = [row for row in fed if row["stopped"]]
    summary: dict[str, Any] = {"rule": rule, "runs": len(fed), "stopped": len(stopped)}
    if not fed:
        return {**summary, "why": rows[0]["why"]}
    if stopped:
        summary["n_labeled"] = float(np.median([row["n_labeled"] for row in stopped]))
        for name in ("labels_saved", "kept_of_end", "kept_of_best"):
            known = [row[name] for row in stopped if row.get(name) is not None]
            summary[name] = float(np.mean(known)) if known else None
    return summary
