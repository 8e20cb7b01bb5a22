"""A network in a campaign: restored from its checkpoint or trained again, it picks the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from trees import answer, blobs

from claros.campaign import Campaign
from claros.models import TorchModel

MODEL = {"epochs": 2, "min_steps": 10, "lr": 0.05, "device": "cpu"}


@pytest.mark.parametrize("checkpoints", ["all", "last", "none"])
def test_reopened_after_every_round_it_goes_on_as_if_never_left(tmp_path: Path, checkpoints: str) -> None:
    def campaign(path: Path | None) -> Campaign:
        model = TorchModel("trees:Net", {"width": 8}, **MODEL)
        settings = {"strategy": "badge", "start": 10, "batch": 10, "checkpoints": checkpoints, "seed": 4}
        return Campaign.create(path, pool=blobs(), model=model, **settings)  # type: ignore[arg-type]

    straight = campaign(None)
    expected = [answer(straight) for _ in range(4)]
    campaign(tmp_path / "net.claros").close()
    resumed = []
    for _ in range(4):
        with Campaign.open(tmp_path / "net.claros", pool=blobs()) as again:
            resumed.append(answer(again))
            again.update()
    assert resumed == expected
    kept = {"all": 4, "last": 1, "none": 0}[checkpoints]
    models = tmp_path / "net.claros" / "models"
    assert (len(list(models.iterdir())) if models.exists() else 0) == kept


def test_a_lost_checkpoint_is_trained_again_to_the_same_predictions(tmp_path: Path) -> None:
    model = TorchModel("trees:Net", {"width": 8}, **MODEL)
    with Campaign.create(tmp_path / "net.claros", pool=blobs(), model=model, start=10, seed=4) as campaign:
        answer(campaign, 10)
        campaign.update()
        assert campaign.model is not None
        before = np.asarray(campaign.model.outputs(campaign.pool, ["probs"])["probs"])
    shutil.rmtree(tmp_path / "net.claros" / "models")
    with Campaign.open(tmp_path / "net.claros", pool=blobs()) as again:
        again.update()
        assert again.model is not None
        np.testing.assert_array_equal(np.asarray(again.model.outputs(again.pool, ["probs"])["probs"]), before)
