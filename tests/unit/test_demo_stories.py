"""The demo's stories: what is expected of them is what counting by brute force finds in the events."""

import collections
import json
from dataclasses import FrozenInstanceError
from datetime import datetime
from typing import Any

import pytest

from demo import company
from demo.__main__ import main
from demo.break_ins import CHAIN_RULE, GIVEN_AWAY, NEW_USER, NIGHT_RULE, SHARED_LIMIT, SHARED_RULE
from demo.calls import CATALOGUE
from demo.delivery import happenings
from demo.mixes import MIXES
from demo.stories import ANY_RULE, DAYS, REFUSED_RULE, STORIES, Expected, Stage, expected

Record = dict[str, Any]
COUNTED = {ANY_RULE, REFUSED_RULE, NIGHT_RULE, CHAIN_RULE, SHARED_RULE}
WEEK = 7 * 86_400
MONTH = 30 * 86_400


def seconds(event: Record) -> int:
    return int(datetime.fromisoformat(event["eventTime"]).timestamp())


def told(seed: int, days: int) -> list[Record]:
    return sorted(json.loads(json.dumps(list(happenings(seed, days)))), key=seconds)


@pytest.fixture(scope="module")
def events() -> list[Record]:
    return told(7, DAYS)


def brute_force(events: list[Record]) -> list[tuple[str, str, str]]:
    """All findings of the rules that are counted."""
    found = [*passwords(events), *nights(events), *chains(events), *shared(events)]
    return sorted(found, key=lambda f: (f[2], f[0], f[1]))


def passwords(events: list[Record]) -> list[tuple[str, str, str]]:
    """For each rule and role: an event that follows on no other within a week, after the first week."""
    found = []
    learnt = min(map(seconds, events)) + WEEK
    asked = [e for e in events if (e["eventSource"], e["eventName"]) == ("ec2.amazonaws.com", "GetPasswordData")]
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
    return found


def nights(events: list[Record]) -> list[tuple[str, str, str]]:
    """A user's first console sign-in by night in a month, after the first week."""
    learnt = min(map(seconds, events)) + WEEK
    found = []
    newest: dict[str, int] = {}
    for event in events:
        hour, who = int(event["eventTime"][11:13]), event["userIdentity"].get("arn")
        if event["eventName"] != "ConsoleLogin" or 5 <= hour < 22:
            continue
        now = seconds(event)
        if now >= learnt and now - newest.get(who, -MONTH) > MONTH:
            found.append((NIGHT_RULE, who, event["eventTime"]))
        newest[who] = now
    return found


def chains(events: list[Record]) -> list[tuple[str, str, str]]:
    """A user that is made, gets a key, and with it copies a disk and starts a machine, within a day."""
    steps = {"CreateUser": 0, "CreateAccessKey": 1, "CreateSnapshot": 2, "CreateVolume": 3, "RunInstances": 4}
    done: dict[str, list[int]] = collections.defaultdict(list)
    found = []
    for event in events:
        step = steps.get(event["eventName"], -1)
        request, who = event["requestParameters"] or {}, event["userIdentity"]
        user = request.get("userName") if step in {0, 1} else who.get("userName")
        if user is None or "errorCode" in event or (step > 1 and who["type"] != "IAMUser"):
            continue
        if step == len(done[user]):
            done[user].append(seconds(event))
        if step == 4 == len(done[user]) - 1 and done[user][4] - done[user][0] < 86_400:
            found.append((CHAIN_RULE, user, event["eventTime"]))
    return found


def shared(events: list[Record]) -> list[tuple[str, str, str]]:
    """Each snapshot that is opened, once."""
    found: dict[str, str] = {}
    for event in events:
        if event["eventName"] == "ModifySnapshotAttribute" and "errorCode" not in event:
            found.setdefault(event["requestParameters"]["snapshotId"], event["eventTime"])
    return [(SHARED_RULE, snapshot, when) for snapshot, when in found.items()]


@pytest.mark.parametrize(("seed", "days"), [(7, 14), (8, 14), (7, 30), (7, 12), (7, 3)])
def test_what_is_expected_is_what_brute_force_finds(seed: int, days: int) -> None:
    findings = [one for one in expected(days) if one.rule in COUNTED]
    assert [(one.rule, one.who, one.when) for one in findings] == brute_force(told(seed, days))
    assert all(one.why for one in findings)


def test_five_findings_and_a_flood_are_expected() -> None:
    batch, helpdesk = (f"arn:aws:iam::111122223333:role/{name}" for name in ("reporting-batch", "helpdesk"))
    counted = [one for one in expected() if one.rule in COUNTED]
    flood = [one for one in counted if one.rule == SHARED_RULE]
    assert [(one.rule, one.who, one.when) for one in counted if one not in flood] == [
        (ANY_RULE, batch, "2026-10-11T02:43:10Z"),
        (REFUSED_RULE, batch, "2026-10-11T02:43:10Z"),
        (NIGHT_RULE, "arn:aws:iam::111122223333:user/rafael", "2026-10-12T03:12:40Z"),
        (CHAIN_RULE, NEW_USER, "2026-10-12T14:28:55Z"),
        (ANY_RULE, helpdesk, "2026-10-13T10:06:01Z"),
    ]
    assert [one.routing for one in flood] == ["send"] * SHARED_LIMIT + ["digest"] * (GIVEN_AWAY - SHARED_LIMIT)
    assert len({one.when[:13] for one in flood}) == 1
    with pytest.raises(FrozenInstanceError):
        expected()[0].rule = "other"  # type: ignore[misc]


