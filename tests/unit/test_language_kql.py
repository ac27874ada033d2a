"""KQL: what queries mean, where their faults lie, and that printing and parsing are inverse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.language.frontends.elastic_sources import EcsNames
from firstseen.language.frontends.kql import MAX_QUERY_CHARACTERS, KqlError, parse
from firstseen.language.frontends.kql_meaning import AsWritten, KqlRefused, predicate_of
from firstseen.language.frontends.kql_tree import (
    MAX_DEPTH,
    AllOf,
    AnyOf,
    Asked,
    Compared,
    Negation,
    Nested,
    Node,
    Text,
    depth_of,
    printed,
)
from firstseen.language.predicates import ALWAYS, And, Leaf, Not, Op, Or, Predicate
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL

NAMES = EcsNames((CLOUDTRAIL,))


def meaning(query: str) -> Predicate:
    return predicate_of(parse(query), NAMES)


def leaf(op: Op, value: str | float | None = None, field: str | None = "f", *, cased: bool = True) -> Leaf:
    return Leaf(field, op, value, cased)


def is_(value: str, field: str = "f") -> Leaf:
    return leaf("equals", value, field)


def fault(query: str) -> tuple[int, str]:
    with pytest.raises(KqlError) as found:
        meaning(query)
    return found.value.at, found.value.message


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("f: abc", is_("abc")),
        ("f:abc", is_("abc")),
        ('f: "abc"', is_("abc")),
        ('"f": abc', is_("abc")),
        ("f: Abc", is_("Abc")),
        ('f: ""', is_("")),
        ("f: 200", is_("200")),
        ("f: true", is_("true")),
        ("f: a b", is_("a b")),
        ("f: *", Leaf("f", "present")),
        ("f: **", Leaf("f", "present")),
        ("f: abc*", leaf("startswith", "abc")),
        ("f: *abc", leaf("endswith", "abc")),
        ("f: *abc*", leaf("contains", "abc")),
        ("f: *a b*", leaf("contains", "a b")),
        ("f: a*b", leaf("like", "a*b")),
        ("f: *a*b", leaf("like", "*a*b")),
        ("f: a?c*d", leaf("like", "a\\?c*d")),
        (r"f: a\\c*d", leaf("like", "a\\\\c*d")),
        (r"f: \*abc\*", is_("*abc*")),
        ('f: "*abc*"', is_("*abc*")),
        (r"f: a\:b\(c\)\{\}\<\>\"", is_('a:b(c){}<>"')),
        (r"f: \and", is_("and")),
        (r"f: \NOT", is_("NOT")),
        ("f: android", is_("android")),
        ("f: or*", leaf("startswith", "or")),
        (r"f: \u0041\ud83d\ude00", is_("A😀")),
        (r'f: "a\"b\\c\td\e"', is_('a"b\\c\td\\e')),
        ('f: "C:\\Windows"', is_("C:\\Windows")),
        ("f >= 5", Leaf("f", "gte", 5)),
        ("f>-1.5e3", Leaf("f", "gt", -1500.0)),
        ('f <= "7"', Leaf("f", "lte", 7)),
        ("f < 12345678901234567890", Leaf("f", "lt", 12345678901234567890.0)),
        ("f: (a or b)", Or((is_("a"), is_("b")))),
        ("f: (a and not b)", And((is_("a"), Not(is_("b"))))),
        ("f: (a or b and c)", Or((is_("a"), And((is_("b"), is_("c")))))),
        ("f: (a and (b or not (c or d)))", And((is_("a"), Or((is_("b"), Not(Or((is_("c"), is_("d"))))))))),
        ("f: (not a)", Not(is_("a"))),
        ("f: (a)", is_("a")),
        ("abc", leaf("contains", "abc", None, cased=False)),
        ('"a c"', leaf("contains", "a c", None, cased=False)),
        ("a*c", leaf("like", "*a*c*", None, cased=False)),
        ("*: abc", leaf("contains", "abc", None, cased=False)),
        ("*", ALWAYS),
        ("*: *", ALWAYS),
    ],
)
def test_one_condition_means_what_elastics_reference_says(query: str, expected: Predicate) -> None:
    found = meaning(query)
    assert found == expected
    assert type(getattr(found, "value", None)) is type(getattr(expected, "value", None))


A, B, C = is_("1", "a"), is_("1", "b"), is_("1", "c")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a:1 or b:1 and c:1", Or((A, And((B, C))))),
        ("a:1 and b:1 or c:1", Or((And((A, B)), C))),
        ("(a:1 or b:1) and c:1", And((Or((A, B)), C))),
        ("not a:1 and b:1", And((Not(A), B))),
        ("not (a:1 and b:1)", Not(And((A, B)))),
        ("not not a:1", Not(Not(A))),
        ("A:1 AND b:1 Or c:1", Or((And((is_("1", "A"), B)), C))),
        ("a:1\n  and\tb:1\u00a0and c:1", And((A, B, C))),
        ("not(a:1)or(b:1)", Or((Not(A), B))),
        ('a:"1"and b:1', And((A, B))),
    ],
)
def test_not_binds_closest_then_and_then_or(query: str, expected: Predicate) -> None:
    assert meaning(query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("source.ip: 10.0.0.0/8", Leaf("source.ip", "cidr", "10.0.0.0/8")),
        ('source.ip: "10.1.2.3/8"', Leaf("source.ip", "cidr", "10.0.0.0/8")),
        ("source.ip: 10.1.2.3", is_("10.1.2.3", "source.ip")),
        ('source.ip: "2001:DB8:0::1"', Leaf("source.ip", "cidr", "2001:db8::1/128")),
        ("source.ip: 10.*", leaf("startswith", "10.", "source.ip")),
        ("source.ip: a/b", is_("a/b", "source.ip")),
        ("source.address: 10.0.0.0/8", is_("10.0.0.0/8", "source.address")),
    ],
)
def test_addresses_and_networks_compare_as_addresses(query: str, expected: Predicate) -> None:
    assert meaning(query) == expected


def test_a_name_with_wildcards_stands_for_the_known_names_that_fit() -> None:
    prefix = "aws.cloudtrail.user_identity.session_context.session_issuer"
    found = meaning(f"{prefix}.*_id: x")
    assert found == Or((is_("x", f"{prefix}.account_id"), is_("x", f"{prefix}.principal_id")))
    assert meaning("aws.*.mfa_used: *") == Leaf("aws.cloudtrail.console_login.additional_eventdata.mfa_used", "present")
    many = meaning("not event.*: x")
    assert isinstance(many, Not)
    assert isinstance(many.part, Or)
    assert is_("x", "event.action") in many.part.parts


def test_a_fingerprint_sees_the_name_as_it_is_written() -> None:
    assert predicate_of(parse("aws.*.arn: x"), AsWritten()) == is_("x", "aws.*.arn")


@pytest.mark.parametrize(
    ("query", "at", "says"),
    [
        ("a: 1 and aws.cloudtrail.*: x", 9, "names without end"),
        ("aws.cloudtrail.flattened.request_parameters.*: x", 0, "names without end"),
        ("aws.cloudtrail.flattened.request_parameters: x", 45, "every value below it"),
        ("aws.cloudtrail.flattened.request_parameters > 5", 0, "every value below it"),
        ("nothing.*.here: x", 0, "fits no field of aws.cloudtrail"),
        ("a: 1 and resources: { arn: x }", 9, "nested"),
        ("@timestamp >= now-1d", 14, "ranges compare numbers"),
        ("source.ip > 10.0.0.0", 12, "ranges compare numbers"),
        ("a > *", 4, "ranges compare numbers"),
        ("* > 5", 0, "a range needs a field"),
    ],
)
def test_what_is_right_but_not_answered_is_refused_with_the_reason(query: str, at: int, says: str) -> None:
    with pytest.raises(KqlRefused) as found:
        meaning(query)
    assert found.value.at == at
    assert says in found.value.message


@pytest.mark.parametrize(
    ("query", "at", "says"),
    [
        ("", 0, "empty"),
        (" \n", 0, "empty"),
        ("a: 1 b: 2", 6, "'and' or 'or' is missing before that name"),
        ("a: 1 (b: 2)", 5, "'and' or 'or' is missing before ("),
        ('a: 1 "b"', 5, "'and' or 'or' is missing"),
        ("a: arn:aws", 6, "quotation marks around a text"),
        ("a: 1\n b", 6, "'and' or 'or' is missing"),
        ("a: 1 and", 7, "breaks off"),
        ("a: (1", 4, "breaks off"),
        ("a:", 1, "breaks off"),
        ("a: 1)", 4, "closes nothing"),
        ("a: ()", 4, "closes nothing, or a value is missing"),
        ("a: not 1", 3, "needs a condition"),
        ("and a: 1", 0, "needs a condition"),
        ("a: 1 and or b: 2", 9, "needs a condition"),
        ('a: "1', 3, "never closed"),
        (r"a: C\x", 4, "escapes nothing"),
        (r"a: \u12", 3, "escapes nothing"),
        ("a: 1\\", 4, "a backslash with nothing behind it"),
        (r"a: \ud800", 3, "half a character"),
        ('a: "\\udc00"', 3, "half a character"),
        ("a: (b: c)", 5, "follows no field's name"),
        ("a > 1 2", 6, "'and' or 'or' is missing before 2"),
        ("{", 0, "cannot stand here"),
    ],
)
def test_a_fault_says_where_and_how_to_mend_it(query: str, at: int, says: str) -> None:
    found, message = fault(query)
    assert says in message
    assert found == at
    assert "\n" not in message


def test_queries_are_bounded() -> None:
    deep = "not " * (MAX_DEPTH - 1)
    assert depth_of(parse(f"{deep[4:]}a: 1")) == MAX_DEPTH
    assert "nested deeper" in fault(f"{deep}a: 1")[1]
    assert "nested deeper" in fault("not " * 20_000 + "a: 1")[1]
    assert meaning("(" * 1_000 + "a: 1" + ")" * 1_000) == A
    assert "longer than" in fault("a" * (MAX_QUERY_CHARACTERS + 1))[1]


def test_a_long_list_is_read() -> None:
    found = meaning("f: (" + " or ".join(f"v{number}" for number in range(5_000)) + ")")
    assert isinstance(found, Or)
    assert len(found.parts) == 5_000


PIECES = st.text(st.one_of(st.sampled_from('\\():<>"*{} \t\n\rundortabc'), st.characters(codec="utf-8")), max_size=6)
TEXTS = st.one_of(
    PIECES.map(lambda piece: Text((piece,))),
    st.sampled_from(["and", "OR", "not", "\\and", "u0041"]).map(lambda word: Text((word,))),
    st.lists(PIECES, min_size=2, max_size=4).map(lambda pieces: Text(tuple(pieces))),
)


def joined(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    some = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(some.map(AllOf), some.map(AnyOf), parts.map(Negation))


VALUES: st.SearchStrategy[Node] = st.recursive(TEXTS, joined, max_leaves=5)
CONDITIONS: st.SearchStrategy[Node] = st.one_of(
    st.builds(Asked, TEXTS, VALUES),
    st.builds(Asked, st.none(), TEXTS),
    st.builds(Compared, TEXTS, st.sampled_from(["<", "<=", ">", ">="]), TEXTS),
)


def grown(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(joined(parts), st.builds(Nested, TEXTS, parts))


@given(st.recursive(CONDITIONS, grown, max_leaves=8))
def test_a_printed_tree_is_parsed_as_itself(tree: Node) -> None:
    assert parse(printed(tree)) == tree


@given(st.text(st.sampled_from('ab*:"\\()<>{} \nandornotu0'), max_size=40))
def test_any_text_is_a_query_or_a_fault_inside_it(query: str) -> None:
    try:
        tree = parse(query)
    except KqlError as exc:
        assert 0 <= exc.at <= len(query)  # noqa: PT017 - either outcome is right
    else:
        assert parse(printed(tree)) == tree
