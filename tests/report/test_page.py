"""The page: whole, self-contained, safe, small, the same twice, and good for runs of every shape."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from claros import report
from claros.data import Split, arrays
from claros.errors import DataError
from claros.report.contents import build
from claros.report.load import read
from claros.report.page import render

SECTIONS = [
    "answer", "curves", "table", "pairs", "stopping", "picked", "overlap", "map", "confusion", "calibration", "time",
    "about",
]  # fmt: skip
VOID = {"meta", "img", "br"}
EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</style><b>x</b>",
    "a&amp;b",
    "$x^2$",
    "海豚\n\x00",
)


class Page(HTMLParser):
    """Elements, attributes and text of a page; an element that is closed in the wrong place is an error."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        expected = self.open.pop()
        if tag != expected:
            raise AssertionError(f"</{tag}> closes <{expected}>")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def write(out: Path, **given: Any) -> Page:
    page = report.write(out, **given)
    assert page == out / "report.html"
    return Page(page.read_text(encoding="utf-8"))


def rendered(out: Path, **given: Any) -> Page:
    """The page alone, without the files of the figures."""
    run = read(out)
    return Page(render(run, build(run, **given)))


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory, drawn: Any) -> tuple[Path, Page]:
    out = drawn(tmp_path_factory.mktemp("usual") / "run", seeds=4, rounds=6)
    return out, write(out)


def check(page: Page, arms: int = 3) -> None:
    """What holds of every report; fewer than three arms have no pairs."""
    assert not page.open
    assert [section["id"] for section in page.all("section")] == [
        name for name in SECTIONS if name != "pairs" or arms > 2
    ]
    assert "nan" not in re.findall(r"[a-z]+", page.text.lower())
    assert not {"script", "link", "iframe", "object", "embed", "form"} & {tag for tag, _ in page.elements}
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert attributes.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
        assert re.fullmatch(r"|#[\w-]+|data:image/png;base64,\S+", attributes.get("xlink:href", ""))
        assert re.fullmatch(r"|#[\w-]+|[\w./-]+", attributes.get("href", "")), attributes["href"]


def test_every_section_opens_with_one_finding(usual: tuple[Path, Page]) -> None:
    _, page = usual
    check(page)
    findings = [attributes for attributes in page.all("p") if attributes.get("class") == "finding"]
    assert len(findings) == len(SECTIONS)
    assert [link["href"] for link in page.all("a")][: len(SECTIONS)] == [f"#{name}" for name in SECTIONS]


def test_nothing_is_loaded_from_anywhere(usual: tuple[Path, Page]) -> None:
    out, page = usual
    raw = (out / "report.html").read_text(encoding="utf-8")
    for forbidden in ("http:", "https:", "@import", "//cdn", "<link", "javascript:"):
        assert forbidden not in raw
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", raw))
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_links_lead_to_files_that_are_there(usual: tuple[Path, Page]) -> None:
    out, page = usual
    files = [link["href"] for link in page.all("a") if not link["href"].startswith("#")]
    assert "results.csv" in files
    assert len([name for name in files if name.startswith("figures/")]) == 27  # nine figures: PDF, PNG and Parquet
    for name in files:
        assert (out / name).stat().st_size > 0, name
    assert (out / "figures" / "accuracy.pdf").read_bytes().startswith(b"%PDF")
    assert (out / "figures" / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "figures" / "accuracy.parquet").read_bytes().startswith(b"PAR1")


def test_figures_take_their_colours_and_letters_from_the_page(usual: tuple[Path, Page]) -> None:
    out, page = usual
    raw = (out / "report.html").read_text(encoding="utf-8")
    style = raw[raw.index("<style>") : raw.index("</style>")]
    used = set(re.findall(r"var\(--([a-z]+)\)", raw))
    dark = style[style.index("prefers-color-scheme: dark") :]
    for name in used - {"font"}:
        assert f"--{name}:" in style, f"{name} is not in the style sheet"
    for name in ("paper", "ink", "muted", "rule", "control", "blue", "vermilion"):
        assert f"--{name}:" in dark, f"{name} has no dark version"
    figures = raw[raw.index("<svg") :]
    assert not re.findall(r"(?:fill|stroke): #[0-9a-f]{6}", figures)
    assert "DejaVu" not in raw
    assert all(svg.get("role") == "img" and svg.get("aria-label") for svg in page.all("svg"))


def test_a_table_that_goes_on_beyond_the_edge_shows_a_shadow_there(usual: tuple[Path, Page]) -> None:
    raw = (usual[0] / "report.html").read_text(encoding="utf-8")
    scroll = raw[raw.index(".scroll {") :]
    scroll = scroll[: scroll.index("}")]
    assert "overflow-x: auto" in scroll
    assert scroll.count("var(--shadow)") == 2  # one for each edge


