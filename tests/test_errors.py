"""The tree of errors, and the sentences that suggest a way out."""

from __future__ import annotations

import pytest

from claros import errors


def test_every_error_can_be_caught_by_its_root_and_by_what_python_calls_it() -> None:
    for name in errors.__all__:
        thing = getattr(errors, name)
        if isinstance(thing, type):
            assert issubclass(thing, errors.ClarosError), name
    assert issubclass(errors.InputError, ValueError)
    assert issubclass(errors.MissingExtraError, ImportError)
    for narrow in (errors.CorruptLogError, errors.NewerLogError, errors.StorageError, errors.ConflictError):
        assert issubclass(narrow, errors.LogError)


def test_the_tree_in_the_documentation_names_every_error() -> None:
    assert errors.__doc__ is not None
    for name in errors.__all__:
        if name.endswith("Error"):
            assert name in errors.__doc__, name


def test_a_suggestion_has_the_nearest_name_and_all_known_ones() -> None:
    sentence = errors.suggest("marign", ["margin", "badge", "entropy"], "strategy")
    assert sentence == "There is no strategy named 'marign'. Did you mean 'margin'? Known: badge, entropy, margin."
    assert "Did you mean" not in errors.suggest("zzz", ["margin"], "strategy")
    assert errors.suggest("x", [], "rule") == "There is no rule named 'x'. Known: none."


def test_an_optional_package_that_is_missing_is_named_with_the_line_that_installs_it() -> None:
    with pytest.raises(errors.MissingExtraError, match=r"the map needs nosuchpackage, .*pip install 'claros\[data\]'"):
        errors.require("nosuchpackage.inner", "data", "the map")
    assert errors.require("json.decoder", "data", "reading").JSONDecoder
