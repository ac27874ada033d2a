"""Whatever call fails, before or after it took effect: same findings, none lost, none told twice but as promised."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from firstseen.adapters.local.memory import MemoryStore
from firstseen.adapters.local.sqlite import SQLiteStore
from firstseen.language.frontends.loading import build_pack
from firstseen.pipeline import Delivery
from firstseen.store.store import Query, Store
from tests.faults.faulty import Calls, FaultySink, FaultyStore, RecordingSink, When
from tests.faults.world import MINUTE_US, RULES, START_US, Clock, World, event

DAY = [
    [event(1, 0), event(2, 1, who="bob"), event(3, 2, call="Remove")],
    [event(4, 3), event(5, 4), event(1, 0)],
    [event(6, 70), event(7, 140), event(8, 141, call="Remove", who="bob"), b"not json"],
]
"""New twice for ada, a burst, a new bob, two without memory; a copy, and a line that cannot be read."""

MAY_REPEAT = {"sink.publish", "store.mark"}
"""Promise 3: a notification may come twice after an unknown outcome of publishing, or a crash before it was noted."""


def _store(kind: str, folder: Path) -> Store:
    return MemoryStore() if kind == "memory" else SQLiteStore(str(folder / "state.db"))


def _calm_run() -> World:
    world = World(MemoryStore(), RecordingSink())
    world.deliver(DAY)
    return world


CALM = _calm_run()


def test_the_calm_run_finds_what_the_day_holds() -> None:
    """Two episodes and a burst of ada, one episode of bob, two calls without memory."""
    rules = Counter(row.finding.card.title for row in CALM.store.scan_findings(Query()))
    assert rules == {"Somebody new asked": 4, "Asked three times": 1, "Removed": 2}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_fault_at_any_call_changes_nothing(kind: str, when: When, tmp_path: Path) -> None:
    """For n = 1, 2, … the n-th call fails, until a run meets no fault."""
    wanted = CALM.uids()
    for n in range(1, 500):
        calls, sink = Calls(), RecordingSink()
        folder = tmp_path / str(n)
        folder.mkdir()
        inner = _store(kind, folder)
        world = World(
            FaultyStore(inner, fail_at=n, when=when, calls=calls), FaultySink(sink, fail_at=n, when=when, calls=calls)
        )
        world.deliver(DAY)
        if not calls.failed:
            assert n > 20
            return
        found = sorted(row.finding.uid for row in inner.scan_findings(Query()))
        assert found == wanted, f"call {n} ({calls.names[n - 1]})"
        assert {row.status for row in inner.scan_findings(Query())} == {"sent"}
        assert sorted(set(sink.uids)) == wanted
        if len(sink.uids) != len(wanted):
            assert calls.names[n - 1] in MAY_REPEAT, f"call {n} ({calls.names[n - 1]}) repeated a notification"
        inner.close()
    pytest.fail("the faults never ended")


def test_what_no_delivery_finishes_is_sent_by_the_sweep() -> None:
    """The delivery is given up after the commit, nobody brings it again, and still the finding is sent."""
    sink = RecordingSink(down=True)
    world = World(MemoryStore(), sink)
    with pytest.raises(AssertionError, match="never finished"):
        world.deliver([[event(1, 0)]], rounds=3)
    sink.down = False
    world.clock.now_us += 10 * MINUTE_US
    report = world.worker("sweeper").sweep()
    assert sink.uids == world.uids()
    assert report.counts["sent"] == 1


def test_a_sink_outage_of_an_hour_in_which_one_key_opens_ten_episodes_loses_none() -> None:
    """Each delivery waits for its findings; when the sink is back, all are sent, once."""
    store, sink = MemoryStore(), RecordingSink(down=True)
    world = World(store, sink, Clock(START_US + 1_000 * MINUTE_US))
    waiting = [(f"{number}", event(number, number * 61)) for number in range(10)]
    pipeline = world.worker()
    for _ in range(30):  # an hour of redelivery, every two minutes
        report = pipeline.process([Delivery(handle, [raw], world.clock.now_us) for handle, raw in waiting])
        assert set(report.retry) == {handle for handle, _ in waiting}
        world.clock.now_us += 2 * MINUTE_US
    assert sink.uids == []
    sink.down = False
    report = pipeline.process([Delivery(handle, [raw], world.clock.now_us) for handle, raw in waiting])
    assert not report.retry
    assert sorted(sink.uids) == world.uids()
    assert len(sink.uids) == 10


def test_a_finding_that_is_refused_for_good_no_longer_holds_its_delivery() -> None:
    """Once more in the short form, then stored as refused, and said."""
    wanted = CALM.uids()
    sink = RecordingSink(refuses=set(wanted))
    world = World(MemoryStore(), sink)
    world.deliver(DAY)
    assert {row.status for row in world.store.scan_findings(Query())} == {"refused"}
    assert sorted(one.uid for report in world.reports for one in report.refused) == wanted


def test_what_cannot_be_read_is_kept_with_its_reason_and_stops_nothing() -> None:
    rejects = [reject for report in CALM.reports for reject in report.rejects]
    assert [handle for handle, _, _ in rejects] == ["2.3"]
    assert rejects[0][2].raw == b"not json"


def _many_values(number: int) -> bytes:
    """An event with more values at one place than a rule may look at: no rule that asks there can be decided."""
    document = json.loads(event(number, 0))
    document["userIdentity"]["userName"] = ["x"] * 100_001
    return json.dumps(document).encode()


def test_a_rule_that_raises_is_told_once_an_hour_and_the_other_rules_go_on() -> None:
    """Three such events in two deliveries: three rejects that name the rule, one message, and the others' findings."""
    rules = (
        RULES
        + """
---
title: Looks at names
name: looks_at_names
id: 11111111-0000-4000-8000-000000000005
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventName: Ask, userIdentity.userName: nobody}
    condition: selection
level: low
"""
    )
    sink = RecordingSink()
    world = World(MemoryStore(), sink, rules=build_pack({"rules.yml": rules.encode()}))
    world.deliver([[_many_values(1), _many_values(2), event(3, 1)], [_many_values(4)]])
    rejects = [reject for report in world.reports for _, _, reject in report.rejects]
    assert [one.rule_id for one in rejects] == ["11111111-0000-4000-8000-000000000005"] * 3
    told = [one for one in sink.findings if one.kind == "operational"]
    assert [one.card.title for one in told] == ["Looks at names"]
    assert "Somebody new asked" in {one.card.title for one in sink.findings}


def test_a_deadline_gives_back_what_was_not_begun() -> None:
    """Nothing is cut off in the middle, and nothing is acknowledged unprocessed."""
    world = World(MemoryStore(), RecordingSink())
    deliveries = [Delivery("a", [event(1, 0)], world.clock.now_us)]
    report = world.worker().process(deliveries, deadline_us=world.clock.now_us)
    assert report.retry == {"a": "out of time"}
    assert world.uids() == []
