"""What the roles of the Bicep files allow, held against the requests that the Function app was seen to make."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from firstseen.adapters.azure.kept import AUDIT_LOGS, DEAD_LETTERS, LARGE, NEW_BLOBS, PUT_ASIDE, REJECTS
from firstseen.findings.times import MINUTE_US
from functions.azure.again import again
from functions.azure.collect import collect
from functions.azure.ingest import ingest
from functions.azure.singly import MAX_BEGUN
from functions.azure.sweep import sweep
from infra.azure.pinned import ROLES
from tests.contracts.event_grid_topic import Answer
from tests.emulators import azurite_installed
from tests.functions.azure_cloud import Cloud, Message, Servers, servers
from tests.functions.azure_past import CHANGED, RULES, World, past_beside
from tests.functions.fake_arm import entry, hub_record, stamp
from tests.functions.test_azure_baseline import publish
from tests.functions.test_azure_collect import put
from tests.infra.azure_calls import BLOBS, ENTITIES, MESSAGES, QUEUE, READ_LOG, SEND_EVENTS, STORAGE, Calls, recorded
from tests.infra.bicep_files import files, resources
from tests.infra.templates import needs_infra

pytestmark = [
    needs_infra,
    pytest.mark.skipif(not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"),
]

CONTAINERS = f"{STORAGE}/blobServices/containers"
TABLES = f"{STORAGE}/tableServices/tables"
ALL_ENTITIES = frozenset(f"{ENTITIES}/{one}" for one in ("read", "write", "delete", "add/action", "update/action"))
READ_BLOBS = frozenset({f"{CONTAINERS}/read", f"{BLOBS}/read"})
WRITE_BLOBS = frozenset(f"{BLOBS}/{one}" for one in ("write", "delete", "add/action", "move/action"))

ALLOWS: dict[str, frozenset[str]] = {
    "EventGrid Data Sender": frozenset({SEND_EVENTS}),
    "Storage Blob Data Contributor": READ_BLOBS | WRITE_BLOBS | {f"{CONTAINERS}/write", f"{CONTAINERS}/delete"},
    "Storage Blob Data Reader": READ_BLOBS,
    "Storage Queue Data Contributor": frozenset(
        {f"{QUEUE}/read", f"{QUEUE}/write", f"{QUEUE}/delete"}
        | {f"{MESSAGES}/{one}" for one in ("read", "write", "delete", "add/action", "process/action")}
    ),
    "Storage Queue Data Message Processor": frozenset({f"{MESSAGES}/read", f"{MESSAGES}/process/action"}),
    "Storage Queue Data Message Sender": frozenset({f"{MESSAGES}/add/action"}),
    "Storage Queue Data Reader": frozenset({f"{QUEUE}/read", f"{MESSAGES}/read"}),
    "Storage Table Data Contributor": ALL_ENTITIES | {f"{TABLES}/{one}" for one in ("read", "write", "delete")},
    "Storage Table Data Reader": frozenset({f"{TABLES}/read", f"{ENTITIES}/read"}),
}
"""What built-in roles allow, as Azure's reference has them, as far as calls of ours can need it; those that are smaller
than one that is assigned, too.
"""

BY_HOST = {
    "hostOwnsItsBlobs": "the Functions host keeps leases and checkpoints, and reads the package",
    "appReadsEvents": "the host's trigger reads the hub",
    "appSendsCanaries": "the host sends what the function for canaries returns",
    "appTakesNotices": "the host's trigger takes messages, counts, deletes and shows them again",
    "appWritesLogs": "host and worker write logs",
}
"""Assignments of the app's identity that no request of its code needs, and why they are there."""

BY_TOPICS = {"topicKeepsUndelivered", "topicSendsNotices"}
"""Assignments of Event Grid's own identities: it writes what nobody would take, and notices of new blobs."""

WIDER = {"appPutsAside": "the host's trigger takes messages, hides them anew and deletes them"}
"""Assignments for which a smaller role would do, if only the app's own requests counted."""


BY_TRIGGERS = frozenset(
    {f"{QUEUE}/read", f"{MESSAGES}/read", f"{MESSAGES}/process/action", f"{MESSAGES}/write", f"{MESSAGES}/delete"}
)
"""What the host needs on a queue that it calls a function for: to count, to take, to show a message again whose call
failed, and to remove it when the call is done.
"""


