"""From an event to the keys that it counts for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from firstseen.correlations.keys import MAX_COMBINATIONS, MAX_SHOWN_CHARS, Keys
from firstseen.findings.finding import key_hash
from firstseen.language.pack import Pack
from firstseen.language.predicates import ALWAYS
from firstseen.language.rules import Base, Card, Correlation, CorrelationType, Member
from firstseen.matching import values
from firstseen.sources.event import Event
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import Source

CLOUDTRAIL = SOURCES["aws.cloudtrail"]
BASE = Base("base", "a base", ("aws.cloudtrail",), "raw", ALWAYS)


def keys_of(
    *correlations: Correlation, view: dict[str, Any], source: Source = CLOUDTRAIL, operation: str = "op"
) -> list[tuple[tuple[str, ...], tuple[str, ...], str]]:
    """(group, terms, value) of each key, as the states show them."""
    event = Event(source, b"", view, "id", operation, 1, 2)
    return [
        (key.blank.group, key.blank.terms, value)
        for _, key, _, value in Keys(Pack.of([BASE], list(correlations))).of(event, [0])
    ]


def rule(
    kind: CorrelationType = "new_terms", fields: tuple[str, ...] = ("f",), group_by: tuple[str, ...] = ()
) -> Correlation:
    member = Member("base", group_by, fields)
    return Correlation(Card("rule", "a rule"), kind, (member,), "fp", group_by, fields, 3600)


def test_a_key_is_named_by_rule_fingerprint_group_and_terms() -> None:
    event = Event(CLOUDTRAIL, b"", {"f": "x", "g": 7}, "id", "op", 1, 2)
    ((correlation, key, member, value),) = Keys(Pack.of([BASE], [rule(group_by=("g",))])).of(event, [0])
    assert key.hash == key_hash("rule", "fp", ("7",), ("x",))
    assert (correlation.card.id, member, value) == ("rule", 0, "")
    assert (key.blank.rule_id, key.blank.fingerprint) == ("rule", "fp")


def test_an_array_gives_one_term_an_element_and_several_fields_the_product() -> None:
    found = keys_of(rule(fields=("f", "g")), view={"f": ["a", "b", "a", None], "g": [1, [True]]})
    assert [terms for _, terms, _ in found] == [("a", "1"), ("a", "true"), ("b", "1"), ("b", "true")]


def test_an_array_in_a_group_field_gives_one_group_an_element() -> None:
    found = keys_of(rule(group_by=("g",)), view={"f": "x", "g": ["one", "two"]})
    assert [group for group, _, _ in found] == [("one",), ("two",)]


def test_an_event_without_a_group_or_term_field_takes_no_part() -> None:
    partial: list[dict[str, Any]] = [{}, {"f": "x"}, {"g": "y"}]
    empty: list[dict[str, Any]] = [{"f": None, "g": "y"}, {"f": [], "g": "y"}, {"f": "x", "g": [None]}]
    for view in (*partial, *empty):
        assert keys_of(rule(group_by=("g",)), view=view) == []


def test_combinations_beyond_the_bound_are_left_out_and_counted() -> None:
    keys = Keys(Pack.of([BASE], [rule(fields=("f", "g"))]))
    many = [str(n) for n in range(20)]
    event = Event(CLOUDTRAIL, b"", {"f": many, "g": many}, "id", "op", 1, 2)
    assert len(list(keys.of(event, [0]))) == MAX_COMBINATIONS
    assert keys.left_out == {"rule": 400 - MAX_COMBINATIONS}


def test_an_event_with_more_values_than_can_be_looked_at_is_counted_and_stops_nothing() -> None:
    keys = Keys(Pack.of([BASE], [rule(), replace(rule(fields=("g",)), card=Card("other", "another"))]))
    event = Event(CLOUDTRAIL, b"", {"f": ["x"] * (values.MAX_VALUES + 1), "g": "y"}, "id", "op", 1, 2)
    assert [key.blank.rule_id for _, key, _, _ in keys.of(event, [0])] == ["other"]
    assert keys.left_out == {"rule": 1}


def test_long_values_are_cut_where_they_are_shown_and_whole_in_the_hash() -> None:
    keys = Keys(Pack.of([BASE], [rule()]))
    shown, hashes = set(), set()
    for end in "ab":
        event = Event(CLOUDTRAIL, b"", {"f": "x" * 10_000 + end}, "id", "op", 1, 2)
        ((_, key, _, _),) = keys.of(event, [0])
        shown.add(key.blank.terms)
        hashes.add(key.hash)
    assert shown == {("x" * (MAX_SHOWN_CHARS - 1) + "…",)}
    assert len(hashes) == 2


def test_values_of_caseless_fields_are_one_key_in_any_case() -> None:
    caseless = replace(CLOUDTRAIL, caseless=frozenset({"f"}))
    assert keys_of(rule(), view={"f": ["Ada", "ADA"]}, source=caseless) == [((), ("ada",), "")]
    assert len(keys_of(rule(), view={"f": ["Ada", "ADA"]})) == 2


def test_lone_surrogates_make_a_key_and_no_error() -> None:
    ((_, (term,), _),) = keys_of(rule(), view={"f": "a\udc80b"})
    assert term.startswith("a")
    assert "�" in term


def test_counted_values_are_no_part_of_the_key() -> None:
    found = keys_of(rule("value_count", group_by=("g",)), view={"f": ["x", "y"], "g": "one"})
    assert found == [(("one",), (), "x"), (("one",), (), "y")]
    both = keys_of(rule("value_count", fields=("f", "g")), view={"f": "x,", "g": "y"})
    assert both == [((), (), '["x,","y"]')]


def test_an_event_count_counts_operations() -> None:
    assert keys_of(rule("event_count", fields=()), view={}) == [((), (), "op")]
    assert keys_of(rule("event_count", fields=()), view={}, operation="id") == [((), (), "")]


def test_the_key_of_a_rule_without_memory_is_the_operation() -> None:
    event = Event(CLOUDTRAIL, b"", {}, "id", "op", 1, 2)
    ((_, key, _, _),) = Keys(Pack.of([BASE], [rule("match", fields=())])).of(event, [0])
    assert key.hash == key_hash("rule", "fp", (), ("op",))


def test_rules_that_are_not_enabled_have_no_keys() -> None:
    assert keys_of(replace(rule(), enabled=False), view={"f": "x"}) == []
