"""Logs of other systems on AWS: as objects, recognised or by their prefix; Okta's from its partner bus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from firstseen.errors import SettingsError
from tests.functions.aws_cloud import Cloud, Context, cloud, queue_event
from tests.functions.further_logs import NAMES, OKTA_ON_THE_BUS, RULES, file, line, mixed, packed
from tests.functions.test_aws_ingest import created, noted


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Cloud]:
    with cloud(tmp_path, RULES) as made:
        yield made


def titles(account: Cloud) -> list[str]:
    return sorted(row.finding.card.title for row in account.rows())


@pytest.mark.parametrize("name", NAMES)
def test_an_object_of_each_log_is_recognised_and_its_copy_under_gzip_counts_once(account: Cloud, name: str) -> None:
    account.put("some/where.json", file(name))
    account.put("some/where.json.gz", packed(name))
    bodies = [noted(account.bucket, "some/where.json"), created(account.bucket, "some/where.json.gz")]
    account.deliver(account.container(), account.messages(bodies), rounds=1)
    (row,) = account.rows()
    assert (row.finding.source, row.finding.card.title) == (name, f"Seen in {name}")
    assert row.finding.pointer == f"s3://{account.bucket}/some/where.json"
    assert account.notifications() == account.uids()
    assert account.rejects() == []


def test_several_logs_in_one_object_are_told_apart(account: Cloud) -> None:
    account.put("all.jsonl", mixed())
    account.deliver(account.container(), account.messages([noted(account.bucket, "all.jsonl")]), rounds=1)
    assert titles(account) == sorted(f"Seen in {name}" for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_below_a_prefix_that_is_said_to_hold_a_log_only_that_log_is_taken(account: Cloud, name: str) -> None:
    """An event of another one is kept as a reject that says both; elsewhere it is recognised as before."""
    other = NAMES[NAMES.index(name) - 1]
    account.environment["FIRSTSEEN_SOURCES"] = f"{account.bucket}/said/={name}"
    account.put("said/fits.json", file(name))
    account.put("said/other.json", line(other))
    account.put("said/junk.json", b'{"hello": 1}')
    keys = ["said/fits.json", "said/other.json", "said/junk.json"]
    account.deliver(account.container(), account.messages([noted(account.bucket, *keys)]), rounds=1)
    assert titles(account) == [f"Seen in {name}"]
    reasons = {one["pointer"].rpartition("/")[2]: one["reason"] for one in account.rejects()}
    assert reasons["other.json"] == f"it should be of {name}, and is an event of {other}"
    assert reasons["junk.json"].startswith(f"{name}: no time that can be read")
    account.put("elsewhere/other.json", line(other))
    account.deliver(account.container(), account.messages([noted(account.bucket, "elsewhere/other.json")]), rounds=1)
    assert titles(account) == sorted([f"Seen in {name}", f"Seen in {other}"])


def test_okta_comes_by_its_partner_bus_and_is_measured_like_what_else_comes_by_a_bus(
    account: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    account.clock.now_us = 1_772_442_905_000_000  # 2.719 s after it happened, two after the bus had it
    handler = account.container()
    (message,) = account.messages([json.dumps(OKTA_ON_THE_BUS)])
    assert handler(queue_event([message]), Context()) == {"batchItemFailures": []}
    (row,) = account.rows()
    assert (row.finding.source, row.finding.pointer) == ("okta.system", "")
    assert '"lag_seconds":[2.719]' in capsys.readouterr().out.replace(" ", "")
    account.deliver(handler, account.messages([json.dumps(OKTA_ON_THE_BUS)]), rounds=1)
    assert len(account.rows()) == 1, "Okta may send an event twice"
    assert account.rejects() == []


def test_what_the_partner_bus_carries_beside_events_is_kept_with_its_reason(account: Cloud) -> None:
    odd = OKTA_ON_THE_BUS | {"detail": {"eventType": "user.session.start", "published": "soon"}}
    account.deliver(account.container(), account.messages([json.dumps(odd)]), rounds=1)
    (reject,) = account.rejects()
    assert reject["reason"].startswith("in the EventBridge event: okta.system: no time that can be read")


@pytest.mark.parametrize("said", ["logs/", "logs/=okta", "logs/=okta.system,logs/=vk.audit", "=okta.system", ","])
def test_a_start_refuses_prefixes_that_cannot_be_meant_and_says_the_form(account: Cloud, said: str) -> None:
    account.environment["FIRSTSEEN_SOURCES"] = said
    with pytest.raises(SettingsError, match=r"FIRSTSEEN_SOURCES is '.*PREFIX=SOURCE divided by commas"):
        account.build()
