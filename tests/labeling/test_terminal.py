from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from claros import data
from claros.campaign import Campaign
from claros.data import Pool
from claros.errors import InputError
from claros.labeling import Session, Viewer
from claros.labeling.viewer import words


def texts(tmp_path: Path, lines: Iterable[str]) -> Pool:
    table = tmp_path / "texts.csv"
    table.write_text("text\n" + "".join(f'"{line}"\n' for line in lines), encoding="utf-8")
    return data.load(table).train


@pytest.fixture
def campaign(tmp_path: Path) -> Iterator[Campaign]:
    pool = texts(tmp_path, [f"{'good' if row % 2 else 'bad'} film number {row}" for row in range(60)])
    folder = tmp_path / "texts.csv.claros"
    with Campaign.create(folder, pool=pool, classes=["bad", "good"], start=4, batch=4, audit=0) as made:
        yield made


class Sitting:
    """A session whose answers are a script, and what it showed, by role."""

    def __init__(
        self, campaign: Campaign, answers: Iterable[str], batch: int = 4, viewer: Viewer | None = None
    ) -> None:
        self.shown: list[tuple[str, str]] = []
        self._answers = iter(answers)
        self.session = Session(
            campaign,
            annotator="ada",
            batch=batch,
            viewer=viewer or Viewer(""),
            read=self._read,
            write=lambda text, role: self.shown.append((role, text)),
        )
        self.n = self.session.run()

    def _read(self, prompt: str) -> str:
        for answer in self._answers:
            return answer
        raise EOFError

    def all(self, role: str) -> list[str]:
        return [text for of, text in self.shown if of == role]


def asked(campaign: Campaign) -> list[str]:
    return [query.item for query in campaign.ask(4, annotator="ada")]


def test_each_answer_is_in_the_log_under_the_annotator_before_the_next_item_is_shown(campaign: Campaign) -> None:
    first, second, *_ = asked(campaign)
    sitting = Sitting(campaign, ["good", "2"])
    assert sitting.n == 2
    assert campaign.path is not None
    with Campaign.open(campaign.path) as again:
        assert again.labels() == {first: "good", second: "good"}
        assert {label.annotator for label in again.provenance()} == {"ada"}


def test_quitting_and_coming_back_goes_on_with_the_same_items(campaign: Campaign) -> None:
    items = asked(campaign)
    Sitting(campaign, ["1", "q", "1"])
    assert list(campaign.labels()) == items[:1]
    assert asked(campaign) == items[1:]


def test_undo_goes_back_as_far_as_the_session_and_shows_each_item_again(campaign: Campaign) -> None:
    items = asked(campaign)
    sitting = Sitting(campaign, ["1", "2", "1", "u", "u", "u", "u", "2"])
    assert campaign.labels() == {items[0]: "good"}
    assert sitting.all("problem") == ["There is nothing to undo in this session."]
    shown = [status.split(" · ")[1] for status in sitting.all("status")]
    assert shown == [*items, items[2], items[1], items[0], items[1]]


def test_undo_reaches_into_the_batch_before(campaign: Campaign) -> None:
    items = asked(campaign)
    Sitting(campaign, ["1", "2", "1", "2", "u", "1"])
    assert campaign.labels()[items[3]] == "bad"
    assert campaign.n_labeled == 4


def test_a_skip_asks_for_its_reason_and_can_be_taken_back(campaign: Campaign) -> None:
    items = asked(campaign)
    sitting = Sitting(campaign, ["s", "", "s", "bad", "u", "1", "s", "3"])
    assert sitting.all("problem") == ["Not skipped."]
    assert campaign.labels() == {items[0]: "bad"}
    assert items[1] not in campaign.open_items()
    assert sitting.n == 1


def test_what_is_not_understood_is_said_and_the_item_stays(campaign: Campaign) -> None:
    items = asked(campaign)
    sitting = Sitting(campaign, ["what", "", "?", "1"])
    assert sitting.all("problem") == ["No class is 'what' or begins like that; type ? for the keys."]
    assert campaign.labels() == {items[0]: "bad"}


