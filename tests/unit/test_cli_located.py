"""Rules that ask where an address lies can be tested without a database, in the networks that documents use."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstseen.cli.located import NETWORKS, SOURCES
from firstseen.cli.main import main
from firstseen.sources.derived.addresses import autonomous_system, country, first_host

RULE = """\
title: Anything from Portugal
id: 9d7c1d5e-1c1b-4d53-8a3a-57b6f2b7f9c1
name: from_portugal
status: test
description: What it says.
logsource: {product: aws, service: cloudtrail}
detection: {selection: {source.geo.country: PT, source.as.number: 64497}, condition: selection}
level: low
firstseen:
    tests:
        - name: Portugal and nowhere else
          events:
              - &here {eventID: a, eventTime: 2026-03-10T09:30:41Z, eventName: A, sourceIPAddress: 198.51.100.1}
              - {<<: *here, eventID: b, sourceIPAddress: 203.0.113.1}
              - {<<: *here, eventID: c, sourceIPAddress: 10.0.0.1}
          expect: 1
"""


@pytest.mark.parametrize("command", ["test", "check"])
def test_a_rule_that_asks_for_a_country_needs_no_database(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FIRSTSEEN_ADDRESS_DATABASES", raising=False)
    (tmp_path / "rule.yml").write_text(RULE, encoding="utf-8")
    assert main(["rules", command, str(tmp_path)]) == 0, capsys.readouterr()


@pytest.mark.parametrize(("network", "known"), NETWORKS.items())
def test_every_network_of_documents_is_known(network: str, known: tuple[str, int]) -> None:
    readers = SOURCES["aws.cloudtrail"].readers
    address = first_host(network) or ""
    assert (country(readers, address), autonomous_system(readers, address)) == known


def test_the_documentation_says_which() -> None:
    page = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    for network, (code, number) in NETWORKS.items():
        assert f"`{network}`" in page
        assert f"`{code}`" in page
        assert str(number) in page
