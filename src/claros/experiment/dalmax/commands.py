"""DalMax's commands as functions: what each option means, as a run of ours, and where its files go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from claros.errors import InputError
from claros.experiment.config import RunConfig, parse_config
from claros.experiment.dalmax import files
from claros.experiment.dalmax.adversarial import method_of
from claros.experiment.dalmax.names import strategy_of_name, strategy_of_type
from claros.experiment.dalmax.params import read_params
from claros.experiment.dalmax.record import Record, read_cell
from claros.experiment.progress import Listener
from claros.experiment.run import cells_of, run
from claros.experiment.setting import Setting
from claros.experiment.settings import base_settings
from claros.experiment.training import epoch_parameters
from claros.models.encoders import embed_source

__all__ = ["RUNS", "demo", "train_al"]

#: Where the runs behind the files lie, below the folder of the results, one a type.
RUNS = "run"


def train_al(
    *,
    dir_train: str,
    dir_test: str,
    dir_results: str | Path,
    type: str = "uncertainty_sampling",
    batch_size: int = 10,
    iterations: int = 5,
    test_size: float = 0.9,
    start: float = 0.1,
    epochs: int | None = None,
    img_size: int = 32,
    model: str = "cnn",
    seed: int = 0,
    further: Iterable[str] = (),
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Label ``batch_size`` images of the training tree in each of ``iterations``, and write DalMax's files.

    What it found and wrote, as JSON. The same call again trains nothing and writes the files again, also after another
    type has replaced them; after a kill it goes on where it was.

    Arguments:
        dir_train: the tree of class folders to choose from; their names are what the annotator says.
        dir_test: the tree to test on.
        dir_results: where the files go; the run behind them lies in ``run/TYPE`` below.
        type: one of `claros.experiment.dalmax.names.TYPES`, or a strategy of ours.
        batch_size: images selected in each iteration.
        iterations: how often images are selected; the model is trained once more, on the start.
        test_size: share of the test tree that is used, class by class, above 0, at most 1.
        start: images labeled before the first iteration, at random: a share of the training tree below 1, or a count.
        epochs: passes over the labeled images, exactly; without, those of the model (30, or more for few images).
        img_size: side that images are brought to, in pixels.
        model: any name of `claros.models`.
        seed: of everything random.
        further: settings of `claros.experiment.RunConfig`, as ``model.parameters.members_from=ensemble``.
        listener: takes the progress, which else is shown on standard error.
    """
    strategy = strategy_of_type(type)
    settings = {
        "data": str(dir_train),
        "test": str(dir_test),
        "test_share": _share(test_size, "test_size"),
        "image_size": img_size,
        "model": {"name": model, "parameters": epoch_parameters(model, epochs)},
        "strategy": [type],
        "checkpoints": _checkpoints(strategy),
        "start": _amount(start),
        "batch": batch_size,
        "rounds": iterations,
        "seed": seed,
    }
    folder = Path(dir_results)
    about = {"test_size": test_size, "iterations": iterations}
    config = _config(settings, further)
    record = _run(config, folder / RUNS / next(iter(config.arms)), folder, about, listener)
    return {**_found(record, folder), "files": files.write_active(record, folder)}


