"""``claros embed``, then a run, a bench and a campaign on the features: of images, texts and sounds."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from claros import Campaign, data
from claros.cli import main

sys.path.append(str(Path(__file__).parents[1] / "models"))  # for encoders:colours and the like

Capture = pytest.CaptureFixture[str]
RUN = ["--strategy", "typiclust", "--start", "6", "--batch", "6", "--rounds", "2", "--no-report"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Reddish and bluish images, 30 of each class."""
    rng = np.random.default_rng(0)
    for place in range(60):
        colour = [200, 60, 40] if place % 2 else [40, 60, 200]
        pixels = np.clip(rng.normal(colour, 30, (8, 8, 3)), 0, 255).astype(np.uint8)
        path = tmp_path / "birds" / ("wren" if place % 2 else "finch") / f"{place:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path / "birds"


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Short and long reviews with columns of other names."""
    rng = np.random.default_rng(0)
    path = tmp_path / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "review", "verdict"])
        for place in range(60):
            n = int(rng.integers(20, 30)) if place % 2 else int(rng.integers(2, 8))
            writer.writerow([f"r{place}", f"{place} " + " ".join(["see"] * n), "long" if place % 2 else "short"])
    return path


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Low and high tones."""
    rng = np.random.default_rng(0)
    for place in range(48):
        hertz = (200 if place % 2 else 900) * rng.uniform(0.9, 1.1)
        samples = 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rng.integers(800, 1600))) / 8000)
        path = tmp_path / "tones" / ("low" if place % 2 else "high") / f"{place:02}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, 8000)
    return tmp_path / "tones"


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def accuracy(out: Path) -> float:
    with (out / "results.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["strategy"] == "typiclust"]
    return float(rows[-1]["accuracy"])


@pytest.mark.parametrize(("kind", "encoder"), [("images", "colours"), ("texts", "lengths"), ("sounds", "loudness")])
def test_embed_then_run_learns_what_the_features_tell(
    kind: str, encoder: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: Capture
) -> None:
    """Classes that the features tell apart, which the start already shows: at least 19 in 20 right by 18 labels."""
    source: Path = request.getfixturevalue(kind)
    columns = ["--text-column", "review", "--label-column", "verdict"] if kind == "texts" else []
    assert run("embed", source, "--model", f"encoders:{encoder}", "--device", "cpu", *columns) == 0
    folder = source.with_name(source.name + ".features")
    assert f"3 features each, by encoders:{encoder}: {folder}" in capsys.readouterr().out
    out = tmp_path / "out"
    assert run("run", "--data", source, "--features", folder, *columns, *RUN, "--out", out) == 0
    facts = json.loads((out / "run.json").read_text())
    assert (facts["data"]["kind"], facts["data"]["reads"]) == (kind, "features")
    assert accuracy(out) >= 0.95


def test_a_run_on_features_goes_on_and_its_page_shows_the_items(images: Path, tmp_path: Path, capsys: Capture) -> None:
    out, folder = tmp_path / "out", tmp_path / "f"
    assert run("embed", images, "--model", "encoders:colours", "--out", folder, "--device", "cpu") == 0
    command = ["run", "--data", images, "--features", folder, *RUN, "--out", out]
    assert run(*command) == 0
    before = (out / "results.csv").read_bytes()
    assert run(*command) == 0
    assert (out / "results.csv").read_bytes() == before
    assert run("report", out) == 0
    page = (out / "report.html").read_text("utf-8")
    assert "data:image/png" in page
    assert "are not shown" not in page
    capsys.readouterr()
    assert run("run", "--data", images, *RUN, "--out", out) == 2
    assert "features was" in capsys.readouterr().err


def test_a_campaign_is_asked_and_told_on_features_and_labels_show_the_items(
    sounds: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Sounds without features have no model unless one is named; with features they have logistic regression."""
    folder = tmp_path / "f"
    assert run("embed", sounds, "--model", "encoders:loudness", "--out", folder, "--device", "cpu") == 0
    capsys.readouterr()
    assert run("ask", sounds, "-n", "8", "--features", folder, "--json") == 0
    asked = json.loads(capsys.readouterr().out)["queries"]
    assert all(query["path"].endswith(".wav") for query in asked)
    pairs = [word for query in asked for word in (query["item"], query["item"].split("/")[0])]
    assert run("tell", sounds, *pairs) == 0
    assert run("ask", sounds, "-n", "4", "--json") == 0
    with Campaign.open(f"{sounds}.claros") as campaign:
        assert campaign.model is not None
        assert campaign.model.spec()["name"] == "logistic"
        assert (campaign.pool.kind, campaign.pool.shows) == ("rows", "sounds")
        assert campaign.n_labeled == 8
    capsys.readouterr()
    assert run("ask", sounds, "--features", tmp_path / "other") == 2
    assert "was made with features" in capsys.readouterr().err


def test_items_that_are_not_those_that_were_embedded_are_refused(images: Path, tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "f"
    assert run("embed", images, "--model", "encoders:colours", "--out", folder, "--device", "cpu") == 0
    Image.new("RGB", (4, 4)).save(images / "wren" / "01.png")
    capsys.readouterr()
    command = ["run", "--data", images, "--features", folder, *RUN, "--out", tmp_path / "out"]
    assert run(*command) == 1
    said = capsys.readouterr().err
    assert "1 item(s) are not what they were when" in said
    assert "'wren/01.png'; run the same claros embed again: only these are computed" in said
    (images / "wren" / "01.png").rename(images / "wren" / "new.png")
    assert run(*command) == 1
    assert "have no features in" in capsys.readouterr().err
    assert run("embed", images, "--model", "encoders:colours", "--out", folder, "--device", "cpu") == 0
    assert "60 items, 3 features each, by encoders:colours (1 computed now)" in capsys.readouterr().out
    assert run(*command) == 0


def test_a_bench_and_its_estimate_take_features(images: Path, tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "f"
    assert run("embed", images, "--model", "encoders:colours", "--out", folder, "--device", "cpu") == 0
    grid = ["--data", images, "--features", folder, "--model", "logistic", "--strategy", "margin"]
    sizes = ["--start", "6", "--batch", "6", "--rounds", "1"]
    capsys.readouterr()
    assert run("bench", "run", *grid, *sizes, "--out", tmp_path / "out", "--no-report", "--json") == 0
    done = json.loads(capsys.readouterr().out)["cells"]["done"]
    assert done >= 2
    moved = folder.rename(tmp_path / "g")  # a path is no part of what a cell is
    again = [moved if word == folder else word for word in grid]
    assert run("bench", "run", *again, *sizes, "--out", tmp_path / "out", "--no-report", "--json") == 0
    assert json.loads(capsys.readouterr().out)["cells"] == {"done": done}
    assert run("bench", "plan", *again, *sizes) == 0


def test_a_network_over_images_reads_the_images_and_strategies_have_the_features(images: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "f", tmp_path / "out"
    assert run("embed", images, "--model", "encoders:colours", "--out", folder, "--device", "cpu") == 0
    quick = ["--set", "model.parameters.epochs=1", "--set", "model.parameters.min_steps=0"]
    size = ["--set", "model.parameters.width=2", "--set", "model.parameters.device=cpu", "--image-size", "16"]
    command = ["run", "--data", images, "--features", folder, "--model", "cnn", *quick, *size, *RUN, "--no-control"]
    assert run(*command, "--out", out) == 0
    assert json.loads((out / "run.json").read_text())["data"]["reads"] == "items"


def test_a_run_with_a_frozen_encoder_is_the_run_on_its_features(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAROS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "f"
    assert run("embed", images, "--model", "encoders:colours", "--out", folder, "--device", "cpu") == 0
    assert run("run", "--data", images, "--features", folder, *RUN, "--out", tmp_path / "one") == 0
    frozen = ["--model", "encoders:colours", "--set", "model.parameters.frozen=true"]
    assert run("run", "--data", images, *frozen, *RUN, "--out", tmp_path / "two") == 0
    assert accuracy(tmp_path / "one") == accuracy(tmp_path / "two")
    picked = [(tmp_path / name / "picks.csv").read_text() for name in ("one", "two")]
    assert picked[0] == picked[1]


def test_skipping_what_cannot_be_read_and_wrong_encoders_are_one_sentence(
    images: Path, texts: Path, tmp_path: Path, capsys: Capture
) -> None:
    (images / "wren" / "01.png").write_bytes(b"no image")
    command = ["embed", images, "--model", "encoders:colours", "--out", tmp_path / "f", "--device", "cpu"]
    assert run(*command) == 1
    assert "of 60 items are computed and stay; the same command goes on from there" in capsys.readouterr().err
    assert run(*command, "--skip-unreadable") == 0
    assert "59 items" in capsys.readouterr().out
    given = ["--text-column", "review", "--label-column", "verdict"]
    assert run("embed", texts, "--model", "timm:test_resnet", "--untrained", *given) == 2
    assert "timm:test_resnet takes images; these items are texts. Choose another model." in capsys.readouterr().err
    assert run("embed", texts, "--model", "encoders:lengths", *given, "--set", "size") == 2
    assert "--set takes name=value" in capsys.readouterr().err


def test_features_made_here_are_read_in_python(texts: Path, tmp_path: Path) -> None:
    given = ["--text-column", "review", "--label-column", "verdict", "--device", "cpu"]
    assert run("embed", texts, "--model", "encoders:lengths", *given, "--out", tmp_path / "f") == 0
    pool = data.text_table(texts, text_column="review", label_column="verdict", features=tmp_path / "f")
    expected = [[len(pool.text(place, None)), pool.text(place, None).count(" ")] for place in range(60)]
    assert np.asarray(pool.fixed_features)[:, :2].tolist() == expected
