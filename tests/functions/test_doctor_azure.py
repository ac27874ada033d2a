"""``firstseen doctor --resource-group``: over a stand-in of Resource Manager, and Azurite's queues and table."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.storage.queue import QueueServiceClient

from firstseen.adapters.azure import doctor
from firstseen.adapters.azure.clients import local_table_client
from firstseen.adapters.azure.schema import create_table
from firstseen.adapters.azure.table_store import TableStore
from firstseen.cli import main
from firstseen.findings.learning import activate
from tests.contracts.azure_services import storage
from tests.emulators import ROOT, azurite_installed
from tests.faults.world import pack
from tests.functions.fake_arm import SUBSCRIPTION, Answer, FakeArm, serving

pytestmark = pytest.mark.skipif(
    not azurite_installed(), reason="Azurite is not installed: make node_modules/.installed"
)

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/firstseen"
PARTS = {
    "hub": "Microsoft.EventHub/namespaces",
    "app": "Microsoft.Web/sites",
    "topic": "Microsoft.EventGrid/topics",
    "people": "Microsoft.Insights/actionGroups",
    "firstseen-Rejects": "Microsoft.Insights/scheduledQueryRules",
    "fsstate1": "Microsoft.Storage/storageAccounts",
}


def id_of(name: str) -> str:
    return f"{GROUP}/providers/{PARTS[name]}/{name}"


class Group(FakeArm):
    """A sound resource group: path → answer."""

    def __init__(self) -> None:
        super().__init__([], 0)
        now = datetime.now(UTC)
        used = [{"timeStamp": f"{now - timedelta(hours=1):%Y-%m-%dT%H}:00:00Z", "total": 5.0}, {"timeStamp": "x"}]
        roles = [{"properties": {"roleDefinitionId": f"/x/roleDefinitions/{one}"}} for one in doctor.ROLES]
        setting = {
            "eventHubAuthorizationRuleId": f"{id_of('hub')}/authorizationRules/diagnostic-settings",
            "logs": [{"category": "Administrative", "enabled": True}, {"category": "Policy", "enabled": False}],
        }
        self.site: dict[str, Any] = {
            "name": "app",
            "properties": {"state": "Running"},
            "identity": {"principalId": "p"},
        }
        insights = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Insights"
        parts = [{"id": id_of(name), "name": name, "type": kind} for name, kind in PARTS.items()]
        self.metrics = [
            {"name": {"value": name}, "timeseries": [{"data": used}]}
            for name in ("IncomingMessages", "OutgoingMessages")
        ]
        self.answers: dict[str, Any] = {
            f"{GROUP}/resources": {"value": parts},
            f"{insights}/diagnosticSettings": {"value": [{"properties": setting}]},
            f"{id_of('hub')}/providers/Microsoft.Insights/metrics": {"value": self.metrics},
            id_of("app"): self.site,
            f"{GROUP}/providers/Microsoft.Authorization/roleAssignments": {"value": roles},
            id_of("people"): {"properties": {"emailReceivers": [{"name": "on-call", "status": "Enabled"}]}},
            f"{id_of('topic')}/providers/Microsoft.EventGrid/eventSubscriptions": {"value": []},
            id_of("firstseen-Rejects"): {"properties": {"enabled": True}},
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.AlertsManagement/alerts": {"value": []},
        }

    def answer(self, target: str, host: str) -> Answer | None:
        del host
        self.asked.append(target)
        found = self.answers.get(urlsplit(target).path)
        if found is None:
            return 404, {}, b'{"error": {"code": "ResourceNotFound"}}'
        return (found, {}, b"{}") if isinstance(found, int) else (200, {}, json.dumps(found).encode())


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    """An account with the queues and the table of a deployment; its connection string."""
    with storage() as service:
        connection_string = service.server.connection_string
        with closing(QueueServiceClient.from_connection_string(connection_string)) as queues:
            for name in ("rejects", "put-aside", "put-aside-poison"):
                queues.create_queue(name)
        with closing(local_table_client(connection_string, "firstseen")) as client:
            create_table(client)
            activate(TableStore(client), pack().correlations, 1)
        yield connection_string


Told = dict[str, list[tuple[str, str, str]]]
Look = Callable[[Group], tuple[int, Told]]


@pytest.fixture
def look(account: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Look:
    """Run doctor: exit status, and (health, said, mend) by the check's name."""
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", account)

    def run(group: Group) -> tuple[int, Told]:
        with serving(group) as url:
            words = ["--resource-group", "firstseen", "--subscription", SUBSCRIPTION, "--endpoint-url", url]
            status = main(["doctor", *words, "--format", "json"])
        found: Told = {}
        for one in json.loads(capsys.readouterr()[0])["checks"]:
            found.setdefault(one["check"], []).append((one["health"], one["said"], one["mend"]))
        return status, found

    return run


