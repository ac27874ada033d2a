"""What the Function app meets, in this process: Azurite, a topic of Event Grid, an event hub that does not wait."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from firstseen.adapters.azure.asking import Account
from firstseen.adapters.azure.blobs import container_client
from firstseen.adapters.azure.clients import local_table_client
from firstseen.adapters.azure.kept import AUDIT_LOGS, DEAD_LETTERS, LARGE, PUT_ASIDE, REJECTS
from firstseen.adapters.azure.queues import queue_client
from firstseen.adapters.azure.schema import create_table
from firstseen.adapters.azure.table_store import TableStore
from firstseen.findings.sink import Sink
from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import dump
from firstseen.store.store import FindingRow, Query, Store
from functions.azure import wiring
from functions.azure.again import again
from functions.azure.ingest import ingest
from tests.contracts.event_grid_topic import KEY, Topic, topic
from tests.emulators import Azurite, azurite
from tests.faults.world import MINUTE_US, RULES, Clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Event:
    """An event as azure-functions hands it over."""

    body: bytes
    sequence_number: int | None
    enqueued_time: datetime | None
    metadata: Mapping[str, object] | None = None

    def get_body(self) -> bytes:
        return self.body


@dataclass(frozen=True, slots=True)
class Message:
    """A queue's message as azure-functions hands it over."""

    id: str
    body: bytes
    insertion_time: datetime | None = None
    dequeue_count: int | None = 1

    def get_body(self) -> bytes:
        return self.body


def event_of(body: bytes, number: int, enqueued_us: int) -> Event:
    """An event of partition 3 of the hub named logs."""
    context = {"EventHubName": "logs", "PartitionId": "3"}
    return Event(body, number, _EPOCH + timedelta(microseconds=enqueued_us), {"PartitionContext": context})


@dataclass
class Cloud:
    """One deployment. Its queues and blobs are cleared when it is made; its table is its own."""

    environment: dict[str, str]
    clock: Clock
    topic: Topic
    account: Account
    _sequence: Iterator[int] = field(default_factory=itertools.count)

    def build(
        self,
        over_store: Callable[[Store], Store] = lambda store: store,
        over_sink: Callable[[Sink], Sink] = lambda sink: sink,
    ) -> wiring.Parts:
        """What a process of the app has."""
        return wiring.build(self.environment, clock=self.clock, over_store=over_store, over_sink=over_sink)

    def events(self, bodies: Sequence[bytes]) -> list[Event]:
        """Enqueued now."""
        return [event_of(body, next(self._sequence), self.clock()) for body in bodies]

    def deliver(
        self, make: Callable[[], wiring.Parts], bodies: Sequence[bytes], *, rounds: int = 60
    ) -> list[wiring.Parts]:
        """A batch, under the trigger's retry policy, then what was put aside until nothing is; a process each time."""
        events, used = self.events(bodies), []
        for _ in range(rounds):
            used.append(make())
            try:
                ingest(used[-1], events)
            except Exception:  # noqa: BLE001 - the host tries again, whatever it was
                self.clock.now_us += MINUTE_US
            else:
                break
        else:
            raise AssertionError("never ended")
        return used + self.drain(make, rounds=rounds)

    def drain(self, make: Callable[[], wiring.Parts], *, rounds: int = 60) -> list[wiring.Parts]:
        """Call the queue's function until nothing is put aside; a process each time."""
        used: list[wiring.Parts] = []
        queue = self.queue(PUT_ASIDE)
        for _ in range(rounds):
            found = queue.receive_message(visibility_timeout=60)
            if found is None:
                return used
            self.clock.now_us += 2 * MINUTE_US
            used.append(make())
            try:
                again(used[-1], Message(found.id, found.content.encode(), found.inserted_on))
            except Exception:  # noqa: BLE001 - the host lets it be seen again
                queue.update_message(found, visibility_timeout=0)
            else:
                queue.delete_message(found)
        raise AssertionError("never drained")

    def queue(self, name: str) -> QueueClient:
        return queue_client(self.account, name)

    def blobs(self) -> ContainerClient:
        return container_client(self.account, LARGE)

    def arrivals(self) -> ContainerClient:
        """The container that others put logs into."""
        return container_client(self.account, AUDIT_LOGS)

    def kept(self, name: str) -> list[dict[str, Any]]:
        """Messages of a queue that can be seen, which stay in it."""
        return [json.loads(one.content) for one in self.queue(name).peek_messages(max_messages=32)]

    def rejects(self) -> list[dict[str, Any]]:
        return self.kept(REJECTS)

    def raw_of(self, reject: dict[str, Any]) -> str:
        """The bytes of a reject, wherever they lie."""
        if "blob" in reject:
            return self.blobs().download_blob(reject["blob"]).readall().decode(errors="replace")
        return str(reject.get("raw"))

    def rows(self) -> list[FindingRow]:
        """Every finding in the table."""
        client = local_table_client(self.account.connection_string, self.environment["FIRSTSEEN_TABLE"])
        return list(TableStore(client, workers=1).scan_findings(Query()))

    def uids(self) -> list[str]:
        return sorted(row.finding.uid for row in self.rows())


@dataclass
class Servers:
    """What deployments share."""

    azurite: Azurite
    topic: Topic
    folder: Path
    made: bool = False

    def deploy(self, rules: str = RULES) -> Cloud:
        """A deployment with nothing in it."""
        number = next(_numbers)
        account = Account("", self.azurite.connection_string)
        cloud = Cloud(self.environment(f"state{number}", rules), Clock(), self.topic, account)
        create_table(local_table_client(account.connection_string, f"state{number}"))
        self.make_once(cloud)
        for name in (PUT_ASIDE, DEAD_LETTERS, REJECTS):
            cloud.queue(name).clear_messages()
        for blobs in (cloud.blobs(), cloud.arrivals()):
            for blob in blobs.list_blob_names():
                blobs.delete_blob(blob)
        self.topic.script = lambda _: None
        self.topic.received()
        return cloud

    def make_once(self, cloud: Cloud) -> None:
        """Queues and containers, whose names are the same for every deployment."""
        if not self.made:
            for name in (PUT_ASIDE, DEAD_LETTERS, REJECTS):
                cloud.queue(name).create_queue()
            cloud.blobs().create_container()
            cloud.arrivals().create_container()
            self.made = True

    def environment(self, table: str, rules: str) -> dict[str, str]:
        """What a deployment is told."""
        pack = self.folder / f"{hashlib.sha256(rules.encode()).hexdigest()}.pack"
        if not pack.exists():
            pack.write_bytes(dump(build_pack({"rules.yml": rules.encode()})))
        return {
            "FIRSTSEEN_TABLE": table,
            "FIRSTSEEN_STORAGE": self.azurite.connection_string,
            "FIRSTSEEN_TOPIC_ENDPOINT": self.topic.url,
            "FIRSTSEEN_TOPIC_KEY": KEY,
            "FIRSTSEEN_PACK": str(pack),
            "FIRSTSEEN_AGAIN_SECONDS": "0",
        }


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """An Azurite and a topic."""
    with azurite() as server, topic() as made:
        yield Servers(server, made, folder)
