"""The study of stopping rules: its cells, of fine-tuned networks too, and the page that its tables become."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from benchmarks import stop_study
from benchmarks.stop_study import page
from benchmarks.study import pretrain, sets

from claros.experiment.stopping.from_benches import from_bench
from claros.stopping import Advisor


def write(folder: Path, name: str, *rows: dict[str, object]) -> None:
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)


def arm(name: str, kind: str, regret: float, ratio: object = "", model: str = "all", price: object = "") -> dict:
    interval = {"low": regret - 0.01, "high": regret + 0.01, "ratio_low": ratio, "ratio_high": ratio}
    return {"model": model, "strategy": "all", "price": price, "arm": name, "kind": kind, "regret": regret,
            "ratio": ratio, "never": 0.25, "sets": 19, "runs": 344, **interval}  # fmt: skip


def test_every_table_has_its_numbers_the_best_rule_first(tmp_path: Path) -> None:
    write(
        tmp_path,
        "regret",
        arm("worse", "as published", 0.4, 0.1),
        arm("better", "as published", 0.3, 0.2),
        arm("better", "as published", 0.35, 0.2, model="forest"),
        arm("better", "as published", 9.0, price=0.001),  # of one price: not what the page says
        arm("advisor", "told the price", 0.05),
        arm("price x labels", "no data, told the price", 0.1, 0.5),
        arm("kappa + price", "signal, told the price", 0.08, 0.6),
        arm("doubt + price", "signal, told the price", 0.07, 0.7),
    )
    scope = {"model": "all", "strategy": "all"}
    write(tmp_path, "first_stops", {**scope, "arm": "advisor", "kind": "told the price", "stops": 10, "right": 0.9,
          "low": 0.8, "high": 1.0, "wrong_net_points": 1.25, "wrong_accuracy_points": 2})  # fmt: skip
    write(tmp_path, "verdicts", {"verdict": "stop", "rounds": 7, "past": 0.99})
    over_sets = {"data": "all", "coverage": 0.85, "width_points": 7.5, "bias_points": 1, "rounds": 9}
    of_one = {"data": "usps", "coverage": 0.9, "width_points": 8, "bias_points": -1, "rounds": 4}
    write(tmp_path, "gains", {**scope, **over_sets}, {**scope, **of_one})
    write(tmp_path, "correlations", {"model": "forest", "strategy": "margin", "rule": "better", "correlation": 0.9,
          "sem": 0.02, "svm": 0.1, "rf": 0.56, "nn": ""})  # fmt: skip
    said = page(tmp_path, [f"a CNN={tmp_path}"])
    assert said.index("`better` | 0.300") < said.index("`worse` | 0.400")
    assert "| `better` | 0.300 | 0.290 to 0.310 | 0.20 | 0.20 to 0.20 | 25 % | 0.350 |" in said
    assert "9.000" not in said
    assert "| `advisor` | 10 | 90 % | 80 % to 100 % | 1.2 | 2.0 |" in said
    assert "| stop | 7 | 99 % |" in said
    assert said.index("| usps | 90 % | 8.0 | -1.0 | 4 |") < said.index("| all | 85 % | 7.5 | +1.0 | 9 |")
    assert "| `better` | 0.90 ± 0.02 | 0.56 |" in said
    assert "| a CNN | 19 | 344 | 0.050 (0.040 to 0.060) | 0.100 | 0.070 (doubt + price) |  | 85 % | +1.0 |" in said
    assert "small CNN" not in page(tmp_path, [])


def texts_file(folder: Path) -> Path:
    """Two classes that a word tells apart, 90 texts to choose from and 30 to measure on."""
    words = {"bird": ["finch", "wren", "robin"], "tree": ["oak", "elm", "ash"]}
    with (folder / "nature.jsonl").open("w") as lines:
        for place in range(120):
            label = ("bird", "tree")[place % 2]
            text = f"number {place} is a {words[label][place % 3]} of the wood"
            lines.write(json.dumps({"text": text, "label": label, "split": "test" if place >= 90 else "train"}) + "\n")
    return folder / "nature.jsonl"


def test_a_checkpoint_made_here_is_fine_tuned_on_texts_as_they_are(tmp_path: Path, monkeypatch) -> None:
    file, out = texts_file(tmp_path), tmp_path / "texts"
    monkeypatch.setattr("sys.argv", ["sets", str(file), "--out", str(out), "--raw"])
    sets.main()
    kept = [json.loads(line) for line in (out / "nature.jsonl").read_text().splitlines()]
    assert {(row["text"].split()[4] in ("finch", "wren", "robin"), row["label"]) for row in kept} == {
        (True, 0),
        (False, 1),
    }
    assert [row["split"] for row in kept] == ["train"] * 90 + ["test"] * 30
    pretrain.pretrain(pretrain.texts_of(file), tmp_path / "bert", epochs=1)
    given = (
        f"run hf:{tmp_path / 'bert'} --names nature --sets {out} --db {tmp_path / 'tuned.sqlite'} --seeds 1 --first 4"
    )
    size = "--batch 10 --rounds 1 --jobs 1 --set model.parameters.min_steps=1 model.parameters.num_train_epochs=1"
    monkeypatch.setattr("sys.argv", ["stop_study", *given.split(), *size.split()])
    stop_study.main()
    runs = [*from_bench(str(tmp_path / "tuned.sqlite"))]
    assert sorted((run.key.strategy, run.key.seed) for run in runs) == [("margin", 4), ("random", 4)]
    assert all(run.n_labeled.tolist() == [20, 30] and len(run.trace(Advisor())) == 2 for run in runs)


def test_a_set_that_is_not_there_is_named(tmp_path: Path, monkeypatch) -> None:
    given = f"run logistic --names usps --sets {tmp_path} --db {tmp_path / 'a.sqlite'}"
    monkeypatch.setattr("sys.argv", ["stop_study", *given.split()])
    with pytest.raises(SystemExit, match=r"has no usps; benchmarks\.study\.sets makes it"):
        stop_study.main()
