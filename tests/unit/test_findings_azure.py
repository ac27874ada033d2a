"""Findings of Azure's logs: who did what to what, and where to look closer, for a person and for a machine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstseen.findings.build import build
from firstseen.findings.finding import Finding
from firstseen.findings.links import console_link, look_closer
from firstseen.findings.text import headline, to_text
from firstseen.sources.azure_activitylogs import ACTIVITYLOGS
from firstseen.sources.azure_auditlogs import AUDITLOGS
from firstseen.sources.azure_signinlogs import SIGNINLOGS
from firstseen.sources.event import Event
from firstseen.sources.reading import read_event
from firstseen.sources.source import Source
from tests.functions.fake_arm import entry
from tests.unit.findings_samples import NOON_US, opening, rule
from tests.unit.test_findings_ocsf import check

SUBSCRIPTION, TENANT = "6b0c1e7a-2d34-4f58-9a01-3c5d7e9f1b20", "c1d2e3f4-0a1b-4c2d-8e3f-5a6b7c8d9e0f"
PARTNER = "99999999-0a1b-4c2d-8e3f-5a6b7c8d9e0f"
MAX_PHONE_LINES = 45


def made(source: Source, changes: Mapping[str, Any] | None = None, **more: Any) -> Finding:  # noqa: ANN401 - any field, any call
    """A finding of the source's sample with some values changed: ``{"properties.userId": …}``."""
    view: dict[str, Any] = json.loads(orjson.dumps(dict(source.sample) | more))
    for path, value in (changes or {}).items():
        *way, last = path.split(".")
        here = view
        for key in way:
            here = here[key]
        here[last] = value
    event = read_event(orjson.dumps(view), received_us=NOON_US, source=source)
    assert isinstance(event, Event), event
    return build(opening(event), rule("match"), event)


