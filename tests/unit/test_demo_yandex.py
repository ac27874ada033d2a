"""The demo's part at Yandex Cloud: real shapes, out of order, twice over; its stories, counted by brute force."""

import collections
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from demo.stories import DAYS, Stage, expected
from demo.yandex import estate
from demo.yandex.break_ins import STORIES
from demo.yandex.delivery import happenings, second, write_bucket
from firstseen.sources.documents import cut
from firstseen.sources.event import Event, Reject
from firstseen.sources.reading import read_document

Record = dict[str, Any]
NOW_US = 1_792_108_800_000_000
LEARNT = "2026-10-08T01"
NAME = re.compile(rf"{estate.ident('cnp', 'trail')}-(2026-10-\d\dT\d{{6}}Z)-[a-z0-9]{{6}}\.json")
INSIDE = {estate.CLOUD_ITSELF, "10.128.0.21", "10.128.0.34"}


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bucket")
    write_bucket(folder, seed=7)
    return folder / "yandex"


def in_order(seed: int) -> list[Record]:
    return sorted((json.loads(json.dumps(event)) for _, event in happenings(seed, DAYS)), key=second)


@pytest.fixture(scope="module")
def events() -> list[Record]:
    return in_order(7)


def contents(root: Path) -> dict[Path, bytes]:
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*.json")}


def caller(event: Record) -> str:
    return str(event["authentication"]["subject_name"])


def call(event: Record) -> str:
    return str(event["event_type"]).removeprefix("yandex.cloud.audit.")


def moment(event: Record) -> str:
    return str(event["event_time"])[:19] + "Z"


def test_the_same_seed_writes_the_same_bytes_and_an_earlier_demo_is_replaced(bucket: Path, tmp_path: Path) -> None:
    write_bucket(tmp_path, seed=8, days=16)
    before = contents(tmp_path / "yandex")
    write_bucket(tmp_path, seed=7)
    assert contents(tmp_path / "yandex") == contents(bucket) != before


def test_every_object_is_an_array_that_lies_under_its_trail_and_day(bucket: Path) -> None:
    count = 0
    for path, body in contents(bucket).items():
        found = NAME.fullmatch(path.name)
        assert found is not None
        assert path.parent.parts == (estate.ident("cnp", "trail"), *found[1][:10].split("-"))
        written = int(datetime.fromisoformat(found[1]).timestamp())
        for event in json.loads(body):
            count += 1
            assert 0 < written - second(event) <= 2400 + 4 * 900
    assert 3_000 <= count <= 4_000


def test_the_product_reads_every_event_without_a_remark(bucket: Path) -> None:
    ids: set[str] = set()
    for body in contents(bucket).values():
        for place, document in enumerate(cut(body)):
            assert not isinstance(document, Reject)
            for item in read_document(place, document, received_us=NOW_US):
                assert isinstance(item, Event), item
                assert item.source.name == "yandex.audit"
                assert item.remarks == ()
                ids.add(item.id)
    assert len(ids) == sum(1 for _ in happenings(7, DAYS))


def test_about_two_in_a_hundred_come_twice_in_two_objects_and_out_of_order(bucket: Path) -> None:
    objects = [json.loads(body) for _, body in sorted(contents(bucket).items())]
    seen = collections.Counter(event["event_id"] for one in objects for event in one)
    assert max(seen.values()) == 2
    assert 0.01 < sum(count == 2 for count in seen.values()) / len(seen) < 0.03
    assert all(len({event["event_id"] for event in one}) == len(one) for one in objects)
    newest = late = 0
    for one in objects:
        late += min(map(second, one)) < newest
        newest = max(newest, *map(second, one))
    assert late > 50


def test_an_operation_is_a_start_and_an_end_of_one_request_with_ids_of_their_own(events: list[Record]) -> None:
    by_request = collections.defaultdict(list)
    for event in events:
        by_request[event["request_metadata"]["request_id"]].append(event)
    ends = collections.Counter(tuple(event["event_status"] for event in one) for one in by_request.values())
    assert ends.keys() == {("STARTED", "DONE"), ("DONE",), ("ERROR",)}
    assert ends["STARTED", "DONE"] > 500
    assert len({event["event_id"] for event in events}) == len(events)
    assert all(len({call(event) for event in one}) == 1 for one in by_request.values())