def test_ids_are_given_once(usual: tuple[Path, Page]) -> None:
    _, page = usual
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    clips = {attributes["clip-path"][5:-1] for _, attributes in page.elements if "clip-path" in attributes}
    assert clips
    assert clips <= set(ids)


def test_the_same_folder_gives_the_same_bytes(usual: tuple[Path, Page]) -> None:
    out, _ = usual
    names = ["report.html", *(f"figures/{path.name}" for path in sorted((out / "figures").iterdir()))]
    before = {name: (out / name).read_bytes() for name in names}
    report.write(out)
    assert [name for name in names if (out / name).read_bytes() != before[name]] == []


SHAPES: dict[str, dict[str, Any]] = {
    "one seed of one strategy and no control": {"strategies": ("margin",), "seeds": 1, "rounds": 3},
    "random alone": {"strategies": ("random",), "seeds": 2, "rounds": 3},
    "the start only": {"strategies": ("margin", "random"), "seeds": 6, "rounds": 0},
    "two classes": {"classes": ("no", "yes"), "seeds": 2, "rounds": 3},
    "a hundred classes": {"classes": [f"species {i}" for i in range(100)], "seeds": 1, "rounds": 3, "n_test": 400},
    "no rules": {"strategies": ("margin", "random"), "rules": (), "seeds": 1, "rounds": 2},
    "seven strategies": {"strategies": (*(f"strategy_{i}" for i in range(6)), "random"), "seeds": 3, "rounds": 3},
    "an upper bound": {"seeds": 1, "rounds": 2, "facts": {"upper_bound": {"accuracy": 0.99, "macro_f1": 0.99}}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_of_any_shape_gives_a_good_page(shape: str, tmp_path: Path, drawn: Any) -> None:
    page = rendered(drawn(tmp_path / "run", n_test=SHAPES[shape].pop("n_test", 60), **SHAPES[shape]))
    check(page, len(SHAPES[shape].get("strategies", SECTIONS)))
    if shape == "one seed of one strategy and no control":
        assert "No random arm was run" in page.text
        assert "One seed, so no interval." in page.text
    if shape == "the start only":
        assert "cannot be compared" in page.text
    if shape == "no rules":
        assert "No stopping rule was watched" in page.text
    if shape == "an upper bound":
        assert "the model trained on the whole pool" in page.text


def test_names_and_texts_of_users_cannot_act(tmp_path: Path, drawn: Any) -> None:
    texts = [f"{EVIL[i % len(EVIL)]} number {i}" for i in range(140)]
    pool = arrays(texts, [EVIL[i % 4] for i in range(140)], ids=[f"{EVIL[0]}{i}" for i in range(140)], classes=EVIL[:4])
    out = drawn(
        tmp_path / "run",
        strategies=(EVIL[0].replace("/", "|"), "random"),
        seeds=1,
        rounds=3,
        classes=EVIL[:4],
        items=pool.ids,
        item_labels=pool.labels,
        rules=(EVIL[0],),
        config={"model": {"name": EVIL[1]}},
        n_test=60,
    )
    page = rendered(out, data=Split(pool, None))
    check(page, 2)
    assert page.text.count(EVIL[0]) > 10  # shown as it is, as text
    assert EVIL[1] in page.text
    assert not [image for image in page.all("img") if image["src"] == "x"]


def test_a_thousand_pictures_stay_under_ten_megabytes(tmp_path: Path, drawn: Any) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, size=(1000, 40, 40, 3), dtype=np.uint8)  # noise cannot be compressed: the worst case
    pool = arrays(noise, rng.integers(10, size=1000), classes=[str(i) for i in range(10)])
    out = drawn(
        tmp_path / "run", seeds=1, rounds=4, start=200, batch=200, items=pool.ids, item_labels=pool.labels, n_test=60
    )
    run = read(out)
    raw = render(run, build(run, Split(pool, None)))
    page = Page(raw)
    check(page)
    pictures = page.all("img")
    assert 60 <= len(pictures) <= 120
    assert all(re.match(r"true class \d, item \d+", picture["alt"]) for picture in pictures)
    assert len(raw.encode()) < 10_000_000


def test_pictures_say_what_the_model_took_them_for(tmp_path: Path, drawn: Any) -> None:
    pool = arrays(np.zeros((80, 4, 4), np.uint8), [0, 1] * 40, classes=["cat", "dog"])
    out = drawn(
        tmp_path / "run", strategies=("margin",), seeds=1, rounds=1, start=10, batch=2, classes=("cat", "dog"),
        items=pool.ids, item_labels=pool.labels, n_test=20,
    )  # fmt: skip
    lines = (out / "picks.csv").read_text().splitlines()
    ids = [line.split(",")[3] for line in lines if line.startswith("margin,0,1,")]
    assert len(ids) == 2
    folder = out / "cells" / "margin-0" / "rounds" / "0001"
    np.save(folder / "picks.npy", np.array([int(item) for item in ids]))
    np.save(folder / "batch_probs.npy", np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32))
    alts = [picture["alt"] for picture in rendered(out, data=Split(pool, None)).all("img")]
    assert [alt.split("predicted ")[1] for alt in alts] == [f"cat, item {ids[0]}", f"dog, item {ids[1]}"]


