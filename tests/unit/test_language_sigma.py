"""Sigma's detections as predicate trees: each modifier, wildcard and condition means what Sigma says."""

from __future__ import annotations

import base64

import pytest

from firstseen.language.frontends.loading import load_rules
from firstseen.language.predicates import NEVER, And, Leaf, Not, Op, Or, Predicate

HEAD = """\
title: A rule
id: 0f3f0e58-8f83-4a53-9a83-8bdc9d6b2f10
logsource: {product: aws, service: cloudtrail}
detection:
"""


def rule(detection: str, condition: str = "sel") -> bytes:
    body = "".join(f"  {line}\n" for line in detection.splitlines())
    return f"{HEAD}{body}  condition: {condition}\n".encode()


def tree(detection: str, condition: str = "sel", **lists: list[str]) -> Predicate:
    loaded = load_rules({"rule.yml": rule(detection, condition)}, lists)
    assert not loaded.faults, loaded.faults[0]
    return loaded.bases[0].predicate


def fault(detection: str, condition: str = "sel", **lists: list[str]) -> str:
    loaded = load_rules({"rule.yml": rule(detection, condition)}, lists)
    assert len(loaded.faults) == 1
    assert not loaded.bases
    return str(loaded.faults[0])


def leaf(
    op: Op,
    value: str | float | bool | None = None,  # noqa: FBT001 - a rule's value
    *,
    cased: bool = False,
    part: str | None = None,
) -> Leaf:
    return Leaf("f", op, value, cased, part)


def any_of(op: Op, *values: str) -> Or:
    return Or(tuple(leaf(op, value) for value in values))


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("f: abc", leaf("equals", "abc")),
        ("f: ''", leaf("equals", "")),
        ("f: 7", leaf("equals", 7)),
        ("f: 1.5", leaf("equals", 1.5)),
        ("f: true", leaf("equals", True)),  # noqa: FBT003 - a rule's value
        ("f: null", leaf("null")),
        ("f: []", leaf("null")),
        ("f: '*'", leaf("present")),
        ("f: '**'", leaf("present")),
        ("f: abc*", leaf("startswith", "abc")),
        ("f: '*abc'", leaf("endswith", "abc")),
        ("f: '*abc*'", leaf("contains", "abc")),
        ("f: a*c", leaf("like", "a*c")),
        ("f: a?c", leaf("like", "a?c")),
        ("f: '?'", leaf("like", "?")),
        (r"f: 'a\*c'", leaf("equals", "a*c")),
        (r"f: 'a\?*'", leaf("startswith", "a?")),
        (r"f: 'a\\*'", leaf("startswith", "a\\")),
        (r"f: 'C:\Windows\x*y'", leaf("like", r"C:\\Windows\\x*y")),
        (r"f: 'a\*b*c'", leaf("like", r"a\*b*c")),
        ("f|contains: abc", leaf("contains", "abc")),
        ("f|contains: a*c", leaf("like", "*a*c*")),
        ("f|startswith: abc", leaf("startswith", "abc")),
        ("f|endswith: abc", leaf("endswith", "abc")),
        ("f|contains: ''", leaf("present")),
        ("f|cased: Abc", leaf("equals", "Abc", cased=True)),
        ("f|contains|cased: Abc", leaf("contains", "Abc", cased=True)),
        ("f|re: 'a.*b'", leaf("regex", "a.*b", cased=True)),
        (r"f|re: 'a\*\\b'", leaf("regex", r"a\*\\b", cased=True)),
        ("f|re|i: abc", leaf("regex", "(?i)abc", cased=True)),
        ("f|re|s|m|i: abc", leaf("regex", "(?ims)abc", cased=True)),
        ("f|cidr: 10.0.0.0/8", leaf("cidr", "10.0.0.0/8")),
        ("f|cidr: 2001:db8::/32", leaf("cidr", "2001:db8::/32")),
        ("f|lt: 5", leaf("lt", 5)),
        ("f|lte: 5", leaf("lte", 5)),
        ("f|gt: 5", leaf("gt", 5)),
        ("f|gte: 5.5", leaf("gte", 5.5)),
        ("f|exists: true", leaf("exists", True)),  # noqa: FBT003 - a rule's value
        ("f|exists: false", leaf("exists", False)),  # noqa: FBT003 - a rule's value
        ("f|fieldref: g.h", leaf("same_as", "g.h")),
        ("f|fieldref|startswith: g", leaf("same_start", "g")),
        ("f|fieldref|endswith: g", leaf("same_end", "g")),
        ("f|fieldref|contains: g", leaf("same_part", "g")),
        ("f|hour: 3", leaf("equals", 3, part="hour")),
        ("f|hour|gte: 22", leaf("gte", 22, part="hour")),
        ("f|minute: 3", leaf("equals", 3, part="minute")),
        ("f|day: 3", leaf("equals", 3, part="day")),
        ("f|week: 3", leaf("equals", 3, part="week")),
        ("f|month: 3", leaf("equals", 3, part="month")),
        ("f|year: 2026", leaf("equals", 2026, part="year")),
        ("f|neq: abc", Not(leaf("equals", "abc"))),
        ("f: [abc, d*]", Or((leaf("equals", "abc"), leaf("startswith", "d")))),
        ("f: [null, abc]", Or((leaf("null"), leaf("equals", "abc")))),
        ("f|contains|all: [a, b]", And((leaf("contains", "a"), leaf("contains", "b")))),
        ("f|windash: ' -x'", any_of("equals", " -x", " /x", " \u2013x", " \u2014x", " \u2015x")),
        ("f|base64: abcd", leaf("equals", base64.b64encode(b"abcd").decode())),
        ("f|wide|base64: ab", leaf("equals", base64.b64encode(b"a\0b\0").decode())),
        ("f|utf16|base64: a", leaf("equals", base64.b64encode(b"\xff\xfea\0").decode())),
    ],
)
def test_an_item_means(item: str, expected: Predicate) -> None:
    assert repr(tree(f"sel:\n  {item}")) == repr(expected)