def test_people_sign_in_before_they_work_and_addresses_belong_to_nobody(events: list[Record]) -> None:
    kinds = collections.Counter(event["authentication"]["subject_type"] for event in events)
    assert min(kinds["FEDERATED_USER_ACCOUNT"], kinds["SERVICE_ACCOUNT"]) > 700
    signed_in = {caller(event) for event in events if call(event) == "iam.CreateIamCookieForSubject"}
    assert signed_in == {caller(e) for e in events if e["authentication"]["subject_type"] == "FEDERATED_USER_ACCOUNT"}
    addresses = {event["request_metadata"]["remote_address"] for event in events} - INSIDE
    assert all(re.fullmatch(r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+", one) for one in addresses)


def firsts(events: list[Record], rule: str, *calls: str) -> Iterator[tuple[str, str, str]]:
    """Who makes one of some calls for the first time after the first week; the start of an operation counts."""
    known: set[str] = set()
    for event in events:
        if call(event) in calls and event["event_status"] != "ERROR":
            if caller(event) not in known and event["event_time"] > LEARNT:
                yield rule, caller(event), moment(event)
            known.add(caller(event))


def copied(events: list[Record]) -> Iterator[tuple[str, str, str]]:
    """A disk of a snapshot, which is then put on a machine."""
    made: set[str] = set()
    for event in events:
        if "source_snapshot_id" in event["details"]:
            made.add(event["details"]["disk_id"])
        attached = event["details"].get("attached_disk_spec", {}).get("disk_id")
        if attached in made:
            made.discard(attached)
            yield "yandex_snapshot_to_machine", attached, moment(event)


def refused(events: list[Record]) -> Iterator[tuple[str, str, str]]:
    """The twentieth refusal of one caller within ten minutes."""
    at: dict[str, list[int]] = collections.defaultdict(list)
    for event in events:
        if not event["authorization"]["authorized"]:
            times = at[caller(event)]
            times.append(second(event))
            if len([one for one in times if one > second(event) - 600]) == 20:
                yield "yandex_api_refused_many", caller(event), moment(event)


@pytest.mark.parametrize("seed", [7, 9])
def test_what_is_expected_is_what_brute_force_finds(seed: int) -> None:
    events = in_order(seed)
    changed = ("UpdateInstance", "AttachInstanceDisk")
    found = [
        *firsts(events, "yandex_snapshot_new_principal", "compute.CreateSnapshot"),
        *firsts(events, "yandex_instance_changed_new_principal", *(f"compute.{one}" for one in changed)),
        *firsts(events, "yandex_machine_metadata_new_principal", "compute.UpdateInstanceMetadata"),
        *firsts(events, "yandex_secret_access_changed", "lockbox.UpdateSecretAccessBindings"),
        *copied(events),
        *refused(events),
    ]
    counted = {rule for rule, _, _ in found}
    wanted = [(one.rule, one.who, one.when) for one in expected() if one.rule in counted]
    assert sorted(found) == sorted(wanted)
    assert len(counted) == 6


def test_every_story_names_what_must_find_it(events: list[Record]) -> None:
    tales = [tell(Stage()) for tell in STORIES]
    assert sum(tale.attack for tale in tales) == 3
    places = {event["request_metadata"]["remote_address"] for event in events}
    outside = {estate.PERSON_ADDRESS, estate.KEY_ADDRESS, estate.LAPTOP_ADDRESS}
    assert {one for one in places if one.startswith("192.0.2.2")} == outside
    assert len({one.rule for tale in tales for one in tale.expected}) >= 12


def test_the_machine_becomes_the_account_that_was_let_in(events: list[Record]) -> None:
    scene = [event for event in events if event["request_metadata"]["remote_address"] == estate.LAPTOP_ADDRESS]
    by_call = {call(event): event["details"] for event in scene}
    (delta,) = by_call["lockbox.UpdateSecretAccessBindings"]["access_binding_deltas"]
    machine = by_call["compute.UpdateInstance"]
    assert machine["service_account_id"] == delta["access_binding"]["subject_id"] == estate.account_id("press-api")
    ordinary = [e["details"] for e in events if call(e) == "compute.UpdateInstance" and e not in scene]
    assert {one["metadata_options"]["aws_v1_http_token"] for one in ordinary} == {"DISABLED"}
    assert machine["metadata_options"]["aws_v1_http_token"] == "ENABLED"
