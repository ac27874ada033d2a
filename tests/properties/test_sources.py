"""What holds for any bytes on the way in: nothing raises, nothing depends on how the bytes were cut."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstseen.sources import documents as documents_module
from firstseen.sources import splitting, window
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from firstseen.sources.envelopes import unwrap
from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document, read_event
from firstseen.sources.source import Derived
from firstseen.sources.splitting import split
from firstseen.sources.times import read_time

RECEIVED_US = 1_780_000_000_000_000

TEXTS = st.text(max_size=12) | st.sampled_from(['"', "\\", "}{", "\n{", '{"a":', "[", "]", "\u2028", "é"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)


def compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def pretty(value: object) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


LAYOUTS: dict[str, Callable[[Any], bytes]] = {
    "lines": lambda events: b"\n".join(map(compact, events)) + b"\n",
    "lines with CRLF and blanks": lambda events: b"".join(compact(one) + b"\r\n\n" for one in events),
    "lines without a last break": lambda events: b"\n".join(map(compact, events)),
    "array": compact,
    "array, pretty": pretty,
    "Records": lambda events: compact({"Records": events}),
    "Records, pretty": lambda events: pretty({"Records": events}),
    "Records, one a line": lambda events: b'{"Records": [\n' + b",\n".join(map(compact, events)) + b"\n]}\n",
    "Events with a token": lambda events: compact({"Events": events, "NextToken": "a]}"}),
    "concatenated": lambda events: b"".join(map(compact, events)),
    "pretty, in a row": lambda events: b"\n".join(map(pretty, events)),
    "with a byte order mark": lambda events: b"\xef\xbb\xbf" + b"\n".join(map(compact, events)),
    "gzip": lambda events: gzip.compress(b"\n".join(map(compact, events))),
    "gzip, a member each": lambda events: b"".join(gzip.compress(compact(one) + b"\n") for one in events),
    "gzip in gzip": lambda events: gzip.compress(gzip.compress(compact({"Records": events}))),
}


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def documents(data: bytes, size: int = 1 << 20) -> list[Any]:
    return [one if isinstance(one, Reject) else (one[0], one[1].strip()) for one in split(pieces(data, size))]


EVENTS = st.lists(OBJECTS.map(lambda one: {"eventName": "x", **one}), min_size=1, max_size=5)


@given(EVENTS, st.sampled_from(sorted(LAYOUTS)))
@settings(max_examples=100)
def test_every_layout_gives_the_documents_that_were_put_in(events: list[dict[str, Any]], layout: str) -> None:
    found = documents(LAYOUTS[layout](events))
    assert [one for one in found if isinstance(one, Reject)] == []
    assert [json.loads(one[1]) for one in found] == events


@given(EVENTS, st.sampled_from(sorted(LAYOUTS)), st.integers(1, 40))
@settings(max_examples=60)
def test_where_the_chunks_were_cut_makes_no_difference(events: list[dict[str, Any]], layout: str, size: int) -> None:
    data = LAYOUTS[layout](events)
    assert documents(data, size) == documents(data)


BROKEN = st.lists(
    st.sampled_from(
        [
            b"{", b"}", b"[", b"]", b",", b'"', b"\\", b"\n", b"\n{", b" ", b'{"Records":[', b'{"a":1}', b"x", b"\0",
            b"]}", b'{"a":"b\\"', b"\xff", b"\r", b'"s"', b"17", b"\x1f\x8b",
        ]
    ),
    max_size=30,
).map(b"".join)  # fmt: skip


class Sizes(NamedTuple):
    """How an input arrives (pieces, growth of the buffer), and limits so small that it takes the ways of large ones."""

    piece: int
    limit: int
    head: int
    small: int


SIZES = st.builds(
    Sizes, st.integers(1, 9), st.integers(4, 60), st.sampled_from([8, 1 << 16]), st.sampled_from([1, 1 << 20])
)


@given(BROKEN, st.sampled_from(sorted(LAYOUTS)), EVENTS, SIZES)
@settings(max_examples=300)
def test_input_is_cut_alike_however_it_arrives_and_the_buffer_grows(
    broken: bytes, layout: str, events: list[dict[str, Any]], sizes: Sizes
) -> None:
    whole = LAYOUTS[layout](events)
    data = whole[: len(whole) // 2] + broken + whole[len(whole) // 2 :] if sizes.limit % 2 else broken
    with (
        patch.object(splitting, "_HEAD_BYTES", sizes.head),
        patch.object(splitting, "SMALL_BYTES", sizes.small),
        patch.object(documents_module, "_LIST_HEAD_BYTES", 24),
    ):
        at_once = list(split([data], max_document_bytes=sizes.limit))
        with patch.object(window, "GROWTH_BYTES", sizes.piece):
            in_parts = list(split(pieces(data, sizes.piece), max_document_bytes=sizes.limit))
    assert in_parts == at_once
    for one in at_once:
        assert isinstance(one, Reject) or len(one[1].strip()) <= sizes.limit


@given(BROKEN | st.binary(max_size=60))
@settings(max_examples=250)
def test_no_bytes_make_reading_raise(data: bytes) -> None:
    for document in split([data]):
        if not isinstance(document, Reject):
            for one in read_document(*document, received_us=RECEIVED_US):
                assert isinstance(one, (Event, Reject))
                assert "\n" not in getattr(one, "reason", "")
    assert isinstance(read_event(data, received_us=RECEIVED_US), (Event, Reject))


@given(st.lists(OBJECTS, max_size=6), st.integers(0, 5), st.data())
@settings(max_examples=80)
def test_a_broken_line_loses_only_itself(events: list[dict[str, Any]], place: int, data: st.DataObject) -> None:
    lines = [compact(one) for one in events]
    victim = compact({"eventName": "x", "more": data.draw(OBJECTS)})
    torn = victim[: data.draw(st.integers(1, len(victim) - 1))]
    lines.insert(place, torn)
    at = lines.index(torn)
    good = [(number, line) for number, line in enumerate(lines, 1) if number != at + 1]
    found = [one for one in documents(b"\n".join(lines) + b"\n") if not isinstance(one, Reject)]
    if len(lines) > 1:
        assert [one for one in found if one in good] == good
        assert all(place == at + 1 for place, line in found if (place, line) not in good)


KEYS = ["userIdentity", "sessionContext", "sessionIssuer", "arn", "type", "resources", "requestParameters", "items",
        "instancesSet", "instanceId", "eventName", "eventSource", "eventTime", "eventID", "responseElements",
        "ConsoleLogin", "additionalEventData", "MFAUsed", "sourceIPAddress", "errorCode", "@timestamp", "bucketName",
        "key", "recipientAccountId", "ARN", "eventType"]  # fmt: skip
LOOKALIKES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | TEXTS | st.sampled_from(
        ["AWSService", "ConsoleLogin", "No", "arn:aws:sts::1:assumed-role/r/s", "arn:aws:sts::1:assumed-role/",
         "2026-01-01T00:00:00Z", "1.2.3.4", "AwsCloudTrailInsight"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), LOOKALIKES, max_size=8))
@settings(max_examples=120)
def test_the_functions_of_a_source_answer_on_any_object(view: Mapping[str, Any]) -> None:
    accessors = {**CLOUDTRAIL.common, **{name: CLOUDTRAIL.ecs[name] for name in CLOUDTRAIL.ecs}}
    for accessor in accessors.values():
        if isinstance(accessor, Derived):
            orjson.dumps(accessor.function(view), default=str)
            fewer = {key: value for key, value in view.items() if key in accessor.reads}
            assert repr(accessor.function(fewer)) == repr(accessor.function(view)), "reads names every key"
    CLOUDTRAIL.recognise(view)
    CLOUDTRAIL.remarks(view)
    for function in (CLOUDTRAIL.event_id, CLOUDTRAIL.operation_id, CLOUDTRAIL.time):
        function(view)


@given(st.dictionaries(st.sampled_from(["Records", "detail", "detail-type", "source", "Events", "CloudTrailEvent",
                                        "messageType", "logEvents", "message"]), LOOKALIKES, max_size=6))  # fmt: skip
@settings(max_examples=100)
def test_lookalikes_of_envelopes_never_raise(document: Mapping[str, Any]) -> None:
    raw = json.dumps(document).encode()
    unwrapped = unwrap(raw)
    if unwrapped is not None:
        list(unwrapped.parts)
    assert all(isinstance(one, (Event, Reject)) for one in read_document(1, raw, received_us=RECEIVED_US))


@given(st.datetimes(), st.sampled_from(["T", " "]), st.sampled_from(["Z", "", "+05:30", "-1100"]))
def test_iso_times_are_read_to_the_microsecond(moment: datetime, between: str, zone: str) -> None:
    text = f"{moment:%Y-%m-%d}".rjust(10, "0") + f"{between}{moment:%H:%M:%S.%f}{zone}"
    found = read_time(text)
    assert found is not None
    offset = {"+05:30": 330, "-1100": -660}.get(zone, 0)
    seconds = (
        moment - datetime(1970, 1, 1)  # noqa: DTZ001 - both without a zone
    ).total_seconds()
    assert abs(found.us - (seconds - offset * 60) * 1e6) < 100  # floats of years far off
    assert found.zoned == (zone != "")


@given(st.text(max_size=30) | st.floats() | st.integers() | st.none() | st.booleans())
def test_no_value_makes_a_time_raise(value: object) -> None:
    read_time(value)


def test_the_layouts_are_read_in_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large inputs take the streaming way; a small limit sends small ones there too."""
    monkeypatch.setattr(splitting, "SMALL_BYTES", 1)
    events = [{"eventName": "x", "a": "}{\n]"}, {"b": [{"c": "\\"}]}]
    for layout, write in LAYOUTS.items():
        assert [json.loads(one[1]) for one in documents(write(events))] == events, layout
