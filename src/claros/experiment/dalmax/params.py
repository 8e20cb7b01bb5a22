"""DalMax's ``params.json``: for each data set where it lies and how its model is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from claros.errors import InputError, UnknownNameError, suggest

__all__ = ["Params", "read_params"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)  # newer versions have blocks that are of no use here


class _Loader(_Part):
    batch_size: Annotated[int, Field(ge=1)] = 64


class _Optimizer(_Part):
    lr: Annotated[float, Field(gt=0)] = 0.05
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.3


class Params(_Part):
    """One data set's block; ``num_workers`` and what newer versions add are read over."""

    data_dir: str
    n_epoch: Annotated[int, Field(ge=1)] = 10
    n_drop: Annotated[int, Field(ge=1)] = 10
    n_classes: Annotated[int, Field(ge=1)] | None = None
    img_size: Annotated[int, Field(ge=1)] | None = None
    train_args: _Loader = _Loader()
    test_args: _Loader = _Loader(batch_size=256)
    optimizer_args: _Optimizer = _Optimizer()

    def model_parameters(self) -> dict[str, Any]:
        """The same as parameters of our torch models: exactly ``n_epoch`` epochs of SGD with a constant rate."""
        return {
            "epochs": self.n_epoch,
            "min_steps": 0,
            "batch_size": self.train_args.batch_size,
            "chunk": self.test_args.batch_size,
            "members": self.n_drop,
            "optimizer": "SGD",
            "lr": self.optimizer_args.lr,
            "optimizer_arguments": {"momentum": self.optimizer_args.momentum},
            "schedule": "constant",
        }


def read_params(path: str | Path, dataset: str) -> Params:
    """The block of a data set in a ``params.json``; an `InputError` says what is wrong with it.

    A relative ``data_dir`` is looked for from the working directory, as DalMax does, then beside the file.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"The parameters {path} cannot be read: {error.strerror or error}; give --params_json."
        ) from error
    except ValueError as error:
        raise InputError(f"The parameters {path} are not valid JSON ({error}).") from error
    if not isinstance(content, dict) or dataset not in content:
        known = content if isinstance(content, dict) else ()
        raise UnknownNameError(suggest(dataset, known, f"data set in {path}"))
    try:
        params = Params.model_validate(content[dataset])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, (dataset, *first["loc"])))
        raise InputError(f"{path}, {where}: {first['msg']}.") from error
    if not Path(params.data_dir).exists() and (path.parent / params.data_dir).exists():
        return params.model_copy(update={"data_dir": str(path.parent / params.data_dir)})
    return params
