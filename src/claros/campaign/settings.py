"""What a campaign is made with: checked once, resolved to names and numbers, kept in its first event."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import claros
from claros.campaign.correction import Correction
from claros.campaign.evidence import shown
from claros.campaign.items import identity
from claros.campaign.pseudo import PseudoLabels
from claros.campaign.streams import resolved
from claros.campaign.supply import EMBEDDINGS, check_supply, supplied
from claros.checks import number, whole
from claros.data.pool import Pool
from claros.errors import CannotFeedError, InputError
from claros.models.model import Model
from claros.stopping.rule import Rule
from claros.strategy import Strategy

__all__ = [
    "check_classes",
    "check_prior",
    "clashes",
    "class_code",
    "configuration",
    "lease_seconds",
    "named",
    "named_rules",
    "told",
]

CHECKPOINTS = ("all", "last", "none")
#: Fewer target items than this say nothing of class shares.
LEAST_TARGET = 10
T = TypeVar("T")
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def configuration(
    *,
    pool: Pool,
    classes: Sequence[str],
    model: Model | None,
    strategy: Strategy,
    init: Strategy,
    rules: Sequence[Rule],
    has_stop: bool,
    numbers: Mapping[str, Any],
    checkpoints: str,
    embeddings: str,
    class_prior: Sequence[float] | Mapping[str, float] | None,
    streams: Mapping[str, int] | None,
    target: Pool | None,
    correction: Correction,
    pseudo_labels: PseudoLabels | Mapping[str, float] | bool | None = None,
    importance: bool = False,
) -> dict[str, Any]:
    """The payload of a campaign's first event; everything that cannot work is said now, before any training."""
    names = check_classes(classes)
    _check_beside(pool.classes, names)
    if len(pool) == 0:
        raise InputError("The pool is empty; a campaign needs at least one item.")
    for name, least in (("seed", 0), ("start", 1), ("batch", 1)):
        whole(numbers[name], least, name)
    if number(numbers["audit"], 0, 1, "audit, a share of what is asked,") == 1:
        raise InputError("audit must be below 1: something has to be left to train on.")
    for name in ("price", "worth"):
        if numbers[name] is not None:
            number(numbers[name], 0, math.inf, name)
    if checkpoints not in CHECKPOINTS:
        raise InputError(f"checkpoints must be one of {', '.join(CHECKPOINTS)}; got {checkpoints!r}.")
    if embeddings not in EMBEDDINGS:
        raise InputError(f"embeddings must be one of {', '.join(EMBEDDINGS)}; got {embeddings!r}.")
    model_name = f"the model {model.spec()['name']!r}" if model is not None else "a campaign without a model"
    provides = model.provides_for(pool) if model is not None else ()
    audited = numbers["audit"] > 0
    at_hand = supplied(provides, features=pool.has_features, embeddings=embeddings, audited=audited)
    shares = check_prior(class_prior, names)
    known = at_hand if shares is None else {*at_hand, "class_prior"}
    known = known if target is None else {*known, "class_weights"}
    check_supply(f"The strategy {strategy.name!r}", strategy.needs, known, model_name)
    seen = shown(provides, features=pool.has_features, warm=model is not None and model.warm)
    for rule in rules:
        if rule.by_hand:
            raise CannotFeedError(
                f"The stopping rule {rule.name!r} is fed by hand: {rule.by_hand}; observe it yourself."
            )
        check_supply(f"The stopping rule {rule.name!r}", rule.needs, seen, model_name)
    at_start = supplied((), features=pool.has_features, trained=False)
    before = f"a pool of {pool.kind} without labels"
    advice = "start at random, or, where the items have features, by a strategy that looks at nothing else"
    check_supply(f"The first round's strategy {init.name!r}", init.needs, at_start, before, advice)
    return {
        "claros": claros.__version__,
        "task": "single",
        **identity(pool),
        "classes": names,
        "model": model.spec() if model is not None else None,
        "strategy": strategy.spec(),
        "init": init.spec(),
        "stop": rules[0].spec() if has_stop else None,
        "watch": [rule.spec() for rule in rules[has_stop:]],
        "checkpoints": checkpoints,
        "embeddings": embeddings,
        "class_prior": shares,
        "streams": resolved(numbers["seed"], streams),
        **numbers,
        **_corrected(target, correction, pool, model, provides),
        **_pseudo(PseudoLabels.of(pseudo_labels), target, provides),
        **_importance(importance, strategy, model, bool(pseudo_labels)),
    }


def _pseudo(given: PseudoLabels | None, target: Pool | None, provides: Collection[str]) -> dict[str, Any]:
    """What the log keeps of pseudo-labels; nothing without."""
    if given is None:
        return {}
    if "probs" not in provides:
        raise InputError("Pseudo-labels are a model's confident predictions; choose a model that has probabilities.")
    if target is not None:
        raise InputError(
            "Pseudo-labels follow the model's class shares, which a target is there to correct; leave out one of "
            "pseudo_labels and target."
        )
    return {"pseudo_labels": given.spec()}


