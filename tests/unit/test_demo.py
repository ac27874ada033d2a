"""The demo company's files: the same again for the same seed, shaped as CloudTrail's, out of order."""

import collections
import gzip
import ipaddress
import json
import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from demo import company
from demo.__main__ import main
from demo.azure.delivery import write_hubs
from demo.delivery import write_lines, write_trail
from demo.gcp.delivery import write_sink
from demo.traffic import events_a_day
from demo.yandex.delivery import write_bucket

Record = dict[str, Any]
REQUIRED = {
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "requestParameters",
    "responseElements",
    "eventID",
    "readOnly",
    "eventType",
    "managementEvent",
    "recipientAccountId",
    "eventCategory",
}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NAME = re.compile(r"(\d{12})_CloudTrail_([a-z0-9-]+)_(\d{8})T(\d{4})Z_[A-Za-z0-9]{16}\.json\.gz")
DOCUMENTATION = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def objects(folder: Path) -> Iterator[tuple[Path, list[Record]]]:
    for path in sorted(folder.rglob("*.json.gz")):
        yield path, json.loads(gzip.decompress(path.read_bytes()))["Records"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def seconds(event: Record) -> int:
    return int(datetime.fromisoformat(event["eventTime"]).timestamp())


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trail")
    write_trail(folder, seed=7)
    write_hubs(folder, seed=7)
    write_sink(folder, seed=7)
    write_bucket(folder, seed=7)
    return folder


@pytest.fixture(scope="module")
def records(trail: Path) -> list[Record]:
    return [event for _, events in objects(trail) for event in events]


@pytest.fixture(scope="module")
def events(records: list[Record]) -> list[Record]:
    return sorted({event["eventID"]: event for event in records}.values(), key=seconds)


def test_the_same_seed_writes_the_same_bytes_in_any_process(trail: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "demo", "--out", str(tmp_path)]
    root = Path(company.__file__).parents[1]
    said = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": "5"},
    )
    assert contents(tmp_path) == contents(trail)
    assert "delivered twice" in said.stdout


def test_another_seed_replaces_an_earlier_demo(tmp_path: Path) -> None:
    write_trail(tmp_path / "a", seed=1, days=2)
    write_trail(tmp_path / "b", seed=2, days=2)
    other = tmp_path / "a" / "aws" / "AWSLogs" / "999999999999" / "kept.json.gz"
    other.parent.mkdir()
    other.write_bytes(b"not ours")
    before = contents(tmp_path / "b")
    write_trail(tmp_path / "b", seed=1, days=2)
    write_trail(tmp_path / "a", seed=1, days=2)
    assert other.read_bytes() == b"not ours"
    other.unlink()
    assert contents(tmp_path / "b") == contents(tmp_path / "a") != before


def test_two_weeks_hold_thousands_of_events_in_the_main_shapes(events: list[Record]) -> None:
    assert 8_000 <= len(events) <= 13_000
    assert (events[0]["eventTime"][:10], events[-1]["eventTime"][:10]) == ("2026-10-01", "2026-10-14")
    assert len({event["eventTime"][:10] for event in events}) == 14
    assert len({(event["eventSource"], event["eventName"]) for event in events}) >= 80
    assert len({event["eventSource"] for event in events}) >= 25
    kinds = {event["userIdentity"].get("type") for event in events}
    assert {"IAMUser", "AssumedRole", "AWSService", "Root", "WebIdentityUser"} <= kinds
    size = sum(len(json.dumps(event, separators=(",", ":"))) for event in events) / len(events)
    assert 1_000 <= size <= 1_800
    assert 0.005 < sum("errorCode" in event for event in events) / len(events) < 0.05
    assert sum(event.get("sessionCredentialFromConsole") == "true" for event in events) > 300
    assert len({event["eventVersion"] for event in events}) == 3


def test_every_record_has_the_fields_of_cloudtrail(events: list[Record]) -> None:
    for event in events:
        assert event.keys() >= REQUIRED
        assert re.fullmatch(r"2026-10-\d\dT\d\d:\d\d:\d\dZ", event["eventTime"])
        assert UUID.fullmatch(event["eventID"])
        assert event["eventType"] != "AwsApiCall" or UUID.fullmatch(event["requestID"])
        if "errorCode" in event:
            assert event["errorMessage"]
            assert "{arn}" not in event["errorMessage"]
            assert event["responseElements"] is None
        assert event["recipientAccountId"] in {"111122223333", "444455556666"}
        assert event["awsRegion"] in {"eu-west-1", "us-east-1"}
        check_identity(event["userIdentity"])
        check_address(event)


