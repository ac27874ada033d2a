"""The DynamoDB store keeps the store contract."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from firstseen.adapters.aws.dynamodb import DynamoStore
from firstseen.adapters.aws.schema import create_table
from firstseen.store.store import Store
from tests.contracts.aws_services import SERVICES, Service, installed, running
from tests.contracts.store_contract import StoreContract

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_numbers = itertools.count()


class DynamoHarness:
    """One table."""

    expires_by_itself = True

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = client
        self._table = f"firstseen-{next(_numbers)}"
        self._stores: list[DynamoStore] = []
        create_table(self._client, self._table)

    def open(self) -> Store:
        self._stores.append(DynamoStore(self._table, client=self._client))
        return self._stores[-1]

    def reopen(self) -> Store:
        self.close()
        return self.open()

    def remove(self) -> None:
        """moto copies every table for each transaction: leave none behind."""
        self.close()
        self._client.delete_table(TableName=self._table)

    def close(self) -> None:
        while self._stores:
            self._stores.pop().close()


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    if not installed(request.param):
        pytest.skip("ministack is not installed: make .venv-emulators/.installed")
    with running(request.param) as service:
        yield service


@pytest.fixture(scope="module")
def client(service: Service) -> DynamoDBClient:
    """One for all tests of a service: making it costs more than what most of them do."""
    return service.dynamodb()


@pytest.fixture
def harness(client: DynamoDBClient) -> Iterator[DynamoHarness]:
    harness = DynamoHarness(client)
    yield harness
    harness.remove()


class TestDynamoStore(StoreContract):
    """Under moto in this process, moto's server and ministack."""


def test_a_closed_store_refuses_further_calls(harness: DynamoHarness) -> None:
    store = harness.open()
    store.close()
    with pytest.raises(ValueError, match="closed"):
        store.read(["key"])
    assert dict(harness.open().read(["key"])) == {}
