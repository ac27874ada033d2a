"""Comparing without case: where generated code takes Python's full case folding for Unicode's simple one."""

from __future__ import annotations

import sys

import orjson
import pytest

from firstseen.language.pack import Pack
from firstseen.language.predicates import And, Leaf, Predicate
from firstseen.language.rules import Base
from firstseen.matching.engine import Engine
from firstseen.matching.values import fold
from firstseen.sources.registry import SOURCES

SOURCE = SOURCES["aws.cloudtrail"]


def event(user_agent: str) -> bytes:
    fields = {
        "eventName": "StopInstances", "eventSource": "ec2.amazonaws.com", "eventTime": "2026-03-02T09:15:02Z",
        "eventID": "e-1", "userAgent": user_agent, "userIdentity": {"type": "Root"},
    }  # fmt: skip
    return orjson.dumps({**fields, "eventVersion": "1.08", "awsRegion": "eu-west-1", "recipientAccountId": "1" * 12})


def rows(tree: Predicate, raw: bytes) -> tuple[int, ...] | None:
    return Engine(Pack.of([Base("r", "R", (SOURCE.name,), "raw", tree)], [])).matcher(SOURCE)(raw)


def test_every_character_that_simply_folds_into_ascii_does_so_in_full() -> None:
    """So a text that equals a value of ASCII by simple folding equals it by full folding."""
    characters = map(chr, range(sys.maxunicode + 1))
    assert [one for one in characters if fold(one).isascii() and one.casefold() != fold(one)] == []


def test_a_character_that_folds_into_several_makes_a_text_longer() -> None:
    """So a text that has the value's length and equals it in full has no such character, and equals it simply."""
    characters = map(chr, range(sys.maxunicode + 1))
    assert not any(len(one.casefold()) < 1 for one in characters)


@pytest.mark.parametrize(
    ("value", "text", "holds"),
    [
        ("ss", "ß", False), ("ss", "SS", True), ("ss", "ſS", True), ("ss", "ẞ", False), ("kk", "\u212ak", True),
        ("i", "İ", False), ("i", "ı", False), ("ffi", "ﬃ", False), ("ssi", "ßi", False), ("ab", "AB", True),
        ("ß", "ss", False), ("ß", "ẞ", True), ("", "", True), ("a", "", False),
    ],
)  # fmt: skip
def test_one_question_and_several_about_a_text_agree(value: str, text: str, *, holds: bool) -> None:
    """Alone it is asked of the text folded in full; beside another, of the text folded once and kept."""
    one = Leaf("userAgent", "equals", value)
    other = Leaf("userAgent", "startswith", text)
    expected = (0,) if holds else ()
    assert rows(one, event(text)) == expected
    assert rows(And((one, other)), event(text)) == expected
    assert holds is (fold(value) == fold(text))
