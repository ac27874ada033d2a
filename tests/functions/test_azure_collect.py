"""Blobs on Azure: Event Grid tells of them, the app reads them where they lie; and what else arrives by the hub."""

from __future__ import annotations

import base64
import codecs
import gzip
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from firstseen.adapters.azure import blobs, kept
from firstseen.adapters.azure.asking import Account
from firstseen.adapters.azure.blobs import Blobs, Gone
from firstseen.adapters.azure.kept import DEAD_LETTERS, PUT_ASIDE
from firstseen.errors import InputError, StoreUnavailable
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from functions.azure.again import again
from functions.azure.aside import Keeper
from functions.azure.collect import collect
from functions.azure.ingest import ingest
from functions.azure.singly import MAX_BEGUN
from tests.contracts.event_grid_topic import Answer
from tests.emulators import azurite_installed
from tests.faults.faulty import FaultyStore
from tests.faults.world import MINUTE_US
from tests.functions.azure_cloud import Cloud, Message, Servers, servers
from tests.functions.further_logs import NAMES, RULES, file, line, mixed, packed

pytestmark = pytest.mark.skipif(
    not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"
)

ODD_NAMES = ("with space+plus.json", "ümlaut/日本.json", "a%2Fb&c=d.json", "%2e%2e/a", "a//..b/...", "x" * 900)

LEADING_OUT = ("../{}/theirs", "a/../../{}/theirs", "..\\{}\\theirs", "a/..\\b", "./{}", "a/.", "..")
"""Names that the library for HTTP, or a server, makes another blob's of."""


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("collect")) as made:
        yield made


@pytest.fixture
def cloud(around: Servers) -> Cloud:
    return around.deploy(RULES)


def told(name: str, container: str = "audit-logs", kind: str = "Microsoft.Storage.BlobCreated") -> dict[str, Any]:
    """Event Grid's CloudEvent for a new blob."""
    return {
        "specversion": "1.0",
        "id": "831e1650-001e-001b-66ab-eeb76e069631",
        "source": "/subscriptions/S/resourceGroups/firstseen/providers/Microsoft.Storage/storageAccounts/fsstate",
        "type": kind,
        "subject": f"/blobServices/default/containers/{container}/blobs/{name}",
        "time": "2026-03-02T09:15:02.2811234Z",
        "data": {"api": "PutBlob", "url": "https://evil.example/take/a/token", "contentLength": 5},
    }


def older(name: str) -> dict[str, Any]:
    """The same in Event Grid's own schema."""
    event = told(name)
    return {"topic": event["source"], "eventType": event["type"], "eventTime": event["time"]} | {
        key: event[key] for key in ("id", "subject", "data")
    }


FORMS: dict[str, Callable[[str], bytes]] = {
    "CloudEvent": lambda name: json.dumps(told(name)).encode(),
    "Event Grid's schema": lambda name: json.dumps(older(name)).encode(),
    "in Base64": lambda name: base64.b64encode(json.dumps(told(name)).encode()),
    "with a mark before it": lambda name: codecs.BOM_UTF8 + json.dumps(told(name)).encode() + b"\n",
    "in Base64 with white space": lambda name: b" " + base64.b64encode(json.dumps(told(name)).encode()) + b"\r\n",
    "in Base64 with a mark inside": lambda name: base64.b64encode(codecs.BOM_UTF8 + json.dumps(told(name)).encode()),
}


def notice(name: str, form: str = "CloudEvent") -> Message:
    return Message("m1", FORMS[form](name))


def put(cloud: Cloud, name: str, content: bytes) -> Message:
    """A blob that somebody puts in; what the queue gets."""
    cloud.arrivals().upload_blob(name, content, overwrite=True)
    return notice(name)


def titles(cloud: Cloud) -> list[str]:
    return sorted(row.finding.card.title for row in cloud.rows())


@pytest.mark.parametrize("name", NAMES)
def test_a_blob_of_each_log_is_recognised_and_its_copy_under_gzip_counts_once(cloud: Cloud, name: str) -> None:
    parts = cloud.build()
    first = collect(parts, put(cloud, "some/where.json", file(name)))
    second = collect(parts, put(cloud, "some/where.json.gz", packed(name)))
    assert (first.counts["events"], second.counts["events"], first.retry | second.retry) == (1, 1, {})
    (row,) = cloud.rows()
    assert (row.finding.source, row.finding.card.title) == (name, f"Seen in {name}")
    assert row.finding.pointer == "blob:audit-logs/some/where.json"
    assert cloud.topic.received() == cloud.uids()
    assert cloud.rejects() == []


@pytest.mark.parametrize("name", ["m365.audit", "windows.process_creation"])
def test_by_the_event_hub_they_come_alone_in_records_and_in_arrays(cloud: Cloud, name: str) -> None:
    one = line(name)
    report = ingest(cloud.build(), cloud.events([one, b'{"records": [' + one + b"]}", b"[" + one + b"]"]))
    assert report.counts["events"] == 3
    assert titles(cloud) == [f"Seen in {name}"]
    assert cloud.rejects() == []