@dataclass(frozen=True)
class Grant:
    """A role on something. ``on``: kind and name, as calls have them."""

    symbol: str
    role: str
    allows: frozenset[str]
    on: str


def _on(file: str, scope: str) -> str:
    """What an assignment is on, in the words of a call."""
    if not scope:
        return "subscription"
    found = files()[file]["resources"][scope]
    kind = {"tables": "table", "queues": "queue", "containers": "container", "topics": "topic"}.get(
        found["type"].partition("@")[0].rpartition("/")[2]
    )
    if kind == "topic":
        return kind
    return f"{kind} {found['config']['name']}" if kind else scope


def _own(file: str) -> dict[str, frozenset[str]]:
    """The roles that a file makes."""
    made = {}
    for symbol, one in resources(file, "Microsoft.Authorization/roleDefinitions").items():
        (allowed,) = one["properties"]["permissions"]
        assert not {"notActions", "notDataActions"} & set(allowed)
        made[symbol] = frozenset([*allowed.get("actions", ()), *allowed.get("dataActions", ())])
    return made


@cache
def grants() -> tuple[Grant, ...]:
    """Every assignment in the Bicep files to the app's identity."""
    found = []
    for file in files():
        own = _own(file)
        for symbol, one in resources(file, "Microsoft.Authorization/roleAssignments").items():
            said = str(one["properties"]["roleDefinitionId"])
            (role,) = [name for name in own if f"{name}.id" in said or f"'{name}'" in said] or [
                name for key, name in ROLES.items() if key in said
            ]
            assert ("'identity'" in str(one["properties"]["principalId"])) is (symbol in BY_TOPICS)
            if symbol not in BY_TOPICS:
                allows = own.get(role, ALLOWS.get(role, frozenset()))
                found.append(Grant(symbol, role, allows, _on(file, one.get("scope", ""))))
    return tuple(found)


def _told(world: World, number: int, who: str) -> bytes:
    """What the hub gets when somebody runs a command now."""
    record = hub_record(entry(number, who, stamp(world.cloud.clock())))
    return json.dumps({"records": [record]}).encode()


def _again(cloud: Cloud, calls: Calls, begun: int = 1) -> None:
    """The host takes a message and hands it to the app."""
    queue = cloud.queue(PUT_ASIDE)
    found = queue.receive_message(visibility_timeout=60)
    assert found is not None
    cloud.clock.now_us += 2 * MINUTE_US
    parts = cloud.build()
    with calls.by_app():
        again(parts, Message(found.id, found.content.encode(), found.inserted_on, begun))
    queue.delete_message(found)


def _deliveries(world: World, calls: Calls) -> None:
    """A topic that is down for a while, something unreadable, something large, and what was tried too often."""
    cloud = world.cloud
    cloud.topic.script = lambda _: Answer(503)
    large = b'{"records": [' + b",".join(b'"%d %s"' % (number, b"x" * 90_000) for number in range(2)) + b"]}"
    with calls.by_app():
        ingest(cloud.build(), cloud.events([_told(world, 900, "zoe"), large]))
        ingest(cloud.build(), cloud.events([_told(world, 901, "z" * 90_000)]))
    cloud.topic.script = lambda _: None
    _again(cloud, calls)
    _again(cloud, calls, MAX_BEGUN + 1)
    cloud.clock.now_us += 15 * MINUTE_US
    with calls.by_app():
        sweep(cloud.build())
    cloud.clock.now_us += 40 * 24 * 60 * MINUTE_US
    with calls.by_app():
        sweep(cloud.build())


def _blobs(cloud: Cloud, calls: Calls) -> None:
    """A log that somebody put into the container."""
    notice = put(cloud, "some/log.json", b'{"records": []}')
    parts = cloud.build()
    with calls.by_app():
        assert collect(parts, notice).retry == {}


def _baselines(world: World, calls: Calls, folder: Path) -> None:
    """The first build, and rules that wait for theirs and then come in force."""
    publish(world, folder, RULES)
    with calls.by_app():
        world.call()
    publish(world, folder, CHANGED, "--after-baseline")
    for _ in range(3):
        with calls.by_app():
            world.call(later_minutes=5)


