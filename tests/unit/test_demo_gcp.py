"""The demo's part at Google Cloud: real shapes, out of order, twice over; its stories, counted by brute force."""

import collections
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.gcp import estate
from demo.gcp.break_ins import STORIES
from demo.gcp.delivery import happenings, log_of, write_sink
from demo.stories import DAYS, Stage, expected
from firstseen.sources.event import Event
from firstseen.sources.reading import read_document

Record = dict[str, Any]
NOW_US = 1_792_108_800_000_000
LEARNT = "2026-10-08T01"
NAME = re.compile(r"(\d\d):00:00_\1:59:59_(?:S0|A[01]:\d{10})\.json")
INSIDE = {"", "private", "gce-internal-ip", "10.40.0.2"}


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sink")
    write_sink(folder, seed=7)
    return folder / "gcp"


def in_order(seed: int) -> list[Record]:
    told = [json.loads(json.dumps(entry)) for _, entry in happenings(seed, DAYS)]
    return sorted(told, key=lambda entry: str(entry["timestamp"])[:19])


@pytest.fixture(scope="module")
def entries() -> list[Record]:
    return in_order(7)


def contents(root: Path) -> dict[Path, bytes]:
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*.json")}


def caller(entry: Record) -> str:
    who = entry["protoPayload"]["authenticationInfo"]
    return str(who.get("principalEmail") or who["principalSubject"])


def address(entry: Record) -> str:
    return str(entry["protoPayload"]["requestMetadata"].get("callerIp", ""))


def method(entry: Record) -> str:
    return str(entry["protoPayload"]["methodName"])


def test_the_same_seed_writes_the_same_bytes_and_an_earlier_demo_is_replaced(sink: Path, tmp_path: Path) -> None:
    write_sink(tmp_path, seed=8, days=16)
    before = contents(tmp_path / "gcp")
    write_sink(tmp_path, seed=7)
    assert contents(tmp_path / "gcp") == contents(sink) != before


def test_every_object_is_named_as_a_sink_names_it_and_holds_one_log_and_hour(sink: Path) -> None:
    logs = collections.Counter[str]()
    for path in sink.rglob("*.json"):
        found = NAME.fullmatch(path.name)
        assert found is not None
        where = path.relative_to(sink).parts
        assert where[0] == "cloudaudit.googleapis.com"
        for line in path.read_bytes().splitlines():
            entry = json.loads(line)
            logs[log_of(entry)] += 1
            assert log_of(entry) == where[1]
            assert entry["timestamp"][:13] == f"{'-'.join(where[2:5])}T{found[1]}"
    assert logs.keys() == {"activity", "data_access", "system_event"}
    assert 3_000 <= logs.total() <= 4_000
    assert min(logs.values()) > 40


def test_the_product_reads_every_entry_without_a_remark(sink: Path) -> None:
    ids: set[str] = set()
    for path in sorted(sink.rglob("*.json")):
        for place, document in enumerate(path.read_bytes().splitlines()):
            for item in read_document(place, document, received_us=NOW_US):
                assert isinstance(item, Event), item
                assert item.source.name == "gcp.audit"
                assert item.remarks == ()
                ids.add(item.id)
    assert len(ids) == sum(1 for _ in happenings(7, DAYS))


def test_about_two_in_a_hundred_come_twice_and_some_come_late_and_out_of_order(sink: Path) -> None:
    seen = collections.Counter(line for path in sink.rglob("*.json") for line in path.read_bytes().splitlines())
    assert max(seen.values()) == 2
    assert 0.01 < sum(count == 2 for count in seen.values()) / len(seen) < 0.03
    assert sum("_A0:" in path.name for path in sink.rglob("*.json")) > 50
    full = [path.read_bytes().splitlines() for path in sink.rglob("*_S0.json")]
    times = [[json.loads(line)["timestamp"] for line in lines] for lines in full]
    assert sum(one != sorted(one) for one in times) > 100


def test_a_long_operation_has_a_start_and_an_end(entries: list[Record]) -> None:
    by_operation = collections.defaultdict(list)
    for entry in entries:
        if "operation" in entry:
            by_operation[entry["operation"]["id"]].append(entry)
    assert len(by_operation) > 500
    for first, last in by_operation.values():
        assert first["operation"]["first"] is last["operation"]["last"] is True
        assert method(first) == method(last)
        assert "authorizationInfo" in first["protoPayload"]
        assert "authorizationInfo" not in last["protoPayload"]


