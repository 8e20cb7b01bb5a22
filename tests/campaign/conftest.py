"""A pool of trees, and campaigns over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from trees import blobs

from claros.campaign import Campaign
from claros.data.pool import Pool


@pytest.fixture
def pool() -> Pool:
    return blobs()


@pytest.fixture
def make(tmp_path: Path, pool: Pool) -> Callable[..., Campaign]:
    """Make a campaign over the pool in a new folder, with small rounds."""

    def create(path: Path | None = tmp_path / "trees.claros", **settings: object) -> Campaign:
        return Campaign.create(path, pool=pool, **{"start": 10, "batch": 10, **settings})  # type: ignore[arg-type]

    return create
