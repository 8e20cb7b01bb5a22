"""Hugging Face models keep the contract of `claros.testing.models`, over texts, images and sounds."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_hf

from claros import models
from claros.data import Pool
from claros.models import Model
from claros.testing.models import ModelContract


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints and sounds for all three suites."""
    where = tmp_path_factory.mktemp("hf")
    tiny_hf.bert(where / "bert")
    tiny_hf.vit(where / "vit", hidden_dropout_prob=0.1)
    tiny_hf.ast(where / "ast", hidden_dropout_prob=0.1)
    return where


@pytest.fixture(scope="module")
def tones(folder: Path) -> Pool:
    return tiny_hf.tones(folder / "tones")


class _Suite(ModelContract):
    checkpoint = ""
    epochs = 5

    @pytest.fixture(autouse=True)
    def _given(self, folder: Path, tones: Pool) -> None:
        self.folder, self.tones = folder, tones

    def pool(self) -> Pool:
        return self.tones if self.kind == "sounds" else super().pool()

    def model(self) -> Model:
        options = {**tiny_hf.QUICK, "num_train_epochs": self.epochs}
        return models.get(f"hf:{self.folder / self.checkpoint}", **options)


class TestTexts(_Suite):
    kind, checkpoint, epochs = "texts", "bert", 8


@pytest.mark.slow
class TestImages(_Suite):
    kind, checkpoint = "images", "vit"


class TestSounds(_Suite):
    kind, checkpoint = "sounds", "ast"
