"""Rules that ask whose an address is, on Azure: with the databases in the package, and refused without."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from firstseen.adapters.local.addresses import MAX_FILES, VARIABLE
from firstseen.errors import RuleError, SettingsError
from firstseen.settings.azure import ADDRESSES, MAX_DATABASES, AzureSettings
from functions.azure import wiring
from functions.azure.ingest import ingest
from tests.emulators import azurite_installed
from tests.faults.world import MINUTE_US, RULES, event
from tests.functions.azure_cloud import Servers, servers
from tests.functions.azure_past import World, past_beside
from tests.functions.fake_arm import hub_record
from tests.functions.test_aws_addresses import BY_COUNTRY, NORWAY, SWEDEN
from tests.functions.test_azure_baseline import publish, shelf
from tests.functions.test_azure_ingest import said
from tests.functions.test_baseline_activity_log import RULES as COMMANDS
from tests.unit.address_database import write_database

__all__ = ["shelf"]  # a fixture

pytestmark = pytest.mark.skipif(
    not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"
)

COMMANDS_BY_COUNTRY = COMMANDS.replace("fields: [caller]", "fields: [caller, source.geo.country]")


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("addresses")) as made:
        yield made


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of the package, as the setting names it."""
    monkeypatch.setattr(wiring, "ROOT", tmp_path)
    records = {"198.51.100.0/24": {"country": {"iso_code": "SE"}}, "203.0.113.0/24": {"country": {"iso_code": "NO"}}}
    (tmp_path / "addresses").mkdir()
    return str(write_database(tmp_path / "addresses" / "country.mmdb", records).relative_to(tmp_path))


def test_a_rule_over_countries_finds_what_is_new_with_the_database_that_the_package_has(
    around: Servers, database: str
) -> None:
    cloud = around.deploy(BY_COUNTRY)
    cloud.environment[VARIABLE] = database
    events = [event(number, number, address=place) for number, place in enumerate((SWEDEN, SWEDEN, NORWAY, "10.0.0.1"))]
    cloud.deliver(cloud.build, events)
    assert sorted(dict(row.finding.terms)["source.geo.country"] for row in cloud.rows()) == ["NO", "SE"]
    assert sorted(cloud.topic.received()) == cloud.uids()


@pytest.mark.parametrize(
    ("named", "words"),
    [("none", "names 0 files"), ("addresses/missing.mmdb", "addresses/missing.mmdb: cannot be read")],
)
def test_without_the_database_no_process_starts_and_it_says_which_rule_needs_what(
    around: Servers, named: str, words: str
) -> None:
    cloud = around.deploy(BY_COUNTRY)
    cloud.environment[VARIABLE] = named
    with pytest.raises(RuleError, match=f"{VARIABLE}.*{words}"):
        cloud.build()


def test_a_file_that_no_rule_needs_is_never_opened(around: Servers) -> None:
    cloud = around.deploy(RULES)
    cloud.environment[VARIABLE] = "addresses/missing.mmdb"
    assert ingest(cloud.build(), cloud.events([event(1, 0, call="Remove")])).retry == {}
    assert len(cloud.uids()) == 1


@pytest.fixture
def world(around: Servers) -> Iterator[World]:
    with past_beside(around.deploy(COMMANDS), days=0) as made:
        yield made


def test_a_published_pack_that_needs_a_database_is_refused_where_there_is_none_and_the_last_one_goes_on(
    world: World, shelf: ContainerClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    publish(world, tmp_path, COMMANDS)
    parts = world.cloud.build()
    publish(world, tmp_path, COMMANDS_BY_COUNTRY)
    assert shelf.exists()
    world.cloud.clock.now_us += 3 * MINUTE_US
    ingest(parts, world.cloud.events([json.dumps(hub_record(world.service.entries[0])).encode()]))
    assert [row.finding.card.title for row in world.cloud.rows()] == ["Somebody new ran a command"]
    (line,) = said(caplog, "packs refused")
    assert f"{VARIABLE} names 0 files" in line["reason"]


def test_a_baseline_knows_the_countries_of_the_past(around: Servers, database: str) -> None:
    with past_beside(around.deploy(COMMANDS_BY_COUNTRY)) as world:
        world.cloud.environment[VARIABLE] = database
        world.call()
        known = {one.state.terms for _, one in world.cloud.build().store.scan_states()}
    assert known == {("ada@contoso.example", "SE"), ("bob@contoso.example", "SE")}


def test_the_variable_and_its_bound_are_those_of_the_command_line() -> None:
    assert (ADDRESSES.name, MAX_DATABASES) == (VARIABLE, MAX_FILES)


@pytest.mark.parametrize(
    ("named", "files"),
    [
        ("none", ()),
        ("addresses/a.mmdb:addresses/b.mmdb", ("addresses/a.mmdb", "addresses/b.mmdb")),
        ("/home/a.mmdb", None),
        ("addresses/../../a.mmdb", None),
        (":".join(["addresses/a.mmdb"] * 9), None),
    ],
)
def test_what_the_variable_may_say(around: Servers, named: str, files: tuple[str, ...] | None) -> None:
    """Files of the package, and no others."""
    environment = around.environment("state", RULES) | {VARIABLE: named}
    if files is not None:
        assert AzureSettings.read(environment).addresses == files
        return
    with pytest.raises(SettingsError, match=f"{VARIABLE} is .*1 to 8 files of the package"):
        AzureSettings.read(environment)
