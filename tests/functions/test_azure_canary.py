"""Canaries on Azure: given to the host for the hub, taken from it, looked for an hour later; nobody is told of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from firstseen.adapters.azure.clients import local_table_client
from firstseen.adapters.local.packs import FolderShelf
from firstseen.cli import main
from firstseen.cli.canarying import canaries_of
from firstseen.findings import canaries
from firstseen.findings.times import HOUR_US, iso
from firstseen.language.canaries import dump
from firstseen.language.in_force import InForce
from firstseen.language.pack import load
from functions.azure import canary as canary_function
from functions.azure import logs
from functions.azure.canary import canary
from functions.azure.function_app import app
from functions.azure.sweep import sweep
from tests.faults.faulty import RecordingSink
from tests.faults.world import RULES, event
from tests.functions.azure_cloud import Cloud, Servers, servers


@dataclass
class World:
    """A deployment that sends canaries once a day."""

    cloud: Cloud

    def call(self, *, later_us: int = 0) -> list[bytes]:
        """The timer's next call, in a fresh process; what the host is to send."""
        self.cloud.clock.now_us += later_us
        return [one.encode() for one in canary(self.cloud.build())]

    def last(self) -> canaries.Round:
        found = canaries.last_round(self.cloud.build().store)
        assert found is not None
        return found

    def entities(self) -> dict[str, Any]:
        """Every row of the table that expires neither with a canary nor is their round's, without times of writing."""
        name = self.cloud.environment["FIRSTSEEN_TABLE"]
        client = local_table_client(self.cloud.account.connection_string, name)
        expires_us = self.cloud.clock.now_us + canaries.EXPIRY_US
        found = {f"{one['PartitionKey']}/{one['RowKey']}": dict(one) for one in client.list_entities()}
        return {
            place: one
            for place, one in found.items()
            if int(getattr(one.get("expires_us"), "value", 0)) != expires_us and b"canary" not in str(one).encode()
        }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("packs")) as found:
        yield found


@pytest.fixture
def world(made: Servers) -> World:
    cloud = made.deploy()
    pack = Path(cloud.environment["FIRSTSEEN_PACK"])
    pack.with_suffix(".canaries").write_bytes(dump(canaries_of(load(pack.read_bytes()))))
    cloud.environment["FIRSTSEEN_CANARY_HOURS"] = "24"
    return World(cloud)


def lines(caplog: pytest.LogCaptureFixture, kind: logs.Kind) -> list[dict[str, Any]]:
    """What was said of this kind."""
    prefix = f"{logs.PREFIX} {kind} {{"
    said = [one.getMessage() for one in caplog.records]
    return [json.loads(one[len(prefix) - 1 :]) for one in said if one.startswith(prefix)]


def test_each_rule_is_found_and_nobody_is_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=logs.LOGGER)
    world.cloud.deliver(world.cloud.build, world.call())
    assert {row.finding.routing for row in world.cloud.rows()} == {"canary"}
    sweep(world.cloud.build())
    assert world.cloud.topic.received() == []
    assert world.cloud.rejects() == []
    assert lines(caplog, "finding") == []
    assert world.call(later_us=HOUR_US) == []
    (judged,) = [one for one in lines(caplog, "canaries") if one["step"] == "judged"]
    assert (judged["came"], judged["silent"]) == (3, 0)
    assert lines(caplog, "silent rule") == []
    assert len(world.call(later_us=23 * HOUR_US)) == 3


def test_a_rule_that_is_broken_on_purpose_alarms(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=logs.LOGGER)
    sent = world.call()
    pack = Path(world.cloud.environment["FIRSTSEEN_PACK"])
    good = pack.read_bytes()
    for _ in range(2):
        pack.write_bytes(good.replace(b'"Remove"', b'"Rename"'))
        try:
            world.cloud.deliver(world.cloud.build, sent)
        finally:
            pack.write_bytes(good)
        assert lines(caplog, "silent rule") == [], "it may not have been sent: it is sent again"
        sent = world.call(later_us=HOUR_US)
        assert len(sent) == 1
    (told,) = lines(caplog, "silent rule")
    assert (told["title"], told["events"]) == ("Removed", 1)
    assert "did not match" in told["stuck"]


def test_real_rows_are_the_same_after_a_round(world: World) -> None:
    """Byte for byte, etags included: nothing of a real key was written."""
    real = [event(number, number, "Ask") for number in range(3)]
    world.cloud.deliver(world.cloud.build, real)
    before = world.entities()
    world.cloud.topic.received()
    world.cloud.deliver(world.cloud.build, world.call())
    assert world.entities() == before != {}
    assert world.cloud.topic.received() == []