def _corrected(
    target: Pool | None, correction: Correction, pool: Pool, model: Model | None, provides: Collection[str]
) -> dict[str, Any]:
    """What the log keeps of a target and of how its class shares are corrected for; nothing without a target."""
    if target is None:
        return {}
    if model is None or "probs" not in provides:
        raise InputError("Label shift is found and corrected by a model's probabilities; choose a model that has them.")
    if target.shows != pool.shows:
        raise InputError(f"The target has {target.shows}, and the pool {pool.shows}; they must be of one kind.")
    if len(target) < LEAST_TARGET:
        raise InputError(f"A target sample needs at least {LEAST_TARGET} items to say anything; got {len(target)}.")
    return {"target": {**identity(target), "n": len(target)}, "correction": correction.spec()}


def _importance(importance: bool, strategy: Strategy, model: Model | None, pseudo: bool) -> dict[str, Any]:
    """What the log keeps of weights by the chance of being asked: only of strategies whose chances are those."""
    if not importance:
        return {}
    if pseudo:
        raise InputError("Pseudo-labels have no chance of being asked to weigh them by; leave out importance or them.")
    if model is None or "iwal" not in strategy.name:
        raise InputError(
            "importance weighs labels by the chance with which they were asked, which iwal gives; got the strategy "
            f"{strategy.name!r}{'' if model is not None else ' without a model'}."
        )
    return {"importance": True}


def named(value: T | str, get: Callable[[str], T]) -> T:
    """What has that name, where a name is given."""
    return get(value) if isinstance(value, str) else value


def told(rule: Rule, model: Model | None, price: float | None = None, worth: float | None = None) -> Rule:
    """The rule for somebody with such a model, who pays ``price`` a label and to whom a point is worth ``worth``."""
    return rule.told(price=price, worth=worth, warm=model is not None and model.warm)


def named_rules(rules: Sequence[Rule | None]) -> dict[str, Rule]:
    """Rules by name; the same rule twice is one, another of the same name is numbered."""
    found: dict[str, Rule] = {}
    for rule in rules:
        if rule is not None and rule not in found.values():
            same = sum(name.partition(" #")[0] == rule.name for name in found)
            found[f"{rule.name} #{same + 1}" if same else rule.name] = rule
    return found


def check_classes(classes: Sequence[str]) -> list[str]:
    """The class names as a list: at least one, all texts, none twice."""
    names = list(classes)
    if not names:
        raise InputError(
            "The classes are not known: the pool has none, so pass classes=['finch', 'wren'] (--classes finch,wren)."
        )
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"A class name must be a text that is not blank; got {name!r}.")
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise InputError(f"The class {twice!r} is given twice.")
    return names


def _check_beside(own: Sequence[str], names: Sequence[str]) -> None:
    """The codes of the pool's labels must mean the same classes in the campaign, which may call them otherwise."""
    if clashes(own, names):
        raise InputError(
            f"The pool's own classes are {_listed(own)}, and the campaign's would be {_listed(names)}, so that its "
            "labels' codes would mean other classes: leave classes out, put new ones after the pool's, or give the "
            "pool without its labels, as dataclasses.replace(pool, labels=None, classes=())."
        )


def clashes(own: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a pool's own classes are more than those named, or one of them has another code among these."""
    codes = {name: code for code, name in enumerate(names)}
    return len(own) > len(names) or any(codes.get(name, code) != code for code, name in enumerate(own))


def _listed(classes: Sequence[str]) -> str:
    return ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")


def check_prior(prior: Sequence[float] | Mapping[str, float] | None, classes: Sequence[str]) -> list[float] | None:
    """The classes' shares in the order of their codes, which sum to 1; given in that order, or by name."""
    if prior is None:
        return None
    if isinstance(prior, Mapping):
        strange = [*(set(classes) ^ set(prior))]
        if strange:
            raise InputError(f"class_prior must have a share for each class, and no other; look at {strange[0]!r}.")
        prior = [prior[name] for name in classes]
    shares = [number(share, 0, 1, "A share in class_prior") for share in prior]
    if len(shares) != len(classes) or abs(sum(shares) - 1) > 1e-6:
        raise InputError(
            f"class_prior must be {len(classes)} shares that sum to 1; got {len(shares)} that sum to {sum(shares):.6g}."
        )
    return shares


def class_code(classes: Sequence[str], label: str | int) -> int:
    """The code of a class given by its name, or by its code."""
    if isinstance(label, str):
        if label in classes:
            return list(classes).index(label)
    elif not isinstance(label, bool) and hasattr(label, "__index__") and 0 <= label < len(classes):
        return int(label)
    raise InputError(f"There is no class {label!r}; known are {_listed(classes)} (codes 0 to {len(classes) - 1}).")


def lease_seconds(lease: str | float) -> float:
    """Seconds of a lease given as "45s", "30m", "2h", "1d" or a number of seconds.

    >>> lease_seconds("30m")
    1800.0
    """
    if not isinstance(lease, str):
        return number(lease, 0, math.inf, "A lease in seconds")
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", lease.strip()):
        return float(match[1]) * UNITS[match[2]]
    raise InputError(f"A lease is a time like '45s', '30m', '2h', '1d' or a number of seconds; got {lease!r}.")
