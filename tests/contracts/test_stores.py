"""The local stores keep the store contract; and what only a file can do wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firstseen.adapters.local.memory import MemoryStore
from firstseen.adapters.local.sqlite import SQLiteStore
from firstseen.store.store import Store
from tests.contracts.store_contract import StoreContract


class MemoryHarness:
    """One storage in memory; "a restart" can only be another object over it."""

    expires_by_itself = False

    def __init__(self) -> None:
        self._first = MemoryStore()

    def open(self) -> Store:
        return MemoryStore(shared=self._first)

    def reopen(self) -> Store:
        return self.open()


class SQLiteHarness:
    """One file."""

    expires_by_itself = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stores: list[SQLiteStore] = []

    def open(self) -> Store:
        self._stores.append(SQLiteStore(self._path, busy_seconds=60))
        return self._stores[-1]

    def reopen(self) -> Store:
        self.close()
        return self.open()

    def close(self) -> None:
        while self._stores:
            self._stores.pop().close()


@pytest.fixture(params=["memory", "sqlite"])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MemoryHarness | SQLiteHarness]:
    if request.param == "memory":
        yield MemoryHarness()
        return
    harness = SQLiteHarness(tmp_path / "state.db")
    yield harness
    harness.close()


class TestLocalStores(StoreContract):
    """memory and SQLite."""


def test_a_closed_store_refuses_further_calls(harness: MemoryHarness | SQLiteHarness) -> None:
    store = harness.open()
    store.close()
    with pytest.raises(Exception, match="closed"):
        store.read(["key"])
    assert dict(harness.open().read(["key"])) == {}
