"""The function that builds baselines: in slices, as if in one go, within the history's limits; silence ends with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from firstseen.adapters.aws.calling import Backoff
from firstseen.adapters.aws.cloudtrail_history import EventHistory, Pace, cloudtrail_client
from firstseen.cli import main
from firstseen.errors import InputError, RuleError
from firstseen.findings.learning import RULE, RuleRow
from firstseen.findings.rows import read_row
from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import dump
from firstseen.language.published import read_pointer
from functions.aws import baseline, wiring
from tests.faults.world import START_US, event
from tests.functions.aws_cloud import REGION, SESSION, Cloud, bus_event, cloud, deployed
from tests.functions.fake_cloudtrail import FakeCloudTrail, serving

DAY, HOUR = 24 * 60, 60
MINUTE_US = 60_000_000
NOW_DAYS = 40
"""Of the deployment, after the start of the history."""

RULES = """
title: Asked
name: asked
id: 33333333-0000-4000-8000-000000000001
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventName: [Ask, Beg]}
    condition: selection
---
title: Somebody new asked
id: 33333333-0000-4000-8000-000000000002
correlation: {type: new_terms, rules: [asked], fields: [userIdentity.userName], timespan: 7d}
---
title: Anything denied
name: denied
id: 33333333-0000-4000-8000-000000000003
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {errorCode: AccessDenied}
    condition: selection
