"""Baselines from CloudTrail's event history: every event once, within the service's limits, through its faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firstseen.adapters.aws.calling import Backoff
from firstseen.adapters.aws.cloudtrail_history import EventHistory, Pace, cloudtrail_client
from firstseen.cli import event_history, main
from firstseen.errors import InputError, SettingsError
from firstseen.sources.times import parse_time
from tests.functions.fake_cloudtrail import Clock, FakeCloudTrail, serving

NOW = "2026-03-31T00:00:00Z"
DAY_US = 86_400_000_000

RULES = """
title: Asked
name: asked
id: 22222222-0000-4000-8000-000000000001
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventName: [Ask, Beg]}
    condition: selection
---
title: Somebody new asked
id: 22222222-0000-4000-8000-000000000002
correlation: {type: new_terms, rules: [asked], fields: [userIdentity.userName], timespan: 7d}
---
title: Anything denied
name: denied
id: 22222222-0000-4000-8000-000000000003
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {errorCode: AccessDenied}
    condition: selection
---
title: Somebody new denied
id: 22222222-0000-4000-8000-000000000004
correlation: {type: new_terms, rules: [denied], fields: [userIdentity.userName], timespan: 7d}
"""

NEW, DENIED = "22222222-0000-4000-8000-000000000002", "22222222-0000-4000-8000-000000000004"


def _now_us() -> int:
    now_us = parse_time(NOW)
    assert now_us is not None
    return now_us


def event(number: int, who: str, at: str, name: str = "Ask") -> dict[str, Any]:
    return {
        "eventVersion": "1.11",
        "eventID": f"event-{number}",
        "eventTime": at,
        "eventSource": "example.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-central-1",
        "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "userName": who, "arn": f"arn:aws:iam::111122223333:user/{who}"},
    }


EVENTS = [
    *(event(day, "ada", f"2026-03-{day:02}T10:00:00Z") for day in range(1, 31)),
    *(event(100 + day, "bob", f"2026-03-{day:02}T11:00:00Z", "Beg") for day in range(5, 9)),
    event(200, "eve", "2026-03-20T11:00:00Z", "Tell"),
]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def service() -> FakeCloudTrail:
    return FakeCloudTrail(EVENTS, _now_us(), page=7)


@pytest.fixture
def url(service: FakeCloudTrail) -> Iterator[str]:
    with serving(service) as found:
        yield found


def history(service: FakeCloudTrail, url: str) -> EventHistory:
    clock: Clock = service.clock
    return EventHistory(
        cloudtrail_client(endpoint_url=url),
        Pace(clock=clock.now, sleep=clock.sleep),
        Backoff(attempts=4, first_seconds=0.5, sleep=clock.sleep, jitter=lambda: 1.0),
    )


def ids(found: Iterator[bytes]) -> list[str]:
    return [json.loads(one)["eventID"] for one in found]


def _asks(service: FakeCloudTrail, url: str) -> list[str]:
    now_us = _now_us()
    return ids(history(service, url).events("EventName", "Ask", from_us=now_us - 31 * DAY_US, to_us=now_us))


def test_every_page_is_read_and_no_request_is_throttled(service: FakeCloudTrail, url: str) -> None:
    assert _asks(service, url) == [f"event-{day}" for day in range(30, 0, -1)]
    assert service.requests == 5
    assert service.throttled == 0
    assert service.clock.seconds == pytest.approx(1_000 + 4 * 0.5)


def test_an_end_is_not_part_of_the_stretch(service: FakeCloudTrail, url: str) -> None:
    """Two stretches side by side read each event once, although the service takes both ends in."""
    edge = parse_time("2026-03-15T10:00:00Z")
    assert edge is not None
    one = history(service, url)
    before = ids(one.events("EventName", "Ask", from_us=edge - DAY_US, to_us=edge))
    after = ids(one.events("EventName", "Ask", from_us=edge, to_us=edge + DAY_US))
    assert (before, after) == (["event-14"], ["event-15"])


@pytest.mark.parametrize("fault", ["ThrottlingException", "500", "drop"])
@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_fault_that_passes_loses_and_doubles_nothing(
    service: FakeCloudTrail, url: str, fault: str, number: int
) -> None:
    service.faults = {number: fault}
    assert sorted(_asks(service, url)) == sorted(f"event-{day}" for day in range(1, 31))
    assert service.requests == 6


def test_faults_that_stay_end_the_reading(service: FakeCloudTrail, url: str) -> None:
    service.faults = dict.fromkeys(range(1, 100), "ThrottlingException")
    with pytest.raises(InputError, match="try again later"):
        _asks(service, url)
    assert service.requests == 4


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("AccessDeniedException", "allow cloudtrail:LookupEvents"),
        ("InvalidNextTokenException", "to go on"),
        ("UnrecognizedClientException", "sign in"),
    ],
)
def test_what_does_not_pass_is_named_at_once(service: FakeCloudTrail, url: str, fault: str, said: str) -> None:
    service.faults = {1: fault}
    with pytest.raises(InputError, match=said):
        _asks(service, url)
    assert service.requests == 1


def test_no_region_is_a_setting_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(SettingsError, match="region"):
        cloudtrail_client()


@pytest.fixture
def words(tmp_path: Path, service: FakeCloudTrail, url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (tmp_path / "rules.yml").write_text(RULES, encoding="utf-8")
    monkeypatch.setattr(event_history, "EventHistory", lambda _client: history(service, url))
    return [
        "baseline", "build", "--rules", str(tmp_path / "rules.yml"), "--from", "cloudtrail", "--since", "29d",
        "--now", NOW, "--endpoint-url", url, "--state", f"sqlite:{tmp_path / 'state.db'}",
    ]  # fmt: skip


def _known(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    capsys.readouterr()
    assert main(["baseline", "show", "--format", "jsonl", *words[-2:]]) == 0
    return {one["rule_id"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}


def test_only_what_rules_with_memory_name_is_asked_for(
    service: FakeCloudTrail, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A rule that names no call is said not to be covered, and nothing is written for it; the other one is complete."""
    assert main(words) == 0
    assert f"not from cloudtrail: {DENIED}" in capsys.readouterr().err
    names = {one["LookupAttributes"][0]["AttributeValue"] for one in service.asked}
    assert names == {"Ask", "Beg"}
    known = _known(words, capsys)
    assert known[NEW]["baseline"] == "complete"
    assert known[NEW]["keys"] == 2
    assert known[NEW]["history"] == "2026-03-02T00:00:00Z/2026-03-30T23:00:00Z"
    assert DENIED not in known


def test_a_build_that_was_interrupted_goes_on_and_ends_as_if_it_had_not_been(
    service: FakeCloudTrail, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever request fails for good: running the command again gives the state of an undisturbed run."""
    assert main(words) == 0
    whole, requests = _known(words, capsys), service.requests
    for number in range(2, requests, 5):
        service.clock.sleep(1.0)
        service.requests, service.faults = 0, {number: "AccessDeniedException"}
        stated = [*words[:-1], f"sqlite:{tmp_path / f'state-{number}.db'}"]
        assert main(stated) == 2
        assert "allow cloudtrail:LookupEvents" in capsys.readouterr().err
        service.clock.sleep(1.0)
        service.requests, service.faults = 0, {}
        assert main(stated) == 0
        assert ("going on" in capsys.readouterr().err) == (service.requests < requests)
        assert _known(stated, capsys) == whole
    assert service.throttled == 0


def test_running_it_again_reads_only_what_came_since(
    service: FakeCloudTrail, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    before, known = service.requests, _known(words, capsys)
    service.clock.sleep(1.0)
    assert main(words) == 0
    assert service.requests == before + 2
    assert _known(words, capsys) == known
