"""Canaries on AWS: put on the bus, taken from the queue, looked for an hour later; nobody is told of what they find."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from firstseen.adapters.aws.clients import dynamodb_client
from firstseen.cli import main
from firstseen.cli.canarying import canaries_of
from firstseen.errors import InputError, SettingsError
from firstseen.findings import canaries
from firstseen.findings.finding import key_of
from firstseen.findings.times import HOUR_US, iso
from firstseen.language.canaries import dump
from firstseen.language.pack import load
from functions.aws import canary, wiring
from tests.faults.world import RULES, event
from tests.functions.aws_cloud import SESSION, Cloud, Context, bus_event, cloud

OTHER = RULES.replace("eventName: Remove", "eventName: RemoveAll")


@dataclass
class Bus:
    """EventBridge: an entry that is taken becomes a message of the queue, as the template's rule hands it over."""

    refuse: Callable[[int], bool] = lambda _: False
    messages: list[str] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.calls.append(len(Entries))
        answers: list[dict[str, str]] = []
        for number, one in enumerate(Entries):
            if self.refuse(number):
                answers.append({"ErrorCode": "ThrottlingException"})
                continue
            answers.append({"EventId": "1"})
            detail = json.loads(one["Detail"])
            told = {"source": one["Source"], "detail-type": one["DetailType"], "account": "1", "detail": detail}
            self.messages.append(json.dumps({"version": "0", "time": "2026-03-02T00:00:00Z", **told}))
        return {"FailedEntryCount": 0, "Entries": answers}

    def taken(self) -> list[str]:
        found, self.messages = self.messages, []
        return found


@dataclass
class World:
    """A deployment that sends canaries once a day."""

    account: Cloud
    bus: Bus = field(default_factory=Bus)

    def call(self, *, later_us: int = 0) -> None:
        """The schedule's next call, in a fresh container."""
        self.account.clock.now_us += later_us
        client = cast("Any", lambda: self.bus)
        canary.handler_of(wiring.Start(self.account.build), client)({}, Context())

    def deliver(self) -> None:
        """What the bus handed over, to the function for the queue."""
        self.account.deliver(self.account.container(), self.account.messages(self.bus.taken()))

    def last(self) -> canaries.Round:
        found = canaries.last_round(self.account.build().store)
        assert found is not None
        return found

    def items(self) -> dict[str, Any]:
        """Every item of the table that is no canary's, nor their round's."""
        found = dynamodb_client(SESSION).scan(TableName=self.account.environment["FIRSTSEEN_TABLE"])["Items"]
        canaries_keys = {key_of(one.finding.uid) for one in self.account.rows() if one.finding.routing == "canary"}
        keys = {json.dumps([one["pk"], one["sk"]]): one for one in found}
        return {
            name: one
            for name, one in keys.items()
            if not any(key in name for key in canaries_keys) and "canary" not in name
        }


def with_canaries(account: Cloud) -> Cloud:
    """What the build puts beside the pack, and what the template says."""
    pack = Path(account.environment["FIRSTSEEN_PACK"])
    pack.with_suffix(".canaries").write_bytes(dump(canaries_of(load(pack.read_bytes()))))
    account.environment |= {"FIRSTSEEN_CANARY_HOURS": "24", "FIRSTSEEN_CANARY_BUS": "firstseen"}
    return account


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with cloud(tmp_path) as account:
        yield World(with_canaries(account))


def metrics(said: str) -> dict[str, float]:
    """What the lines of metrics among the log come to, and what else they count: the last of each name."""
    found: dict[str, float] = {}
    for line in said.splitlines():
        if '"_aws"' in line:
            numbers = {name: one[0] if isinstance(one, list) else one for name, one in json.loads(line).items()}
            found |= {name: one for name, one in numbers.items() if isinstance(one, int | float)}
    return found


def lines(said: str, message: str) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [one for one in read if one.get("message") == message]


