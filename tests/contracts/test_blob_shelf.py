"""A blob container of packs keeps the shelf contract, by key and by identity, and publishing works on it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContainerClient

from firstseen.adapters.azure.packs import BlobShelf, blob_shelf
from firstseen.cli import main
from firstseen.cli.shelves import open_shelf
from firstseen.errors import InputError, SettingsError
from firstseen.language.published import read_pointer
from tests.contracts.azure_services import FakeIdentity, NoIdentity
from tests.contracts.shelf_contract import ShelfContract
from tests.emulators import Azurite, azurite, azurite_installed
from tests.faults.world import RULES

_numbers = itertools.count()

pytestmark = pytest.mark.skipif(
    not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Azurite]:
    with azurite() as server:
        yield server


@pytest.fixture
def address(server: Azurite) -> Iterator[str]:
    """A prefix of a container of its own."""
    name = f"packs-{next(_numbers)}"
    with ContainerClient.from_connection_string(server.connection_string, name) as container:
        container.create_container()
        yield f"{server.blob_url}/{name}/team/rules"
        container.delete_container()


@pytest.fixture
def shelf(server: Azurite, address: str) -> BlobShelf:
    return blob_shelf(address, connection_string=server.connection_string)


class TestBlobShelf(ShelfContract):
    """Under Azurite."""


def _publish(tmp_path: Path, address: str, *words: str, text: str = RULES) -> int:
    path = tmp_path / "rules.yml"
    path.write_text(text, encoding="utf-8")
    return main(["rules", "publish", *(words or (str(path),)), "--to", address, "--who", "ada"])


@pytest.fixture
def keyed(server: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line has the account's key."""
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", server.connection_string)


@pytest.mark.usefixtures("keyed")
def test_rules_are_published_to_a_container_and_taken_back(
    tmp_path: Path, address: str, shelf: BlobShelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _publish(tmp_path, address) == 0
    assert _publish(tmp_path, address, text=RULES.replace("Remove", "Purge")) == 0
    second = shelf.read_pointer()
    assert second is not None
    assert _publish(tmp_path, address, "--rollback") == 0
    back = shelf.read_pointer()
    assert back is not None
    assert read_pointer(back[0]).hash == read_pointer(second[0]).previous[0].hash
    assert shelf.read_pack(read_pointer(back[0]).hash) is not None
    capsys.readouterr()
    assert _publish(tmp_path, address, "--list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["state", "in", "withdrawn"]


def test_a_container_that_is_not_there_is_named(server: Azurite) -> None:
    shelf = blob_shelf(f"{server.blob_url}/never-made", connection_string=server.connection_string)
    with pytest.raises(InputError, match=r"/never-made: there is no such container"):
        shelf.read_pointer()
    with pytest.raises(InputError, match=r"/never-made: there is no such container"):
        shelf.write_pointer(b"{}", None)


def test_a_key_of_another_account_is_not_used(server: Azurite, address: str) -> None:
    other = server.connection_string.replace(server.blob_url, f"{server.blob_url}x")
    with pytest.raises(SettingsError, match="is another account's: unset it"):
        blob_shelf(address, connection_string=other)
    with pytest.raises(SettingsError, match="is no connection string"):
        blob_shelf(address, connection_string="nonsense")


@pytest.mark.parametrize(
    "address",
    [
        "https://",
        "https://account.blob.core.windows.net",
        "https://account.blob.core.windows.net/",
        "https://account.blob.core.windows.net/Not-A-Container",
        "https://account.blob.core.windows.net/packs?sv=1&sig=secret",
        "https://account.table.core.windows.net/packs",
        "https://account:key@account.blob.core.windows.net/packs",
        "http://account.blob.core.windows.net/packs",
        "https://blob.example.org@127.0.0.2/packs",
        "https://account.blob.core.windows.net/packs/../other",
    ],
)
def test_an_address_that_is_no_container_is_refused_before_anything_is_asked(address: str) -> None:
    with pytest.raises(SettingsError, match="use https://ACCOUNT"):
        open_shelf(address)


def test_an_address_names_a_container_of_any_cloud_and_needs_no_prefix() -> None:
    assert open_shelf("https://a.blob.core.chinacloudapi.cn/packs/").address == (
        "https://a.blob.core.chinacloudapi.cn/packs"
    )
    assert open_shelf("https://a.blob.core.windows.net/packs//x/y/").address == (
        "https://a.blob.core.windows.net/packs/x/y"
    )


def test_an_identity_is_all_that_a_shelf_needs_and_who_has_none_is_told_so() -> None:
    with azurite(oauth=True) as server:
        transport = RequestsTransport(connection_verify=str(server.certificate))
        with ContainerClient(server.blob_url, "packs", credential=FakeIdentity(), transport=transport) as container:
            container.create_container()
        shelf = blob_shelf(f"{server.blob_url}/packs", identity=FakeIdentity, transport=_trusting(server))
        assert shelf.write_pointer(b"{}", None)
        found = shelf.read_pointer()
        assert found is not None
        assert found[0] == b"{}"
        nobody = blob_shelf(f"{server.blob_url}/packs", identity=NoIdentity, transport=_trusting(server))
        with pytest.raises(InputError, match="does not know who asks: give the app a managed identity"):
            nobody.read_pointer()
        stranger = blob_shelf(
            f"{server.blob_url}/packs",
            identity=lambda: FakeIdentity("https://graph.microsoft.com"),
            transport=_trusting(server),
        )
        with pytest.raises(InputError, match=r"access is denied|does not know who asks"):
            stranger.write_pointer(b"{}", None)


def _trusting(server: Azurite) -> RequestsTransport:
    return RequestsTransport(connection_verify=str(server.certificate))
