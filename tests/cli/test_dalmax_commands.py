"""DalMax's command lines, word for word: the files they write, and what is in them."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import f1_score, precision_score, recall_score

import claros
from claros import data
from claros.campaign import Campaign
from claros.cli import main
from claros.models import one_file
from claros.models.encoders.texture import vctex
from claros.rng import stream

Capture = pytest.CaptureFixture[str]

#: What the README of train_al.py lists, the newer version's JSON and CSV, and the start.
README = {
    "confusion_matrix.pdf",
    "final_accuracy.txt",
    "infos.txt",
    "predictions.csv",
    "results.json",
    "training_accuracy_plot.pdf",
    "training_loss_plot.pdf",
}
#: The keys of results.json in DalMax's newer version; ours are beside them.
KEYS = {
    "dataset_name",
    "strategy_name",
    "n_init_labeled",
    "n_query",
    "n_round",
    "seed",
    "all_acc",
    "all_precision",
    "all_recall",
    "all_f1_score",
    "rounds",
    "all_precision_macro",
    "all_recall_macro",
    "all_f1_macro",
}
OURS = {"dataset", "strategy", "model", "n_labeled", "classes", "claros"}


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reddish roses and yellowish tulips, 16 pixels a side: 20 and 20 to train on, 5 and 5 to test on."""
    root, rng = tmp_path_factory.mktemp("DATA") / "DATA_TWO", np.random.default_rng(0)
    for part, n in (("train", 20), ("test", 5)):
        for name, colour in (("rose", (200, 40, 60)), ("tulip", (200, 200, 40))):
            (root / part / name).mkdir(parents=True)
            for number in range(n):
                pixels = np.clip(rng.normal(colour, 60, (16, 16, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{number}.png")
    return root


def line(trees: Path, results: Path, *more: str) -> list[str]:
    """What DalMax's README tells to type, up to the options of each command."""
    return ["--dir_train", f"{trees}/train/", "--dir_test", f"{trees}/test/", "--dir_results", f"{results}/", *more]


def train_al(trees: Path, results: Path, type: str, *more: str) -> int:
    words = ["--type", type, "--batch_size", "3", "--iterations", "2", "--test_size", "0.8"]
    return main(["dalmax", "train-al", *line(trees, results, *words, "--img_size", "16", "--epochs", "1", *more)])


@pytest.fixture(scope="module")
def results(trees: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results")
    assert train_al(trees, out, "uncertainty_sampling") == 0
    return out


def files(folder: Path) -> set[str]:
    """All files but those of the run behind them and the images."""
    below = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in below if path.parts[0] not in ("run", "selected_images", "start_images")}


def test_train_al_writes_what_the_readme_lists(trees: Path, results: Path) -> None:
    assert files(results) == README | {"uncertainty_sampling_al_model.safetensors"}
    assert all((results / name).read_bytes().startswith(b"%PDF") for name in README if name.endswith(".pdf"))
    assert sorted(path.name for path in (results / "selected_images").iterdir()) == ["iteration_1", "iteration_2"]


def test_selected_images_are_the_files_by_iteration_and_class(trees: Path, results: Path) -> None:
    """3 an iteration, 2 iterations; a tenth of the 40 images is the start; no image twice, each as in the tree."""
    selected = sorted((results / "selected_images").rglob("*.png"))
    start = sorted((results / "start_images").rglob("*.png"))
    assert Counter(path.parts[-3] for path in selected) == {"iteration_1": 3, "iteration_2": 3}
    assert len(start) == 4
    for path in [*selected, *start]:
        assert path.read_bytes() == (trees / "train" / path.parent.name / path.name).read_bytes()
    assert len({path.parts[-2:] for path in [*selected, *start]}) == 10


def test_results_and_predictions_agree_and_are_what_scikit_learn_says(results: Path) -> None:
    said = json.loads((results / "results.json").read_text())
    assert set(said) == KEYS | OURS | {"test_size", "iterations"}
    assert (said["strategy_name"], said["strategy"], said["dataset_name"]) == (
        "uncertainty_sampling",
        "entropy",
        "DATA_TWO",
    )
    assert (said["n_init_labeled"], said["n_query"], said["n_round"], said["rounds"]) == (4, 3, 2, [0, 1, 2])
    assert said["n_labeled"] == [4, 7, 10]
    with (results / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["Image Index", "Real Class", "Predicted Class", "Correct", "Path"]
    assert len(rows) == 8  # four fifths of 10 test images
    assert Counter(row["Real Class"] for row in rows) == {"rose": 4, "tulip": 4}
    assert all(Path(row["Path"]).parent.name == row["Real Class"] for row in rows)
    true, taken = [[row[column] for row in rows] for column in ("Real Class", "Predicted Class")]
    assert [int(row["Correct"]) for row in rows] == [int(a == b) for a, b in zip(true, taken, strict=True)]
    scores = {"all_precision": precision_score, "all_recall": recall_score, "all_f1_score": f1_score}
    for name, score in scores.items():
        assert said[name][-1] == pytest.approx(score(true, taken, average="weighted", zero_division=0))
    accuracy = np.mean([a == b for a, b in zip(true, taken, strict=True)])
    assert said["all_acc"][-1] == pytest.approx(accuracy)
    assert (results / "final_accuracy.txt").read_text() == f"Final Test Accuracy: {100 * accuracy:.2f}%"
    infos = (results / "infos.txt").read_text()
    assert infos.startswith("Total time: ")
    assert "Iteration 2: 10 labels" in infos


def test_the_model_in_one_file_predicts_what_was_predicted(trees: Path, results: Path) -> None:
    model, about = one_file.load(results / "uncertainty_sampling_al_model.safetensors")
    with (results / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    test = data.image_folder(trees / "test", image_size=16)
    probs = model.outputs(test, ["probs"])["probs"]
    taken = {str(test.path(at)): about["classes"][code] for at, code in enumerate(probs.argmax(axis=1).tolist())}
    assert [row["Predicted Class"] for row in rows] == [taken[row["Path"]] for row in rows]


@pytest.fixture
def copied(results: Path, tmp_path: Path) -> Path:
    """The results once more, to go on with."""
    return Path(shutil.copytree(results, tmp_path / "copied"))


def test_the_same_line_trains_nothing_and_another_type_replaces_the_files(trees: Path, copied: Path) -> None:
    first = (copied / "results.json").read_bytes()
    log = copied / "run" / "uncertainty_sampling" / "cells" / "uncertainty_sampling-0" / "log.sqlite"
    before = log.read_bytes()
    chosen = {path.relative_to(copied) for path in copied.glob("selected_images/*/*/*")}
    assert train_al(trees, copied, "random_sampling") == 0
    assert json.loads((copied / "results.json").read_text())["strategy"] == "random"
    assert {path.relative_to(copied) for path in copied.glob("selected_images/*/*/*")} != chosen
    assert train_al(trees, copied, "uncertainty_sampling") == 0
    assert (copied / "results.json").read_bytes() == first
    assert log.read_bytes() == before
    assert {path.relative_to(copied) for path in copied.glob("selected_images/*/*/*")} == chosen


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_adversarial_sampling_writes_each_image_its_example_and_the_difference(trees: Path, tmp_path: Path) -> None:
    assert train_al(trees, tmp_path, "adversarial_sampling") == 0
    folder = tmp_path / "adversarial_examples"
    with (folder / "examples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    for row in rows:
        stem = Path(row["item"]).stem
        where = folder / f"iteration_{row['iteration']}" / row["class"]
        kinds = ("original", "adversarial", "difference")
        pictures = {what: pixels(where / f"{stem}_{what}.png") for what in kinds}
        assert {picture.shape for picture in pictures.values()} == {(128, 128, 3)}
        assert (pictures["original"][::8, ::8] == pixels(trees / "train" / row["item"])).all()
    with np.load(folder / "iteration_1.npz") as found:
        moved = np.abs(found["examples"] - found["originals"]).max(axis=(1, 2, 3))
        assert ((found["after"] != found["before"]) <= (moved > 0)).all()
        assert (found["after"] != found["before"]).any()


def test_a_committee_may_be_networks_trained_apart(trees: Path, tmp_path: Path) -> None:
    more = ["--set", "model.parameters.members_from=ensemble", "--set", "model.parameters.members=3"]
    assert train_al(trees, tmp_path, "query_by_committee", *more) == 0
    model, about = one_file.load(tmp_path / "query_by_committee_al_model.safetensors")
    assert about["strategy"] == "vote_entropy"
    images = data.image_folder(trees / "test", image_size=16)
    members = model.outputs(images, ["member_probs"])["member_probs"]
    assert members.shape == (10, 3, 2)
    assert np.ptp(members, axis=1).max() > 0.01  # three networks, not one three times


def test_claros_run_takes_two_trees_and_a_share_and_writes_the_same_files(trees: Path, tmp_path: Path) -> None:
    size = ["--start", "6", "--batch", "3", "--rounds", "2", "--image-size", "16"]
    words = ["--data", f"{trees}/train", "--test", f"{trees}/test", "--test-share", "0.4", *size]
    words += ["--model", "logistic", "--strategy", "diversity_sampling", "--files", "dalmax"]
    out = tmp_path / "out"
    assert main(["run", *words, "--no-control", "--no-report", "--out", str(out)]) == 0
    folder = out / "dalmax" / "diversity_sampling-0"
    assert files(folder) == README  # a model of scikit-learn is no file
    assert len(list(folder.glob("selected_images/iteration_2/*/*.png"))) == 3
    assert len((folder / "predictions.csv").read_text().splitlines()) == 1 + 4
    assert json.loads((folder / "results.json").read_text())["strategy"] == "kmeans"


def test_train_takes_what_was_selected_or_as_many_at_random(trees: Path, copied: Path, capsys: Capture) -> None:
    told = {"random": "10 random images, as many as uncertainty_sampling labeled"}
    told["train"] = "the 10 images that uncertainty_sampling labeled"
    for type, what in told.items():
        words = line(trees, copied, "--type", type, "--epochs", "2", "--img_size", "16", "--json")
        assert main(["dalmax", "train", *words]) == 0
        assert json.loads(capsys.readouterr().out)["trained_on"] == what
        assert files(copied / type) == README | {f"{type}_al_model.safetensors"}
        infos = (copied / type / "infos.txt").read_text()
        assert "Labels: 10 " in infos
        assert "Test data: 10 images" in infos  # train.py tests on all of the tree
        _, about = one_file.load(copied / type / f"{type}_al_model.safetensors")
        assert about["epochs"] == 2


def test_train_reads_the_selected_images_themselves_as_newer_versions_do(
    trees: Path, results: Path, tmp_path: Path, capsys: Capture
) -> None:
    words = [
        "--dir_train",
        f"{results}/selected_images/",
        "--dir_test",
        f"{trees}/test/",
        "--dir_results",
        str(tmp_path),
    ]
    assert main(["dalmax", "train", *words, "--type", "train", "--epochs", "1", "--img_size", "16", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n_labeled"] == 6
    assert sorted(json.loads((tmp_path / "train" / "results.json").read_text())["classes"]) == ["rose", "tulip"]


def params(trees: Path, path: Path) -> Path:
    block = {
        "data_dir": f"{trees}/",
        "n_epoch": 1,
        "n_drop": 3,
        "n_classes": 2,
        "train_args": {"batch_size": 8, "num_workers": 1},
        "test_args": {"batch_size": 100, "num_workers": 1},
        "optimizer_args": {"lr": 0.05, "momentum": 0.3},
    }
    path.write_text(json.dumps({"CIFAR10": block}))
    return path


def demo(trees: Path, tmp_path: Path, *more: str) -> int:
    words = ["--dir_results", str(tmp_path / "out"), "--params_json", str(params(trees, tmp_path / "params.json"))]
    size = ["--seed", "1", "--n_init_labeled", "8", "--n_query", "2", "--n_round", "1", "--img_size", "16"]
    return main(["dalmax", "demo", *words, *size, "--dataset_name", "CIFAR10", *more])


@pytest.mark.parametrize("name", ["BALDDropout", "SSRAEKmeansHCSampling"])
def test_demo_writes_the_newer_tree(trees: Path, tmp_path: Path, name: str) -> None:
    assert demo(trees, tmp_path, "--strategy_name", name) == 0
    folder = tmp_path / "out" / "DATA_TWO" / "SEED_1" / "NQ_2_NIL_8_NR_1_NE_1" / name
    assert files(folder) == {
        "accuracy.pdf",
        "confusion_matrix.pdf",
        "f1_score.pdf",
        "log-dalmax.log",
        "precision.pdf",
        "predictions.csv",
        "recall.pdf",
        "results.json",
        "saved_model.safetensors",
    }
    said = json.loads((folder / "results.json").read_text())
    assert set(said) == KEYS | OURS
    assert (said["dataset_name"], said["strategy_name"], said["seed"], said["rounds"]) == ("CIFAR10", name, 1, [0, 1])
    assert said["n_labeled"] == [8, 10]
    model, _ = one_file.load(folder / "saved_model.safetensors")
    parameters = model.spec()["parameters"]
    assert (parameters["optimizer"], parameters["lr"], parameters["members"]) == ("SGD", 0.05, 3)
    assert parameters["optimizer_arguments"] == {"momentum": 0.3}
    assert [len(model.history), parameters["batch_size"]] == [1, 8]
    texture = tmp_path / "out" / "DATA_TWO" / "features"
    assert {path.name for path in texture.glob("*")} == ({"ssrae-16"} if name.startswith("SSRAE") else set())


def test_demo_picks_by_the_texture_of_the_images(trees: Path, tmp_path: Path) -> None:
    """The picks are those of the strategy on features of these very images, which are computed once."""
    assert demo(trees, tmp_path, "--strategy_name", "VCTexKmeansSampling") == 0
    config = json.loads(next((tmp_path / "out").rglob("run.json")).read_text())["config"]
    pool = data.load(config["data"], image_size=16, test_share=0.0, features=config["features"]).train
    images = data.load(config["data"], image_size=16, test_share=0.0).train
    expected = np.stack([vctex(image) for image in images.take(range(len(images)))])
    np.testing.assert_allclose(pool.fixed_features, expected, rtol=1e-5)
    with Campaign.open(next((tmp_path / "out").rglob("log.sqlite")).parent, pool=pool) as campaign:
        first, second = ([row.item for row in round.items] for round in campaign.rounds)
        rng = stream(campaign.seed, "strategy", 1)
    rest = np.array([place for place, item in enumerate(pool.ids) if item not in first])
    again = claros.select("kmeans", 2, embeddings=np.asarray(pool.fixed_features)[rest], rng=rng)
    assert [pool.ids[place] for place in rest[again.indices]] == second
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("features.npy")}
    assert len(before) == 2
    assert demo(trees, tmp_path, "--strategy_name", "VCTexKmeansHCSampling") == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("features.npy")} == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--type", "uncertainty_samplin"], 2, "Did you mean 'uncertainty_sampling'"),
        (["--test_size", "1.5"], 2, "test_size must be above 0 and at most 1"),
        (["--model", "cn"], 2, "Did you mean 'cnn'"),
        (["--model", "logistic", "--epochs", "3"], 2, "not trained in epochs"),
        (["--dir_train", "no/such/tree"], 1, "no/such/tree"),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(
    trees: Path, tmp_path: Path, capsys: Capture, words: list[str], code: int, said: str
) -> None:
    assert main(["dalmax", "train-al", *line(trees, tmp_path / "out", *words)]) == code
    errors = capsys.readouterr().err
    assert said in errors
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_results_of_another_program_are_not_replaced(trees: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "selected_images" / "rose").mkdir(parents=True)
    assert train_al(trees, tmp_path, "random_sampling") == 2
    assert "selected_images, which Claros has not written" in capsys.readouterr().err
    (tmp_path / "selected_images").rename(tmp_path / "images")
    (tmp_path / "results.json").write_text(json.dumps({"all_acc": [0.5]}))
    assert train_al(trees, tmp_path, "random_sampling") == 2
    assert "results.json, which Claros has not written" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"images", "results.json"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset_name", "DANINHAS"], "data set in"),
        (["--strategy_name", "KCenterGreed"], "Did you mean 'KCenterGreedy'"),
        (["--params_json", "no/params.json"], "no/params.json"),
    ],
)
def test_what_the_newer_line_names_must_be_there(
    trees: Path, tmp_path: Path, capsys: Capture, words: list[str], said: str
) -> None:
    assert demo(trees, tmp_path, *words) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