def demo(
    *,
    dir_results: str | Path = "results/dalmax",
    params_json: str | Path = "params.json",
    seed: int = 1,
    n_init_labeled: int = 100,
    n_query: int = 10,
    n_round: int = 10,
    dataset_name: str = "CIFAR10",
    strategy_name: str = "RandomSampling",
    img_size: int | None = None,
    model: str = "cnn",
    further: Iterable[str] = (),
    listener: Listener | None = None,
) -> dict[str, Any]:
    """The newer ``demo.py``: a data set and a training that ``params_json`` describes, and its tree of results.

    Strategies over texture features have them computed into ``DATASET/features``, once for all seeds and rounds.

    Arguments:
        dir_results: below it, ``DATASET/SEED_1/NQ_10_NIL_100_NR_10_NE_20/STRATEGY`` is written.
        params_json: DalMax's file; ``data_dir`` has a ``train`` and a ``test`` tree of class folders.
        seed: of everything random.
        n_init_labeled: images labeled before the first round, at random.
        n_query: images selected in each round.
        n_round: how many rounds.
        dataset_name: which block of the file.
        strategy_name: one of `claros.experiment.dalmax.names.STRATEGIES`, or a strategy of ours.
        img_size: side that images are brought to, in pixels; without, that of the file, or 32.
        model: any name of `claros.models`; torch models take the file's training.
        further: settings of `claros.experiment.RunConfig`, as ``model.parameters.members_from=ensemble``.
        listener: takes the progress, which else is shown on standard error.
    """
    params, meant = read_params(params_json, dataset_name), strategy_of_name(strategy_name)
    settings = {
        "data": params.data_dir,
        "image_size": img_size or params.img_size or 32,
        "model": {"name": model, "parameters": params.model_parameters()},
        "strategy": [{"name": meant.strategy, "label": strategy_name}],
        "checkpoints": _checkpoints(meant.strategy),
        "embeddings": "features" if meant.features else "model",
        "start": n_init_labeled,
        "batch": n_query,
        "rounds": n_round,
        "seed": seed,
    }
    name = Path(params.data_dir).name
    size = f"NQ_{n_query}_NIL_{n_init_labeled}_NR_{n_round}_NE_{params.n_epoch}"
    folder = Path(dir_results) / name / f"SEED_{seed}" / size / strategy_name
    about = {"dataset_name": dataset_name, "strategy_name": strategy_name, "n_round": n_round}
    config = _with_features(settings, [*further], meant.features, Path(dir_results) / name / "features", folder)
    record = _run(config, folder / RUNS, folder, about, listener, n_classes=params.n_classes)
    return {**_found(record, folder), "files": files.write_demo(record, folder)}


def _config(settings: Mapping[str, Any], further: Iterable[str]) -> RunConfig:
    fixed = {**settings, "control": False, "watch": [], "report": False}
    return parse_config(base_settings(None, further, fixed))


def _with_features(
    settings: Mapping[str, Any], further: Sequence[str], encoder: str, place: Path, folder: Path
) -> RunConfig:
    """The configuration; with the encoder's features below ``place``, computed where they are not, unless given.

    They are of all images, whatever the strategy and the seed, so one folder serves all runs on the same images.
    """
    config = _config(settings, further)
    if not encoder or config.features is not None:
        return config
    files.check_folder(folder)
    out = place / f"{encoder.partition(':')[2]}-{config.image_size}"
    reading = {"skip_unreadable": config.skip_unreadable}
    embed_source(config.data, encoder, out, test=config.test, reading=reading, image_size=config.image_size)
    return _config({**settings, "features": str(out)}, further)


def _run(
    config: RunConfig,
    out: Path,
    folder: Path,
    about: Mapping[str, Any],
    listener: Listener | None,
    n_classes: int | None = None,
) -> Record:
    """Run one arm without a control, and read what it left."""
    files.check_folder(folder)
    setting = Setting.load(config)
    if n_classes is not None and n_classes != len(setting.pool.classes):
        raise InputError(
            f"n_classes is {n_classes}, but {config.data} has {len(setting.pool.classes)} class folders; mend the "
            "parameters, or the folders."
        )
    run(config, out, listener=listener)
    return read_cell(setting, cells_of(config, out)[0], about)


def _checkpoints(strategy: str) -> str:
    """Adversarial examples are those of the models that chose; of other strategies the last model is enough."""
    return "last" if method_of(strategy) is None else "all"


def _found(record: Record, folder: Path) -> dict[str, Any]:
    return {
        "out": str(folder),
        "type": record.name,
        "strategy": record.strategy,
        "model": record.model,
        "n_labeled": record.bought,
        "accuracy": float(record.last.metrics["accuracy"]),
        "seconds": round(sum(one.seconds for one in record.iterations), 3),
    }


def _share(value: float, name: str) -> float:
    if not 0 < value <= 1:
        raise InputError(f"{name} must be above 0 and at most 1, a share of the test images; got {value:g}.")
    return value


def _amount(value: float) -> int | float:
    return int(value) if value >= 1 and float(value).is_integer() else value