def bad(told: Told) -> dict[str, str]:
    """What is not well: name → worst health."""
    worst = {name: {one[0] for one in found} for name, found in told.items()}
    return {name: "fail" if "fail" in found else "warn" for name, found in worst.items() if found != {"ok"}}


def test_a_sound_deployment_fails_nothing(look: Look) -> None:
    group = Group()
    status, told = look(group)
    assert status == 0
    assert bad(told) == {"baselines": "warn"}  # nothing was built
    assert set(told) == {*doctor.LOOKS, "rules", "waiting", "baselines", "canaries"}


def test_whatever_is_wrong_fails_its_check_and_comes_with_its_mend(look: Look) -> None:
    group = Group()
    group.site["properties"]["state"] = "Stopped"
    group.metrics[1]["timeseries"] = []
    answers = group.answers
    answers[f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Insights/diagnosticSettings"] = {"value": []}
    answers[f"{GROUP}/providers/Microsoft.Authorization/roleAssignments"]["value"].pop()
    answers[id_of("people")] = {"properties": {"emailReceivers": [{"name": "on-call", "status": "Disabled"}]}}
    fired = {"properties": {"essentials": {"alertRule": f"{GROUP}/providers/x/scheduledqueryrules/firstseen-Rejects"}}}
    mailed = {"properties": {"essentials": {"alertRule": "/x/firstseen-Findings"}}}
    alerts = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.AlertsManagement/alerts"
    answers[alerts] = {"value": [fired, mailed]}
    status, told = look(group)
    assert status == 1
    assert {name for name, health in bad(told).items() if health == "fail"} == {
        "setting", "last event", "app", "permissions", "subscriptions", "alarms",
    }  # fmt: skip
    assert [said for _, said, _ in told["alarms"]] == ["firstseen-Rejects is on"]
    assert told["alarms"][0][2].endswith(": Rejects")
    assert "nobody takes them" in told["last event"][0][1]
    assert all(mend for found in told.values() for health, _, mend in found if health != "ok")


def test_what_waits_in_the_queues_is_told(look: Look, account: str) -> None:
    with closing(QueueServiceClient.from_connection_string(account)) as queues:
        taken = [queues.get_queue_client(name) for name in ("rejects", "put-aside-poison")]
        for one in taken:
            one.send_message("x")
        _, told = look(Group())
        for one in taken:
            one.clear_messages()
            one.close()
    assert [health for health, *_ in told["queues"]] == ["ok", "warn", "fail"]


def test_what_is_gone_fails_and_what_may_not_be_seen_warns(look: Look) -> None:
    group = Group()
    del group.answers[id_of("app")]
    group.answers[f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Insights/diagnosticSettings"] = 403
    status, told = look(group)
    assert status == 1
    assert (told["app"][0][0], told["setting"][0][0]) == ("fail", "warn")
    assert "Reader" in told["setting"][0][1]


@pytest.mark.parametrize(
    "odd", [{}, {"properties": []}, {"value": [1]}, []], ids=["empty", "a-list", "a-number", "no-object"]
)
def test_an_answer_that_nobody_understands_is_said_and_the_other_checks_go_on(look: Look, odd: object) -> None:
    group = Group()
    whole = f"{GROUP}/resources"
    group.answers = {path: found if path == whole else odd for path, found in group.answers.items()}
    status, told = look(group)
    assert status == ("fail" in bad(told).values())
    assert set(told) == {*doctor.LOOKS, "rules", "waiting", "baselines", "canaries"}
    assert told["setting"][0][0] != "ok"
    assert told["app"][0][0] != "ok"


def test_resource_manager_is_asked_by_get_alone(look: Look) -> None:
    """The stand-in has no other method: it would answer 501, which fails a check."""
    group = Group()
    assert look(group)[0] == 0
    assert len(group.asked) >= len(group.answers)
    assert all("api-version=" in one for one in group.asked)


def test_a_group_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    group = Group()
    del group.answers[f"{GROUP}/resources"]
    with serving(group) as url:
        words = ["--resource-group", "firstseen", "--subscription", SUBSCRIPTION, "--endpoint-url", url]
        assert main(["doctor", *words]) == 2
    assert "no resource group firstseen" in capsys.readouterr()[1]
    assert main(["doctor", "--resource-group", "a/../b", "--subscription", SUBSCRIPTION]) == 2


def test_the_roles_that_are_looked_for_are_those_of_the_template() -> None:
    text = (ROOT / "infra" / "azure" / "modules" / "roles.bicep").read_text(encoding="utf-8")
    given = set(re.findall(r"'Microsoft\.Authorization/roleDefinitions', '([0-9a-f-]{36})'", text))
    assert given == set(doctor.ROLES)


def test_the_state_that_is_looked_for_is_that_of_the_template() -> None:
    text = Path(ROOT / "infra" / "azure" / "main.bicep").read_text(encoding="utf-8")
    assert f"accountName: '{doctor.STATE_PREFIX}${{" in text
