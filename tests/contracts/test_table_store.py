"""The Table Storage store keeps the store contract."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from firstseen.adapters.azure.calling import Backoff
from firstseen.adapters.azure.clients import credential, local_table_client
from firstseen.adapters.azure.schema import create_table
from firstseen.adapters.azure.table_store import TableStore
from firstseen.cli.stores import open_store
from firstseen.errors import SettingsError, StoreUnusable
from firstseen.store.store import Query, Store
from tests.contracts.azure_services import FakeIdentity, NoIdentity, Storage, storage
from tests.contracts.store_contract import StoreContract
from tests.contracts.store_samples import LEASE_US, NOW_US, committed, opening
from tests.emulators import AZURITE_KEY, azurite_installed

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


def test_a_closed_store_refuses_further_calls(harness: TableHarness) -> None:
    store = harness.open()
    store.close()
    with pytest.raises(ValueError, match="closed"):
        store.read(["key"])
    assert dict(harness.open().read(["key"])) == {}


# ---- who asks --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trusting() -> Iterator[Storage]:
    """A storage account that knows its callers by token, over https."""
    with storage(oauth=True) as service:
        yield service


def test_an_identity_is_all_that_a_store_needs(trusting: Storage) -> None:
    client = trusting.client("identity")
    create_table(client)
    store = TableStore(client)
    (uid,) = committed(store, opening(0))
    assert list(store.due(now_us=NOW_US, limit=5)) == [uid]
    assert store.claim([uid], owner="a", now_us=NOW_US, lease_us=LEASE_US)[0].claim == "claimed"
    store.mark([uid], "sent")
    assert [row.status for row in store.scan_findings(Query(rule_id="rule"))] == ["sent"]
    assert list(store.commit([opening(0)])) == ["conflict"]
    store.close()
    client.close()


def test_a_token_for_another_service_is_unusable_and_says_who_is_to_sign_in(trusting: Storage) -> None:
    client = trusting.client("identity", identity=FakeIdentity("https://graph.microsoft.com"))
    with pytest.raises(StoreUnusable, match=r"Azure does not know who asks|access is denied"):
        TableStore(client, backoff=Backoff(attempts=1)).read(["key"])
    client.close()


def test_without_an_identity_it_is_unusable(trusting: Storage) -> None:
    client = trusting.client("identity", identity=NoIdentity())
    with pytest.raises(StoreUnusable, match="give the app a managed identity, or sign in with 'az login'"):
        TableStore(client, backoff=Backoff(attempts=1)).read(["key"])
    client.close()


def test_a_wrong_key_is_unusable(service: Storage) -> None:
    wrong = service.server.connection_string.replace(AZURITE_KEY, "d3Jvbmcga2V5")
    client = local_table_client(wrong, "firstseen")
    with pytest.raises(StoreUnusable, match="table firstseen: "):
        TableStore(client, backoff=Backoff(attempts=1)).read(["key"])
    client.close()


def test_in_azure_the_apps_own_identity_asks_and_elsewhere_whoever_is_signed_in() -> None:
    """Making one asks nobody for a token."""
    in_azure = credential({"IDENTITY_ENDPOINT": "http://127.0.0.1:1/token", "AZURE_CLIENT_ID": "0000"})
    assert type(in_azure).__name__ == "ManagedIdentityCredential"
    assert type(credential({})).__name__ == "DefaultAzureCredential"


@pytest.mark.parametrize("name", ["", "ab", "1table", "with-dash", "a" * 64, "table\n"])
def test_what_is_no_table_is_found_at_the_start(service: Storage, name: str) -> None:
    with pytest.raises(SettingsError, match="no name of a table"):
        local_table_client(service.server.connection_string, name)


def test_what_is_no_connection_string_is_said_without_showing_it() -> None:
    with pytest.raises(SettingsError, match="no connection string") as found:
        local_table_client("AccountKey=secret", "firstseen")
    assert "secret" not in str(found.value)


# ---- the command line ------------------------------------------------------------------------------------


def test_the_command_line_opens_a_table_by_connection_string(
    harness: TableHarness, service: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (uid,) = committed(harness.open(), opening(0))
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", service.server.connection_string)
    store = open_store(f"tables:{harness.table}")
    assert set(store.findings([uid])) == {uid}
    store.close()


def test_the_command_line_opens_a_table_of_an_account_as_whoever_is_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "contoso")
    store = open_store("tables:firstseen")
    assert isinstance(store, TableStore)
    store.close()


@pytest.mark.parametrize(
    ("url", "account", "said"),
    [
        ("tables:", "contoso", r"use memory:.* or tables:TABLE"),
        ("tables:firstseen", "", "Set AZURE_STORAGE_ACCOUNT"),
        ("tables:no-table", "contoso", "'no-table' is no name of a table"),
    ],
)
def test_a_table_that_cannot_be_meant_is_said(
    url: str, account: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", account)
    with pytest.raises(SettingsError, match=said):
        open_store(url)
