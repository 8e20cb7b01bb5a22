"""The campaign that lies beside a pool: opened if it is there, made if not."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from claros import data, stopping, strategies
from claros.campaign import Campaign, Correction
from claros.campaign.journal import read_state
from claros.campaign.settings import clashes, told
from claros.data.pool import Pool
from claros.errors import DataError, InputError
from claros.stopping.rule import Rule

__all__ = ["advised", "campaign_folder", "class_list", "open_campaign"]

_NO_TARGET = "{} needs a sample of unlabeled items from where the model will be used: give --target."
#: Names of classes that are so alike, by `difflib`'s ratio, are taken for one and its misspelling.
ALIKE = 0.75
_ANOTHER = "Leave that out, or begin another campaign with --campaign."


def campaign_folder(where: str | Path) -> Path:
    """Where the campaign of a pool lies: the folder itself if it is one, else the pool's name with ``.claros`` added.

    >>> campaign_folder("birds/").as_posix(), campaign_folder("birds.claros").as_posix()
    ('birds.claros', 'birds.claros')
    """
    path = Path(where)
    return path if path.suffix == ".claros" else path.with_name(path.name + ".claros")


def class_list(text: str | None) -> list[str]:
    """Class names from a text with commas between them.

    >>> class_list("finch, wren")
    ['finch', 'wren']
    """
    return [name.strip() for name in text.split(",")] if text else []


def open_campaign(
    where: str | Path,
    *,
    campaign: str | Path | None = None,
    classes: Sequence[str] = (),
    add_classes: Sequence[str] = (),
    reading: Mapping[str, Any] | None = None,
    target: str | Path | None = None,
    create: bool = True,
    say: Callable[[str], None] = lambda text: None,
    **settings: Any,
) -> Campaign:
    """The campaign at a folder, or beside a pool, or in the folder ``campaign``; made from the pool if there is none.

    All items of the source are asked, but for a part that it calls test itself. ``reading`` are options of
    `claros.data.load`, ``settings`` of `Campaign.create`, where None counts as not asked for. ``target`` is a file or
    folder of unlabeled items from where the model will be used, read as the pool is. ``model="none"`` is a campaign
    without a model, which asks at random and gives no advice; so is one of sounds without features, unless a model is
    named. ``stop`` is a rule as a text, or "none". A campaign keeps what it was made with: asking for another model,
    strategy, seed, stop, price, worth, audit, start, target, correction or ``features`` is an `InputError`. New
    ``classes`` are appended, but for those that look like a misspelt one: these must be among ``add_classes``. With
    ``create=False`` a campaign that is not there is a `DataError`. Where ``where`` is a pool that lies elsewhere now or
    has more items, the campaign goes on with it; what changes by that is told to ``say``, a sentence each.
    """
    folder = campaign_folder(where) if campaign is None else Path(campaign)
    wanted = {name: value for name, value in settings.items() if value is not None}
    options = {name: value for name, value in (reading or {}).items() if value is not None}
    sample = None if target is None else _sample(target, options)
    if folder.exists():
        before = read_state(folder).config
        pool = _pool(where, folder, before, options)
        opened = Campaign.open(folder, pool=pool, target=sample, adopt=pool is not None)
        _say_what_changed(before, opened.pool, say)
        features = (reading or {}).get("features")
        given = wanted if features is None else {**wanted, "features": str(Path(features).resolve())}
        _check(opened, given, before)
        _check_correction(opened, target, wanted.get("correction"))
        _add(opened, classes, add_classes, say)
        return opened
    if not create or folder == Path(where):
        raise DataError(f"There is no campaign at {folder}; make one with: claros label POOL, or claros ask POOL.")
    if "correction" in wanted and sample is None:
        raise InputError(_NO_TARGET.format(f"The correction {wanted['correction']!r}"))
    if "worth" in wanted and "price" not in wanted:
        raise InputError(f"A point that is worth {wanted['worth']:g} is weighed against a label's price: give --price.")
    pool = data.load(where, test_share=0.0, **options).train
    if "stop" in wanted:
        wanted["stop"] = _rule(wanted["stop"])
    if wanted.get("model", "none" if pool.kind == "sounds" and not pool.has_features else None) == "none":
        wanted = {"strategy": "random", "stop": None, **wanted, "model": None}
    if classes and clashes(pool.classes, classes):
        pool = replace(pool, labels=None, classes=())  # folders, say, that are no classes; answers are names, not codes
    named = [*(classes or pool.classes), *(name for name in add_classes if name not in pool.classes)]
    return Campaign.create(folder, pool=pool, classes=named or None, target=sample, **wanted)


def _add(campaign: Campaign, classes: Sequence[str], more: Sequence[str], say: Callable[[str], None]) -> None:
    """Append the classes that are new, and say so; one that is spelt almost like another must be asked for by name."""
    has = campaign.classes
    for name in classes:
        if name not in (*has, *more) and (near := difflib.get_close_matches(name, has, n=1, cutoff=ALIKE)):
            raise InputError(
                f"{campaign.path} has no class {name!r}, but {near[0]!r}; mend --classes, or add the class for good: "
                f"--add-class {shlex.quote(name)}."
            )
    if new := [name for name in dict.fromkeys([*classes, *more]) if name not in has]:
        campaign.add_classes(new)
        say(f"Added to the classes: {', '.join(new)}; there are {len(has) + len(new)} now.")


def _pool(where: str | Path, folder: Path, config: Mapping[str, Any], options: Mapping[str, Any]) -> Pool | None:
    """The campaign's pool as it is at ``where``; None where that is the campaign, whose pool is where it was."""
    if not config:
        return None  # its making was interrupted, which is said when it is opened
    here, recorded = Path(where).resolve(), data.place(config["pool"])
    if here == folder.resolve():
        if recorded is not None and not recorded.exists():
            raise DataError(
                f"The pool of {folder} is not at {recorded} any more; say where it is now: POOL --campaign {folder}."
            )
        return None
    if recorded is None and str(where) in data.names():
        return data.reopen(config["pool"])
    if not here.exists():
        raise DataError(
            f"There is no pool at {where}; give the place where it is, or the campaign alone, as {folder}, to go on "
            "with the pool that it knows."
        )
    if not config["pool"]:
        return data.load(where, test_share=0.0, **options).train
    return data.reopen(data.moved(config["pool"], where))


