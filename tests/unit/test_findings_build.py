"""From an opening and its event to the finding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.findings.build import MAX_FACT_CHARS, MAX_RELATED, MAX_TITLE_CHARS, build
from firstseen.findings.finding import MAX_RAW_BYTES, Related
from firstseen.findings.times import DAY_US, HOUR_US, about, iso, moment, span
from firstseen.findings.words import word
from firstseen.language.rules import Correlation, CorrelationType, Suppression, Vocabulary
from firstseen.sources.event import Event
from tests.unit.findings_samples import NOON_US, ROLE, event, finding, opening, rule, suppressed_rule


def test_a_finding_tells_who_did_what_where_and_with_what_error() -> None:
    found = event(errorCode="AccessDenied")
    made = build(opening(found), rule(), found, group=("111122223333",), terms=(ROLE,))
    assert made.fact("actor") == ROLE
    assert made.fact("action") == "ec2:StopInstances"
    assert made.fact("outcome") == "failure"
    assert made.fact("error") == "AccessDenied"
    assert made.fact("session") == "arn:aws:sts::111122223333:assumed-role/deploy/ci-7421"
    assert made.fact("account") == "111122223333"
    assert made.terms == (("userIdentity.sessionContext.sessionIssuer.arn", ROLE),)
    assert made.group == (("recipientAccountId", "111122223333"),)
    assert (made.source, made.provider, made.received_us) == ("aws.cloudtrail", "AWS", found.received_us)


LATE = "; the event arrived late, older than everything that is kept of this key."
OVERFLOWED = "; the key's log of sightings overflowed, so counts are lower bounds."

REASONS = [
    ("match", {}, "Told whenever it happens: this rule does not ask whether it is new."),
    ("new_terms", {}, f"Never seen before in this account: role {ROLE}."),
    (
        "new_terms",
        {"last_seen_us": NOON_US - 97 * DAY_US - HOUR_US},
        f"Last seen 97 days ago (2025-11-25 11:00:00 UTC) in this account: role {ROLE}.",
    ),
    (
        "new_terms",
        {"late": True},
        f"Not seen within 7d in this account: role {ROLE}" + LATE,
    ),
    ("event_count", {"others": 16}, "17 matching events within 10m in this account."),
    ("event_count", {"others": 19, "related_more": 480}, "500 matching events within 10m in this account."),
    (
        "event_count",
        {"others": 3, "overflowed": True},
        "At least 4 matching events within 10m in this account" + OVERFLOWED,
    ),
    (
        "value_count",
        {"others": 4, "value": "v0"},
        "5 different values of role within 10m in this account.",
    ),
    ("temporal", {"others": 1}, "Both steps happened within 10m in this account."),
    (
        "temporal_ordered",
        {"others": 1},
        "Both steps happened, in order, within 10m in this account.",
    ),
]


@pytest.mark.parametrize(("kind", "changes", "expected"), REASONS)
def test_the_reason_says_why_it_is_reported(kind: CorrelationType, changes: dict[str, Any], expected: str) -> None:
    found = event()
    made = build(opening(found, **changes), rule(kind), found, group=("111122223333",), terms=(ROLE,))
    assert made.reason == expected


def test_the_reason_says_of_a_group_by_whom_then_for_what_then_where() -> None:
    found = event()
    counted = rule("event_count", group_by=("recipientAccountId", "requestParameters.bucketName", "disk", "actor"))
    made = build(opening(found, 3), counted, found, group=("111122223333", "logs", "vol-1", ROLE))
    assert made.reason == (
        "4 matching events within 10m by this actor for bucket name logs and disk vol-1 in this account."
    )


def test_the_first_of_three_terms_comes_with_the_others() -> None:
    found = event()
    three = rule(group_by=(), fields=("actor", "eventName", "source.ip.network"))
    made = build(opening(found), three, found, terms=("ana", "RunInstances", "198.51.100.0/24"))
    assert made.reason == "Never seen before: actor ana with call RunInstances and network 198.51.100.0/24."


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("userIdentity.sessionContext.sessionIssuer.arn", "role"),
        ("requestParameters.snapshotId", "snapshot"),
        ("created.machine_type", "machine type"),
        ("aws.cloudtrail.user_identity.arn", "user identity"),
        ("target.id", "target"),
        ("identity.claims.http://example.com/claims/groups", "groups"),
        ("user.name", "user"),
        ("Id", "id"),
        (".id", ".id"),
        ("__", "__"),
        ("", ""),
    ],
)
def test_a_sentence_says_a_field_by_a_plain_word(name: str, said: str) -> None:
    assert word(name) == said


def test_the_events_of_a_chain_say_which_step_they_were() -> None:
    found = event()
    titles = {"base-a": "Snapshot made", "base-b": "x" * 200}
    made = build(opening(found, 1), rule("temporal_ordered"), found, group=("111122223333",), titles=titles)
    assert [one.title for one in made.related] == ["Snapshot made", "x" * MAX_TITLE_CHARS + "…(+80)"]
    single = rule(members=rule().members[:1])
    assert build(opening(found), single, found, terms=(ROLE,), titles=titles).related[0].title == ""


def test_the_triggering_event_comes_first_and_no_event_twice() -> None:
    found = event(eventID="x" * 500)
    seen = opening(found, 60)
    made = build(seen, rule("event_count"), found, group=("111122223333",))
    assert made.related[0] == Related("x" * 500, NOON_US, "base-a")
    assert made.related[1].base_id == "base-b"
    assert len(made.related) + made.related_more == 61
    assert len(made.related) <= MAX_RELATED
    assert len({one.event_id for one in made.related}) == len(made.related)


@given(st.binary(max_size=40), st.integers(0, 3))
def test_raw_is_text_within_its_bound_and_its_size_is_the_whole(tail: bytes, more: int) -> None:
    raw = b"x" * (MAX_RAW_BYTES - 20 + more) + tail
    found = replace(event(), raw=raw)
    made = build(opening(found), rule("match"), found)
    assert len(made.raw.encode()) <= MAX_RAW_BYTES
    assert made.raw_bytes == len(raw)
    assert made.raw.startswith("x" * (MAX_RAW_BYTES - 20))


def test_a_fact_is_bounded_and_a_value_that_cannot_be_written_is_replaced() -> None:
    plain = event()
    found = replace(plain, view={**plain.view, "userAgent": "\ud800" + "x" * 50_000})
    made = build(opening(found), rule("match"), found)
    assert made.fact("user_agent").startswith("\ufffdx")
    assert len(made.fact("user_agent")) < MAX_FACT_CHARS + 20
    assert made.fact("user_agent").endswith("…(+48001)")


@pytest.mark.parametrize(
    "odd", [{"userIdentity": None}, {"userIdentity": []}, {"userAgent": {"a": [1]}}, {"awsRegion": 7}]
)
def test_an_event_of_the_wrong_shape_still_makes_a_finding(odd: dict[str, Any]) -> None:
    found = event(**odd)
    assert build(opening(found), rule("match"), found).fact("action") == "ec2:StopInstances"


def test_suppression_values_come_from_the_key_or_the_event() -> None:
    found = event()

    def name(correlation: Correlation, one: Event = found, group: tuple[str, ...] = ()) -> str:
        return build(opening(one), correlation, one, group=group).suppression

    keyed = name(suppressed_rule(), group=("other",))
    assert keyed not in {"", name(suppressed_rule())}
    assert name(suppressed_rule()) == name(suppressed_rule(), event(eventID="another"))
    assert name(suppressed_rule()) != name(suppressed_rule(), event(recipientAccountId="999"))
    assert name(rule()) == ""


def test_suppression_reads_its_fields_by_the_names_that_the_rule_uses() -> None:
    """To Elastic's ``source.ip`` a service's name is no address; to the common one it is what stands there."""
    service = event(sourceIPAddress="ec2.amazonaws.com")

    def name(vocabulary: Vocabulary, one: Event = service) -> str:
        by_address = Suppression(("source.ip",), HOUR_US, "separate", vocabulary)
        return build(opening(one), rule(suppression=by_address), one).suppression

    assert name("ecs") == ""
    assert name("raw")
    assert name("ecs", event()) == name("raw", event()) != ""


def test_an_event_without_the_field_shares_a_slot_or_stands_alone_as_the_rule_says() -> None:
    bare = event(recipientAccountId=None)
    grouped = build(opening(bare), suppressed_rule(missing="group"), bare)
    alone = build(opening(bare), suppressed_rule(missing="separate"), bare)
    assert grouped.suppression
    assert alone.suppression == ""


def test_two_fields_do_not_read_as_one() -> None:
    first = rule(suppression=Suppression(("a", "b"), HOUR_US))
    one, other = event(a=["x", "y"], b="z"), event(a="x", b=["y", "z"])
    assert build(opening(one), first, one).suppression != build(opening(other), first, other).suppression


def test_times_and_lengths_are_written_for_people() -> None:
    assert moment(NOON_US) == "2026-03-02 12:00:00 UTC"
    assert iso(NOON_US + 1_500) == "2026-03-02T12:00:00.001500Z"
    assert moment(10**20) == f"{10**20} µs since 1970"
    assert iso(-(10**20)) == ""
    assert [span(x) for x in (7 * DAY_US, 90 * 60_000_000, 0, DAY_US + HOUR_US)] == [
        "7d",
        "1h30m",
        "0s",
        "1d1h",
    ]
    assert [about(x) for x in (97 * DAY_US, DAY_US, HOUR_US * 5, 5)] == [
        "97 days",
        "1 day",
        "5 hours",
        "less than a minute",
    ]


def test_the_hour_of_a_finding_is_that_of_its_event() -> None:
    assert finding(time_us=NOON_US + HOUR_US - 1).hour_us == NOON_US
