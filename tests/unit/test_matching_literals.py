"""The text that an expression is sure to need."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from firstseen.matching.literals import needed


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (r".+:assumed-role/aws:.+", ":assumed-role/aws:"),
        (r"^arn:aws:iam::\d{12}:root$", "arn:aws:iam::"),
        (r"ab+cde", "cde"),
        (r"abc?d", "ab"),
        (r"abc*", "ab"),
        (r"xyz{0,3}w", "xy"),
        (r"(abc)?de", "de"),
        (r"[abc]de[^]x]f", "de"),
        (r"a\.b\\c", r"a.b\c"),
        (r"abc|d", ""),
        (r"(?i)abc", ""),
        (r"\x41bc", ""),
        (r"\Qa.b\E", ""),
        (r"\pLabc", ""),
        (r"[[:alpha:]]bc", ""),
        (r"(a|[)])bc", "bc"),
    ],
)
def test_the_longest_sure_text_is_found_or_none(expression: str, expected: str) -> None:
    """Quantifiers take the character before them away; whatever is unusual gives up."""
    assert needed(expression) == expected


PIECES = (
    "a", "b", "ab", "abc", r"\.", ".", "*", "+", "?", "{0,1}", "{2}", "{", "}", "(", ")", "(a|b)", "[ab]", "[^a]",
    "|", "^", "$", r"\d", r"\\", "]",
)  # fmt: skip
pieces = st.sampled_from(PIECES)


@given(st.lists(pieces, max_size=6).map("".join), st.text("ab.c1\\{}", max_size=12))
def test_a_text_that_matches_contains_it(expression: str, text: str) -> None:
    """The quick look never hides a match."""
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(expression, options)
    except re2.error:
        return
    if compiled.search(text) is not None:
        assert needed(expression) in text
