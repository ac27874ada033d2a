"""The Event Grid sink keeps the sink contract, and the rules of Event Grid and CloudEvents."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from azure.core.credentials import AzureKeyCredential
from azure.eventgrid import EventGridPublisherClient
from hypothesis import given, settings
from hypothesis import strategies as st

from firstseen.adapters.azure.calling import Backoff
from firstseen.adapters.azure.event_grid import MAX_BATCH, EventGridSink
from firstseen.adapters.azure.events import MAX_EVENT_BYTES, event
from firstseen.errors import SettingsError
from firstseen.findings.finding import MAX_RAW_BYTES, Finding
from firstseen.findings.ocsf import to_ocsf
from firstseen.findings.sink import Sink
from tests.contracts.azure_services import NoIdentity
from tests.contracts.event_grid_topic import KEY, Answer, Event, Script, Topic, topic, wrong_event
from tests.contracts.sink_contract import SinkContract, finding


@dataclass(slots=True)
class EventGridHarness:
    """A topic on this machine."""

    topic: Topic
    waits: list[float] = field(default_factory=list)
    sinks: list[EventGridSink] = field(default_factory=list)

    def sink(self) -> Sink:
        return self.made()

    def made(
        self, *, attempts: int = 4, max_event_bytes: int = MAX_EVENT_BYTES, clock: Callable[[], int] = lambda: 0
    ) -> EventGridSink:
        backoff = Backoff(attempts=attempts, sleep=self.waits.append, jitter=lambda: 1.0)
        made = EventGridSink(
            self.topic.url,
            AzureKeyCredential(KEY),
            backoff=backoff,
            max_event_bytes=max_event_bytes,
            clock=clock,
        )
        self.sinks.append(made)
        return made

    def received(self) -> list[str]:
        return self.topic.received()

    def down(self, *, down: bool) -> None:
        self.topic.script = (lambda _: Answer(503)) if down else (lambda _: None)


@pytest.fixture
def harness() -> Iterator[EventGridHarness]:
    with topic() as running:
        harness = EventGridHarness(running)
        yield harness
        for sink in harness.sinks:
            sink.close()


class TestEventGridSink(SinkContract):
    """Against a topic that takes CloudEvents only."""


FOUR = [finding(number) for number in range(4)]


def failing(answer: Answer, times: int) -> Script:
    """The same answer so many times, then none."""
    left = [answer] * times
    return lambda _: left.pop() if left else None


# ---- the event -------------------------------------------------------------------------------------------


def test_a_subscriber_sees_what_filters_choose_by(harness: EventGridHarness) -> None:
    facts = (("account", "0000-1111"), ("region", "westeurope"))
    one = replace(finding(), facts=facts, provider="Azure", source="azure.activitylogs")
    harness.sink().publish([one])
    (seen,) = harness.topic.taken
    assert {name: value for name, value in seen.items() if name != "data"} == {
        "specversion": "1.0",
        "id": one.uid,
        "source": "/firstseen/azure.activitylogs",
        "type": "firstseen.finding.high",
        "subject": f"/Azure/0000-1111/westeurope/{one.card.id}",
        "time": "2026-09-21T14:13:20Z",
        "datacontenttype": "application/json",
        "dataschema": "https://schema.ocsf.io/1.8.0/classes/detection_finding",
    }


def test_the_data_is_the_ocsf_form(harness: EventGridHarness) -> None:
    harness.sink().publish([finding()])
    assert harness.topic.taken[0]["data"] == to_ocsf(finding())


def test_microsofts_own_client_sends_the_same(harness: EventGridHarness) -> None:
    """But for the digits of the time. The topic checks version, key and content type of both."""
    findings = [finding(0), finding(1, value='\u0430"\\/\x01\u2028')]
    harness.sink().publish(findings)
    ours = list(harness.topic.taken)
    harness.topic.taken.clear()
    with EventGridPublisherClient(harness.topic.url, AzureKeyCredential(KEY)) as client:
        client.send(ours)
    theirs = harness.topic.taken
    assert [one | {"time": ""} for one in theirs] == [one | {"time": ""} for one in ours]
    assert len(theirs) == 2


def test_values_cannot_make_a_subject_that_looks_like_another(harness: EventGridHarness) -> None:
    """Or a filter by its beginning would take another account's findings."""
    facts = (("account", "mine/region/rule"), ("region", ""))
    one = replace(finding(), facts=facts, provider="Azure")
    harness.sink().publish([one])
    assert harness.topic.taken[0]["subject"] == f"/Azure/mine%2Fregion%2Frule/-/{one.card.id}"


