"""Rules that ask whose an address is, on AWS: with the databases that the deployment names, and refused without."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstseen.adapters.local.addresses import MAX_FILES, VARIABLE
from firstseen.errors import SettingsError
from firstseen.language.frontends.loading import build_pack
from firstseen.language.pack import dump
from firstseen.settings.aws import ADDRESSES, MAX_DATABASES, AwsSettings
from tests.faults.world import MINUTE_US, RULES, event
from tests.functions.aws_cloud import Cloud, Context, bus_event, queue_event
from tests.functions.test_aws_baseline import World, deploy, packs, publish, world
from tests.unit.address_database import write_database

__all__ = ["packs", "world"]  # fixtures

SWEDEN, NORWAY = "198.51.100.7", "203.0.113.5"
BY_COUNTRY = """
title: Asked
name: asked
id: 44444444-0000-4000-8000-000000000001
logsource: {product: aws, service: cloudtrail}
detection: {selection: {eventName: Ask}, condition: selection}
---
title: Asked from another country
id: 44444444-0000-4000-8000-000000000002
correlation: {type: new_terms, rules: [asked], fields: [userIdentity.userName, source.geo.country], timespan: 7d}
"""


@pytest.fixture
def database(tmp_path: Path) -> str:
    records = {"198.51.100.0/24": {"country": {"iso_code": "SE"}}, "203.0.113.0/24": {"country": {"iso_code": "NO"}}}
    return str(write_database(tmp_path / "country.mmdb", records))


def with_rules(account: Cloud, folder: Path) -> None:
    pack = folder / "by_country.pack"
    pack.write_bytes(dump(build_pack({"rules.yml": BY_COUNTRY.encode()})))
    account.environment["FIRSTSEEN_PACK"] = str(pack)


def test_a_rule_over_countries_finds_what_is_new_with_the_database_that_the_deployment_names(
    account: Cloud, tmp_path: Path, database: str
) -> None:
    with_rules(account, tmp_path)
    account.environment[VARIABLE] = database
    events = [event(number, number, address=place) for number, place in enumerate((SWEDEN, SWEDEN, NORWAY, "10.0.0.1"))]
    account.deliver(account.container(), account.messages([bus_event(one) for one in events]))
    assert [dict(row.finding.terms)["source.geo.country"] for row in account.rows()] == ["SE", "NO"]
    assert account.notifications() == account.uids()


@pytest.mark.parametrize(("named", "said"), [("none", "names 0 files"), ("/opt/missing.mmdb", "cannot be read")])
def test_without_the_database_every_call_fails_and_says_which_rule_needs_what(
    account: Cloud, tmp_path: Path, named: str, said: str
) -> None:
    with_rules(account, tmp_path)
    account.environment[VARIABLE] = named
    handler = account.container()
    with pytest.raises(SettingsError, match=f"cannot start: {VARIABLE}.*{said}"):
        handler(queue_event(account.messages([bus_event(event(1, 0))])), Context())


def test_a_file_that_no_rule_needs_is_never_opened(account: Cloud) -> None:
    account.environment[VARIABLE] = "/opt/missing.mmdb"
    account.deliver(account.container(), account.messages([bus_event(event(1, 0, call="Remove"))]))
    assert len(account.uids()) == 1


@pytest.mark.usefixtures("packs")
def test_a_published_pack_that_needs_a_database_is_refused_where_there_is_none_and_the_last_one_goes_on(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    account = world.account
    publish(tmp_path, RULES)
    handler = account.container()
    publish(tmp_path, BY_COUNTRY)
    account.clock.now_us += 3 * MINUTE_US
    account.deliver(handler, account.messages([bus_event(event(1, 0, call="Remove", address=NORWAY))]))
    assert [row.finding.card.title for row in account.rows()] == ["Removed"]
    assert f"is refused: {VARIABLE} names 0 files" in capsys.readouterr().out


def test_a_baseline_knows_the_countries_of_the_past(world: World, tmp_path: Path, database: str) -> None:
    for one in world.service.events:
        one["sourceIPAddress"] = SWEDEN
    deploy(world, BY_COUNTRY, tmp_path)
    world.account.environment[VARIABLE] = database
    world.call()
    known = {one.state.terms for _, one in world.account.build().store.scan_states()}
    assert known == {("ada", "SE")}


def test_the_variable_and_its_bound_are_those_of_the_command_line() -> None:
    assert (ADDRESSES.name, MAX_DATABASES) == (VARIABLE, MAX_FILES)


@pytest.mark.parametrize(
    ("named", "files"),
    [
        ("none", ()),
        ("/opt/a.mmdb:/opt/b.mmdb", ("/opt/a.mmdb", "/opt/b.mmdb")),
        ("a.mmdb", None),
        (":".join(["/opt/a.mmdb"] * 9), None),
    ],
)
def test_what_the_variable_may_say(account: Cloud, named: str, files: tuple[str, ...] | None) -> None:
    account.environment[VARIABLE] = named
    if files is not None:
        assert AwsSettings.read(account.environment).addresses == files
        return
    with pytest.raises(SettingsError, match=f"{VARIABLE} is .*full paths of 1 to 8 files"):
        AwsSettings.read(account.environment)
