"""Options that DalMax's commands share; underscores as DalMax writes them, hyphens as we do."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["DirResults", "DirTest", "DirTrain", "ImgSize", "Model", "Seed", "Set"]

DirTrain = Annotated[
    str, typer.Option("--dir_train", "--dir-train", help="Tree of class folders to train on.", show_default=False)
]
DirTest = Annotated[
    str, typer.Option("--dir_test", "--dir-test", help="Tree of class folders to test on.", show_default=False)
]
DirResults = Annotated[str, typer.Option("--dir_results", "--dir-results", help="Folder to write.")]
ImgSize = Annotated[int, typer.Option("--img_size", "--img-size", min=1, help="Side of images for the model, pixels.")]
Model = Annotated[str, typer.Option(help="Model: claros list models.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="Any setting of claros run, as model.parameters.width=16."),
]
Seed = Annotated[int, typer.Option(min=0, help="Of everything random.")]