def test_a_raw_event_that_does_not_fit_is_cut_and_its_pointer_stays() -> None:
    one = replace(finding(), raw='"' * MAX_RAW_BYTES, raw_bytes=3 * MAX_RAW_BYTES)
    made = event(one, max_bytes=64 * 1024)
    assert made is not None
    assert made.size_bytes <= 64 * 1024
    data = json.loads(made.body)["data"]
    assert 10_000 < len(data["raw_data"]) < MAX_RAW_BYTES
    assert (data["raw_data_size"], data["metadata"]["is_truncated"]) == (3 * MAX_RAW_BYTES, True)
    assert data["unmapped"]["pointer"] == one.pointer


def test_a_finding_that_is_too_large_without_its_event_goes_in_short_form() -> None:
    made = event(replace(finding(), reason="r" * 1_100_000, raw=""))
    assert made is not None
    assert made.size_bytes < 20_000


def test_what_no_event_can_hold_is_refused_and_stops_nothing(harness: EventGridHarness) -> None:
    sink = harness.made(max_event_bytes=500)
    assert list(sink.publish(FOUR)) == ["refused"] * 4
    assert harness.topic.calls == []


_texts = st.text(max_size=300)


@settings(max_examples=40)
@given(value=_texts, raw_char=st.characters(), rule_id=_texts, source=_texts)
def test_every_event_keeps_to_the_rules_of_cloudevents(value: str, raw_char: str, rule_id: str, source: str) -> None:
    """Whatever the event and the rule hold; lone surrogates in texts are the store's to replace."""
    one = finding(value=value.encode(errors="replace").decode())
    raw = raw_char.encode(errors="replace").decode() * (MAX_RAW_BYTES // 4)
    card = replace(one.card, id=rule_id.encode(errors="replace").decode())
    made = event(replace(one, card=card, raw=raw, source=source.encode(errors="replace").decode()))
    assert made is not None
    assert wrong_event(json.loads(made.body)) == ""
    assert made.size_bytes <= MAX_EVENT_BYTES


# ---- outcomes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_waited_out_with_longer_and_longer_waits(harness: EventGridHarness, status: int) -> None:
    harness.topic.script = failing(Answer(status), 3)
    assert list(harness.sink().publish(FOUR)) == ["sent"] * 4
    assert harness.waits == [0.1, 0.2, 0.4]
    assert len(harness.topic.calls) == 4


def test_the_client_does_not_try_again_behind_our_back(harness: EventGridHarness) -> None:
    harness.topic.script = lambda _: Answer(503)
    assert list(harness.made(attempts=1).publish(FOUR)) == ["unavailable"] * 4
    assert len(harness.topic.calls) == 1


@pytest.mark.parametrize(("asked", "waited"), [("3", 3.0), ("0", 0.1), ("7200", 10.0), ("soon", 0.1)])
def test_an_answer_may_ask_for_a_longer_wait(harness: EventGridHarness, asked: str, waited: float) -> None:
    harness.topic.script = failing(Answer(429, headers={"Retry-After": asked}), 1)
    assert list(harness.sink().publish(FOUR)) == ["sent"] * 4
    assert harness.waits == [waited]


def test_a_lost_answer_is_tried_again_with_the_same_ids(harness: EventGridHarness) -> None:
    harness.topic.script = failing(Answer(500, after=True), 1)
    assert list(harness.sink().publish(FOUR)) == ["sent"] * 4
    assert harness.received() == [one.uid for one in FOUR] * 2


@pytest.mark.parametrize("status", [400, 413])
def test_one_bad_event_does_not_take_the_others_of_its_call_with_it(harness: EventGridHarness, status: int) -> None:
    def script(events: list[Event]) -> Answer | None:
        return Answer(status) if FOUR[2].uid in [one["id"] for one in events] else None

    harness.topic.script = script
    assert list(harness.sink().publish(FOUR)) == ["sent", "sent", "refused", "sent"]
    assert harness.received() == [FOUR[0].uid, FOUR[1].uid, FOUR[3].uid]
    assert harness.waits == []


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_the_deployment_did_wrong_loses_nothing_and_is_said_aloud(
    harness: EventGridHarness, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    harness.topic.script = lambda _: Answer(status, "Wrong")
    many = [finding(number, value="secret") for number in range(2 * MAX_BATCH)]
    with caplog.at_level(logging.ERROR):
        assert list(harness.sink().publish(many)) == ["unavailable"] * len(many)
    assert len(harness.topic.calls) == 1
    assert harness.waits == []
    assert f"{harness.topic.url} takes nothing ({status}" in caplog.text
    assert "secret" not in caplog.text


def test_a_wrong_key_is_unavailable(harness: EventGridHarness) -> None:
    sink = EventGridSink(harness.topic.url, AzureKeyCredential("another"), backoff=Backoff(attempts=1))
    harness.sinks.append(sink)
    assert list(sink.publish(FOUR)) == ["unavailable"] * 4


def test_without_an_identity_it_is_unavailable(harness: EventGridHarness, caplog: pytest.LogCaptureFixture) -> None:
    sink = EventGridSink("https://127.0.0.1:1/api/events", NoIdentity(), backoff=Backoff(attempts=3))
    harness.sinks.append(sink)
    assert list(sink.publish(FOUR)) == ["unavailable"] * 4
    assert "no identity here" in caplog.text


def test_a_topic_that_does_not_answer_is_unavailable_after_the_last_attempt() -> None:
    with topic() as running:
        url = running.url
    waits: list[float] = []
    backoff = Backoff(attempts=3, sleep=waits.append, jitter=lambda: 1.0)
    sink = EventGridSink(url, AzureKeyCredential(KEY), backoff=backoff)
    assert list(sink.publish(FOUR)) == ["unavailable"] * 4
    assert waits == [0.1, 0.2]
    sink.close()


def test_after_the_deadline_no_call_begins_and_no_wait_ends(harness: EventGridHarness) -> None:
    now = [1_000_000]

    def script(_: list[Event]) -> Answer:
        now[0] += 100_000
        return Answer(503)

    harness.topic.script = script
    sink = harness.made(clock=lambda: now[0])
    assert list(sink.publish(FOUR, deadline_us=1_000_000)) == ["unavailable"] * 4
    assert harness.topic.calls == []
    assert list(sink.publish(FOUR, deadline_us=1_350_000)) == ["unavailable"] * 4
    assert len(harness.topic.calls) == 2
    assert harness.waits == [0.1]


def test_a_call_holds_at_most_a_megabyte(harness: EventGridHarness) -> None:
    many: list[Finding] = [
        replace(finding(number), raw="\u0430" * (number % 3 * 30_000), raw_bytes=1) for number in range(120)
    ]
    assert list(harness.sink().publish(many)) == ["sent"] * 120
    assert harness.received() == [one.uid for one in many]
    assert 900_000 < max(harness.topic.sizes) <= MAX_EVENT_BYTES
    assert max(map(len, harness.topic.calls)) <= MAX_BATCH


@pytest.mark.parametrize(
    "endpoint", ["", "topic", "ftp://topic/api/events", "https://topic/api events", "https://t/a?b=c", "https://t/a\n"]
)
def test_what_is_no_endpoint_is_found_at_the_start(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="no endpoint of a topic"):
        EventGridSink(endpoint, AzureKeyCredential(KEY))