def test_the_attack_is_told_as_it_happens(events: list[Record]) -> None:
    attack = [e for e in events if e["sourceIPAddress"] == company.OUTSIDE_ADDRESS]
    assert [e["eventName"] for e in attack] == ["GetCallerIdentity", "DescribeInstances"] + ["GetPasswordData"] * 4
    assert [e.get("errorCode") for e in attack] == [None, None] + ["Client.UnauthorizedOperation"] * 4
    assert len({e["requestParameters"]["instanceId"] for e in attack[2:]}) == 4
    role = company.REPORTING_BATCH.arn(company.PROD)
    job = [e for e in events if f'"{role}"' in json.dumps(e["userIdentity"])]
    assert {e["eventSource"] for e in job if e not in attack}.isdisjoint({"ec2.amazonaws.com", "sts.amazonaws.com"})
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


def test_the_disk_that_is_copied_is_the_one_that_the_machine_gets(events: list[Record]) -> None:
    by_name = {e["eventName"]: e for e in events if e["userIdentity"].get("userName") == NEW_USER}
    snapshot = by_name["CreateSnapshot"]["responseElements"]["snapshotId"]
    volume = by_name["CreateVolume"]
    assert volume["requestParameters"]["snapshotId"] == snapshot
    joined = by_name["AttachVolume"]["requestParameters"]
    assert joined["volumeId"] == volume["responseElements"]["volumeId"]
    machine = by_name["RunInstances"]["responseElements"]["instancesSet"]["items"][0]["instanceId"]
    assert joined["instanceId"] == machine


def test_near_misses_of_the_break_ins_are_there(events: list[Record]) -> None:
    made = [e["requestParameters"]["userName"] for e in events if e["eventName"] == "CreateUser"]
    assert sorted(made) == ["supplier-feed", NEW_USER]
    late = [e["userIdentity"]["userName"] for e in events if "ConsoleLogin" in e["eventName"] and night(e)]
    assert late == ["sunniva", "sunniva", "rafael"]
    opened = [e.get("errorCode") for e in events if e["eventName"] == "ModifySnapshotAttribute"]
    assert opened == [None] * GIVEN_AWAY + ["Client.UnauthorizedOperation"]


def test_the_console_in_other_hands_joins_its_disk_and_its_group(events: list[Record]) -> None:
    scene = [e for e in events if e["sourceIPAddress"] == company.TAKE_OVER_ADDRESS]
    assert scene[0]["additionalEventData"]["MFAUsed"] == "No"
    assert {e["userIdentity"]["userName"] for e in scene} == {"sunniva"}
    commanded = [e["requestParameters"]["instanceIds"] for e in scene if e["eventName"] == "SendCommand"]
    assert len({machine for wave in commanded for machine in wave}) == 12
    by_name = {e["eventName"]: e for e in scene}
    volume = by_name["CreateVolume"]
    snapshot = by_name["CreateSnapshot"]["responseElements"]["snapshotId"]
    assert volume["requestParameters"]["snapshotId"] == snapshot
    assert by_name["AttachVolume"]["requestParameters"]["volumeId"] == volume["responseElements"]["volumeId"]
    (machine,) = by_name["RunInstances"]["responseElements"]["instancesSet"]["items"]
    assert by_name["AttachVolume"]["requestParameters"]["instanceId"] == machine["instanceId"]
    opened = by_name["AuthorizeSecurityGroupIngress"]["requestParameters"]["groupId"]
    assert [group["groupId"] for group in machine["groupSet"]["items"]] == [opened]


def test_the_help_desk_never_did_so_before(events: list[Record]) -> None:
    of_her = [e for e in events if e["userIdentity"].get("userName") == "sunniva"]
    before = {e["eventName"] for e in of_her if e["sourceIPAddress"] != company.TAKE_OVER_ADDRESS}
    assert before.isdisjoint({"SendCommand", "CreateSnapshot", "CreateVolume", "RunInstances"})
    assert any(e["eventName"] == "ConsoleLogin" and seconds(e) < seconds(events[0]) + WEEK for e in of_her)


def night(event: Record) -> bool:
    return not 5 <= int(event["eventTime"][11:13]) < 22


def test_only_stories_ask_for_passwords() -> None:
    assert not any("ec2:GetPasswordData" in mix for mix in MIXES.values())
    assert all(name in CATALOGUE for mix in MIXES.values() for name in mix)
    assert all(isinstance(one, Expected) for tell in STORIES for one in tell(Stage()).expected)


def test_the_command_prints_what_is_expected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--expected"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Expected(**json.loads(line)) for line in lines] == expected()
