"""A question with many values means what the same question means value by value, however it is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstseen.errors import RuleError
from firstseen.language.pack import Pack, dump, load
from firstseen.language.predicates import And, Leaf, Not, Op, Or
from firstseen.language.rules import Base
from firstseen.matching.engine import Engine
from firstseen.matching.many import _WINDOW, MANY, Many
from firstseen.matching.networks import inside
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from tests.properties.oracle import true_of

LETTERS = "abAB.*?\\ſß 1"
texts = st.text(LETTERS, max_size=12)
PLAIN_OPS: tuple[Op, ...] = ("equals", "contains", "startswith", "endswith")
OPS: tuple[Op, ...] = (*PLAIN_OPS, "like")

octets = st.sampled_from((0, 1, 10, 127, 128, 192, 255))
addresses = st.tuples(octets, octets, octets, octets).map(lambda four: ".".join(map(str, four)))
wide = st.sampled_from(("::", "::1", "2001:db8::1", "2001:db8:ffff::", "::ffff:10.0.0.1", "fe80::1", "fe80::1%eth0"))
anything = st.one_of(addresses, wide, st.sampled_from(("", "ec2.amazonaws.com", "010.0.0.1", "10.0.0", "10.0.0.1/32")))
networks = st.one_of(
    st.tuples(addresses, st.integers(0, 32)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    st.tuples(wide.filter(lambda one: "%" not in one), st.integers(0, 128)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    addresses,
)


def event(agent: str, listed: list[str], address: str) -> dict[str, Any]:
    more = {"userAgent": agent, "sourceIPAddress": address, "requestParameters": {"names": listed}, "eventName": "Call"}
    return {**CLOUDTRAIL.sample, **more}


def agrees(listed: Or, view: dict[str, Any]) -> None:
    """Both ways of the matcher, over the list and its opposite, through a pack's bytes, answer as the oracle does."""
    call = Leaf("eventName", "equals", "Call")
    trees = [And((call, listed)), And((call, Not(listed))), And((call, Or((listed, Leaf("eventName", "equals", "x")))))]
    bases = [Base(str(row), "t", ("aws.cloudtrail",), "raw", tree) for row, tree in enumerate(trees)]
    wanted = tuple(row for row, tree in enumerate(trees) if true_of(tree, view, CLOUDTRAIL))
    engine = Engine(load(dump(Pack.of(bases, []))))
    assert engine.match_view(CLOUDTRAIL, view) == wanted
    assert engine.matcher(CLOUDTRAIL)(json.dumps(view).encode()) == wanted


@settings(max_examples=80, deadline=None)
@given(
    op=st.sampled_from(OPS),
    field=st.sampled_from(("userAgent", "requestParameters.names")),
    values=st.lists(texts, min_size=1, max_size=6),
    agent=texts,
    listed=st.lists(texts, max_size=3),
    cased=st.booleans(),
)
def test_texts_are_found_as_one_after_the_other_finds_them(  # noqa: PLR0913 - what a question is made of
    op: Op, field: str, values: list[str], agent: str, listed: list[str], *, cased: bool
) -> None:
    filling = [f"{number:04}-nowhere-{number % 7 * 'x'}" for number in range(MANY)]
    question = Or(tuple(Leaf(field, op, one, cased) for one in dict.fromkeys([*filling, *values])))
    agrees(question, event(agent, listed, "192.0.2.1"))


@pytest.mark.parametrize("number", [2, 15, 16, 17, 255, 256, 300])
@pytest.mark.parametrize("op", OPS)
def test_of_values_that_are_alike_but_for_case_each_is_asked_for(op: Op, number: int) -> None:
    """However few are left of many: what is asked in another way from so many on is counted before or after."""
    values = [f"{'aA'[row % 2]}{row // 2}?z" for row in range(number - 1)]
    question = Or(tuple(Leaf("userAgent", op, one) for one in (*values, "Zz?")))
    for agent in ("A0?Z", f"a{(number - 2) // 2}?z", "zZ?", "zzz", f"a{number}?z"):
        agrees(question, event(agent, [], "192.0.2.1"))


@settings(max_examples=80, deadline=None)
@given(values=st.lists(networks, min_size=1, max_size=6), address=anything)
def test_addresses_are_found_as_one_network_after_the_other_finds_them(values: list[str], address: str) -> None:
    filling = [f"198.51.{number}.0/{24 + number % 8}" for number in range(80)]
    question = Or(tuple(Leaf("sourceIPAddress", "cidr", one) for one in dict.fromkeys([*filling, *values])))
    agrees(question, event("agent", [], address))


@given(
    values=st.lists(texts, min_size=1, max_size=4), text=st.text(LETTERS, max_size=40), op=st.sampled_from(PLAIN_OPS)
)
def test_each_test_is_that_of_the_text_itself(values: list[str], text: str, op: Op) -> None:
    """Also where values share their beginnings, or are shorter than the pieces that they are found by."""
    many = Many([*(f"{one}{number}" for one in values for number in range(MANY)), *values])
    asked = {
        "equals": text.__eq__,
        "contains": text.__contains__,
        "startswith": text.startswith,
        "endswith": text.endswith,
    }
    assert many.test(op)(text) == any(map(asked[op], many))


@pytest.mark.parametrize("op", ["contains", "like"])
@pytest.mark.parametrize("size", [1, 3, 8, 20])
def test_a_value_is_found_wherever_it_lies_in_a_long_text(op: Op, size: int) -> None:
    """Long texts are looked through part by part: a value may lie across two."""
    value = "qrstuvwxyzqrstuvwxyz"[:size]
    test = Many([f"*{value}*" if op == "like" else value, *(f"n{number}-" for number in range(MANY))]).test(op)
    for at in range(_WINDOW - size - 2, _WINDOW + 3):
        assert test("." * at + value + "." * _WINDOW)
        assert not test("." * at + value[1:] + "." * _WINDOW)


@pytest.mark.parametrize("op", OPS)
def test_an_empty_value_among_many_is_asked_for_as_any_other(op: Op) -> None:
    many = Many(["", *map(str, range(MANY))])
    holds = op in ("contains", "startswith", "endswith")
    assert many.test(op)("nothing") is holds
    assert many.test(op)("") is True


@pytest.mark.parametrize("network", ["10.0.0.0/33", "256.0.0.0/8", "010.0.0.0/8", "10.0.0/8", "::/129", "text", ""])
def test_what_is_no_network_is_refused_as_the_standard_library_refuses_it(network: str) -> None:
    with pytest.raises(RuleError, match="is no network"):
        inside([network])
