"""What stopping rules see of a campaign's rounds, and what of it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from trees import blobs

from claros import models, stopping
from claros.campaign import Campaign
from claros.campaign.evidence import shown
from claros.errors import CannotFeedError
from claros.experiment.bench import Store, plan, read_grid, work
from claros.experiment.bench.schema import Claim
from claros.inputs import Inputs
from claros.rng import stream
from claros.stopping import Decision, Observation, Rule


@dataclass(frozen=True)
class Witness(Rule):
    """Stops when never; it remembers all that it is shown."""

    names: tuple[str, ...] = ()

    name = "witness"
    assumes = "Nothing."
    reference = "made up for this test"

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))

    @property
    def needs(self) -> tuple[str, ...]:
        return self.names

    def record(self, inputs: Inputs) -> dict[str, Any]:
        return {name: np.asarray(inputs[name]).tolist() for name in self.names}

    def judge(self, trace: Sequence[Observation]) -> Decision:
        return Decision(False, True, 0.0, 1.0, f"{len(trace)} rounds were seen.")


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stopping.REGISTRY._added, "witness", Witness)


def campaign(*names: str, model: Any = "forest", **settings: Any) -> Campaign:
    if isinstance(model, str):
        model = models.get(model, **({"n_estimators": 6} if model == "forest" else {}))
    chosen = {"start": 8, "batch": 8, "audit": 0.2, "seed": 3, "strategy": "margin", **settings}
    return Campaign.create(None, pool=blobs(), model=model, stop=None, watch=[Witness(names)], **chosen)


def label(one: Campaign, rounds: int = 3) -> list[str]:
    asked: list[str] = []
    truth = dict(zip(one.pool.ids, np.asarray(one.pool.labels).tolist(), strict=True))
    for _ in range(rounds):
        items = [query.item for query in one.ask()]
        one.tell_many({item: int(truth[item]) for item in items})
        one.update()
        asked += items
    return asked


def seen(one: Campaign) -> dict[str, Any]:
    """What the witness saw last."""
    rule = one.watched["witness"]
    return dict([*one.trace(rule).values()][-1])


def test_the_stop_set_is_seen_as_the_model_of_the_round_predicts_it() -> None:
    names = ("stop_probs", "stop_predictions", "stop_member_probs", "stop_embeddings", "probs", "labeled_probs")
    with campaign(*names) as one:
        asked = label(one)
        saw, outputs = seen(one), one.model.outputs(one.pool, ["probs", "member_probs", "embeddings"])
        stop = one._items.stop
        for name, output in (("probs", "probs"), ("member_probs", "member_probs"), ("embeddings", "embeddings")):
            np.testing.assert_allclose(saw[f"stop_{name}"], outputs[output][stop], rtol=1e-6)
        assert saw["stop_predictions"] == outputs["probs"][stop].argmax(axis=1).tolist()
        places = [one.pool.positions[item] for item in asked]
        np.testing.assert_allclose(saw["labeled_probs"], outputs["probs"][places], rtol=1e-6)
        rest = np.setdiff1d(np.arange(len(one.pool) - 2), places)  # the last two repeat the first two
        np.testing.assert_allclose(saw["probs"], outputs["probs"][rest], rtol=1e-6)


def test_labels_come_in_the_order_told_with_where_they_came_from() -> None:
    names = ("labels", "labeled_at_random", "labeled_features", "stop_labeled", "batch_labels", "n_labeled")
    with campaign(*names) as one:
        asked = label(one)
        saw, places = seen(one), [one.pool.positions[item] for item in asked]
        assert saw["labels"] == np.asarray(one.pool.labels)[places].tolist()
        assert saw["n_labeled"] == len(asked)
        np.testing.assert_allclose(saw["labeled_features"], one.pool.fixed_features[places], rtol=1e-6)
        random = {row.item for planned in one.rounds for row in planned.items if row.random}
        assert saw["labeled_at_random"] == [int(item in random) for item in asked]
        assert 0 < sum(saw["labeled_at_random"]) < len(asked)  # the start and the audited ones, not what margin chose
        assert saw["stop_labeled"] == [int(one.pool.ids[place] in asked) for place in one._items.stop]
        picked = [row.item for row in one.rounds[-1].items if row.source != "audit"]
        assert saw["batch_labels"] == [int(one.pool.labels[one.pool.positions[item]]) for item in picked]


def test_the_audit_is_seen_as_counts_and_as_a_metric() -> None:
    with campaign("n_audited", "n_audited_correct", "metric") as one:
        label(one)
        saw, measured = seen(one), one.accuracy()
        assert measured is not None
        assert (saw["n_audited"], saw["metric"]) == (measured.n, measured.value)
        assert saw["n_audited_correct"] == round(measured.n * measured.value)


def test_what_the_members_said_of_a_batch_is_seen_once_it_is_labeled() -> None:
    with campaign("batch_member_probs", "batch_probs") as one:
        label(one, 1)
        before = one.model.outputs(one.pool, ["probs", "member_probs"])
        label(one, 1)
        picked = [one.pool.positions[row.item] for row in one.rounds[-1].items if row.source != "audit"]
        np.testing.assert_allclose(seen(one)["batch_member_probs"], before["member_probs"][picked], rtol=1e-6)
        np.testing.assert_allclose(seen(one)["batch_probs"], before["probs"][picked], rtol=1e-6)


def test_the_head_of_a_linear_model_is_seen() -> None:
    with campaign("head_weights", "head_bias", model="logistic") as one:
        label(one)
        head = one.model.outputs(one.pool, ["head_weights", "head_bias"])
        np.testing.assert_allclose(seen(one)["head_weights"], head["head_weights"], rtol=1e-5)
        np.testing.assert_allclose(seen(one)["head_bias"], head["head_bias"], rtol=1e-5)


def test_a_twin_is_trained_on_the_same_labels_from_another_seed() -> None:
    with campaign("stop_twin_predictions") as one:
        label(one, 2)
        told = [item for item, row in ((x.item, x) for x in one.provenance()) if row.source != "audit"]
        places = np.array([one.pool.positions[item] for item in told])
        twin = models.get("forest", n_estimators=6)
        twin.fit(one.pool.subset(places), np.asarray(one.pool.labels)[places], n_classes=3, rng=stream(3, "twin", 1))
        expected = twin.outputs(one.pool.subset(one._items.stop), ["probs"])["probs"].argmax(axis=1)
        assert seen(one)["stop_twin_predictions"] == expected.tolist()


def test_support_vectors_are_those_of_the_machine_that_was_trained() -> None:
    with campaign("n_support_vectors", model="svm") as one:
        label(one)
        places = one.labeled_positions()
        rows = StandardScaler().fit_transform(one.pool.take(places))
        codes = np.asarray(one.pool.labels)[places]
        supports = [SVC().fit(rows, codes == code).support_ for code in range(3)]
        assert seen(one)["n_support_vectors"] == len(set(np.concatenate(supports).tolist()))
        decisions = one.decisions(stopping.get("saturating_support_vectors"))
    assert any(decision.ready for decision in decisions.values())


def test_following_a_twin_changes_no_pick() -> None:
    with campaign("stop_twin_predictions") as one, campaign("n_labeled") as other:
        assert label(one) == label(other)


def test_what_a_model_cannot_show_is_said_before_any_training() -> None:
    with pytest.raises(CannotFeedError, match="stop_member_probs"):
        campaign("stop_member_probs", model="logistic")
    assert "stop_twin_predictions" in shown({"probs"}, features=False, warm=False)
    assert "stop_twin_predictions" not in shown({"probs"}, features=False, warm=True)


def test_a_label_taken_back_later_does_not_rewrite_what_was_seen(tmp_path: Path) -> None:
    rule = Witness(("labels", "labeled_at_random"))
    where = tmp_path / "one.claros"
    settings: dict[str, Any] = {"start": 8, "batch": 8, "audit": 0.0, "seed": 3, "strategy": "margin"}
    with Campaign.create(where, pool=blobs(), model="logistic", watch=[rule], **settings) as one:
        asked = label(one, 2)
        before = one.trace(rule)
        one.retract(asked[0])
        one.tell(asked[1], 1 - min(1, int(one.pool.labels[one.pool.positions[asked[1]]])), annotator="eve")
    with Campaign.create(None, pool=blobs(), model="logistic", **settings) as fresh:
        label(fresh, 2)
        assert fresh.trace(rule) == before


def test_a_rule_that_nobody_followed_is_replayed_from_what_is_kept() -> None:
    with campaign("n_labeled") as one:
        label(one)
        followed = stopping.get("stabilizing_predictions")
        assert len(one.decisions(followed)) == 3
        assert one.decisions(stopping.get("stabilizing_label_sets")) == {}  # it needs what this task does not have


def _bench(tmp_path: Path, name: str, evidence: bool) -> Store:
    store = Store(f"sqlite:///{tmp_path / name}.sqlite")
    grid = {"data": "iris", "strategy": ["margin"], "rounds": 2, "start": 6, "batch": 4, "upper_bound": False}
    plan(read_grid(flags={**grid, "evidence": evidence}), store)
    work(store, "w")
    return store


def test_a_bench_keeps_what_rules_saw_only_if_it_is_told_to(tmp_path: Path) -> None:
    kept, dropped = (_bench(tmp_path, name, evidence) for name, evidence in (("kept", True), ("dropped", False)))
    try:

        def parts(store: Store) -> list[int]:
            claims = [Claim(row["id"], 0, "", row["setting"], "", {}, row["seed"], None) for row in store.cells()]
            return [len(store.parts(claim)[0]) for claim in claims]

        assert parts(kept) == [3, 3]  # margin and random, three rounds each
        assert parts(dropped) == [0, 0]
    finally:
        kept.close()
        dropped.close()
