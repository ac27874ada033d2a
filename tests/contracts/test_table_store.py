"""The Table Storage store keeps the store contract."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from firstseen.adapters.azure.schema import create_table
from firstseen.adapters.azure.table_store import TableStore
from firstseen.store.store import Store
from tests.contracts.azure_services import Storage, storage
from tests.contracts.store_contract import StoreContract
from tests.emulators import azurite_installed

_numbers = itertools.count()

pytestmark = pytest.mark.skipif(
    not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"
)


class TableHarness:
    """One table."""

    expires_by_itself = False

    def __init__(self, service: Storage) -> None:
        self._service = service
        self.table = f"firstseen{next(_numbers)}"
        self.client = service.client(self.table)
        self._stores: list[TableStore] = []
        create_table(self.client)

    def open(self) -> Store:
        self._stores.append(TableStore(self.client))
        return self._stores[-1]

    def reopen(self) -> Store:
        self.close()
        return self.open()

    def close(self) -> None:
        while self._stores:
            self._stores.pop().close()

    def remove(self) -> None:
        self.close()
        self.client.delete_table()
        self.client.close()


@pytest.fixture(scope="module")
def service() -> Iterator[Storage]:
    with storage() as service:
        yield service


@pytest.fixture
def harness(service: Storage) -> Iterator[TableHarness]:
    harness = TableHarness(service)
    yield harness
    harness.remove()


class TestTableStore(StoreContract):
    """Under Azurite."""
