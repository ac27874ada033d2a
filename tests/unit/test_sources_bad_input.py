"""What each of the six further logs must stand, beside what its own tests say: mixed files, odd shapes, odd words."""

from __future__ import annotations

import copy
import gzip
from collections.abc import Mapping
from itertools import permutations
from typing import Any

import orjson
import pytest

from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document
from firstseen.sources.registry import SOURCES
from firstseen.sources.source import COMMON, Derived, View
from firstseen.sources.splitting import split

NOW_US = 1_780_000_000_000_000
SIX = ("gcp.audit", "okta.system", "m365.audit", "yandex.audit", "vk.audit", "windows.process_creation")
ODD: tuple[object, ...] = (None, True, 7, -1.5, "", "text", "\x00", [], [[]], [None, 1, "a", {}], {}, {"a": {"b": []}})


def sample(name: str) -> View:
    return SOURCES[name].sample


def changed(name: str, path: str, value: object) -> View:
    """The source's sample with another value at a dotted path, in which a number counts elements of a list."""
    view: Any = copy.deepcopy(dict(sample(name)))
    at = view
    *way, last = [int(one) if one.isdigit() else one for one in path.split(".")]
    for key in way:
        at = at[key]
    at[last] = value
    return view  # type: ignore[no-any-return] # a copy of a view


def value(name: str, view: View, field: str, vocabulary: str = "common") -> Any:  # noqa: ANN401
    place = SOURCES[name].accessor(field, vocabulary=vocabulary)
    if isinstance(place, Derived):
        return place.function(view)
    found: Any = view
    for key in place:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def read(raw: bytes) -> list[Event | Reject]:
    found: list[Event | Reject] = []
    for one in split([raw]):
        found += [one] if isinstance(one, Reject) else list(read_document(*one, received_us=NOW_US))
    return found


def names(raw: bytes) -> list[str]:
    return [one.source.name if isinstance(one, Event) else "reject" for one in read(raw)]


# ---- several logs in one file ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", list(permutations((*SIX, "aws.cloudtrail", "azure.activitylogs"), 2)), ids=" ".join)
def test_two_logs_in_one_file_are_told_apart_as_lines_as_an_array_and_in_an_envelope(pair: tuple[str, str]) -> None:
    both = [sample(name) for name in pair]
    lines = b"\n".join(map(orjson.dumps, [*both, both[0]]))
    array, records = orjson.dumps(both), orjson.dumps({"records": both})
    assert names(lines) == [*pair, pair[0]]
    assert names(array) == names(records) == names(gzip.compress(array)) == list(pair)


