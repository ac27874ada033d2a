"""A small world around a pipeline: a queue that delivers again what was not acknowledged, a clock moved by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from firstseen.deliveries import Delivery, Report
from firstseen.findings.sink import Sink
from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import Pack
from firstseen.pipeline import Pipeline
from firstseen.store.store import Query, Store

START = datetime(2026, 3, 2, tzinfo=UTC)
START_US = int(START.timestamp()) * 1_000_000
MINUTE_US = 60_000_000

RULES = """
title: Asked
name: asked
id: 11111111-0000-4000-8000-000000000001
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventName: Ask}
    condition: selection
level: low
---
title: Somebody new asked
id: 11111111-0000-4000-8000-000000000002
correlation:
    type: new_terms
    rules: [asked]
    fields: [userIdentity.userName]
    timespan: 1h
level: medium
---
title: Asked three times
id: 11111111-0000-4000-8000-000000000003
correlation:
    type: event_count
    rules: [asked]
    group-by: [userIdentity.userName]
    timespan: 10m
    condition: {gte: 3}
level: medium
---
title: Removed
id: 11111111-0000-4000-8000-000000000004
logsource: {product: aws, service: cloudtrail}
detection:
    selection: {eventName: Remove}
    condition: selection
level: high
"""


def pack() -> Pack:
    """A rule with memory, one that counts, and one without memory."""
    return build_pack({"rules.yml": RULES.encode()})


def event(number: int, minute: float, call: str = "Ask", who: str = "ada", *, address: str = "192.0.2.1") -> bytes:
    """One CloudTrail event, ``minute`` after the start."""
    document: dict[str, Any] = {
        "eventVersion": "1.11",
        "eventID": f"event-{number}",
        "eventTime": f"{START + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "example.amazonaws.com",
        "eventName": call,
        "awsRegion": "eu-central-1",
        "recipientAccountId": "111122223333",
        "sourceIPAddress": address,
        "userAgent": "aws-cli/2.0",
        "userIdentity": {"type": "IAMUser", "userName": who, "arn": f"arn:aws:iam::111122223333:user/{who}"},
    }
    return json.dumps(document).encode()


@dataclass(slots=True)
class Clock:
    """The wall clock of a test, in microseconds."""

    now_us: int = START_US + 100 * MINUTE_US

    def __call__(self) -> int:
        return self.now_us


@dataclass(slots=True)
class World:
    """Pipelines over one store and sink, fed from one queue."""

    store: Store
    sink: Sink
    clock: Clock = field(default_factory=Clock)
    rules: Pack = field(default_factory=pack)
    reports: list[Report] = field(default_factory=list)

    def worker(self, name: str = "worker") -> Pipeline:
        """A pipeline of its own, as a fresh function instance has it."""
        return Pipeline(self.rules, self.store, self.sink, owner=name, clock=self.clock)

    def deliver(self, batches: Sequence[Sequence[bytes]], *, workers: int = 1, rounds: int = 60) -> None:
        """Process each batch until everything in it is acknowledged; what is not comes again, two minutes later."""
        pipelines = [self.worker(f"worker-{number}") for number in range(workers)]
        queue = [
            [(f"{at}.{place}", raw) for place, raw in enumerate(batch)] for at, batch in enumerate(batches) if batch
        ]
        for turn in range(rounds * max(1, len(queue))):
            if not queue:
                return
            batch = queue.pop(0)
            deliveries = [Delivery(handle, [raw], self.clock.now_us) for handle, raw in batch]
            report = pipelines[turn % workers].process(deliveries)
            self.reports.append(report)
            left = [(handle, raw) for handle, raw in batch if handle in report.retry]
            if left:
                self.clock.now_us += 2 * MINUTE_US
                queue.append(left)
        msg = f"never finished: {self.reports[-1].retry}"
        raise AssertionError(msg)

    def uids(self) -> list[str]:
        """Every finding in the store."""
        return sorted(row.finding.uid for row in self.store.scan_findings(Query()))
