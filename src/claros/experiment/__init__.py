"""Simulated labeling of labeled data: compare strategies, watch stopping rules, with paired seeds and a random arm.

::

    config = claros.experiment.read_config(flags={"data": "digits", "strategy": ["margin", "badge"], "seeds": 10})
    claros.experiment.run(config, "out")

An experiment is a campaign with a simulated annotator: every cell goes through the ask and tell that people use.
"""

from __future__ import annotations

from claros.experiment.config import RunConfig
from claros.experiment.evaluate import evaluate
from claros.experiment.gathering import gather
from claros.experiment.presets import demo
from claros.experiment.run import run
from claros.experiment.settings import read_config
from claros.experiment.verify import verify

__all__ = ["RunConfig", "demo", "evaluate", "gather", "read_config", "run", "verify"]
