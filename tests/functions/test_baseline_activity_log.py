"""Baselines from the Activity Log's history: every entry once, through the service's pages, limits and faults."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firstseen.adapters.azure.activity_log_history import ActivityLogHistory, activity_log_client
from firstseen.adapters.azure.calling import Backoff
from firstseen.adapters.local.memory import MemoryStore
from firstseen.baseline.lookup import ACTIVITY_LOG
from firstseen.baseline.slices import Slicer
from firstseen.cli import activity_log, main
from firstseen.errors import InputError, SettingsError
from firstseen.language.frontends.loading import build_pack
from firstseen.sources.azure_activitylogs import ACTIVITYLOGS
from firstseen.sources.event import Event
from firstseen.sources.reading import read_event
from firstseen.sources.times import parse_time
from tests.contracts.azure_services import NoIdentity
from tests.functions.fake_arm import SUBSCRIPTION, FakeArm, entry, hub_record, serving, stamp

NOW = "2026-03-31T00:00:00Z"
DAY_US = 86_400_000_000
NEW, SIGN_IN = "44444444-0000-4000-8000-000000000002", "44444444-0000-4000-8000-000000000004"

RULES = """
title: A command was run
name: ran
id: 44444444-0000-4000-8000-000000000001
logsource: {product: azure, service: activitylogs}
detection:
    selection: {operationName: MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION}
    condition: selection
---
title: Somebody new ran a command
id: 44444444-0000-4000-8000-000000000002
correlation: {type: new_terms, rules: [ran], fields: [caller], timespan: 7d}
---
title: A sign-in
name: signed_in
id: 44444444-0000-4000-8000-000000000003
logsource: {product: azure, service: signinlogs}
detection:
    selection: {ResultType: 0}
    condition: selection