@pytest.mark.parametrize("form", FORMS)
def test_a_notice_is_understood_in_either_schema_as_text_and_in_base64(cloud: Cloud, form: str) -> None:
    put(cloud, "a.json", mixed())
    collect(cloud.build(), notice("a.json", form))
    assert titles(cloud) == sorted(f"Seen in {name}" for name in NAMES)


def test_names_may_hold_every_character(cloud: Cloud) -> None:
    for name in ODD_NAMES:
        report = collect(cloud.build(), put(cloud, name, file("okta.system")))
        assert (report.counts["events"], report.rejects, cloud.rejects()) == (1, [], [])


@pytest.mark.parametrize("name", NAMES)
def test_below_a_prefix_that_is_said_to_hold_a_log_only_that_log_is_taken(cloud: Cloud, name: str) -> None:
    other = NAMES[NAMES.index(name) - 1]
    cloud.environment["FIRSTSEEN_SOURCES"] = f"audit-logs/said/={name}"
    parts = cloud.build()
    forged = json.dumps(dict(CLOUDTRAIL.sample)).encode()
    put_in = {"fits": file(name), "other": line(other), "forged": forged, "junk": b'{"hello": 1}'}
    for place, content in put_in.items():
        collect(parts, put(cloud, f"said/{place}", content))
    assert titles(cloud) == [f"Seen in {name}"]
    reasons = {one["pointer"]: one["reason"] for one in cloud.rejects()}
    assert reasons["blob:audit-logs/said/other"] == f"it should be of {name}, and is an event of {other}"
    assert reasons["blob:audit-logs/said/forged"] == f"it should be of {name}, and is an event of aws.cloudtrail"
    assert reasons["blob:audit-logs/said/junk"].startswith(f"{name}: no time that can be read")
    collect(parts, put(cloud, "elsewhere/other", line(other)))
    assert titles(cloud) == sorted([f"Seen in {name}", f"Seen in {other}"])


@pytest.mark.parametrize(
    "text",
    [
        b"not json",
        b"{}",
        b"",
        b"////",
        json.dumps(told("a", container="packs")).encode(),
        json.dumps(told("")).encode(),
    ],
)
def test_what_is_no_notice_about_a_blob_that_was_put_in_is_kept_and_nothing_is_read(cloud: Cloud, text: bytes) -> None:
    """The account and the container are never the message's choice: it might name another's, who would get a token."""
    collect(cloud.build(), Message("m1", text))
    (reject,) = cloud.rejects()
    assert reject["message_id"] == "m1"
    assert "notice" in reject["reason"]
    assert cloud.uids() == []


@pytest.mark.parametrize("way", LEADING_OUT)
def test_no_name_leads_out_of_its_container(cloud: Cloud, way: str) -> None:
    """Neither that of a notice, nor that of a message which somebody put among those that wait."""
    for container in (cloud.blobs(), cloud.arrivals()):
        container.upload_blob("theirs", file("okta.system"), overwrite=True)
    arrived, blob = way.format("large"), way.format("audit-logs")
    parts = cloud.build()
    collect(parts, notice(arrived))
    for place in ({"arrived": arrived}, {"blob": blob}):
        message = {"handle": "h", "received_us": cloud.clock(), **place}
        again(parts, Message("m2", json.dumps(message).encode()))
    assert ["leads out of its container" in one["reason"] for one in cloud.rejects()] == [True] * 3
    assert cloud.uids() == []
    assert cloud.arrivals().get_blob_client("theirs").exists(), "nor does it remove anything there"


@pytest.mark.parametrize("way", LEADING_OUT)
def test_blobs_themselves_follow_no_such_name(cloud: Cloud, way: str) -> None:
    """A reject that was sent back by hand has one, too, whose reader may do more than the app."""
    cloud.blobs().upload_blob("theirs", b"secret", overwrite=True)
    inside, name = Blobs(cloud.account, "audit-logs"), way.format("large")
    with pytest.raises(Gone, match="leads out of its container"):
        list(inside.chunks(name))
    assert inside.read(name) is None
    inside.delete(name)
    assert cloud.blobs().get_blob_client("theirs").exists()


def test_a_notice_of_something_else_than_a_new_blob_is_nothing(cloud: Cloud) -> None:
    body = json.dumps(told("a.json", kind="Microsoft.Storage.BlobDeleted")).encode()
    report = collect(cloud.build(), Message("m1", body))
    assert (report.counts, cloud.rejects()) == ({}, [])


