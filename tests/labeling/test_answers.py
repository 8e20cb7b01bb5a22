from __future__ import annotations

import pytest

from claros.errors import DataError, InputError
from claros.labeling import pairs, read_answers


@pytest.mark.parametrize(
    "text",
    [
        "item,label\n7,finch\nbirds/9.png,wren\n",
        "\ufefflabel,note,item\r\nfinch,,7\r\nwren,blurred,birds/9.png\r\n",
        '{"item": 7, "label": "finch"}\n\n{"label": "wren", "item": "birds/9.png", "note": 1}\n',
    ],
)
def test_csv_and_json_lines_say_the_same(text: str) -> None:
    assert read_answers(text, "answers") == {"7": "finch", "birds/9.png": "wren"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,label\n7,finch\n", "needs a header with item and label; got id, label"),
        ("", "got nothing"),
        ("item,label\n7,finch\n8,\n", "line 3: an item and a label were expected"),
        ('{"item": "7", "label": "finch"}\n{"item": "8"}\n', "line 2:"),
        ('{"item": "7", "label": "finch"}\n{"item": "8", "la\n', "line 2:"),
        ('{"item": "7", "label": null}', "item and label must be texts"),
        ('{"item": "7", "label": true}', "item and label must be texts"),
        ("item,label\n7,finch\n7,wren\n", "two labels, 'finch' and 'wren'"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_answers(text, "answers")


def test_words_alternate() -> None:
    assert pairs(["7", "finch", "8", "wren"]) == {"7": "finch", "8": "wren"}
    with pytest.raises(InputError, match="'8' has none"):
        pairs(["7", "finch", "8"])