---
title: Somebody new signed in
id: 44444444-0000-4000-8000-000000000004
correlation: {type: new_terms, rules: [signed_in], fields: [userPrincipalName], timespan: 7d}
"""


def _us(text: str) -> int:
    time_us = parse_time(text)
    assert time_us is not None
    return time_us


NOW_US = _us(NOW)

ENTRIES = [
    *(entry(day, "ada@contoso.example", f"2026-03-{day:02}T10:00:00.1234567Z") for day in range(1, 31)),
    *(entry(100 + day, "bob@contoso.example", f"2026-03-{day:02}T11:00:00.0000000Z") for day in range(5, 9)),
    entry(200, "eve@contoso.example", "2026-03-20T11:00:00.0000000Z", "Microsoft.Compute/virtualMachines/start/action"),
]


@pytest.fixture
def service() -> FakeArm:
    return FakeArm(ENTRIES, NOW_US, page=7)


@pytest.fixture
def url(service: FakeArm) -> Iterator[str]:
    with serving(service) as found:
        yield found


SLEPT: list[float] = []


def history(url: str, *, attempts: int = 4, longest_wait_seconds: float = 60) -> ActivityLogHistory:
    SLEPT.clear()
    backoff = Backoff(attempts, first_seconds=0.5, longest_seconds=4.0, sleep=SLEPT.append, jitter=lambda: 1.0)
    client = activity_log_client(None, endpoint_url=url)
    return ActivityLogHistory(SUBSCRIPTION, client, url, backoff, longest_wait_seconds)


def _numbers(found: Iterator[bytes]) -> list[int]:
    return [int(json.loads(one)["correlationId"][-12:]) for one in found]


def _everything(url: str) -> list[int]:
    return _numbers(history(url).events(from_us=NOW_US - 31 * DAY_US, to_us=NOW_US))


ALL = sorted(int(one["correlationId"][-12:]) for one in ENTRIES)


def test_every_page_is_read_newest_first(service: FakeArm, url: str) -> None:
    found = _everything(url)
    assert sorted(found) == ALL
    assert found[0] == 30
    assert service.requests == 5
    assert SLEPT == []


def test_an_end_is_not_part_of_the_stretch_though_times_have_a_seventh_digit(service: FakeArm, url: str) -> None:
    """Two stretches side by side read each entry once, although the service takes both ends in."""
    edge = _us("2026-03-15T10:00:00.123457Z")
    service.entries = [
        entry(number, "ada@contoso.example", stamp(edge + offset, digit))
        for number, (offset, digit) in enumerate([(-1, 0), (-1, 9), (0, 0), (0, 9)])
    ]
    one = history(url)
    assert _numbers(one.events(from_us=edge - DAY_US, to_us=edge)) == [1, 0]
    assert _numbers(one.events(from_us=edge, to_us=edge + DAY_US)) == [3, 2]


def test_an_entry_has_the_ids_of_the_same_entry_from_an_event_hub(service: FakeArm, url: str) -> None:
    service.entries = [
        entry(1, "ada@contoso.example", "2026-03-01T10:00:00.1234567Z", status=status)
        for status in ("Started", "Accepted", "Succeeded", "Failed")
    ]
    found = history(url).events(from_us=NOW_US - 31 * DAY_US, to_us=NOW_US)
    ours = [read_event(raw, received_us=NOW_US, source=ACTIVITYLOGS) for raw in found]
    hub = [read_event(json.dumps(hub_record(one)).encode(), received_us=NOW_US) for one in service.entries]
    assert all(isinstance(one, Event) for one in (*ours, *hub))
    ids = [[(one.id, one.operation_id, one.time_us) for one in some if isinstance(one, Event)] for some in (ours, hub)]
    assert sorted(ids[0]) == sorted(ids[1])
    assert len({one[0] for one in ids[0]}) == 4
    assert len({one[1] for one in ids[0]}) == 1


@pytest.mark.parametrize("fault", ["429", "500", "503", "408", "drop"])
@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_fault_that_passes_loses_and_doubles_nothing(service: FakeArm, url: str, fault: str, number: int) -> None:
    service.faults = {number: fault}
    assert sorted(_everything(url)) == ALL
    assert service.requests == 6
    assert [17.0 if fault == "429" else 0.5] == SLEPT


def test_faults_that_stay_end_the_reading(service: FakeArm, url: str) -> None:
    service.faults = dict.fromkeys(range(1, 100), "500")
    with pytest.raises(InputError, match="try again later"):
        _everything(url)
    assert service.requests == 4
    assert SLEPT == [0.5, 1.0, 2.0]


def test_who_is_asked_to_wait_for_long_stops(service: FakeArm, url: str) -> None:
    """An hour's wait belongs to the next run, which goes on where this one stopped."""
    service.faults, service.retry_after = {2: "429"}, "3600"
    with pytest.raises(InputError, match="wait 3,600 seconds"):
        _everything(url)
    assert SLEPT == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("401", "sign in"),
        ("403", "Monitoring Reader"),
        ("404", "no such subscription"),
        ("400", "90 days"),
        ("418", "see what it says"),
        ("not json", "no page of it"),
    ],
)
def test_what_does_not_pass_is_named_at_once(service: FakeArm, url: str, fault: str, said: str) -> None:
    service.faults = {1: fault}
    with pytest.raises(InputError, match=re.escape(said)):
        _everything(url)
    assert service.requests == 1


def test_a_next_page_elsewhere_is_not_asked(service: FakeArm, url: str) -> None:
    """A link is followed with our token: only to the host that it was made for."""
    service.faults = {1: "elsewhere"}
    with pytest.raises(InputError, match="another host"):
        _everything(url)
    assert service.requests == 1


def test_where_nobody_is_signed_in_it_is_said(service: FakeArm) -> None:
    one = ActivityLogHistory(SUBSCRIPTION, activity_log_client(NoIdentity()))
    with pytest.raises(InputError, match="az login"):
        list(one.events(from_us=0, to_us=1))
    assert service.requests == 0


@pytest.mark.parametrize("url", ["", "management.azure.com", "ftp://x", "https://x/path", "https://x?a=b"])
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="no endpoint"):
        activity_log_client(None, endpoint_url=url)


@pytest.mark.parametrize("link", ["https://management.azure.com:443/x", "https://management.azure.com/x"])
def test_the_port_of_https_may_be_written_into_a_link(link: str) -> None:
    assert ActivityLogHistory(SUBSCRIPTION, activity_log_client(None))._checked(link) == link


