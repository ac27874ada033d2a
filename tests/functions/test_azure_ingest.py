"""The Function app's code over Azurite: what is finished, put aside, kept, given up, and what the log says of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from firstseen.adapters.azure import kept
from firstseen.adapters.azure.kept import DEAD_LETTERS, PUT_ASIDE, Aside
from firstseen.deliveries import Delivery, Keep, Rejected, Report
from firstseen.errors import SettingsError, StoreUnavailable
from firstseen.pipeline import Pipeline
from firstseen.sources.event import Reject
from functions.azure import wiring
from functions.azure.again import again
from functions.azure.aside import MAX_TRIES, Keeper
from functions.azure.ingest import ingest
from functions.azure.singly import MAX_BEGUN
from functions.azure.sweep import sweep
from tests.contracts.azure_services import FakeIdentity
from tests.contracts.event_grid_topic import Answer
from tests.emulators import Azurite, azurite, azurite_installed
from tests.faults.faulty import FaultyStore, RecordingSink
from tests.faults.world import MINUTE_US, event
from tests.functions.azure_cloud import Cloud, Event, Message, Servers, servers

pytestmark = pytest.mark.skipif(
    not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"
)


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("ingest")) as made:
        yield made


@pytest.fixture
def cloud(around: Servers) -> Cloud:
    return around.deploy()


def said(log: pytest.LogCaptureFixture, kind: str) -> list[dict[str, Any]]:
    """What the app logged of one kind."""
    start = f"firstseen {kind} {{"
    lines = [one.getMessage() for one in log.records]
    return [json.loads(line[len(start) - 1 :]) for line in lines if line.startswith(start)]


def down(cloud: Cloud) -> wiring.Parts:
    """A process whose store does not answer."""
    return cloud.build(lambda store: FaultyStore(store, fail_at=1, fail_for=1_000_000))


def test_a_batch_of_records_becomes_findings_and_a_line_of_the_log_for_each(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    envelope = b'{"records": [' + event(1, 0, who="zoe") + b"," + event(2, 1, call="Remove") + b"]}"
    report = ingest(cloud.build(), cloud.events([envelope]))
    assert report.counts["events"] == 2
    assert sorted(cloud.topic.received()) == cloud.uids()
    lines = said(caplog, "finding")
    assert sorted(one["uid"] for one in lines) == cloud.uids()
    assert {(one["level"], one["title"]) for one in lines} == {("medium", "Somebody new asked"), ("high", "Removed")}
    batch = said(caplog, "batch")[0]
    assert (batch["deliveries"], batch["events"], batch["sent"], batch["put_aside"]) == (1, 2, 2, 0)
    assert "zoe" not in caplog.text, "no value of an event is logged"


def test_a_delivery_of_many_rejects_has_each_of_them_kept_once_in_slices(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("firstseen.pipeline.MAX_HELD_REJECTS", 4)
    process, slices = Pipeline.process, list[int]()

    def watched(self: Pipeline, deliveries: Sequence[Delivery], *, deadline_us: int, keep: Keep) -> Report:
        def keep_and_count(rejects: Sequence[Rejected]) -> Mapping[str, str]:
            slices.append(len(rejects))
            return keep(rejects)

        return process(self, deliveries, deadline_us=deadline_us, keep=keep_and_count)

    monkeypatch.setattr(Pipeline, "process", watched)
    junk = [f'{{"eventName":"Remove","number":{number}}}'.encode() for number in range(10)]
    body = b'{"records": [' + b",".join([event(1, 0, call="Remove"), *junk]) + b"]}"
    report = ingest(cloud.build(), cloud.events([body]))
    assert (report.retry, report.rejects) == ({}, [])
    assert slices == [4, 4]
    assert sorted(cloud.raw_of(one) for one in cloud.rejects()) == sorted(one.decode() for one in junk)
    assert said(caplog, "batch")[0]["rejects"] == 10
    assert len(cloud.uids()) == 1


def test_a_slice_of_rejects_that_cannot_be_kept_puts_its_delivery_aside_and_no_other(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firstseen.pipeline.MAX_HELD_REJECTS", 2)
    parts, keep = cloud.build(), Keeper.keep_reject

    def fail(self: Keeper, reject: Reject, item: Aside, *, deadline_us: int) -> None:
        if b"third" in reject.raw:
            raise StoreUnavailable("no queue")
        keep(self, reject, item, deadline_us=deadline_us)

    monkeypatch.setattr(Keeper, "keep_reject", fail)
    bad = b'{"records": ["first", "second", "third", "fourth", "fifth"]}'
    report = ingest(parts, cloud.events([bad, event(1, 0, call="Remove")]))
    assert [reason for reason in report.retry.values() if "could not be kept: no queue" not in reason] == []
    assert len(report.retry) == 1
    assert len(cloud.kept(PUT_ASIDE)) == 1
    assert len(cloud.uids()) == 1
    monkeypatch.setattr(Keeper, "keep_reject", keep)
    cloud.drain(cloud.build)
    assert {"third", "fourth", "fifth"} <= {cloud.raw_of(one).strip('"') for one in cloud.rejects()}


def test_a_sweep_begins_nothing_when_its_time_is_over_and_the_next_one_goes_on(cloud: Cloud) -> None:
    cloud.topic.script = lambda _: Answer(503)
    ingest(cloud.build(), cloud.events([event(1, 0, call="Remove")]))
    cloud.topic.script = lambda _: None
    cloud.topic.received()
    cloud.clock.now_us += 11 * MINUTE_US
    late = cloud.build()
    late.limit_us = 0
    sweep(late)
    assert cloud.topic.received() == []
    sweep(cloud.build())
    assert cloud.topic.received() == cloud.uids()


def test_what_cannot_be_read_is_kept_with_reason_and_place_and_the_rest_goes_on(cloud: Cloud) -> None:
    bodies = [b'{"records": [' + event(1, 0) + b', 7, {"a": 1}]}', b"\xff\xfe not text", b""]
    report = ingest(cloud.build(), cloud.events(bodies))
    assert report.retry == {}
    kept_now = cloud.rejects()
    assert len(cloud.topic.received()) == 1
    assert {one["pointer"].rpartition("@")[0] for one in kept_now} == {"eventhub:logs/3"}
    assert all(one["reason"] and one["received_us"] == cloud.clock() for one in kept_now)
    assert "7" in {one.get("raw") for one in kept_now}
    assert [one["raw_base64"] for one in kept_now if "raw_base64" in one] == ["//4gbm90IHRleHQ="]


def test_a_reject_that_no_message_holds_has_its_bytes_in_a_blob(cloud: Cloud) -> None:
    ingest(cloud.build(), cloud.events([b"x" * 60_000]))
    (one,) = cloud.rejects()
    assert one["blob"].startswith("rejects/")
    assert cloud.raw_of(one) == "x" * 60_000


def test_while_the_store_is_down_deliveries_are_put_aside_and_later_processed_with_their_own_times(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    received_us = cloud.clock()
    ingest(down(cloud), cloud.events([event(1, 0), event(2, 1)]))
    assert cloud.topic.received() == []
    assert {one["received_us"] for one in cloud.kept(PUT_ASIDE)} == {received_us}
    assert [one["tries"] for one in said(caplog, "put aside")] == [1, 1]
    cloud.clock.now_us += 600 * MINUTE_US
    cloud.drain(cloud.build)
    assert cloud.topic.received() == cloud.uids() != []
    assert {row.finding.received_us for row in cloud.rows()} == {received_us}


def test_a_large_delivery_waits_in_a_blob_which_goes_when_it_is_done(cloud: Cloud) -> None:
    body = b'{"records": [' + b",".join(event(number, number) for number in range(400)) + b"]}"
    assert len(body) > kept.MAX_MESSAGE_CHARACTERS
    parts = down(cloud)
    ingest(parts, cloud.events([body]))
    (message,) = cloud.kept(PUT_ASIDE)
    assert cloud.blobs().download_blob(message["blob"]).readall() == body
    found = cloud.queue(PUT_ASIDE).receive_message()
    assert found is not None
    again(parts, Message("m", found.content.encode()))
    cloud.queue(PUT_ASIDE).delete_message(found)
    assert [one["blob"] for one in cloud.kept(PUT_ASIDE)] == [message["blob"]], "put aside again: the same blob"
    cloud.drain(cloud.build)
    assert cloud.topic.received() == cloud.uids() != []
    assert list(cloud.blobs().list_blob_names()) == []


def test_a_delivery_whose_blob_has_gone_is_kept_as_a_reject(cloud: Cloud) -> None:
    text = kept.write(Aside("h", 1, "eventhub:logs/3@1", 1, "", None, "put-aside/absent"))
    assert text is not None
    report = again(cloud.build(), Message("m", text.encode()))
    assert report.retry == {}
    assert "has gone" in cloud.rejects()[0]["reason"]


@pytest.mark.parametrize(
    "text", [b"", b"not json", b"[]", b'{"handle": 1}', b'{"handle": "a", "received_us": 1}', b"\xff"]
)
def test_a_message_that_somebody_else_put_aside_is_kept_as_a_reject(text: bytes, cloud: Cloud) -> None:
    again(cloud.build(), Message("m", text))
    (one,) = cloud.rejects()
    assert one["message_id"] == "m"
    assert "take the message out" in one["reason"]


def test_after_many_tries_it_is_a_dead_letter_with_its_reason(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    item = Aside("h", cloud.clock(), "eventhub:logs/3@1", MAX_TRIES, "", event(1, 0))
    text = kept.write(item)
    assert text is not None
    parts = down(cloud)
    again(parts, Message("m", text.encode()))
    (one,) = cloud.kept(DEAD_LETTERS)
    assert one["tries"] == MAX_TRIES + 1
    assert "state cannot be used" in one["reason"]
    assert kept.read(json.dumps(one).encode()).body == item.body
    assert cloud.kept(PUT_ASIDE) == []
    assert said(caplog, "dead letter")[0]["message_id"] == "h"
    assert said(caplog, "batch")[0]["dead_letters"] == 1
    sweep(cloud.build())
    assert said(caplog, "sweep")[-1]["dead_letters"] == 1


def test_a_message_that_kills_its_process_again_and_again_is_a_dead_letter_before_the_host_makes_it_one(
    cloud: Cloud,
) -> None:
    """The host's own would expire after seven days."""
    text = kept.write(Aside("h", cloud.clock(), "", 3, "out of time", event(1, 0)))
    assert text is not None
    again(cloud.build(), Message("m", text.encode(), dequeue_count=MAX_BEGUN))
    assert len(cloud.uids()) == 1
    again(cloud.build(), Message("m", text.encode(), dequeue_count=MAX_BEGUN + 1))
    (one,) = cloud.kept(DEAD_LETTERS)
    assert one["reason"] == "it was begun 20 times and never ended: out of time"
    found = cloud.queue(DEAD_LETTERS).peek_messages()[0]
    assert found.expires_on is not None
    assert found.expires_on.year == 9999
    host = json.loads(wiring.HOST.read_text(encoding="utf-8"))
    assert host["extensions"]["queues"]["maxDequeueCount"] > MAX_BEGUN