def test_a_blob_that_is_gone_is_kept_as_a_reject_and_not_tried_again(cloud: Cloud) -> None:
    report = collect(cloud.build(), notice("gone.json"))
    assert report.retry == {}
    (reject,) = cloud.rejects()
    assert (reject["pointer"], "does not exist" in reject["reason"]) == ("blob:audit-logs/gone.json", True)
    assert cloud.kept(PUT_ASIDE) == []


def test_what_cannot_be_finished_is_put_aside_as_a_place_and_read_there_again(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cloud.topic.script = lambda _: Answer(503)
    message = put(cloud, "a.json.gz", packed("vk.audit"))
    assert list(collect(cloud.build(), message).retry) == ["m1"]
    (waits,) = cloud.kept(PUT_ASIDE)
    assert (waits["arrived"], waits["pointer"], waits["tries"]) == ("a.json.gz", "blob:audit-logs/a.json.gz", 1)
    assert not {"body", "body_base64", "blob"} & set(waits)
    cloud.topic.script = lambda _: None
    cloud.topic.received()
    cloud.clock.now_us += 2 * MINUTE_US
    cloud.drain(cloud.build)
    assert cloud.topic.received() == cloud.uids()
    assert titles(cloud) == ["Seen in vk.audit"]
    assert cloud.arrivals().get_blob_client("a.json.gz").exists(), "it is not the app's to remove"
    assert '"function":"collect"' in caplog.text
    assert '"function":"again"' in caplog.text


def test_out_of_time_in_the_middle_it_is_put_aside_and_read_again_from_its_start(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "_SIZES", {"max_single_get_size": 1_000, "max_chunk_get_size": 1_000})
    parts, chunks = cloud.build(), Blobs.chunks

    def slow(self: Blobs, name: str) -> Iterator[bytes]:
        for number, chunk in enumerate(chunks(self, name)):
            cloud.clock.now_us += 4 * MINUTE_US if number == 1 else 0
            yield chunk

    monkeypatch.setattr(Blobs, "chunks", slow)
    report = collect(parts, put(cloud, "all.jsonl", mixed()))
    assert "out of time" in report.retry["m1"]
    monkeypatch.setattr(Blobs, "chunks", chunks)
    cloud.drain(cloud.build)
    assert titles(cloud) == sorted(f"Seen in {name}" for name in NAMES)
    assert cloud.rejects() == []


def test_only_when_it_cannot_be_put_aside_the_call_raises_and_the_message_comes_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = cloud.build(lambda store: FaultyStore(store, fail_at=1, fail_for=1_000_000))

    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("no queue")

    monkeypatch.setattr(Keeper, "put_aside", fail)
    with pytest.raises(StoreUnavailable):
        collect(parts, put(cloud, "a.json", file("okta.system")))


def test_a_message_that_kills_its_process_again_and_again_is_a_dead_letter_that_names_the_blob(cloud: Cloud) -> None:
    put(cloud, "bomb.gz", gzip.compress(b"0" * 1_000))
    report = collect(cloud.build(), Message("m1", FORMS["CloudEvent"]("bomb.gz"), dequeue_count=MAX_BEGUN + 1))
    assert list(report.retry) == ["m1"]
    (dead,) = cloud.kept(DEAD_LETTERS)
    assert (dead["arrived"], dead["reason"]) == ("bomb.gz", f"it was begun {MAX_BEGUN} times and never ended")


def test_a_dead_letter_that_is_sent_back_is_read_where_it_lies(cloud: Cloud) -> None:
    put(cloud, "a.json", file("gcp.audit"))
    item = kept.Aside("m1", cloud.clock(), "blob:audit-logs/a.json", 3, "why", arrived="a.json")
    text = kept.write(item)
    assert text is not None
    assert kept.read(text.encode()) == item
    again(cloud.build(), Message("m2", text.encode()))
    assert titles(cloud) == ["Seen in gcp.audit"]


@pytest.mark.parametrize(
    ("status", "code", "raised", "said"),
    [
        (404, "BlobNotFound", Gone, "does not exist"),
        (409, "BlobArchived", Gone, "bring it back"),
        (403, "AuthorizationPermissionMismatch", InputError, "Storage Blob Data Reader"),
        (404, "ContainerNotFound", InputError, "answers ContainerNotFound"),
        (412, "ConditionNotMet", InputError, "answers ConditionNotMet"),
        (503, "", InputError, "answers 503"),
    ],
)
def test_only_what_will_never_be_read_is_given_up(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, raised: type[Exception], said: str
) -> None:
    fault = HttpResponseError("said")
    fault.status_code, fault.error_code = status, code  # type: ignore[attr-defined] # as the storage SDK sets it

    class Denied:
        def download_blob(self, name: str) -> object:
            del name
            raise fault

    monkeypatch.setattr(blobs, "container_client", lambda *_: Denied())
    with pytest.raises(raised, match=said):
        list(Blobs(Account("https://a.blob.core.windows.net"), "audit-logs").chunks("a.json"))
