"""What CloudTrail's history is asked for follows from the rules alone."""

from __future__ import annotations

import pytest

from firstseen.baseline.lookup import asked, everything
from firstseen.language.pack import Pack
from firstseen.language.predicates import And, Leaf, Not, Or, Predicate
from firstseen.language.rules import Base, Member
from tests.unit.findings_samples import rule

ASK = Leaf("eventName", "equals", "Ask")
BEG = Leaf("eventName", "equals", "Beg")
EC2 = Leaf("eventSource", "equals", "ec2.amazonaws.com")
DENIED = Leaf("errorCode", "equals", "AccessDenied")


def found(predicate: Predicate, vocabulary: str = "raw") -> list[tuple[str, str]] | None:
    """None: the rule cannot be covered."""
    base = Base("base", "base", ("aws.cloudtrail",), vocabulary, predicate)  # type: ignore[arg-type]  # any of the three
    one = asked(Pack((base,), (rule(members=(Member("base", (), ("a",)),)),)))
    assert len(one.covered) + len(one.uncovered) == 1
    return list(one.attributes) if one.covered else None


@pytest.mark.parametrize(
    ("predicate", "names"),
    [
        (ASK, [("EventName", "Ask")]),
        (And((EC2, ASK, DENIED)), [("EventName", "Ask")]),
        (Or((BEG, ASK)), [("EventName", "Ask"), ("EventName", "Beg")]),
        (Or((And((ASK, DENIED)), BEG)), [("EventName", "Ask"), ("EventName", "Beg")]),
        (And((EC2, DENIED)), [("EventSource", "ec2.amazonaws.com")]),
        (And((ASK, Not(BEG))), [("EventName", "Ask")]),
        (And((Or((ASK, BEG)), ASK)), [("EventName", "Ask")]),
    ],
)
def test_calls_are_asked_for_where_they_are_named_and_services_otherwise(
    predicate: Predicate, names: list[tuple[str, str]]
) -> None:
    assert found(predicate) == names


@pytest.mark.parametrize(
    "predicate",
    [DENIED, Or((ASK, DENIED)), Not(ASK), Leaf("eventName", "startswith", "As"), Leaf(None, "equals", "Ask"), Or(())],
)
def test_a_rule_that_takes_any_call_is_not_covered(predicate: Predicate) -> None:
    assert found(predicate) is None


def test_the_other_vocabularies_name_calls_too() -> None:
    assert found(Leaf("event.action", "equals", "Ask"), "ecs") == [("EventName", "Ask")]
    assert found(Leaf("action", "equals", "ec2:Ask"), "common") == [("EventName", "Ask")]


def test_rules_without_memory_need_no_history() -> None:
    base = Base("base", "base", ("aws.cloudtrail",), "raw", ASK)
    one = asked(Pack((base,), (rule("match", members=(Member("base"),)),)))
    assert (one.attributes, one.covered, one.uncovered) == ((), (), ())


def test_one_member_that_takes_any_call_leaves_its_rule_uncovered() -> None:
    bases = (Base("a", "a", ("aws.cloudtrail",), "raw", ASK), Base("b", "b", ("aws.cloudtrail",), "raw", DENIED))
    one = asked(Pack(bases, (rule("temporal", members=(Member("a"), Member("b"))),)))
    assert (one.attributes, len(one.covered), len(one.uncovered)) == ((), 0, 1)


@pytest.mark.parametrize(
    ("sources", "served"),
    [
        ((("azure.activitylogs",),), "covered"),
        ((("azure.activitylogs", "aws.cloudtrail"),), "covered"),
        ((("azure.activitylogs",), ("azure.activitylogs",)), "covered"),
        ((("azure.signinlogs",),), "uncovered"),
        ((("azure.activitylogs", "azure.auditlogs"),), "uncovered"),
        ((("azure.activitylogs",), ("azure.signinlogs",)), "uncovered"),
        ((("aws.cloudtrail",),), ""),
    ],
)
def test_the_activity_log_serves_rules_that_read_nothing_else_of_azure(
    sources: tuple[tuple[str, ...], ...], served: str
) -> None:
    """Of another cloud's rules nothing is said."""
    bases = tuple(Base(f"base-{n}", f"base-{n}", one, "raw", DENIED) for n, one in enumerate(sources))
    members = tuple(Member(one.id, (), ("a",)) for one in bases)
    found = everything(Pack(bases, (rule(members=members),)))
    assert (bool(found.covered), bool(found.uncovered)) == (served == "covered", served == "uncovered")
    assert found.attributes == ((("Everything", ""),) if served == "covered" else ())
