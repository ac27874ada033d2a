"""Long lists cost an event about what short ones cost, and what is made of them is made once."""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from firstseen.errors import RuleError
from firstseen.language.pack import Pack, dump, load
from firstseen.language.predicates import And, Leaf, Not, Op, Or, Predicate
from firstseen.language.rules import Base
from firstseen.language.sharing import LONG
from firstseen.matching import emit, many
from firstseen.matching.engine import Engine
from firstseen.matching.many import JOINED, MANY, Many
from firstseen.matching.networks import inside
from firstseen.matching.questions import LISTED, Known, Question, Some, resolve
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL

ADDRESSES = [f"10.{number // 250}.{number % 250}.0" for number in range(20_000)]
TEXTS = [f"agent-{number * 7919 % 100_003}-{number}" for number in range(20_000)]
MADE: dict[Op, Callable[[int], Sequence[str]]] = {
    "equals": lambda number: TEXTS[:number],
    "contains": lambda number: TEXTS[:number],
    "startswith": lambda number: TEXTS[:number],
    "endswith": lambda number: TEXTS[:number],
    "like": lambda number: [f"a*{text}-?" for text in TEXTS[:number]],
    "cidr": lambda number: [f"{address}/{24 + number % 8}" for number, address in enumerate(ADDRESSES[:number])],
}
ASKED = "aws-cli/2.1 agent-123-x agent-79190-10 Python/3.11", "10.200.7.9"


