"""The laboratory of stopping rules: replay any rule on any recorded run, and weigh rules by what their stops cost.

::

    from claros.experiment import stopping

    stopping.replays(["out"], ["stabilizing_predictions", "advisor"], price=0.1, worth=50).summary
    stopping.evaluate(stopping.recorded(["bench.sqlite"]), stopping.chosen()).write(Path("tables"))

A run is recorded where what rules saw of its rounds was kept: every ``claros run``, every campaign, and a bench with
``evidence: true``.
"""

from __future__ import annotations

from claros.experiment.stopping.bench import Benched, bench, weigh
from claros.experiment.stopping.costs import PRICES, costs, regrets
from claros.experiment.stopping.evaluation import TABLES, Evaluation, evaluate
from claros.experiment.stopping.recorded import Key, Recorded
from claros.experiment.stopping.replaying import Replays, replays
from claros.experiment.stopping.rules import chosen, parse
from claros.experiment.stopping.sources import recorded
from claros.experiment.stopping.summary import HEADS, table, verdicts
from claros.experiment.stopping.watched import Advice, Said, Watched, watch

__all__ = [
    "HEADS",
    "PRICES",
    "TABLES",
    "Advice",
    "Benched",
    "Evaluation",
    "Key",
    "Recorded",
    "Replays",
    "Said",
    "Watched",
    "bench",
    "chosen",
    "costs",
    "evaluate",
    "parse",
    "recorded",
    "regrets",
    "replays",
    "table",
    "verdicts",
    "watch",
    "weigh",
]
