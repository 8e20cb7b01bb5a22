from __future__ import annotations

import io
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from claros.campaign import Campaign
from claros.cli import main


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    table = tmp_path / "films.csv"
    rows = [f'film-{row:02},"{"good" if row % 2 else "bad"} film number {row}"' for row in range(60)]
    table.write_text("\n".join(["id,text", *rows]) + "\n", encoding="utf-8")
    return table


Capture = pytest.CaptureFixture[str]


def ask(capsys: Capture, pool: Path, *words: str) -> dict[str, Any]:
    assert main(["ask", str(pool), "--json", *words]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def truth(item: str) -> str:
    return "good" if int(item.removeprefix("film-")) % 2 else "bad"


def test_a_whole_campaign_runs_by_asking_and_telling(pool: Path, tmp_path: Path, capsys: Capture) -> None:
    told: list[str] = []
    for place in range(5):  # 20 to start with come as 8, 8 and 4; then a round of the strategy's
        answer = ask(capsys, pool, "-n", "8", *(["--classes", "bad,good"] if place == 0 else []))
        items = [query["item"] for query in answer["queries"]]
        assert len(items) == (8, 8, 4, 8, 8)[place]
        assert not set(items) & set(told), "nothing is asked twice"
        told += items
        words = [word for item in items for word in (item, truth(item))]
        assert main(["tell", str(pool), *words]) == 0
        assert capsys.readouterr().out == f"Recorded {len(items)}; {len(told)} of 60 items are labeled.\n"
    assert answer["campaign"] == f"{pool}.claros"
    assert {query["source"] for query in answer["queries"]} <= {"strategy", "audit"}
    assert answer["advice"]["verdict"] in {"too early to say", "no price"}
    with Campaign.open(answer["campaign"]) as campaign:
        assert campaign.labels() == {item: truth(item) for item in told}


def test_what_was_asked_and_not_told_is_asked_again_and_of_another_annotator_it_is_not(
    pool: Path, capsys: Capture
) -> None:
    first = ask(capsys, pool, "-n", "4", "--annotator", "ada", "--classes", "bad,good")
    again = ask(capsys, pool, "-n", "4", "--annotator", "ada")
    other = ask(capsys, pool, "-n", "4", "--annotator", "bob")
    assert again["queries"] == first["queries"]
    assert not {query["item"] for query in first["queries"]} & {query["item"] for query in other["queries"]}


def test_plain_output_is_one_item_a_line_and_the_advice_on_standard_error(pool: Path, capsys: Capture) -> None:
    assert main(["ask", str(pool), "-n", "3", "--classes", "bad,good"]) == 0
    shown = capsys.readouterr()
    lines = [line.split("\t") for line in shown.out.splitlines()]
    assert len(lines) == 3
    assert all(item.startswith("film-") and reason for item, reason in lines)
    assert shown.err.startswith("Too early to say")


def test_labels_come_from_a_file_and_from_standard_input(
    pool: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(capsys, pool, "--classes", "bad,good")
    table = tmp_path / "answers.csv"
    table.write_text("item,label\nfilm-01,good\nfilm-02,bad\n")
    assert main(["tell", str(pool), "--from", str(table), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == ["film-01", "film-02"]
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"item": "film-03", "label": "good"}\n'))
    assert main(["tell", f"{pool}.claros", "--from", "-"]) == 0
    assert capsys.readouterr().out == "Recorded 1; 3 of 60 items are labeled.\n"


def test_one_wrong_label_among_several_records_none(pool: Path, capsys: Capture) -> None:
    ask(capsys, pool, "--classes", "bad,good")
    assert main(["tell", str(pool), "film-01", "good", "film-02", "ugly"]) == 2
    said = capsys.readouterr().err
    assert "no class 'ugly'" in said
    assert len(said.splitlines()) == 1
    with Campaign.open(f"{pool}.claros") as campaign:
        assert campaign.n_labeled == 0


def test_a_skip_closes_an_item_and_a_retraction_opens_it_again(pool: Path, capsys: Capture) -> None:
    items = [query["item"] for query in ask(capsys, pool, "-n", "3", "--classes", "bad,good")["queries"]]
    assert main(["tell", str(pool), items[0], items[1], "--skip", "bad item"]) == 0
    capsys.readouterr()
    assert [query["item"] for query in ask(capsys, pool, "-n", "1")["queries"]] == items[2:]
    assert main(["tell", str(pool), items[1], "--retract"]) == 0
    capsys.readouterr()
    assert items[1] in [query["item"] for query in ask(capsys, pool, "-n", "2")["queries"]]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["tell", "nowhere", "a", "b"], 1, "There is no campaign at nowhere.claros"),
        (["ask", "nowhere.claros"], 1, "There is no campaign at nowhere.claros"),
        (["ask", "nowhere"], 1, "nowhere"),
        (["tell", "nowhere", "--from", "missing.csv"], 1, "nowhere.claros"),
        (["tell", "nowhere"], 2, "nothing to tell"),
    ],
)
def test_what_is_not_there_is_one_sentence(
    words: list[str], code: int, said: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == code
    shown = capsys.readouterr().err
    assert said in shown
    assert len(shown.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_item_or_a_reason_that_does_not_exist_is_exit_code_2(pool: Path, capsys: Capture) -> None:
    ask(capsys, pool, "--classes", "bad,good")
    assert main(["tell", str(pool), "film-99", "good"]) == 2
    assert "film-99" in capsys.readouterr().err
    assert main(["tell", str(pool), "film-01", "--skip", "boring"]) == 2
    assert "cannot tell" in capsys.readouterr().err


def test_near_duplicates_are_asked_once_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{word} {other}" for word in ("red", "green", "blue", "grey") for other in ("sky", "sea", "sand")]
    rows = ["text", *(line for line in lines for line in (line, line + "!"))]  # the same words, another content
    (tmp_path / "words.csv").write_text("\n".join(rows) + "\n")
    asked = {}
    for name, more in (("all", []), ("once", ["--near-duplicates", "0.99"])):
        where = ["ask", str(tmp_path / "words.csv"), "-n", "24", "--classes", "a,b", "--model", "none", "--json"]
        assert main([*where, "--campaign", str(tmp_path / f"{name}.claros"), *more]) == 0
        asked[name] = [int(query["item"]) for query in json.loads(capsys.readouterr().out)["queries"]]
    assert sorted(asked["all"]) == list(range(24))
    assert sorted(item // 2 for item in asked["once"]) == list(range(12))


def test_a_sample_of_the_target_makes_the_advice_speak_of_label_shift(tmp_path: Path, capsys: Capture) -> None:
    words = {"good": "fine great lovely", "bad": "dull poor awful"}
    rows = [f'film-{row:02},"{words["good" if row % 2 else "bad"]} {row}"' for row in range(60)]
    (tmp_path / "films.csv").write_text("\n".join(["id,text", *rows]) + "\n")
    target = [f'"{words["bad" if row % 10 else "good"]} {row}"' for row in range(100)]
    (tmp_path / "target.csv").write_text("\n".join(["text", *target]) + "\n")
    pool, more = (
        tmp_path / "films.csv",
        ["--target", str(tmp_path / "target.csv"), "--correction", "prediction(gate=0)"],
    )
    answer = ask(capsys, pool, "--classes", "bad,good", *more)
    said = [word for query in answer["queries"] for word in (query["item"], truth(query["item"]))]
    assert main(["tell", str(pool), *said]) == 0
    capsys.readouterr()
    assert main(["ask", str(pool), "-n", "1"]) == 0
    assert "Label shift: predictions are adjusted to the target's class shares" in capsys.readouterr().err
    assert main(["ask", str(pool), "--correction", "weights"]) == 2
    assert "was made with the correction 'prediction'" in capsys.readouterr().err


def test_with_a_price_the_advice_says_stop_and_without_one_how_to_give_it(pool: Path, capsys: Capture) -> None:
    said = {}
    for name, price in (("dear", ["--price", "100", "--worth", "0.01"]), ("free", [])):
        words = [str(pool), "--campaign", str(pool.with_name(f"{name}.claros"))]
        assert main(["ask", *words, "--classes", "bad,good", "--start", "8", "--audit", "0", "-n", "8", *price]) == 0
        for _ in range(5):
            items = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
            assert main(["tell", *words, *(word for item in items for word in (item, truth(item)))]) == 0
            capsys.readouterr()
            assert main(["ask", *words, "-n", "8"]) == 0
        said[name] = (shown := capsys.readouterr()).err
        assert shown.out
    assert said["dear"].startswith("Stop (40 labels)")
    assert said["free"].startswith("No price (40 labels)")
    hint = said["free"].partition("for this one: claros ")[2].partition(" (with")[0]
    assert main([*shlex.split(hint), "--json"]) == 0


def test_a_new_class_is_added_and_said_and_a_misspelt_one_is_refused(pool: Path, capsys: Capture) -> None:
    ask(capsys, pool, "-n", "1", "--classes", "bad,good")
    assert main(["ask", str(pool), "--classes", "bad,goood"]) == 2
    assert "has no class 'goood', but 'good'; mend --classes, or add the class" in capsys.readouterr().err
    assert main(["ask", str(pool), "-n", "1", "--classes", "bad,good", "--add-class", "ugly"]) == 0
    assert capsys.readouterr().err.startswith("Added to the classes: ugly; there are 3 now.\n")
    assert main(["ask", str(pool), "-n", "1", "--add-class", "ugly"]) == 0
    assert "Added" not in capsys.readouterr().err
    assert main(["ask", str(pool), "-n", "1", "--classes", "bad,other", "--add-class", "goood"]) == 0
    assert capsys.readouterr().err.startswith("Added to the classes: other, goood; there are 5 now.\n")
    with Campaign.open(f"{pool}.claros") as campaign:
        assert campaign.classes == ("bad", "good", "ugly", "other", "goood")


def test_errors_say_the_option_and_what_cannot_be_read_is_left_out_by_one(tmp_path: Path, capsys: Capture) -> None:
    table = tmp_path / "films.csv"
    table.write_text("id,text\n" + "".join(f"film-{row}{'' if row == 3 else f',x {row}'}\n" for row in range(30)))
    assert main(["ask", str(table), "--classes", "bad,good"]) == 1
    assert "(--skip-unreadable)" in capsys.readouterr().err
    assert main(["ask", str(table), "--skip-unreadable"]) == 2
    assert "(--classes finch,wren)" in capsys.readouterr().err
    asked = ask(
        capsys, table, "-n", "30", "--skip-unreadable", "--classes", "bad", "--add-class", "good", "--audit", "0"
    )
    assert len(asked["queries"]) == 29
    assert len(ask(capsys, table, "-n", "1")["queries"]) == 1
    assert main(["export", str(tmp_path / "nowhere")]) == 2
    assert "make one with claros label POOL" in capsys.readouterr().err
