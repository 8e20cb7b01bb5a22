"""``verify`` finds a round the same when it is, and says what is not when something was changed."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from claros import Campaign, data
from claros.campaign.environment import differences
from claros.cli import main
from claros.errors import DataError, InputError
from claros.experiment import evaluate, run
from claros.experiment.config import parse_config
from claros.experiment.differences import CLOSE, DIFFERENT, SAME, arrays, numbers, texts
from claros.experiment.verify import verify
from claros.files import npy_bytes
from claros.testing.pools import small_pool

SMALL = {"data": "iris", "strategy": ["badge"], "start": 6, "batch": 5, "rounds": 2, "audit": 0.1}


def made(out: Path, **changes: Any) -> Path:
    return run(parse_config({**SMALL, **changes}), out, listener=lambda moment: None)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("run") / "out")


@pytest.fixture
def out(plain: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(plain, tmp_path / "out"))


def verdicts(found: Any) -> dict[str, str]:
    return {part.name: part.verdict for part in found.parts}


@pytest.mark.parametrize("round", [0, 1, 2, None])
@pytest.mark.parametrize("arm", ["badge", "random"])
def test_every_round_of_a_run_is_the_same_to_the_bit(plain: Path, arm: str, round: int | None) -> None:
    found = verify(plain, arm=arm, round=round, tolerance=0.0)
    assert found, str(found)
    assert set(verdicts(found).values()) == {SAME}
    told = {"picks", "labels told", "test predictions", "metrics", "training", "batch.csv", "picks.csv", "results.csv"}
    assert told | {"picks.npy", "stop_probs.npy"} <= set(verdicts(found))
    assert found.round == (2 if round is None else round)
    assert (found.changes, found.recorded) == ((), True)


def test_verifying_changes_nothing_on_disk(out: Path) -> None:
    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    before = contents()
    assert verify(out)
    assert contents() == before


NET = {"name": "torch.nn:Linear", "parameters": {"epochs": 2, "min_steps": 1}}


@pytest.mark.parametrize(
    "changes", [{}, {"checkpoints": "none"}, {"warm": True}, {"warm": True, "checkpoints": "last"}]
)
def test_torch_models_are_loaded_or_trained_again(tmp_path: Path, changes: dict[str, Any]) -> None:
    model = {"name": "networks_of_tests:small", "parameters": {**NET["parameters"], "warm": changes.pop("warm", False)}}
    out = made(tmp_path / "out", model=model, strategy=["margin"], control=False, **changes)
    for round in range(3):
        found = verify(out, round=round, tolerance=0.0)
        assert found, str(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"init": "stratified", "audit": 0.0},
        {"upper_bound": 2, "audit": 0.0, "rounds": 1},
        {"oracle": {"kind": "uniform", "rate": 0.3}, "streams": {"annotator": 4, "strategy": 9}},
        {"model": {"name": "forest", "parameters": {"n_estimators": 5}}, "rounds": 1},
    ],
)
def test_what_only_an_experiment_knows_is_chosen_and_told_again(tmp_path: Path, changes: dict[str, Any]) -> None:
    out = made(tmp_path / "out", **changes)
    arm = "upper_bound" if "upper_bound" in changes else None
    for round in (0, None):
        found = verify(out, round=round, arm=arm)
        assert found, str(found)


def test_a_pick_that_was_changed_in_the_log_is_found(out: Path) -> None:
    other = unpicked(out)
    with sqlite3.connect(out / "cells/badge-0/log.sqlite") as log:
        seq, payload = planned(log, 2)
        was, payload["items"][0]["item"] = payload["items"][0]["item"], other
        log.execute("UPDATE claros_events SET payload = ? WHERE seq = ?", (json.dumps(payload), seq))
    log.close()
    found = verify(out)
    assert not found
    assert verdicts(found)["picks"] == DIFFERENT
    assert f"recorded '{other}', now '{was}'" in str(found)
    assert verdicts(found)["metrics"] == SAME  # the labels that were told are as they were


def planned(log: sqlite3.Connection, round: int) -> tuple[int, dict[str, Any]]:
    rows = log.execute("SELECT seq, payload FROM claros_events WHERE kind = 'planned' ORDER BY seq").fetchall()
    return rows[round][0], json.loads(rows[round][1])


def unpicked(out: Path) -> str:
    with (out / "picks.csv").open(newline="") as file:
        picked = {row["item"] for row in csv.DictReader(file)}
    return next(item for item in data.load("iris").train.ids if item not in picked)


def test_a_pick_that_was_changed_in_its_array_is_found(out: Path) -> None:
    file = out / "cells/badge-0/rounds/0002/picks.npy"
    picks = np.load(file)
    picks[[0, 1]] = picks[[1, 0]]
    file.write_bytes(npy_bytes(picks))
    assert {name for name, verdict in verdicts(verify(out)).items() if verdict == DIFFERENT} == {"picks.npy"}


@pytest.mark.parametrize(
    ("file", "column", "part"),
    [
        ("cells/badge-0/rounds/0002/batch.csv", "item", "batch.csv"),
        ("picks.csv", "item", "picks.csv"),
        ("results.csv", "accuracy", "results.csv"),
    ],
)
def test_a_table_that_was_changed_is_found(out: Path, file: str, column: str, part: str) -> None:
    with (out / file).open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    own = [row for row in rows if row.get("strategy", "badge") == "badge" and row.get("round", "2") == "2"]
    own[0][column] = unpicked(out) if column == "item" else "0.123"
    with (out / file).open("w", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert {name for name, verdict in verdicts(verify(out)).items() if verdict == DIFFERENT} == {part}


def test_metrics_and_predictions_that_were_changed_are_found(out: Path) -> None:
    folder = out / "cells/badge-0/rounds/0002"
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**metrics, "accuracy": metrics["accuracy"] - 0.1}))
    probs = np.load(folder / "test_probs.npy")
    probs[3] = probs[3, ::-1]
    (folder / "test_probs.npy").write_bytes(npy_bytes(probs))
    found = verify(out)
    wrong = {part.name: part.detail for part in found.parts if part.verdict == DIFFERENT}
    assert set(wrong) == {"metrics", "test predictions"}
    assert "accuracy: recorded" in wrong["metrics"]
    assert wrong["test predictions"] == "1 of 38 rows, the first at 3"


def test_a_label_that_was_changed_changes_what_follows(out: Path) -> None:
    with sqlite3.connect(out / "cells/badge-0/log.sqlite") as log:
        rows = log.execute("SELECT seq, payload FROM claros_events WHERE kind = 'told' ORDER BY seq DESC").fetchall()
        seq, payload = rows[0][0], json.loads(rows[0][1])
        payload["label"] = (payload["label"] + 1) % 3
        log.execute("UPDATE claros_events SET payload = ? WHERE seq = ?", (json.dumps(payload), seq))
    log.close()
    wrong = {name for name, verdict in verdicts(verify(out)).items() if verdict == DIFFERENT}
    assert "labels told" in wrong
    assert "test predictions" in wrong or "audit" in wrong
    assert "picks" not in wrong


def test_other_versions_and_threads_are_named(out: Path) -> None:
    with sqlite3.connect(out / "cells/badge-0/log.sqlite") as log:
        row = log.execute("SELECT seq, payload FROM claros_events WHERE kind = 'fitted' ORDER BY seq").fetchone()
        payload = json.loads(row[1])
        payload["environment"]["versions"]["numpy"] = "1.0"
        name = next(iter(payload["environment"]["threads"]))
        payload["environment"]["threads"][name] = 64
        log.execute("UPDATE claros_events SET payload = ? WHERE seq = ?", (json.dumps(payload), row[0]))
    log.close()
    found = verify(out)
    assert found  # the numbers are the same nevertheless
    assert f"numpy was 1.0, is {np.__version__}" in found.changes
    assert any(change.startswith(f"{name} threads was 64, is ") for change in found.changes)
    assert "Computed with something else: numpy was 1.0" in str(found)


def test_differences_name_what_came_and_went() -> None:
    before = {"claros": "1", "versions": {"numpy": "2", "scipy": "1"}, "threads": {"openblas": 1, "torch": 4}}
    now = {"claros": "1", "versions": {"numpy": "2", "torch": "3"}, "threads": {"openblas": 2}}
    assert differences(before, now) == [
        "scipy was 1, is not here",
        "torch was not there, is 3",
        "openblas threads was 1, is 2",
    ]


def campaign(path: Path, **settings: Any) -> Campaign:
    pool = small_pool("rows", 90)
    return Campaign.create(path, pool=pool, strategy="margin", start=10, batch=6, **{"audit": 0.2, **settings})


def test_a_campaign_with_people_and_late_answers_is_the_same(tmp_path: Path) -> None:
    pool = small_pool("rows", 90)
    path = tmp_path / "c.claros"
    with campaign(path) as live:
        queries = live.ask(10, annotator="ada")
        live.skip(queries[0].item, "bad item", annotator="ada")
        for query in queries[2:]:
            live.tell(query.item, int(pool.labels[query.position]), annotator="ada")  # type: ignore[index]
        live.tell(queries[1].item, 0, annotator="ada")
        second = live.ask(6, annotator="bob")
        live.tell(queries[1].item, 1, annotator="ada")  # revised after the next round was planned
        for query in second:
            live.tell(query.item, int(pool.labels[query.position]), annotator="bob")  # type: ignore[index]
        live.plan([live.pool.ids[live.candidates()[0]]], by="bob")
        live.tell(live.ask(1, annotator="bob")[0].item, 1, annotator="bob")
        live.ask(6)
        live.update()
    for round in range(4):
        found = verify(path, pool=pool, round=round, tolerance=0.0)
        assert found, str(found)
        assert found.arm is None
        assert ("picks" in verdicts(found)) == (round != 2)  # that one was chosen by a person
    with pytest.raises(InputError, match="no round 9; its last is 3"):
        verify(path, pool=pool, round=9)
    with pytest.raises(InputError, match="no run, so it has no arms"):
        verify(path, pool=pool, arm="margin")
    with pytest.raises(DataError, match="not the pool"):
        verify(path, pool=small_pool("rows", 90, seed=1))


def test_the_command_says_so_and_its_exit_code_too(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(out), "--arm", "random", "--round", "1"]) == 0
    said = capsys.readouterr().out
    assert "random, seed 0, round 1 is the same to the bit." in said
    assert "Computed with the same versions and threads." in said
    (out / "cells/badge-0/rounds/0002/picks.npy").unlink()
    assert main(["verify", str(out), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["same"], answer["arm"], answer["round"]) == (False, "badge", 2)
    assert [part["name"] for part in answer["parts"] if part["verdict"] == DIFFERENT] == ["picks.npy"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--arm", "badg"], 2, "Did you mean 'badge'"),
        (["--seed", "7"], 2, "its seeds are 0"),
        (["--round", "3"], 2, "the last that is, is 2"),
        (["--round", "-1"], 2, "0 or more"),
        (["--tolerance", "2"], 2, "tolerance"),
    ],
)
def test_what_is_not_there_is_one_sentence(
    plain: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert main(["verify", str(plain), *words]) == code
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a run nor a campaign"):
        verify(tmp_path)
    (tmp_path / "bench.json").write_text("{}")
    with pytest.raises(InputError, match="is a bench"):
        verify(tmp_path)


def test_parts_are_the_same_close_or_different() -> None:
    one = np.array([1.0, 200.0])
    assert arrays("x", npy_bytes(one), npy_bytes(one), 0.0).verdict == SAME
    # 200 against 200.0001: 5e-7 of it
    near = arrays("x", npy_bytes(one), npy_bytes(np.array([1.0, 200.0001])), 1e-6)
    assert (near.verdict, round(near.largest or 0, 9)) == (CLOSE, 5e-7)
    assert arrays("x", npy_bytes(one), npy_bytes(np.array([1.0, 200.0001])), 1e-7).verdict == DIFFERENT
    assert arrays("x", npy_bytes(one), None, 0.1).verdict == DIFFERENT
    assert arrays("x", npy_bytes(np.array([np.nan])), npy_bytes(np.array([np.nan])), 0.0).verdict == SAME
    assert arrays("x", npy_bytes(np.array([np.nan])), npy_bytes(np.array([1.0])), 0.5).verdict == DIFFERENT
    assert arrays("x", npy_bytes(np.array([1, 2])), npy_bytes(np.array([1, 3])), 0.9).verdict == DIFFERENT
    assert numbers("x", {"a": None, "b": 1.0}, {"a": None, "b": 1.0}, 0.0).verdict == SAME
    assert numbers("x", {"a": None}, {"a": 0.5}, 0.9).verdict == DIFFERENT
    assert texts("x", ["a", "b"], ["b", "a"]).detail == "2 of 2, first number 1: recorded 'a', now 'b'"


def test_a_campaign_corrected_for_a_label_shift_is_the_same_and_is_scored_as_it_is_used(tmp_path: Path) -> None:
    pool, world = small_pool("rows", 240), small_pool("rows", 240, seed=3)
    codes = np.asarray(world.labels)
    target = world.subset(np.concatenate([np.flatnonzero(codes == 0), np.flatnonzero(codes == 1)[:8]]))
    path = tmp_path / "c.claros"
    settings: dict[str, Any] = {"model": "logistic", "strategy": "margin", "audit": 0.0, "start": 30, "batch": 10}
    with Campaign.create(path, pool=pool, target=target, correction="prediction(gate=0)", **settings) as live:
        for n in (30, 10):
            live.tell_many({query.item: int(pool.labels[query.position]) for query in live.ask(n)})  # type: ignore[index]
            live.update()
        used = np.asarray(live.predict(world)["probs"])
        plain = np.asarray(live.model.outputs(world, ["probs"])["probs"])  # type: ignore[union-attr]
    assert not np.array_equal(used, plain)
    for round in (0, 1):
        found = verify(path, pool=pool, target=target, round=round, tolerance=0.0)
        assert found, str(found)
        assert verdicts(found)["label shift"] == SAME
    row = evaluate(path, world, pool=pool).rows[1]
    assert row["nll"] == pytest.approx(-np.log(used[np.arange(240), codes]).mean())
