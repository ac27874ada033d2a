"""A short day for each type of rule: few calls to a store, so that each of them can be made to fail.

What is delivered again after a fault comes last, behind newer events. So each day holds its findings in any order of
its batches: one episode, or a copy of the earlier event with the later one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pytest

from firstseen.adapters.local.memory import MemoryStore
from firstseen.findings.sink import Sink
from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import Pack
from firstseen.store.store import Store
from tests.faults.faulty import RecordingSink
from tests.faults.world import RULES, World, event

CALLS = "".join(
    f"""
title: {call}
name: {call.lower()}
id: 11111111-0000-4000-8000-00000000003{number}
logsource: {{product: aws, service: cloudtrail}}
detection: {{selection: {{eventName: {call}}}, condition: selection}}
level: low
---"""
    for number, call in enumerate(("MakeKey", "TakeSnapshot", "StartInstance"))
)


def _correlation(text: str) -> str:
    """Over the calls: by user, within ten minutes."""
    return f"""{CALLS}
title: Reported
id: 11111111-0000-4000-8000-000000000039
correlation: {{group-by: [userIdentity.userName], timespan: 10m, {text}}}
level: medium
"""


@dataclass(frozen=True)
class Day:
    """Rules of one type, and batches of events as they arrive.

    Attributes:
        type: of the rule that finds something.
        findings: how many there are.
    """

    type: str
    rules: str
    batches: tuple[tuple[bytes, ...], ...]
    findings: int

    @cached_property
    def pack(self) -> Pack:
        """The rules, compiled."""
        return build_pack({"rules.yml": self.rules.encode()})

    @cached_property
    def uids(self) -> list[str]:
        """What is found when nothing fails."""
        calm = World(MemoryStore(), RecordingSink(), rules=self.pack)
        calm.deliver(self.batches)
        return calm.uids()

    def run(self, store: Store, sink: Sink) -> World:
        """Deliver the day to two workers in turn, until all of it is acknowledged."""
        world = World(store, sink, rules=self.pack)
        world.deliver(self.batches, workers=2)
        return world


def _key(number: int, minute: float, host: int = 1) -> bytes:
    return event(number, minute, "MakeKey", address=f"192.0.2.{host}")


def _middle_last(first: bytes, middle: bytes, last: bytes, more: bytes) -> tuple[tuple[bytes, ...], ...]:
    """What lies in the middle arrives late, then as a copy, with an event that extends the episode."""
    return ((first, last), (middle,), (middle, more))


_SNAPSHOT = event(2, 2, "TakeSnapshot")

DAYS = (
    Day("match", CALLS.partition("---")[0], ((_key(1, 0),), (_key(1, 0),)), findings=1),
    Day(
        "new_terms",
        _correlation("type: new_terms, rules: [makekey], fields: [sourceIPAddress]"),
        ((_key(1, 0),), (_key(1, 0), _key(2, 11))),
        findings=2,
    ),
    Day(
        "event_count",
        _correlation("type: event_count, rules: [makekey], condition: {gte: 3}"),
        _middle_last(_key(1, 0), _key(2, 2), _key(3, 4), _key(4, 6)),
        findings=1,
    ),
    Day(
        "value_count",
        _correlation("type: value_count, rules: [makekey], condition: {field: sourceIPAddress, gte: 3}"),
        _middle_last(_key(1, 0, 1), _key(2, 2, 2), _key(3, 4, 3), _key(4, 6, 3)),
        findings=1,
    ),
    Day(
        "temporal",
        _correlation("type: temporal, rules: [makekey, takesnapshot, startinstance]"),
        _middle_last(event(1, 0, "StartInstance"), _SNAPSHOT, _key(3, 4), _key(4, 6)),
        findings=1,
    ),
    Day(
        "temporal_ordered",
        _correlation("type: temporal_ordered, rules: [makekey, takesnapshot, startinstance]"),
        _middle_last(_key(1, 0), _SNAPSHOT, event(3, 4, "StartInstance"), event(4, 6, "StartInstance")),
        findings=1,
    ),
    Day(
        "several",
        RULES,
        ((event(1, 0), event(2, 1, "Remove", "bob")), (event(1, 0),)),
        findings=2,
    ),
)
"""One for each type, and one in which two rules find something in one batch."""

each_day = pytest.mark.parametrize("day", DAYS, ids=lambda day: day.type)