---
title: Somebody new denied
id: 33333333-0000-4000-8000-000000000004
correlation: {type: new_terms, rules: [denied], fields: [userIdentity.userName], timespan: 7d}
"""
NEW, DENIED = "33333333-0000-4000-8000-000000000002", "33333333-0000-4000-8000-000000000004"
CHANGED = RULES.replace("[Ask, Beg]", "[Ask, Beg, Implore]")


@dataclass
class Context:
    """Lambda's context on the account's clock: time passes only when the function waits."""

    account: Cloud
    seconds: float = 840
    ends_us: int = 0
    aws_request_id: str = "request"

    def __post_init__(self) -> None:
        self.ends_us = self.account.clock.now_us + int(self.seconds * 1e6)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.ends_us - self.account.clock.now_us) // 1000


@dataclass
class Waiting:
    """The history's clock is the account's."""

    account: Cloud
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.account.clock.now_us / 1e6

    def sleep(self, seconds: float) -> None:
        self.account.clock.now_us += round(seconds * 1e6) + 1


def past() -> list[dict[str, Any]]:
    """Ada each day; bob until the 20th; eve, who only tells."""
    events = [event(day, day * DAY + 600, "Ask", "ada") for day in range(NOW_DAYS)]
    events += [event(100 + day, day * DAY + 700, "Beg", "bob") for day in range(15, 20)]
    return [json.loads(one) for one in [*events, event(200, 30 * DAY, "Tell", "eve")]]


@dataclass
class World:
    """An account, its history, and the function."""

    account: Cloud
    service: FakeCloudTrail
    url: str

    def history(self, region: str | None) -> EventHistory:
        waiting = Waiting(self.account)
        return EventHistory(
            cloudtrail_client(SESSION, region=region, endpoint_url=self.url),
            Pace(clock=waiting.now, sleep=waiting.sleep),
            Backoff(attempts=4, first_seconds=0.5, sleep=waiting.sleep, jitter=lambda: 1.0),
        )

    def call(self, seconds: float = 840, *, later_minutes: float = 0) -> None:
        """Run the function in a fresh container."""
        self.account.clock.now_us += int(later_minutes * MINUTE_US)
        baseline.handler_of(wiring.Start(self.account.build), self.history)({}, Context(self.account, seconds))

    def rows(self) -> dict[str, RuleRow]:
        store = self.account.build().store
        rows = [read_row(record, RuleRow) for record in store.scan_records(RULE)]
        return {row.rule_id: row for row in rows if row is not None}

    def keys(self) -> dict[str, tuple[Any, ...]]:
        """What is known of each key."""
        return {
            key: (one.state.generation, one.state.last_us, one.state.episodes)
            for key, one in self.account.build().store.scan_states()
        }

    def sent_by(self) -> set[str]:
        """Versions of the packs whose findings were sent."""
        return {row.finding.pack_version for row in self.account.rows() if row.finding.routing == "send"}

    def ask(self, number: int, who: str) -> list[str]:
        """A live event by the ordinary function; how its findings were routed."""
        before = {row.finding.uid for row in self.account.rows()}
        minute = (self.account.clock.now_us - START_US) / MINUTE_US
        message = bus_event(event(number, minute, "Ask", who))
        self.account.deliver(self.account.container(), self.account.messages([message]))
        return [row.finding.routing for row in self.account.rows() if row.finding.uid not in before]


@contextmanager
def history_beside(account: Cloud) -> Iterator[World]:
    """A deployment, and a history whose time is its own."""
    account.clock.now_us = START_US + NOW_DAYS * DAY * MINUTE_US
    account.environment |= {"FIRSTSEEN_BASELINE_DAYS": "30"}
    service = FakeCloudTrail(past(), account.clock.now_us + DAY * MINUTE_US, page=3)
    service.clock = Waiting(account)  # type: ignore[assignment]
    with serving(service) as url:
        yield World(account, service, url)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with cloud(tmp_path, RULES) as account, history_beside(account) as made:
        yield made


def deploy(world: World, rules: str, tmp_path: Path) -> None:
    """Other rules in the package."""
    pack = tmp_path / "other.pack"
    pack.write_bytes(dump(build_pack({"rules.yml": rules.encode()})))
    world.account.environment["FIRSTSEEN_PACK"] = str(pack)


def test_on_the_first_day_rules_are_silent_until_their_baseline_is_built_and_then_know_what_is_usual(
    world: World,
) -> None:
    assert world.ask(1000, "mallory") == ["learning"]
    assert world.rows()[NEW].building_until_us > world.account.clock.now_us
    world.call()
    row = world.rows()[NEW]
    assert (row.complete, row.building_until_us) == (True, 0)
    assert world.ask(1001, "ada") == []
    assert world.ask(1002, "trudy") == ["send"]
    assert len(world.account.notifications()) == 1


def test_only_named_calls_of_rules_that_name_any_are_asked_for_within_the_rate(world: World) -> None:
    world.call()
    assert {one["LookupAttributes"][0]["AttributeValue"] for one in world.service.asked} == {"Ask", "Beg"}
    assert world.service.throttled == 0
    assert not world.rows()[DENIED].known_to_us if DENIED in world.rows() else True


def test_with_nothing_to_do_nothing_is_asked(world: World) -> None:
    world.call()
    requests = world.service.requests
    world.call(later_minutes=15)
    assert world.service.requests == requests


@pytest.mark.parametrize("seconds", [6, 8, 11])
def test_slices_of_any_length_end_where_one_call_does(world: World, seconds: float, tmp_path: Path) -> None:
    world.call(840)
    whole, requests = world.keys(), world.service.requests
    with history_beside(deployed(tmp_path, RULES)) as sliced:
        calls = 0
        while not ((row := sliced.rows().get(NEW)) and row.complete):
            sliced.call(seconds, later_minutes=15)
            calls += 1
            assert calls < 100
        assert sliced.keys() == whole
        assert calls > 1
        assert sliced.service.requests < 3 * requests


@pytest.mark.parametrize("number", [1, 2, 7, 15])
@pytest.mark.parametrize("fault", ["AccessDeniedException", "ThrottlingException", "drop"])
def test_a_fault_ends_the_call_or_passes_and_the_next_call_goes_on(world: World, number: int, fault: str) -> None:
    lasting = fault == "AccessDeniedException"
    world.service.faults = {number: fault}
    if lasting:
        with pytest.raises(InputError, match="allow cloudtrail:LookupEvents"):
            world.call()
        assert not world.rows()[NEW].complete
        assert world.ask(1000, "mallory") == ["learning"]
    world.call(later_minutes=15)
    assert world.rows()[NEW].complete
    assert world.service.throttled == 0


def test_a_function_that_always_fails_silences_a_rule_for_six_hours_at_most(world: World) -> None:
    world.service.faults = dict.fromkeys(range(1, 1000), "AccessDeniedException")
    assert world.ask(1000, "mallory") == ["learning"]
    world.account.clock.now_us += (6 * HOUR + 1) * MINUTE_US
    assert world.ask(1001, "trudy") == ["send"]


def test_the_hour_before_the_rules_began_is_read_once_when_it_has_become_history(world: World) -> None:
    """Frank asked half an hour before the deployment, too late for the first build."""
    world.service.events.append(json.loads(event(300, NOW_DAYS * DAY - 30, "Ask", "frank")))
    world.ask(1000, "ada")
    world.call()
    known = len(world.keys())
    world.call(later_minutes=15)
    assert len(world.keys()) == known
    world.call(later_minutes=60)
    assert len(world.keys()) == known + 1
    requests = world.service.requests
    world.call(later_minutes=15)
    assert world.service.requests == requests
    assert world.ask(1001, "frank") == []


def test_a_changed_rule_builds_a_baseline_of_its_own_and_an_unchanged_one_is_left_alone(
    world: World, tmp_path: Path
) -> None:
    world.call()
    deploy(world, CHANGED, tmp_path)
    assert world.ask(1000, "mallory") == ["learning"]
    world.service.asked.clear()
    world.call(later_minutes=15)
    assert {one["LookupAttributes"][0]["AttributeValue"] for one in world.service.asked} == {"Ask", "Beg", "Implore"}
    assert world.ask(1001, "ada") == []
    assert world.ask(1002, "trudy") == ["send"]


def publish(tmp_path: Path, rules: str, *words: str) -> None:
    path = tmp_path / "published.yml"
    path.write_text(rules, encoding="utf-8")
    assert main(["rules", "publish", str(path), "--to", "s3://firstseen-packs/rules", *words]) == 0


@pytest.fixture
def packs(world: World) -> None:
    location: Any = {"LocationConstraint": REGION}
    SESSION.client("s3").create_bucket(Bucket="firstseen-packs", CreateBucketConfiguration=location)
    world.account.environment["FIRSTSEEN_PACKS"] = "s3://firstseen-packs/rules"


@pytest.mark.usefixtures("packs")
def test_old_rules_work_on_while_the_baselines_of_those_that_wait_are_built_and_then_give_way(
    world: World, tmp_path: Path
) -> None:
    publish(tmp_path, RULES)
    world.call()
    publish(tmp_path, CHANGED, "--after-baseline")
    assert world.ask(1000, "mallory") == ["send"]
    world.call(8, later_minutes=15)
    assert world.ask(1001, "trudy") == ["send"]
    old = world.sent_by()
    for _ in range(20):
        world.call(8, later_minutes=15)
    assert world.ask(1002, "ada") == []
    assert world.ask(1003, "walter") == ["send"]
    assert len(old) == 1
    assert len(world.sent_by() - old) == 1


@pytest.mark.usefixtures("packs")
def test_rules_that_wait_and_cannot_be_run_fail_the_call_and_stay_where_they_are(world: World, tmp_path: Path) -> None:
    publish(tmp_path, RULES)
    world.call()
    publish(tmp_path, CHANGED, "--after-baseline")
    s3 = SESSION.client("s3")
    before = s3.get_object(Bucket="firstseen-packs", Key="rules/current.json")["Body"].read()
    waits = read_pointer(before).next
    assert waits is not None
    s3.put_object(Bucket="firstseen-packs", Key=f"rules/packs/{waits.hash}.pack", Body=b"changed")
    with pytest.raises(RuleError, match="its bytes were changed"):
        world.call(later_minutes=15)
    assert s3.get_object(Bucket="firstseen-packs", Key="rules/current.json")["Body"].read() == before
    assert world.ask(1000, "mallory") == ["send"]


def test_a_history_that_its_limit_never_lets_out_is_given_up_with_the_mend_once_and_silences_nobody_for_good(
    world: World,
) -> None:
    world.ask(1000, "ada")
    for _ in range(3):
        world.call(5, later_minutes=36 * HOUR / 1.5 if _ else 0)
    with pytest.raises(InputError, match="trail's files.*" + NEW):
        world.call(5, later_minutes=36 * HOUR)
    requests = world.service.requests
    world.call(later_minutes=7 * HOUR)
    assert world.service.requests == requests
    assert world.ask(1001, "trudy") == ["send"]


def test_days_of_nought_switch_it_off(world: World) -> None:
    world.account.environment["FIRSTSEEN_BASELINE_DAYS"] = "0"
    world.call()
    assert world.service.requests == 0
    assert world.ask(1000, "mallory") == ["send"]
