"""What earlier versions wrote is read, and goes on; what later ones wrote is refused and left as it is."""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import firstseen
from firstseen.adapters.aws.dynamodb import DynamoStore
from firstseen.adapters.azure.table_store import TableStore
from firstseen.adapters.local.sqlite import SQLiteStore
from firstseen.errors import StoreUnusable
from firstseen.findings import finding as findings
from firstseen.findings import rows
from firstseen.findings.learning import RULE, RuleRow
from firstseen.findings.rows import read_row
from firstseen.store import state as states
from firstseen.store.store import Query, Store
from tests.contracts.aws_services import running
from tests.contracts.azure_services import Storage, storage
from tests.contracts.earlier_states import (
    FOLDER,
    HISTORY,
    NOW_US,
    TABLE,
    Sink,
    fill_dynamodb,
    fill_tables,
    said,
    write_history,
)
from tests.emulators import azurite_installed
from tests.faults.world import MINUTE_US, Clock, World, event

VERSIONS = sorted(one.name for one in FOLDER.iterdir() if one.is_dir())

STORES = [
    "sqlite",
    "dynamodb",
    pytest.param(
        "tables",
        marks=pytest.mark.skipif(
            not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"
        ),
    ),
]

_numbers = itertools.count()


@pytest.fixture(scope="module")
def azure() -> Iterator[Storage]:
    with storage() as service:
        yield service


@pytest.fixture(params=STORES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Store]]:
    """Opens a copy of what a version wrote."""
    if request.param == "sqlite":

        def sqlite(version: str) -> Store:
            copy = tmp_path / "state.sqlite"
            shutil.copyfile(FOLDER / version / "state.sqlite", copy)
            return SQLiteStore(copy)

        yield sqlite
    elif request.param == "dynamodb":
        with running("moto") as service:

            def dynamo(version: str) -> Store:
                client = service.dynamodb()
                fill_dynamodb(client, _read(version, "dynamodb.json"))
                return DynamoStore(TABLE, client=client)

            yield dynamo
    else:
        client = request.getfixturevalue("azure").client(f"{TABLE}{next(_numbers)}")

        def tables(version: str) -> Store:
            fill_tables(client, _read(version, "tables.json"))
            return TableStore(client)

        yield tables
        client.close()


def _read(version: str, name: str) -> Any:  # noqa: ANN401 - items and entities are JSON
    return json.loads((FOLDER / version / name).read_text(encoding="utf-8"))


def test_this_version_has_left_a_state() -> None:
    """Whoever raises the version writes its state; tests/contracts/earlier_states.py says how."""
    assert firstseen.__version__ in VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_version_wrote_says_now_what_it_said_then(opened: Callable[[str], Store], version: str) -> None:
    with closing(opened(version)) as store:
        assert said(store) == _read(version, "expected.json")
        assert all(read_row(one, RuleRow) is not None for one in store.scan_records(RULE))


@pytest.mark.parametrize("version", VERSIONS)
def test_after_an_upgrade_nothing_known_is_new_what_waited_is_sent_and_what_is_new_is_found(
    opened: Callable[[str], Store], version: str
) -> None:
    with closing(opened(version)) as store:
        before = _read(version, "expected.json")["findings"]
        waiting = [uid for uid, (*_, status, _) in before.items() if status == "pending"]
        sink = Sink()
        world = World(store, sink, Clock(NOW_US + 30 * MINUTE_US))
        world.worker().activate(NOW_US + 30 * MINUTE_US)
        world.deliver(HISTORY)  # all of it comes again
        assert world.uids() == sorted(before)
        assert sink.taken == waiting
        assert len(waiting) == 1
        world.deliver([[event(7, 95, who="carol"), event(8, 96, who="dora")]])
        (new,) = set(world.uids()) - set(before)
        assert sink.taken[1:] == [new]
        (found,) = (row.finding for row in store.scan_findings(Query()) if row.finding.uid == new)
        assert [value for _, value in found.terms] == ["dora"]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_expected_stays_so(opened: Callable[[str], Store], version: str) -> None:
    with closing(opened(version)) as store:
        sink = Sink()
        world = World(store, sink, Clock(NOW_US + 30 * MINUTE_US))
        world.deliver([[event(9, 97, call="Remove")]])
        routings = {row.finding.routing for row in store.scan_findings(Query()) if row.finding.card.title == "Removed"}
        assert routings == {"send", "expected"}


# ---- a later version's ----------------------------------------------------------------------------------------------


def test_a_file_of_a_later_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    shutil.copyfile(FOLDER / firstseen.__version__ / "state.sqlite", path)
    with closing(sqlite3.connect(path)) as db:
        (number,) = db.execute("PRAGMA user_version").fetchone()
        db.execute(f"PRAGMA user_version = {number + 1}")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    with pytest.raises(StoreUnusable, match="upgrade firstseen"):
        SQLiteStore(path)
    assert path.read_bytes() == before


LATER: dict[str, tuple[object, str]] = {
    "key states": (states, "STATE_FORMAT"),
    "findings": (findings, "FINDING_FORMAT"),
}
"""The rows that a later version may write in a format of its own, in any store; rules' rows have a test below."""


@pytest.mark.parametrize(("module", "name"), LATER.values(), ids=LATER)
def test_rows_of_a_later_version_are_refused_by_name_and_not_taken_for_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object, name: str
) -> None:
    """A rollback over a format's change stops; it never reports everything as new."""
    with closing(SQLiteStore(tmp_path / "state.sqlite")) as store:
        with monkeypatch.context() as later:
            later.setattr(module, name, 2)
            write_history(store)
        sink = Sink()
        world = World(store, sink, Clock(NOW_US + 30 * MINUTE_US))
        with pytest.raises(StoreUnusable, match="upgrade"):
            world.deliver(HISTORY)
        assert sink.taken == []


def test_a_rules_row_of_a_later_version_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(SQLiteStore(tmp_path / "state.sqlite")) as store:
        write_history(store)
        monkeypatch.setattr(rows, "ROW_FORMAT", 0)  # as if this version were an earlier one
        with pytest.raises(StoreUnusable, match="upgrade"):
            World(store, Sink(), Clock(NOW_US)).worker().activate(NOW_US)
