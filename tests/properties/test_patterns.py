"""What a rule matches, EventBridge hands over: shipped rules by their examples, any rule over any event."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from moto.events.models import EventPattern

from firstseen.cli.exampling import examples_of
from firstseen.errors import RuleError
from firstseen.language.examples.search import Unsolved
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Base, Card, Correlation, Member
from firstseen.matching.patterns import (
    CHAINS,
    MAX_PATTERN_CHARACTERS,
    MAX_PATTERNS,
    MAX_TEXT_CHARACTERS,
    UNATTENDED,
    Pattern,
    Patterns,
    patterns_for,
)
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from tests.properties.oracle import true_of
from tests.shipped import shipped_rules


class Shipped(NamedTuple):
    """The base rules that the project ships for CloudTrail, and what is handed over for them. ``everything``: without
    leaving out what is frequent. ``named``: those that name their calls.
    """

    bases: dict[str, Base]
    found: Patterns
    everything: Sequence[Pattern]
    named: list[Base]


@pytest.fixture(scope="module")
def shipped() -> Shipped:
    bases = {key: base for key, base in shipped_rules().standing_in().items() if CLOUDTRAIL.name in base.sources}
    found = patterns_for(bases.values(), CLOUDTRAIL)
    everything = patterns_for(bases.values(), CLOUDTRAIL, frozenset(), unattended=()).patterns
    broad = {base.id for base in found.broad}
    return Shipped(bases, found, everything, [base for base in bases.values() if base.id not in broad])


def hands_over(patterns: Sequence[Pattern], detail: Mapping[str, object]) -> bool:
    envelope: Any = {"source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "detail": detail}
    return any(_loaded(json.dumps(one)).matches_event(envelope) for one in patterns)


@cache
def _loaded(pattern: str) -> EventPattern:
    return EventPattern.load(pattern)


def compiled(*predicates: Predicate) -> Sequence[Pattern]:
    """Patterns of rules that all name their calls."""
    bases = [Base(str(number), "", (CLOUDTRAIL.name,), "raw", one) for number, one in enumerate(predicates)]
    found = patterns_for(bases, CLOUDTRAIL)
    assert not found.broad
    return found.patterns


def test_the_example_of_every_shipped_rule_that_names_its_calls_is_handed_over(shipped: Shipped) -> None:
    late = {base.id: {call.lower() for call in calls} for base, calls in shipped.found.late}
    lost = []
    for base in shipped.named:
        found = examples_of(base, None, shipped.bases)
        assert not isinstance(found, Unsolved), base.title
        view = found[0].views[0]
        in_time = hands_over(shipped.found.patterns, view) or view["eventName"].lower() in late.get(base.id, ())
        if not in_time or not hands_over(shipped.everything, view):
            lost.append(base.title)
    assert lost == []
    assert shipped.named


def test_calls_that_machines_make_all_day_are_handed_over_only_where_a_rule_says_which_callers_it_means() -> None:
    call: Predicate = Leaf("eventName", "equals", "AssumeRole")
    kind: Predicate = And((call, Leaf("userIdentity.type", "equals", "AWSAccount")))
    bases = [Base(one, "", (CLOUDTRAIL.name,), "raw", asked) for one, asked in (("1", call), ("2", kind))]
    found = patterns_for(bases, CLOUDTRAIL)
    assert found.late == ((bases[0], ("AssumeRole",)),)
    assert hands_over(found.patterns, {"eventName": "AssumeRole", "userIdentity": {"type": "AWSAccount"}})
    assert not hands_over(found.patterns, {"eventName": "AssumeRole", "userIdentity": {"type": "IAMUser"}})


def test_what_services_call_by_themselves_is_not_handed_over_and_what_others_call_for_somebody_is() -> None:
    worked = And((Leaf("eventName", "equals", "RunInstances"), Leaf("userIdentity.type", "equals", "IAMUser")))
    call = Leaf("eventName", "equals", "CreateSnapshot")
    for predicates in ((worked,), (call,), (worked, call)):
        found = compiled(*predicates)
        for name in {"RunInstances"} if worked in predicates else set[str]():
            person = {"eventName": name, "userIdentity": {"type": "IAMUser"}}
            assert hands_over(found, person)
            assert not hands_over(found, {**person, "userIdentity": {"type": "Root"}})
            assert not hands_over(found, {**person, "userIdentity": {"type": "IAMUser", "invokedBy": UNATTENDED[0]}})
        if call in predicates:
            assert hands_over(found, {"eventName": "CreateSnapshot"})
            assert hands_over(found, {"eventName": "CreateSnapshot", "userIdentity": {"type": "Root"}})
            for service, handed in ((UNATTENDED[1], False), ("cloudformation.amazonaws.com", True)):
                caller = {"type": "AWSService", "invokedBy": service}
                assert hands_over(found, {"eventName": "CreateSnapshot", "userIdentity": caller}) is handed


def test_a_rule_about_what_such_a_service_does_is_told_to_come_by_the_trail() -> None:
    calls = Leaf("eventName", "equals", "CreateSnapshot")
    by_service = And((calls, Leaf("userIdentity.invokedBy", "equals", UNATTENDED[1])))
    base = Base("1", "", (CLOUDTRAIL.name,), "raw", by_service)
    found = patterns_for([base], CLOUDTRAIL)
    assert (found.patterns, found.late) == ((), ((base, ("CreateSnapshot",)),))
    assert patterns_for([base], CLOUDTRAIL, unattended=()).patterns


def chain(kind: str, *members: str, title: str = "") -> Correlation:
    """A rule of these base rules."""
    card = Card(title or kind + "+".join(members), title)
    return Correlation(card, kind, tuple(Member(one) for one in members), "fingerprint", 3_600_000_000)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "handed"), [("temporal", False), ("temporal_ordered", False), ("new_terms", True)])
def test_the_other_steps_of_a_chain_wait_for_the_step_that_comes_by_the_trail(kind: str, handed: bool) -> None:  # noqa: FBT001
    """Handed over before it, they would bring nothing about. Where any one of the events is enough, each is."""
    bases = [
        Base(name, "", (CLOUDTRAIL.name,), "raw", Leaf("eventName", "equals", call))
        for name, call in (("1", "GetCallerIdentity"), ("2", "ListRoles"), ("3", "CreateUser"))
    ]
    rules = [chain(kind, "1", "2", "3"), chain("new_terms", "3")]
    found = patterns_for(bases, CLOUDTRAIL, rules=rules)
    assert hands_over(found.patterns, {"eventName": "ListRoles"}) is handed
    assert hands_over(found.patterns, {"eventName": "CreateUser"}), "another rule uses it by itself"
    assert not hands_over(found.patterns, {"eventName": "GetCallerIdentity"})
    assert found.waiting == (() if handed else (bases[1],))
    assert [base.id for base, _ in found.late] == ["1"]
    assert hands_over(patterns_for(bases, CLOUDTRAIL, frozenset(), rules).patterns, {"eventName": "ListRoles"})


def test_a_chain_whose_steps_all_come_in_part_by_eventbridge_is_handed_over() -> None:
    """A frequent call among others takes nothing from them."""
    calls: Predicate = Or((Leaf("eventName", "equals", "GetCallerIdentity"), Leaf("eventName", "equals", "GetUser")))
    other: Predicate = Leaf("eventName", "equals", "CreateUser")
    bases = [Base(one, "", (CLOUDTRAIL.name,), "raw", asked) for one, asked in (("1", calls), ("2", other))]
    found = patterns_for(bases, CLOUDTRAIL, rules=[chain("temporal", "1", "2")])
    assert all(hands_over(found.patterns, {"eventName": one}) for one in ("GetUser", "CreateUser"))
    assert found.waiting == ()


def test_every_shipped_rule_that_needs_no_trail_keeps_all_its_base_rules(shipped: Shipped) -> None:
    rules = [one for one in shipped_rules().pack().correlations if one.enabled]
    used = {member.base_id for one in rules for member in one.members}
    found = patterns_for([base for base in shipped.bases.values() if base.id in used], CLOUDTRAIL, rules=rules)
    waiting = {base.id for base in found.waiting}
    alone = {base.id for base in found.broad} | {base.id for base, _ in found.late}
    assert waiting
    for rule in rules:
        members = {member.base_id for member in rule.members}
        assert members.isdisjoint(waiting) or (rule.type in CHAINS and not members.isdisjoint(alone))


def test_every_event_of_the_shipped_tests_that_a_rule_matches_is_handed_over_and_others_are_not(
    shipped: Shipped,
) -> None:
    """Of these events, which are made to be near to matching, few more are handed over than some rule matches."""
    events = {raw: json.loads(raw) for test in shipped_rules().tests for raw in test.events}
    ours = [one for one in events.values() if "eventSource" in one]
    matched = [one for one in ours if any(true_of(b.predicate, one, CLOUDTRAIL, b.vocabulary) for b in shipped.named)]
    handed = [one for one in ours if hands_over(shipped.everything, one)]
    assert [one for one in matched if one not in handed] == []
    assert 100 < len(matched) <= len(handed) < 1.25 * len(matched) < len(ours)


def test_patterns_fit_into_rules_of_eventbridge_and_templates(shipped: Shipped) -> None:
    assert all(len(json.dumps(one)) <= MAX_PATTERN_CHARACTERS for one in shipped.found.patterns)
    assert "null" not in json.dumps(shipped.found.patterns)


def test_rules_that_name_no_call_are_told_and_let_nothing_through() -> None:
    kinds: tuple[Predicate, ...] = (
        Leaf("userAgent", "contains", "curl"),
        Leaf("eventName", "startswith", "Delete"),
        Leaf("eventSource", "equals", "ec2.amazonaws.com"),
        Or((Leaf("eventName", "equals", "A"), Leaf("userAgent", "contains", "curl"))),
        Not(Leaf("eventName", "equals", "A")),
        Leaf("eventName", "equals", "Ä"),
        Leaf("eventName", "equals", "A" * (MAX_TEXT_CHARACTERS + 1)),
    )
    bases = [Base(str(number), "", (CLOUDTRAIL.name,), "raw", one) for number, one in enumerate(kinds)]
    found = patterns_for(bases, CLOUDTRAIL)
    assert (found.patterns, found.calls, list(found.broad)) == ((), 0, bases)


def test_rules_of_other_logs_and_rules_that_never_hold_ask_for_nothing() -> None:
    name = Leaf("eventName", "equals", "A")
    never = Base("1", "", (CLOUDTRAIL.name,), "raw", And((name, Leaf("eventName", "equals", "B"))))
    other = Base("2", "", ("azure.activitylogs",), "raw", name)
    found = patterns_for([never, other], CLOUDTRAIL)
    assert (found.patterns, found.broad) == ((), ())


def test_what_all_rules_for_a_call_ask_is_asked_and_what_one_leaves_open_is_not() -> None:
    call = Leaf("eventName", "equals", "Call")
    worked = And((call, Leaf("errorCode", "null")))
    failed = And((call, Leaf("errorCode", "contains", "Denied")))
    denied = And((call, Leaf("errorCode", "equals", "AccessDenied")))
    events = ({"eventName": "CALL"}, *({"eventName": "Call", "errorCode": one} for one in ("accessdenied", "Other")))
    said = {
        (worked,): [True, False, False],
        (failed,): [False, True, True],
        (denied,): [False, True, False],
        (worked, denied): [True, True, False],
        (denied, failed): [False, True, True],
        (worked, failed): [True, True, True],
        (worked, call): [True, True, True],
    }
    for predicates, expected in said.items():
        assert [hands_over(compiled(*predicates), one) for one in events] == expected


def test_calls_of_other_services_and_events_that_are_not_cloudtrails_are_not_handed_over() -> None:
    (one,) = compiled(And((Leaf("eventName", "equals", "Call"), Leaf("eventSource", "equals", "a.amazonaws.com"))))
    detail: Any = {"eventName": "Call", "eventSource": "a.amazonaws.com"}
    fits = EventPattern.load(json.dumps(one)).matches_event
    kind = "AWS Console Sign In via CloudTrail"
    assert fits({"source": "aws.signin", "detail-type": kind, "detail": detail})
    assert not fits({"source": "aws.signin", "detail-type": kind, "detail": {**detail, "eventSource": "b"}})
    assert not fits({"source": "mine", "detail-type": kind, "detail": detail})
    assert not fits({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})


def test_a_call_that_some_rule_names_of_any_service_stands_once() -> None:
    call, service = Leaf("eventName", "equals", "Call"), Leaf("eventSource", "equals", "a.amazonaws.com")
    assert compiled(And((call, service)), call) == compiled(call, And((call, service))) == compiled(call)


def test_thousands_of_calls_are_spread_over_rules_and_more_than_a_bus_takes_are_refused() -> None:
    names = [f"Call{number}" for number in range(3000)]
    found = compiled(*(Leaf("eventName", "equals", name) for name in names))
    assert all(len(json.dumps(one)) <= MAX_PATTERN_CHARACTERS for one in found)
    assert all(hands_over(found, {"eventName": name}) for name in names[::500])
    many = [Leaf("eventName", "equals", f"{'A' * (MAX_TEXT_CHARACTERS - 5)}{number}") for number in range(5000)]
    with pytest.raises(RuleError, match=f"too many for {MAX_PATTERNS} rules"):
        compiled(*many)


SERVICES = ("ec2.amazonaws.com", "s3.amazonaws.com")
NAMES = ("RunInstances", "GetObject", "Getobject", "x" * MAX_TEXT_CHARACTERS)
CODES = ("AccessDenied", "accessdenied", "Client.Denied", "7", "true", "")
KINDS = ("AssumedRole", "Root", "IAMUser")

named = st.builds(
    lambda names: Or(tuple(Leaf("eventName", "equals", one) for one in names)),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
)
leaves = st.one_of(
    st.builds(Leaf, st.just("eventSource"), st.just("equals"), st.sampled_from(SERVICES)),
    st.builds(Leaf, st.just("event.action"), st.just("equals"), st.sampled_from(NAMES)),
    st.builds(
        Leaf, st.just("errorCode"), st.sampled_from(("equals", "contains", "startswith")), st.sampled_from(CODES)
    ),
    st.builds(Leaf, st.just("errorCode"), st.just("like"), st.sampled_from(("*", "access*", "?"))),
    st.builds(Leaf, st.just("errorCode"), st.sampled_from(("null", "present"))),
    st.builds(Leaf, st.just("errorCode"), st.just("exists"), st.booleans()),
    st.builds(Leaf, st.just("errorCode"), st.just("same_as"), st.just("userIdentity.type")),
    st.builds(Leaf, st.just("userIdentity.type"), st.sampled_from(("equals", "endswith")), st.sampled_from(KINDS)),
    st.builds(Leaf, st.just("userIdentity.type"), st.sampled_from(("null", "present"))),
    st.builds(Leaf, st.just("userAgent"), st.just("contains"), st.just("curl")),
    st.builds(Leaf, st.none(), st.just("contains"), st.sampled_from(("Root", "denied"))),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda parts: And(tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(lambda parts: Or(tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)
rules = st.one_of(st.builds(lambda name, tree: And((name, tree)), named, trees), trees)
details = st.fixed_dictionaries(
    {"eventName": st.sampled_from((*NAMES, "OTHER", "RUNINSTANCES")), "eventSource": st.sampled_from(SERVICES)},
    optional={
        "errorCode": st.sampled_from((*CODES, "ACCESSDENIED")),
        "userIdentity": st.fixed_dictionaries({}, optional={"type": st.sampled_from((*KINDS, "root"))}),
        "userAgent": st.sampled_from(("curl", "x")),
    },
)


@given(st.lists(rules, min_size=1, max_size=4), st.lists(details, min_size=1, max_size=10))
def test_what_any_rule_that_names_its_calls_matches_is_handed_over(
    found: list[Predicate], some: list[dict[str, object]]
) -> None:
    bases = [Base(str(number), "", (CLOUDTRAIL.name,), "raw", one) for number, one in enumerate(found)]
    patterns = patterns_for(bases, CLOUDTRAIL, frozenset())
    for detail in some:
        matched = [one for one in bases if one not in patterns.broad and true_of(one.predicate, detail, CLOUDTRAIL)]
        event("matched" if matched else "not matched")
        assert not matched or hands_over(patterns.patterns, detail)