def test_data_that_are_gone_are_said_to_be(tmp_path: Path, drawn: Any) -> None:
    out = drawn(tmp_path / "run", seeds=1, rounds=2, n_test=60, config={"data": str(tmp_path / "gone.npz")})
    page = rendered(out)
    check(page)
    assert "their data cannot be read" in page.text
    assert "gone.npz" in page.text


def test_data_that_changed_since_the_run_are_not_shown(tmp_path: Path, drawn: Any) -> None:
    pool = arrays(np.zeros((80, 4, 4), np.uint8), [0, 1] * 40, classes=["0", "1"])
    manifest = {"pool": {**pool.manifest(), "content": "another"}}
    out = drawn(tmp_path / "run", seeds=1, rounds=1, n_test=60, items=pool.ids, item_labels=pool.labels, start=10,
                batch=10, facts={"manifest": manifest})  # fmt: skip
    page = rendered(out, data=Split(pool, None))
    assert "the data have changed since the run" in page.text
    assert not page.all("img")


def test_items_come_from_the_data_that_the_run_names(tmp_path: Path, drawn: Any) -> None:
    from claros.data import load

    pool = load("iris").train
    out = drawn(
        tmp_path / "run", strategies=("margin",), seeds=1, rounds=2, start=10, batch=10, classes=pool.classes,
        items=pool.ids, item_labels=pool.labels, n_test=60, config={"data": "iris"},
    )  # fmt: skip
    page = rendered(out)
    check(page, 1)
    assert "sepal length" in page.text


@pytest.mark.parametrize("name", ["run.json", "results.csv", "per_class.csv", "picks.csv", "rules.csv"])
def test_a_missing_file_is_one_clear_error(name: str, tmp_path: Path, drawn: Any) -> None:
    out = drawn(tmp_path / "run", strategies=("margin",), seeds=1, rounds=1, n_test=20)
    (out / name).unlink()
    with pytest.raises(DataError, match=re.escape(name)):
        report.write(out)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("run.json", "{", "not valid JSON"),
        ("run.json", "[]", "a JSON object"),
        ("results.csv", "strategy,seed\n", "a column round"),
        ("rules.csv", "", "no header"),
    ],
)
def test_a_damaged_file_is_one_clear_error(name: str, content: str, said: str, tmp_path: Path, drawn: Any) -> None:
    out = drawn(tmp_path / "run", strategies=("margin",), seeds=1, rounds=1, n_test=20)
    (out / name).write_text(content)
    with pytest.raises(DataError, match=said):
        report.write(out)


def test_numbers_that_are_none_and_half_rows_are_clear_errors(tmp_path: Path, drawn: Any) -> None:
    out = drawn(tmp_path / "run", strategies=("margin",), seeds=1, rounds=1, n_test=20)
    whole = (out / "results.csv").read_text()
    (out / "results.csv").write_text(whole.replace("margin,0,1", "margin,zero,1"))
    with pytest.raises(DataError, match=r"numbers in column seed.*zero"):
        report.write(out)
    (out / "results.csv").write_text(whole[:-30].rpartition(",")[0])
    with pytest.raises(DataError, match=r"line 3 should have 13 values"):
        report.write(out)
    (out / "results.csv").write_text(whole.splitlines()[0] + "\n")
    with pytest.raises(DataError, match="no rows"):
        report.write(out)


def test_predictions_of_another_run_are_one_clear_error(tmp_path: Path, drawn: Any) -> None:
    out = drawn(tmp_path / "run", strategies=("margin",), seeds=1, rounds=1, n_test=20)
    np.savez(out / "test.npz", labels=np.zeros(21, dtype=np.int64))
    with pytest.raises(DataError, match="a row for each of 21 test items"):
        report.write(out)


def test_predictions_that_were_not_kept_are_said_to_be(tmp_path: Path, drawn: Any) -> None:
    out = drawn(tmp_path / "run", strategies=("margin",), seeds=1, rounds=1, n_test=20)
    (out / "test.npz").unlink()
    page = rendered(out)
    check(page, 1)
    assert "predictions on the test set were not kept" in page.text
