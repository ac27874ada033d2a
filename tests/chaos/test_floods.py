"""A flood of invented names: what is real is told, the rest is a digest, memory and cost stay bounded.

Each event of the flood has a call name, an actor and a user agent that were never seen: each is a finding of its own by
a rule that watches new actors. In the midst of it one event is real.
"""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from firstseen.adapters.local.memory import MemoryStore
from firstseen.adapters.local.sqlite import SQLiteStore
from firstseen.deliveries import Delivery
from firstseen.findings.digests import DELAY_US
from firstseen.language.frontends.loading import build_pack
from firstseen.matching import fast, remembering
from firstseen.pipeline import Pipeline
from firstseen.sources.azure_activitylogs import SAMPLE
from firstseen.store.store import Query, Store
from tests.faults.faulty import Calls, FaultyStore, RecordingSink
from tests.faults.world import MINUTE_US, START, START_US, event

HOUR_US = 60 * MINUTE_US
EVENTS = 1_500
BATCH = 500
LIMIT = 100
"""Of a rule that states none."""

MAX_GROWTH_BYTES = 100_000
"""Of what a worker keeps of 1,000 invented events, which are more than 1 MB."""


def rules(product: str, service: str, field: str) -> bytes:
    return f"""
title: Anything
name: anything
id: 11111111-0000-4000-8000-000000000041
logsource: {{product: {product}, service: {service}}}
detection: {{selection: {{{field}|contains: e}}, condition: selection}}
level: low
---
title: Somebody new
id: 11111111-0000-4000-8000-000000000042
correlation: {{type: new_terms, rules: [anything], fields: [actor], timespan: 7d}}
level: low
---
title: Many agents
id: 11111111-0000-4000-8000-000000000043
correlation:
    {{type: value_count, rules: [anything], group-by: [account], timespan: 1h, condition: {{field: action, gte: 10}}}}
level: low
---
title: Removed
id: 11111111-0000-4000-8000-000000000044
logsource: {{product: {product}, service: {service}}}
detection: {{selection: {{{field}|endswith: Remove}}, condition: selection}}
level: high
""".encode()


def aws(number: int, call: str, who: str) -> bytes:
    view: dict[str, Any] = json.loads(event(number, number % 50, call, who))
    return json.dumps({**view, "userAgent": f"agent-{who}"}).encode()


def azure(number: int, call: str, who: str) -> bytes:
    claims = {"http://schemas.microsoft.com/identity/claims/objectidentifier": who, "name": who,
              "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": f"{who}@contoso.example"}  # fmt: skip
    changes = {
        "time": f"{START + timedelta(minutes=number % 50):%Y-%m-%dT%H:%M:%S.0000000Z}",
        "operationName": f"EXAMPLE.SERVICE/{call}",
        "correlationId": f"correlation-{number}",
        "identity": {"claims": claims},
    }
    return json.dumps({**SAMPLE, **changes}).encode()


CLOUDS: dict[str, tuple[bytes, Callable[[int, str, str], bytes]]] = {
    "aws": (rules("aws", "cloudtrail", "eventName"), aws),
    "azure": (rules("azure", "activitylogs", "operationName"), azure),
}
each_cloud = pytest.mark.parametrize("cloud", CLOUDS)


def _invented(number: int) -> str:
    """Every other one is too long to be remembered."""
    return f"Invented{number}{'e' * 400 * (number % 2)}"


def flood(cloud: str, numbers: range, *, real_at: int = -1) -> Iterator[list[bytes]]:
    """Batches of invented events."""
    make = CLOUDS[cloud][1]
    for start in range(numbers.start, numbers.stop, BATCH):
        yield [
            make(number, "Remove", "ada") if number == real_at else make(number, _invented(number), f"who-{number}")
            for number in range(start, min(start + BATCH, numbers.stop))
        ]


def worker(cloud: str, store: Store, sink: RecordingSink, clock: Callable[[], int]) -> Pipeline:
    return Pipeline(build_pack({"rules.yml": CLOUDS[cloud][0]}), store, sink, owner="test", clock=clock)


def drowned(pipeline: Pipeline, batches: Iterator[Sequence[bytes]]) -> None:
    for batch in batches:
        deliveries = [Delivery(str(place), [raw], START_US + HOUR_US) for place, raw in enumerate(batch)]
        assert pipeline.process(deliveries).retry == {}


@each_cloud
def test_a_flood_is_a_limit_and_a_digest_and_what_is_real_is_told_at_once(cloud: str) -> None:
    store, sink, now = MemoryStore(), RecordingSink(), [START_US + HOUR_US]
    pipeline = worker(cloud, store, sink, lambda: now[0])
    drowned(pipeline, flood(cloud, range(EVENTS), real_at=1_234))
    told = Counter(one.card.title for one in sink.findings)
    assert told == {"Somebody new": LIMIT, "Many agents": 1, "Removed": 1}
    assert pipeline.sweep().counts.get("sent", 0) == 0, "nothing is due yet"
    now[0] = START_US + HOUR_US + DELAY_US
    sink.findings.clear()
    for _ in range(3):
        pipeline.sweep()
    (digest,) = sink.findings
    assert digest.kind == "digest"
    assert dict(digest.details)["findings"] == str(EVENTS - LIMIT)
    kept = Counter(row.finding.card.title for row in store.scan_findings(Query()) if row.finding.kind == "finding")
    assert kept == {"Somebody new": EVENTS, "Many agents": 1, "Removed": 1}, "each one is kept"


@each_cloud
def test_a_flood_costs_calls_by_the_batch_not_by_the_event(cloud: str) -> None:
    calls, sink = Calls(), RecordingSink()
    pipeline = worker(cloud, FaultyStore(MemoryStore(), calls=calls), sink, lambda: START_US + HOUR_US)
    made = []
    for batch in flood(cloud, range(EVENTS)):
        before = calls.made
        drowned(pipeline, iter([batch]))
        made.append(calls.made - before)
    assert max(made) <= 16
    assert len(sink.asked) <= len(made)
    assert made[-1] == min(made), "a flood that goes on costs no more than one that begins"


@each_cloud
def test_a_worker_keeps_nothing_of_a_flood(cloud: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered is in the store; tables of names and texts start anew when they are full."""
    monkeypatch.setattr(fast, "MAX_NAMES", 64)
    monkeypatch.setattr(remembering, "MAX_TEXTS", 64)
    store, sink = SQLiteStore(tmp_path / "state.db"), RecordingSink()
    pipeline = worker(cloud, store, sink, lambda: START_US + HOUR_US)
    drowned(pipeline, flood(cloud, range(BATCH)))
    gc.collect()
    tracemalloc.start()
    try:
        drowned(pipeline, flood(cloud, range(BATCH, 3 * BATCH)))
        gc.collect()
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        store.close()
    assert kept_bytes < MAX_GROWTH_BYTES
