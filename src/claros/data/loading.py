"""Any source to a pool and its test set; and back from what a campaign kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from claros.data.array_files import open_npy, open_npz
from claros.data.attached import attach, complete
from claros.data.columns import SUFFIXES as TABLE_SUFFIXES
from claros.data.feature_files import open_features
from claros.data.folders import open_tree, whole_tree
from claros.data.named import NAMED
from claros.data.near_duplicates import group_near_duplicates
from claros.data.options import Options
from claros.data.pool import Pool, Split, derive
from claros.data.split import aligned, hold_out, labeled_only, part_of, without_test_items
from claros.data.tables import open_table, whole_table
from claros.errors import DataError, suggest

__all__ = ["load", "moved", "names", "place", "reopen"]

_OPENERS: dict[str, Callable[[Path, Options], Split]] = {
    ".npz": open_npz,
    ".npy": open_npy,
    ".zip": open_tree,
    **dict.fromkeys(TABLE_SUFFIXES, open_table),
}


def names() -> list[str]:
    """The data sets that ``load`` knows by name."""
    return list(NAMED)


def load(
    source: str | Path,
    *,
    test: str | Path | None = None,
    text_column: str = "text",
    label_column: str | None = "label",
    id_column: str | None = None,
    split_column: str | None = "split",
    image_size: int = 32,
    label_pattern: str | None = None,
    one_hot: bool = True,
    labels: str | Path | None = None,
    classes: Collection[str] | None = None,
    annotations: str | Sequence[str] = (),
    skip_unreadable: bool = False,
    near_duplicates: float | None = None,
    features: str | Path | None = None,
    seed: int = 0,
    test_share: float = 0.25,
    test_part: float = 1.0,
) -> Split:
    """A pool to label and a labeled test set, from a name, a file or a folder.

    The test set is ``test``, else the part of the source that is called so, else a stratified ``test_share`` of the
    labeled items, drawn from the stream (seed, "split"). Items whose content is also in the test set are left out of
    the pool and counted in ``train.report()``; exact duplicates never end up on both sides. Validation parts are set
    aside, or serve for testing if there is no test part.

    Arguments:
        source: a name (``names()``); a folder or zip of images or sounds in class folders, also below ``train/`` and
            ``test/``; .npz, .npy, .csv, .tsv, .jsonl (also .gz) or .parquet. A folder with a known name: ``./digits``.
        test: another source, all of it for testing (or its test part, if it has one).
        text_column: of tables, the column with the texts.
        label_column: of tables, the column with the labels; see ``text_table``.
        id_column: of tables, the column with the ids; see ``text_table``.
        split_column: of tables, the column that says train, test, dev or all; None to ignore it.
        image_size: of image files, the side of the square in pixels that models get.
        label_pattern: of files, a regular expression whose first group in the id is the class.
        one_hot: of npz, whether nominal columns become one 0/1 column a category.
        labels: of npy, the npy file with the labels.
        classes: names in the order of their codes; another label is an error. By default what occurs, sorted.
        annotations: what people said of the items, beside their labels: arrays (N,) or (N, A) of an npz, columns of a
            table, by name; they become ``train.annotations``.
        skip_unreadable: leave out items that cannot be read, and list them in ``train.skipped``.
        near_duplicates: group items of the pool whose fixed features have at least this cosine, so that one question
            is asked for each group; see `claros.data.group_near_duplicates`.
        features: a folder of `claros embed`, an npy or an npz with features of the items, which models may read in
            their place; see `claros.data.with_features`.
        seed: of the split.
        test_share: of the labeled items, if a test set must be split off; 0 for none.
        test_part: of a test set that is there, the share that is used: a stratified sample, from the same stream. What
            is not used is not in the pool either.

    >>> train, test = load("iris")
    >>> len(train), len(test), train.classes
    (112, 38, ('setosa', 'versicolor', 'virginica'))
    """
    options = Options(
        text_column=text_column,
        label_column=label_column,
        id_column=id_column,
        split_column=split_column,
        image_size=image_size,
        label_pattern=label_pattern,
        one_hot=one_hot,
        labels=None if labels is None else str(Path(labels).resolve()),
        classes=None if classes is None else tuple(classes),
        annotations=(annotations,) if isinstance(annotations, str) else tuple(annotations),
        skip_unreadable=skip_unreadable,
        near_duplicates=near_duplicates,
        features=None if features is None else str(Path(features).resolve()),
        test_part=test_part,
    )
    spec = {
        "source": _resolved(source),
        "test": None if test is None else _resolved(test),
        "seed": seed,
        "test_share": test_share,
        "options": options.to_json(),
    }
    return _load(spec, options, options, verify=True)


def reopen(source: Mapping[str, Any]) -> Pool:
    """The pool whose ``source`` this is, read again; files that have changed give another manifest.

    >>> pool = load("iris").train
    >>> reopen(pool.source).manifest() == pool.manifest()
    True
    """
    if not source:
        raise DataError(
            "the pool was made of arrays in memory, or is a part of a pool, and cannot be reopened; pass "
            "pool= (on the command line: POOL --campaign FOLDER)."
        )
    by = source.get("by")
    if by not in ("load", *_WHOLE):
        raise DataError(f"the pool was made by {by!r}, which this version does not know; pass pool=.")
    options = replace(Options.from_json(source["options"]), skip_unreadable=False, without=tuple(source["skipped"]))
    if by in _WHOLE:
        return derive(_WHOLE[by](by, source["path"], options, False), source=source)
    split = _load(source, options, replace(options, without=tuple(source["test_skipped"])))
    pool = split.train if source["part"] == "train" else split.test
    if pool is None:
        raise DataError(f"{source['source']} has no test set any more.")
    return derive(pool, source=source)


def place(source: Mapping[str, Any]) -> Path | None:
    """The file or folder of which a pool with that ``source`` is made; None of what has a name or is in memory.

    >>> place(load("iris").train.source) is None
    True
    """
    where = source.get("source", source.get("path"))
    return None if where is None or where in NAMED else Path(where)


def moved(source: Mapping[str, Any], where: str | Path) -> dict[str, Any]:
    """The ``source`` of a pool that is read from another file or folder, with the same options.

    >>> moved({"by": "text_table", "path": "/a/films.csv", "options": {}}, "/b/films.csv")["path"]
    '/b/films.csv'
    """
    return {**source, "source" if "source" in source else "path": _resolved(where)}


_WHOLE: dict[str, Callable[[str, str, Options, bool], Pool]] = {
    "image_folder": whole_tree,
    "audio_folder": whole_tree,
    "text_table": whole_table,
}


def _load(spec: Mapping[str, Any], options: Options, test_options: Options, *, verify: bool = False) -> Split:
    """``verify`` that the items are those of which the features were computed; who reopens a pool knows it."""
    train, contained = _open(spec["source"], options)
    if options.annotations and train.annotations is None:
        raise DataError(
            f"{spec['source']} has no annotations, but {', '.join(options.annotations)} should be read; they come from "
            "arrays of an .npz file or columns of a table."
        )
    if spec["test"] is None:
        test = None if contained is None else labeled_only(contained)
        unused = contained if test is None else None
    else:
        given = _open(spec["test"], replace(test_options, annotations=()))
        test, unused = labeled_only(given.train if given.test is None else given.test), contained
        if test is None:
            raise DataError(f"the test set {spec['test']} has no labels.")
    if options.features is not None:
        train, test = attach(Split(train, test), open_features(options.features), verify=verify)
    aside = train.notes.get("set_aside", 0) + (0 if unused is None else len(unused))
    train = derive(train, notes={"set_aside": aside})
    divided = hold_out(train, spec["test_share"], spec["seed"]) if test is None else aligned(train, test)
    split = without_test_items(divided)
    if test is not None:
        split = split._replace(test=part_of(split.test, options.test_part, spec["seed"]))
    for part in split:
        if part is not None:
            complete(part, options.features or "")
    if options.near_duplicates is not None:
        split = split._replace(train=group_near_duplicates(split.train, options.near_duplicates))
    skipped = {"skipped": [*train.skipped], "test_skipped": [] if test is None else [*test.skipped]}
    source = {"by": "load", **{name: spec[name] for name in _SPEC}, **skipped}
    return Split(
        derive(split.train, source={**source, "part": "train"}),
        None if split.test is None else derive(split.test, source={**source, "part": "test"}),
    )


_SPEC = ("source", "test", "seed", "test_share", "options")


def _resolved(source: str | Path) -> str:
    return source if isinstance(source, str) and source in NAMED else str(Path(source).resolve())


def _open(source: str, options: Options) -> Split:
    if source in NAMED:
        return NAMED[source](source, options)
    path = Path(source)
    if not path.exists():
        hint = "" if path.suffix else " " + suggest(path.name, NAMED, "data set")
        raise DataError(f"there is no file or folder {path}.{hint}")
    if path.is_dir():
        return open_tree(path, options)
    suffix = (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()
    if suffix not in _OPENERS:
        raise DataError(
            f"{path} ends in {path.suffix or 'nothing'!r}; expected a folder or one of: {', '.join(_OPENERS)}."
        )
    return _OPENERS[suffix](path, options)
