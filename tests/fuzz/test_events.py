"""Any bytes on the way in: the pipeline ends, what is beside them is found, and every form of a finding can be made."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import event as seen
from hypothesis import given
from hypothesis import strategies as st

from firstseen.adapters.aws.messages import MAX_MESSAGE_BYTES, message
from firstseen.adapters.azure.events import MAX_EVENT_BYTES
from firstseen.adapters.azure.events import event as cloud_event
from firstseen.adapters.local.memory import MemoryStore
from firstseen.deliveries import Delivery, Report
from firstseen.findings import finding as rows
from firstseen.findings.finding import Finding
from firstseen.findings.ocsf import ocsf_bytes
from firstseen.findings.text import minimal, subject, to_text
from firstseen.pipeline import Pipeline
from firstseen.store.rows import finding_bytes
from firstseen.store.store import Query
from tests.faults.faulty import RecordingSink
from tests.faults.world import event
from tests.fuzz.fuzzing import bounded, fuzzed
from tests.fuzz.mutating import grafted, json_bytes, mangled
from tests.fuzz.seeds import deliveries, events, pack

NOW_US = 1_790_000_000_000_000
WITNESS = event(1, 0, "Witnessed")
MAX_TEXT_CHARACTERS = 60_000

WORDS = (
    b"eventName", b"eventTime", b'"eventID":', b"Records", b"detail", b"operationName", b'{"records":[', b"properties",
    b"userIdentity", b"protoPayload", b"2026-03-02T00:00:00Z", b"\\u202e", b'{"CloudTrailEvent":"{',
)  # fmt: skip
MANGLED = st.deferred(lambda: mangled(deliveries(), WORDS))
GRAFTED = st.deferred(lambda: grafted(events())).map(json_bytes)


def processed(data: bytes) -> tuple[Report, list[Finding]]:
    """What a batch of the bytes and of a good event brings."""
    store, sink = MemoryStore(), RecordingSink()
    pipeline = Pipeline(pack(), store, sink, owner="test", clock=lambda: NOW_US)
    with bounded():
        report = pipeline.process([Delivery("fuzzed", [data], NOW_US), Delivery("witness", [WITNESS], NOW_US)])
    return report, [row.finding for row in store.scan_findings(Query())]


def forms_can_be_made(found: Finding) -> None:
    """On a terminal, in a mail, in chat, for machines, in a store; each within its bounds."""
    with bounded():
        assert json.loads(ocsf_bytes(found))["finding_info"]["uid"] == found.uid
        text = to_text(found)
        assert text.isprintable() or all(one.isprintable() or one == "\n" for one in text)
        assert len(text) < MAX_TEXT_CHARACTERS
        assert 0 < len(subject(found)) <= 100
        assert rows.load(finding_bytes(found)).uid == found.uid
        assert json.loads(ocsf_bytes(minimal(found)))["finding_info"]["uid"] == found.uid
        for https in ("ocsf", "chat"):
            said = message(found, https="chat" if https == "chat" else "ocsf")
            assert said is not None
            assert said.size_bytes <= MAX_MESSAGE_BYTES
        told = cloud_event(found)
        assert told is not None
        assert told.size_bytes <= MAX_EVENT_BYTES


@given(st.one_of(MANGLED, GRAFTED))
@fuzzed(120)
def test_hostile_input_is_found_or_kept_with_its_reason_and_what_is_beside_it_is_found(data: bytes) -> None:
    report, found = processed(data)
    assert report.retry == {}, "it would come again for ever"
    assert all(reject.reason for _, _, reject in report.rejects)
    assert not any(reject.rule_id for _, _, reject in report.rejects), "no shipped rule raises"
    assert Counter(one.card.title for one in found)["Witnessed"] >= 1
    seen("found something" if len(found) > 1 else "rejected" if report.rejects else "of no interest")
    for one in found:
        forms_can_be_made(one)


@given(GRAFTED)
@fuzzed(12)
def test_the_same_hostile_event_gives_the_same_findings_again(data: bytes) -> None:
    first, again = processed(data)[1], processed(data)[1]
    assert [rows.dump(one) for one in first] == [rows.dump(one) for one in again]