def _container(around: Servers) -> None:
    packs = ContainerClient.from_connection_string(around.azurite.connection_string, "packs")
    packs.create_container()
    packs.close()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[tuple[str, str]]]:
    """What the requests need, on what the deployment calls it."""
    folder = tmp_path_factory.mktemp("privileges")
    with servers(folder) as around, past_beside(around.deploy(RULES)) as world, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZURE_STORAGE_CONNECTION_STRING", around.azurite.connection_string)
        _container(around)
        world.cloud.environment["FIRSTSEEN_PACKS"] = f"{around.azurite.blob_url}/packs/rules"
        urls = {"table": around.azurite.table_url, "queue": around.azurite.queue_url, "blob": around.azurite.blob_url}
        urls |= {"topic": around.topic.url, "log": world.url}
        with recorded(urls) as calls:
            _baselines(world, calls, folder)
            _deliveries(world, calls)
            _blobs(world.cloud, calls)
        table = world.cloud.environment["FIRSTSEEN_TABLE"]
        yield {(right, re.sub(rf"^table {table}$", "table firstseen", on)) for right, on in calls.seen}


def test_every_request_of_the_app_is_allowed_by_a_role_on_the_very_thing_that_it_asks(
    seen: set[tuple[str, str]],
) -> None:
    assert [need for need in sorted(seen) if not _allowing(need)] == []
    queues = {f"queue {one}" for one in (PUT_ASIDE, DEAD_LETTERS, REJECTS)}
    containers = {f"container {one}" for one in ("packs", LARGE, AUDIT_LOGS)}
    places = {"table firstseen", "topic", "subscription"} | queues | containers
    assert {on for _, on in seen} == places, "each of them was asked, so that each role is tried"


def _allowing(need: tuple[str, str]) -> list[Grant]:
    return [one for one in grants() if one.on == need[1] and need[0] in one.allows]


def test_every_role_is_needed_by_a_request_or_is_there_for_a_reason_that_is_written_down(
    seen: set[tuple[str, str]],
) -> None:
    needed = {one.symbol for one in grants() if any((right, one.on) in seen for right in one.allows)}
    assert {one.symbol for one in grants()} - needed == set(BY_HOST)


def test_no_role_is_assigned_where_the_others_on_the_same_thing_do_without_it(seen: set[tuple[str, str]]) -> None:
    """Each is the only one for some request."""
    alone = {found[0].symbol for found in map(_allowing, seen) if len(found) == 1}
    assert alone == {one.symbol for one in grants()} - set(BY_HOST)


def test_no_smaller_roles_would_do(seen: set[tuple[str, str]]) -> None:
    """Of the built-in ones; those of our own allow what is asked and nothing else."""
    wider = set()
    for one in grants():
        asked = {right for right, on in seen if on == one.on and right in one.allows}
        if one.symbol in BY_HOST:
            continue
        if one.role not in ROLES.values():
            assert one.allows == asked
        elif asked <= {right for other in ALLOWS.values() if other < one.allows for right in other}:
            wider.add(one.symbol)
    assert wider == set(WIDER)


@pytest.mark.parametrize("name", [PUT_ASIDE, NEW_BLOBS])
def test_the_host_may_do_with_a_triggers_queue_what_a_failed_call_takes(name: str) -> None:
    assert {right for one in grants() if one.on == f"queue {name}" for right in one.allows} >= BY_TRIGGERS


def test_what_the_app_cannot_do_with_what_it_was_given() -> None:
    """Whoever takes it over can neither remove what could not be read, nor change a log or write another's blob.

    That of the packs it may write one blob only is a condition, which test_bicep.py reads.
    """
    app = grants()
    for on in (f"queue {REJECTS}", f"queue {DEAD_LETTERS}"):
        allowed = {right for one in app if one.on == on for right in one.allows}
        assert allowed == {f"{QUEUE}/read", f"{MESSAGES}/read", f"{MESSAGES}/add/action"}
    packs = {right for one in app if one.on == "container packs" for right in one.allows}
    assert packs == READ_BLOBS | {f"{BLOBS}/write"}
    assert {right for one in app if one.on == f"container {AUDIT_LOGS}" for right in one.allows} == READ_BLOBS
    assert not [one for one in app if "Microsoft.Authorization" in str(sorted(one.allows))]
    assert {right for one in app if one.on == "subscription" for right in one.allows} == {READ_LOG}
