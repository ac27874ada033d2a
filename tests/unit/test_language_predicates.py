"""Predicate trees: simplified without a change of meaning, written and read back without loss."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.errors import RuleError
from firstseen.language.frontends.fingerprints import canonical
from firstseen.language.predicates import (
    ALWAYS,
    MAX_DEPTH,
    NEVER,
    And,
    Leaf,
    Not,
    Or,
    Predicate,
    from_data,
    simplify,
    to_data,
)

NAMES = "abcd"
LEAVES = st.sampled_from([Leaf(name, "equals", value) for name in NAMES for value in (1, True, "1", "x")])
TREES: st.SearchStrategy[Predicate] = st.recursive(
    LEAVES | st.sampled_from([ALWAYS, NEVER]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda parts: And(tuple(parts))),
        st.lists(inner, max_size=4).map(lambda parts: Or(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=12,
)
EVENTS = st.fixed_dictionaries({name: st.sampled_from(["1", "true", "x", ""]) for name in NAMES})


def holds(tree: Predicate, event: Mapping[str, str]) -> bool:
    match tree:
        case And(parts):
            return all(holds(part, event) for part in parts)
        case Or(parts):
            return any(holds(part, event) for part in parts)
        case Not(part):
            return not holds(part, event)
        case Leaf(field, _, value):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            return event[field or ""] == text


@given(TREES, EVENTS)
def test_simplifying_keeps_the_meaning(tree: Predicate, event: dict[str, str]) -> None:
    assert holds(simplify(tree), event) == holds(tree, event)


@given(TREES)
def test_a_simple_tree_has_no_constant_inside_and_no_double_negation(tree: Predicate) -> None:
    def check(part: Predicate, *, top: bool) -> None:
        match part:
            case And(parts) | Or(parts):
                assert top or len(parts) > 1
                assert len(parts) != 1
                for inner in parts:
                    assert type(inner) is not type(part)
                    check(inner, top=False)
            case Not(inner):
                assert not isinstance(inner, Not)
                check(inner, top=False)
            case Leaf():
                pass

    check(simplify(tree), top=True)


@given(TREES)
def test_simplifying_twice_is_simplifying_once(tree: Predicate) -> None:
    once = simplify(tree)
    assert repr(simplify(once)) == repr(once)


@given(TREES)
def test_a_tree_survives_being_written_and_read(tree: Predicate) -> None:
    assert repr(from_data(to_data(tree))) == repr(tree)


@given(TREES, st.randoms(use_true_random=False))
def test_the_order_of_parts_does_not_change_the_canonical_form(tree: Predicate, random: object) -> None:
    def shuffled(part: Predicate) -> Predicate:
        match part:
            case And(parts) | Or(parts):
                mixed = [shuffled(inner) for inner in parts]
                random.shuffle(mixed)  # type: ignore[attr-defined]
                return type(part)(tuple(mixed))
            case Not(inner):
                return Not(shuffled(inner))
            case _:
                return part

    assert canonical(shuffled(tree)) == canonical(tree)


def test_one_and_true_are_different_alternatives() -> None:
    both = Or((Leaf("a", "equals", 1), Leaf("a", "equals", True)))  # noqa: FBT003 - a rule's value
    assert isinstance(simplify(both), Or)


def test_a_tree_that_is_nested_too_deep_is_refused() -> None:
    tree: Predicate = Leaf("a", "equals", "x")
    for _ in range(MAX_DEPTH + 1):
        tree = Not(tree)
    with pytest.raises(RuleError, match="nested deeper"):
        simplify(tree)
    with pytest.raises(RuleError, match="nested deeper"):
        from_data(to_data(tree))


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        ["xor"],
        ["not"],
        ["leaf", "a", "equals", None, False, None],
        ["leaf", "a", "regex", 5, False, None],
        ["leaf", "a", "lt", True, False, None],
        ["leaf", "a", "null", "x", False, None],
        ["leaf", "a", "exists", "yes", False, None],
        ["leaf", "a", "sounds_like", "x", False, None],
        ["leaf", "a", "equals", "x", False, "century"],
        ["leaf", 1, "equals", "x", False, None],
    ],
    ids=repr,
)
def test_what_is_no_tree_is_refused(data: object) -> None:
    with pytest.raises(RuleError, match="not a predicate"):
        from_data(data)
