"""The demo's stories: what is expected of them is what counting by brute force finds in the events."""

import collections
import json
from dataclasses import FrozenInstanceError
from datetime import datetime
from typing import Any

import pytest

from demo import company
from demo.__main__ import main
from demo.calls import CATALOGUE
from demo.delivery import happenings
from demo.mixes import MIXES
from demo.stories import ANY_RULE, DAYS, REFUSED_RULE, STORIES, Expected, Stage, expected

Record = dict[str, Any]
WEEK = 7 * 86_400


def seconds(event: Record) -> int:
    return int(datetime.fromisoformat(event["eventTime"]).timestamp())


def told(seed: int, days: int) -> list[Record]:
    return sorted(json.loads(json.dumps(list(happenings(seed, days)))), key=seconds)


@pytest.fixture(scope="module")
def events() -> list[Record]:
    return told(7, DAYS)


def brute_force(events: list[Record]) -> list[tuple[str, str, str]]:
    """For each rule and role: an event that follows on no other within a week, after the first week."""
    found = []
    learnt = min(map(seconds, events)) + WEEK
    asked = [
        e for e in events if (e["eventSource"], e["eventName"]) == ("ec2.amazonaws.com", "GetPasswordData")
    ]
    by_role = [e for e in asked if e["userIdentity"]["type"] == "AssumedRole"]
    refused = [e for e in by_role if e.get("errorCode") == "Client.UnauthorizedOperation"]
    for rule, chosen in ((ANY_RULE, by_role), (REFUSED_RULE, refused)):
        for event in chosen:
            who = event["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]
            now = seconds(event)
            earlier = any(
                other["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == who
                and now - WEEK <= seconds(other) < now
                for other in chosen
            )
            if now >= learnt and not earlier:
                found.append((rule, who, event["eventTime"]))
    return sorted(found, key=lambda f: (f[2], f[0], f[1]))


@pytest.mark.parametrize(("seed", "days"), [(7, 14), (8, 14), (7, 30), (7, 12), (7, 3)])
def test_what_is_expected_is_what_brute_force_finds(seed: int, days: int) -> None:
    findings = expected(days)
    assert [(one.rule, one.who, one.when) for one in findings] == brute_force(told(seed, days))
    assert all(one.why for one in findings)


def test_three_findings_are_expected() -> None:
    batch, helpdesk = (f"arn:aws:iam::111122223333:role/{name}" for name in ("reporting-batch", "helpdesk"))
    assert [(one.rule, one.who, one.when) for one in expected()] == [
        (ANY_RULE, batch, "2026-10-11T02:43:10Z"),
        (REFUSED_RULE, batch, "2026-10-11T02:43:10Z"),
        (ANY_RULE, helpdesk, "2026-10-13T10:06:01Z"),
    ]
    with pytest.raises(FrozenInstanceError):
        expected()[0].rule = "other"  # type: ignore[misc]


def test_the_attack_is_told_as_it_happens(events: list[Record]) -> None:
    attack = [e for e in events if e["sourceIPAddress"] == company.OUTSIDE_ADDRESS]
    assert [e["eventName"] for e in attack] == ["GetCallerIdentity", "DescribeInstances"] + [
        "GetPasswordData"
    ] * 4
    assert [e.get("errorCode") for e in attack] == [None, None] + ["Client.UnauthorizedOperation"] * 4
    assert len({e["requestParameters"]["instanceId"] for e in attack[2:]}) == 4
    role = company.REPORTING_BATCH.arn(company.PROD)
    job = [e for e in events if f'"{role}"' in json.dumps(e["userIdentity"])]
    assert {e["eventSource"] for e in job if e not in attack}.isdisjoint(
        {"ec2.amazonaws.com", "sts.amazonaws.com"}
    )
    assert seconds(job[0]) < seconds(attack[0]) - WEEK


def test_near_misses_are_there(events: list[Record]) -> None:
    asked = [e for e in events if e["eventName"] == "GetPasswordData"]
    kinds = collections.Counter(
        (e["userIdentity"]["arn"].split("/")[1], e.get("errorCode", "").rpartition(".")[2]) for e in asked
    )
    assert kinds == {
        ("windows-admins", ""): 8,
        ("windows-admins", "UnauthorizedOperation"): 3,
        ("windows-admins", "NotFound"): 1,
        ("piotr", "UnauthorizedOperation"): 1,
        ("helpdesk", ""): 2,
        ("reporting-batch", "UnauthorizedOperation"): 4,
    }


def test_only_stories_ask_for_passwords() -> None:
    assert not any("ec2:GetPasswordData" in mix for mix in MIXES.values())
    assert all(name in CATALOGUE for mix in MIXES.values() for name in mix)
    assert all(isinstance(one, Expected) for tell in STORIES for one in tell(Stage()).expected)


def test_the_command_prints_what_is_expected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--expected"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Expected(**json.loads(line)) for line in lines] == expected()