def test_advice_comes_after_every_batch_and_the_next_batch_is_chosen_by_the_strategy(campaign: Campaign) -> None:
    sitting = Sitting(campaign, ["1", "2", "1", "2"] * 2)
    assert len(sitting.all("advice")) == 2
    assert all("labels" in advice for advice in sitting.all("advice"))
    assert "by auto (round 2), score" in sitting.all("status")[-1]


def test_when_nothing_is_left_the_session_says_so_and_ends(tmp_path: Path) -> None:
    pool = texts(tmp_path, ["one", "two", "three"])
    with Campaign.create(None, pool=pool, classes=["a", "b"], audit=0) as campaign:
        sitting = Sitting(campaign, ["a", "b", "a"])
        assert sitting.n == 3
        assert sitting.all("advice")[-1].startswith("Nothing is left to ask")


def test_a_text_cannot_steer_the_terminal(tmp_path: Path) -> None:
    pool = data.text_table(_jsonl(tmp_path, "red \x1b[31m alert\x07\nsecond\tline é"))
    assert words(pool, 0) == "red \\x1b[31m alert\\x07\nsecond\tline é"


def _jsonl(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"text": text}) + "\n", encoding="utf-8")
    return path


def folder_of_images(tmp_path: Path) -> Path:
    from PIL import Image

    folder = tmp_path / "birds"
    folder.mkdir()
    for place in range(12):
        Image.fromarray(np.full((8, 8, 3), 20 * place, dtype=np.uint8)).save(folder / f"bird-{place:02}.png")
    return folder


def recorder(tmp_path: Path) -> tuple[str, Path]:
    """A viewer that writes down what it was asked to show, and the file that it writes to."""
    seen = tmp_path / "seen.txt"
    program = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + chr(10))"
    return shlex.join([sys.executable, "-c", program, str(seen)]), seen


def test_images_that_are_files_are_opened_where_they_are(tmp_path: Path) -> None:
    pool = data.load(folder_of_images(tmp_path)).train
    command, seen = recorder(tmp_path)
    viewer = Viewer(command)
    with Campaign.create(None, pool=pool, classes=["a", "b"], audit=0) as campaign:
        query = campaign.ask(1, annotator="ada")[0]
        file = viewer.file(pool, query.position)
        assert file == tmp_path / "birds" / query.item
        viewer.open(file)
        deadline = time.monotonic() + 60
        while not seen.exists() or not seen.read_text():
            assert time.monotonic() < deadline, "the viewer was not started"
            time.sleep(0.01)
        assert seen.read_text().splitlines() == [str(file)]
        viewer.close()
        assert Sitting(campaign, ["1"], batch=1).all("item")[0] == str(file)


def test_images_in_an_array_are_written_to_be_seen_and_removed_at_the_end(tmp_path: Path) -> None:
    from PIL import Image

    pictures = np.arange(4 * 8 * 8, dtype=np.uint8).reshape(4, 8, 8)
    pool = data.arrays(pictures)
    viewer = Viewer("")
    file = viewer.file(pool, 2)
    assert file is not None
    with Image.open(file) as picture:
        large = np.asarray(picture.convert("L"))
    assert np.array_equal(large[:: large.shape[0] // 8, :: large.shape[1] // 8], pictures[2])
    viewer.close()
    assert not file.exists()


def test_rows_are_shown_by_their_values() -> None:
    viewer = Viewer("")
    pool = data.arrays(np.array([[1.5, -2.0], [0.25, 3.0]]))
    assert viewer.file(pool, 1) is None
    assert "0.25" in words(pool, 1)


def test_a_viewer_that_is_not_installed_is_said_before_labeling_begins() -> None:
    with pytest.raises(InputError, match="'no-such-viewer' is not found"):
        Viewer("no-such-viewer --fast")


def test_the_window_of_the_last_item_is_closed_when_the_next_is_shown(tmp_path: Path) -> None:
    viewer = Viewer(shlex.join([sys.executable, "-c", "import time; time.sleep(60)"]))
    viewer.open(tmp_path)
    first = viewer._running
    assert first is not None
    viewer.open(tmp_path)
    assert first.poll() is not None
    second = viewer._running
    viewer.close()
    assert second is not None
    assert second.poll() is not None
