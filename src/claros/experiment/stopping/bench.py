"""A bench of stopping rules: run the cells, keep what rules see, and weigh where each rule stops."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from claros import stopping
from claros.campaign.evidence import TWIN, shown
from claros.errors import InputError
from claros.experiment.bench import Outcome, database
from claros.experiment.bench import bench as run_bench
from claros.experiment.config import RunConfig
from claros.experiment.fields import Named
from claros.experiment.setting import Setting
from claros.experiment.stopping.costs import PRICES
from claros.experiment.stopping.evaluation import Evaluation, evaluate
from claros.experiment.stopping.rules import for_accuracy
from claros.experiment.stopping.sources import recorded

__all__ = ["Benched", "bench", "keeping", "weigh"]

#: What is large, or costs a second training a round, is kept where a followed rule needs it; rules that make it so.
_KEEPERS: Mapping[str, str] = {
    "stop_member_probs": "validation_agreement",
    "batch_member_probs": "intrinsic_stopping_criterion",
    "stop_embeddings": "gradient_stability",
    "head_weights": "model_stability",
    "n_support_vectors": "saturating_support_vectors",
    "stop_decision_values": "margin_exhaustion",
    "probs": "quant",
    "labeled_probs": "quant",
    TWIN: "retraining_noise_floor",
}


class Benched(NamedTuple):
    """What became of the cells that were run, None where none were; what the finished ones say, None without any."""

    outcome: Outcome | None
    evaluation: Evaluation | None


def weigh(
    places: Sequence[str | Path],
    configs: Iterable[RunConfig],
    out: str | Path | None,
    *,
    rules: Iterable[str] = (),
    prices: Sequence[float] = PRICES,
    db: str | None = None,
    jobs: int = 1,
) -> Benched:
    """Evaluate rules on the runs recorded at these places, or if there are none on a grid that is run first.

    The tables are written into ``out``, which only recorded runs can do without.
    """
    if places:
        evaluation = evaluate(recorded(places), for_accuracy(list(rules)), prices)
        if out is not None:
            evaluation.write(Path(out))
        return Benched(None, evaluation)
    if out is None:
        raise InputError("Say where the tables are written: --out DIR.")
    return bench(configs, out, rules=rules, prices=prices, db=db, jobs=jobs)


def bench(
    configs: Iterable[RunConfig],
    out: str | Path,
    *,
    rules: Iterable[str] = (),
    prices: Sequence[float] = PRICES,
    db: str | None = None,
    jobs: int = 1,
    quiet: bool = False,
) -> Benched:
    """Run the cells of a grid that are not done yet, each to its end, and evaluate the rules on all that are done.

    ``rules`` are texts as in ``stabilizing_predictions(window=2)``; without any, all registered rules but those for
    finding all relevant items, and their published forms. What only some rules need and is large (predictions of
    members, embeddings, weights), or costs a second training a round, is kept for rules that are asked for by name.
    The results database is ``bench.sqlite`` in ``out`` unless ``db`` says otherwise; the same call goes on where it was
    stopped.
    """
    texts = list(rules)
    known = for_accuracy(texts)
    needed = {need for rule in known.values() for need in rule.needs} if texts else set()
    settings = keeping(configs, needed)
    outcome = run_bench(settings, out, db=db, jobs=jobs, quiet=quiet)
    if not outcome.counts.get("done"):
        return Benched(outcome, None)
    evaluation = evaluate(recorded([database(out, db)]), known, prices)
    evaluation.write(Path(out))
    return Benched(outcome, evaluation)


def keeping(configs: Iterable[RunConfig], needed: Collection[str]) -> list[RunConfig]:
    """The settings, told to keep what rules see, and beyond what is always kept these inputs where their models can."""
    keepers = {keeper for need, keeper in _KEEPERS.items() if need in needed}
    settings: list[RunConfig] = []
    last: Setting | None = None
    for config in configs:
        more = set(keepers)
        if keepers:
            last = Setting.load(config, last)
            can = shown(last.model().provides_for(last.pool), features=last.pool.has_features, warm=last.model().warm)
            more = {name for name in keepers if set(stopping.get(name).needs) <= can}
        followed = [*config.watch, *(Named(name=name) for name in sorted(more))]
        followed = [rule for place, rule in enumerate(followed) if rule not in followed[:place]]
        settings.append(config.model_copy(update={"evidence": True, "watch": followed}))
    return settings
