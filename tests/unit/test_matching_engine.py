"""The engine: which documents take which way, what is isolated, and what stays bounded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from firstseen.errors import RuleError
from firstseen.language.pack import Pack
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Base
from firstseen.matching import emit, fast, index, values
from firstseen.matching.engine import Document, Engine, Found, Scan, Sighted
from firstseen.matching.explain import explain
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from firstseen.sources.event import Reject
from firstseen.sources.source import Derived

NOW_US = 1_800_000_000_000_000


def event(**fields: object) -> dict[str, Any]:
    return {
        "eventName": "GetPasswordData", "eventSource": "ec2.amazonaws.com", "eventTime": "2026-03-02T09:15:02Z",
        "eventID": "e-1", "userIdentity": {"type": "AssumedRole"}, **fields,
    }  # fmt: skip


def pack_of(*trees: Predicate) -> Pack:
    return Pack.of(
        [Base(f"rule-{n}", f"Rule {n}", ("aws.cloudtrail",), "raw", tree) for n, tree in enumerate(trees)], []
    )


NAMED = And((Leaf("eventName", "equals", "GetPasswordData"), Leaf("errorCode", "contains", "Unauthorized")))
ANY_ROLE = Leaf("userIdentity.type", "equals", "AssumedRole")


def results(scan: Scan[Any]) -> list[Any]:
    return list(scan)


def test_wanted_events_are_found_and_the_others_counted() -> None:
    """Events, rejects and envelopes in one pass, in order, each with its place."""
    wanted, other = orjson.dumps(event(errorCode="Client.UnauthorizedOperation")), orjson.dumps(event())
    envelope = orjson.dumps({"Records": [event(), event(eventID="e-2", errorCode="unauthorized")]})
    documents: list[Document | Reject] = [
        (1, other),
        (2, wanted),
        Reject("broken", b"", 3),
        (4, b"{"),
        (5, envelope),
        (6, other),
        (7, wanted),
    ]
    scan = Engine(pack_of(NAMED)).scan(documents, received_us=NOW_US)
    found = results(scan)
    assert [(one.place, getattr(one, "bases", "reject")) for one in found] == [
        (2, (0,)), (3, "reject"), (4, "reject"), (5, (0,)), (7, (0,)),
    ]  # fmt: skip
    assert (scan.events, scan.rejects) == (6, 2)
    assert isinstance(found[0], Found)
    assert found[0].event.raw == wanted


def test_sightings_name_the_same_events() -> None:
    """The short way gives the places, ids and rules of the long one, whatever id an event has."""
    documents = [
        (n, orjson.dumps(event(errorCode="unauthorized", eventID=one))) for n, one in enumerate(("a", "", "x" * 300))
    ]
    engine = Engine(pack_of(NAMED, ANY_ROLE))
    found = results(engine.scan(documents, received_us=NOW_US))
    brief = results(engine.sightings(documents, received_us=NOW_US))
    assert all(isinstance(one, Sighted) for one in brief)
    assert [hit for one in brief for hit in one.hits] == [
        (one.place, one.event.raw, one.bases, one.event.id) for one in found
    ]  # fmt: skip
    assert len(found) == 3


@pytest.mark.parametrize(
    "odd",
    [
        event(eventTime="yesterday"),
        event(eventTime="1969-12-31T23:59:59Z"),
        event(eventTime="2026-03-02T09:15:02+19:00"),
        event(eventTime=None),
        {**event(), "eventSource": "aws:s3"},
        [event()],
        {"Records": [event()]},
        "text",
    ],
)
def test_what_the_slow_path_may_reject_is_left_to_it(odd: object) -> None:
    """Whatever the rules ask for, the fast way does not answer."""
    for tree in (NAMED, ANY_ROLE, Leaf("eventTime", "contains", "2026"), Leaf("nosuch", "null")):
        assert Engine(pack_of(tree)).matcher(CLOUDTRAIL)(orjson.dumps(odd)) is None


def test_rejects_do_not_depend_on_the_rules() -> None:
    """The same documents are rejected with no rule, a rule that holds and a rule that does not."""
    documents = [
        (1, b"{}"), (2, b"not json"), (3, orjson.dumps(event(eventTime="soon"))), (4, orjson.dumps(event())),
        (5, orjson.dumps({**event(), "eventTime": "2026-03-02T09:15:02.123456789Z", "userIdentity": None})),
        (6, orjson.dumps(event())[:-1]), (7, b'{"eventName":"a","eventName":1}'), (8, b"null"), (9, b""),
    ]  # fmt: skip
    rejected = set()
    for trees in ((), (NAMED,), (ANY_ROLE,), (Leaf("eventTime", "present"),)):
        scan = Engine(pack_of(*trees)).scan(documents, received_us=NOW_US)
        rejected.add(tuple(one.place for one in scan if isinstance(one, Reject)))
        assert scan.events == 2
    assert len(rejected) == 1


def test_a_rule_that_raises_is_named_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many values for one rule; the rules beside it are decided, on both ways in."""
    monkeypatch.setattr(values, "MAX_VALUES", 50)
    full = event(requestParameters={"ids": list(range(60))})
    engine = Engine(pack_of(Leaf("requestParameters.ids", "equals", 7), ANY_ROLE))
    assert engine.matcher(CLOUDTRAIL)(orjson.dumps(full)) is None
    (found,) = engine.scan([(1, orjson.dumps(full))], received_us=NOW_US)
    assert isinstance(found, Found)
    assert found.bases == (1,)
    assert [rule for rule, _ in found.failed] == ["rule-0"]
    assert "TooManyValuesError" in found.failed[0][1]


