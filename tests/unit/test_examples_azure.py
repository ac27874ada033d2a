"""Examples of rules over Azure's logs have the shape of real events: what is said twice is said alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from firstseen.cli.exampling import Shown, examples_of
from firstseen.cli.ruleset import rule_set
from firstseen.language.examples.search import Unsolved
from firstseen.sources.azure_activitylogs import ACTIVITYLOGS

RULE = """
title: Tried
name: tried
id: 88888888-0000-4000-8000-000000000001
logsource: {{product: azure, service: {service}}}
detection:
    selection: {{{asked}}}
    condition: selection
---
title: Often
id: 88888888-0000-4000-8000-000000000002
correlation: {{type: event_count, rules: [tried], group-by: [actor], timespan: 10m, condition: {{gte: 3}}}}
"""


def _examples(service: str, asked: str, *, often: bool = False) -> list[Shown]:
    found = rule_set({"tried.yml": RULE.format(service=service, asked=asked).encode()}, {})
    assert not found.faults, [str(fault) for fault in found.faults]
    bases = {one.id: one for one in found.bases}
    (often_rule,) = (one for one in found.correlations if one.type == "event_count")
    shown = examples_of(None if often else found.bases[0], often_rule if often else None, bases)
    assert not isinstance(shown, Unsolved), shown.reason
    return shown


def _first(service: str, asked: str) -> Mapping[str, Any]:
    (view,) = _examples(service, asked)[0].views
    return view


@pytest.mark.parametrize(
    ("operation", "resource"),
    [
        ("MICROSOFT.COMPUTE/DISKS/BEGINGETACCESS/ACTION", "MICROSOFT.COMPUTE/DISKS/DISK-01"),
        ("MICROSOFT.COMPUTE/SNAPSHOTS/WRITE", "MICROSOFT.COMPUTE/SNAPSHOTS/SNAPSHOT-01"),
        ("MICROSOFT.COMPUTE/VIRTUALMACHINES/DELETE", "MICROSOFT.COMPUTE/VIRTUALMACHINES/PAY-01"),
        (
            "MICROSOFT.AUTOMATION/AUTOMATIONACCOUNTS/JOBS/WRITE",
            "MICROSOFT.AUTOMATION/AUTOMATIONACCOUNTS/AUTOMATIONACCOUNT-01/JOBS/JOB-01",
        ),
    ],
)
def test_an_operation_is_done_to_a_resource_of_its_kind_and_is_what_was_authorized(
    operation: str, resource: str
) -> None:
    view = _first("activitylogs", f"operationName: {operation}")
    assert view["resourceId"].partition("/PROVIDERS/")[2] == resource
    assert view["identity"]["authorization"]["action"].upper() == operation
    assert view["identity"]["authorization"]["scope"].upper() == view["resourceId"]
    assert view["properties"]["entity"].upper() == view["resourceId"]
    assert set(view) == set(ACTIVITYLOGS.sample)


def test_what_a_rule_asks_for_goes_before_what_fits() -> None:
    view = _first(
        "activitylogs",
        "operationName: A.B/DISKS/WRITE, identity.authorization.action: other, resource|contains: MACHINES",
    )
    assert view["identity"]["authorization"]["action"] == "other"
    assert "MACHINES" in view["resourceId"]


@pytest.mark.parametrize(
    ("service", "asked"),
    [
        ("activitylogs", "account: 00000000-0000-4000-8000-000000000001"),
        ("activitylogs", "resourceGroupName: secrets, operationName: MICROSOFT.COMPUTE/DISKS/WRITE"),
        ("activitylogs", "identity.claims.idtyp: app"),
        ("activitylogs", "outcome: failure, actor: mallory@contoso.example"),
        ("auditlogs", "ConsentContext.IsAdminConsent: 'True', ConsentContext.OnBehalfOfAll: 'True'"),
        ("auditlogs", "additionalDetails.User-Agent|contains: curl"),
        ("signinlogs", "properties.message: Device Code"),
        ("signinlogs", "category: ServicePrincipalSignInLogs, region: NO"),
    ],
)
def test_every_kind_of_name_has_an_example(service: str, asked: str) -> None:
    assert _examples(service, asked)[0].expected == 1


def test_a_change_stands_in_the_list_of_changes() -> None:
    view = _first("auditlogs", "ConsentContext.IsAdminConsent: 'True'")
    changes = view["properties"]["targetResources"][0]["modifiedProperties"]
    assert {"displayName": "ConsentContext.IsAdminConsent", "oldValue": None, "newValue": '"True"'} in changes


def test_the_status_of_a_sign_in_follows_its_code() -> None:
    view = _first("signinlogs", "ResultType: 0")
    assert view["properties"]["status"]["errorCode"] == 0
    assert not view["resultDescription"]


def test_a_protocol_is_written_as_the_log_writes_it() -> None:
    assert (
        _first("signinlogs", "properties.message: Device Code")["properties"]["authenticationProtocol"] == "deviceCode"
    )


def test_operations_are_told_apart_by_their_correlation_ids() -> None:
    """Not by doing something to a resource that is none."""
    (shown, *_) = _examples("activitylogs", "operationName: MICROSOFT.COMPUTE/DISKS/WRITE", often=True)
    assert len({one["correlationId"] for one in shown.views}) == len(shown.views) == 3
    assert {one["resourceId"].rpartition("/")[2] for one in shown.views} == {"DISK-01"}
