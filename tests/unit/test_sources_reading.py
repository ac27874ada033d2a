"""From documents to events: envelopes, identity, time, and every kind of bad input."""

from __future__ import annotations

import json
from typing import Any

import pytest

from firstseen.sources.aws_cloudtrail import CLOUDTRAIL
from firstseen.sources.envelopes import unwrap
from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document, read_event
from firstseen.sources.registry import SOURCES, _Registry, recognise
from firstseen.sources.source import Source
from firstseen.sources.times import parse_time, read_time
from firstseen.sources.views import MAX_DEPTH, view_of

RECEIVED_US = 1_780_000_000_000_000  # 2026-05-28
SAMPLE = dict(CLOUDTRAIL.sample)
RAW = json.dumps(SAMPLE).encode()


def event(**changes: object) -> bytes:
    """The sample with changes; ``...`` leaves a field out."""
    return json.dumps({key: one for key, one in {**SAMPLE, **changes}.items() if one is not ...}).encode()


def read(raw: bytes, source: Source | None = None) -> Event:
    found = read_event(raw, received_us=RECEIVED_US, source=source)
    assert isinstance(found, Event), found
    return found


def refused(raw: bytes) -> str:
    (found,) = read_document(7, raw, received_us=RECEIVED_US)
    assert isinstance(found, Reject)
    assert found.place == 7
    assert found.raw
    assert found.reason.isprintable()
    return found.reason


def bus(detail: object, **changes: object) -> dict[str, Any]:
    return {
        "version": "0", "id": "f4a1", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",
        "account": "111122223333", "time": "2026-03-02T09:15:02Z", "region": "eu-central-1", "resources": [],
        "detail": detail, **changes,
    }  # fmt: skip


def test_the_sample_is_read_without_remarks() -> None:
    found = read(RAW)
    assert found.source is SOURCES["aws.cloudtrail"]
    assert found.id == found.operation_id == SAMPLE["eventID"]
    assert found.time_us == parse_time("2026-03-02T09:15:02Z")
    assert found.remarks == ()
    assert found.view == SAMPLE


