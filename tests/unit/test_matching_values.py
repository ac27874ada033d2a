"""Values at a place and their text forms."""

from __future__ import annotations

import pytest
import re2

from firstseen.matching import values
from firstseen.matching.values import TooManyValuesError, fold, leaf_texts, reached, text_values
from firstseen.sources.source import Derived

VIEW = {
    "one": "a",
    "list": ["a", None, ["b", 1, [True]], {"c": 1.5}],
    "deep": [{"k": "x"}, [{"k": ["y", None]}], {"other": 1}, "text"],
    "empty": [],
    "null": None,
    "object": {"z": 1, "a": [1, 2], "text": '{"q":"\\n"}'},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("one",), ["a"]),
        (("list",), ["a", "b", "1", "true", '{"c":1.5}']),
        (("deep", "k"), ["x", "y"]),
        (("empty",), []),
        (("null",), []),
        (("absent",), []),
        (("one", "below"), []),
        (("object",), ['{"z":1,"a":[1,2],"text":"{\\"q\\":\\"\\\\n\\"}"}']),
    ],
)
def test_a_place_gives_the_text_of_every_element(path: tuple[str, ...], expected: list[str]) -> None:
    """Lists are opened wherever they lie, nulls have no text, objects keep their own key order."""
    assert text_values(VIEW, path) == expected


def test_absent_and_null_differ_only_in_being_there() -> None:
    """What exists asks and what null asks are two things."""
    assert reached(VIEW, ("null",)) == [None]
    assert reached(VIEW, ("empty",)) == [[]]
    assert reached(VIEW, ("absent",)) == []


def test_a_derived_name_without_a_value_is_absent() -> None:
    """A function's None means that there is nothing there."""
    assert text_values(VIEW, Derived(("one",), lambda _view: None)) == []
    assert text_values(VIEW, Derived(("one",), lambda view: [view["one"], None])) == ["a"]


def test_too_many_values_are_an_error_and_not_a_silent_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule over a field with more values than may be visited is not decided, in whatever way they are nested."""
    monkeypatch.setattr(values, "MAX_VALUES", 10)
    assert len(text_values({"f": ["a"] * 10}, ("f",))) == 10
    arrays: tuple[list[object], ...] = (["a"] * 11, [["a", "b"]] * 6, [[[[[]]]]] * 6)
    for hostile in arrays:
        with pytest.raises(TooManyValuesError):
            text_values({"f": hostile}, ("f",))
        with pytest.raises(TooManyValuesError):
            leaf_texts({"f": hostile})
    with pytest.raises(TooManyValuesError):
        text_values({"f": [{"k": 1}] * 11}, ("f", "k"))


def test_deep_nesting_is_walked_without_recursion() -> None:
    """A thousand lists within lists are no deeper than the bound on values."""
    hostile: object = "core"
    for _ in range(5_000):
        hostile = [hostile]
    assert text_values({"f": hostile}, ("f",)) == ["core"]
    assert leaf_texts({"f": hostile}) == ["core"]


def test_folding_is_what_re2_does_when_it_ignores_case() -> None:
    """Over all letters that have a case: two characters fold together exactly if RE2 takes one for the other."""
    cased = [chr(code) for code in range(0x250) if chr(code).lower() != chr(code).upper()]
    cased += list("Σ\u03c3ςKÅẞßſİıϐβΩωΩǅǆᾳᾼﬀﬁ\u0345\u03b9")
    options = re2.Options()
    options.log_errors = False
    for one in cased:
        ignoring = re2.compile(f"(?i){re2.escape(one)}", options)
        for other in {one.lower()[:1], one.upper()[:1], one.casefold()[:1], one.title()[:1], "s", "k", "i", "ß"}:
            assert (fold(one) == fold(other)) is (ignoring.fullmatch(other) is not None), (one, other)


def test_folding_keeps_the_number_of_characters() -> None:
    """So that a question mark in a pattern stays one character."""
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x11000)]))
    assert len(fold(text)) == len(text)
    assert fold("STRASSE ẞ ﬀ İ") == "strasse ß ﬀ İ"