CASES = {
    "a command on a machine": (
        made(ACTIVITYLOGS),
        "platform-ops@contoso.example called virtualmachines/runcommand on PAY-01 in " + SUBSCRIPTION,
        {
            "Role": "Virtual Machine Contributor",
            "App": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
            "What": "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION, success",
        },
        (f"az monitor activity-log list --subscription {SUBSCRIPTION} --correlation-id "
        "2f6d1c3b-7a58-4e90-b1d2-5c8e0f4a6b71 --start-time 2026-03-02T08:15:02Z"),
        f"https://portal.azure.com/#resource{ACTIVITYLOGS.sample['resourceId']}",
    ),
    "a sign-in": (
        made(SIGNINLOGS),
        "platform-ops@contoso.example: Sign-in activity (failed) on Windows Azure Service Management API in "
        + TENANT
        + " DE",
        {
            "App": "Microsoft Azure CLI",
            "What": "Sign-in activity, failure (Error validating credentials due to invalid username or password.)",
        },
        ("az rest --method get --url https://graph.microsoft.com/v1.0/auditLogs/signIns/"
        "9d3a4c61-52be-4f07-8a1d-6e2b90c7f500"),
        ("https://entra.microsoft.com/#view/Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/SignIns/userId/"
        "4e1a7c92-b6d3-4f05-89c2-d1e3f5a7b960"),
    ),
    "a change of a role": (
        made(AUDITLOGS),
        "platform-ops@contoso.example: Add member to role on release@contoso.example in " + TENANT,
        {
            "Set to": '"1f0c8a35-7d26-4be9-93a0-c5e4d8b7f612", "Global Administrator"',
            "What": "Add member to role, success",
        },
        ("az rest --method get --url https://graph.microsoft.com/v1.0/auditLogs/directoryAudits/"
        "Directory_e0a7b1c4-6f29-4d83-8b5e-31c9d7f0a264_4XQ2A_118203377"),
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_text_says_who_did_what_to_what_and_where_to_look_closer(name: str) -> None:
    found, said, lines, command, link = CASES[name]
    assert headline(found).endswith(said)
    text = to_text(found, width=400)
    for label, value in lines.items():
        assert re.search(rf"^{label}: +{re.escape(value)}$", text, re.MULTILINE), label
    assert look_closer(found)[1:] == (command,)
    assert console_link(found) == link
    assert "Tenant:" not in text


@pytest.mark.parametrize("name", CASES)
def test_the_text_fits_a_phone(name: str) -> None:
    """But ids, addresses and commands, which are not broken."""
    text = to_text(CASES[name][0], width=40)
    assert len(text.splitlines()) <= MAX_PHONE_LINES
    assert all(len(line) <= 40 or len(line.split()[-1]) > 20 or line.startswith("  ") for line in text.splitlines()[1:])


@pytest.mark.parametrize("name", CASES)
def test_the_wire_form_is_valid_and_has_everything_in_its_place(name: str) -> None:
    found = CASES[name][0]
    read = check(found)
    assert read["cloud"]["provider"] == "Azure"
    assert read["evidences"][0]["actor"]["user"]["uid"] == "platform-ops@contoso.example"
    assert read["evidences"][0]["src_endpoint"] == {"ip": "198.51.100.24"}
    assert read["api"]["operation"] == found.fact("action")
    assert read["resources"][0]["uid"] == found.fact("resource")
    assert read["finding_info"].get("src_url", "") == console_link(found)


def test_an_account_is_a_subscription_or_a_tenant() -> None:
    assert check(made(ACTIVITYLOGS))["cloud"]["account"]["type"] == "Azure Subscription"
    for source in (SIGNINLOGS, AUDITLOGS):
        assert check(made(source))["cloud"]["account"] == {
            "uid": TENANT,
            "type_id": 99,
            "type": "Microsoft Entra tenant",
        }


def test_the_provider_of_an_operation_is_its_service() -> None:
    assert check(made(ACTIVITYLOGS))["api"]["service"] == {"name": "MICROSOFT.COMPUTE"}
    assert "service" not in check(made(SIGNINLOGS))["api"]


def test_whoever_comes_from_another_tenant_is_said_to() -> None:
    """A partner to whom the subscription was delegated, a guest who signs in."""
    claims = dict(ACTIVITYLOGS.sample["identity"]["claims"])
    claims["http://schemas.microsoft.com/identity/claims/tenantid"] = PARTNER
    for found in (
        made(ACTIVITYLOGS, {"identity.claims": claims}),
        made(SIGNINLOGS, {"properties.homeTenantId": PARTNER}),
    ):
        assert f"Tenant:   {PARTNER}, not that of the log" in to_text(found)


def test_only_what_failed_has_an_error() -> None:
    """Azure gives a status to what succeeded, too."""
    assert made(ACTIVITYLOGS).fact("error") == ""
    denied = made(ACTIVITYLOGS, {"properties.statusCode": "Forbidden"}, resultType="Failure")
    assert "failure (Forbidden)" in to_text(denied)
    begun = made(ACTIVITYLOGS, {"properties.statusCode": "Accepted"}, resultType="Start")
    assert begun.fact("error") == ""
    assert made(AUDITLOGS, {"properties.resultReason": "done by a flow"}).fact("error") == ""


def test_an_entry_of_the_rest_interface_reads_like_one_of_the_hub() -> None:
    """Operations are in the case in which they were made."""
    event = read_event(
        orjson.dumps(entry(1, "ada@contoso.example", "2026-03-02T09:00:00.1234567Z")), received_us=NOON_US
    )
    assert isinstance(event, Event)
    found = build(opening(event), rule("match"), event)
    assert headline(found).endswith(
        "ada@contoso.example called virtualMachines/runCommand on Pay-01 in " + SUBSCRIPTION
    )
    assert console_link(found).endswith("/virtualMachines/Pay-01")


@pytest.mark.parametrize("source", [SIGNINLOGS, AUDITLOGS])
def test_an_event_without_an_id_cannot_be_asked_for(source: Source) -> None:
    """What names it is a hash of ours."""
    found = made(source, {"properties.id": None})
    assert found.related[0].event_id.startswith("sha256-")
    assert len(look_closer(found)) == 1


HOSTILE = "'\"`$();|&<> \n\r\t\x1b\u202e{}[]*?#%\\é"


@given(st.text(st.sampled_from("ab1-/_." + HOSTILE), max_size=40))
def test_nothing_that_a_shell_or_browser_obeys_gets_into_a_command_or_link(text: str) -> None:
    found = [
        made(ACTIVITYLOGS, resourceId=f"/subscriptions/{SUBSCRIPTION}/{text}", correlationId=text),
        made(SIGNINLOGS, {"properties.id": text, "properties.userId": text}),
        made(AUDITLOGS, {"properties.id": text}),
    ]
    for one in found:
        said = "".join((*look_closer(one), console_link(one)))
        assert not set(said) & set(HOSTILE) - {" ", "#"}
        assert said.count("#") <= 1


@pytest.mark.parametrize("tail", ["?x=1", "/../x?y", " x", "/x y", "'", "/%2e", "/x" * 40])
def test_a_resource_that_is_no_plain_path_gets_no_link(tail: str) -> None:
    assert console_link(made(ACTIVITYLOGS, resourceId=f"/subscriptions/{SUBSCRIPTION}{tail}")) == ""


def test_a_hostile_event_stays_valid() -> None:
    found = made(ACTIVITYLOGS, {"identity.authorization.evidence.role": HOSTILE}, operationName=f"A.B/{HOSTILE}")
    check(found)
    assert "\u202e" not in to_text(found)
