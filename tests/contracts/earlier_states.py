"""States as earlier versions wrote them: one small history in each kind of store, in ``tests/data/state/VERSION``.

A version is written once, by the code of that version, and never again::

    python -m tests.contracts.earlier_states tests/data/state/VERSION

::

    state.sqlite     the file
    dynamodb.json    the table's items
    tables.json      the table's entities
    expected.json    what the state said when it was written, in words that no format changes
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.data.tables import EntityProperty

from firstseen.adapters.aws.dynamodb import DynamoStore
from firstseen.adapters.aws.schema import create_table
from firstseen.adapters.azure.schema import create_table as create_azure_table
from firstseen.adapters.azure.table_store import TableStore
from firstseen.adapters.local.sqlite import SQLiteStore
from firstseen.deliveries import Delivery
from firstseen.findings.expectations import expect, expectations
from firstseen.findings.finding import Finding
from firstseen.findings.sink import Publication
from firstseen.store.store import Query, Store
from tests.contracts.aws_services import running
from tests.contracts.azure_services import storage
from tests.emulators import ROOT
from tests.faults.world import MINUTE_US, START_US, Clock, World, event

if TYPE_CHECKING:
    from azure.data.tables import TableClient
    from mypy_boto3_dynamodb import DynamoDBClient

FOLDER = ROOT / "tests" / "data" / "state"
TABLE = "firstseen"

HISTORY = [
    [event(1, 0), event(2, 1), event(3, 2, who="bob")],
    [event(4, 3), event(5, 4, call="Remove", address="192.0.2.2" + " " * 9_000)],  # large enough to be compressed
    [event(6, 90, who="carol")],
]
"""Batches. The first finding of carol is not sent: the sink is out."""

NOW_US = START_US + 100 * MINUTE_US


@dataclass(slots=True)
class Sink:
    """Takes what it is given while it is ``up``; remembers ids."""

    up: bool = True
    taken: list[str] = field(default_factory=list)

    def publish(self, findings: Sequence[Finding], *, deadline_us: int | None = None) -> Sequence[Publication]:
        del deadline_us
        if not self.up:
            return ["unavailable"] * len(findings)
        self.taken += [one.uid for one in findings]
        return ["sent"] * len(findings)


def write_history(store: Store) -> None:
    """Findings that were sent, one that waits, one that is expected; keys with memory; rows of every kind."""
    sink = Sink()
    world = World(store, sink, Clock(NOW_US))
    world.worker().activate(START_US)
    world.deliver(HISTORY[:-1])
    (removed, *_) = (row.finding for row in store.scan_findings(Query()) if row.finding.card.title == "Removed")
    expect(store, removed, until_us=NOW_US + 60 * MINUTE_US, reason="known", who="somebody", at_us=NOW_US)
    sink.up = False
    (last,) = HISTORY[-1]
    world.worker().process([Delivery("last", [last], NOW_US)])


def said(store: Store) -> dict[str, Any]:
    """What a state says, for ``expected.json``."""
    return {
        "findings": {
            row.finding.uid: [row.finding.card.title, row.finding.routing, row.status, row.finding.time_us]
            for row in store.scan_findings(Query())
        },
        "keys": {
            key: [found.state.rule_id, found.state.generation, found.state.last_us, len(found.state.pending)]
            for key, found in sorted(store.scan_states())
        },
        "expectations": [[one.reason, one.who, one.until_us] for _, one in expectations(store)],
        "rules": sorted(record.name for record in store.scan_records("rule")),
    }


def dynamodb_items(client: DynamoDBClient) -> list[dict[str, Any]]:
    """Every item, with binary values as base64 under ``B``."""
    items = client.scan(TableName=TABLE)["Items"]
    return [
        {
            name: {"B": base64.b64encode(bytes(value["B"])).decode()} if "B" in value else dict(value)
            for name, value in sorted(item.items())
        }
        for item in sorted(items, key=lambda one: (one["pk"]["S"], one["sk"]["S"]))
    ]


def fill_dynamodb(client: DynamoDBClient, items: Sequence[Mapping[str, Any]]) -> None:
    """Put them into a new table."""
    create_table(client, TABLE)
    for item in items:
        whole = {name: {"B": base64.b64decode(value["B"])} if "B" in value else value for name, value in item.items()}
        client.put_item(TableName=TABLE, Item=whole)


def table_entities(client: TableClient) -> list[dict[str, Any]]:
    """Every entity; each value under the letter of its type."""
    found = client.list_entities()
    return [
        {name: _written(value) for name, value in sorted(one.items())}
        for one in sorted(found, key=lambda one: (one["PartitionKey"], one["RowKey"]))
    ]


def fill_tables(client: TableClient, entities: Sequence[Mapping[str, Any]]) -> None:
    """Put them into a new table."""
    create_azure_table(client)
    for one in entities:
        client.create_entity({name: _value(value) for name, value in one.items()})


def _written(value: object) -> dict[str, Any]:
    match value:
        case bytes():
            return {"B": base64.b64encode(value).decode()}
        case EntityProperty():
            return {"L": str(value.value)}
        case str() | int() | bool():
            return {"S" if isinstance(value, str) else "N": value}
    msg = f"an entity holds a {type(value).__name__}"
    raise TypeError(msg)


def _value(written: Mapping[str, Any]) -> object:
    ((letter, value),) = written.items()
    match letter:
        case "B":
            return base64.b64decode(value)
        case "L":
            return EntityProperty(int(value), "Edm.Int64")
    return value


def write(folder: Path) -> None:
    """Write all four files. Refuses a folder that is there: what a version wrote stays as it is."""
    folder.mkdir(parents=True)
    with closing(SQLiteStore(folder / "state.sqlite")) as store:
        write_history(store)
        _write(folder / "expected.json", said(store))
    with running("moto") as service:
        client = service.dynamodb()
        create_table(client, TABLE)
        with closing(DynamoStore(TABLE, client=client)) as dynamo:
            write_history(dynamo)
        _write(folder / "dynamodb.json", dynamodb_items(client))
    with storage() as azure, closing(azure.client(TABLE)) as table:
        create_azure_table(table)
        with closing(TableStore(table)) as tables:
            write_history(tables)
            _write(folder / "tables.json", table_entities(azure.client(TABLE)))


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