def test_each_rule_is_found_and_nobody_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.call()
    assert world.last().sent == 3
    world.deliver()
    assert [row.finding.routing for row in world.account.rows()] == ["canary"] * 3
    assert {row.status for row in world.account.rows()} == {"kept"}
    world.account.sweeper()({}, Context())
    assert world.account.notifications() == []
    assert world.account.rejects() == []
    capsys.readouterr()
    world.call(later_us=HOUR_US)
    said = capsys.readouterr().out
    assert metrics(said) == {"canaries_silent": 0}
    assert not lines(said, "a rule stayed silent")
    assert world.last().silent_number == 0
    assert world.bus.taken() == [], "the next round is a day later"
    world.call(later_us=23 * HOUR_US)
    assert len(world.bus.taken()) == 3


def test_a_rule_that_is_broken_on_purpose_alarms(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The pack in the function that reads is not what its rules said when canaries were made."""
    world.call()
    pack = Path(world.account.environment["FIRSTSEEN_PACK"])
    good = pack.read_bytes()
    for _ in range(2):
        pack.write_bytes(good.replace(b'"Remove"', b'"Rename"'))
        assert pack.read_bytes() != good
        world.deliver()
        pack.write_bytes(good)
        assert len(world.account.rows()) == 2
        capsys.readouterr()
        world.call(later_us=HOUR_US)
    said = capsys.readouterr().out
    assert metrics(said) == {"canaries_silent": 1}
    (told,) = lines(said, "a rule stayed silent")
    assert (told["title"], told["events"], told["run"], told["level"]) == ("Removed", 1, world.last().run, "ERROR")
    assert "did not match" in told["stuck"]
    assert world.account.notifications() == []


def test_what_the_queue_holds_too_long_alarms_until_it_comes(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.call()
    world.call(later_us=HOUR_US)
    assert "canaries_silent" not in metrics(capsys.readouterr().out), "not sure yet, and not said to be well"
    world.call(later_us=HOUR_US)
    assert metrics(capsys.readouterr().out)["canaries_silent"] == 3
    world.deliver()
    capsys.readouterr()
    world.call(later_us=HOUR_US)
    assert metrics(capsys.readouterr().out) == {"canaries_silent": 0}


def test_real_events_beside_canaries_are_found_as_without_and_leave_the_same_rows(world: World) -> None:
    """Every item of the table that is not a canary's is equal, byte for byte, but for the names of its versions."""
    real = [bus_event(event(number, number, "Ask")) for number in range(3)] + [bus_event(event(9, 9, "Remove"))]
    world.account.deliver(world.account.container(), world.account.messages(real))
    before, told = world.items(), world.account.notifications()
    world.call()
    world.deliver()
    assert world.items() == before != {}
    world.call(later_us=24 * HOUR_US)
    both = world.account.messages([*world.bus.taken(), *real])
    world.account.deliver(world.account.container(), both)
    assert world.items() == before
    assert (len(told), world.account.notifications()) == (3, [])


def test_the_envelope_is_taken_from_the_bus_alone(world: World) -> None:
    """In an event's own fields, or in what SNS brings, the same words are an event's, or garbage."""
    world.call()
    body = json.loads(world.bus.taken()[0])
    inside = json.loads(event(1, 0, "Remove")) | {"source": "firstseen.canary", "firstseen_canary": {"run": "x"}}
    topic = "arn:aws:sns:eu-central-1:111122223333:trail"
    wrapped = {"Type": "Notification", "MessageId": "1", "TopicArn": topic, "Message": json.dumps(body)}
    bodies = [bus_event(json.dumps(inside).encode()), json.dumps(wrapped), json.dumps(body["detail"])]
    world.account.deliver(world.account.container(), world.account.messages(bodies))
    assert "canary" not in {row.finding.routing for row in world.account.rows()}
    assert "Removed" in {row.finding.card.title for row in world.account.rows()}


def test_a_message_in_our_name_that_is_no_canary_is_dropped(world: World) -> None:
    """It can be nobody's event: only firstseen's own sender may use the name, and it writes one form."""
    forged = {"source": "firstseen.canary", "detail-type": "x", "detail": json.loads(event(1, 0, "Remove"))}
    world.account.deliver(world.account.container(), world.account.messages([json.dumps(forged)]))
    assert world.account.rows() == []
    assert world.account.rejects() == []


def test_measurements_of_real_events_do_not_move(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Else a round would hide that no event came for an hour, and old times would look like a delay."""
    world.call()
    capsys.readouterr()
    world.deliver()
    told = metrics(capsys.readouterr().out)
    assert not any(told.get(name) for name in ("events", "matches", "rejects", "sent"))
    assert told["canary_events"] == 5
    assert "lag_seconds" not in told


def test_nothing_is_sent_when_it_is_switched_off(world: World) -> None:
    world.account.environment["FIRSTSEEN_CANARY_HOURS"] = "0"
    world.call()
    assert world.bus.calls == []
    assert canaries.last_round(world.account.build().store) is None


def test_what_the_bus_does_not_take_is_tried_again_and_then_said(world: World) -> None:
    turns = iter([True, False])
    world.bus.refuse = lambda number: number == 0 and next(turns, False)
    world.call()
    assert (world.bus.calls, len(world.bus.messages)) == ([3, 1], 3)
    world.bus.refuse = lambda _: True
    with pytest.raises(InputError, match="3 canaries could not be put on the bus firstseen: ThrottlingException"):
        world.call(later_us=24 * HOUR_US)
    assert len(world.bus.calls) == 2 + canary.ATTEMPTS


def test_what_the_bus_refused_is_sent_by_the_next_call_and_not_found_silent(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of it had gone out; what comes twice is the same finding."""
    world.bus.refuse = lambda number: number == 0
    with pytest.raises(InputError, match="1 canaries could not be put"):
        world.call()
    run = world.last().run
    world.bus.refuse = lambda _: False
    capsys.readouterr()
    world.call(later_us=HOUR_US)
    assert "canaries_silent" not in metrics(capsys.readouterr().out)
    assert (world.last().run, len(world.bus.messages)) == (run, 2 + 3)
    world.deliver()
    capsys.readouterr()
    world.call(later_us=HOUR_US)
    assert metrics(capsys.readouterr().out) == {"canaries_silent": 0}
    assert len(world.account.rows()) == 3


def test_published_rules_have_their_own_canaries_and_a_change_begins_a_round(world: World, tmp_path: Path) -> None:
    """Rules are published from a file, to a bucket; what the package brought does not count any more."""
    bucket = "published"
    location: Any = {"LocationConstraint": "eu-central-1"}
    SESSION.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
    world.account.environment["FIRSTSEEN_PACKS"] = f"s3://{bucket}/rules"
    world.call()
    assert world.last().pack == world.account.build().pack.version
    world.bus.taken()
    rules = tmp_path / "other.yml"
    rules.write_text(OTHER, encoding="utf-8")
    assert main(["rules", "publish", str(rules), "--to", f"s3://{bucket}/rules"]) == 0
    world.call(later_us=HOUR_US)
    assert world.last().pack == world.account.build().pack.version
    assert "RemoveAll" in "".join(world.bus.messages)
    world.deliver()
    world.call(later_us=HOUR_US)
    assert (world.last().sent, world.last().silent_number) == (3, 0)
    assert world.last().judged_us


@dataclass
class Published:
    """A bucket that rules were published to."""

    world: World
    folder: Path
    bucket: str

    def __post_init__(self) -> None:
        location: Any = {"LocationConstraint": "eu-central-1"}
        SESSION.client("s3").create_bucket(Bucket=self.bucket, CreateBucketConfiguration=location)
        self.world.account.environment["FIRSTSEEN_PACKS"] = self.to

    @property
    def to(self) -> str:
        return f"s3://{self.bucket}/rules"

    def publish(self, text: str) -> None:
        rules = self.folder / "other.yml"
        rules.write_text(text, encoding="utf-8")
        assert main(["rules", "publish", str(rules), "--to", self.to]) == 0

    def say(self, **changes: str) -> None:
        """Change what the pointer says."""
        client, key = SESSION.client("s3"), "rules/current.json"
        pointer = json.loads(client.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        client.put_object(Bucket=self.bucket, Key=key, Body=json.dumps(pointer | changes).encode())


def test_rules_that_were_published_without_canaries_are_said_until_they_are_published_again(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As versions before this one did. Nothing says that all is well: no number of silent rules, and not the doctor."""
    shelf = Published(world, tmp_path, "before")
    shelf.publish(OTHER)
    shelf.say(canaries="")
    world.call()
    (told,) = lines(capsys.readouterr().out, canaries.NONE_PUBLISHED)
    assert "rules publish" in told["mend"]
    assert (world.bus.messages, world.last().sent) == ([], 0)
    world.call(later_us=HOUR_US)
    assert "canaries_silent" not in metrics(capsys.readouterr().out)
    assert world.last().judged_us == 0
    shelf.publish(OTHER)
    world.call(later_us=HOUR_US)
    assert len(world.bus.messages) == world.last().sent == 3


def test_a_round_of_rules_waits_until_all_containers_run_them(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A container that reads events runs the rules before for a while: one would look silent that is not."""
    world.call()
    world.deliver()
    first = world.last().run
    shelf = Published(world, tmp_path, "just-now")
    shelf.publish(OTHER)
    shelf.say(at=iso(world.account.clock.now_us + HOUR_US - 30_000_000))
    capsys.readouterr()
    world.call(later_us=HOUR_US)
    assert (world.last().run, world.bus.messages) == (first, [])
    world.call(later_us=HOUR_US)
    assert world.last().pack == world.account.build().pack.version
    assert "RemoveAll" in "".join(world.bus.messages)


def test_rules_that_were_in_force_for_minutes_make_no_others_look_silent(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two rules, A and B: A sends, B is published and reads what was sent, and is rolled back within the hour."""
    shelf = Published(world, tmp_path, "back-and-forth")
    clock, minute_us = world.account.clock, HOUR_US // 60
    shelf.publish(OTHER)
    shelf.say(at=iso(clock.now_us - HOUR_US))
    world.call()
    first = world.last()
    shelf.publish(OTHER.replace("eventName: RemoveAll", "eventName: RemoveSome"))
    shelf.say(at=iso(clock.now_us + minute_us))
    clock.now_us += 10 * minute_us
    world.deliver()
    assert len(world.account.rows()) == 2
    assert main(["rules", "publish", "--rollback", "--to", shelf.to]) == 0
    shelf.say(at=iso(clock.now_us + 5 * minute_us))
    capsys.readouterr()
    world.call(later_us=50 * minute_us)
    second = world.last()
    assert (second.pack, second.run == first.run) == (first.pack, False)
    world.deliver()
    world.call(later_us=HOUR_US)
    said = capsys.readouterr().out
    assert metrics(said)["canaries_silent"] == 0
    assert lines(said, "a rule stayed silent") == []
    assert world.last().judged_us


def test_batches_hold_what_one_call_takes() -> None:
    small, large = [b"x"] * 25, [b"x" * 100_000] * 5
    assert [len(one) for one in canary.batches(small)] == [10, 10, 5]
    assert [len(one) for one in canary.batches(large)] == [2, 2, 1]
    assert list(canary.batches([])) == []


def test_a_start_that_failed_fails_the_call() -> None:
    def broken() -> wiring.Parts:
        raise SettingsError("no table")

    with pytest.raises(SettingsError, match="no table"):
        canary.handler_of(wiring.Start(broken))({}, Context())
