"""A pipeline that canaries are sent to, and the rules that tests of them have."""

from __future__ import annotations

from collections.abc import Sequence

from firstseen.adapters.local.memory import MemoryStore
from firstseen.deliveries import Delivery, Report
from firstseen.findings import canaries
from firstseen.findings.times import HOUR_US
from firstseen.language.canaries import Canaries
from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import Pack
from firstseen.pipeline import Pipeline
from tests.faults.faulty import RecordingSink
from tests.faults.world import RULES, START_US

DAY_US = 24 * HOUR_US

RUN, NEXT = "0123456789abcdef" * 2, "fedcba9876543210" * 2

MANY = """
title: Many asked
id: 7f2f1f0e-7a86-4ff5-9c5e-000000000001
name: asked
logsource: {product: aws, service: cloudtrail}
detection: {selection: {eventName: Ask}, condition: selection}
---
title: Asked thrice
id: 7f2f1f0e-7a86-4ff5-9c5e-000000000002
status: experimental
correlation: {type: event_count, rules: [asked], group-by: [userIdentity.arn], timespan: 1h, condition: {gte: 3}}
firstseen: {learning: 7d, limit: 1}
"""


def pack_of(text: str = RULES) -> Pack:
    return build_pack({"rules.yml": text.encode()})


class Deployment:
    """A pipeline over a store, with a clock that is set by hand."""

    def __init__(self, pack: Pack) -> None:
        self.pack, self.now_us = pack, START_US
        self.store, self.sink = MemoryStore(), RecordingSink()
        self.pipeline = Pipeline(pack, self.store, self.sink, owner="a", clock=lambda: self.now_us)

    def take(self, messages: Sequence[bytes]) -> Report:
        """As the functions hand them over."""
        deliveries = []
        for number, one in enumerate(messages):
            found = canaries.unwrap(one)
            assert found is not None
            deliveries.append(Delivery(str(number), [found[1]], self.now_us, canary=found[0]))
        return self.pipeline.process(deliveries)

    def judged(self, wanted: Canaries) -> canaries.Verdict:
        last = canaries.last_round(self.store)
        assert last is not None
        return canaries.judge(self.store, last, wanted, now_us=self.now_us)

    def judged_twice(self, wanted: Canaries) -> canaries.Verdict:
        """The second time what was not seen counts."""
        self.judged(wanted)
        return self.judged(wanted)
