"""Okta's System Log: recognised in what it comes in, identified, named; nothing odd stops it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from firstseen.findings.build import facts
from firstseen.sources.aws_cloudtrail import SAMPLE as CLOUDTRAIL_SAMPLE
from firstseen.sources.event import Event, Reject
from firstseen.sources.okta_system import OKTA_SYSTEM, SAMPLE, recognise
from firstseen.sources.reading import read_document
from firstseen.sources.source import COMMON, Derived, View
from firstseen.sources.splitting import split

NOW_US = 1_780_000_000_000_000


def value(view: View, name: str, vocabulary: str = "raw") -> Any:  # noqa: ANN401
    place: Any = OKTA_SYSTEM.accessor(name, vocabulary=vocabulary)
    if isinstance(place, Derived):
        return place.function(view)
    found: Any = view
    for key in place:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def events(data: object) -> list[Event | Reject]:
    raw = data if isinstance(data, bytes) else orjson.dumps(data)
    found: list[Event | Reject] = []
    for one in split([raw]):
        found += [one] if isinstance(one, Reject) else list(read_document(*one, received_us=NOW_US))
    return found


def only(data: object) -> Event:
    (found,) = events(data)
    assert isinstance(found, Event), found
    return found


BUS = {
    "version": "0",
    "id": "5d0d9d3a-6f0e-4c7e-9c1f-2f4f1f6f2a10",
    "detail-type": "SystemLog",
    "source": "aws.partner/okta.com/contoso.example/system-log",
    "account": "111122223333",
    "time": "2026-03-02T09:15:03Z",
    "region": "eu-central-1",
    "resources": [],
    "detail": SAMPLE,
}


@pytest.mark.parametrize(
    "wrapped",
    [
        BUS,
        [SAMPLE],
        orjson.dumps(SAMPLE) + b"\n",
        {"Records": [SAMPLE]},
        {**BUS, "detail": orjson.dumps(SAMPLE).decode()},
    ],
    ids=["partner bus", "answer of the interface", "line", "records", "bus, in a text"],
)
def test_events_are_recognised_in_what_they_come_in(wrapped: object) -> None:
    found = only(wrapped)
    assert (found.source.name, found.id, found.operation_id) == ("okta.system", SAMPLE["uuid"], SAMPLE["uuid"])
    assert found.time_us == 1_772_442_902_281_000
    assert found.remarks == ()


def test_cloudtrail_beside_it_stays_cloudtrail() -> None:
    found = events(orjson.dumps(CLOUDTRAIL_SAMPLE) + b"\n" + orjson.dumps(SAMPLE))
    assert [one.source.name for one in found if isinstance(one, Event)] == ["aws.cloudtrail", "okta.system"]
    assert not recognise(CLOUDTRAIL_SAMPLE)


@pytest.mark.parametrize(
    "view",
    [
        {"eventType": "AwsApiCall", "published": "2026-03-02T09:15:02Z"},
        {"eventType": 7, "published": "2026-03-02T09:15:02Z"},
        {"eventType": "com.example.thing", "data": {}},
        {"published": "2026-03-02T09:15:02Z"},
    ],
)
def test_what_only_looks_like_it_is_none(view: View) -> None:
    assert not recognise(view)


def test_the_common_vocabulary_says_who_did_what_from_where() -> None:
    said = {name: value(SAMPLE, name, "common") for name in COMMON}
    assert said == {
        "actor": "ada@contoso.example",
        "action": "user.session.start",
        "outcome": "success",
        "source.ip": "198.51.100.24",
        "account": None,
        "region": None,
        "resource": "ada@contoso.example",
        "user_agent": SAMPLE["client"]["userAgent"]["rawUserAgent"],
        "time": "2026-03-02T09:15:02.281Z",
        "id": SAMPLE["uuid"],
    }


def test_names_in_small_letters_mean_the_same() -> None:
    lower = {
        "eventtype": "user.mfa.factor.deactivate",
        "displaymessage": "Reset factor for user",
        "debugcontext": {"debugData": {"risk": "{level=HIGH}"}},
        "securitycontext": {"isProxy": True},
        **{key: SAMPLE[key] for key in ("actor", "outcome", "target", "uuid", "published")},
    }
    found = only(lower)
    assert found.source is OKTA_SYSTEM
    assert value(lower, "eventType") == "user.mfa.factor.deactivate"
    assert value(lower, "displayMessage") == "Reset factor for user"
    assert value(lower, "debugContext.debugData.risk") == "{level=HIGH}"
    assert value(lower, "okta.debug_context.debug_data.risk", "ecs") == "{level=HIGH}"
    assert value(lower, "okta.security_context.is_proxy", "ecs") is True


@pytest.mark.parametrize(
    ("result", "outcome"),
    [("ALLOW", "success"), ("DENY", "failure"), ("FAILURE", "failure"), ("CHALLENGE", None), (None, None), ([], None)],
)
def test_a_challenge_is_neither_success_nor_failure(result: object, outcome: str | None) -> None:
    assert value({**SAMPLE, "outcome": {"result": result}}, "outcome", "common") == outcome


def test_actor_is_who_acted_in_every_vocabulary() -> None:
    assert value(SAMPLE, "actor") == value(SAMPLE, "actor", "ecs") == "ada@contoso.example"
    assert value(SAMPLE, "actor.id") == SAMPLE["actor"]["id"]


def test_an_unknown_name_gives_way_to_the_id() -> None:
    who = {"id": "00u1", "alternateId": "unknown", "displayName": "unknown"}
    assert value({**SAMPLE, "actor": who}, "actor", "common") == "00u1"
    targets = [{"alternateId": "unknown", "displayName": "Password", "id": "x"}, "odd", {"id": "00u2"}]
    assert value({**SAMPLE, "target": targets}, "resource", "common") == ["Password", "00u2"]


def test_the_first_of_the_chain_of_addresses_stands_in_for_the_clients() -> None:
    view = {**SAMPLE, "client": {"ipAddress": None}, "request": {"ipChain": [{"ip": "[2001:db8::1]:443"}]}}
    assert value(view, "source.ip", "common") == "2001:db8::1"
    assert value({**SAMPLE, "client": {"ipAddress": "proxy.example"}}, "source.ip", "ecs") is None


def test_what_is_odd_is_remarked_upon_and_read() -> None:
    bare = {"eventType": "system.org.rate_limit.warning", "published": "2026-03-02 09:15:02.281", "actor": []}
    found = only(bare)
    assert found.remarks == (
        "no actor: rules that ask who acted cannot match",
        "the time names no zone: taken as UTC",
        "no event id: a hash of its content serves",
    )


def test_no_time_is_a_reject_with_its_reason() -> None:
    (found,) = events({**SAMPLE, "published": "yesterday"})
    assert isinstance(found, Reject)
    assert "needs published as in" in found.reason


def test_a_finding_tells_who_and_where() -> None:
    told = dict(facts(only(SAMPLE)))
    assert told["actor"] == "ada@contoso.example"
    assert told["source.ip"] == "198.51.100.24"