def test_base64offset_finds_a_text_wherever_it_starts() -> None:
    found = tree("sel:\n  f|base64offset|contains: hidden command")
    assert isinstance(found, Or)
    for before in ("", "x", "xy", "xyz"):
        encoded = base64.b64encode(f"{before}hidden command, and more".encode()).decode()
        assert any(isinstance(one, Leaf) and str(one.value) in encoded for one in found.parts)


A, B, C = (Leaf(name, "equals", "1") for name in "abc")
THREE = "sel_a:\n  a: '1'\nsel_b:\n  b: '1'\nother:\n  c: '1'"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("sel_a", A),
        ("not sel_a", Not(A)),
        ("not not sel_a", A),
        ("sel_a and sel_b", And((A, B))),
        ("sel_a or sel_b and other", Or((A, And((B, C))))),
        ("(sel_a or sel_b) and not other", And((Or((A, B)), Not(C)))),
        ("1 of sel_*", Or((A, B))),
        ("any of sel_*", Or((A, B))),
        ("all of sel_*", And((A, B))),
        ("1 of them", Or((A, B, C))),
        ("all of them", And((A, B, C))),
        ("1 of *_b", B),
        ("not 1 of sel_*", Not(Or((A, B)))),
        ("[sel_a, other]", Or((A, C))),
    ],
)
def test_a_condition_means(condition: str, expected: Predicate) -> None:
    assert tree(THREE, condition) == expected


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        ("sel:\n  a: '1'\n  b: '1'", And((A, B))),
        ("sel:\n  - a: '1'\n    b: '1'\n  - c: '1'", Or((And((A, B)), C))),
        ("sel: word", Leaf(None, "contains", "word")),
        ("sel:\n  - one\n  - two*x", Or((Leaf(None, "contains", "one"), Leaf(None, "like", "*two*x*")))),
        ("sel:\n  '|all': [a, b]", And((Leaf(None, "contains", "a"), Leaf(None, "contains", "b")))),
        ("sel:\n  '|re': a+", Leaf(None, "regex", "a+", cased=True)),
        ("sel: 42", Leaf(None, "contains", "42")),
        ("sel:\n  - word\n  - a: '1'", Or((Leaf(None, "contains", "word"), A))),
    ],
)
def test_a_selection_means(detection: str, expected: Predicate) -> None:
    assert tree(detection) == expected