def _say_what_changed(before: Mapping[str, Any], pool: Pool, say: Callable[[str], None]) -> None:
    more = len(pool) - before["manifest"]["n"]
    if more:
        say(f"The pool has {more} new items, {len(pool)} in all; they are added to the campaign.")
    was, here = data.place(before["pool"]), data.place(pool.source)
    if here != was and (more or was is None or not was.exists()):  # else the campaign stays with the other place
        say(f"The campaign's pool is at {here} from now on.")


def advised(campaign: Campaign) -> str:
    """The campaign's advice in words; where it has no price, also how it gets one on the command line."""
    advice = campaign.advice()
    if advice.verdict != "no price":
        return str(advice)
    here = shlex.join(["claros", "stop", "replay", str(campaign.path), "--rule", "advisor"])
    return (
        f"{advice} A campaign made with --price and --worth is told when to stop; "
        f"for this one: {here} --price 0.1 --worth 50 (with your own numbers)."
    )


def _sample(target: str | Path, options: Mapping[str, Any]) -> Pool:
    """The target's items; what may stand there of labels is not looked at."""
    kept = {name: value for name, value in options.items() if name not in ("features", "near_duplicates")}
    return data.load(target, test_share=0.0, **kept).train


def _check_correction(campaign: Campaign, target: str | Path | None, correction: Any) -> None:
    has = campaign.correction
    if has is None:
        asked = f"The target {target}" if target is not None else f"The correction {correction!r}"
        if target is not None or correction is not None:
            raise InputError(f"{asked} comes too late: {campaign.path} was made without a target. {_ANOTHER}")
    elif correction is not None and Correction.of(correction) != has:
        raise InputError(f"{campaign.path} was made with the correction {has.mode!r}, as set then. {_ANOTHER}")


def _check(campaign: Campaign, wanted: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    model = "none" if campaign.model is None else campaign.model.spec()["name"]
    features = campaign.pool.source.get("options", {}).get("features")
    numbers = {name: config.get(name) for name in ("price", "worth", "audit", "start")}
    made_with = {"strategy": campaign.strategy.name, "seed": campaign.seed, "model": model, "features": features}
    made_with |= numbers
    if (stop := wanted.get("stop")) is not None:
        rule = _rule(stop)
        same = campaign.rule == (rule and told(rule, campaign.model, campaign.price, campaign.worth))
        made_with["stop"] = stop if same else "none" if campaign.rule is None else campaign.rule.name
    for name, value in wanted.items():
        value = strategies.get(value).name if name == "strategy" and isinstance(value, str) else value
        if name in made_with and made_with[name] != value:
            had = f"with {name} {made_with[name]!r}" if made_with[name] is not None else f"without {name}"
            kind = ", as set then" if str(made_with[name]) == str(value).partition("(")[0] else ""
            raise InputError(
                f"{campaign.path} was made {had}{kind}; it cannot go on with {value!r}: "
                "leave that out, or begin another campaign with --campaign."
            )


def _rule(stop: str) -> Rule | None:
    """The rule that a text says, as in ``budget(labels=500)``; none of ``none``."""
    return None if stop == "none" else stopping.get(stop)
