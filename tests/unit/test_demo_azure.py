"""The demo company's half at Azure: real shapes, out of order, twice over; and its stories, counted by brute force."""

import collections
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.azure import estate
from demo.azure.activity import rest
from demo.azure.break_ins import STORIES
from demo.azure.delivery import READ_DAYS, happenings, hub_of, write_hubs
from demo.stories import DAYS, Stage, expected
from firstseen.sources.event import Event
from firstseen.sources.reading import read_document

Record = dict[str, Any]
NOW_US = 1_792_108_800_000_000
UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
OBJECT = "http://schemas.microsoft.com/identity/claims/objectidentifier"
TENANT = "http://schemas.microsoft.com/identity/claims/tenantid"
HUBS = {
    "insights-activity-logs",
    "insights-logs-auditlogs",
    "insights-logs-signinlogs",
    "insights-logs-noninteractiveusersigninlogs",
    "insights-logs-serviceprincipalsigninlogs",
    "insights-logs-managedidentitysigninlogs",
}


@pytest.fixture(scope="module")
def hubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hubs")
    write_hubs(folder, seed=7)
    return folder / "azure"


@pytest.fixture(scope="module")
def entries() -> list[Record]:
    told = [json.loads(json.dumps(entry)) for _, entry in happenings(7, DAYS)]
    return sorted(told, key=lambda entry: str(entry["time"]))


def messages(hubs: Path) -> Iterator[tuple[str, list[Record]]]:
    for path in sorted(hubs.glob("insights-*/**/*.jsonl")):
        for line in path.read_bytes().splitlines():
            yield path.relative_to(hubs).parts[0], json.loads(line)["records"]


def caller(entry: Record) -> str:
    claims = entry["identity"]["claims"]
    return str(claims.get(UPN, claims[OBJECT]))


def administrative(entries: list[Record], action: str) -> list[Record]:
    return [e for e in entries if e["category"] == "Administrative" and e["operationName"] == action.upper()]


def test_the_same_seed_writes_the_same_bytes_and_an_earlier_demo_is_replaced(hubs: Path, tmp_path: Path) -> None:
    write_hubs(tmp_path, seed=8, days=16)
    before = {path.relative_to(tmp_path / "azure"): path.read_bytes() for path in tmp_path.rglob("*.json*")}
    write_hubs(tmp_path, seed=7)
    after = {path.relative_to(tmp_path / "azure"): path.read_bytes() for path in tmp_path.rglob("*.json*")}
    assert after == {path.relative_to(hubs): path.read_bytes() for path in hubs.rglob("*.json*")} != before


def test_every_hub_has_what_belongs_there(hubs: Path) -> None:
    found: collections.Counter[str] = collections.Counter()
    for hub, records in messages(hubs):
        assert {hub_of(entry) for entry in records} == {hub}
        found[hub] += len(records)
    assert found.keys() == HUBS
    assert 4_000 <= found.total() <= 7_000
    assert min(found.values()) > 40


def test_the_product_reads_every_entry_without_a_remark(hubs: Path) -> None:
    sources: collections.Counter[str] = collections.Counter()
    ids: set[str] = set()
    for path in sorted(hubs.rglob("*.json*")):
        for place, document in enumerate(path.read_bytes().splitlines()):
            for item in read_document(place, document, received_us=NOW_US):
                assert isinstance(item, Event), item
                assert item.remarks == ()
                sources[item.source.name] += 1
                ids.add(item.id)
    assert sources.keys() == {"azure.activitylogs", "azure.signinlogs", "azure.auditlogs"}
    assert len(ids) == sum(1 for _ in happenings(7, DAYS))


def test_about_two_in_a_hundred_come_twice_and_out_of_order(hubs: Path) -> None:
    seen: collections.Counter[str] = collections.Counter()
    late = 0
    newest: dict[str, str] = collections.defaultdict(str)
    for hub, records in messages(hubs):
        for entry in records:
            seen[json.dumps(entry)] += 1
            late += entry["time"] < newest[hub]
            newest[hub] = max(newest[hub], entry["time"])
    twice = sum(count == 2 for count in seen.values())
    assert max(seen.values()) == 2
    assert 0.01 < twice / len(seen) < 0.03
    assert late > 500


def test_days_that_the_interface_was_asked_for_hold_the_same_operations(hubs: Path, entries: list[Record]) -> None:
    for day in READ_DAYS:
        page = json.loads((hubs / "activity-log-api" / f"{day}.json").read_bytes())["value"]
        wanted = [
            entry["correlationId"]
            for entry in entries
            if entry["category"] == "Administrative"
            and entry["time"].startswith(day)
            and estate.PROD.id.upper() in entry["resourceId"]
        ]
        assert sorted(one["correlationId"] for one in page) == sorted(wanted)
        times = [one["eventTimestamp"] for one in page]
        assert times == sorted(times, reverse=True)


def test_an_entry_in_both_shapes_differs_as_azure_differs(entries: list[Record]) -> None:
    entry = administrative(entries, "Microsoft.Compute/virtualMachines/runCommand/action")[0]
    page = rest(entry)
    assert page["operationName"] == {
        "value": "Microsoft.Compute/virtualMachines/runCommand/action",
        "localizedValue": "Microsoft.Compute/virtualMachines/runCommand/action",
    }
    assert (page["status"], page["caller"]) == ({"value": "Started"}, caller(entry))
    assert str(page["resourceId"]).upper() == entry["resourceId"] != page["resourceId"]