def test_what_is_put_aside_is_hidden_until_its_time_and_never_expires(cloud: Cloud) -> None:
    cloud.environment["FIRSTSEEN_AGAIN_SECONDS"] = "30"
    ingest(down(cloud), cloud.events([event(1, 0)]))
    assert cloud.kept(PUT_ASIDE) == []
    assert cloud.queue(PUT_ASIDE).get_queue_properties().approximate_message_count == 1
    cloud.environment["FIRSTSEEN_AGAIN_SECONDS"] = "0"
    ingest(down(cloud), cloud.events([event(1, 0)]))
    found = cloud.queue(PUT_ASIDE).peek_messages()[0]
    assert found.expires_on is not None
    assert found.expires_on.year == 9999


def test_when_the_time_is_over_the_rest_of_the_batch_is_put_aside_and_nothing_is_lost(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each pair of findings takes a minute and a half of five; after 70 % of them no further event is begun."""
    monkeypatch.setattr("firstseen.pipeline.BATCH_MATCHES", 2)

    class Slow(RecordingSink):
        def publish(self, findings: Any, *, deadline_us: int | None = None) -> Any:  # noqa: ANN401 - the protocol's
            cloud.clock.now_us += 90_000_000
            return super().publish(findings, deadline_us=deadline_us)

    sink = Slow()
    report = ingest(
        cloud.build(over_sink=lambda _: sink), cloud.events([event(n, n, who=f"who{n}") for n in range(10)])
    )
    assert list(report.retry.values()) == ["out of time"] * 5, "the one in hand is among them, and finds itself done"
    assert len(sink.uids) == 6
    assert len(cloud.kept(PUT_ASIDE)) == 5
    cloud.drain(cloud.build)
    assert sorted([*sink.uids, *cloud.topic.received()]) == cloud.uids()
    assert len(cloud.uids()) == 10


def test_a_call_that_comes_too_late_puts_everything_aside(cloud: Cloud) -> None:
    """Other calls hold every pipeline of the process until its time is over."""
    parts = cloud.build()
    pipelines = parts.activate()
    parts.limit_us = 1
    lent = [pipelines.lent(cloud.clock()) for _ in range(4)]
    for one in lent:
        one.__enter__()
    parts.clock = lambda: cloud.clock.now_us
    with pytest.raises(StoreUnavailable, match="out of time"), pipelines.lent(cloud.clock()):
        pass
    parts.limit_us = 300_000_000
    for one in lent:
        one.__exit__(None, None, None)
    assert ingest(parts, cloud.events([event(1, 0)])).retry == {}


def test_several_calls_at_once_in_one_process_find_what_one_finds(cloud: Cloud) -> None:
    parts, start = cloud.build(), Barrier(6)

    def call(number: int) -> None:
        start.wait()
        events = cloud.events([event(number * 10 + k, k, who=f"who{k}") for k in range(5)])
        ingest(parts, events)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(call, range(6)))
    cloud.drain(lambda: parts)
    titles = [row.finding.card.title for row in cloud.rows()]
    assert titles.count("Somebody new asked") == 5
    assert set(cloud.topic.received()) == set(cloud.uids())


def test_only_when_nothing_can_be_put_aside_the_call_raises_and_the_retried_batch_is_finished(cloud: Cloud) -> None:
    parts, events = down(cloud), cloud.events([event(1, 0)])
    cloud.queue(PUT_ASIDE).delete_queue()
    try:
        with pytest.raises(StoreUnavailable, match="queue put-aside: it does not exist: deploy it first"):
            ingest(parts, events)
    finally:
        cloud.queue(PUT_ASIDE).create_queue()
    assert ingest(cloud.build(), events).retry == {}
    assert cloud.topic.received() == cloud.uids() != []


def test_the_call_raises_in_time_rather_than_be_cut_off(cloud: Cloud) -> None:
    """The time that putting aside may take is over: the host would move on without a word."""
    parts, events = cloud.build(), cloud.events([event(1, 0)])
    parts.limit_us = 0
    with pytest.raises(StoreUnavailable, match="there was no time left"):
        ingest(parts, events)


def test_a_fault_of_ours_puts_aside_the_delivery_that_brings_it_about_and_names_no_value(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    process = Pipeline.process

    def failing(self: Pipeline, deliveries: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        if any(b"bob" in b"".join(one.chunks) for one in deliveries):
            raise KeyError("bob")
        return process(self, deliveries, **options)

    monkeypatch.setattr(Pipeline, "process", failing)
    report = ingest(cloud.build(), cloud.events([event(1, 0), event(2, 1, who="bob"), event(3, 2, call="Remove")]))
    assert list(report.retry.values()) == ["it brought about a fault of firstseen: KeyError"]
    assert len(cloud.topic.received()) == 2
    assert {one["fault"] for one in said(caplog, "fault")} == {"KeyError"}
    assert "bob" not in caplog.text
    monkeypatch.undo()
    cloud.drain(cloud.build)
    assert len(cloud.topic.received()) == 1


def test_while_the_topic_is_down_findings_wait_and_the_sweep_measures_them_until_it_sends_them(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cloud.topic.script = lambda _: Answer(403, "Forbidden")
    report = ingest(cloud.build(), cloud.events([event(1, 0)]))
    assert len(report.retry) == 1
    cloud.queue(PUT_ASIDE).clear_messages()
    cloud.clock.now_us += 11 * MINUTE_US
    sweep(cloud.build())
    cloud.clock.now_us += 2 * MINUTE_US
    cloud.topic.script = lambda _: None
    sweep(cloud.build())
    assert [one["oldest_pending_seconds"] for one in said(caplog, "sweep")] == [660, 0]
    assert cloud.topic.received() == cloud.uids() != []


def test_a_finding_that_the_topic_will_never_take_is_named_as_an_error(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cloud.topic.script = lambda _: Answer(400, "BadRequest")
    report = ingest(cloud.build(), cloud.events([event(1, 0)]))
    assert report.retry == {}
    assert [one["uid"] for one in said(caplog, "refused")] == cloud.uids()


def test_as_its_managed_identity_the_app_reads_and_writes_table_queues_and_blobs_without_a_key(
    around: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Azurite over https takes tokens. What is put aside is too large for a message."""
    with azurite(oauth=True) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.certificate))
        monkeypatch.setattr("firstseen.adapters.azure.clients.credential", lambda _: FakeIdentity())
        other = replace_servers(around, server, tmp_path).deploy()
        del other.environment["FIRSTSEEN_STORAGE"]
        for name, url in (("table", server.table_url), ("queue", server.queue_url), ("blob", server.blob_url)):
            other.environment[f"FIRSTSEEN_STORAGE__{name}ServiceUri"] = url
        body = b'{"records": [' + b",".join(event(number, number) for number in range(200)) + b"]}"
        ingest(down(other), other.events([body, b"\xff"]))
        assert other.kept(PUT_ASIDE)[0]["blob"]
        other.drain(other.build)
        assert len(other.rejects()) == 1
        sweep(other.build())
        assert other.topic.received() == other.uids() != []


def replace_servers(around: Servers, server: Azurite, folder: Path) -> Servers:
    """The same topic with another account."""
    return Servers(server, around.topic, folder)


def test_events_without_number_time_or_context_are_taken_as_received_now(cloud: Cloud) -> None:
    events = [Event(event(1, 0), None, None), Event(event(2, 1, call="Remove"), None, None)]
    ingest(cloud.build(), events)
    assert {row.finding.received_us for row in cloud.rows()} == {cloud.clock()}
    assert len(cloud.topic.received()) == 2


def test_an_empty_batch_is_nothing(cloud: Cloud) -> None:
    assert ingest(cloud.build(), []).counts.get("events", 0) == 0


def test_a_start_that_fails_is_tried_again_with_the_next_call(cloud: Cloud) -> None:
    environment = dict(cloud.environment)
    topic = environment.pop("FIRSTSEEN_TOPIC_ENDPOINT")
    started = wiring.Start(lambda: wiring.build(environment, clock=cloud.clock))
    with pytest.raises(SettingsError, match="FIRSTSEEN_TOPIC_ENDPOINT is not set"):
        started.parts()
    environment["FIRSTSEEN_TOPIC_ENDPOINT"] = topic
    assert started.parts() is started.parts()