def test_names_that_no_rule_mentions_share_one_function_and_one_entry_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attacker who invents names makes no code and fills no memory."""
    monkeypatch.setattr(fast, "MAX_NAMES", 16)
    built: list[emit.Function] = []

    def build(*given: Any) -> emit.Function:  # noqa: ANN401
        built.append(emit.build(*given))
        return built[-1]

    monkeypatch.setattr(index, "build", build)
    engine = Engine(pack_of(NAMED, ANY_ROLE))
    match = engine.matcher(CLOUDTRAIL)
    for number in range(200):
        assert match(orjson.dumps(event(eventName=f"Invented{number}"))) == (1,)
    assert len(built) == 1
    assert match(orjson.dumps(event(eventName="x" * 100_000))) == (1,)
    assert match(orjson.dumps(event(eventName="getpassworddata", errorCode="UNAUTHORIZED"))) == (0, 1)
    assert len(built) == 2


def test_functions_are_dropped_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers stay right."""
    monkeypatch.setattr(index, "MAX_FUNCTIONS", 4)
    trees = [And((Leaf("eventName", "equals", f"Call{n}"), ANY_ROLE)) for n in range(40)]
    match = Engine(pack_of(*trees)).matcher(CLOUDTRAIL)
    names = [base.predicate.parts[0].value for base in pack_of(*trees).bases]  # type: ignore[union-attr]
    for _ in range(2):
        for row, name in enumerate(names):
            assert match(orjson.dumps(event(eventName=name))) == (row,)


def test_text_of_a_rule_never_becomes_code() -> None:
    """Quotes, line breaks, braces and operators in names, values and keys are data."""
    nasty = '\'); raise SystemExit #\n"""{0}\\'
    tree = Or((Leaf(nasty, "equals", nasty), Leaf(f"requestParameters.{nasty}", "contains", nasty, cased=True)))
    match = Engine(pack_of(tree)).matcher(CLOUDTRAIL)
    assert match(orjson.dumps(event(**{nasty: nasty}))) == (0,)
    assert match(orjson.dumps(event(**{nasty: "x"}))) == ()


def test_derived_names_and_raw_fields_may_share_keys() -> None:
    """A field that is text in events, read raw and by a function, is the same on both ways."""
    derived = Derived(("userAgent", "eventName", "eventTime"), lambda view: [view.get("userAgent"), view["eventTime"]])
    source = replace(CLOUDTRAIL, common={**CLOUDTRAIL.common, "actor": derived})
    tree = And(
        (Leaf("actor", "equals", "agent"), Leaf("actor", "startswith", "2026"), Leaf("userAgent", "equals", "AGENT"))
    )
    engine = Engine(pack_of(tree), {source.name: source})
    assert engine.matcher(source)(orjson.dumps(event(userAgent="agent"))) == (0,)
    assert engine.match_view(source, event(userAgent="agent")) == (0,)
    assert engine.matcher(source)(orjson.dumps(event(userAgent=None))) == ()


@pytest.mark.parametrize(
    ("leaf", "part"),
    [
        (Leaf("a", "cidr", "10.0.0.0/33"), "no network"),
        (Leaf("a", "regex", "(?=x)"), "RE2"),
        (Leaf("a", "lt", "many"), "needs a number"),
        (Leaf("a", "equals"), "needs a value"),
        (Leaf("a", "equals", 1, part="fortnight"), "no time part"),
    ],
)
def test_a_faulty_constant_is_an_error_of_its_rule(leaf: Leaf, part: str) -> None:
    """It is raised when the pack is compiled and names the rule."""
    with pytest.raises(RuleError, match=part) as raised:
        Engine(pack_of(leaf)).compile()
    assert "rule-0" in str(raised.value)


def test_nesting_beyond_the_bound_is_refused() -> None:
    """Trees built by hand are held to the bound that packs are."""
    tree: Predicate = Leaf("a", "equals", "b")
    for _ in range(200):
        tree = And((Not(tree), ANY_ROLE))
    with pytest.raises(RuleError, match="nested deeper"):
        Engine(pack_of(tree)).compile()


def test_the_deepest_tree_that_is_allowed_compiles() -> None:
    """The generated code stays within what Python's own parser takes."""
    tree: Predicate = Leaf("errorCode", "regex", "x")
    for depth in range(31):
        tree = Not((And, Or)[depth % 2]((tree, Leaf(f"f{depth}", "equals", "a"))))
    engine = Engine(pack_of(tree))
    assert engine.matcher(CLOUDTRAIL)(orjson.dumps(event())) == engine.match_view(CLOUDTRAIL, event())


def test_explaining_shows_each_answer_with_the_values_it_saw() -> None:
    """The tree as the rule has it; values are cut, and counted."""
    base = pack_of(And((NAMED, Not(Leaf("list", "equals", "x")), Leaf(None, "contains", "pass")))).bases[0]
    shown = explain(base, CLOUDTRAIL, event(errorCode="Client.UnauthorizedOperation", list=["y"] * 30))
    named, negated, keyword = shown.parts
    assert shown.holds
    assert [part.values for part in named.parts] == [("GetPasswordData",), ("Client.UnauthorizedOperation",)]
    assert (negated.kind, negated.holds, negated.parts[0].holds) == ("not", True, False)
    assert (len(negated.parts[0].values), negated.parts[0].more) == (10, 20)
    assert (keyword.holds, keyword.values) == (True, ())