def test_operations_begin_and_end_with_the_same_correlation_id(entries: list[Record]) -> None:
    by_operation = collections.defaultdict(list)
    for entry in entries:
        if entry["category"] == "Administrative":
            by_operation[entry["correlationId"]].append(entry["resultType"])
    assert {tuple(steps) for steps in by_operation.values()} == {("Start", "Success"), ("Start", "Accept", "Success")}
    assert len(by_operation) > 700


def test_times_have_seven_digits_and_addresses_belong_to_nobody(entries: list[Record]) -> None:
    addresses = {entry.get("callerIpAddress", "") for entry in entries} - {""}
    assert all(re.fullmatch(r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+", one) for one in addresses)
    assert all(re.fullmatch(r"2026-10-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", entry["time"]) for entry in entries)


def test_people_sign_in_with_two_factors_from_home_and_only_stories_do_not(entries: list[Record]) -> None:
    abroad = [e for e in entries if e["category"] == "SignInLogs" and e["location"] != estate.HOME_COUNTRY]
    single = [
        e
        for e in entries
        if e["category"] == "SignInLogs"
        and e["properties"]["authenticationRequirement"] == "singleFactorAuthentication"
    ]
    assert abroad == single
    assert [e["properties"]["userPrincipalName"].partition("@")[0] for e in abroad] == ["yuki"] * 3 + ["ines"]
    assert sum(e["category"] == "SignInLogs" for e in entries) > 250


def new_commands(entries: list[Record]) -> Iterator[tuple[str, str, str]]:
    """A caller's first command in the fortnight, after the first week."""
    known: set[str] = set()
    for entry in administrative(entries, "Microsoft.Compute/virtualMachines/runCommand/action"):
        who = caller(entry)
        if who not in known and entry["time"] > "2026-10-08T01":
            yield "azure_run_command_new_principal", who, entry["time"][:19] + "Z"
        known.add(who)


def many_machines(entries: list[Record], action: str, most: int, rule: str) -> Iterator[tuple[str, str, str]]:
    """The first time that a caller reached so many machines within an hour."""
    reached: dict[str, dict[str, int]] = collections.defaultdict(dict)
    told: set[str] = set()
    for entry in administrative(entries, action):
        who, second = caller(entry), int(entry["time"][8:10]) * 86_400 + clock(entry)
        reached[who][entry["resourceId"]] = second
        recent = [at for at in reached[who].values() if at > second - 3600]
        if len(recent) >= most and who not in told:
            told.add(who)
            yield rule, who, entry["time"][:19] + "Z"


def clock(entry: Record) -> int:
    hours, minutes, seconds = map(int, entry["time"][11:19].split(":"))
    return hours * 3600 + minutes * 60 + seconds


def chains(entries: list[Record]) -> Iterator[tuple[str, str, str]]:
    """Snapshot, a disk of a snapshot, a machine written, a rule for everybody: by one caller, in order."""
    done: dict[str, int] = collections.defaultdict(int)
    for entry in entries:
        if entry["category"] == "Administrative" and step(entry) == done[caller(entry)]:
            done[caller(entry)] += 1
            if done[caller(entry)] == 4:
                yield "azure_snapshot_to_open_machine", caller(entry), entry["time"][:19] + "Z"


def step(entry: Record) -> int:
    said = entry["properties"]
    match entry["operationName"].removeprefix("MICROSOFT."):
        case "COMPUTE/SNAPSHOTS/WRITE":
            return 0
        case "COMPUTE/DISKS/WRITE" if "/snapshots/" in said.get("responseBody", ""):
            return 1
        case "COMPUTE/VIRTUALMACHINES/WRITE":
            return 2
        case "NETWORK/NETWORKSECURITYGROUPS/SECURITYRULES/WRITE" if '"sourceAddressPrefix":"*"' in str(said):
            return 3
    return -1


@pytest.mark.parametrize("seed", [7, 9])
def test_what_is_expected_is_what_brute_force_finds(seed: int) -> None:
    entries = sorted((entry for _, entry in happenings(seed, DAYS)), key=lambda entry: str(entry["time"]))
    run, delete = "runCommand/action", "delete"
    vm = "Microsoft.Compute/virtualMachines"
    counted = {
        *new_commands(entries),
        *chains(entries),
        *many_machines(entries, f"{vm}/{run}", 10, "azure_run_command_many_machines"),
        *many_machines(entries, f"{vm}/{delete}", 5, "azure_vms_deleted_many"),
    }
    rules = {rule for rule, _, _ in counted}
    assert len(rules) == 4
    assert counted == {(one.rule, one.who, one.when) for one in expected() if one.rule in rules}


def test_the_partner_works_here_every_day_and_runs_one_command(entries: list[Record]) -> None:
    of_partner = [
        entry
        for entry in entries
        if entry["category"] == "Administrative" and entry["identity"]["claims"].get(TENANT) == estate.PARTNER_TENANT
    ]
    days = {entry["time"][:10] for entry in of_partner}
    commands = [entry for entry in of_partner if "RUNCOMMAND" in entry["operationName"]]
    assert len(days) > 8
    assert len({entry["correlationId"] for entry in commands}) == 1
    assert all(entry["tenantId"] == estate.TENANT for entry in of_partner)


def test_each_story_says_what_must_find_it() -> None:
    assert [tell.__name__ for tell in STORIES if not tell(Stage()).attack] == ["patch_rounds"]
    assert all(tell.__doc__ for tell in STORIES)