def test_what_is_put_aside_is_still_a_canary(world: World) -> None:
    """The tag is part of what is kept until it is tried again."""
    down = RecordingSink(down=True)
    real = event(1, 0, "Remove")
    first = [lambda: world.cloud.build(over_sink=lambda _: down)]
    world.cloud.deliver(lambda: first.pop()() if first else world.cloud.build(), [*world.call(), real])
    assert sorted(row.finding.routing for row in world.cloud.rows()) == ["canary"] * 3 + ["send"]
    assert len(world.cloud.topic.received()) == 1
    assert world.last().sent == 3


@pytest.mark.parametrize("number", [0, 1, 2])
def test_what_the_host_could_not_send_is_sent_by_the_next_call(
    world: World, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    """It sends after the function has ended, and nobody tells the function how much the hub took, or that it died."""
    caplog.set_level(logging.INFO, logger=logs.LOGGER)
    sent = world.call()
    world.cloud.deliver(world.cloud.build, sent[:number])
    lost = world.call(later_us=HOUR_US)
    assert lost == sent[number:]
    world.cloud.deliver(world.cloud.build, lost)
    assert world.call(later_us=HOUR_US) == []
    assert [row.finding.routing for row in world.cloud.rows()] == ["canary"] * 3
    assert lines(caplog, "silent rule") == []
    judged = [one for one in lines(caplog, "canaries") if one["step"] == "judged"]
    assert [(one["came"], one["silent"], one["unsure"]) for one in judged] == [(number, 0, 3 - number), (3, 0, 0)]
    assert world.last().silent_number == 0


def test_a_process_that_dies_before_it_gives_its_messages_is_no_lost_round(world: World) -> None:
    """The round is recorded as one to be sent: the next call sends it."""
    parts = world.cloud.build()
    wanted = canary_function.in_force(parts)
    out = canaries.outgoing(parts.store, wanted, "1" * 32, now_us=parts.clock(), every_us=HOUR_US)
    assert out is not None
    assert [one.encode() for one in canary(parts)] == out.messages


def test_a_round_of_rules_waits_until_all_processes_run_them(world: World, tmp_path: Path) -> None:
    """And says each hour when none were published for them, which is no round that went well."""
    rules = tmp_path / "other.yml"
    rules.write_text(RULES.replace("eventName: Remove", "eventName: RemoveAll"), encoding="utf-8")
    shelf = FolderShelf(tmp_path / "shelf")
    assert main(["rules", "publish", str(rules), "--to", f"file:{tmp_path / 'shelf'}"]) == 0

    def call(**changes: str) -> list[str]:
        """With changes of what the pointer says."""
        found = shelf.read_pointer()
        assert found is not None
        assert shelf.write_pointer(json.dumps(json.loads(found[0]) | changes).encode(), found[1])
        parts = world.cloud.build()
        parts.published = InForce(shelf, 120_000_000, parts.adopt)
        return canary(parts)

    assert call(at=iso(world.cloud.clock.now_us - 30_000_000)) == []
    assert canaries.last_round(world.cloud.build().store) is None
    world.cloud.clock.now_us += HOUR_US
    assert "RemoveAll" in "".join(call())
    world.cloud.clock.now_us += HOUR_US
    assert call(canaries="") == []
    world.cloud.clock.now_us += HOUR_US
    assert call(canaries="") == []
    assert (world.last().sent, world.last().judged_us) == (0, 0)


def test_no_record_of_a_log_can_be_a_canary(world: World) -> None:
    """Whoever chooses values of an event does not choose how the message begins that carries it."""
    world.call()
    inside = json.loads(event(1, 0, "Remove")) | {"firstseen_canary": {"run": world.last().run, "rule": "x"}}
    first = {"firstseen_canary": {"run": "x", "rule": "x"}, **json.loads(event(2, 0, "Remove"))}
    bodies = [json.dumps({"records": [inside]}).encode(), json.dumps(first, separators=(",", ":")).encode()]
    world.cloud.deliver(world.cloud.build, bodies)
    assert [row.finding.routing for row in world.cloud.rows()] == ["send", "send"]


def test_nothing_is_sent_when_it_is_switched_off(world: World) -> None:
    world.cloud.environment["FIRSTSEEN_CANARY_HOURS"] = "0"
    assert world.call() == []
    assert canaries.last_round(world.cloud.build().store) is None


def test_the_host_sends_each_message_to_the_hub_that_the_app_reads() -> None:
    """The output's binding is of the same hub and connection as the trigger."""
    found = {one.get_function_name(): one for one in app.get_functions()}
    (out,) = [one for one in found["canary"].get_bindings() if one.name == "hub"]
    (trigger,) = [one for one in found["ingest"].get_bindings() if one.name == "events"]
    assert isinstance(found["canary"].get_trigger(), func.decorators.timer.TimerTrigger)
    for part in ("event_hub_name", "connection"):
        assert getattr(out, part) == getattr(trigger, part)