def steps(test: Callable[[str], bool], text: str) -> int:
    """How many lines and calls of Python the test takes."""
    count = 0

    def traced(_frame: FrameType, _what: str, _more: object) -> Any:  # noqa: ANN401 - as sys.settrace has it
        nonlocal count
        count += 1
        return traced

    test(text)  # what is made when it is first needed
    before = sys.gettrace()
    sys.settrace(traced)
    try:
        test(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("op", MADE)
@pytest.mark.parametrize("text", ASKED)
def test_a_text_is_asked_for_in_about_as_many_steps_whether_the_list_has_hundreds_of_values_or_twenty_thousand(
    op: Op, text: str
) -> None:
    few, many_values = (steps(Many(MADE[op](number)).test(op), text) for number in (2 * MANY, 20_000))
    assert many_values <= 2 * few + 20


@pytest.mark.parametrize("op", ["contains", "like"])
def test_what_a_text_takes_while_it_is_looked_through_does_not_grow_with_it(op: Op) -> None:
    """An event may have one of millions of characters, whoever wrote it."""
    text = "".join(f"{number:x}" for number in range(60_000))
    test = Many(MADE[op](2 * MANY)).test(op)
    test(text)
    tracemalloc.start()
    test(text)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 2_000_000


def rules(number: int, listed: Callable[[int], Predicate]) -> Pack:
    """Rules for as many calls, each with its own list, as somebody writes them."""
    trees = [And((Leaf("eventName", "equals", f"Call{row}"), listed(row))) for row in range(number)]
    return Pack.of([Base(f"b{row:02}", "t", ("aws.cloudtrail",), "raw", tree) for row, tree in enumerate(trees)], [])


def either(field: str, op: Op, values: Sequence[str]) -> Predicate:
    return Or(tuple(Leaf(field, op, one) for one in values))


def event(**parts: object) -> bytes:
    return json.dumps({**CLOUDTRAIL.sample, **parts}).encode()


def counted(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> list[int]:
    """How large the list was at each call of a function that makes something of one."""
    calls: list[int] = []
    made = getattr(module, name)

    def noted(values: Sequence[str], *more: object, **named: object) -> object:
        calls.append(len(values))
        return made(values, *more, **named)

    monkeypatch.setattr(module, name, noted)
    return calls


def test_what_is_made_of_a_list_of_networks_is_made_once_for_all_rules_fields_and_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of the rules are about one field and half about another."""
    networks = MADE["cidr"](500)
    pack = load(dump(rules(10, lambda row: either(("sourceIPAddress", "vpcEndpointId")[row % 2], "cidr", networks))))
    calls = counted(monkeypatch, many, "inside")
    engine = Engine(pack)
    engine.compile()
    asks = engine.matcher(CLOUDTRAIL)
    found = [asks(event(eventName=f"Call{row}", sourceIPAddress="10.0.3.1", vpcEndpointId="no")) for row in range(10)]
    assert found == [(row,) if row % 2 == 0 else () for row in range(10)]
    assert calls == [500]


def test_few_texts_are_asked_for_as_they_are() -> None:
    """Nothing has to be made of them; networks are one question whenever there are several."""

    def kinds(op: Op, number: int) -> list[bool]:
        tree = resolve(either("userAgent", op, MADE[op](number)), CLOUDTRAIL, "raw")
        parts = tree.parts if isinstance(tree, Some) else (tree,)
        return [isinstance(one.values, Many) for one in parts if isinstance(one, Question)]

    assert (kinds("equals", MANY - 1), kinds("equals", MANY)) == ([False], [True])
    few = JOINED["like"]
    assert (kinds("like", few - 1), kinds("like", few)) == ([False] * (few - 1), [True])
    assert (kinds("cidr", 1), kinds("cidr", 2)) == ([False], [True])


def test_two_long_lists_about_one_field_stay_two_questions_that_other_rules_share() -> None:
    some, others = either("userAgent", "equals", TEXTS[:MANY]), either("userAgent", "equals", TEXTS[MANY : 3 * MANY])
    known = Known()
    tree = resolve(Or((some, others, Leaf("userAgent", "equals", "z"))), CLOUDTRAIL, "raw", known)
    assert isinstance(tree, Some)
    sizes = {len(one.values) for one in tree.parts if isinstance(one, Question)}
    assert sizes == {1, MANY, 2 * MANY}
    assert resolve(some, CLOUDTRAIL, "raw", known) is resolve(some, CLOUDTRAIL, "raw", known)


@pytest.mark.parametrize(("size", "made"), [(LONG - 4, [5 * (LONG - 4)]), (4 * LONG - 1, [])])
def test_lists_that_stand_together_in_many_rules_are_joined_once_if_at_all(
    monkeypatch: pytest.MonkeyPatch, size: int, made: list[int]
) -> None:
    """A pack of a megabyte whose rules have eight lists each took a minute to start, and 650 MB."""
    lists = [either("userAgent", "contains", TEXTS[size * number : size * (number + 1)]) for number in range(5)]
    pack = load(dump(rules(10, lambda row: Or((*lists[row % 5 :], *lists[: row % 5])))))
    calls = counted(monkeypatch, many, "_holding")
    engine = Engine(pack)
    engine.compile()
    assert calls == made
    found = [engine.matcher(CLOUDTRAIL)(event(eventName="Call3", userAgent=f"x {TEXTS[size * 4]}")) for _ in range(2)]
    assert found == [(3,), (3,)]


def test_large_conditions_become_code_once_for_all_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as values that hold in some accounts only."""
    inside_accounts = Or(
        tuple(
            And((Leaf("recipientAccountId", "equals", str(one)), either("userAgent", "startswith", [f"a{one}", "b"])))
            for one in range(1_500)
        )
    )
    sizes: list[int] = []

    def noted(text: str, *more: Any) -> object:  # noqa: ANN401 - as compile has it
        sizes.append(len(text))
        return compile(text, *more)

    monkeypatch.setattr(emit, "compile", noted, raising=False)
    asks = Engine(load(dump(rules(4, lambda row: Not(inside_accounts) if row % 2 else inside_accounts)))).matcher(
        CLOUDTRAIL
    )
    for row in range(4):
        held = [asks(event(eventName=f"Call{row}", recipientAccountId="7", userAgent=agent)) for agent in ("A7x", "A8")]
        assert held == ([(), (row,)] if row % 2 else [(row,), ()])
    assert sorted(size > 10_000 for size in sizes) == [False] * 4 + [True]


@pytest.mark.parametrize("value", ["10.0.0.0/33", "nowhere"])
def test_a_faulty_network_in_a_long_list_is_an_error_of_the_rule(value: str) -> None:
    for values in ([*MADE["cidr"](500), value], [value] * LISTED):
        pack = rules(1, lambda _, values=values: either("sourceIPAddress", "cidr", values))  # type: ignore[misc]
        with pytest.raises(RuleError, match=f"'{value}' is no network"):
            Engine(pack).compile()


def test_a_pattern_that_cannot_be_one_is_an_error_of_the_rule_in_a_long_list_too() -> None:
    base = rules(1, lambda _: either("userAgent", "like", MADE["like"](500))).bases[0]
    pack = Pack((replace(base, predicate=either("userAgent", "like", [*MADE["like"](500), "a*\ud800?"])),), ())
    with pytest.raises(RuleError, match="RE2 cannot take"):
        Engine(pack).compile()


def test_networks_of_both_versions_are_told_apart() -> None:
    test = inside(["::/0", "10.0.0.0/8"])
    assert [test(one) for one in ("10.1.1.1", "11.1.1.1", "::b01:101", "text", "")] == [True, False, True, False, False]
