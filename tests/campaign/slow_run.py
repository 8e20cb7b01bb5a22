"""A run of the slow model, in which a pass counts as long after a moment: ``python slow_run.py DATA OUT NAP MODE``."""

from __future__ import annotations

import sys

from claros import experiment
from claros.campaign import passes

passes.LONG, passes.EVERY = 0.05, 0.0
data, out, nap, mode = sys.argv[1:]
config = experiment.read_config(
    flags={
        "data": data,
        "model": {"name": "slow_model:Slow", "parameters": {"nap": float(nap), "restorable": mode == "restorable"}},
        "strategy": ["margin"],
        "control": False,
        "start": 10,
        "batch": 5,
        "rounds": 1,
    }
)
experiment.run(config, out, listener=lambda moment: None)
