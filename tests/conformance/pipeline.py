"""The whole pipeline over a store as a path from events to findings."""

from __future__ import annotations

import json
from collections.abc import Callable

from firstseen.deliveries import Delivery
from firstseen.findings.finding import Finding
from firstseen.language.frontends.loading import build_pack
from firstseen.pipeline import Pipeline
from firstseen.store.store import Query, Store
from tests.conformance.cases import Batches, Reported, Run
from tests.faults.faulty import RecordingSink


def run_over(open_store: Callable[[], Store]) -> Run:
    """A path over a new, empty store each time."""

    def run(rules: str, batches: Batches) -> list[Reported]:
        store, sink = open_store(), RecordingSink()
        now_us = max((one.received_us for batch in batches for one in batch), default=0)
        pipeline = Pipeline(build_pack({"rules.yml": rules.encode()}), store, sink, owner="test", clock=lambda: now_us)
        for batch in batches:
            deliveries = [Delivery(str(number), [one.raw], one.received_us) for number, one in enumerate(batch)]
            assert not pipeline.process(deliveries).retry
        found = [reported(row.finding) for row in store.scan_findings(Query())]
        store.close()
        assert sorted(sink.uids) == sorted(one.uid for one in found)
        return found

    return run


def reported(finding: Finding) -> Reported:
    """What a case may ask of a finding; the case's names of events are their ids."""
    return Reported(
        finding.uid,
        finding.card.name,
        tuple(value for _, value in (*finding.group, *finding.terms)),
        finding.time_us,
        json.loads(finding.raw)["eventID"],
        finding.late,
        finding.last_seen_us,
        finding.overflowed,
        tuple(one.event_id for one in finding.related),
    )