def test_people_programs_and_google_itself_act_and_addresses_belong_to_nobody(entries: list[Record]) -> None:
    kinds = {caller(entry).partition("@")[2].rpartition("quillfjord-")[2] or caller(entry)[:12] for entry in entries}
    assert {"quillfjord.example.com", "readers.iam.gserviceaccount.com", "reports.iam.gserviceaccount.com",
            "cloudservices.gserviceaccount.com", "google.com", "system:servi", "principal://"} <= kinds  # fmt: skip
    addresses = {address(entry) for entry in entries} - INSIDE
    assert all(re.fullmatch(r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+", one) for one in addresses)
    assert all(re.fullmatch(r"2026-10-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", entry["timestamp"]) for entry in entries)


def firsts(entries: list[Record], rule: str, call: str, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, str, str]]:
    """Who makes a call for the first time in a project after the first week; the end of an operation is not counted."""
    known: set[tuple[str, str]] = set()
    for entry in entries:
        if not method(entry).endswith(call) or by_google(entry) or not started(entry):
            continue
        if keys and not set(keys) & set(metadata_keys(entry)):
            continue
        who = caller(entry), entry["logName"]
        if who not in known and entry["timestamp"] > LEARNT:
            yield rule, who[0], entry["timestamp"][:19] + "Z"
        known.add(who)


def started(entry: Record) -> bool:
    return bool(entry.get("operation", {}).get("first", True)) and "last" not in entry.get("operation", {})


def by_google(entry: Record) -> bool:
    return caller(entry).endswith(
        ("@cloudservices.gserviceaccount.com", "container-engine-robot.iam.gserviceaccount.com")
    )


def metadata_keys(entry: Record) -> list[str]:
    delta = entry["protoPayload"].get("metadata", {})
    changes = delta.get("instanceMetadataDelta", {}) | delta.get("projectMetadataDelta", {})
    return [key for kind in ("addedMetadataKeys", "modifiedMetadataKeys") for key in changes.get(kind, ())]


def chains(entries: list[Record]) -> Iterator[tuple[str, str, str]]:
    """A copy of a disk, the copy put to use, and everybody let in: by one caller, in this order."""
    done: dict[str, int] = collections.defaultdict(int)
    for entry in entries:
        if not by_google(entry) and step(entry) == done[caller(entry)]:
            done[caller(entry)] += 1
            if done[caller(entry)] == 3:
                yield "gcp_snapshot_to_open_machine", caller(entry), entry["timestamp"][:19] + "Z"


def step(entry: Record) -> int:
    asked = entry["protoPayload"].get("request", {})
    match method(entry).removeprefix("v1.compute."):
        case "disks.createSnapshot":
            return 0
        case "disks.insert" if "sourceSnapshot" in asked:
            return 1
        case "firewalls.insert" | "firewalls.patch" if asked.get("sourceRanges") == ["0.0.0.0/0"]:
            return 2
    return -1


@pytest.mark.parametrize("seed", [7, 9])
def test_what_is_expected_is_what_brute_force_finds(seed: int) -> None:
    entries = in_order(seed)
    found = [
        *firsts(entries, "gcp_key_new_actor", ".CreateServiceAccountKey"),
        *firsts(entries, "gcp_machine_script_new_actor", "compute.instances.setMetadata", ("startup-script",)),
        *firsts(entries, "gcp_snapshot_new_actor", "compute.disks.createSnapshot"),
        *chains(entries),
    ]
    counted = {rule for rule, _, _ in found}
    wanted = [(one.rule, one.who, one.when) for one in expected() if one.rule in counted]
    assert sorted(found) == sorted(wanted)
    assert len(counted) == 4


def test_every_story_names_what_must_find_it(entries: list[Record]) -> None:
    tales = [tell(Stage()) for tell in STORIES]
    assert sum(tale.attack for tale in tales) == 3
    outside = {address(entry) for entry in entries if address(entry).startswith("192.0.2.2")}
    assert outside == {estate.LOGIN_ADDRESS, estate.KEY_ADDRESS, estate.SCRIPT_ADDRESS}


def test_the_key_that_leaves_is_the_one_that_was_made(entries: list[Record]) -> None:
    made = {
        e["protoPayload"]["response"]["name"].rpartition("/")[2] for e in entries if method(e).endswith("AccountKey")
    }
    names = [e["protoPayload"]["authenticationInfo"].get("serviceAccountKeyName", "") for e in entries]
    assert {name.rpartition("/")[2] for name in names if name} == made
