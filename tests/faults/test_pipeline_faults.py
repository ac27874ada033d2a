"""Whatever call fails, before or after it took effect: same findings, none lost, none told twice but as promised."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pytest

from firstseen.adapters.local.memory import MemoryStore
from firstseen.adapters.local.sqlite import SQLiteStore
from firstseen.deliveries import Delivery, Rejected
from firstseen.findings.finding import Finding
from firstseen.findings.sink import Publication, Sink
from firstseen.language.frontends.loading import build_pack
from firstseen.language.rules import CorrelationType
from firstseen.pipeline import MAX_HELD_REJECTS
from firstseen.store.store import Claimed, Query, Store
from tests.faults.days import DAYS, Day, each_day
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


def test_each_type_of_rule_has_a_day_and_finds_in_it_what_the_day_holds() -> None:
    """So none of the tests below compares nothing with nothing."""
    types = {one.type for day in DAYS for one in day.pack.correlations}
    assert types == set(get_args(CorrelationType))
    for day in DAYS:
        assert len(day.uids) == day.findings, day.type
        assert day.type in {"several", *(one.type for one in day.pack.correlations)}


def test_the_calm_run_finds_what_the_day_holds() -> None:
    """Two episodes and a burst of ada, one episode of bob, two calls without memory."""
    rules = Counter(row.finding.card.title for row in CALM.store.scan_findings(Query()))
    assert rules == {"Somebody new asked": 4, "Asked three times": 1, "Removed": 2}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_fault_at_any_call_changes_nothing(kind: str, when: When, tmp_path: Path) -> None:
    """For n = 1, 2, … the n-th call fails, until a run meets no fault."""

    def run(store: Store, sink: Sink) -> None:
        World(store, sink).deliver(DAY)

    _fails_at_each_call(kind, when, tmp_path, run, CALM.uids())


@each_day
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_fault_at_any_call_changes_no_type_of_rule(kind: str, when: When, day: Day, tmp_path: Path) -> None:
    """The same for two workers that take turns, each type of rule by itself."""
    _fails_at_each_call(kind, when, tmp_path, day.run, day.uids)


def _fails_at_each_call(
    kind: str, when: When, tmp_path: Path, run: Callable[[Store, Sink], object], wanted: list[str]
) -> None:
    for n in range(1, 500):
        calls, sink = Calls(), RecordingSink()
        folder = tmp_path / str(n)
        folder.mkdir()
        inner = _store(kind, folder)
        run(FaultyStore(inner, fail_at=n, when=when, calls=calls), FaultySink(sink, fail_at=n, when=when, calls=calls))
        if not calls.failed:
            assert n > 8
            assert len(sink.uids) == len(wanted)
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


def _junk(number: int) -> list[bytes]:
    """Lines that are JSON, and no event of any log."""
    return [f'{{"nothing":{place}}}\n'.encode() for place in range(number)]


def test_a_delivery_of_nothing_but_rejects_is_handed_over_in_slices() -> None:
    """Each once, and never more of them in memory than a slice."""
    world, slices = World(MemoryStore(), RecordingSink()), []

    def keep(rejects: Sequence[Rejected]) -> dict[str, str]:
        slices.append([reject.raw for _, _, reject in rejects])
        return {}

    number = 3 * MAX_HELD_REJECTS + 7
    report = world.worker().process([Delivery("a", _junk(number), world.clock.now_us)], keep=keep)
    assert [len(one) for one in slices] == [MAX_HELD_REJECTS] * 3
    kept = [raw for one in (*slices, [reject.raw for _, _, reject in report.rejects]) for raw in one]
    assert kept == [raw.strip() for raw in _junk(number)]
    assert not report.retry


def test_a_delivery_whose_rejects_cannot_be_kept_comes_again_and_is_not_handed_over_further() -> None:
    world, asked = World(MemoryStore(), RecordingSink()), []

    def full(rejects: Sequence[Rejected]) -> dict[str, str]:
        asked.append(len(rejects))
        return dict.fromkeys((handle for handle, _, _ in rejects), "the queue is full")

    deliveries = [Delivery("a", _junk(3 * MAX_HELD_REJECTS), world.clock.now_us)]
    report = world.worker().process([*deliveries, Delivery("b", [event(1, 0)], world.clock.now_us)], keep=full)
    assert report.retry == {"a": "the queue is full"}
    assert asked == [MAX_HELD_REJECTS]
    assert len(world.uids()) == 1


def _many_values(number: int) -> bytes:
    """An event with more values at one place than a rule may look at: no rule that asks there can be decided."""
    document = json.loads(event(number, 0))
    document["userIdentity"]["userName"] = ["x"] * 100_001
    return json.dumps(document).encode()


@pytest.mark.parametrize("slices", [False, True])
def test_a_rule_that_raises_is_told_once_an_hour_and_the_other_rules_go_on(
    monkeypatch: pytest.MonkeyPatch, *, slices: bool
) -> None:
    """Three such events in two deliveries: three rejects that name the rule, one message, and the others' findings.

    The same when each is told as soon as it is met, which is how a delivery of many is kept within bounds.
    """
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
    if slices:
        monkeypatch.setattr("firstseen.pipeline.MAX_HELD_REJECTS", 1)
    world.deliver([[_many_values(1), _many_values(2), event(3, 1)], [_many_values(4)]])
    rejects = [reject for report in world.reports for _, _, reject in report.rejects]
    assert [one.rule_id for one in rejects] == ["11111111-0000-4000-8000-000000000005"] * 3
    told = [one for one in sink.findings if one.kind == "operational"]
    assert [one.card.title for one in told] == ["Looks at names"]
    assert "Somebody new asked" in {one.card.title for one in sink.findings}


@dataclass
class _SlowSink(RecordingSink):
    """Takes a minute for each call."""

    clock: Clock = field(default_factory=Clock)

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        self.clock.now_us += MINUTE_US
        return super().publish(findings, deadline_us=deadline_us)


def test_a_sweep_ends_at_its_deadline_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firstseen.pipeline.BATCH_MATCHES", 1)
    store, away = MemoryStore(), RecordingSink(down=True)
    world = World(store, away)
    with pytest.raises(AssertionError, match="never finished"):
        world.deliver([[event(number, 0, call="Remove") for number in range(5)]], rounds=2)
    world.clock.now_us += 10 * MINUTE_US
    sink = _SlowSink(clock=world.clock)
    sweeper = World(store, sink, world.clock).worker("sweeper")
    assert sweeper.sweep(deadline_us=world.clock.now_us).counts == {}
    assert sweeper.sweep(deadline_us=world.clock.now_us + 90_000_000).counts == {"sent": 2}
    assert sweeper.sweep().counts["sent"] == 3
    assert sorted(sink.uids) == world.uids()


class _Emptied(MemoryStore):
    """Somebody deleted the rows of findings, and left those of the keys."""

    def claim(self, uids: Sequence[str], *, owner: str, now_us: int, lease_us: int) -> Sequence[Claimed]:
        del owner, now_us, lease_us
        return [Claimed("missing", None) for _ in uids]


def test_a_finding_whose_row_has_gone_is_counted_and_holds_nothing() -> None:
    store = _Emptied()
    world = World(store, RecordingSink())
    world.deliver([[event(1, 0, call="Remove")]])
    assert [report.counts.get("missing") for report in world.reports] == [1]
    world.deliver([[event(1, 0, call="Remove")]])
    assert "missing" not in world.reports[-1].counts
    assert all(not stored.state.pending for _, stored in store.scan_states())


def test_a_deadline_gives_back_what_was_not_begun() -> None:
    """Nothing is cut off in the middle, and nothing is acknowledged unprocessed."""
    world = World(MemoryStore(), RecordingSink())
    deliveries = [Delivery("a", [event(1, 0)], world.clock.now_us)]
    report = world.worker().process(deliveries, deadline_us=world.clock.now_us)
    assert report.retry == {"a": "out of time"}
    assert world.uids() == []