@pytest.mark.parametrize("name", SIX)
def test_what_is_broken_between_two_events_is_a_reject_of_its_own(name: str) -> None:
    line = orjson.dumps(sample(name))
    assert names(line + b"\n" + line[: len(line) // 2] + b"\n" + line) == [name, "reject", name]


# ---- JSON in strings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIX)
def test_an_event_may_come_as_the_text_of_its_json(name: str) -> None:
    text = orjson.dumps(sample(name)).decode()
    assert names(orjson.dumps(text)) == names(orjson.dumps({"records": [text, text]}))[:1] == [name]


@pytest.mark.parametrize(
    ("name", "part", "field"),
    [
        ("gcp.audit", "protoPayload", "action"),
        ("gcp.audit", "protoPayload", "actor"),
        ("okta.system", "actor", "actor"),
        ("okta.system", "client", "source.ip"),
        ("yandex.audit", "authentication", "actor"),
        ("yandex.audit", "request_metadata", "source.ip"),
        ("windows.process_creation", "winlog.event_data", "actor"),
        ("windows.process_creation", "winlog", "actor"),
    ],
)
def test_a_part_that_a_collector_made_a_text_of_is_read_by_the_same_names(name: str, part: str, field: str) -> None:
    at: Any = sample(name)
    for key in part.split("."):
        at = at[key]
    assert value(name, sample(name), field) is not None
    assert value(name, changed(name, part, orjson.dumps(at).decode()), field) == value(name, sample(name), field)


# ---- yes and no ------------------------------------------------------------------------------------------------------

YES = (True, "true", "True", "yes", "YES ")
NO = (False, "false", "False", "no", " No")
NEITHER: tuple[object, ...] = ("", "perhaps", 0, 1, None, [], {})


def gcp(granted: object) -> View:
    return {**changed("gcp.audit", "protoPayload.authorizationInfo.0.granted", granted), "operation": {}}


def yandex(part: str, name: str, said: object) -> View:
    return {**changed("yandex.audit", "event_status", "DONE"), part: {name: said}}


@pytest.mark.parametrize("said", NO, ids=repr)
def test_no_is_no_however_it_is_written(said: object) -> None:
    assert value("gcp.audit", gcp(said), "outcome") == "failure"
    assert value("yandex.audit", yandex("authorization", "authorized", said), "outcome") == "failure"
    assert value("yandex.audit", yandex("authentication", "authenticated", said), "outcome") == "failure"
    assert value("vk.audit", changed("vk.audit", "success", said), "outcome") == "failure"
    assert value("gcp.audit", changed("gcp.audit", "operation.first", said), "outcome") == "success"


@pytest.mark.parametrize("said", YES, ids=repr)
def test_yes_is_yes_however_it_is_written(said: object) -> None:
    assert value("gcp.audit", gcp(said), "outcome") == "success"
    assert value("yandex.audit", yandex("authorization", "authorized", said), "outcome") == "success"
    assert value("vk.audit", changed("vk.audit", "success", said), "outcome") == "success"
    assert value("gcp.audit", changed("gcp.audit", "operation.first", said), "outcome") is None


@pytest.mark.parametrize("said", NEITHER, ids=repr)
def test_what_is_neither_is_not_taken_for_one(said: object) -> None:
    assert value("gcp.audit", gcp(said), "outcome") == "success", "nothing says that it failed"
    assert value("vk.audit", changed("vk.audit", "success", said), "outcome") is None
    assert value("gcp.audit", changed("gcp.audit", "operation.first", said), "outcome") == "success"


@pytest.mark.parametrize(("said", "outcome"), [("True", "success"), ("true", "success"), ("False", "failure")])
def test_microsoft_365_writes_truth_as_text(said: str, outcome: str) -> None:
    assert value("m365.audit", changed("m365.audit", "ResultStatus", said), "outcome") == outcome


# ---- addresses, bags, starts and ends, ids ---------------------------------------------------------------------------

ADDRESSES = {
    "gcp.audit": "protoPayload.requestMetadata.callerIp",
    "okta.system": "client.ipAddress",
    "m365.audit": "ClientIP",
    "yandex.audit": "request_metadata.remote_address",
}
"""VK's log and the starts of processes have none."""


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize(
    ("said", "ip"),
    [
        ("198.51.100.24", "198.51.100.24"),
        ("198.51.100.24:51820", "198.51.100.24"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("cloud.example", None),
        ("007.1.2.3", None),
        ("198.51.100.24:notaport", None),
        ("[2001:db8::1", None),
        ("", None),
        (7, None),
    ],
    ids=repr,
)
def test_ports_and_brackets_are_taken_off_and_names_are_no_addresses(name: str, said: object, ip: str | None) -> None:
    """A rule's networks ask the second; what cannot be an address is in none, and breaks nothing."""
    view = changed(name, ADDRESSES[name], said)
    if name == "okta.system":
        view = {**view, "request": {"ipChain": []}}  # which stands in for it
    assert value(name, view, "source.ip", "ecs") == ip
    assert names(orjson.dumps(view)) == [name]


def test_a_name_that_windows_data_has_twice_has_both_values() -> None:
    """As items and as XML; a question for a field of one value takes the first."""
    items = [{"@Name": "Image", "#text": "C:\\a.exe"}, {"@Name": "Image", "#text": "C:\\b.exe"}]
    xml = '<EventData><Data Name="Image">C:\\a.exe</Data><Data Name="Image">C:\\b.exe</Data></EventData>'
    for data in ({"Data": items}, xml):
        view = {"EventID": 1, "Source": "Microsoft-Windows-Sysmon", "TimeGenerated": "2026-03-02T09:15:02Z"}
        found = {**view, "EventData": data}
        assert value("windows.process_creation", found, "Image", "raw") == "C:\\a.exe"
        assert names(orjson.dumps(found)) == ["windows.process_creation"]


@pytest.mark.parametrize("name", [one for one in SIX if one not in {"gcp.audit", "yandex.audit"}])
def test_a_log_that_writes_no_starts_counts_each_of_its_events(name: str) -> None:
    """Google and Yandex log a start and an end of one operation: their own tests say how these are one."""
    (found,) = read(orjson.dumps(sample(name)))
    assert isinstance(found, Event)
    assert found.operation_id == found.id


IDS = {
    "gcp.audit": ("insertId",),
    "okta.system": ("uuid",),
    "m365.audit": ("Id",),
    "yandex.audit": ("event_id",),
    "vk.audit": ("event_id",),
    "windows.process_creation": ("winlog",),
}


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("odd", [None, "", {}, [], "x" * 400], ids=lambda odd: repr(odd)[:9])
def test_without_an_id_that_can_be_one_a_hash_of_the_content_serves_and_copies_agree(name: str, odd: object) -> None:
    path = "winlog.event_data.ProcessGuid" if name == "windows.process_creation" else IDS[name][0]
    view = dict(changed(name, path, odd))
    if name == "windows.process_creation":
        view["winlog"] = {**view["winlog"], "record_id": None}
    one, two = read(orjson.dumps(view)), read(orjson.dumps(dict(reversed(list(view.items())))))
    assert isinstance(one[0], Event)
    assert isinstance(two[0], Event)
    assert one[0].id == two[0].id
    assert one[0].id.startswith("sha256-") or name in {"gcp.audit", "windows.process_creation"}


TIMES = frozenset(("timestamp", "published", "CreationTime", "event_time", "@timestamp"))

# ---- wrong shapes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIX)
def test_any_part_may_be_anything_and_the_event_is_read_or_rejected_with_its_reason(name: str) -> None:
    source = SOURCES[name]
    for key in sample(name):
        for odd in ODD:
            view = {**sample(name), key: odd}
            (found,) = read(orjson.dumps(view))
            assert isinstance(found, Event) or found.reason
            for field in COMMON:
                place = source.common[field]
                if isinstance(place, Derived):
                    orjson.dumps(place.function(view))


@pytest.mark.parametrize("name", SIX)
def test_without_a_time_it_is_a_reject_that_says_what_time_is_needed(name: str) -> None:
    view = {key: part for key, part in sample(name).items() if key not in TIMES}
    if name == "windows.process_creation":
        data = {key: part for key, part in view["winlog"]["event_data"].items() if key != "UtcTime"}
        view["winlog"] = {**view["winlog"], "event_data": data}
    (found,) = read(orjson.dumps(view))
    assert isinstance(found, Reject)
    assert found.reason.startswith(f"{name}: no time that can be read: needs ")