def check_identity(who: Record) -> None:
    match who.get("type"):
        case "AssumedRole":
            issuer = who["sessionContext"]["sessionIssuer"]
            assert who["arn"].split("/")[1] == issuer["userName"] == issuer["arn"].rsplit("/", 1)[1]
            assert who["principalId"].split(":")[0] == issuer["principalId"]
            assert who["sessionContext"]["attributes"]["mfaAuthenticated"] in {"true", "false"}
            assert who["accessKeyId"].startswith("ASIA")
        case "IAMUser":
            assert who["arn"] == f"arn:aws:iam::{who['accountId']}:user/{who['userName']}"
        case "AWSService":
            assert who == {"type": "AWSService", "invokedBy": who["invokedBy"]}


def check_address(event: Record) -> None:
    place = event["sourceIPAddress"]
    if place.endswith(".amazonaws.com"):
        assert "tlsDetails" not in event
    else:
        assert any(ipaddress.ip_address(place) in network for network in DOCUMENTATION)


def test_objects_are_named_as_cloudtrail_names_them(trail: Path) -> None:
    count = 0
    for path, events in objects(trail):
        count += 1
        match = NAME.fullmatch(path.name)
        assert match is not None
        account, region, date, clock = match.groups()
        where = ("aws", "AWSLogs", account, "CloudTrail", region, date[:4], date[4:6], date[6:])
        assert path.parent.relative_to(trail).parts == where
        made = int(datetime.fromisoformat(f"{date}T{clock}00Z").timestamp())
        for event in events:
            assert (event["recipientAccountId"], event["awsRegion"]) == (account, region)
            assert 0 < made - seconds(event) <= 3600 + 3 * 900
    assert count > 500


def test_about_two_in_a_hundred_come_twice_in_two_objects(trail: Path, records: list[Record]) -> None:
    where: dict[str, list[Path]] = collections.defaultdict(list)
    for path, events in objects(trail):
        for event in events:
            where[event["eventID"]].append(path)
    twice = [paths for paths in where.values() if len(paths) > 1]
    assert 0.01 < len(twice) / len(where) < 0.03
    assert all(len(paths) == len(set(paths)) == 2 for paths in twice)
    assert len(records) == len(where) + len(twice)


def test_events_are_out_of_order_within_and_across_objects(trail: Path) -> None:
    within = across = 0
    newest: dict[tuple[str, str], int] = {}
    for path, events in objects(trail):
        times = [seconds(event) for event in events]
        within += times != sorted(times)
        key = (events[0]["recipientAccountId"], path.parts[-5])
        across += min(times) < newest.get(key, 0)
        newest[key] = max(*times, newest.get(key, 0))
    assert within > 300
    assert across > 100


def test_the_fast_path_repeats_events_of_the_trail(trail: Path, events: list[Record]) -> None:
    lines = (trail / "aws" / "eventbridge" / "events.jsonl").read_bytes().splitlines()
    known = {event["eventID"]: event for event in events}
    sent = [json.loads(line) for line in lines]
    assert 20 < len(sent) < 200
    for one in sent:
        event = known[one["detail"]["eventID"]]
        assert one["detail"] == event
        assert one["source"] == "aws." + event["eventSource"].split(".")[0]
        assert (one["account"], one["region"]) == (event["recipientAccountId"], event["awsRegion"])
        kind = "Console Sign In" if event["eventType"] == "AwsConsoleSignIn" else "API Call"
        assert one["detail-type"] == f"AWS {kind} via CloudTrail"


def test_lines_are_exactly_as_many_as_asked_for(tmp_path: Path) -> None:
    count = 6_000
    write_lines(tmp_path / "one", events=1, seed=7)
    assert len(contents(tmp_path / "one")["cloudtrail.jsonl"].splitlines()) == 1
    write_lines(tmp_path, events=count, seed=7)
    lines = (tmp_path / "cloudtrail.jsonl").read_bytes().splitlines()
    assert len(lines) == count
    events = [json.loads(line) for line in lines]
    assert len({event["eventID"] for event in events}) == count
    assert any(event["sourceIPAddress"] == company.OUTSIDE_ADDRESS for event in events)
    assert max(map(seconds, events)) - min(map(seconds, events)) > 13 * 86_400
    again = tmp_path / "again"
    write_lines(again, events=count, seed=7)
    assert contents(again)["cloudtrail.jsonl"].splitlines() == lines


def test_lines_are_streamed(tmp_path: Path) -> None:
    peaks = []
    for count in (1_000, 8_000):
        tracemalloc.start()
        write_lines(tmp_path, events=count, seed=7)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 1_000_000 < (tmp_path / "cloudtrail.jsonl").stat().st_size / 8


def test_an_estimate_of_a_day_is_near(events: list[Record]) -> None:
    assert abs(events_a_day() * 14 / len(events) - 1) < 0.1


@pytest.mark.parametrize(
    "arguments",
    [[], ["--out", "x", "--events", "5"], ["--out", "x", "--days", "0"], ["--out", "x", "--days", "a"]],
)
def test_the_command_refuses_what_makes_no_sense(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2
    assert "error:" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
