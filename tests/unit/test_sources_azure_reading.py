"""What arrives through an Event Hub, the REST interfaces and Log Analytics, whole, mixed and broken."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from firstseen.language.pack import Pack
from firstseen.language.predicates import And, Leaf
from firstseen.language.rules import Base
from firstseen.matching.engine import Engine
from firstseen.sources import azure_activitylogs as activity
from firstseen.sources import azure_auditlogs as audit
from firstseen.sources import azure_signinlogs as signin
from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document
from firstseen.sources.source import Source
from firstseen.sources.splitting import split

NOW_US = 1_780_000_000_000_000
SAMPLES = [activity.SAMPLE, signin.SAMPLE, audit.SAMPLE]
SOURCES = [activity.ACTIVITYLOGS, signin.SIGNINLOGS, audit.AUDITLOGS]


def read(data: bytes) -> Iterator[Event | Reject]:
    for document in split([data]):
        if isinstance(document, Reject):
            yield document
        else:
            yield from read_document(*document, received_us=NOW_US)


def kinds(data: bytes) -> list[str]:
    return [one.source.name if isinstance(one, Event) else "reject" for one in read(data)]


@pytest.mark.parametrize("key", ["records", "value"])
def test_a_mixed_hub_gives_each_log_its_events(key: str) -> None:
    assert kinds(orjson.dumps({key: SAMPLES})) == ["azure.activitylogs", "azure.signinlogs", "azure.auditlogs"]


def test_messages_a_line_and_compressed_ones_are_read() -> None:
    lines = b"\n".join(orjson.dumps({"records": [one]}) for one in SAMPLES)
    assert kinds(lines) == kinds(gzip.compress(lines)) == [one.name for one in SOURCES]


def test_records_that_are_strings_of_json_are_read() -> None:
    assert kinds(orjson.dumps({"records": [orjson.dumps(one).decode() for one in SAMPLES]})) == [
        one.name for one in SOURCES
    ]


def test_records_of_other_logs_are_rejects_of_their_own() -> None:
    other = {"time": "2026-03-02T09:15:02Z", "category": "StorageRead", "operationName": "GetBlob"}
    message = orjson.dumps({"records": [activity.SAMPLE, other, 17, None, "x", audit.SAMPLE]})
    found = list(read_document(1, message, received_us=NOW_US))
    assert [isinstance(one, Reject) for one in found] == [False, True, True, True, True, False]
    assert all("in the Event Hub message" in one.reason for one in found if isinstance(one, Reject))


@pytest.mark.parametrize("records", [{"a": 1}, None, "x", 3])
def test_records_that_are_no_list_are_one_reject(records: object) -> None:
    found = list(read(orjson.dumps({"records": records})))
    assert [type(one) for one in found] == [Reject]
    assert "records should be an array of events" in getattr(found[0], "reason", "")


def test_a_body_that_breaks_off_gives_what_came_before() -> None:
    whole = orjson.dumps({"records": [activity.SAMPLE, audit.SAMPLE, signin.SAMPLE]})
    assert kinds(whole[:-40]) == ["azure.activitylogs", "azure.auditlogs", "reject"]


def test_bytes_that_are_no_utf8_do_not_hide_an_event() -> None:
    data = orjson.dumps({"records": [activity.SAMPLE]}).replace(b"Platform operations", b"Platform \xff\xfe")
    (event,) = read(data)
    assert isinstance(event, Event)
    assert event.id == activity.ACTIVITYLOGS.event_id(activity.SAMPLE)


def test_numbers_in_the_place_of_text_are_read() -> None:
    view = {**signin.SAMPLE, "resultType": 50126, "Level": "4", "durationMs": "0"}
    (event,) = read(orjson.dumps(view))
    assert isinstance(event, Event)
    assert event.id == signin.SIGNINLOGS.event_id(signin.SAMPLE)


def test_an_answer_of_log_analytics_is_rows_of_columns() -> None:
    row = {
        "TimeGenerated": "2026-03-02T09:15:02Z", "OperationNameValue": "A.B/C/WRITE", "CategoryValue": "Policy",
        "CorrelationId": "c-1",
    }  # fmt: skip
    columns = [{"name": name, "type": "string"} for name in row]
    good, bad = list(row.values()), ["too", "few"]
    answer = {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": [good, bad]}, {"rows": []}]}
    found = list(read(orjson.dumps(answer)))
    assert [isinstance(one, Event) for one in found] == [True, False, False]
    assert isinstance(found[0], Event)
    assert (found[0].source.name, found[0].operation_id[:4]) == ("azure.activitylogs", "c-1:")


def rule(source: Source, *leaves: Leaf) -> Pack:
    return Pack.of([Base("r", "R", (source.name,), "raw", And(leaves))], [])


@pytest.mark.parametrize(
    ("source", "leaf", "other"),
    [
        (SOURCES[0], Leaf("operationName", "endswith", "/runcommand/action"), {"operationName": "A.B/C/D"}),
        (SOURCES[1], Leaf("ResultType", "equals", 50126), {"resultType": "0"}),
        (SOURCES[2], Leaf("properties.message", "equals", "add member to role"), {"operationName": "Add user"}),
    ],
    ids=lambda one: one.name if isinstance(one, Source) else None,
)
def test_records_of_the_event_hub_take_the_fast_way(source: Source, leaf: Leaf, other: dict[str, Any]) -> None:
    """And the fast way finds what the slow way finds."""
    engine = Engine(rule(source, leaf, Leaf("source.ip", "startswith", "198.51.100.")))
    match = engine.matcher(source)
    without = {**source.sample, **other}
    assert match(orjson.dumps(source.sample)) == (0,)
    assert match(orjson.dumps(without)) == ()
    assert engine.match_view(source, source.sample) == (0,)
    assert engine.match_view(source, without) == ()


def test_one_rule_over_the_common_vocabulary_reads_all_three_logs() -> None:
    names = tuple(source.name for source in SOURCES)
    tree = And((Leaf("actor", "startswith", "PLATFORM-OPS@"), Leaf("source.ip", "cidr", "198.51.100.0/24")))
    engine = Engine(Pack.of([Base("r", "R", names, "common", tree)], []))
    found = list(engine.scan(split([orjson.dumps({"records": SAMPLES})]), received_us=NOW_US))
    assert [one.event.source.name for one in found if not isinstance(one, Reject)] == list(names)