def test_a_placeholder_takes_each_value_of_its_list_and_wildcards_in_it_are_wildcards() -> None:
    found = tree("sel:\n  f|expand: '%admins%'", admins=["ada", "svc-*"])
    assert found == Or((leaf("equals", "ada"), leaf("startswith", "svc-")))


def test_several_placeholders_combine() -> None:
    found = tree("sel:\n  f|expand|contains: 'x%one%-%two%'", one=["a", "b"], two=["c", "d"])
    assert found == any_of("contains", "xa-c", "xa-d", "xb-c", "xb-d")


def test_an_empty_value_list_matches_nothing_and_excludes_nothing() -> None:
    assert tree("sel:\n  f|expand: '%none%'", none=[]) == NEVER
    assert tree("sel:\n  a: '1'\nout:\n  f|expand: '%none%'", "sel and not out", none=[]) == A


@pytest.mark.parametrize(
    ("detection", "words"),
    [
        ("sel:\n  f|re: 'a(?=b)'", "look-ahead"),
        ("sel:\n  f|re: '(?<!a)b'", "negative look-behind"),
        ("sel:\n  f|re: '(a)\\1'", "back-references"),
        ("sel:\n  f|re: '(a'", "missing )"),
        ("sel:\n  f|re: 5", "put it in quotes"),
        ("sel:\n  f|contain: a", "did you mean |contains?"),
        ("sel:\n  f|contains: 5", "text is put in quotes"),
        ("sel:\n  f|cidr: 10.0.0.1/8", "host bits"),
        ("sel:\n  f|lt: abc", "text is put in quotes"),
        ("sel:\n  f|expand: '%admins%'", "%admins% has no value list (there are: none): name the folder of the list"),
        ("sel:\n  f|expand|base64: '%admins%'", "cannot be joined"),
        ("sel:\n  f|windash: '-a -b -c -d'", "at most three"),
        ("sel:\n  f:\n    g: 1", "a field's value is"),
        ("sel:\n  f: 012345670123", "put it in quotes"),
        ("sel:\n  f: 1:30", "put it in quotes"),
        ("sel:\n  - null", "name the field"),
        ("sel: {}", "the selection is empty"),
        ("sel: []", "the selection is empty"),
        ("other:\n  f: a", "which is no selection; there are: other"),
    ],
)
def test_what_cannot_be_asked_is_a_fault_with_a_caret_and_a_mend(detection: str, words: str) -> None:
    message = fault(detection)
    assert words in message
    assert message.startswith("rule.yml:")
    assert message.splitlines()[-1].strip() == "^"


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("sel and", "ends where a name is missing; selections are joined by 'and'"),
        ("sel and nots other", "cannot be read from 'other' on; selections are joined by 'and'"),
        ("(sel", "Unbalanced parentheses"),
        ("1 of out_*", "names no selection"),
        ("sel | count() > 5", "pipe syntax"),
        ("true", "a condition is text"),
        ("[]", "the condition is empty"),
        ("(" * 20 + "sel" + ")" * 20, "nested deeper"),
        ("not " * 3000 + "sel", "longer than"),
    ],
)
def test_a_condition_at_fault_is_shown_where_it_stands(condition: str, words: str) -> None:
    message = fault("sel:\n  f: a", condition)
    assert words in message
    assert message.startswith("rule.yml:7:3:")


def test_every_fault_of_a_detection_is_told_at_once() -> None:
    loaded = load_rules({"rule.yml": rule("sel:\n  f|re: '(a'\n  g|nope: 1\nx: {}", "sel and y")})
    assert [one.place.line for one in loaded.faults if one.place] == [6, 7, 8, 9]