@pytest.mark.parametrize(
    "link",
    [
        "https://management.azure.com:99999/x",
        "https://management.azure.com.evil.example/x",
        "https://management.azure.com@evil.example/x",
        "http://management.azure.com/x",
        "/x",
    ],
)
def test_no_other_host_is_taken_for_it(link: str) -> None:
    with pytest.raises(InputError, match="another host"):
        ActivityLogHistory(SUBSCRIPTION, activity_log_client(None))._checked(link)


@pytest.mark.parametrize("subscription", ["", "mine", f"{SUBSCRIPTION}/../x", f"{SUBSCRIPTION}?x"])
def test_what_is_no_subscription_is_refused_before_it_is_part_of_an_address(subscription: str) -> None:
    with pytest.raises(SettingsError, match="az account list"):
        ActivityLogHistory(subscription, activity_log_client(None))


@pytest.fixture
def words(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (tmp_path / "rules.yml").write_text(RULES, encoding="utf-8")
    monkeypatch.setattr(activity_log, "histories_of", lambda _subscriptions, endpoint: [history(endpoint)])
    return [
        "baseline", "build", "--rules", str(tmp_path / "rules.yml"), "--from", "activity-log", "--since", "29d",
        "--now", NOW, "--endpoint-url", url, "--subscription", SUBSCRIPTION,
        "--state", f"sqlite:{tmp_path / 'state.db'}",
    ]  # fmt: skip


def _known(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    capsys.readouterr()
    assert main(["baseline", "show", "--format", "jsonl", *words[-2:]]) == 0
    return {one["rule_id"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}


def test_a_rule_that_reads_the_activity_log_knows_its_past_and_others_are_named(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    assert f"not from activity-log: {SIGN_IN}" in capsys.readouterr().err
    known = _known(words, capsys)
    assert set(known) == {NEW}
    assert known[NEW]["baseline"] == "complete"
    assert known[NEW]["keys"] == 2
    assert known[NEW]["history"] == "2026-03-02T00:00:00Z/2026-03-30T23:00:00Z"


def test_a_build_that_was_interrupted_goes_on_and_ends_as_if_it_had_not_been(
    service: FakeArm, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever request fails for good: running the command again gives the state of an undisturbed run."""
    service.page = 1
    assert main(words) == 0
    whole, requests = _known(words, capsys), service.requests
    for number in range(2, requests, 7):
        service.requests, service.faults = 0, {number: "403"}
        stated = [*words[:-1], f"sqlite:{tmp_path / f'state-{number}.db'}"]
        assert main(stated) == 2
        assert "Monitoring Reader" in capsys.readouterr().err
        service.requests, service.faults = 0, {}
        assert main(stated) == 0
        assert ("going on" in capsys.readouterr().err) == (service.requests < requests)
        assert _known(stated, capsys) == whole


def test_running_it_again_reads_only_what_came_since(
    service: FakeArm, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    before, known = service.requests, _known(words, capsys)
    assert main(words) == 0
    assert service.requests == before + 1
    assert _known(words, capsys) == known


def test_the_subscription_may_stand_in_the_environment_and_must_stand_somewhere(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = words.index("--subscription")
    without = [*words[:place], *words[place + 2 :]]
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID", raising=False)
    assert main(without) == 2
    assert "AZURE_SUBSCRIPTION_ID" in capsys.readouterr().err
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION)
    assert main(without) == 0


def test_slices_of_the_function_come_to_the_same_baseline(service: FakeArm, url: str) -> None:
    """A call that has time for nothing ends; the next ones come to what one call would."""
    pack, store = build_pack({"rules.yml": RULES.encode()}), MemoryStore()
    clock_us = NOW_US

    def slicer(deadline_us: int) -> Slicer:
        histories = {SUBSCRIPTION: history(url)}
        return Slicer(pack, store, histories, lambda: clock_us, "owner", 29, deadline_us, log=ACTIVITY_LOG)

    done = slicer(NOW_US).run()
    assert [one.card.id for one in done.rules] == [NEW]
    assert [one.card.id for one in done.uncovered] == [SIGN_IN]
    assert not done.built
    assert service.requests == 0
    done = slicer(NOW_US + 1).run()
    assert [(one.rule.card.id, one.complete) for one in done.built] == [(NEW, True)]
    assert done.settled == 29 + 4
    assert done.rejects == []
    assert slicer(NOW_US + 1).run().rules == []
