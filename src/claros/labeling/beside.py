"""The campaign that lies beside a pool: opened if it is there, made if not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from claros import data, strategies
from claros.campaign import Campaign, Correction
from claros.data.pool import Pool
from claros.errors import DataError, InputError

__all__ = ["campaign_folder", "class_list", "open_campaign"]

_NO_TARGET = "{} needs a sample of unlabeled items from where the model will be used: give --target."
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
    reading: Mapping[str, Any] | None = None,
    target: str | Path | None = None,
    create: bool = True,
    **settings: Any,
) -> Campaign:
    """The campaign at a folder, or beside a pool, or in the folder ``campaign``; made from the pool if there is none.

    All items of the source are asked, but for a part that it calls test itself.
    ``reading`` are options of `claros.data.load`, ``settings`` of `Campaign.create`, where None counts as not asked
    for. ``target`` is a file or folder of unlabeled items from where the model will be used, read as the pool is.
    ``model="none"`` is a campaign without a model, which asks at random and gives no advice; so is one of sounds
    without features, unless a model is named. A campaign keeps what it was made with: asking for another model,
    strategy, seed, target, correction or ``features`` is an `InputError`; classes that are new are appended. With
    ``create=False`` a campaign that is not there is a `DataError`.
    """
    folder = campaign_folder(where) if campaign is None else Path(campaign)
    wanted = {name: value for name, value in settings.items() if value is not None}
    options = {name: value for name, value in (reading or {}).items() if value is not None}
    sample = None if target is None else _sample(target, options)
    if folder.exists():
        opened = Campaign.open(folder, target=sample)
        features = (reading or {}).get("features")
        _check(opened, wanted if features is None else {**wanted, "features": str(Path(features).resolve())})
        _check_correction(opened, target, wanted.get("correction"))
        new = [name for name in classes if name not in opened.classes]
        if new:
            opened.add_classes(new)
        return opened
    if not create or folder == Path(where):
        raise DataError(f"There is no campaign at {folder}; make one with: claros label POOL, or claros ask POOL.")
    if "correction" in wanted and sample is None:
        raise InputError(_NO_TARGET.format(f"The correction {wanted['correction']!r}"))
    pool = data.load(where, test_share=0.0, **options).train
    if wanted.get("model", "none" if pool.kind == "sounds" and not pool.has_features else None) == "none":
        wanted = {"strategy": "random", "stop": None, **wanted, "model": None}
    return Campaign.create(folder, pool=pool, classes=list(classes) or None, target=sample, **wanted)


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


def _check(campaign: Campaign, wanted: Mapping[str, Any]) -> None:
    model = "none" if campaign.model is None else campaign.model.spec()["name"]
    features = campaign.pool.source.get("options", {}).get("features")
    made_with = {"strategy": campaign.strategy.name, "seed": campaign.seed, "model": model, "features": features}
    for name, value in wanted.items():
        value = strategies.get(value).name if name == "strategy" and isinstance(value, str) else value
        if name in made_with and made_with[name] != value:
            raise InputError(
                f"{campaign.path} was made with {name} {made_with[name]!r}; it cannot go on with {value!r}: "
                "leave that out, or begin another campaign with --campaign."
            )