ENVELOPES: dict[str, Any] = {
    "itself": SAMPLE,
    "EventBridge event": bus(SAMPLE),
    "Records document": {"Records": [SAMPLE]},
    "Records of bus events": {"Records": [bus(SAMPLE)]},
    "LookupEvents answer": {"Events": [{"EventId": "1", "CloudTrailEvent": json.dumps(SAMPLE)}], "NextToken": "t"},
    "LookupEvents item": {"EventId": "1", "EventTime": 1.5, "CloudTrailEvent": json.dumps(SAMPLE)},
    "CloudWatch Logs delivery": {
        "messageType": "DATA_MESSAGE",
        "owner": "1",
        "logEvents": [{"id": "1", "timestamp": 1, "message": json.dumps(SAMPLE)}],
    },
    "log delivery of bus events": {
        "messageType": "DATA_MESSAGE",
        "logEvents": [{"id": "1", "message": json.dumps(bus(SAMPLE))}],
    },
    "JSON text in a string": json.dumps(SAMPLE),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_every_envelope_gives_the_event_and_the_same_id(name: str) -> None:
    (found,) = read_document(1, json.dumps(ENVELOPES[name]).encode(), received_us=RECEIVED_US)
    assert isinstance(found, Event)
    assert found.view == SAMPLE
    assert found.id == SAMPLE["eventID"]


def test_inner_events_keep_their_own_bytes() -> None:
    spaced = json.dumps(SAMPLE, indent=1).encode()
    (found,) = read_document(1, b'{"Records": [ ' + spaced + b" ]}", received_us=RECEIVED_US)
    assert isinstance(found, Event)
    assert found.raw == spaced


def test_a_lines_break_is_not_the_events() -> None:
    (found,) = read_document(1, RAW + b"\r\n", received_us=RECEIVED_US)
    assert isinstance(found, Event)
    assert found.raw == read(RAW + b"\n").raw == RAW


def test_a_strange_string_in_an_envelope_hides_nothing() -> None:
    raw = json.dumps(bus(SAMPLE)).encode().replace(b"aws-cli", b"\\ud800aws-cli")
    (found,) = read_document(1, raw, received_us=RECEIVED_US)
    assert isinstance(found, Event)
    assert found.view["userAgent"].startswith("\ufffdaws-cli")


def test_a_part_that_is_no_event_is_a_reject_of_its_own() -> None:
    notification = {"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                    "eventTime": "2026-01-01T00:00:00Z"}  # fmt: skip
    raw = json.dumps({"Records": [SAMPLE, notification, 17, SAMPLE, {"eventName": "x"}]}).encode()
    found = list(read_document(3, raw, received_us=RECEIVED_US))
    assert [type(one) for one in found] == [Event, Reject, Reject, Event, Reject]
    reasons = [one.reason for one in found if isinstance(one, Reject)]
    assert all(one.startswith("in the Records document: ") for one in reasons)
    assert '"eventVersion", "eventSource"' in reasons[0]


def test_a_broken_record_in_a_line_loses_only_itself() -> None:
    raw = b'{"Records":[' + RAW + b',{"eventName":},' + RAW + b"]}"
    found = list(read_document(1, raw, received_us=RECEIVED_US))
    assert [type(one) for one in found] == [Event, Reject, Event]


def test_several_documents_in_one_line_are_all_read() -> None:
    assert len([one for one in read_document(1, RAW + RAW, received_us=RECEIVED_US) if isinstance(one, Event)]) == 2


@pytest.mark.parametrize(
    "document",
    [
        {"Records": 5}, {"Records": None}, {"Events": {"a": 1}}, bus(None), bus([1]), bus("no json"),
        {"CloudTrailEvent": {"no": "text"}}, {"CloudTrailEvent": "{"}, {"CloudTrailEvent": None},
        {"messageType": "DATA_MESSAGE", "logEvents": [5]},
        {"messageType": "DATA_MESSAGE", "logEvents": [{"message": "a b"}]},
    ],
)  # fmt: skip
def test_an_envelope_of_the_wrong_shape_is_one_reject_that_names_it(document: object) -> None:
    assert refused(json.dumps(document).encode()).startswith("in the ")


def test_envelopes_that_carry_nothing_are_no_fault() -> None:
    for raw in (b'{"Records":[]}', b'{"messageType":"CONTROL_MESSAGE","logEvents":[{"message":"probe"}]}'):
        assert list(read_document(1, raw, received_us=RECEIVED_US)) == []


def test_nested_envelopes_are_followed_four_deep_and_no_deeper() -> None:
    document: Any = SAMPLE
    for _ in range(4):
        document = bus(document)
    (found,) = read_document(1, json.dumps(document).encode(), received_us=RECEIVED_US)
    assert isinstance(found, Event)
    assert "envelopes within envelopes" in refused(json.dumps(bus(document)).encode())


def test_an_array_too_large_for_the_quick_way_is_cut_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = b'{"Records": [' + RAW + b" , 5," + RAW + b"]}"
    quick = unwrap(raw)
    assert quick is not None
    expected = list(quick.parts)
    monkeypatch.setattr("firstseen.sources.envelopes.MAX_QUICK_COMMAS", 0)
    slow = unwrap(raw)
    assert slow is not None
    assert list(slow.parts) == expected == [RAW, b"5", RAW]


@pytest.mark.parametrize("raw", [b"", b"oops", b"{oops}", b'{"a":1', b"\0", b"\xff\xfe", b"'a'"])
def test_what_is_no_json_says_so_with_the_place(raw: bytes) -> None:
    found = read_event(raw, received_us=RECEIVED_US)
    assert isinstance(found, Reject)
    assert found.reason.startswith("not JSON: ")
    assert " at character " in found.reason


@pytest.mark.parametrize("value", [17, None, True, "text", [], [1, 2], 1.5])
def test_json_of_the_wrong_type_is_rejected(value: object) -> None:
    found = read_event(json.dumps(value).encode(), received_us=RECEIVED_US)
    assert isinstance(found, Reject)
    assert "a JSON object is expected" in found.reason


def test_an_unknown_object_names_its_keys_without_trusting_them() -> None:
    reason = refused(json.dumps({"\x1b[31m\n": 1, "k" * 500: 2, **{str(n): n for n in range(9)}}).encode())
    assert "aws.cloudtrail" in reason
    assert "\\u001b[31m\\n" in reason
    assert len(reason) < 500


def test_an_event_without_user_identity_is_read_with_a_remark() -> None:
    nothings: tuple[object, ...] = (..., None, "text", [])
    for nothing in nothings:
        assert any("userIdentity" in one for one in read(event(userIdentity=nothing)).remarks)


def test_an_event_without_an_id_gets_one_from_its_content() -> None:
    first = read(event(eventID=...))
    assert first.id.startswith("sha256-")
    assert any("no event id" in one for one in first.remarks)
    reordered = dict(reversed(json.loads(event(eventID=...)).items()))
    assert read(json.dumps(reordered, indent=2).encode()).id == first.id
    assert read(event(eventID=..., eventName="Other")).id != first.id
    for odd in (None, 5, "", {"a": 1}, "x" * 300):
        assert read(event(eventID=odd)).id.startswith("sha256-")


@pytest.mark.parametrize("time", [..., None, "", "soon", "2026-13-01T00:00:00Z", True, {}, [], "1e999", 1e300])
def test_an_event_without_a_readable_time_is_rejected_and_shows_what_it_has(time: object) -> None:
    reason = refused(event(eventTime=time))
    assert 'needs eventTime as in "2026-03-02T09:15:02Z"' in reason


def test_a_time_that_is_hostile_text_is_escaped_and_cut() -> None:
    reason = refused(event(eventTime="\x1b]0;title\a\n" * 100))
    assert "\\u001b]0;title" in reason
    assert len(reason) < 400


@pytest.mark.parametrize(
    ("time", "read_as", "remark"),
    [
        ("2026-03-02 09:15:02.000000000", "2026-03-02T09:15:02Z", "names no zone"),
        ("2026-03-02T11:15:02+02:00", "2026-03-02T09:15:02Z", ""),
        ("2005-12-31T23:59:59Z", "2005-12-31T23:59:59Z", "before 2006"),
        ("1999-01-01T00:00:00", "1999-01-01T00:00:00Z", "before 2006"),
    ],
)
def test_odd_times_are_read_with_a_remark(time: str, read_as: str, remark: str) -> None:
    found = read(event(eventTime=time))
    assert found.time_us == parse_time(read_as)
    assert remark in "; ".join(found.remarks)
    assert bool(remark) == bool(found.remarks)


def test_a_time_before_1970_is_rejected() -> None:
    assert "before 1970" in refused(event(eventTime="1969-12-31T23:59:59Z"))


def test_the_future_begins_an_hour_after_receipt() -> None:
    hour_us = 3_600_000_000
    at_limit = read_event(RAW, received_us=parse_time("2026-03-02T09:15:02Z") - hour_us)  # type: ignore[operator]
    beyond = read_event(RAW, received_us=parse_time("2026-03-02T09:15:02Z") - hour_us - 1)  # type: ignore[operator]
    assert isinstance(at_limit, Event)
    assert isinstance(beyond, Event)
    assert (at_limit.time_us, at_limit.remarks) == (parse_time("2026-03-02T09:15:02Z"), ())
    assert beyond.time_us == beyond.received_us
    assert "taken as received" in beyond.remarks[0]


def test_a_collectors_timestamp_serves_for_the_event_time() -> None:
    found = read(event(**{"eventTime": ..., "@timestamp": "2020-09-14T00:44:23.000Z"}))
    assert found.time_us == parse_time("2020-09-14T00:44:23Z")
    assert "@timestamp serves" in found.remarks[0]


def test_insight_events_are_recognised_though_they_name_no_call_at_the_top() -> None:
    found = read(
        event(eventName=..., eventSource=..., eventType="AwsCloudTrailInsight", insightDetails={"state": "Start"})
    )
    assert found.source.name == "aws.cloudtrail"


def test_a_named_source_is_believed() -> None:
    raw = json.dumps({"eventName": "x", "eventTime": "2026-01-01T00:00:00Z"}).encode()
    assert isinstance(read_event(raw, received_us=RECEIVED_US), Reject)
    assert read(raw, source=CLOUDTRAIL).source is CLOUDTRAIL
    (found,) = read_document(1, b'{"Records":[' + raw + b"]}", received_us=RECEIVED_US, source=CLOUDTRAIL)
    assert isinstance(found, Event)


@pytest.mark.parametrize("named", SOURCES)
def test_where_a_log_is_named_no_record_of_another_passes(named: str) -> None:
    """Who may put in Okta's log could else put in what looks like CloudTrail's, or Entra's."""
    for source in SOURCES.values():
        sample = dict(source.sample)
        for form in (sample, {"Records": [sample]}, bus(sample), json.dumps(sample)):
            found = read_document(1, json.dumps(form).encode(), received_us=RECEIVED_US, source=SOURCES[named])
            passed = [one.source.name for one in found if isinstance(one, Event)]
            assert passed == ([named] if source.name == named else [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'"a\\ud800b"', "a\ufffdb"), (b'"\\udc00\\ud800"', "\ufffd\ufffd"), (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"a\xffb"', "a\ufffdb"), (b'"a\x00\x01\nb"', "a\x00\x01\nb"), (b'"a\\u0000b"', "a\x00b"),
        (b"NaN", None), (b"-Infinity", None), (b"1e999", None), (b"1" * 5000, None), (b"1" + b"0" * 30, 1e30),
    ],
)  # fmt: skip
def test_what_other_writers_let_through_hides_no_event(text: bytes, value: object) -> None:
    found = read(RAW[:-1] + b',"odd":' + text + b"}")
    assert found.view["odd"] == value
    assert found.id == SAMPLE["eventID"]


def test_of_duplicate_keys_the_last_counts() -> None:
    assert read(b'{"eventName":"First",' + RAW[1:]).view["eventName"] == SAMPLE["eventName"]


def test_nulls_where_objects_belong_are_read() -> None:
    nulls = {key: None for key in SAMPLE if key not in ("eventName", "eventSource", "eventTime")}
    assert read(event(**nulls)).id.startswith("sha256-")


def test_a_string_of_ten_megabytes_is_read() -> None:
    assert len(read(event(errorMessage="x" * 10_000_000)).view["errorMessage"]) == 10_000_000


def test_depth_is_bounded_and_two_hundred_levels_are_read() -> None:
    assert read(event(requestParameters=json.loads("[" * 200 + "]" * 200))).remarks == ()
    for levels in (MAX_DEPTH, 900, 5_000, 200_000):
        raw = RAW[:-1] + b',"deep":' + b"[" * levels + b"]" * levels + b"}"
        assert f"nested deeper than {MAX_DEPTH} levels" in refused(raw)
    allowed = b'{"deep":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    assert not isinstance(view_of(allowed), Reject)


def test_brackets_in_strings_are_no_depth() -> None:
    assert read(event(userAgent="[{" * 5_000)).remarks == ()


@pytest.mark.parametrize(
    ("value", "us", "zoned"),
    [
        ("1970-01-01T00:00:00Z", 0, True), ("1970-01-01t00:00:01z", 1_000_000, True),
        ("1970-01-01 00:00:00.1", 100_000, False), ("1970-01-01T00:00:00.123456789Z", 123_456, True),
        ("1970-01-01T01:00:00+01:00", 0, True), ("1969-12-31T23:30:00-0030", 0, True),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000, True), (1_709_164_800, 1_709_164_800_000_000, True),
        (1_709_164_800_000, 1_709_164_800_000_000, True), (1_709_164_800_000_000, 1_709_164_800_000_000, True),
    ],
)  # fmt: skip
def test_times_are_exact(value: object, us: int, zoned: bool) -> None:  # noqa: FBT001
    assert read_time(value) == (us, zoned)


@pytest.mark.parametrize(
    "text",
    ["2023-02-29T00:00:00Z", "2026-01-01", "2026-01-01T00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z",
     "2026-1-1T00:00:00Z", "0000-01-01T00:00:00Z", "2026-01-01T00:00:00+25:00", "2026-01-01T00:00:00.1234567890Z",
     "\uff12026-01-01T00:00:00Z", " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z\n", "20260101T000000Z"],
)  # fmt: skip
def test_times_that_would_have_to_be_guessed_are_refused(text: str) -> None:
    assert read_time(text) is None


def test_a_source_cannot_stand_in_the_table_under_the_name_of_another() -> None:
    registry = _Registry({"okta.system": ("aws_cloudtrail", "CLOUDTRAIL")})
    with pytest.raises(ValueError, match=r"okta\.system calls itself aws\.cloudtrail"):
        registry["okta.system"]
    assert recognise(SAMPLE) is CLOUDTRAIL
    assert recognise({}) is None
