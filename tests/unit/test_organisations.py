"""Many accounts: the page about them says what the code does, and an event counts once however many ways it comes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jmespath  # type: ignore[import-untyped]  # it has no stubs
import pytest
import yaml

from firstseen.adapters.local.memory import MemoryStore
from firstseen.cli.ruleset import rule_set
from firstseen.deliveries import Delivery
from firstseen.findings.finding import Finding
from firstseen.language.accounts import MAX_ACCOUNTS, MAX_LABELS, MAX_NAME_CHARACTERS
from firstseen.language.frontends.accounts import read_table
from firstseen.language.frontends.overlay import read_overlay
from firstseen.language.frontends.overlay_lists import by_account
from firstseen.pipeline import Pipeline
from firstseen.sources.aws_cloudtrail import CLOUDTRAIL

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "organisations.md").read_text(encoding="utf-8")
RULES = b"""
title: Key made
id: 66666666-0000-4000-8000-000000000001
name: made
logsource: {product: aws, service: cloudtrail}
detection: {selection: {eventName: CreateAccessKey}, condition: selection}
level: high
---
title: Keys made by a new user of the account
id: 66666666-0000-4000-8000-000000000002
correlation:
    type: new_terms
    rules: [made]
    fields: [userIdentity.arn]
    group-by: [account]
    timespan: 7d
    generate: true
level: high
"""
CENTRAL, MEMBER = "111122223333", "444455556666"


def _blocks() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_what_the_page_shows_can_be_written_in_an_overlay() -> None:
    names, tables, lists = (read_overlay("rules.yaml", block.encode()) for block in _blocks())
    assert not names.faults + tables.faults + lists.faults
    assert [one.name for one in names.accounts.named.values()] == ["payments-prod", "payments", "play"]
    assert list(tables.accounts.tables) == ["aws.tsv", "azure.tsv"]
    sandbox = {"1": {"name": "payments-x", "environment": "sandbox"}}
    known = read_overlay("rules.yaml", json.dumps({"accounts": sandbox}).encode()).accounts.named
    faults: list[Any] = []
    held = by_account(lists.in_accounts, known, faults)
    assert not faults
    assert held == {
        "ci_roles": {
            CENTRAL: ("arn:aws:iam::111122223333:role/pay-deploy",),
            "1": ("*:role/payments-deploy", "*"),
        }
    }


@pytest.mark.parametrize(
    ("tool", "answer"),
    [
        ("aws", {"Accounts": [{"Id": CENTRAL, "Arn": "arn:…", "Name": 'Pay "prod", EU', "Status": "ACTIVE"}]}),
        ("az", [{"id": CENTRAL, "name": 'Pay "prod", EU', "state": "Enabled", "tenantId": "t"}]),
    ],
)
def test_the_commands_of_the_page_choose_what_a_table_needs(tool: str, answer: Mapping[str, object]) -> None:
    """Both tools write rows of text divided by tabs, and choose with the same language."""
    (line,) = re.findall(
        rf"^\(printf '(.*)\\n'; {tool} .* --query '([^']*)' --output (?:text|tsv)\) ", PAGE, re.MULTILINE
    )
    head, query = line
    rows = ["\t".join(row) for row in jmespath.search(query, answer)]
    table = "\n".join([head.replace("\\t", "\t"), *rows]) + "\n"
    found, faults = read_table("a.tsv", table.encode())
    assert not faults
    assert [(one.id, one.name) for one in found.values()] == [(CENTRAL, 'Pay "prod", EU')]


def test_the_bounds_of_the_page_are_those_of_the_code() -> None:
    said = (
        f"At most {MAX_ACCOUNTS:,} accounts, names and labels of {MAX_NAME_CHARACTERS} characters, {MAX_LABELS} labels"
    )
    assert said in PAGE


def test_the_members_template_fits_a_stack_set_and_names_nothing_that_two_regions_could_both_have() -> None:
    """CloudFormation takes 51,200 bytes of a template in a call. Roles are global: a name of ours would collide."""
    body = (ROOT / "infra" / "aws" / "member.yaml").read_bytes()
    assert len(body) <= 51_200
    resources = yaml.safe_load(body)["Resources"]
    named = {"RoleName", "QueueName", "Name"}
    assert not [name for name, one in resources.items() if named & set(one.get("Properties", {}))]
    rules = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::Events::Rule"]
    assert rules
    assert all(one["Targets"][0]["Arn"] == {"Ref": "BusArn"} for one in rules)
    assert all("DeadLetterConfig" in one["Targets"][0] for one in rules)


def _event(event_id: str, account: str, **more: object) -> dict[str, object]:
    user = {"type": "IAMUser", "arn": f"arn:aws:iam::{CENTRAL}:user/ada", "accountId": CENTRAL, "userName": "ada"}
    return {
        **CLOUDTRAIL.sample,
        "eventID": event_id,
        "eventTime": "2026-03-02T09:15:02Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateAccessKey",
        "awsRegion": "us-east-1",
        "recipientAccountId": account,
        "userIdentity": user,
        **more,
    }


def _found(*deliveries: object) -> list[Finding]:
    """What comes of deliveries, one after the other, each at a time of its own."""
    rules = rule_set({"r.yml": RULES}, {"rules.yaml": f"accounts: {{'{MEMBER}': payments-prod}}".encode()})
    pipeline = Pipeline(rules.pack(), MemoryStore(), None, owner="t", clock=lambda: 1_800_000_000_000_000)
    found: list[Finding] = []
    for number, one in enumerate(deliveries):
        received_us = 1_772_500_000_000_000 + number * 60_000_000
        report = pipeline.process([Delivery(str(number), [json.dumps(one).encode()], received_us)])
        assert not report.rejects
        assert not report.retry
        found += report.findings
    return found


def _by_the_bus(event: Mapping[str, object], account: str, region: str) -> dict[str, object]:
    return {
        "version": "0", "id": "b", "detail-type": "AWS API Call via CloudTrail", "source": "aws.iam",
        "account": account, "time": "2026-03-02T09:15:02Z", "region": region, "resources": [], "detail": event,
    }  # fmt: skip


def test_a_call_of_a_global_service_counts_once_by_two_trails_and_the_bus_of_two_regions() -> None:
    one = _event("e1", MEMBER)
    ways = [
        _by_the_bus(one, MEMBER, "us-east-1"),
        {"Records": [one]},
        {"Records": [_event("e0", MEMBER, eventName="ListUsers"), one]},
        _by_the_bus(one, MEMBER, "eu-central-1"),
    ]
    for order in (ways, ways[::-1]):
        found = _found(*order)
        assert sorted(one.card.title for one in found) == ["Key made", "Keys made by a new user of the account"]
        assert {one.fact("account.name") for one in found} == {"payments-prod"}


def test_the_two_records_of_a_call_across_accounts_are_two_events_each_in_its_account() -> None:
    pair = [_event("e1", CENTRAL, sharedEventID="s"), _event("e2", MEMBER, sharedEventID="s")]
    found = _found({"Records": pair})
    assert sorted((one.card.title, one.fact("account")) for one in found) == [
        ("Key made", CENTRAL),
        ("Key made", MEMBER),
        ("Keys made by a new user of the account", CENTRAL),
        ("Keys made by a new user of the account", MEMBER),
    ]
